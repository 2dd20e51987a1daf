"""Sweep: a number of a recipe, or two, over a range; each point with its working point, told.

Without more said a point keeps the working point of the recipe that was changed, so that a number
changed is that number changed. `Asked.BALANCED` takes theory's, once a point. `Asked.CALIBRATED`
measures one for every brain, under other noise than it is measured with afterwards: near the edge
of stability the draw of synapses alone moves the rate by more than what is looked for.
"""

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import __version__
from encephagen.analysis.rates import region_rate
from encephagen.analysis.summary import summary
from encephagen.brain.recipe import Recipe, place
from encephagen.connectome.datasets import load
from encephagen.experiments.brains import Ended, Values, healthy, rested, told
from encephagen.experiments.runner import Runner
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.working_point.balance import balance
from encephagen.working_point.calibration import calibrate
from encephagen.working_point.point import WorkingPoint
from encephagen.working_point.whole import bare_brain, whole_brain

if TYPE_CHECKING:
    import xarray as xr

FIGURES = ("rate_exc_Hz", "rate_inh_Hz", "cv_isi")
"""Figures of `analysis.summary` that are kept of each run."""
MOST_AXES = 2
SECONDS = 20.0
"""Recorded of each brain: near the edge of stability its rate wanders within seconds."""
CALIBRATION_SEED = 1000
"""First seed of the noise of a calibration, far from those that are measured."""
ROUNDS, ROUND_S = 10, 16.0
"""Of a calibration of one wiring (free): its rate is then known to a few per cent."""


class Asked(StrEnum):
    """Which working point the points of a sweep have."""

    KEPT = "kept"
    CALIBRATED = "calibrated"
    BALANCED = "theory"


@dataclass(frozen=True)
class Axis:
    """A number of the recipe, and the values that it is given."""

    name: str
    values: tuple[float, ...]

    @classmethod
    def of(cls, setting: str) -> "Axis":
        """Return what "NAME=FROM:TO:N", "NAME=A,B,C" or "NAME=VALUE" says; ValueError otherwise."""
        name, _, text = (part.strip() for part in setting.partition("="))
        try:
            if ":" in text:
                first, last, n = text.split(":")
                count = int(n)
                values = np.linspace(float(first), float(last), count).tolist()
                if count < 2:
                    raise ValueError(n)
            else:
                values = [float(part) for part in text.split(",")]
            if not name or not all(map(math.isfinite, values)) or len({*values}) < len(values):
                raise ValueError(text)
        except ValueError:
            raise ValueError(
                f"--set {setting!r}: expected NAME=FROM:TO:N with N of 2 or more, NAME=A,B,C "
                "without repeats, or NAME=VALUE, as in long_weight_pA=34:50:5"
            ) from None
        return cls(name, tuple(values))


@dataclass(frozen=True)
class Sweep:
    """What is swept.

    settings       `Axis` of each number; those of one value are changed and not swept
    recipe         values of the recipe that is changed, as `Recipe.as_dict` gives them
    asked          which working point; ``working_point`` is one that all points have
    seeds          brains at each point, with synapses and noise of their own
    seconds, settle_s  recorded, after what is thrown away

    Raises ValueError for numbers that no recipe has or can have, for no axis and for three or more.
    """

    settings: tuple[Axis, ...]
    recipe: Values
    dataset: str = "hcp-aal2"
    asked: Asked = Asked.KEPT
    working_point: Values | None = None
    seeds: int = 3
    seconds: float = SECONDS
    settle_s: float = 3.0
    axes: tuple[Axis, ...] = field(init=False)

    def __post_init__(self) -> None:
        # One number by one name, and one by which nothing measured goes.
        named = tuple(replace(a, name=_plain_name(a.name)) for a in self.settings)
        object.__setattr__(self, "settings", named)
        names = [axis.name for axis in self.settings]
        if len({*names}) < len(names):
            raise ValueError(f"--set names {max(names, key=names.count)} twice: say it once")
        axes = tuple(axis for axis in self.settings if len(axis.values) > 1)
        if not 1 <= len(axes) <= MOST_AXES:
            raise ValueError(
                f"{len(axes)} numbers to sweep: expected one or two, as in "
                "--set long_weight_pA=34:50:5"
            )
        if self.seeds < 1 or not (0 < self.seconds < math.inf):
            raise ValueError(f"{self.seeds} seeds of {self.seconds:g} s: expected some of both")
        object.__setattr__(self, "axes", axes)
        for point in self.points():
            self.recipe_at(point)

    def points(self) -> list[tuple[float, ...]]:
        """Return the values of the axes at each point, the last axis fastest."""
        return list(itertools.product(*(axis.values for axis in self.axes)))

    def recipe_at(self, point: tuple[float, ...]) -> Recipe:
        """Return the recipe of a point."""
        changed = {axis.name: axis.values[0] for axis in self.settings}
        changed |= {axis.name: value for axis, value in zip(self.axes, point, strict=True)}
        return Recipe.from_dict(self.recipe).replace(**changed)


def _plain_name(name: str) -> str:
    """Return the shortest name of a number, which no figure has."""
    table, number = place(name)
    full = f"{table}.{number}"
    try:
        place(number)
    except ValueError:  # two tables have it
        return full
    return full if number in FIGURES else number


@told
def theory_point(dataset: str, recipe: Values) -> Values:
    """Return theory's working point of one recipe."""
    point = balance(bare_brain(load(dataset), Recipe.from_dict(recipe)))
    return {"working_point": point.as_dict(), "alarms": []}


@told
def measured_point(dataset: str, recipe: Values, seed: int) -> Values:
    """Return the working point of one wiring, measured in spikes."""
    brain = bare_brain(load(dataset), Recipe.from_dict(recipe))
    point = calibrate(
        brain, rounds=ROUNDS, seconds=ROUND_S, seed=CALIBRATION_SEED, wiring_seed=seed
    )
    return {"working_point": point.as_dict(), "alarms": []}


@told
def at_point(
    dataset: str,
    recipe: Values,
    working_point: Values | None,
    seed: int,
    seconds: float,
    settle_s: float,
) -> Values:
    """Run one brain: its `FIGURES`, rates "rate_Hz" (region, population), and which brain it is."""
    point = None if working_point is None else WorkingPoint.from_dict(working_point)
    brain = whole_brain(load(dataset), Recipe.from_dict(recipe), point, wiring_seed=seed)
    recording = rested(brain, seed, settle_s).record(seconds * MS_PER_S, probe=Probe())
    alarms = healthy(recording)
    figures = summary(recording)
    return {
        **{name: figures[name] for name in FIGURES},
        "rate_Hz": region_rate(recording).transpose("region", "population").values,
        "regions": list(recording.regions),
        "populations": list(recording.populations),
        "working_point": brain.working_point,
        "alarms": alarms,
    }


def swept(sweep: Sweep, runner: Runner) -> "xr.Dataset":
    """Run a sweep; return what was measured, by the numbers that were swept, seed and region.

    rate_exc_Hz, rate_inh_Hz, cv_isi (..., seed), rate_Hz (..., seed, region, population), nan where
    nothing was measured; outcome, why, alarms (..., seed); working_point (...), in words; and
    backgrounds are as they say. Attributes tell the recipe, the data and the target.
    """
    recipes = [sweep.recipe_at(point).as_dict() for point in sweep.points()]
    given = _given(sweep, recipes, runner)
    same = {name: getattr(sweep, name) for name in ("dataset", "seconds", "settle_s")}
    todo = [
        {"recipe": recipe, "working_point": one["working_point"], "seed": seed, **same}
        for recipe, of_point in zip(recipes, given, strict=True)
        for seed, one in enumerate(of_point)
        if one["outcome"] == Ended.OK
    ]
    found = iter(runner.map(at_point, todo, label="points"))
    each = [[next(found) if one["outcome"] == Ended.OK else one for one in own] for own in given]
    return _dataset(sweep, each)


def _given(sweep: Sweep, recipes: Sequence[Values], runner: Runner) -> list[list[Values]]:
    """Return the working point (point, seed) of each brain, or why there is none."""
    seeds = range(sweep.seeds)
    if sweep.asked is Asked.KEPT:
        one: Values = {"working_point": sweep.working_point, "outcome": Ended.OK}
        return [[one for _ in seeds] for _ in recipes]
    todo: list[Values] = [{"dataset": sweep.dataset, "recipe": recipe} for recipe in recipes]
    if sweep.asked is Asked.BALANCED:
        found = runner.map(theory_point, todo, label="working points")
        return [[one for _ in seeds] for one in found]
    todo = [{**one, "seed": seed} for one in todo for seed in seeds]
    found = iter(runner.map(measured_point, todo, label="working points"))
    return [[next(found) for _ in seeds] for _ in recipes]


def _dataset(sweep: Sweep, runs: Sequence[Sequence[Values]]) -> "xr.Dataset":
    """Return runs (point, seed) as one dataset."""
    import xarray as xr

    shape = tuple(len(axis.values) for axis in sweep.axes)
    dims = tuple(axis.name for axis in sweep.axes)
    well = [run for of_point in runs for run in of_point if run["outcome"] == Ended.OK]
    one = well[0] if well else {"regions": [], "populations": [], "rate_Hz": np.empty((0, 0))}

    def by_run(value: Any, *more: str) -> tuple[tuple[str, ...], np.ndarray]:
        x = np.array([[value(run) for run in of_point] for of_point in runs])
        return (*dims, "seed", *more), x.reshape(*shape, sweep.seeds, *x.shape[2:])

    def told_of(of_point: Sequence[Values]) -> str:
        words = [run["working_point"] for run in of_point if run["outcome"] == Ended.OK]
        alone = ", each wiring by itself" if sweep.asked is Asked.CALIBRATED else ""
        return words[0] + alone if words else "none was measured"

    unknown = np.full(one["rate_Hz"].shape, np.nan)
    variables: dict[str, Any] = {
        name: by_run(lambda run, name=name: _number(run.get(name))) for name in FIGURES
    }
    variables |= {
        "rate_Hz": by_run(lambda run: run.get("rate_Hz", unknown), "region", "population"),
        "outcome": by_run(lambda run: str(run["outcome"])),
        "why": by_run(lambda run: run["why"] or ""),
        "alarms": by_run(lambda run: "; ".join(run["alarms"])),
        "working_point": (dims, np.array([told_of(p) for p in runs]).reshape(shape)),
    }
    coords: dict[str, Any] = {axis.name: list(axis.values) for axis in sweep.axes}
    coords |= {"seed": np.arange(sweep.seeds)}
    coords |= {"region": one["regions"], "population": one["populations"]}
    recipe = sweep.recipe_at(sweep.points()[0])
    attributes = {
        "encephagen": __version__,
        "dataset": sweep.dataset,
        "recipe": json.dumps(sweep.recipe),
        "asked": str(sweep.asked),
        "target_Hz": recipe.cortex.rate_exc_Hz,
        "seconds": sweep.seconds,
        "settle_s": sweep.settle_s,
    }
    return xr.Dataset(variables, coords, attributes)


def by_point(data: "xr.Dataset") -> list[Values]:
    """Return, point by point, its numbers, what was measured of it, and how its runs ended."""
    dims = [str(name) for name in data["working_point"].dims]
    found = []
    for values in itertools.product(*(data[name].values.tolist() for name in dims)):
        own = data.sel(dict(zip(dims, values, strict=True)))
        outcome = own["outcome"].values.tolist()
        why = [text for text in own["why"].values.tolist() if text]
        kinds = {kind for text in own["alarms"].values.tolist() for kind in text.split("; ")}
        found.append(
            {
                **dict(zip(dims, values, strict=True)),
                **{name: _mean(own[name].values) for name in FIGURES},
                "by_seed_Hz": own["rate_exc_Hz"].values.tolist(),
                **{str(ended): outcome.count(ended) for ended in Ended},
                "alarms": sorted(kinds - {""}),
                "why": why[0] if why else None,
                "working_point": own["working_point"].item(),
            }
        )
    return found


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(x: np.ndarray) -> float | None:
    known = x[np.isfinite(x)]
    return float(known.mean()) if known.size else None
