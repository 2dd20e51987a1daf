"""Intrinsic timescales, measured: how fast the autocorrelation of activity decays."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.rates import binned_rate, pool
from encephagen.analysis.signals import even_step, require_positive, time_series
from encephagen.recording import Recording
from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    import xarray as xr

BIN_MS = 10.0
MAX_LAG_MS = 500.0
NOISE_Z = 3.0
"""A timescale is fitted only where the autocorrelation at the first lag passes this many standard
errors of white noise, 1/sqrt(bins)."""


def autocorrelation(
    activity: "Recording | xr.DataArray",
    max_lag_ms: float = MAX_LAG_MS,
    bin_ms: float = BIN_MS,
    *,
    population: str | None = None,
) -> "xr.DataArray":
    """Return the autocorrelation of the activity of each region (region, lag_ms).

    activity: a Recording, or an array with a dimension ``region`` and one of time (time_ms or
        time_s), averaged over as many of its steps as a bin holds.
    population: of a Recording, one by name, or None: the cells of cortex that excite.

    Lags run from one bin; lag 0, which holds the shot noise of single spikes, is left out of the
    result but not of the normalisation. nan for a region that never changes, or where no such
    neuron lives. Raises ValueError if the activity is shorter than four times the longest lag, or
    its steps do not divide a bin.
    """
    import xarray as xr

    require_positive(max_lag_ms=max_lag_ms, bin_ms=bin_ms)
    rate, regions = _binned(activity, bin_ms, population)
    n_lags = int(max_lag_ms / bin_ms + 1e-9)
    n = rate.shape[0]
    if n_lags < 1 or n < 4 * n_lags:
        raise ValueError(
            f"recording of {n * bin_ms:g} ms is too short for lags of {max_lag_ms:g} ms;"
            f" record at least {4 * max_lag_ms:g} ms or choose shorter lags"
        )
    deviation = rate - rate.mean(axis=0)
    transform = np.fft.rfft(deviation, 2 * n, axis=0)
    products = np.fft.irfft(np.abs(transform) ** 2, axis=0)[: n_lags + 1]
    covariance = products / (n - np.arange(n_lags + 1))[:, None]
    # Rounding leaves the variance of a constant rate near, not at, zero.
    variance = np.where(np.ptp(rate, axis=0) > 0, covariance[0], np.nan)
    values = (covariance[1:] / variance).T
    lag_ms = (np.arange(n_lags) + 1) * bin_ms
    return xr.DataArray(
        values,
        dims=("region", "lag_ms"),
        coords={
            "region": list(regions),
            "lag_ms": ("lag_ms", lag_ms, {"units": "ms"}),
        },
        name="autocorrelation",
        attrs={"units": "1", "n_bins": n},
    )


def timescale(
    activity: "Recording | xr.DataArray",
    max_lag_ms: float = MAX_LAG_MS,
    bin_ms: float = BIN_MS,
    *,
    population: str | None = None,
) -> "xr.Dataset":
    """Return the intrinsic timescale of each region: tau_ms, amplitude, offset, r2 (region).

    Fits A exp(-lag / tau) + B by least squares to the autocorrelation (Murray et al. 2014,
    doi 10.1038/nn.3862), tau between half a bin and the longest lag. nan where the activity does
    not stand out of white noise at the first lag, or where the fit ends on a bound.
    """
    import xarray as xr

    correlation = autocorrelation(activity, max_lag_ms, bin_ms, population=population)
    lag_ms = correlation["lag_ms"].values
    threshold = NOISE_Z / np.sqrt(correlation.attrs["n_bins"])
    fits = [
        _fit(lag_ms, values, bin_ms) if values[0] > threshold else (np.nan,) * 4
        for values in correlation.values
    ]
    columns = np.array(fits).reshape(-1, 4).T
    names = ("tau_ms", "amplitude", "offset", "r2")
    result = xr.Dataset(
        {name: ("region", column) for name, column in zip(names, columns, strict=True)},
        coords={"region": correlation["region"].values.tolist()},
        attrs={"bin_ms": bin_ms, "max_lag_ms": max_lag_ms},
    )
    result["tau_ms"].attrs["units"] = "ms"
    return result


def _binned(
    activity: "Recording | xr.DataArray", bin_ms: float, population: str | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return activity (bin, region) and the regions."""
    if isinstance(activity, Recording):
        rate = pool(binned_rate(activity, bin_ms), population)
        return rate.transpose("time_ms", "region").values, activity.regions
    values, time_s, regions = time_series(activity)
    step_ms = even_step(time_s) * MS_PER_S
    per_bin = round(bin_ms / step_ms)
    if per_bin < 1 or abs(per_bin * step_ms - bin_ms) > 1e-6 * bin_ms:
        raise ValueError(
            f"bin_ms {bin_ms:g} is not a whole number of the activity's steps of {step_ms:g} ms; "
            f"choose {max(1, per_bin) * step_ms:g}"
        )
    n = len(values) // per_bin
    return values[: n * per_bin].reshape(n, per_bin, -1).mean(axis=1), regions


def _fit(lag_ms: np.ndarray, values: np.ndarray, bin_ms: float) -> tuple[float, ...]:
    """Return tau, amplitude, offset, r2 of the best exponential.

    For a given tau the fit is linear, so tau alone is searched: on a grid, then between its
    neighbours.
    """
    from scipy import optimize

    def solve(log_tau: float) -> tuple[float, np.ndarray]:
        design = np.stack([np.exp(-lag_ms / np.exp(log_tau)), np.ones(lag_ms.size)], axis=1)
        solution, *_ = np.linalg.lstsq(design, values, rcond=None)
        return float(((values - design @ solution) ** 2).sum()), solution

    grid = np.linspace(np.log(bin_ms / 2), np.log(lag_ms[-1]), 40)
    best = int(np.argmin([solve(g)[0] for g in grid]))
    if best in (0, grid.size - 1):
        return (np.nan,) * 4
    found: float = optimize.minimize_scalar(
        lambda g: solve(g)[0], bounds=(grid[best - 1], grid[best + 1]), method="bounded"
    ).x
    error, (amplitude, offset) = solve(found)
    if amplitude <= 0:
        return (np.nan,) * 4
    return (
        float(np.exp(found)),
        amplitude,
        offset,
        1.0 - error / float(np.var(values) * values.size),
    )
