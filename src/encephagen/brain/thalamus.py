"""Thalamus: relay neurons, which excite cortex, and the reticular nucleus, which inhibits them.

Atlases of fMRI have one thalamus a side, so the nuclei of a side, first-order and higher-order, are
one relay here, and the reticular nucleus, a sheet around it, lives in the same region.
"""

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
from encephagen.connectome.connectome import Connectome
from encephagen.models.alif import ALIF
from encephagen.models.lif import LIF
from encephagen.models.receptors import AMPA, GABA_A, Transmitter

STRUCTURE = "thalamus"
RELAY, RETICULAR = "relay", "reticular"

RELAY_AT_REST = RestingRate(
    5.0,
    20.0,
    "free; awake monkeys, first-order above higher-order nuclei: Ramcharan et al. 2005, "
    "doi 10.1073/pnas.0502843102",
)
RETICULAR_AT_REST = RestingRate(
    20.5,
    50.6,
    "Mukhametov et al. 1970, doi 10.1113/jphysiol.1970.sp009233: 35.58 +- 15.06 (s.d.) spikes/s in "
    "54 neurons of waking cats",
)


def thalamus(connectome: Connectome, recipe: Recipe) -> Brain:
    """Return a fragment with populations "relay" and "reticular" in the thalamus of each side.

    Relay neurons excite reticular ones, which inhibit them and each other. `thalamocortical` joins
    them to cortex. Raises ValueError where the recipe has no [thalamus], or the connectome none.
    """
    numbers = recipe.thalamus
    if numbers is None:
        raise ValueError(f"recipe {recipe.name!r} has no [thalamus]: choose one that has it")
    where = tuple(r.name for r in connectome.regions if r.structure == STRUCTURE)
    if not where:
        raise ValueError(f"connectome {connectome.name!r} has no region that is thalamus")
    cortex = recipe.cortex
    fast, gaba = _transmitters(recipe)
    background = Poisson(numbers.background_thalamic_Hz, numbers.background_thalamic_pA, fast)
    relay_cell = LIF(tau_m_ms=numbers.tau_m_relay_ms, t_ref_ms=cortex.t_ref_ms)
    if numbers.adaptation_relay_mV:
        relay_cell = ALIF(
            tau_m_ms=numbers.tau_m_relay_ms,
            t_ref_ms=cortex.t_ref_ms,
            tau_adapt_ms=numbers.tau_adapt_relay_ms,
            adaptation_mV=numbers.adaptation_relay_mV,
        )
    relay = Population(
        RELAY,
        numbers.n_relay,
        relay_cell,
        background,
        excites=True,
        where=where,
        target_Hz=numbers.rate_relay_Hz or None,
        at_rest=RELAY_AT_REST,
    )
    reticular = Population(
        RETICULAR,
        numbers.n_reticular,
        LIF(tau_m_ms=numbers.tau_m_reticular_ms, t_ref_ms=cortex.t_ref_ms),
        background,
        excites=False,
        where=where,
        target_Hz=numbers.rate_reticular_Hz or None,
        at_rest=RETICULAR_AT_REST,
    )
    some = Chosen(numbers.in_degree_in_thalamus)
    delay = Uniform(cortex.local_delay_min_ms, cortex.local_delay_max_ms)
    return Brain(
        connectome,
        (relay, reticular),
        (
            Projection(
                RELAY, RETICULAR, some, Weight(numbers.weight_relay_reticular_pA), delay, fast
            ),
            Projection(
                RETICULAR, RELAY, some, Weight(numbers.weight_reticular_relay_pA), delay, gaba
            ),
            Projection(
                RETICULAR, RETICULAR, some, Weight(numbers.weight_reticular_pA), delay, gaba
            ),
        ),
        recipe=recipe.name,
        numbers=recipe.digest(),
    )


def thalamocortical(cortex: Brain, recipe: Recipe) -> tuple[Projection, ...]:
    """Return the projections between the thalamus and a fragment that is cortex, both ways.

    Thalamus and the regions of cortex are joined as the connectome says.
    """
    numbers = recipe.thalamus
    assert numbers is not None
    fast, _ = _transmitters(recipe)
    weights = cortex.connectome.weights
    fibres = Conduction.along(cortex.connectome, numbers.velocity_thalamic_mm_per_ms)
    up = Between(numbers.in_degree_to_cortex, weights)
    down = Between(numbers.in_degree_from_cortex, weights)
    exc, inh = cortical(cortex)
    return (
        Projection(RELAY, exc, up, Weight(numbers.weight_relay_exc_pA), fibres, fast),
        Projection(RELAY, inh, up, Weight(numbers.weight_relay_inh_pA), fibres, fast),
        Projection(exc, RELAY, down, Weight(numbers.weight_exc_relay_pA), fibres, fast),
        Projection(exc, RETICULAR, down, Weight(numbers.weight_exc_reticular_pA), fibres, fast),
    )


def cortical(cortex: Brain) -> tuple[str, str]:
    """Return the names of the population of cortex that excites, and of that which inhibits."""
    (exc,) = (p.name for p in cortex.populations if p.excites)
    (inh,) = (p.name for p in cortex.populations if not p.excites)
    return exc, inh


def _transmitters(recipe: Recipe) -> tuple[Transmitter, Transmitter]:
    assert recipe.thalamus is not None
    gaba = GABA_A(recipe.thalamus.tau_gaba_reticular_ms)
    return Transmitter((AMPA(recipe.cortex.tau_ampa_ms),)), Transmitter((gaba,))
