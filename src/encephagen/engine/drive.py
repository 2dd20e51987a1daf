"""Drive: a stimulus as a function of time, onto some neurons, while a session runs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np

from encephagen.engine.engine import Driven
from encephagen.engine.tables import MAX_BACKGROUND_PER_STEP
from encephagen.units import MS_PER_S

Function = Callable[[np.ndarray], Any]
"""Values (k,), or one for all, at brain times (k,) in ms."""


@dataclass(frozen=True)
class Sine:
    """offset + amplitude sin(2 pi frequency t + phase), in the unit of what is driven."""

    frequency_Hz: float
    amplitude: float
    offset: float = 0.0
    phase_rad: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, vars(self).values())):
            raise ValueError(f"{self}: expected finite numbers")

    def __call__(self, time_ms: np.ndarray) -> np.ndarray:
        """Return the values (k,) at times (k,)."""
        turns = self.frequency_Hz * np.asarray(time_ms) / MS_PER_S
        return self.offset + self.amplitude * np.sin(2 * np.pi * turns + self.phase_rad)


@dataclass(frozen=True, eq=False)
class Drive:
    """What `Session.drive` attached: functions of brain time, and whom they reach.

    neurons (k,): whom, in ascending order; where: the same in words; number: its place among all
    drives of the session, under which its events are drawn; from_step: when it began.
    """

    number: int
    neurons: np.ndarray
    where: str
    from_step: int
    current_pA: Function | None = None
    poisson_Hz: Function | None = None

    def during(self, first_step: int, n_steps: int, dt_ms: float) -> Driven:
        """Return what it gives during some steps, each by the value at its middle.

        Raises ValueError for values that are not finite, and for rates under 0 or over what a step
        can hold.
        """
        time_ms = (first_step + np.arange(n_steps) + 0.5) * dt_ms
        most_Hz = MAX_BACKGROUND_PER_STEP * MS_PER_S / dt_ms
        return Driven(
            number=self.number,
            neurons=self.neurons,
            pA=self._values("current_pA", self.current_pA, time_ms, -math.inf, math.inf),
            Hz=self._values("poisson_Hz", self.poisson_Hz, time_ms, 0.0, most_Hz),
        )

    def _values(
        self, what: str, function: Function | None, time_ms: np.ndarray, low: float, high: float
    ) -> np.ndarray:
        if function is None:
            return np.zeros(len(time_ms))
        values = np.asarray(function(time_ms), float)
        if values.shape not in ((), time_ms.shape):
            raise ValueError(
                f"{what} of the drive onto {self.where} has shape {values.shape} for "
                f"{len(time_ms)} times: return one value a time, or one for all"
            )
        values = np.broadcast_to(values, time_ms.shape)
        bad = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if bad.any():
            at = int(np.argmax(bad))
            expected = f"a finite value from {low:g} to {high:g}"
            raise ValueError(
                f"{what} of the drive onto {self.where} is {values[at]:g} at {time_ms[at]:g} ms: "
                f"expected {expected}"
            )
        return values

    def as_dict(self, dt_ms: float) -> dict[str, Any]:
        """Return the drive as provenance has it."""
        functions = {"current_pA": self.current_pA, "poisson_Hz": self.poisson_Hz}
        return {
            "where": self.where,
            "neurons": len(self.neurons),
            "from_ms": self.from_step * dt_ms,
            **{name: _words(f) for name, f in functions.items() if f is not None},
        }


def _words(function: Function) -> str:
    """Return a function in words that are the same in every run: its values, or its name."""
    if is_dataclass(function):
        return repr(function)
    return getattr(function, "__qualname__", type(function).__qualname__)
