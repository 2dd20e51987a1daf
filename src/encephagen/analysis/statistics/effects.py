"""Effects: where a value lies among nulls, how surely, and whether in their middle."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEVEL = 0.95

MARGIN = 0.474
"""Delta under which a difference is not large (Romano et al. 2006, from Cohen's d of 0.8)."""

TIE = 1e-9
"""What rounding may break is a tie still."""

NORMAL = NormalDist()


@dataclass(frozen=True)
class Delta:
    """Cliff's delta, its interval, and how many independent values it is worth."""

    value: float
    low: float
    high: float
    n_effective: float


def null_p(value: float, nulls: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p of a value among nulls (instance,): (1 + count)/(1 + n).

    ``count`` are the nulls at least as far as the value from the median of them all, the value
    included: so that under the null all n + 1 are exchangeable, and p <= a with probability a at
    most. Phipson and Smyth 2010, doi 10.2202/1544-6115.1585. Raises ValueError for what is not
    finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"the value is {value}: expected a finite number to compare with nulls")
    distance = distances(np.append(value, finite(nulls, "nulls", 1)))
    count = np.count_nonzero(distance[1:] >= distance[0] * (1.0 - TIE))
    return float((1.0 + count) / distance.size)


def map_p(value: float, chance: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p of a correlation among those with maps that are of nothing (map,).

    (1 + count)/(1 + n), count those at least as far from zero: a map and its mirror image are as
    likely. nan for a value that is none. Phipson and Smyth 2010, doi 10.2202/1544-6115.1585.
    """
    if math.isnan(value):
        return math.nan
    distance = np.abs(finite(chance, "maps", 1))
    return float((1.0 + np.count_nonzero(distance >= abs(value) - TIE)) / (1.0 + distance.size))


def cliffs_delta(
    a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, level: float = LEVEL
) -> Delta:
    """Return delta = P(a > b) - P(a < b) over all pairs, with its interval.

    Wilson's interval of (1 + delta)/2 as if it were a proportion of N independent values, N such
    that the variance (1 - delta^2)/N is that of the U-statistic; it is at least that of the smaller
    sample (Birnbaum and Klose 1957, Ann. Math. Stat. 28, 933), and that of b where the samples do
    not overlap. One value of ``a`` is taken as exact.

    A bootstrap would not do: without overlap, where the effects of interest are, all its draws are
    1. Of 95 % intervals of 10 against 20 normal values, delta 0.95, it holds 0.37 to 0.68, this
    0.92 or more (`tests/analytic/test_statistics.py`).
    """
    within("level", level)
    sign = np.sign(finite(a, "a", 1)[:, None] - finite(b, "b", 2)[None, :])
    m, n = sign.shape
    value = float(sign.mean())
    variance = sign.mean(axis=0).var(ddof=1) / n
    if m > 1:
        variance += sign.mean(axis=1).var(ddof=1) / m
    size = float(n)
    if variance > 0:
        size = float(np.clip((1.0 - value**2) / variance, min(m, n), m + n))
    z2 = NORMAL.inv_cdf(0.5 + level / 2.0) ** 2
    shrunk = value * size / (size + z2)
    half = math.sqrt(z2 * (1.0 - value**2) * size + z2**2) / (size + z2)
    return Delta(value, shrunk - half, shrunk + half, size)


def equivalence_p(delta: Delta, margin: float = MARGIN) -> float:
    """Return p of |delta| >= margin: the larger of two one-sided score tests (TOST).

    It is under a where the interval of level 1 - 2a lies within the margin. Schuirmann 1987,
    doi 10.1007/BF01068419.
    """
    within("margin", margin)
    error = math.sqrt((1.0 - margin**2) / delta.n_effective)
    return NORMAL.cdf((abs(delta.value) - margin) / error)


def t_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """Return the interval at `LEVEL` of the mean of values (run,), by Student's t; None for one."""
    x = np.asarray(values, float)
    if x.size < 2:
        return None
    from scipy.special import stdtrit

    half = stdtrit(x.size - 1, 0.5 + LEVEL / 2.0) * x.std(ddof=1) / np.sqrt(x.size)
    return float(x.mean() - half), float(x.mean() + half)


def finite(values: Sequence[float] | np.ndarray, what: str, least: int) -> np.ndarray:
    """Return values in one row; ValueError for too few, and for what is not finite."""
    array = np.asarray(values, float).ravel()
    if array.size < least:
        raise ValueError(f"{array.size} {what}: expected at least {least}")
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{bad} of {array.size} {what} are not finite: the measure does not exist there; "
            "leave it out, or measure what does"
        )
    return array


def distances(values: np.ndarray) -> np.ndarray:
    """Return the distance of values (..., instance) from the median of all."""
    return np.abs(values - np.median(values, axis=-1, keepdims=True))


def studentised(values: np.ndarray) -> np.ndarray:
    """Return the distance of values (..., instance) from the mean of the others, in their spread.

    The same for every instance, so that they stay exchangeable; of the scales tried (the median
    and the mean distance among them) this finds most.
    """
    n = values.shape[-1] - 1.0
    centred = values - values.mean(axis=-1, keepdims=True)
    square = centred**2 * (n + 1.0) / n
    spread = np.sqrt(np.maximum((centred**2).sum(axis=-1, keepdims=True) - square, 0.0) / (n - 1.0))
    distance = np.abs(centred) * (n + 1.0) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance > 0, distance / spread, 0.0)


def within(name: str, value: float) -> None:
    """Raise ValueError, naming it, for a number that is not between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} {value!r}: expected a number between 0 and 1")
