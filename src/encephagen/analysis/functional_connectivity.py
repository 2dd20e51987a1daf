"""Functional connectivity (FC): which regions rise and fall together, measured or simulated alike.

Every function takes the signal of regions over time as an `xarray.DataArray` with the dimensions
(time_s, region) or (subject, time_s, region), whatever made it: `connectome.datasets.fmri` or
`haemodynamics.bold`. A first dimension of any name is a set of runs: subjects of a study, or seeds
of a simulation. FC is Pearson's r; runs are averaged as Fisher's z = arctanh r.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis.haemodynamics import even_step, time_series

if TYPE_CHECKING:
    import xarray as xr

MIN_VOLUMES = 10
"""Fewest volumes, of a run or of a window, from which a correlation is taken (free)."""

BLOCK_S = 60.0
"""Blocks of the bootstrap: several times the memory of BOLD, which is some 10 s (free)."""

MIN_BLOCKS = 4
N_BOOTSTRAP = 1000
CHUNK = 100
"""Draws of a bootstrap that are held in memory at once."""

LEVEL = 0.95

WINDOW_S = 60.0
"""Window of FC dynamics; Hansen et al. 2015, doi 10.1016/j.neuroimage.2014.11.001."""

STEP_S = 5.0
"""Step between windows of FC dynamics (free)."""

BAND_HZ = (0.01, 0.1)
"""Where resting BOLD fluctuates; Biswal et al. 1995, doi 10.1002/mrm.1910340409."""


@dataclass(frozen=True)
class Interval:
    """A correlation with its uncertainty.

    ``low`` and ``high`` bound it at ``level``; ``se_z`` is its standard error as Fisher's z, and
    ``bias_z`` what the resampling itself took away: the noise of a short run lowers r, that of a
    resampled run lowers it once more, so r over an endless run would be higher by about as much.
    ``n`` counts what was resampled.
    """

    value: float
    low: float
    high: float
    level: float
    se_z: float
    bias_z: float
    n: int


@dataclass(frozen=True)
class Doubling:
    """How a correlation with a reference grows with the time from which FC is taken.

    ``r`` is that of the whole, of ``duration_s`` in all runs together; ``r_half`` the mean over its
    halves, measured; ``r_double`` and ``r_limit`` are extrapolated to twice as long and to no end.
    """

    duration_s: float
    r_half: float
    r: float
    r_double: float
    r_limit: float

    @property
    def change(self) -> float:
        """What twice the duration would add to r."""
        return self.r_double - self.r


def fc(x: "xr.DataArray") -> "xr.DataArray":
    """Return functional connectivity (..., region, region_2): Pearson's r, 1 on the diagonal.

    Raises ValueError for fewer than `MIN_VOLUMES` volumes, or a region that never changes.
    """
    values, _, regions = _series(x)
    _require_change(values, regions)
    return _labelled(_correlation(values), regions, _run_coords(x))


def fisher_mean(matrices: "xr.DataArray") -> "xr.DataArray":
    """Return the mean FC (region, region_2) over all other dimensions: tanh of the mean arctanh."""
    regions = _regions(matrices)
    values = matrices.transpose(..., "region", "region_2").values
    z = _z(values).reshape(-1, len(regions), len(regions)).mean(axis=0)
    return _labelled(_r(z), regions)


def group_fc(x: "xr.DataArray") -> "xr.DataArray":
    """Return the FC (region, region_2) of a group: the Fisher mean over its runs."""
    return fisher_mean(fc(x))


def fc_correlation(a: "xr.DataArray", b: "xr.DataArray") -> float:
    """Return Pearson's r between the upper triangles of two FC matrices (region, region_2).

    Regions are matched by name. Raises ValueError, naming them, if they are not the same.
    """
    return _pearson(upper(a), upper(_like(b, a)))


def upper(matrix: "xr.DataArray") -> np.ndarray:
    """Return the upper triangle (pair) of a matrix (region, region_2), without the diagonal."""
    values = matrix.transpose("region", "region_2").values
    return values[np.triu_indices(values.shape[0], 1)]


# ---- uncertainty --------------------------------------------------------------------------------


def interval_over_time(
    x: "xr.DataArray",
    reference: "xr.DataArray",
    *,
    block_s: float = BLOCK_S,
    level: float = LEVEL,
    n_bootstrap: int = N_BOOTSTRAP,
    seed: int = 0,
) -> Interval:
    """Return r between the group FC of x and a reference, with its interval over time.

    Each run is cut into blocks of at least ``block_s``, which are drawn with replacement; the runs
    and the reference stay. The interval is symmetric in z about the estimate, because resampled FC
    is noisier than FC (see `Interval`). It tells of the same network, or subjects, run anew.

    Raises ValueError if a run is shorter than `MIN_BLOCKS` blocks.
    """
    runs, step_s, regions = _runs(x)
    target = upper(_matched(reference, regions))
    per_block = int(np.ceil(block_s / step_s * (1.0 - 1e-9)))
    n_blocks = runs.shape[1] // per_block
    if per_block < 1 or n_blocks < MIN_BLOCKS:
        raise ValueError(
            f"runs of {runs.shape[1] * step_s:g} s hold {n_blocks} blocks of {block_s:g} s: "
            f"expected {MIN_BLOCKS}; record at least {MIN_BLOCKS * block_s:g} s"
        )
    generator = rng.stream(seed, "bootstrap of functional connectivity", "time")
    moments = [_block_moments(run, n_blocks) for run in runs]
    z = np.empty(n_bootstrap)
    for chunk in np.array_split(np.arange(n_bootstrap), -(-n_bootstrap // CHUNK)):
        total = np.zeros((chunk.size, len(target)))
        for of_run in moments:
            share = np.full(n_blocks, 1.0 / n_blocks)
            total += _pooled_z(generator.multinomial(n_blocks, share, chunk.size), of_run)
        z[chunk] = np.arctanh(_each_pearson(np.tanh(total / len(runs)), target))
    return _interval(_group_r(runs, target), z, level, n_blocks * len(runs))


def interval_over_runs(
    x: "xr.DataArray",
    reference: "xr.DataArray",
    *,
    level: float = LEVEL,
    n_bootstrap: int = N_BOOTSTRAP,
    seed: int = 0,
) -> Interval:
    """Return r between the group FC of x and a reference, with its interval over runs.

    Whole runs (subjects, or seeds) are drawn with replacement. It tells of other subjects, or
    other seeds. Of n runs it is too narrow by sqrt(1 - 1/n): a tenth for 5.
    Raises ValueError for fewer than 3 runs.
    """
    runs, _, regions = _runs(x)
    if len(runs) < 3:
        raise ValueError(f"{len(runs)} runs: expected at least 3 to draw from; use more seeds")
    target = upper(_matched(reference, regions))
    each = _upper_z(runs)
    generator = rng.stream(seed, "bootstrap of functional connectivity", "runs")
    drawn = generator.multinomial(len(runs), np.full(len(runs), 1.0 / len(runs)), n_bootstrap)
    z = np.arctanh(_each_pearson(np.tanh(drawn @ each / len(runs)), target))
    return _interval(_group_r(runs, target), z, level, len(runs))


def doubling(x: "xr.DataArray", reference: "xr.DataArray") -> Doubling:
    """Return r between the group FC of x and a reference from half, all and twice the time.

    Sampling noise of FC has a variance of c/T and is independent of the reference, so that
    1/r(T)^2 = (1 + c/T)/r_limit^2: a straight line in 1/T, drawn through the whole and its halves.
    The halves are the first and the second of every run.

    Raises ValueError if half a run has fewer than `MIN_VOLUMES` volumes.
    """
    runs, step_s, regions = _runs(x)
    target = upper(_matched(reference, regions))
    n = runs.shape[1] // 2
    if n < MIN_VOLUMES:
        raise ValueError(
            f"half a run is {n} volumes: expected {MIN_VOLUMES}; record at least "
            f"{2 * MIN_VOLUMES * step_s:g} s"
        )
    r = _group_r(runs, target)
    halves = [_group_r(part, target) for part in (runs[:, :n], runs[:, -n:])]
    r_half = float(np.mean(halves))
    duration_s = runs.shape[0] * runs.shape[1] * step_s
    if min(r_half, r) <= 0 or r_half >= r:  # no noise to extrapolate
        return Doubling(duration_s, r_half, r, r, r)
    slope = 1.0 / r_half**2 - 1.0 / r**2
    # Where r is mostly noise the line may cross 1 too, or even 0: r ends at 1.
    r_double, r_limit = (
        1.0 if at <= 1 else at**-0.5 for at in (1.0 / r**2 - 0.5 * slope, 1.0 / r**2 - slope)
    )
    return Doubling(duration_s, r_half, r, r_double, r_limit)


def split_half(x: "xr.DataArray") -> float:
    """Return r between the FC of the first half of the time and that of the second.

    2 r / (1 + r) estimates the same between two runs as long as the whole (Spearman 1910, Brown
    1910), and the root of that, the highest r which any noiseless model could reach with it.
    """
    runs, _, _ = _runs(x)
    n = runs.shape[1] // 2
    if n < MIN_VOLUMES:
        raise ValueError(f"half a run is {n} volumes: expected {MIN_VOLUMES}; record for longer")
    first, second = (np.tanh(_upper_z(part).mean(axis=0)) for part in (runs[:, :n], runs[:, -n:]))
    return _pearson(first, second)


def r_by_duration(
    x: "xr.DataArray", reference: "xr.DataArray", durations_s: Sequence[float]
) -> "xr.DataArray":
    """Return the mean r (duration_s) of single stretches of each duration with a reference.

    Stretches of one duration follow each other without overlap, in every run; ``n`` (duration_s)
    counts them. Raises ValueError for a duration that no run has, or under `MIN_VOLUMES` volumes.
    """
    import xarray as xr

    runs, step_s, regions = _runs(x)
    target = upper(_matched(reference, regions))
    means, counts = [], []
    for duration_s in durations_s:
        n = round(duration_s / step_s)
        if not MIN_VOLUMES <= n <= runs.shape[1]:
            raise ValueError(
                f"duration {duration_s:g} s is {n} volumes: expected {MIN_VOLUMES} to "
                f"{runs.shape[1]}"
            )
        parts = [run[i : i + n] for run in runs for i in range(0, runs.shape[1] - n + 1, n)]
        means.append(np.mean([_group_r(part[None], target) for part in parts]))
        counts.append(len(parts))
    return xr.DataArray(
        means,
        {"duration_s": list(map(float, durations_s)), "n": ("duration_s", counts)},
        "duration_s",
        "r",
    )


# ---- dynamics -----------------------------------------------------------------------------------


def fcd(x: "xr.DataArray", window_s: float = WINDOW_S, step_s: float = STEP_S) -> np.ndarray:
    """Return FC dynamics (pair): how alike FC is between each two windows of a run.

    Upper triangles of FC in sliding windows, correlated with each other; pairs of windows of all
    runs in one vector, none between runs. Windows that overlap are among the pairs, as usual, so
    compare only runs of one length and one step (Hansen et al. 2015).

    Raises ValueError if a run is shorter than two windows.
    """
    runs, tr_s, regions = _runs(x)
    window, step = round(window_s / tr_s), max(1, round(step_s / tr_s))
    n = runs.shape[1]
    if window < MIN_VOLUMES or n < 2 * window:
        raise ValueError(
            f"runs of {n} volumes ({n * tr_s:g} s), window of {window} ({window_s:g} s): expected "
            f"windows of at least {MIN_VOLUMES} volumes, two of them in a run; record for longer"
        )
    pairs = []
    for run in runs:
        edges = _sliding(run, window, step, regions)
        edges -= edges.mean(axis=1, keepdims=True)
        edges /= np.linalg.norm(edges, axis=1, keepdims=True)
        pairs.append((edges @ edges.T)[np.triu_indices(len(edges), 1)])
    return np.concatenate(pairs)


def fcd_ks(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance between two samples: 0 alike, 1 apart."""
    a, b = np.sort(np.ravel(a)), np.sort(np.ravel(b))
    if not a.size or not b.size:
        raise ValueError(f"samples of {a.size} and {b.size} values: expected at least one each")
    at = np.concatenate([a, b])
    steps = [np.searchsorted(s, at, side="right") / s.size for s in (a, b)]
    return float(np.abs(steps[0] - steps[1]).max())


# ---- power --------------------------------------------------------------------------------------


def band_power(
    x: "xr.DataArray", low_Hz: float = BAND_HZ[0], high_Hz: float = BAND_HZ[1]
) -> "xr.Dataset":
    """Return ``power`` and ``fraction`` (..., region): variance between two frequencies.

    Of the periodogram after removal of a linear trend: power is in the squared unit of x, fraction
    of all variance. Raises ValueError if the band holds no frequency of the run.
    """
    import xarray as xr
    from scipy import signal

    values, step_s, regions = _series(x)
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
    coords = {**_run_coords(x), "region": list(regions)}
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

    values, step_s, _ = _series(x)
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


# ---- within -------------------------------------------------------------------------------------


def _series(x: "xr.DataArray") -> tuple[np.ndarray, float, tuple[str, ...]]:
    values, time_s, regions = time_series(x)
    if values.shape[-2] < MIN_VOLUMES:
        raise ValueError(
            f"{values.shape[-2]} volumes are too few for functional connectivity: expected at "
            f"least {MIN_VOLUMES}; record for longer"
        )
    if len(set(regions)) != len(regions) or len(regions) < 2:
        raise ValueError(f"{len(regions)} regions: expected two or more, with different names")
    return values, even_step(time_s), regions


def _runs(x: "xr.DataArray") -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Return values (run, time, region), the step in s and the regions, checked."""
    values, step_s, regions = _series(x)
    values = values.reshape(-1, *values.shape[-2:])
    _require_change(values, regions)
    return values, step_s, regions


def _require_change(values: np.ndarray, regions: Sequence[str]) -> None:
    """Raise ValueError, naming it, if a region of values (..., time, region) never changes."""
    # Not by its variance: the mean of equal numbers is rounded, so that would not be quite 0.
    still = np.ptp(values, axis=-2) == 0
    if still.any():
        where = np.argwhere(still)[0]
        run = f" of run {where[0]}" if values.ndim > 2 else ""
        raise ValueError(
            f"the signal of {regions[where[-1]]}{run} never changes ({int(still.sum())} such in "
            "all), so it correlates with nothing; leave it out or record for longer"
        )


def _correlation(values: np.ndarray) -> np.ndarray:
    """Return correlations (..., region, region) of values (..., time, region)."""
    deviation = values - values.mean(axis=-2, keepdims=True)
    deviation /= np.sqrt((deviation**2).sum(axis=-2))[..., None, :]
    r = np.clip(np.swapaxes(deviation, -1, -2) @ deviation, -1.0, 1.0)
    r[..., np.arange(r.shape[-1]), np.arange(r.shape[-1])] = 1.0
    return r


def _sliding(run: np.ndarray, window: int, step: int, regions: Sequence[str]) -> np.ndarray:
    """Return the upper triangles of FC (window, pair) in sliding windows of a run (time, region).

    From running sums of products: many small matrix products cost more than one pass.
    """
    starts = np.arange(0, len(run) - window + 1, step)
    x = (run - run.mean(axis=0)) / run.std(axis=0)
    i, j = np.triu_indices(x.shape[1], 1)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return (sums[starts + window] - sums[starts]) / window

    first, variance = mean(x), mean(x**2)
    variance -= first**2
    still = np.argwhere(variance < 1e-9)  # of the run's; running sums are exact to 1e-12
    if still.size:
        raise ValueError(
            f"the signal of {regions[still[0, 1]]} hardly changes in the window at volume "
            f"{starts[still[0, 0]]}, so it correlates with nothing; leave it out"
        )
    spread = np.sqrt(variance)
    r = (mean(x[:, i] * x[:, j]) - first[:, i] * first[:, j]) / (spread[:, i] * spread[:, j])
    return np.clip(r, -1.0, 1.0)


def _z(r: np.ndarray) -> np.ndarray:
    """Return Fisher's z, with 0 on the diagonal; copies of one signal stay finite."""
    inside = np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12)
    return np.arctanh(inside) * (1.0 - np.eye(r.shape[-1]))


def _r(z: np.ndarray) -> np.ndarray:
    return np.tanh(z) + np.eye(z.shape[-1])


def _upper_z(runs: np.ndarray) -> np.ndarray:
    """Return Fisher's z (run, pair) of runs (run, time, region)."""
    n = runs.shape[-1]
    return _z(_correlation(runs))[(slice(None), *np.triu_indices(n, 1))]


def _group_r(runs: np.ndarray, target: np.ndarray) -> float:
    return _pearson(np.tanh(_upper_z(runs).mean(axis=0)), target)


def _block_moments(run: np.ndarray, n_blocks: int) -> tuple[np.ndarray, ...]:
    """Return per block: volumes, sums (region), sums of products (pair), of squares (region)."""
    run = run - run.mean(axis=0)
    i, j = np.triu_indices(run.shape[1], 1)
    parts = np.array_split(run, n_blocks)
    return (
        np.array([len(p) for p in parts], float),
        np.stack([p.sum(axis=0) for p in parts]),
        np.stack([(p.T @ p)[i, j] for p in parts]),
        np.stack([(p**2).sum(axis=0) for p in parts]),
    )


def _pooled_z(weights: np.ndarray, moments: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return Fisher's z (draw, pair) of blocks joined, each as often as weights (draw, block)."""
    n, total, products, squares = (weights @ m for m in moments)
    i, j = np.triu_indices(total.shape[1], 1)
    mean = total / n[:, None]
    spread = np.sqrt(np.maximum(squares / n[:, None] - mean**2, np.finfo(float).tiny))
    r = (products / n[:, None] - mean[:, i] * mean[:, j]) / (spread[:, i] * spread[:, j])
    return np.arctanh(np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12))


def _interval(value: float, z: np.ndarray, level: float, n: int) -> Interval:
    from statistics import NormalDist

    if not 0 < level < 1:
        raise ValueError(f"level {level}: expected a number between 0 and 1")
    centre, se = np.arctanh(value), float(z.std(ddof=1))
    half = NormalDist().inv_cdf(0.5 + level / 2.0) * se
    return Interval(
        value,
        float(np.tanh(centre - half)),
        float(np.tanh(centre + half)),
        level,
        se,
        float(z.mean() - centre),
        n,
    )


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("all pairs have the same value: r is not defined; expected them to differ")
    return float(np.corrcoef(a, b)[0, 1])


def _each_pearson(rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    rows, target = rows - rows.mean(axis=1, keepdims=True), target - target.mean()
    return rows @ target / (np.linalg.norm(rows, axis=1) * np.linalg.norm(target))


def _labelled(
    values: np.ndarray, regions: Sequence[str], runs: dict[str, Any] | None = None
) -> "xr.DataArray":
    import xarray as xr

    coords = {**(runs or {}), "region": list(regions), "region_2": list(regions)}
    return xr.DataArray(values, coords, tuple(coords), "fc")


def _run_coords(x: "xr.DataArray") -> dict[str, Any]:
    """Return the coordinates of the dimensions of x that are neither region nor time."""
    names = [d for d in x.dims if d != "region" and not str(d).startswith("time_")]
    return {str(d): x[d].values for d in names}


def _regions(matrix: "xr.DataArray") -> tuple[str, ...]:
    missing = {"region", "region_2"} - set(matrix.dims)
    if missing:
        raise ValueError(
            f"matrix has dimensions {tuple(map(str, matrix.dims))}: expected region and region_2"
        )
    return tuple(map(str, matrix["region"].values.tolist()))


def _like(matrix: "xr.DataArray", other: "xr.DataArray") -> "xr.DataArray":
    return _matched(matrix, _regions(other))


def _matched(matrix: "xr.DataArray", regions: Sequence[str]) -> "xr.DataArray":
    """Return the matrix in the order of regions; ValueError, naming them, if they differ."""
    own = _regions(matrix)
    if own == tuple(regions):
        return matrix
    extra = [r for r in regions if r not in set(own)]
    lacking = [r for r in own if r not in set(regions)]
    if extra or lacking:
        raise ValueError(
            f"parcellations differ: {_some(extra)} only in the first, {_some(lacking)} only in "
            "the second; compare data of one parcellation"
        )
    return matrix.sel(region=list(regions), region_2=list(regions))


def _some(names: Sequence[str], most: int = 3) -> str:
    if not names:
        return "no region"
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
