"""Cortex: excitatory and inhibitory neurons in its regions, wired as the connectome says."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from encephagen.brain.recipe import Cortex, Recipe
from encephagen.brain.spec import (
    Between,
    Brain,
    Chosen,
    Conduction,
    Poisson,
    Population,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.brain.spread import Normal
from encephagen.connectome.connectome import Connectome
from encephagen.models.alif import ALIF
from encephagen.models.lif import LIF
from encephagen.models.receptors import AMPA, GABA_A, NMDA, Transmitter


def cortex(connectome: Connectome, recipe: Recipe, regions: Sequence[str] | None = None) -> Brain:
    """Return a fragment with populations "E" and "I" in every cortical region of a connectome.

    Local synapses connect by probability, long-range ones by in-degree in proportion to the
    connectome's weights over (row sum)^strength_exponent; long-range synapses are excitatory, and
    reach inhibitory neurons with ``feedforward_inhibition`` times their weight. Conduction delays
    are fibre length over velocity. T1w/T2w sets two gradients along the `hierarchy`: tau_m of E
    (`tau_m_by_region_ms`), and local E-to-E weights, ``1 + recurrent_gradient`` times as strong in
    the least as in the most myelinated region. ``regions`` are others to fill than those of cortex:
    where they are not cortical, these cells are stand-ins, and the brain says so.

    Raises ValueError where the connectome has no fibre lengths, or no cortical region.
    """
    numbers = recipe.cortex
    filled = [r.name for r in connectome.regions if r.cortical] if regions is None else regions
    if not filled:
        raise ValueError(
            f"connectome {connectome.name!r} has no cortical region, which cortex could fill: say "
            "which regions are cortical"
        )
    where = None if len(filled) == connectome.n else tuple(filled)
    places = np.sort([connectome.index(name) for name in filled])
    fast = Transmitter((AMPA(numbers.tau_ampa_ms),))
    glutamate = Transmitter(
        (AMPA(numbers.tau_ampa_ms), NMDA(numbers.tau_nmda_ms)),
        (1.0 - numbers.nmda_fraction, numbers.nmda_fraction),
    )
    gaba = Transmitter((GABA_A(numbers.tau_gaba_ms),))
    background = Poisson(numbers.background_rate_Hz, numbers.background_weight_pA, fast)
    place = hierarchy(connectome)
    neuron = LIF(t_ref_ms=numbers.t_ref_ms)
    exc = Population(
        "E",
        numbers.n_exc,
        _excitatory(neuron, numbers),
        background,
        by_region=_by_region(connectome, recipe, places),
        excites=True,
        where=where,
        target_Hz=numbers.rate_exc_Hz or None,
        spread=_spread(numbers.E_L_spread_exc_mV),
    )
    inh = Population(
        "I",
        numbers.n_inh,
        dataclasses.replace(neuron, tau_m_ms=numbers.tau_m_inh_ms),
        background,
        excites=False,
        where=where,
        target_Hz=numbers.rate_inh_Hz or None,
        spread=_spread(numbers.E_L_spread_inh_mV),
    )
    within = Within(numbers.local_probability)
    from_exc = Chosen(numbers.local_in_degree_exc) if numbers.local_in_degree_exc else within
    from_inh = Chosen(numbers.local_in_degree_inh) if numbers.local_in_degree_inh else within
    local = Uniform(numbers.local_delay_min_ms, numbers.local_delay_max_ms)
    between = Between(numbers.long_in_degree, strengths(connectome, numbers.strength_exponent))
    fibres = Conduction.along(connectome, numbers.velocity_mm_per_ms)
    long_onto_inh_pA = numbers.long_weight_pA * numbers.feedforward_inhibition
    slow_pA = numbers.slow_weight_pA * _ramp(place, numbers.slow_from, numbers.slow_to)

    def weight(mean_pA: float, by_region: np.ndarray | None = None) -> Weight:
        factors = () if by_region is None else tuple(by_region.tolist())
        return Weight(mean_pA, numbers.weight_spread, factors)

    recurrent = 1.0 + numbers.recurrent_gradient * place if numbers.recurrent_gradient else None
    less = numbers.long_less_per_pA * slow_pA
    left = 1.0 - less if less.any() else None
    projections = [
        Projection("E", "E", from_exc, weight(numbers.weight_ee_pA, recurrent), local, glutamate),
        Projection("E", "I", from_exc, weight(numbers.weight_ei_pA), local, glutamate),
        Projection("I", "E", from_inh, weight(numbers.weight_ie_pA), local, gaba),
        Projection("I", "I", from_inh, weight(numbers.weight_ii_pA), local, gaba),
        Projection("E", "E", between, weight(numbers.long_weight_pA, left), fibres, glutamate),
        Projection("E", "I", between, weight(long_onto_inh_pA, left), fibres, glutamate),
    ]
    if slow_pA.any():
        # A weight is the charge of a jump at the first receptor, here the same charge as by AMPA.
        slow = Transmitter(glutamate.receptors, (0.0, 1.0))
        factors = slow_pA / numbers.slow_weight_pA
        projections.append(
            Projection("E", "E", from_exc, weight(numbers.slow_weight_pA, factors), local, slow)
        )
    return Brain(
        connectome,
        populations=(exc, inh),
        projections=tuple(projections),
        recipe=recipe.name,
        numbers=recipe.digest(),
        stand_ins=tuple(r.name for r in connectome.regions if not r.cortical and r.name in filled),
    )


def _excitatory(neuron: LIF, numbers: Cortex) -> LIF | ALIF:
    if not numbers.adaptation_mV:
        return neuron
    return ALIF(
        t_ref_ms=numbers.t_ref_ms,
        tau_adapt_ms=numbers.tau_adapt_ms,
        adaptation_mV=numbers.adaptation_mV,
    )


def _by_region(
    connectome: Connectome, recipe: Recipe, places: np.ndarray
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Return the parameters of E that differ by region, in the regions (k,) that it fills."""
    numbers, found = recipe.cortex, {"tau_m_ms": np.array(tau_m_by_region_ms(connectome, recipe))}
    if numbers.adaptation_mV:
        kept = 1.0 - _ramp(hierarchy(connectome), 0.0, numbers.adaptation_to)
        found["adaptation_mV"] = numbers.adaptation_mV * kept
    return tuple((name, tuple(values[places].tolist())) for name, values in found.items())


def _spread(sd_mV: float) -> tuple[tuple[str, Normal], ...] | None:
    return (("E_L_mV", Normal(sd_mV)),) if sd_mV else None


def _ramp(place: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a value (region,) that rises linearly from 0 at ``low`` to 1 at ``high``."""
    return np.clip((place - low) / (high - low), 0.0, 1.0)


def strengths(connectome: Connectome, exponent: float) -> np.ndarray:
    """Return the weights over (row sum)^exponent: 0 keeps all differences of strength, 1 none."""
    total = connectome.weights.sum(axis=1, keepdims=True)
    return connectome.weights / np.where(total > 0, total, 1.0) ** exponent


def hierarchy(connectome: Connectome) -> np.ndarray:
    """Return the place of each region (region,) from most T1w/T2w, 0, to least, 1, linearly.

    A region without a value (subcortical, or in a user's own connectome) has the middle, 0.5.
    """
    myelin = connectome.t1w_t2w
    known = np.isfinite(myelin)
    if not known.any() or np.ptp(myelin[known]) == 0:
        return np.full(connectome.n, 0.5)
    low, high = myelin[known].min(), myelin[known].max()
    return np.where(known, (high - myelin) / (high - low), 0.5)


def tau_m_by_region_ms(connectome: Connectome, recipe: Recipe) -> tuple[float, ...]:
    """Return tau_m (region,), linear in the `hierarchy`: most myelin is fastest."""
    span_ms = recipe.cortex.tau_m_max_ms - recipe.cortex.tau_m_min_ms
    return tuple((recipe.cortex.tau_m_min_ms + span_ms * hierarchy(connectome)).tolist())
