"""FC dynamics: how FC in one window is like FC in another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.functional_connectivity.matrix import MIN_VOLUMES, runs_of
from encephagen.analysis.signals import require_positive

if TYPE_CHECKING:
    import xarray as xr

WINDOW_S = 60.0
"""Window of FC dynamics; Hansen et al. 2015, doi 10.1016/j.neuroimage.2014.11.001."""

STEP_S = 5.0
"""Step between windows of FC dynamics (free)."""


def fcd(x: "xr.DataArray", window_s: float = WINDOW_S, step_s: float = STEP_S) -> np.ndarray:
    """Return FC dynamics (pair): how alike FC is between each two windows of a run.

    Upper triangles of FC in sliding windows, correlated with each other; pairs of windows of all
    runs in one vector, none between runs. Windows and steps are rounded to volumes. Windows that
    overlap are among the pairs, as usual, so compare only runs of one length and one step (Hansen
    et al. 2015).

    Raises ValueError if a run is shorter than two windows.
    """
    require_positive(window_s=window_s, step_s=step_s)
    runs, tr_s, regions = runs_of(x)
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
    """Return the Kolmogorov-Smirnov distance between two samples: 0 alike, 1 apart.

    Raises ValueError for an empty sample, and for values that are not finite.
    """
    a, b = np.sort(np.ravel(a)), np.sort(np.ravel(b))
    if not a.size or not b.size:
        raise ValueError(f"samples of {a.size} and {b.size} values: expected at least one each")
    for which, sample in (("first", a), ("second", b)):
        lost = int(np.count_nonzero(~np.isfinite(sample)))
        if lost:
            raise ValueError(
                f"{lost} of {sample.size} values of the {which} sample are not finite: expected "
                "numbers; leave out the run that they are of"
            )
    at = np.concatenate([a, b])
    steps = [np.searchsorted(s, at, side="right") / s.size for s in (a, b)]
    return float(np.abs(steps[0] - steps[1]).max())


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
