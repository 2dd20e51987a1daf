"""Bins: brain time in whole steps, and spikes counted in bins of it.

Step s covers the time from s dt to (s + 1) dt. A spike emitted in step s is stamped with the end of
the step, (s + 1) dt, and belongs to the bin and to the window that hold the step: a bin that starts
at t holds the spikes stamped in (t, t + bin].
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def whole_steps(name: str, interval_ms: float, dt_ms: float) -> int:
    """Return the interval ``name`` in steps; ValueError where it is no whole number of them."""
    if not (np.isfinite(dt_ms) and dt_ms > 0):
        raise ValueError(f"dt_ms is {dt_ms}; expected a positive time in ms")
    if not (np.isfinite(interval_ms) and interval_ms > 0):
        raise ValueError(f"{name} is {interval_ms}; expected a positive time in ms")
    steps = round(interval_ms / dt_ms)
    if steps < 1 or abs(steps * dt_ms - interval_ms) > 1e-6 * interval_ms:
        raise ValueError(
            f"{name} {interval_ms:g} is not a whole number of steps of {dt_ms:g} ms; "
            f"choose {max(1, steps) * dt_ms:g}, or another dt"
        )
    return steps


def bin_spikes(
    steps: np.ndarray, group: np.ndarray, n_bins: int, bin_steps: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Return counts (n_bins, *shape) int32 of spikes by bin and group.

    steps (spike): counted from the left edge of the first bin; group (spike): flat index in shape.
    """
    n_groups = int(np.prod(shape))
    flat = (np.asarray(steps, np.int64) // bin_steps) * n_groups + group
    return np.bincount(flat, minlength=n_bins * n_groups).astype(np.int32).reshape(n_bins, *shape)


def spike_steps(data: "xr.Dataset") -> np.ndarray:
    """Return the steps (spike,) int64 of the spikes in the data of a recording."""
    return np.rint(data["spike_time_ms"].values / data.attrs["dt_ms"]).astype(np.int64) - 1


def first_step(data: "xr.Dataset") -> int:
    """Return the first step in the data of a recording."""
    return round(data.attrs["start_ms"] / data.attrs["dt_ms"])


def n_steps(data: "xr.Dataset") -> int:
    """Return the number of steps in the data of a recording."""
    return round(data.attrs["duration_ms"] / data.attrs["dt_ms"])
