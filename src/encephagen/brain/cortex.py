"""Cortex: excitatory and inhibitory neurons in its regions, wired as the connectome says."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import (
    Between,
    Brain,
    Conduction,
    Poisson,
    Population,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.connectome.connectome import Connectome
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
    neuron = LIF(t_ref_ms=numbers.t_ref_ms)
    tau_m_ms = np.array(tau_m_by_region_ms(connectome, recipe))[places]
    exc = Population(
        "E",
        numbers.n_exc,
        neuron,
        background,
        by_region=(("tau_m_ms", tuple(tau_m_ms.tolist())),),
        excites=True,
        where=where,
        target_Hz=numbers.rate_exc_Hz or None,
    )
    inh = Population(
        "I",
        numbers.n_inh,
        dataclasses.replace(neuron, tau_m_ms=numbers.tau_m_inh_ms),
        background,
        excites=False,
        where=where,
    )
    within = Within(numbers.local_probability)
    local = Uniform(numbers.local_delay_min_ms, numbers.local_delay_max_ms)
    between = Between(numbers.long_in_degree, strengths(connectome, numbers.strength_exponent))
    fibres = Conduction.along(connectome, numbers.velocity_mm_per_ms)
    long_onto_inh_pA = numbers.long_weight_pA * numbers.feedforward_inhibition

    def weight(mean_pA: float, by_region: tuple[float, ...] = ()) -> Weight:
        return Weight(mean_pA, numbers.weight_spread, by_region)

    recurrent = ()
    if numbers.recurrent_gradient:
        recurrent = tuple((1.0 + numbers.recurrent_gradient * hierarchy(connectome)).tolist())

    return Brain(
        connectome,
        populations=(exc, inh),
        projections=(
            Projection("E", "E", within, weight(numbers.weight_ee_pA, recurrent), local, glutamate),
            Projection("E", "I", within, weight(numbers.weight_ei_pA), local, glutamate),
            Projection("I", "E", within, weight(numbers.weight_ie_pA), local, gaba),
            Projection("I", "I", within, weight(numbers.weight_ii_pA), local, gaba),
            Projection("E", "E", between, weight(numbers.long_weight_pA), fibres, glutamate),
            Projection("E", "I", between, weight(long_onto_inh_pA), fibres, glutamate),
        ),
        recipe=recipe.name,
        numbers=recipe.digest(),
        stand_ins=tuple(r.name for r in connectome.regions if not r.cortical and r.name in filled),
    )


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
