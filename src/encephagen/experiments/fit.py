"""Fit: the free parameters of a recipe, searched against fMRI; theory first, then spikes.

1. *Theory.* CMA-ES (Hansen and Ostermeier 2001, doi 10.1162/106365601750190398; package `cma`)
   over thousands of recipes, each judged in a fraction of a second by the mean field: functional
   connectivity of the training subjects, distance from instability, one fixed point only, reach.
2. *Spikes.* The best recipes that differ are calibrated and simulated for minutes. Theory knows a
   recipe's shape better than how near the edge of stability it is: in a few rounds, local
   excitation grows or shrinks until functional connectivity is as strong as in the training
   subjects.
3. *Long.* The best few again, longer and on several seeds. The best of these is the result.

Test subjects are never looked at before the end, when the best recipe is held to them. Every
evaluation is a run of the `Runner`: kept as it ends, and a search that was killed finds all of them
again and goes on where it was.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.experiments.runner import Runner
from encephagen.experiments.search.config import WORST, Config, match, people
from encephagen.experiments.search.spikes import nearer, simulated
from encephagen.experiments.search.theory import search
from encephagen.working_point.point import WorkingPoint

MORE = "give more finalists, or search around another recipe with --start"

APART = 0.05
"""Least distance, as root mean square over the unit cube, of two finalists (free)."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit found.

    recipe, working_point: the best, and where calibration brought it
    theory, spikes, long: every evaluation of a stage, best first: {"score", "recipe", figures ...},
        "recipe" its numbers
    fc_test_r: FC r of the best with the test subjects, mean; None without any
    """

    config: Config
    recipe: Recipe
    working_point: WorkingPoint
    theory: list[dict[str, Any]]
    spikes: list[dict[str, Any]]
    long: list[dict[str, Any]]
    fc_test_r: float | None


def fit(config: Config, runner: Runner) -> Fit:
    """Search the recipe. Raises ValueError for a data set without fMRI or such subjects."""
    people(config.dataset, (*config.train, *config.test))
    theory = search(config, runner)
    chosen = _apart(theory, config.finalists)
    if not chosen:
        raise ValueError("theory found no recipe with a fixed point: give more --starts")
    spikes = []
    for k in range(config.rounds):
        label = f"spikes, round {k + 1} of {config.rounds}"
        tried = simulated(config, runner, chosen, config.minutes, 1, label)
        chosen = [nearer(one, config) for one in tried]
        spikes += tried
    spikes.sort(key=lambda one: -one["score"])
    best = _apart(spikes, config.winners)
    if not best:
        raise ValueError(f"every simulated recipe failed, the first: {_failure(spikes[0])}; {MORE}")
    long = simulated(config, runner, best, config.long_minutes, config.seeds, "long")
    long.sort(key=lambda one: -one["score"])
    if long[0]["score"] <= WORST:
        raise ValueError(f"every long run failed, the first: {_failure(long[0])}; {MORE}")
    seen = people(config.dataset, config.train)["subject"].values
    recipe = Recipe.from_dict(
        {"name": "fit", "fitted_on": [str(s) for s in seen], "cortex": long[0]["recipe"]}
    )
    point = WorkingPoint.from_dict(long[0]["working_point"])
    fc_test_r = match(long[0]["fc"], config.dataset, config.test)[0] if config.test else None
    return Fit(config, recipe, point, theory, spikes, long, fc_test_r)


def _apart(found: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """Return up to ``n`` of the best recipes that lie `APART` from each other."""
    chosen: list[dict[str, Any]] = []
    for one in found:
        far = [
            np.sqrt(np.mean((np.array(one["point"]) - np.array(other["point"])) ** 2)) >= APART
            for other in chosen
        ]
        if all(far) and one["score"] > WORST:
            chosen.append(one)
        if len(chosen) == n:
            break
    return chosen


def _failure(one: dict[str, Any]) -> str:
    """Return why a simulated recipe has no figures."""
    return one.get("why") or "; ".join(one["alarms"]) or "it has no figures"


def as_dict(found: Fit) -> dict[str, Any]:
    """Return a fit as plain values, without the points of the search."""

    def plain(one: dict[str, Any], *hidden: str) -> dict[str, Any]:
        return {name: x for name, x in one.items() if name not in ("point", "fc", *hidden)}

    return {
        "config": asdict(found.config),
        "recipe": found.recipe.as_dict(),
        "working_point": found.working_point.as_dict(),
        "evaluated": len(found.theory),
        "best": {**plain(found.long[0], "recipe", "working_point"), "fc_test_r": found.fc_test_r},
        "theory": [plain(one) for one in found.theory],
        "spikes": [plain(one) for one in found.spikes],
        "long": [plain(one) for one in found.long],
    }
