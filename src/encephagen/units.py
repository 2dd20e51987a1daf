"""Physical constants of the models, each written once with its unit and its source.

A unit ends a name: ``tau_m_ms``, ``rate_Hz``, ``weight_pA``. The system is closed: ms, mV, pA, pF,
MOhm and Hz, in which pA times MOhm over 1000 is mV.
"""

import math
import sys
from dataclasses import field, fields
from numbers import Real
from typing import Any

MS_PER_S = 1000.0

TOLERANCE = 1e-6
"""Steps by which rounding of floating point may miss a whole number (free)."""


def param(
    default: Any, unit: str, source: str, *, low: float = -math.inf, high: float = math.inf
) -> Any:
    """Return a dataclass field with its ``unit`` and its ``source`` (or the word "free").

    `check` holds its value to ``low`` and ``high``, both allowed.
    """
    bounds = {"low": low, "high": high}
    return field(default=default, metadata={"unit": unit, "source": source, **bounds})


def check(owner: Any, label: str = "") -> None:
    """Hold every `param` of a frozen dataclass to a finite number within its bounds.

    Whole where its default is whole: 10 and 10.0 become one value, with one digest. ``label``
    stands before the name in errors, the name of the type unless given. Raises ValueError.
    """
    label = label or f"{type(owner).__name__}."
    for f in fields(owner):
        if "unit" not in f.metadata:
            continue
        value, whole = getattr(owner, f.name), isinstance(f.default, int)
        if not _is_number(value):
            raise ValueError(f"{label}{f.name} = {value!r}: must be a number")
        low, high = f.metadata["low"], f.metadata["high"]
        if not (low <= value <= high and abs(value) <= sys.float_info.max):
            raise ValueError(f"{label}{f.name} = {value}: must be {_range(low, high)}")
        if whole and value != int(value):
            raise ValueError(f"{label}{f.name} = {value}: must be a whole number")
        object.__setattr__(owner, f.name, int(value) if whole else float(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _range(low: float, high: float) -> str:
    if abs(low) < math.inf and abs(high) < math.inf:
        return f"from {low:g} to {high:g}"
    if abs(low) < math.inf:
        return f"finite and {low:g} or more"
    return "finite" if high == math.inf else f"finite and {high:g} or less"


def table(params: type) -> list[tuple[str, Any, str, str]]:
    """Return (name, default, unit, source) of every `param` of a dataclass, in order."""
    return [
        (f.name, f.default, f.metadata["unit"], f.metadata["source"])
        for f in fields(params)
        if "unit" in f.metadata
    ]


def whole_steps(name: str, interval_ms: float, dt_ms: float, *, least: int = 1) -> int:
    """Return an interval (ms), called ``name`` in errors, in steps of ``dt_ms``.

    Raises ValueError where it is no whole number of steps, with the nearest interval that is, or of
    fewer than ``least``.
    """
    if not (math.isfinite(dt_ms) and dt_ms > 0):
        raise ValueError(f"dt_ms is {dt_ms}; expected a positive time in ms")
    if not (math.isfinite(interval_ms) and interval_ms >= 0 and (interval_ms > 0 or not least)):
        expected = "a positive time in ms" if least else "0 ms or more"
        raise ValueError(f"{name} is {interval_ms}; expected {expected}")
    steps = round(interval_ms / dt_ms)
    if steps < least or not is_whole(interval_ms / dt_ms):
        raise ValueError(
            f"{name} {interval_ms:.12g} is not a whole number of steps of {dt_ms:g} ms; "
            f"choose {max(least, steps) * dt_ms:.12g}, or another dt"
        )
    return steps


def is_whole(steps: float) -> bool:
    """Return whether a number of steps is whole, but for rounding of floating point."""
    return abs(steps - round(steps)) <= TOLERANCE + 1e-12 * abs(steps)
