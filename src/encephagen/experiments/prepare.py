"""Prepare: the one place where a study gets its brains, of the real wiring or of a null of it."""

import dataclasses
from typing import Any

from encephagen.brain.recipe import Recipe, default_recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import find
from encephagen.working_point.balance import usual_factor
from encephagen.working_point.calibration import calibrate
from encephagen.working_point.coupling import coupled, leading_eigenvalue
from encephagen.working_point.whole import whole_brain

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


def chosen_recipe(file: str | None, neurons_per_region: int | None = None) -> Recipe:
    """Return the recipe in a TOML file, None for the shipped one, with regions of a given size."""
    recipe = default_recipe() if file is None else Recipe.load(file)
    if neurons_per_region in (None, recipe.neurons_per_region):
        return recipe
    return recipe.replace(neurons_per_region=neurons_per_region)


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
) -> Recipe:
    """Return the recipe that brings a wiring to a working point, by the same way for any wiring.

    The leading eigenvalue becomes that of the recipe on the ``original`` wiring (`coupled`; none:
    coupling stays), then calibration makes all regions fire at ``rate_exc_Hz``. It starts from one
    factor for all regions, so that the wiring which the recipe was made for has no head start. A
    recipe without a target rate is returned as it is.

    Raises ValueError where there is no such working point.
    """
    if not recipe.rate_exc_Hz > 0:
        return recipe
    if original is not None and original.digest() != connectome.digest():
        recipe = coupled(connectome, recipe, leading_eigenvalue(original, recipe))
    start = dict.fromkeys(connectome.names, usual_factor(recipe))
    found = calibrate(
        connectome,
        recipe.replace(background_factor=start),
        rounds=rounds,
        seconds=seconds,
        seed=CALIBRATION_SEEDS * (seed + 1),
    )
    return found.recipe


def brain_digest(config: Any) -> str | None:
    """Return the digest of the brain of a study's real wiring, as its Config has it.

    None where the Config has no ``dataset`` and ``neurons_per_region``: a study of rate units.
    """
    names = {field.name for field in dataclasses.fields(config)}
    if not names >= {"dataset", "neurons_per_region"}:
        return None
    recipe = chosen_recipe(getattr(config, "recipe", None), config.neurons_per_region)
    return whole_brain(wiring(config.dataset), recipe).digest()
