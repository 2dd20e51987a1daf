"""Bands: the part of a signal between two frequencies, and its power."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.functional_connectivity.matrix import run_coords, series

if TYPE_CHECKING:
    import xarray as xr

BAND_HZ = (0.01, 0.1)
"""Where resting BOLD fluctuates; Biswal et al. 1995, doi 10.1002/mrm.1910340409."""


def band_power(
    x: "xr.DataArray", low_Hz: float = BAND_HZ[0], high_Hz: float = BAND_HZ[1]
) -> "xr.Dataset":
    """Return ``power`` and ``fraction`` (..., region): variance between two frequencies.

    Of the periodogram after removal of a linear trend: power is in the squared unit of x, fraction
    of all variance. Raises ValueError if the band holds no frequency of the run.
    """
    import xarray as xr
    from scipy import signal

    values, step_s, regions = series(x)
    n = values.shape[-2]
    frequency = np.fft.rfftfreq(n, step_s)
    inside = (frequency >= low_Hz) & (frequency <= high_Hz) & (frequency > 0)
    if not inside.any():
        raise ValueError(
            f"no frequency between {low_Hz:g} and {high_Hz:g} Hz in {n * step_s:g} s at steps of "
            f"{step_s:g} s; choose a band between {1 / (n * step_s):.2g} and {0.5 / step_s:.2g} Hz"
        )
    transform = np.fft.rfft(signal.detrend(values, axis=-2), axis=-2)
    power = 2.0 * np.abs(transform) ** 2 / n**2
    if n % 2 == 0:
        power[..., -1, :] /= 2.0  # the highest frequency stands once
    power[..., 0, :] = 0.0
    band, total = power[..., inside, :].sum(axis=-2), power.sum(axis=-2)
    coords = {**run_coords(x), "region": list(regions)}
    dims = tuple(coords)
    with np.errstate(divide="ignore", invalid="ignore"):
        variables = {"power": (dims, band), "fraction": (dims, band / total)}
    return xr.Dataset(variables, coords, {"low_Hz": low_Hz, "high_Hz": high_Hz})


def bandpass(
    x: "xr.DataArray", low_Hz: float = BAND_HZ[0], high_Hz: float = BAND_HZ[1]
) -> "xr.DataArray":
    """Return x between two frequencies: Butterworth of second order, forward and backward.

    Raises ValueError unless 0 < low < high < half the sampling rate, or for a run too short.
    """
    from scipy import signal

    values, step_s, _ = series(x)
    if not 0 < low_Hz < high_Hz < 0.5 / step_s:
        raise ValueError(
            f"band {low_Hz:g} to {high_Hz:g} Hz: expected it between 0 and {0.5 / step_s:g} Hz"
        )
    filters = signal.butter(2, (low_Hz, high_Hz), "bandpass", fs=1.0 / step_s, output="sos")
    time = [str(d) for d in x.dims if str(d).startswith("time")][0]
    shaped = x.transpose(..., time, "region")
    try:
        return shaped.copy(data=signal.sosfiltfilt(filters, values, axis=-2))
    except ValueError as error:  # shorter than what the filter puts before and after
        raise ValueError(
            f"{values.shape[-2]} volumes are too few to be filtered; record for longer"
        ) from error
