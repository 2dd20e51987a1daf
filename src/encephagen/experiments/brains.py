"""Brains: one at its working point and at rest, or a word on why there is none.

Whoever fails says how. A wiring that cannot be made or brought to a working point, and a brain that
the engine must stop, end one run with its `Outcome`, and no study: they are kept and counted.
"""

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls import find
from encephagen.engine.guard import Stopped
from encephagen.engine.session import Session
from encephagen.experiments.prepare import ROUND_S, ROUNDS, tuned, wiring
from encephagen.extras import Missing
from encephagen.network.build import build
from encephagen.recording.recording import Recording
from encephagen.units import MS_PER_S
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.whole import StandIns, whole_brain

Values = dict[str, Any]


class Ended(StrEnum):
    """How a run can end."""

    OK = "ok"
    """It was measured."""
    REFUSED = "refused"
    """There is no such null, or no such working point."""
    RAN_AWAY = "ran_away"
    """The engine had to stop it."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and why if not well."""

    ended: Ended
    why: str | None = None

    @classmethod
    def of(cls, run: Values) -> "Outcome":
        """Return what a run that is `told` says."""
        return cls(Ended(run["outcome"]), run["why"])

    def as_dict(self) -> Values:
        """Return it as a run tells it."""
        return {"outcome": str(self.ended), "why": self.why}


class Refused(ValueError):
    """There is no such brain: no such null of a wiring, or no such working point."""


class RanAway(ValueError):
    """The engine had to stop a brain; ``alarms`` says what it saw."""

    def __init__(self, alarms: Sequence[str]) -> None:
        super().__init__("; ".join(alarms) or "stopped by the engine")
        self.alarms = list(alarms)


def told(run: Callable[..., Values]) -> Callable[..., Values]:
    """Return a run whose dict says how it ended: "outcome" and "why", alone unless it is ok.

    That regions have stand-ins is told once, by who starts it, and not by each run.
    """

    @functools.wraps(run)
    def ended(*args: Any, **given: Any) -> Values:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StandIns)
                return {**run(*args, **given), **Outcome(Ended.OK).as_dict()}
        except (Refused, NoWorkingPoint) as error:
            return {"alarms": [], **Outcome(Ended.REFUSED, str(error)).as_dict()}
        except RanAway as error:
            return {"alarms": error.alarms, **Outcome(Ended.RAN_AWAY, str(error)).as_dict()}
        except Stopped as stopped:  # under `advance`, where nothing is recorded
            text = str(stopped.alarm)
            return {"alarms": [text], **Outcome(Ended.RAN_AWAY, text).as_dict()}

    return ended


@contextmanager
def refusing() -> Iterator[None]:
    """Take a ValueError within as `Refused`; not a package that is missing: that ends the study."""
    try:
        yield
    except Missing:
        raise
    except ValueError as error:
        raise Refused(str(error)) from error


def wired(dataset: str, null: str | None, seed: int) -> Connectome:
    """Return `prepare.wiring`. Raises `Refused` for a null that cannot be made of the data set."""
    if null is None:
        return wiring(dataset)
    find(null)
    with refusing():
        return wiring(dataset, null, seed)


def calibrated(
    connectome: Connectome,
    recipe: Recipe,
    seed: int,
    *,
    original: Connectome | None = None,
    rounds: int = ROUNDS,
    seconds: float = ROUND_S,
) -> tuple[Brain, Recipe]:
    """Return the brain at its working point, and the recipe with its coupling; see `tuned`.

    Raises NoWorkingPoint where there is none.
    """
    numbers, point = tuned(
        connectome, recipe, seed, original=original, rounds=rounds, seconds=seconds
    )
    return whole_brain(connectome, numbers, point), numbers


def rested(brain: Brain, seed: int, settle_s: float) -> Session:
    """Return a session of a brain that has settled; ``seed`` is that of wiring, noise and start."""
    network = build(brain, seed=seed)
    session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
    if settle_s:
        session.advance(round(settle_s * MS_PER_S / network.dt_ms))
    return session


def healthy(*recordings: Recording) -> list[str]:
    """Return the kinds of alarms of recordings. Raises `RanAway` if the engine stopped one."""
    kinds = sorted({alarm.kind for recording in recordings for alarm in recording.alarms})
    if any(recording.interrupted for recording in recordings):
        raise RanAway(kinds)
    return kinds


def with_myelin(connectome: Connectome, t1w_t2w: Sequence[float]) -> Connectome:
    """Return the connectome with another map (region,) in place of T1w/T2w.

    Of a map that is the same everywhere, nothing that a recipe grades along it is left.
    """
    pairs = zip(connectome.regions, t1w_t2w, strict=True)
    regions = tuple(replace(region, t1w_t2w=float(value)) for region, value in pairs)
    return replace(connectome, regions=regions)
