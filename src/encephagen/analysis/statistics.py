"""Does the wiring make the difference, or would any wiring do? Inference over null instances.

A null is a family of connectomes: n instances, each with one value of a measure (its mean, if it
was run with several seeds). The real wiring is one connectome, run with m seeds, and its value is
their median. The unit of inference is the instance. Seeds are no more connectomes: taken for such,
they would tell any one null from its siblings, for no two connectomes are the same.

- `null_p`: could the real wiring be one more instance? Exact for any distribution; where seeds add
  noise, conservative, as one value of an instance carries more of it than the median of the real
  wiring (nulls with several seeds each mend that). n nulls give no p under 1/(1 + n).
- `cliffs_delta`: where does it lie among the nulls? 1 is above all of them, 0 in their middle.
- `equivalence_p`: is it in their middle? Two one-sided tests of delta against a margin.
- `detectable_delta`: what could have been seen at all?

`compare` answers the four; `family` and `joint_family` correct many comparisons together.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np

from encephagen.rng import stream

ALPHA = 0.05
POWER = 0.8
LEVEL = 0.95
N_BOOTSTRAP = 1000
N_SIMULATED = 1000
SHIFT_PRECISION = 0.005
LARGEST_SHIFT = 64.0

MARGIN = 0.474
"""Delta under which a difference is not large (Romano et al. 2006, from Cohen's d of 0.8)."""

TIE = 1e-9
"""What rounding may break is a tie still."""

Adjust = Callable[[np.ndarray], np.ndarray]
NORMAL = NormalDist()


class Verdict(StrEnum):
    """What a comparison says of the real wiring."""

    HIGHER = "real wiring higher"
    LOWER = "real wiring lower"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"
    CONSTANT = "the same in every run"


@dataclass(frozen=True)
class Delta:
    """Cliff's delta, its interval, and how many independent values it is worth."""

    value: float
    low: float
    high: float
    n_effective: float


@dataclass(frozen=True)
class Detectable:
    """The smallest effect that would have been seen: as Cliff's delta, and in the measure's unit.

    Both are inf where too few nulls make every p larger than alpha.
    """

    delta: float
    difference: float


@dataclass(frozen=True)
class Comparison:
    """The real wiring against one null.

    real (seed), nulls (instance)  values of the measure
    difference, low, high          median of real less median of nulls, with its interval
    delta                          Cliff's delta, with its interval
    p, smallest_p                  `null_p`, and the least that so many nulls can give
    equivalence_p, margin          of |delta| < margin
    alpha                          level of the verdict
    most_beyond                    nulls that may lie beyond the real wiring for p to be alpha or
                                   less; -1: nothing would be seen
    n_measures                     of the `joint_family` it is in, or 1

    In a family p and equivalence_p are corrected, what follows from them follows, and
    ``uncorrected_p`` keeps what p was.
    """

    real: tuple[float, ...]
    nulls: tuple[float, ...]
    difference: float
    low: float
    high: float
    delta: Delta
    p: float
    smallest_p: float
    equivalence_p: float
    margin: float
    alpha: float
    most_beyond: int
    n_measures: int = 1
    uncorrected_p: float | None = None

    @cached_property
    def detectable(self) -> Detectable:
        """What this test would have seen with probability `POWER`; see `detectable_delta`.

        The spread of the seeds over that of the nulls is as observed, at most 1.
        """
        spread = float(np.std(self.nulls, ddof=1))
        r = 0.0
        if len(self.real) > 1 and spread > 0:
            r = round(min(1.0, float(np.std(self.real, ddof=1)) / spread), 1)
        m, n = len(self.real), len(self.nulls)
        d = _shift(m, n, r, self.most_beyond, self.n_measures, POWER)
        return Detectable(_delta_of(d, r), d * spread if spread > 0 else 0.0)

    @property
    def verdict(self) -> Verdict:
        """Outside the nulls, in their middle, or neither shown."""
        if len({*self.real, *self.nulls}) == 1:
            return Verdict.CONSTANT
        if self.p <= self.alpha * (1.0 + TIE):
            return Verdict.HIGHER if self.difference > 0 else Verdict.LOWER
        return Verdict.EQUIVALENT if self.equivalence_p <= self.alpha else Verdict.UNDECIDED

    @property
    def sentence(self) -> str:
        """The verdict with its figures; undecided, also what could have been seen."""
        d = self.delta
        figures = f"delta {d.value:.2f} ({d.low:.2f} to {d.high:.2f}), p {self.p:.2g}"
        match self.verdict:
            case Verdict.CONSTANT:
                return f"the same in every run: {self.real[0]:g}"
            case Verdict.EQUIVALENT:
                return f"equivalent within delta {self.margin:g}: {figures}"
            case Verdict.UNDECIDED if math.isinf(self.detectable.delta):
                return (
                    f"undecided: {figures}; {len(self.nulls)} nulls reach p {self.smallest_p:.2g} "
                    f"at best, more are needed for {self.alpha:g}"
                )
            case Verdict.UNDECIDED:
                return (
                    f"undecided: {figures}; could have seen delta >= {self.detectable.delta:.2f}, "
                    f"a difference of {self.detectable.difference:.2g}"
                )
            case verdict:
                return f"{verdict}: {figures}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts, fit for JSON."""
        seen = math.isfinite(self.detectable.delta)
        return {
            "real": list(self.real),
            "nulls": list(self.nulls),
            "difference": self.difference,
            "difference_interval": [self.low, self.high],
            "delta": self.delta.value,
            "delta_interval": [self.delta.low, self.delta.high],
            "p": self.p,
            "uncorrected_p": self.p if self.uncorrected_p is None else self.uncorrected_p,
            "smallest_p": self.smallest_p,
            "equivalence_p": self.equivalence_p,
            "margin": self.margin,
            "detectable_delta": self.detectable.delta if seen else None,
            "detectable_difference": self.detectable.difference if seen else None,
            "alpha": self.alpha,
            "verdict": str(self.verdict),
            "sentence": self.sentence,
        }


def compare(
    real: Sequence[float],
    nulls: Sequence[float],
    *,
    margin: float = MARGIN,
    alpha: float = ALPHA,
    seed: int = 0,
) -> Comparison:
    """Return how the real wiring (seed,) compares with the instances of a null (instance,).

    One real value is taken as exact. ``seed`` is that of the bootstrap of the difference. Raises
    ValueError for no real value, fewer than two nulls, values that are not finite, a margin or an
    alpha outside 0 to 1.
    """
    for name, value in (("margin", margin), ("alpha", alpha)):
        if not 0 < value < 1:
            raise ValueError(f"{name} {value!r}: expected a number between 0 and 1")
    a, b = _values(real, "real values", 1), _values(nulls, "nulls", 2)
    delta = cliffs_delta(a, b)
    low, high = _difference_interval(a, b, seed)
    return Comparison(
        real=tuple(a.tolist()),
        nulls=tuple(b.tolist()),
        difference=float(np.median(a) - np.median(b)),
        low=low,
        high=high,
        delta=delta,
        p=null_p(float(np.median(a)), b),
        smallest_p=1.0 / (1 + b.size),
        equivalence_p=equivalence_p(delta, margin),
        margin=margin,
        alpha=alpha,
        most_beyond=_most_beyond(b.size, alpha),
    )


def null_p(value: float, nulls: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p of a value among nulls (instance,): (1 + count)/(1 + n).

    ``count`` are the nulls at least as far as the value from the median of them all, the value
    included: so that under the null all n + 1 are exchangeable, and p <= a with probability a at
    most. Phipson and Smyth 2010, doi 10.2202/1544-6115.1585.
    """
    distance = _distances(np.append(value, _values(nulls, "nulls", 1)))
    count = np.count_nonzero(distance[1:] >= distance[0] * (1.0 - TIE))
    return float((1.0 + count) / distance.size)


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
    sign = np.sign(_values(a, "a", 1)[:, None] - _values(b, "b", 2)[None, :])
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
    error = math.sqrt((1.0 - margin**2) / delta.n_effective)
    return NORMAL.cdf((abs(delta.value) - margin) / error)


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
    d = _shift(n_seeds, n_nulls, seed_spread, _most_beyond(n_nulls, alpha), n_measures, power)
    return _delta_of(d, seed_spread)


def t_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """Return the interval at `LEVEL` of the mean of values (run,), by Student's t; None for one."""
    x = np.asarray(values, float)
    if x.size < 2:
        return None
    from scipy.special import stdtrit

    half = stdtrit(x.size - 1, 0.5 + LEVEL / 2.0) * x.std(ddof=1) / np.sqrt(x.size)
    return float(x.mean() - half), float(x.mean() + half)


# ---- families -----------------------------------------------------------------------------------


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values (test,) corrected so that any error in the family is as rare as alpha.

    Holm 1979, Scandinavian Journal of Statistics 6, 65.
    """
    p = np.asarray(p, float)
    order = np.argsort(p)
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return corrected


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values (test,) corrected for the rate of false discoveries.

    Benjamini and Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x. The same as
    `scipy.stats.false_discovery_control`, whose import alone would cost a first answer 0.5 s.
    """
    p = np.asarray(p, float)
    order = np.argsort(p)[::-1]
    scaled = p[order] * p.size / np.arange(p.size, 0, -1)
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return corrected


def family(comparisons: Mapping[str, Comparison], adjust: Adjust = holm) -> dict[str, Comparison]:
    """Return comparisons corrected together, by their p alone: `holm` or `benjamini_hochberg`.

    p and equivalence_p are corrected, each among its own. n nulls give no p under 1/(1 + n): of K
    comparisons, Holm's first needs n >= K/alpha - 1 (six measures: 119 nulls). With fewer, every
    sentence says so; measures of the same instances have a better way, `joint_family`.
    """
    names, p, equivalence = _columns(comparisons)
    corrected, same = adjust(p), adjust(equivalence)
    result = {}
    for i, name in enumerate(names):
        c = comparisons[name]
        n = len(c.nulls)
        others = np.tile(p, (n + 1, 1))
        others[:, i] = np.arange(1, n + 2) / (n + 1)
        own = np.array([adjust(row)[i] for row in others])
        result[name] = replace(
            c,
            p=float(corrected[i]),
            uncorrected_p=c.p,
            equivalence_p=float(same[i]),
            smallest_p=float(own[0]),
            most_beyond=int(np.sum(own <= c.alpha * (1.0 + TIE))) - 1,
        )
    return result


def joint_family(comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Return comparisons of several measures of the same instances, corrected together.

    By the largest distance: each of the n + 1 connectomes has, in each measure, a distance from the
    mean of the others in units of their spread; that of the real wiring is compared with the
    farthest that each null goes in any measure, p = (1 + count)/(1 + n). Any error in the family is
    as rare as alpha, and n nulls still reach 1/(1 + n), however many the measures. equivalence_p is
    corrected by `holm`. Westfall and Young 1993, ISBN 0471557617; Nichols and Holmes 2002,
    doi 10.1002/hbm.1058.

    ``nulls`` of all comparisons stand in the same order of instances. Raises ValueError if their
    numbers differ.
    """
    names, _, equivalence = _columns(comparisons)
    sizes = {name: len(comparisons[name].nulls) for name in names}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"comparisons of {min(sizes.values())} to {max(sizes.values())} nulls: expected the "
            "same instances for every measure; make a family of each null"
        )
    n = next(iter(sizes.values()))
    values = [[float(np.median(c.real)), *c.nulls] for c in comparisons.values()]
    distance = _studentised(np.array(values))
    farthest = distance[:, 1:].max(axis=0)
    same = holm(equivalence)
    result = {}
    for i, name in enumerate(names):
        c = comparisons[name]
        count = np.count_nonzero(farthest >= distance[i, 0] * (1.0 - TIE))
        result[name] = replace(
            c,
            p=float((1.0 + count) / (1.0 + n)),
            uncorrected_p=c.p,
            equivalence_p=float(same[i]),
            n_measures=len(names),
        )
    return result


# ---- within -------------------------------------------------------------------------------------


def _values(values: Sequence[float] | np.ndarray, what: str, least: int) -> np.ndarray:
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


def _distances(values: np.ndarray) -> np.ndarray:
    """Return the distance of values (..., instance) from the median of all."""
    return np.abs(values - np.median(values, axis=-1, keepdims=True))


def _studentised(values: np.ndarray) -> np.ndarray:
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


def _difference_interval(a: np.ndarray, b: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the difference of medians."""
    generator = stream(seed, "bootstrap of a difference of medians")
    drawn = [
        np.median(x[generator.integers(x.size, size=(N_BOOTSTRAP, x.size))], axis=1) for x in (a, b)
    ]
    low, high = np.quantile(drawn[0] - drawn[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _columns(comparisons: Mapping[str, Comparison]) -> tuple[list[str], np.ndarray, np.ndarray]:
    if not comparisons:
        raise ValueError("a family of no comparisons: expected at least one")
    if any(c.uncorrected_p is not None for c in comparisons.values()):
        raise ValueError("comparisons that are corrected already: give those of compare")
    p = np.array([c.p for c in comparisons.values()])
    return list(comparisons), p, np.array([c.equivalence_p for c in comparisons.values()])


def _most_beyond(n: int, alpha: float) -> int:
    """Return how many of n nulls may lie beyond a value whose p is at most alpha; -1 if none."""
    return math.floor(alpha * (1 + n) * (1.0 + TIE)) - 1


def _delta_of(shift: float, seed_spread: float) -> float:
    if math.isinf(shift):
        return math.inf
    return 2.0 * NORMAL.cdf(shift / math.hypot(1.0, seed_spread)) - 1.0


@lru_cache(maxsize=1024)
def _shift(m: int, n: int, r: float, most: int, n_measures: int, power: float) -> float:
    """Return the shift, in spreads of the nulls, seen with probability ``power``; inf if none is.

    Seen is what has at most ``most`` nulls beyond it; see `detectable_delta`.
    """
    if most < 0:
        return math.inf
    generator = stream(0, "detectable effect")
    nulls = generator.normal(size=(N_SIMULATED, n))
    noise = r * np.median(generator.normal(size=(N_SIMULATED, m)), axis=1)
    distances, others = _distances, np.zeros(1)
    if n_measures > 1:
        from scipy.special import stdtrit

        # How far a null goes in its other measures: a studentised distance is Student's t.
        farthest = generator.uniform(size=nulls.shape) ** (1.0 / (n_measures - 1.0))
        others = stdtrit(n - 1.0, 0.5 + farthest / 2.0) * math.sqrt(1.0 + 1.0 / n)
        distances = _studentised

    def found(d: float) -> bool:
        distance = distances(np.column_stack([d + noise, nulls]))
        beyond = np.maximum(distance[:, 1:], others) >= distance[:, :1]
        return bool(np.mean(beyond.sum(axis=1) <= most) >= power)

    low, high = 0.0, LARGEST_SHIFT
    if not found(high):
        return math.inf
    while high - low > SHIFT_PRECISION:
        middle = (low + high) / 2.0
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
