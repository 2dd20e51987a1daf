"""Balance: the background at which all regions fire alike, whatever their connections give them.

A region with many strong connections would fire far more than one with few. Equal rates could be
had by inhibition or by scaled connections; both take away the differences in strength that shape
functional connectivity. Background alone leaves them (docs/experiments/through-the-wall.md).
"""

import dataclasses

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Connectome
from encephagen.working_point.mean_field import MeanField

EXCITATORY = "E"


def balance(brain: Brain, recipe: Recipe) -> Brain:
    """Return the brain with the background of E, by region, that ``recipe.rate_exc_Hz`` asks for.

    Theory (`MeanField.balanced`) times `factors`. Raises ValueError where theory finds no such
    background.
    """
    field, _ = MeanField.of(brain).balanced(recipe.rate_exc_Hz, EXCITATORY)
    theory_Hz = field.background_Hz[field.units(EXCITATORY)]
    return with_background(brain, theory_Hz * factors(brain.connectome, recipe))


def factors(connectome: Connectome, recipe: Recipe) -> np.ndarray:
    """Return the recipe's background factor of each region (region,).

    A region that is not named there has the median of those that are, 1 if none is.
    """
    known, usual = dict(recipe.background_factor), usual_factor(recipe)
    return np.array([known.get(name, usual) for name in connectome.names])


def usual_factor(recipe: Recipe) -> float:
    """Return the median of the recipe's background factors, 1 if it has none."""
    return float(np.median([factor for _, factor in recipe.background_factor] or [1.0]))


def with_background(brain: Brain, rate_Hz: np.ndarray) -> Brain:
    """Return the brain with the background rate (region,) for its excitatory neurons."""
    populations = tuple(
        dataclasses.replace(
            p,
            by_region=(
                *(item for item in p.by_region if item[0] != "rate_Hz"),
                ("rate_Hz", tuple(np.asarray(rate_Hz, float).tolist())),
            ),
        )
        if p.name == EXCITATORY
        else p
        for p in brain.populations
    )
    return dataclasses.replace(brain, populations=populations)
