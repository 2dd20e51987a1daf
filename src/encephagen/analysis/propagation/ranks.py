"""Ranks: correlations that ask for order alone."""

import numpy as np

from encephagen import rng
from encephagen.analysis.response import N_PERMUTATIONS
from encephagen.connectome.nulls.proof import spearman

FEWEST = 5
"""Regions under which nothing is correlated."""


def rank_correlation(a: np.ndarray, b: np.ndarray, given: np.ndarray | None = None) -> float:
    """Return Spearman's correlation over what is finite, or its partial one ``given`` a third.

    nan with fewer than `FEWEST` pairs, or where one never changes.
    """
    columns = [np.asarray(v, float) for v in (a, b, given) if v is not None]
    use = np.isfinite(columns).all(axis=0)
    if use.sum() < FEWEST:
        return np.nan
    x, y, *third = (v[use] for v in columns)
    r = spearman(x, y)
    if not third:
        return r
    of_x, of_y = spearman(x, third[0]), spearman(y, third[0])
    left = (1 - of_x**2) * (1 - of_y**2)
    return (r - of_x * of_y) / np.sqrt(left) if left > 1e-12 else np.nan


def rank_correlation_p(
    a: np.ndarray, b: np.ndarray, *, n_permutations: int = N_PERMUTATIONS, seed: int = 0
) -> float:
    """Return the two-sided p of `rank_correlation` under permutation; nan where that is nan."""
    from scipy.stats import rankdata

    if not np.isfinite(rank_correlation(a, b)):
        return np.nan
    use = np.isfinite(a) & np.isfinite(b)
    x, y = (rankdata(np.asarray(v)[use]) for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    stream = rng.stream(seed, "propagation", "rank correlation")
    shuffled = stream.permuted(np.tile(x, (n_permutations, 1)), axis=1) @ y
    count = int((np.abs(shuffled) >= abs(x @ y) * (1 - 1e-9)).sum())
    return (1 + count) / (1 + n_permutations)
