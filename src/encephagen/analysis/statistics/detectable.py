"""Detectable: what a test of so many nulls and seeds would have seen at all."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from encephagen.analysis.statistics.effects import NORMAL, TIE, distances, studentised, within
from encephagen.rng import stream

ALPHA = 0.05
POWER = 0.8
N_SIMULATED = 1000
SHIFT_PRECISION = 0.005
LARGEST_SHIFT = 64.0


@dataclass(frozen=True)
class Detectable:
    """The smallest effect that would have been seen: as Cliff's delta, and in the measure's unit.

    Both are inf where too few nulls make every p larger than alpha.
    """

    delta: float
    difference: float


def detectable_delta(
    n_seeds: int,
    n_nulls: int,
    *,
    seed_spread: float = 1.0,
    alpha: float = ALPHA,
    power: float = POWER,
    n_measures: int = 1,
) -> float:
    """Return the smallest |delta| that p <= alpha finds with probability ``power``; inf if none.

    By simulation of the test on normal values: nulls of spread 1, the real wiring d from their
    mean, its seeds r = ``seed_spread`` apart; delta = 2 Phi(d / sqrt(1 + r^2)) - 1. ``n_measures``
    are those of a `joint_family` (independent ones, the worst case).
    """
    for name, n in (("n_seeds", n_seeds), ("n_nulls", n_nulls), ("n_measures", n_measures)):
        if n < 1:
            raise ValueError(f"{name} {n!r}: expected 1 or more")
    within("alpha", alpha)
    within("power", power)
    if not (math.isfinite(seed_spread) and seed_spread >= 0):
        raise ValueError(f"seed_spread {seed_spread!r}: expected a finite number, 0 or more")
    d = shift(n_seeds, n_nulls, seed_spread, most_beyond(n_nulls, alpha), n_measures, power)
    return delta_of(d, seed_spread)


def most_beyond(n: int, alpha: float) -> int:
    """Return how many of n nulls may lie beyond a value whose p is at most alpha; -1 if none."""
    return math.floor(alpha * (1 + n) * (1.0 + TIE)) - 1


def delta_of(d: float, seed_spread: float) -> float:
    """Return the delta of a shift d from the mean of nulls of spread 1."""
    if math.isinf(d):
        return math.inf
    return 2.0 * NORMAL.cdf(d / math.hypot(1.0, seed_spread)) - 1.0


@lru_cache(maxsize=1024)
def shift(m: int, n: int, r: float, most: int, n_measures: int, power: float) -> float:
    """Return the shift, in spreads of the nulls, seen with probability ``power``; inf if none is.

    Seen is what has at most ``most`` nulls beyond it; see `detectable_delta`.
    """
    if most < 0:
        return math.inf
    generator = stream(0, "detectable effect")
    nulls = generator.normal(size=(N_SIMULATED, n))
    noise = r * np.median(generator.normal(size=(N_SIMULATED, m)), axis=1)
    measure, others = distances, np.zeros(1)
    if n_measures > 1:
        from scipy.special import stdtrit

        # How far a null goes in its other measures: a studentised distance is Student's t.
        farthest = generator.uniform(size=nulls.shape) ** (1.0 / (n_measures - 1.0))
        others = stdtrit(n - 1.0, 0.5 + farthest / 2.0) * math.sqrt(1.0 + 1.0 / n)
        measure = studentised

    def found(d: float) -> bool:
        distance = measure(np.column_stack([d + noise, nulls]))
        beyond = np.maximum(distance[:, 1:], others) >= distance[:, :1]
        return bool(np.mean(beyond.sum(axis=1) <= most) >= power)

    low, high = 0.0, LARGEST_SHIFT
    if not found(high):
        return math.inf
    while high - low > SHIFT_PRECISION:
        middle = (low + high) / 2.0
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
