"""Coupling: how many long-range synapses bring a wiring as near to instability as another.

Equal rates are not yet an equal working point. With the same synapses, a connectome whose weights
are shuffled has weaker slow modes than the original, for no other reason than that strong
connections no longer meet; its fluctuations are smaller and stimuli die sooner. That says where a
wiring stands, and not what it does. The number of long-range synapses, which no connectome knows,
brings it to the same leading eigenvalue; their weight stays, and with it the regime in which theory
holds.
"""

from typing import Any

from encephagen.brain.cortex import cortex
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.working_point.balance import EXCITATORY
from encephagen.working_point.mean_field import MeanField

LARGEST_FACTOR = 3.0
"""By which the number of long-range synapses may change (free)."""

TOLERANCE = 1e-3
"""Of the number of synapses, relative; the eigenvalue is as exact."""


def leading_eigenvalue(connectome: Connectome, recipe: Recipe) -> float:
    """Return the leading eigenvalue of a brain in balance; 1 is instability.

    Raises ValueError for a recipe without a target rate, and as `MeanField.balanced` does.
    """
    if not recipe.rate_exc_Hz > 0:
        raise ValueError(
            f"recipe {recipe.name!r} has no rate_exc_Hz: there is no working point to compare "
            "wirings at; give the rate (Hz) at which excitatory neurons shall fire"
        )
    field, rate_Hz = MeanField.of(cortex(connectome, recipe)).balanced(
        recipe.rate_exc_Hz, EXCITATORY
    )
    return field.leading_eigenvalue(rate_Hz)


def coupled(connectome: Connectome, recipe: Recipe, eigenvalue: float) -> Recipe:
    """Return the recipe whose long-range in-degree gives a connectome a leading eigenvalue.

    Raises ValueError if no in-degree from the recipe's over `LARGEST_FACTOR` to that many times it
    does, and as `leading_eigenvalue` does.
    """
    from scipy.optimize import brentq

    def excess(in_degree: float) -> float:
        return leading_eigenvalue(connectome, recipe.replace(long_in_degree=in_degree)) - eigenvalue

    low, high = recipe.long_in_degree / LARGEST_FACTOR, recipe.long_in_degree * LARGEST_FACTOR
    if not excess(low) < 0 < excess(high):
        raise ValueError(
            f"no long_in_degree from {low:g} to {high:g} brings {connectome.name!r} to a leading "
            f"eigenvalue of {eigenvalue:.3f}: it goes from {excess(low) + eigenvalue:.3f} to "
            f"{excess(high) + eigenvalue:.3f}; choose a recipe that is less far from others"
        )
    found: Any = brentq(excess, low, high, xtol=TOLERANCE * recipe.long_in_degree)
    return recipe.replace(long_in_degree=found)
