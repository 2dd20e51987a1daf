"""Latency: when a response arrives, beside the conduction delay of its fibres."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from encephagen import rng
from encephagen.analysis.propagation.ranks import FEWEST, rank_correlation, rank_correlation_p
from encephagen.analysis.propagation.reach import WINDOW_MS
from encephagen.analysis.response import N_PERMUTATIONS
from encephagen.connectome.connectome import Connectome

SMOOTH_MS = 10.0
"""Standard deviation of the Gaussian that smooths a time course before its latency is read."""

HALF = 0.5
"""Fraction of its peak at which a response has arrived."""

N_BOOTSTRAP = 500
LEVEL = 0.95


def tract_delay_ms(
    connectome: Connectome, source: Sequence[int] | np.ndarray, velocity_mm_per_ms: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return conduction delays (region,) from the nearest source: direct, and by the fastest path.

    Direct is fibre length over velocity (nan without a fibre); a path may pass through any regions,
    and costs its fibres alone. Raises ValueError without fibre lengths.
    """
    from scipy.sparse.csgraph import dijkstra

    if connectome.lengths_mm is None:
        raise ValueError(
            f"{connectome.name!r} has no fibre lengths; a latency has nothing to be compared with"
        )
    delay = np.where(connectome.weights > 0, connectome.lengths_mm, 0.0) / velocity_mm_per_ms
    source = np.asarray(source, int)
    direct = np.where(delay > 0, delay, np.inf)[:, source].min(axis=1)
    direct[source] = 0.0
    fastest = dijkstra(delay.T, indices=source).min(axis=0)  # csgraph reads [source, target]
    return tuple(np.where(np.isfinite(d), d, np.nan) for d in (direct, fastest))  # type: ignore[return-value]


def latency_ms(
    course: np.ndarray,
    bin_ms: float,
    before_ms: float,
    *,
    fraction: float = HALF,
    until_ms: float = WINDOW_MS[1],
    smooth_ms: float = SMOOTH_MS,
) -> np.ndarray:
    """Return when evoked rates (time, region) first reach a fraction of their own peak (region,).

    Time is from the onset; the course is smoothed by a Gaussian, which shifts no flank, and read
    between bins linearly. nan where no rate rises, or where it is above from the start.
    """
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(course, smooth_ms / bin_ms, axis=0)
    # A flank that smoothing has carried over the onset still counts.
    first = max(0, round((before_ms - 2 * smooth_ms) / bin_ms))
    stop = round((before_ms + until_ms) / bin_ms)
    smooth = smooth[first:stop]
    level = fraction * smooth.max(axis=0)
    above = smooth >= level
    i = above.argmax(axis=0)
    column = np.arange(course.shape[1])
    low, high = smooth[i - 1, column], smooth[i, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = (first + i - 0.5 + (level - low) / (high - low)) * bin_ms - before_ms
    return np.where((i > 0) & (level > 0), at, np.nan)


class Correlation(NamedTuple):
    """A rank correlation with its bootstrap interval and its p under permutation; n regions."""

    rho: float
    low: float
    high: float
    p: float
    n: int


def latency_correlation(
    courses: np.ndarray,
    bin_ms: float,
    before_ms: float,
    delay_ms: np.ndarray,
    members: np.ndarray,
    *,
    n_bootstrap: int = N_BOOTSTRAP,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Correlation:
    """Return Spearman's rho of latency and delay (region,) over the regions ``members``.

    courses (sample, time, region) are averaged; p is a permutation over regions. The interval is a
    bootstrap over samples (seeds, or trials); it lies low, as a sample that is drawn twice averages
    no noise away. nan with fewer than `FEWEST` regions.
    """
    use = np.flatnonzero(np.asarray(members) & np.isfinite(delay_ms))
    courses, delay_ms, n = courses[:, :, use], np.asarray(delay_ms)[use], len(courses)

    def latency(drawn: np.ndarray) -> np.ndarray:
        return latency_ms(courses[drawn].mean(axis=0), bin_ms, before_ms)

    found, low, high = latency(np.arange(n)), np.nan, np.nan
    if n > 1 and use.size >= FEWEST:
        stream = rng.stream(seed, "propagation", "latency")
        drawn = [stream.integers(0, n, n) for _ in range(n_bootstrap)]
        tail = 100 * (1 - LEVEL) / 2
        rhos = [rank_correlation(latency(d), delay_ms) for d in drawn]
        low, high = np.nanpercentile(rhos, [tail, 100 - tail])
    return Correlation(
        rank_correlation(found, delay_ms),
        float(low),
        float(high),
        rank_correlation_p(found, delay_ms, n_permutations=n_permutations, seed=seed),
        int(np.isfinite(found).sum()),
    )
