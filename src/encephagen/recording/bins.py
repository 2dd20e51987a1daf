"""Bins: brain time in whole steps, and spikes counted in bins of it.

Step s covers the time from s dt to (s + 1) dt. A spike emitted in step s is stamped with the end of
the step, (s + 1) dt, and belongs to the bin and to the window that hold the step: a bin that starts
at t holds the spikes stamped in (t, t + bin].
"""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.units import is_whole

if TYPE_CHECKING:
    import xarray as xr


def step_at(name: str, time_ms: float, dt_ms: float) -> int:
    """Return the step that starts at the time ``name``.

    Raises ValueError where none does, with the nearest time at which one does.
    """
    if not np.isfinite(time_ms):
        raise ValueError(f"{name} is {time_ms}; expected a finite time in ms")
    if not is_whole(time_ms / dt_ms):
        raise ValueError(
            f"{name} {time_ms:.12g} ms lies inside a step of {dt_ms:g} ms; "
            f"choose {round(time_ms / dt_ms) * dt_ms:.12g}"
        )
    return round(time_ms / dt_ms)


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
