"""Coupling: how many long-range synapses bring a wiring as near to instability as another.

Equal rates are not yet an equal working point. With the same synapses, a connectome whose weights
are shuffled has weaker slow modes than the original, for no other reason than that strong
connections no longer meet; its fluctuations are smaller and stimuli die sooner. That says where a
wiring stands, and not what it does. The number of long-range synapses, which no connectome knows,
brings it to the same leading eigenvalue; their weight stays, and with it the regime in which theory
holds.
"""

from collections.abc import Callable
from typing import Any

from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Brain
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import NoWorkingPoint

LARGEST_FACTOR = 3.0
"""By which the number of long-range synapses may change (free)."""

TOLERANCE = 1e-3
"""Of the number of synapses, relative; the eigenvalue is as exact."""


def leading_eigenvalue(brain: Brain) -> float:
    """Return the leading eigenvalue of a brain in balance; 1 is instability.

    Raises NoWorkingPoint as `MeanField.balanced` does.
    """
    field, rate_Hz = MeanField.of(brain).balanced()
    return field.leading_eigenvalue(rate_Hz)


def coupled(make: Callable[[Recipe], Brain], recipe: Recipe, eigenvalue: float) -> Recipe:
    """Return the recipe whose long-range in-degree gives the brain of it a leading eigenvalue.

    ``make`` returns the brain of a recipe, as `encephagen.working_point.whole.bare_brain` does on
    a connectome. Raises NoWorkingPoint if no in-degree from the recipe's over `LARGEST_FACTOR` to
    that many times it does, and as `leading_eigenvalue` does.
    """
    from scipy.optimize import brentq

    def excess(in_degree: float) -> float:
        return leading_eigenvalue(make(recipe.replace(long_in_degree=in_degree))) - eigenvalue

    own = recipe.cortex.long_in_degree
    here = excess(own)
    end = own / LARGEST_FACTOR if here > 0 else own * LARGEST_FACTOR
    there = excess(end)
    if here * there > 0:
        raise NoWorkingPoint(
            f"no long_in_degree from {own:g} to {end:g} brings "
            f"{make(recipe).connectome.name!r} to a leading eigenvalue of {eigenvalue:.3f}: it "
            f"goes from {here + eigenvalue:.3f} to {there + eigenvalue:.3f}; choose a recipe that "
            "is less far from others"
        )
    found: Any = brentq(excess, *sorted((own, end)), xtol=TOLERANCE * own)
    return recipe.replace(long_in_degree=found)
