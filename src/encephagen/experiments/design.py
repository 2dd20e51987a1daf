"""Design: conditions, what their runs gave, and how the real wiring compares with each null."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from encephagen.analysis.statistics import (
    MARGIN,
    Comparison,
    compare,
    joint_family,
    t_interval,
)
from encephagen.experiments.brains import Ended, Outcome, Values
from encephagen.experiments.runner import Runner
from encephagen.validation.targets import Row, Target, Verdict, judge

REAL = "real"
FEWEST = 2
"""Runs of a condition with which something can be compared."""

LOST = {Ended.RAN_AWAY: "ran away", Ended.REFUSED: "refused"}


@dataclass(frozen=True)
class Condition:
    """What is run under one name.

    n      seeds of the real wiring, or instances of a null, numbered from ``first_seed``
    null   kind of null; None is the real wiring
    given  further arguments of its runs: a recipe that is changed
    label  how progress calls it; its name unless given
    """

    name: str
    n: int
    null: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    first_seed: int = 0

    def arguments(self, **same: Any) -> list[Values]:
        """Return the arguments of each run: null, seed, what is given, and what is the same."""
        seeds = range(self.first_seed, self.first_seed + self.n)
        return [{"null": self.null, **self.given, **same, "seed": seed} for seed in seeds]


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs of a condition: those that were measured, and what became of the others."""

    name: str
    runs: Sequence[Values]

    @property
    def measured(self) -> list[Values]:
        """Runs that ended well."""
        return [run for run in self.runs if run["outcome"] == Ended.OK]

    @property
    def n(self) -> int:
        """How many were measured."""
        return len(self.measured)

    @property
    def alarms(self) -> list[str]:
        """Kinds of alarms in any run."""
        return sorted({kind for run in self.runs for kind in run["alarms"]})

    def count(self, ended: Ended) -> int:
        """Return how many runs ended so."""
        return sum(run["outcome"] == ended for run in self.runs)

    @property
    def lost(self) -> str:
        """What became of the runs that were not measured, with one reason of each kind, or ""."""
        parts = []
        for ended, word in LOST.items():
            if n := self.count(ended):
                why = next(o.why for run in self.runs if (o := Outcome.of(run)).ended is ended)
                parts.append(f"{n} more {word}" + (f" ({why})" if ended is Ended.REFUSED else ""))
        return "; ".join(parts)

    def column(self, value: Callable[[Values], Any]) -> np.ndarray:
        """Return a value of each run that was measured, (run, ...)."""
        return np.array([value(run) for run in self.measured])


def perform(
    runner: Runner, run: Callable[..., Values], conditions: Iterable[Condition], **same: Any
) -> dict[str, Arm]:
    """Return the arm of each condition, by its name; ``same`` are arguments that all runs have.

    Raises ValueError, before the first run, for a ``run`` that is not `brains.told`.
    """
    if not hasattr(run, "__wrapped__"):
        name = getattr(run, "__name__", repr(run))
        raise ValueError(
            f"{name} does not say how it ended: put @told (encephagen.experiments.brains) above it"
        )
    return {
        c.name: Arm(c.name, runner.map(run, c.arguments(**same), label=c.label or c.name))
        for c in conditions
    }


def check_enough(arm: Arm, least: int = FEWEST) -> None:
    """Raise ValueError where too few runs of an arm could be measured."""
    if arm.n < least:
        raise ValueError(
            f"{arm.n} of {len(arm.runs)} runs of {arm.name!r} could be measured "
            f"({arm.lost.replace(' more', '')}): expected {least} or more to compare"
        )


def lost(arms: Mapping[str, Arm]) -> dict[str, dict[str, Any]]:
    """Return by arm how many runs ran away and were refused, and their alarms, for `values`."""
    return {
        "ran_away": {name: arm.count(Ended.RAN_AWAY) for name, arm in arms.items()},
        "refused": {name: arm.count(Ended.REFUSED) for name, arm in arms.items()},
        "alarms": {name: arm.alarms for name, arm in arms.items()},
    }


def against(
    real: Mapping[str, Sequence[float] | np.ndarray],
    nulls: Mapping[str, Sequence[float] | np.ndarray],
    *,
    margin: float = MARGIN,
) -> dict[str, Comparison]:
    """Return how the real wiring (seed,) compares with a null (instance,), corrected together.

    A measure that some run lacks or that is not finite is left out; nothing is compared with fewer
    than `FEWEST` instances.
    """
    alone = {}
    for name, x in real.items():
        a, b = np.asarray(x, float), np.asarray(nulls.get(name, ()), float)
        if a.size and b.size >= FEWEST and np.isfinite(a).all() and np.isfinite(b).all():
            alone[name] = compare(a.tolist(), b.tolist(), margin=margin)
    return joint_family(alone) if alone else {}


def table(
    name: str,
    arms: Mapping[str, np.ndarray],
    *,
    unit: str = "",
    targets: Mapping[str, Target] | None = None,
    notes: Mapping[str, str] | None = None,
    told: Callable[[np.ndarray], float] = lambda x: float(np.mean(x)),
) -> list[Row]:
    """Return the rows of a measure (run,) by arm: the first is that of the real wiring.

    ``notes`` and ``targets`` are by arm; ``told`` makes one number of the runs.
    """
    rows = []
    for arm, x in arms.items():
        first = not rows
        rows.append(
            judge(
                name if first else f"{name}, {arm}",
                told(x) if x.size else None,
                interval=t_interval(x),
                n=x.size,
                unit=unit,
                target=(targets or {}).get(arm),
                otherwise=Verdict.REPORTED if first else Verdict.BASELINE,
                note=(notes or {}).get(arm, ""),
            )
        )
    return rows


def joined(*notes: str | None) -> str:
    """Return notes as one; those that are empty are left out."""
    return "; ".join(note for note in notes if note)
