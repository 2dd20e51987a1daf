"""Cortex: excitatory and inhibitory neurons in every region, wired as the connectome says."""

import dataclasses

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


def cortex(connectome: Connectome, recipe: Recipe) -> Brain:
    """Return a fragment with populations "E" and "I" in every region of a connectome.

    Local synapses connect by probability, long-range ones by in-degree in proportion to the
    connectome's weights over (row sum)^strength_exponent; long-range synapses are excitatory, and
    reach inhibitory neurons with ``feedforward_inhibition`` times their weight. Conduction delays
    are fibre length over velocity. tau_m of E follows T1w/T2w (`tau_m_by_region_ms`).

    Raises ValueError where the connectome has no fibre lengths.
    """
    fast = Transmitter((AMPA(recipe.tau_ampa_ms),))
    glutamate = Transmitter(
        (AMPA(recipe.tau_ampa_ms), NMDA(recipe.tau_nmda_ms)),
        (1.0 - recipe.nmda_fraction, recipe.nmda_fraction),
    )
    gaba = Transmitter((GABA_A(recipe.tau_gaba_ms),))
    background = Poisson(recipe.background_rate_Hz, recipe.background_weight_pA, fast)
    neuron = LIF(t_ref_ms=recipe.t_ref_ms)
    exc = Population(
        "E",
        recipe.n_exc,
        neuron,
        background,
        by_region=(("tau_m_ms", tau_m_by_region_ms(connectome, recipe)),),
    )
    inh = Population(
        "I", recipe.n_inh, dataclasses.replace(neuron, tau_m_ms=recipe.tau_m_inh_ms), background
    )
    within = Within(recipe.local_probability)
    local = Uniform(recipe.local_delay_min_ms, recipe.local_delay_max_ms)
    between = Between(recipe.long_in_degree, strengths(connectome, recipe.strength_exponent))
    fibres = Conduction.along(connectome, recipe.velocity_mm_per_ms)
    long_onto_inh_pA = recipe.long_weight_pA * recipe.feedforward_inhibition

    def weight(mean_pA: float) -> Weight:
        return Weight(mean_pA, recipe.weight_spread)

    return Brain(
        connectome,
        populations=(exc, inh),
        projections=(
            Projection("E", "E", within, weight(recipe.weight_ee_pA), local, glutamate),
            Projection("E", "I", within, weight(recipe.weight_ei_pA), local, glutamate),
            Projection("I", "E", within, weight(recipe.weight_ie_pA), local, gaba),
            Projection("I", "I", within, weight(recipe.weight_ii_pA), local, gaba),
            Projection("E", "E", between, weight(recipe.long_weight_pA), fibres, glutamate),
            Projection("E", "I", between, weight(long_onto_inh_pA), fibres, glutamate),
        ),
        recipe=recipe.name,
    )


def strengths(connectome: Connectome, exponent: float) -> np.ndarray:
    """Return the weights over (row sum)^exponent: 0 keeps all differences of strength, 1 none."""
    total = connectome.weights.sum(axis=1, keepdims=True)
    return connectome.weights / np.where(total > 0, total, 1.0) ** exponent


def tau_m_by_region_ms(connectome: Connectome, recipe: Recipe) -> tuple[float, ...]:
    """Return tau_m (region,), linear in T1w/T2w: most myelin is fastest.

    From ``tau_m_max_ms`` at the connectome's lowest T1w/T2w to ``tau_m_min_ms`` at its highest. A
    region without a value (subcortical, or in a user's own connectome) has the middle.
    """
    myelin = np.array(
        [np.nan if r.t1w_t2w is None else r.t1w_t2w for r in connectome.regions], float
    )
    middle_ms = (recipe.tau_m_min_ms + recipe.tau_m_max_ms) / 2
    known = np.isfinite(myelin)
    if not known.any() or np.ptp(myelin[known]) == 0:
        return (middle_ms,) * len(myelin)
    low, high = myelin[known].min(), myelin[known].max()
    tau_m_ms = recipe.tau_m_max_ms + (myelin - low) / (high - low) * (
        recipe.tau_m_min_ms - recipe.tau_m_max_ms
    )
    return tuple(float(t) for t in np.where(known, tau_m_ms, middle_ms))
