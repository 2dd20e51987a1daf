"""Families: many comparisons, corrected together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from encephagen.analysis.statistics.comparison import Comparison
from encephagen.analysis.statistics.effects import TIE, studentised

Adjust = Callable[[np.ndarray], np.ndarray]


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values (test,) corrected so that any error in the family is as rare as alpha.

    Holm 1979, Scandinavian Journal of Statistics 6, 65.
    """
    p = _probabilities(p)
    order = np.argsort(p)
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return corrected


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values (test,) corrected for the rate of false discoveries.

    Benjamini and Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x. The same as
    `scipy.stats.false_discovery_control`, whose import alone would cost a first answer 0.5 s.
    """
    p = _probabilities(p)
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
    distance = studentised(np.array(values))
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


def _columns(comparisons: Mapping[str, Comparison]) -> tuple[list[str], np.ndarray, np.ndarray]:
    if not comparisons:
        raise ValueError("a family of no comparisons: expected at least one")
    if any(c.uncorrected_p is not None for c in comparisons.values()):
        raise ValueError("comparisons that are corrected already: give those of compare")
    p = np.array([c.p for c in comparisons.values()])
    return list(comparisons), p, np.array([c.equivalence_p for c in comparisons.values()])


def _probabilities(p: Sequence[float] | np.ndarray) -> np.ndarray:
    p = np.asarray(p, float)
    bad = ~((p >= 0) & (p <= 1))
    if bad.any():
        raise ValueError(f"p {p[bad][0]} (of test {bad.argmax()}, from 0): expected 0 to 1")
    return p
