"""Prepare: the one place where a study gets its brains, of the real wiring or of a null of it."""

import dataclasses

from encephagen.brain.recipe import Recipe, default_recipe
from encephagen.brain.spec import Brain
from encephagen.brain.whole import whole_brain
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import find
from encephagen.learning.calibration import calibrate


def wiring(dataset: str, null: str | None = None, null_seed: int = 0) -> Connectome:
    """Return a dataset's connectome, or null number ``null_seed`` of kind ``null`` of it.

    Raises ValueError for an unknown dataset or null, and for a null that cannot be made of it.
    """
    connectome = load(dataset)
    return connectome if null is None else find(null)(connectome, null_seed)[0]


def prepare(
    dataset: str, null: str | None = None, null_seed: int = 0, recipe: Recipe | None = None
) -> Brain:
    """Return the whole brain of a `wiring`, by the shipped recipe unless one is given.

    Where the recipe has a target rate, a null gets a background of its own: it is calibrated to the
    working point that the recipe has on the real wiring.
    """
    connectome, recipe = wiring(dataset, null, null_seed), recipe or default_recipe()
    if null is not None and recipe.rate_exc_Hz > 0:
        untuned = dataclasses.replace(recipe, background_factor=())
        recipe = calibrate(connectome, untuned, seed=null_seed).recipe
    return whole_brain(connectome, recipe)
