"""Basal ganglia: striatum (D1, D2), pallidum (GPe, GPi) and the subthalamic nucleus (STN).

The direct pathway, D1 to GPi, and the indirect one, D2 to GPe to STN and GPi, meet in GPi, which
inhibits the relay neurons of the thalamus; cortex excites striatum, and by the hyperdirect pathway
STN (Albin et al. 1989, doi 10.1016/0166-2236(89)90074-X; Nambu et al. 2002,
doi 10.1016/S0168-0102(02)00027-5). These projections inhibit between regions, which tractography
cannot see, so they are by anatomy: each nucleus reaches its targets on its own side, all alike.

STN has no region in AAL2. It lives in the thalamus: its place (12 mm from the midline, 14 behind
the commissure, 7 below; MNI) is 14.5 mm from the centre of that region, and 15 to 17 from the
pallidum's.
"""

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import (
    Between,
    Brain,
    Chosen,
    Conduction,
    Poisson,
    Population,
    Projection,
    RestingRate,
    Uniform,
    Weight,
)
from encephagen.brain.thalamus import RELAY, cortical
from encephagen.connectome.connectome import Connectome
from encephagen.models.lif import LIF
from encephagen.models.receptors import AMPA, GABA_A, Transmitter

D1, D2, GPE, GPI, STN = "D1", "D2", "GPe", "GPi", "STN"

LIENARD = "Lienard and Girard 2014, doi 10.1007/s10827-013-0476-2: macaques at rest"
AT_REST = {
    D1: RestingRate(0.0, 1.0, LIENARD),
    D2: RestingRate(0.0, 1.0, LIENARD),
    GPE: RestingRate(55.7, 74.5, LIENARD),
    GPI: RestingRate(59.1, 79.5, LIENARD),
    STN: RestingRate(15.2, 22.8, LIENARD),
}
STRUCTURES = {D1: "striatum", D2: "striatum", GPE: "pallidum", GPI: "pallidum", STN: "thalamus"}
"""The structure of an atlas in which each nucleus lives."""


def basal_ganglia(connectome: Connectome, recipe: Recipe) -> Brain:
    """Return a fragment with the nuclei "D1", "D2", "GPe", "GPi" and "STN" on each side.

    `corticobasal` joins them to cortex and thalamus. Raises ValueError where the recipe has no
    [basal_ganglia], and where the connectome lacks a structure that they live in.
    """
    numbers = recipe.basal_ganglia
    if numbers is None:
        raise ValueError(f"recipe {recipe.name!r} has no [basal_ganglia]: choose one that has it")
    fast, gaba = _transmitters(recipe)
    background = Poisson(numbers.background_ganglia_Hz, numbers.background_ganglia_pA, fast)
    cell = LIF(tau_m_ms=numbers.tau_m_ganglia_ms, t_ref_ms=recipe.cortex.t_ref_ms)
    striatal = (numbers.n_striatal, numbers.rate_striatal_Hz)
    sizes_and_targets = {
        D1: striatal,
        D2: striatal,
        GPE: (numbers.n_gpe, numbers.rate_gpe_Hz),
        GPI: (numbers.n_gpi, numbers.rate_gpi_Hz),
        STN: (numbers.n_stn, numbers.rate_stn_Hz),
    }
    populations = tuple(
        Population(
            name,
            size,
            cell,
            background,
            excites=name == STN,
            where=_where(connectome, STRUCTURES[name]),
            target_Hz=target_Hz or None,
            at_rest=AT_REST[name],
        )
        for name, (size, target_Hz) in sizes_and_targets.items()
    )
    n = numbers.in_degree_ganglia
    near = Uniform(recipe.cortex.local_delay_min_ms, recipe.cortex.local_delay_max_ms)
    same_side = Between(float(n), _same_side(connectome))
    slow = Conduction.along(connectome, numbers.velocity_striatal_mm_per_ms)
    fibres = Conduction.along(connectome, numbers.velocity_pallidal_mm_per_ms)
    to_pallidum, of_gpe = Weight(numbers.weight_striatal_pallidal_pA), Weight(numbers.weight_gpe_pA)
    among, of_stn = Weight(numbers.weight_striatal_pA), Weight(numbers.weight_stn_pA)
    return Brain(
        connectome,
        populations,
        (
            Projection(D1, D1, Chosen(n), among, near, gaba),
            Projection(D2, D2, Chosen(n), among, near, gaba),
            Projection(D1, GPI, same_side, to_pallidum, slow, gaba),
            Projection(D2, GPE, same_side, to_pallidum, slow, gaba),
            Projection(GPE, GPE, Chosen(n), of_gpe, near, gaba),
            Projection(GPE, GPI, Chosen(n), of_gpe, near, gaba),
            Projection(GPE, STN, same_side, of_gpe, fibres, gaba),
            Projection(STN, GPE, same_side, of_stn, fibres, fast),
            Projection(STN, GPI, same_side, of_stn, fibres, fast),
        ),
        recipe=recipe.name,
        numbers=recipe.digest(),
    )


def corticobasal(cortex: Brain, recipe: Recipe) -> tuple[Projection, ...]:
    """Return the projections from a fragment that is cortex to striatum and STN, GPi to relay.

    Those from cortex are as the connectome says, that to the relay by anatomy.
    """
    numbers = recipe.basal_ganglia
    assert numbers is not None
    fast, gaba = _transmitters(recipe)
    connectome, (exc, _) = cortex.connectome, cortical(cortex)
    down = Between(numbers.in_degree_cortex_ganglia, connectome.weights)
    same_side = Between(numbers.in_degree_gpi_relay, _same_side(connectome))
    fibres = Conduction.along(connectome, numbers.velocity_pallidal_mm_per_ms)
    to_striatum, to_stn = Weight(numbers.weight_exc_striatal_pA), Weight(numbers.weight_exc_stn_pA)
    return (
        Projection(exc, D1, down, to_striatum, fibres, fast),
        Projection(exc, D2, down, to_striatum, fibres, fast),
        Projection(exc, STN, down, to_stn, fibres, fast),
        Projection(GPI, RELAY, same_side, Weight(numbers.weight_gpi_relay_pA), fibres, gaba),
    )


def _where(connectome: Connectome, structure: str) -> tuple[str, ...]:
    where = tuple(r.name for r in connectome.regions if r.structure == structure)
    if not where:
        raise ValueError(f"connectome {connectome.name!r} has no region that is {structure}")
    return where


def _same_side(connectome: Connectome) -> np.ndarray:
    """Return 1 for two regions (region, region) of the same hemisphere, else 0."""
    side = np.array([r.hemisphere for r in connectome.regions])
    return (side[:, None] == side).astype(float)


def _transmitters(recipe: Recipe) -> tuple[Transmitter, Transmitter]:
    gaba = GABA_A(recipe.cortex.tau_gaba_ms)
    return Transmitter((AMPA(recipe.cortex.tau_ampa_ms),)), Transmitter((gaba,))
