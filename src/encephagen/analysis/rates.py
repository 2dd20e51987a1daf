"""Firing rates: per neuron, per region, per system, over time, with their standard errors."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.signals import require_positive
from encephagen.names import hint
from encephagen.recording import Recording
from encephagen.recording.alarms import nuclei
from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    import xarray as xr

SE_WINDOW_MS = 250.0
"""Width of the windows whose scatter gives a standard error: wider than the autocorrelation of
spontaneous activity (some tens of ms), so that windows are nearly independent (free)."""


def chosen(data: "xr.Dataset | xr.DataArray", population: str | None = None) -> np.ndarray:
    """Return the positions of the populations that are meant: one by its name, or all that excite.

    Of these, nuclei that are not cortex are left out: they are told by name.
    data: of a Recording, or a rate of it by population. Raises ValueError for an unknown name.
    """
    if population is None:
        return np.flatnonzero(data["excites"].values.astype(bool) & ~nuclei(data))
    names = data["population"].values.tolist()
    if population not in names:
        raise ValueError(f"no population {population!r}: {hint(population, names)}")
    return np.array([names.index(population)])


def pool(rate: "xr.DataArray", population: str | None = None) -> "xr.DataArray":
    """Return the rate (..., region) of some populations together, from one (..., population).

    Each counts by its number of neurons in the region; nan where none of them lives.
    rate: of `region_rate` or `binned_rate`
    population: one by name, or None: the cells of cortex that excite.
    Raises ValueError for an unknown name.
    """
    part = rate.isel(population=chosen(rate, population))
    if part.sizes["population"] == 1:
        return part.isel(population=0, drop=True)
    size = part["region_size"]
    total = size.sum("population")
    return ((part * size).sum("population") / total.where(total > 0)).assign_attrs(rate.attrs)


def neurons_of(recording: Recording, population: str | None = None) -> np.ndarray:
    """Return which neurons (neuron,) are of a population, or, if it is None, excite."""
    which = chosen(recording.data, population)
    return np.isin(recording.data["neuron_population"].values, which)


def nucleus_rate(recording: Recording) -> dict[str, dict[str, float]]:
    """Return the rate of each nucleus that is not cortex, and its published range (Hz), by name."""
    data, found = recording.data, {}
    spikes = data["count"].values.sum(axis=(0, 1), dtype=np.int64)
    size = data["region_size"].values.sum(axis=0)
    for number in np.flatnonzero(recording.nuclei).tolist():
        found[recording.populations[number]] = {
            "rate_Hz": float(spikes[number] / size[number]) / _seconds(recording),
            "low_Hz": float(data["rest_low_Hz"].values[number]),
            "high_Hz": float(data["rest_high_Hz"].values[number]),
        }
    return found


def neuron_rate(recording: Recording) -> "xr.DataArray":
    """Return the rate of each neuron (neuron) in Hz; ValueError without single spikes."""
    import xarray as xr

    spikes = np.bincount(recording.spike_neurons, minlength=recording.n_neurons)
    data = recording.data
    return xr.DataArray(
        spikes / _seconds(recording),
        dims="neuron",
        coords={name: data[name] for name in ("neuron_region", "neuron_population")},
        name="rate",
        attrs={"units": "Hz"},
    )


def region_rate(recording: Recording) -> "xr.DataArray":
    """Return the mean rate per neuron (region, population) in Hz; nan where there is no neuron."""
    data = recording.data
    size = data["region_size"]
    rate = data["count"].sum("time_ms") / size.where(size > 0) / _seconds(recording)
    return rate.rename("rate").assign_attrs(units="Hz")


def binned_rate(recording: Recording, bin_ms: float | None = None) -> "xr.DataArray":
    """Return the rate per neuron over time (time_ms, region, population) in Hz, whole bins only.

    bin_ms: a multiple of the recording's own bins; they serve if it is None.
    Raises ValueError if it is no multiple of them or if the recording holds no whole bin.
    """
    own_ms = recording.bin_ms
    require_positive(bin_ms=own_ms if bin_ms is None else bin_ms)
    n = 1 if bin_ms is None else round(bin_ms / own_ms)
    if n < 1 or (bin_ms is not None and abs(n * own_ms - bin_ms) > 1e-6 * own_ms):
        raise ValueError(f"bin_ms {bin_ms} is no multiple of the recording's {own_ms:g} ms bins")
    count = recording.data["count"]
    whole = round(recording.duration_ms / recording.dt_ms) // round(own_ms / recording.dt_ms)
    n_bins = whole // n
    if not n_bins:
        raise ValueError(
            f"recording of {recording.duration_ms:g} ms holds no whole bin of {n * own_ms:g} ms; "
            "record for longer"
        )
    values = count.values[: n_bins * n].reshape(n_bins, n, *count.shape[1:]).sum(axis=1)
    size = recording.data["region_size"].values
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(size > 0, values / size, np.nan) * (MS_PER_S / (n * own_ms))
    return (
        count[: n_bins * n : n]
        .drop_vars("bin_width_ms")
        .copy(data=rate)
        .rename("rate")
        .assign_attrs(units="Hz")
    )


def population_rate(recording: Recording, bin_ms: float | None = None) -> "xr.DataArray":
    """Return the rate of all neurons of a population over time (time_ms, population) in Hz."""
    size = recording.data["region_size"]
    total = (binned_rate(recording, bin_ms) * size).sum("region") / size.sum("region")
    return total.rename("rate").assign_attrs(units="Hz")


def system_rate(recording: Recording, window_ms: float = SE_WINDOW_MS) -> "xr.Dataset":
    """Return rates by system: rate_Hz, se_Hz and n_regions (system, population or system).

    The standard error is that of the mean of successive windows, and holds for windows wider than
    the memory of the activity. It is nan where fewer than two whole windows were recorded. The
    window is rounded to bins; the attribute window_ms says what it came to. Rates of populations
    that have no neuron in a system are nan.
    """
    groups = np.eye(len(recording.populations), dtype=int)
    return _system_rate(recording, "population", list(recording.populations), groups, window_ms)


def kind_rate(recording: Recording, window_ms: float = SE_WINDOW_MS) -> "xr.Dataset":
    """Return rates by system of all neurons that excite and all that inhibit (system, kind).

    Nuclei that are not cortex are left out (`nucleus_rate`). Else as `system_rate`.
    """
    cortex = ~recording.nuclei
    kinds = [recording.excites & cortex, ~recording.excites & cortex]
    groups = np.stack(kinds, axis=1).astype(int)
    return _system_rate(recording, "kind", ["excitatory", "inhibitory"], groups, window_ms)


def _system_rate(
    recording: Recording, dim: str, labels: list[str], groups: np.ndarray, window_ms: float
) -> "xr.Dataset":
    """Return rates by system and group; ``groups`` (population, group) says who is in which."""
    import xarray as xr

    require_positive(window_ms=window_ms)
    names, member = system_members(recording)
    in_region = recording.data["region_size"].values @ groups
    neurons, inhabited = member @ in_region, in_region.any(axis=1).astype(int)
    total = np.einsum("sr,trg->tsg", member, recording.data["count"].values @ groups)
    n = max(1, round(window_ms / recording.bin_ms))
    whole = round(recording.duration_ms / recording.dt_ms) // round(
        recording.bin_ms / recording.dt_ms
    )
    n_windows = whole // n
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(neurons > 0, total.sum(axis=0) / neurons, np.nan) / _seconds(recording)
        windows = total[: n_windows * n].reshape(n_windows, n, *total.shape[1:]).sum(axis=1)
        windows = windows / neurons * (MS_PER_S / (n * recording.bin_ms))
    error = np.full(rate.shape, np.nan)
    if n_windows >= 2:
        error = windows.std(axis=0, ddof=1) / np.sqrt(n_windows)
    dims = ("system", dim)
    return xr.Dataset(
        {
            "rate_Hz": (dims, rate, {"units": "Hz"}),
            "se_Hz": (dims, error, {"units": "Hz"}),
            "n_regions": ("system", member @ inhabited),
        },
        coords={"system": names, dim: labels},
        attrs={"window_ms": n * recording.bin_ms, "n_windows": n_windows},
    )


def system_members(recording: Recording) -> tuple[list[str], np.ndarray]:
    """Return the systems in order of first appearance, and membership (system, region) of 0, 1."""
    system = recording.data["system"].values.tolist()
    names = list(dict.fromkeys(system))
    member = np.array([[int(s == name) for s in system] for name in names])
    return names, member.reshape(len(names), len(system))


def _seconds(recording: Recording) -> float:
    if recording.duration_ms <= 0:
        raise ValueError("the recording has no duration; record for longer")
    return recording.duration_ms / MS_PER_S
