"""Signals: values of regions over time, of people and of brains alike, checked once.

A signal is an `xarray.DataArray` with the dimensions region and time_s (or time_ms), with the
coordinates of both, and any others before them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    import xarray as xr

TIME_DIMS = {"time_s": 1.0, "time_ms": 1.0 / MS_PER_S}
"""Names that a dimension of time may have, with its unit in seconds."""


def time_series(x: "xr.DataArray") -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return values (..., time, region) float64, time in s, and the names of the regions.

    Raises ValueError if x is no signal, has two regions of one name, or values that are not finite.
    """
    require_array(x, "signal", '{"time_s": times, "region": names}, ("time_s", "region")')
    time = [name for name in TIME_DIMS if name in x.dims]
    if "region" not in x.dims or len(time) != 1:
        raise ValueError(
            f"array has dimensions {tuple(map(str, x.dims))}: expected region and one of time, "
            "time_s or time_ms"
        )
    if time[0] not in x.coords or "region" not in x.coords:
        raise ValueError(f"array lacks coordinates of {time[0]} or region; give both")
    values = x.transpose(..., time[0], "region").values.astype(np.float64)
    regions = tuple(map(str, x["region"].values.tolist()))
    if len(set(regions)) != len(regions):
        twice = next(name for name in regions if regions.count(name) > 1)
        raise ValueError(f"two regions are named {twice}: expected regions with different names")
    _require_finite(values, regions)
    return values, x[time[0]].values * TIME_DIMS[time[0]], regions


def even_step(time_s: np.ndarray) -> float:
    """Return the step of evenly spaced times in s; ValueError if there is no such step."""
    steps = np.diff(time_s)
    if not steps.size:
        raise ValueError(f"{time_s.size} points in time: expected at least 2")
    if not (steps[0] > 0 and np.allclose(steps, steps.mean(), rtol=1e-3)):
        raise ValueError("times are not evenly spaced; interpolate them first")
    return float(steps.mean())


def require_array(x: Any, what: str, arguments: str) -> None:
    """Raise ValueError, with how to make one, unless x is an `xarray.DataArray`."""
    import xarray as xr

    if not isinstance(x, xr.DataArray):
        kind = f"{type(x).__module__.split('.')[0]}.{type(x).__name__}"
        raise ValueError(
            f"the {what} is a {kind}: expected an xarray.DataArray; give "
            f"xarray.DataArray(numpy.asarray(x), {arguments})"
        )


def require_positive(**numbers: float) -> None:
    """Raise ValueError, naming it, for a number that is not finite and above 0."""
    for name, value in numbers.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: expected a finite number above 0")


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first names and how many more there are, for an error."""
    if not names:
        return "no region"
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _require_finite(values: np.ndarray, regions: Sequence[str]) -> None:
    lost = ~np.isfinite(values)
    if not lost.any():
        return
    always = lost.reshape(-1, len(regions)).all(axis=0)
    never = [regions[i] for i in np.flatnonzero(always).tolist()]
    if never:
        raise ValueError(
            f"the signal of {some(never)} is not finite at any time: it is not known there; leave "
            "it out by x.sel(region=[...])"
        )
    first = np.argwhere(lost)[0]
    raise ValueError(
        f"the signal is not finite, first in region {regions[first[-1]]}, volume {first[-2]}"
        + (f", run {first[0]}" if values.ndim > 2 else "")
        + "; leave that run or region out"
    )
