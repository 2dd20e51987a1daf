"""Prepare: the one place where a study gets its brains, of the real wiring or of a null of it."""

import dataclasses
from functools import partial
from typing import Any

from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import find
from encephagen.working_point.calibration import calibrate
from encephagen.working_point.coupling import coupled, leading_eigenvalue
from encephagen.working_point.point import WorkingPoint
from encephagen.working_point.whole import bare_brain, default_recipe, whole_brain

ROUNDS, ROUND_S = 6, 4.0
"""Of the calibration of one wiring among many (free): its mean rate is then within what another
draw of the same synapses changes."""

CALIBRATION_SEEDS = 1000
"""Seeds are calibrated on this many times their number, and on: never on what is measured."""


def at_least(config: Any, **least: int) -> None:
    """Raise ValueError for a number of a study's Config, by its name, that is too small."""
    for name, n in least.items():
        if getattr(config, name) < n:
            raise ValueError(f"{name} {getattr(config, name)}: expected {n} or more to compare")


def chosen_recipe(
    file: str | None, neurons_per_region: int | None = None, dataset: str | None = None
) -> Recipe:
    """Return the recipe in a TOML file, or that of a dataset, with regions of a given size."""
    if file is None:
        recipe = default_recipe(None if dataset is None else load(dataset))
    else:
        recipe = Recipe.load(file)
    if neurons_per_region in (None, recipe.cortex.neurons_per_region):
        return recipe
    other = recipe.replace(neurons_per_region=neurons_per_region)
    return dataclasses.replace(other, base=None)  # another brain, with a working point of its own


def chosen_working_point(file: str | None) -> dict[str, Any] | None:
    """Return the working point in a TOML file as plain values; None for what the recipe keeps."""
    return None if file is None else WorkingPoint.load(file).as_dict()


def wiring(dataset: str, null: str | None = None, null_seed: int = 0) -> Connectome:
    """Return a dataset's connectome, or null number ``null_seed`` of kind ``null`` of it.

    Raises ValueError for an unknown dataset or null, and for a null that cannot be made of it.
    """
    connectome = load(dataset)
    return connectome if null is None else find(null)(connectome, null_seed)[0]


def tuned(
    connectome: Connectome,
    recipe: Recipe,
    seed: int,
    *,
    original: Connectome | None = None,
    rounds: int = ROUNDS,
    seconds: float = ROUND_S,
) -> tuple[Recipe, WorkingPoint | None]:
    """Return recipe and working point of a wiring, by the same way for any wiring.

    The leading eigenvalue becomes that of the recipe on the ``original`` wiring (`coupled`; none:
    coupling stays), then calibration, from theory on, makes all regions fire at ``rate_exc_Hz``. A
    recipe without a target rate is returned as it is, and has no working point.

    Raises NoWorkingPoint where there is none: count that wiring as one without.
    """
    if not recipe.cortex.rate_exc_Hz > 0:
        return recipe, None
    make = partial(bare_brain, connectome)
    if original is not None and original.digest() != connectome.digest():
        recipe = coupled(make, recipe, leading_eigenvalue(bare_brain(original, recipe)))
    seeds = CALIBRATION_SEEDS * (seed + 1)
    return recipe, calibrate(make(recipe), rounds=rounds, seconds=seconds, seed=seeds)


def brain_digest(config: Any) -> str:
    """Return the digest of the brain of a study's real wiring, as its Config has it.

    For studies whose Config has dataset and neurons_per_region, and maybe recipe and working_point.
    """
    file = getattr(config, "recipe", None)
    recipe = chosen_recipe(file, config.neurons_per_region, config.dataset)
    kept = chosen_working_point(getattr(config, "working_point", None))
    point = None if kept is None else WorkingPoint.from_dict(kept)
    return whole_brain(wiring(config.dataset), recipe, point).digest()
