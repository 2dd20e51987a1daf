"""How certain an agreement of FC is: over time, over runs, and what longer runs would add."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen import rng
from encephagen.analysis.functional_connectivity.matrix import (
    MIN_VOLUMES,
    correlation,
    matched,
    pearson,
    runs_of,
    to_z,
    upper,
)
from encephagen.analysis.signals import require_positive

if TYPE_CHECKING:
    import xarray as xr

BLOCK_S = 60.0
"""Blocks of the bootstrap: several times the memory of BOLD, which is some 10 s (free)."""

MIN_BLOCKS = 4
N_BOOTSTRAP = 1000
CHUNK = 100
"""Draws of a bootstrap that are held in memory at once."""

LEVEL = 0.95


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
    runs, step_s, regions = runs_of(x)
    target = upper(matched(reference, regions))
    _check(level, n_bootstrap)
    require_positive(block_s=block_s)
    per_block = int(np.ceil(block_s / step_s * (1.0 - 1e-9)))
    n_blocks = runs.shape[1] // per_block
    if n_blocks < MIN_BLOCKS:
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
    runs, _, regions = runs_of(x)
    if len(runs) < 3:
        raise ValueError(f"{len(runs)} runs: expected at least 3 to draw from; use more seeds")
    target = upper(matched(reference, regions))
    _check(level, n_bootstrap)
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
    runs, step_s, regions = runs_of(x)
    target = upper(matched(reference, regions))
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
    runs, _, _ = runs_of(x)
    n = runs.shape[1] // 2
    if n < MIN_VOLUMES:
        raise ValueError(f"half a run is {n} volumes: expected {MIN_VOLUMES}; record for longer")
    first, second = (np.tanh(_upper_z(part).mean(axis=0)) for part in (runs[:, :n], runs[:, -n:]))
    return pearson(first, second)


def r_by_duration(
    x: "xr.DataArray", reference: "xr.DataArray", durations_s: Sequence[float]
) -> "xr.DataArray":
    """Return the mean r (duration_s) of single stretches of each duration with a reference.

    Stretches of one duration, rounded to volumes, follow each other without overlap, in every run;
    ``n`` (duration_s) counts them. Raises ValueError for a duration that no run has, or under
    `MIN_VOLUMES` volumes.
    """
    import xarray as xr

    runs, step_s, regions = runs_of(x)
    target = upper(matched(reference, regions))
    means, counts = [], []
    for duration_s in durations_s:
        require_positive(duration_s=duration_s)
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


# ---- within -------------------------------------------------------------------------------------


def _upper_z(runs: np.ndarray) -> np.ndarray:
    """Return Fisher's z (run, pair) of runs (run, time, region)."""
    n = runs.shape[-1]
    return to_z(correlation(runs))[(slice(None), *np.triu_indices(n, 1))]


def _group_r(runs: np.ndarray, target: np.ndarray) -> float:
    return pearson(np.tanh(_upper_z(runs).mean(axis=0)), target)


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


def _check(level: float, n_bootstrap: int) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level}: expected a number between 0 and 1")
    if n_bootstrap < 2:
        raise ValueError(f"n_bootstrap {n_bootstrap}: expected at least 2 draws to have a spread")


def _interval(value: float, z: np.ndarray, level: float, n: int) -> Interval:
    from statistics import NormalDist

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


def _each_pearson(rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    rows, target = rows - rows.mean(axis=1, keepdims=True), target - target.mean()
    return rows @ target / (np.linalg.norm(rows, axis=1) * np.linalg.norm(target))
