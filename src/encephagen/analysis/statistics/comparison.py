"""Comparison: the real wiring against one null, with its verdict in a sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from encephagen.analysis.statistics.detectable import (
    ALPHA,
    POWER,
    Detectable,
    delta_of,
    most_beyond,
    shift,
)
from encephagen.analysis.statistics.effects import (
    LEVEL,
    MARGIN,
    TIE,
    Delta,
    cliffs_delta,
    equivalence_p,
    finite,
    null_p,
    within,
)
from encephagen.rng import stream

N_BOOTSTRAP = 1000


class Verdict(StrEnum):
    """What a comparison says of the real wiring."""

    HIGHER = "real wiring higher"
    LOWER = "real wiring lower"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"
    CONSTANT = "the same in every run"


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
        d = shift(m, n, r, self.most_beyond, self.n_measures, POWER)
        return Detectable(delta_of(d, r), d * spread if spread > 0 else 0.0)

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
    within("margin", margin)
    within("alpha", alpha)
    a, b = finite(real, "real values", 1), finite(nulls, "nulls", 2)
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
        most_beyond=most_beyond(b.size, alpha),
    )


def _difference_interval(a: np.ndarray, b: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the difference of medians."""
    generator = stream(seed, "bootstrap of a difference of medians")
    drawn = [
        np.median(x[generator.integers(x.size, size=(N_BOOTSTRAP, x.size))], axis=1) for x in (a, b)
    ]
    low, high = np.quantile(drawn[0] - drawn[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
