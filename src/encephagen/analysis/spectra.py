"""Power spectra of population rates: power, 1/f slope and peaks."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.rates import chosen
from encephagen.analysis.signals import require_positive
from encephagen.recording import Recording, bin_spikes
from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    import xarray as xr

RATE_BIN_MS = 2.0
"""Bins of the rate whose spectrum is taken: frequencies up to 250 Hz."""

SEGMENT_MS = 2000.0
SLOPE_RANGE_HZ = (2.0, 100.0)
PEAK_Z = 4.0
"""A peak must stand this many standard errors of the estimate above the fitted slope (free)."""


def power_spectrum(
    recording: Recording,
    segment_ms: float = SEGMENT_MS,
    bin_ms: float = RATE_BIN_MS,
    *,
    population: str | None = None,
) -> "xr.Dataset":
    """Return Welch spectra of a population's rate, or, if None, of cells of cortex that excite.

    One-sided, in Hz^2/Hz. ``power`` (frequency_Hz) is that of the whole network, ``region_power``
    (region, frequency_Hz) that of each region, nan where no such neuron lives; ``shot_noise`` and
    ``region_shot_noise`` (region) are the flat spectra of N independent Poisson neurons of the same
    rate r, 2 r / N. Segments overlap by half under a Hann window, mean removed; the frequency 0 is
    left out. Attributes: n_segments and relative_error, the standard error of power over power.
    bin_ms is rounded to steps; without single spikes the bins of the recording serve in its place.
    Raises ValueError if the recording is shorter than 8 bins, or no such neuron lives.
    """
    import xarray as xr
    from scipy import signal

    require_positive(segment_ms=segment_ms, bin_ms=bin_ms)
    rate, size, bin_ms = _rate(recording, bin_ms, population)
    if not size.any():
        raise ValueError("no neuron excites: there is no rate to take a spectrum of")
    n_bins = rate.shape[0]
    if n_bins < 8:
        raise ValueError(
            f"recording of {recording.duration_ms:g} ms is too short for a spectrum; "
            f"record at least {8 * bin_ms:g} ms"
        )
    per_segment = min(n_bins, max(8, round(segment_ms / bin_ms)))
    all_rate = np.nan_to_num(rate) @ size / size.sum()
    frequency, region_power = signal.welch(
        rate, fs=MS_PER_S / bin_ms, nperseg=per_segment, detrend="constant", axis=0
    )
    _, power = signal.welch(all_rate, fs=MS_PER_S / bin_ms, nperseg=per_segment, detrend="constant")
    n_segments = 1 + (n_bins - per_segment) // (per_segment - per_segment // 2)
    mean = rate.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        region_shot_noise = np.where(size > 0, 2.0 * mean / size, np.nan)
    units = {"units": "Hz^2/Hz"}
    return xr.Dataset(
        {
            "power": ("frequency_Hz", power[1:], units),
            "region_power": (("region", "frequency_Hz"), region_power[1:].T, units),
            "shot_noise": ((), 2.0 * all_rate.mean() / size.sum(), units),
            "region_shot_noise": ("region", region_shot_noise, units),
        },
        coords={
            "frequency_Hz": ("frequency_Hz", frequency[1:], {"units": "Hz"}),
            "region": list(recording.regions),
        },
        # Half-overlapping Hann segments count for 9/11 of as many independent ones (Welch 1967).
        attrs={
            "n_segments": n_segments,
            "relative_error": float(1.0 / np.sqrt(max(1.0, n_segments * 9.0 / 11.0))),
            "bin_ms": bin_ms,
        },
    )


def slope(
    spectrum: "xr.Dataset", low_Hz: float = SLOPE_RANGE_HZ[0], high_Hz: float = SLOPE_RANGE_HZ[1]
) -> "xr.Dataset":
    """Return the aperiodic part of the network's spectrum: power = 10^offset f^slope.

    A straight line by least squares in log-log coordinates, on points spread evenly in log
    frequency and with peaks cut in a second pass (points over the first line by twice the scatter).
    Variables: slope, slope_se, offset. Raises ValueError if fewer than 8 frequencies lie between.
    """
    import xarray as xr

    x, y = _log_log(spectrum, low_Hz, high_Hz)
    keep = np.ones(x.size, bool)
    for _ in range(2):
        design = np.stack([x[keep], np.ones(keep.sum())], axis=1)
        solution, *_ = np.linalg.lstsq(design, y[keep], rcond=None)
        residual = y - (solution[0] * x + solution[1])
        scatter = residual[keep].std(ddof=2)
        error = scatter * np.sqrt(np.linalg.inv(design.T @ design)[0, 0])
        keep = residual <= 2.0 * scatter + 1e-12
    return xr.Dataset(
        {"slope": solution[0], "slope_se": error, "offset": solution[1]},
        attrs={"low_Hz": low_Hz, "high_Hz": high_Hz},
    )


def peaks(
    spectrum: "xr.Dataset", low_Hz: float = SLOPE_RANGE_HZ[0], high_Hz: float = SLOPE_RANGE_HZ[1]
) -> "xr.Dataset":
    """Return the peaks of the network's spectrum over its slope, the strongest first.

    Variables (peak): frequency_Hz and ratio, the power over the fitted slope. A peak stands by
    `PEAK_Z` standard errors of the spectrum over both its fitted slope and its surroundings.
    """
    import xarray as xr
    from scipy import ndimage, signal

    x, y = _log_log(spectrum, low_Hz, high_Hz)
    line = slope(spectrum, low_Hz, high_Hz)
    residual = y - (line["slope"].item() * x + line["offset"].item())
    # Smoothing over 3 neighbours lowers the error of the estimate by about the root of 3 / 1.5,
    # as a Hann window correlates neighbours.
    smooth = ndimage.uniform_filter1d(residual, 3)
    error = np.log10(np.e) * spectrum.attrs["relative_error"] / np.sqrt(2.0)
    found, _ = signal.find_peaks(smooth, height=PEAK_Z * error, prominence=PEAK_Z * error)
    found = found[np.argsort(-smooth[found])]
    return xr.Dataset(
        {
            "frequency_Hz": ("peak", 10.0 ** x[found], {"units": "Hz"}),
            "ratio": ("peak", 10.0 ** smooth[found], {"units": "1"}),
        }
    )


def _log_log(spectrum: "xr.Dataset", low_Hz: float, high_Hz: float) -> tuple[np.ndarray, ...]:
    """Return log10 frequency and log10 power, averaged in steps even in log frequency."""
    frequency = spectrum["frequency_Hz"].values
    power = spectrum["power"].values
    inside = (frequency >= low_Hz) & (frequency <= high_Hz) & (power > 0)
    if inside.sum() < 8:
        raise ValueError(
            f"spectrum has {inside.sum()} frequencies between {low_Hz:g} and {high_Hz:g} Hz; "
            "8 are needed: record for longer"
        )
    frequency, power = frequency[inside], power[inside]
    step = np.floor(np.log(frequency / frequency[0]) / np.log(1.03)).astype(int)
    _, group = np.unique(step, return_inverse=True)
    n = np.bincount(group)
    return (
        np.bincount(group, weights=np.log10(frequency)) / n,
        np.log10(np.bincount(group, weights=power) / n),
    )


def _rate(
    recording: Recording, bin_ms: float, population: str | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the rate (time, region) in Hz and number (region,) of neurons, and the bin in ms."""
    data = recording.data
    keep = chosen(data, population)
    size = data["region_size"].values[:, keep].sum(axis=1)
    if recording.has_spikes:
        bin_steps = max(1, round(bin_ms / recording.dt_ms))
        bin_ms = bin_steps * recording.dt_ms
        n_bins = recording.n_steps // bin_steps
        n_populations = len(recording.populations)
        group = data["neuron_region"].values * n_populations + data["neuron_population"].values
        steps = recording.spike_steps - recording.start_step
        inside = steps < n_bins * bin_steps
        shape = (len(recording.regions), n_populations)
        count = bin_spikes(
            steps[inside], group[recording.spike_neurons[inside]], n_bins, bin_steps, shape
        )
    else:
        bin_ms = recording.bin_ms
        n_bins = recording.n_steps // round(bin_ms / recording.dt_ms)
        count = data["count"].values[:n_bins]
    with np.errstate(divide="ignore", invalid="ignore"):
        return count[:, :, keep].sum(axis=2) / size / (bin_ms / MS_PER_S), size, bin_ms
