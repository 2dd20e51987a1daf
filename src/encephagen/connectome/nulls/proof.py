"""What a null must show: that it differs, by how much, and that it keeps what it promises."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome, symmetric
from encephagen.files import plain

# A null of which less has changed, or which follows its original more closely, is none: it raises.
MIN_FRACTION_CHANGED = 0.1
MAX_CORRELATION = 0.99
CHANGED_RTOL = 1e-9  # rounding is no change
CURVE_BINS = 10  # of the weight-length curve, equally full


@dataclass(frozen=True)
class Promise:
    """What a null says that it keeps: ``error(original, null)`` is at most ``tolerance``.

    ``remedy`` is what helps where it is broken.
    """

    what: str
    error: Callable[[Connectome, Connectome], float]
    tolerance: float = 0.0
    remedy: str = "this null is at fault, not the connectome: report it"


@dataclass(frozen=True)
class Kept:
    """A promise after it was checked: ``error`` was measured, and is at most ``tolerance``."""

    what: str
    error: float
    tolerance: float


@dataclass(frozen=True)
class WeightLength:
    """How weight goes with fibre length, before and after.

    In a null that moves connections, each keeps its own length, and so leaves the place in the
    brain where a fibre of that length runs. ``after`` is along the null's own lengths, which is
    what a simulation sees; ``place`` is along the original's lengths at the same pairs of regions.

    rho_*     Spearman correlation of weight and length over the connections; nan if constant
    edges_mm  limits of the bins, equally full in the original
    before, after, place  geometric mean weight in each bin; nan where it is empty
    """

    rho_before: float
    rho_after: float
    rho_place: float
    edges_mm: tuple[float, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    place: tuple[float, ...]


@dataclass(frozen=True)
class Proof:
    """How a null differs from its original, and what it was checked to keep.

    Entries are pairs [target, source] connected in the original, the null or both.

    original, null      digests
    fraction_changed    of entries whose weight differs
    correlation         Pearson, of weights, over the entries; nan if one side is constant
    log_correlation     Pearson, of log weights, over pairs connected in both; nan likewise
    strength_error      sum over regions of |strength - original| over the total strength; of in-
                        and out-strength, the larger
    strength_error_max  the largest |strength - original| / original of a region; likewise
    degree_kept         whether every region has its numbers of in- and outgoing connections
    density_before, density_after  connections over n (n - 1)
    weight_length       None where lengths are unknown
    kept                what the null promises, each with its error
    """

    name: str
    seed: int
    original: str
    null: str
    fraction_changed: float
    correlation: float
    log_correlation: float
    strength_error: float
    strength_error_max: float
    degree_kept: bool
    density_before: float
    density_after: float
    weight_length: WeightLength | None
    kept: tuple[Kept, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON: plain types, None for nan."""
        return plain(dataclasses.asdict(self))


def prove(
    name: str, seed: int, original: Connectome, null: Connectome, promises: Iterable[Promise] = ()
) -> Proof:
    """Return the proof that ``null`` is a null of ``original`` and keeps ``promises``.

    Symmetric weights must stay so: that is promised for every null.

    Raises ValueError for a null that is its original, or nearly (`MIN_FRACTION_CHANGED`,
    `MAX_CORRELATION`), and for a promise that was broken.
    """
    before, after = original.weights, null.weights
    entries = (before > 0) | (after > 0)
    x, y = before[entries], after[entries]
    both = (x > 0) & (y > 0)
    changed = float(np.mean(np.abs(x - y) > CHANGED_RTOL * np.maximum(x, y))) if x.size else 0.0
    correlation = pearson(x, y)
    log_correlation = pearson(np.log(x[both]), np.log(y[both]))
    if changed < MIN_FRACTION_CHANGED:
        raise ValueError(
            f"{name} of {original.name!r} changed {100 * changed:.1f} % of the weights: expected "
            f"at least {100 * MIN_FRACTION_CHANGED:g} %; this connectome leaves that null too "
            "little to change, choose another"
        )
    if min(correlation, log_correlation) > MAX_CORRELATION:
        raise ValueError(
            f"{name} of {original.name!r} correlates with its original at {correlation:.4f} "
            f"(log weights {log_correlation:.4f}): expected {MAX_CORRELATION} or less; this "
            "connectome leaves that null too little to change, choose another"
        )
    promised = list(promises)
    if symmetric(before):
        promised.append(SYMMETRY)
    kept = []
    for p in promised:
        error = float(p.error(original, null))
        if not error <= p.tolerance:
            raise ValueError(
                f"{name} of {original.name!r}, seed {seed}, broke its promise to keep {p.what}: "
                f"error {error:.3g}, expected at most {p.tolerance:g}; {p.remedy}"
            )
        kept.append(Kept(p.what, error, p.tolerance))
    n_pairs = max(original.n * (original.n - 1), 1)
    return Proof(
        name=name,
        seed=int(seed),
        original=original.digest(),
        null=null.digest(),
        fraction_changed=changed,
        correlation=correlation,
        log_correlation=log_correlation,
        strength_error=strength_error(original, null),
        strength_error_max=strength_error_max(original, null),
        degree_kept=degree_error(original, null) == 0,
        density_before=np.count_nonzero(before) / n_pairs,
        density_after=np.count_nonzero(after) / n_pairs,
        weight_length=_weight_length(original, null),
        kept=tuple(kept),
    )


# ---- what can be kept ---------------------------------------------------------------------------


def strength_error(original: Connectome, null: Connectome) -> float:
    """Return the sum of |strength - original| over the total, of in- and out- the larger."""
    total = original.weights.sum()
    return max(float(np.abs(d).sum() / total) for d, _ in _strengths(original, null))


def strength_error_max(original: Connectome, null: Connectome) -> float:
    """Return the largest relative error of a region's in- or out-strength; inf if it was 0."""
    worst = 0.0
    for difference, strength in _strengths(original, null):
        there = strength > 0
        worst = max(worst, float(np.max(np.abs(difference[there]) / strength[there], initial=0.0)))
        if (difference[~there] != 0).any():
            worst = math.inf
    return worst


def degree_error(original: Connectome, null: Connectome) -> float:
    """Return by how many connections the in- or out-degree of a region differs at most."""
    before, after = original.weights > 0, null.weights > 0
    return float(max(np.abs(after.sum(axis=a) - before.sum(axis=a)).max() for a in (0, 1)))


def _strengths(original: Connectome, null: Connectome) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = [(null.weights.sum(axis=a), original.weights.sum(axis=a)) for a in (0, 1)]
    return [(after - before, before) for after, before in pairs]


def _weights_error(original: Connectome, null: Connectome) -> float:
    before, after = (np.sort(c.weights, axis=None) for c in (original, null))
    return float(np.abs(before - after).max() / before.max())


def _pairs_error(original: Connectome, null: Connectome) -> float:
    """Return the largest difference between the sorted pairs (weight, length), in mm."""
    if original.lengths_mm is None or null.lengths_mm is None:
        return 0.0 if original.lengths_mm is null.lengths_mm else math.inf
    tables = []
    for c in (original, null):
        there = c.weights > 0
        weight, length = c.weights[there], c.lengths_mm[there]  # type: ignore[index]
        tables.append(length[np.lexsort((length, weight))])
    if len(tables[0]) != len(tables[1]):
        return math.inf
    return float(np.abs(tables[0] - tables[1]).max())


def _length_error(original: Connectome, null: Connectome) -> float:
    if original.lengths_mm is None or null.lengths_mm is None:
        return 0.0 if original.lengths_mm is null.lengths_mm else math.inf
    return float(np.abs(original.lengths_mm - null.lengths_mm).max())


def _total_error(original: Connectome, null: Connectome) -> float:
    return float(abs(null.weights.sum() / original.weights.sum() - 1))


def _asymmetry(original: Connectome, null: Connectome) -> float:
    w = null.weights
    return float(np.abs(w - w.T).max() / w.max())


WEIGHTS = Promise("the weights, rearranged", _weights_error)
PAIRS = Promise("with each weight its length", _pairs_error)
DEGREES = Promise("the degree of each region", degree_error)
STRENGTHS = Promise(
    "the strengths of regions",
    strength_error,
    0.01,
    "too few connections can change places here; choose a null that does not keep strengths",
)
TOTAL = Promise("the total weight", _total_error, 1e-9)
LENGTHS = Promise("the lengths, in place", _length_error)
SYMMETRY = Promise("symmetry", _asymmetry, 1e-9)
MOVED = (WEIGHTS, PAIRS, DEGREES)  # by each null that moves connections among the connected pairs


# ---- statistics ---------------------------------------------------------------------------------


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Return the correlation of two vectors, nan where one is constant (but for rounding)."""
    if x.size < 2 or _constant(x) or _constant(y):
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return the rank correlation of two vectors, nan where one is constant (but for rounding)."""
    from scipy.stats import rankdata

    if x.size < 2 or _constant(x) or _constant(y):
        return math.nan
    return pearson(rankdata(x), rankdata(y))


def place_relation(original: Connectome, weights: np.ndarray) -> float:
    """Return the Spearman correlation of ``weights`` with the original's lengths, pair by pair.

    ``original`` must have lengths; nan where there is nothing to correlate.
    """
    lengths = original.lengths_mm
    assert lengths is not None
    there = (weights > 0) & (lengths > 0)
    return spearman(weights[there], lengths[there])


def _constant(x: np.ndarray) -> bool:
    return bool(np.ptp(x) <= CHANGED_RTOL * np.abs(x).max())


def _weight_length(original: Connectome, null: Connectome) -> WeightLength | None:
    if original.lengths_mm is None or null.lengths_mm is None:
        return None
    lengths = original.lengths_mm[original.weights > 0]
    edges = np.quantile(lengths, np.linspace(0, 1, CURVE_BINS + 1))

    def curve(weights: np.ndarray, lengths_mm: np.ndarray) -> tuple[float, ...]:
        there = (weights > 0) & (lengths_mm > 0)
        which = np.searchsorted(edges[1:-1], lengths_mm[there], side="right")
        count = np.bincount(which, minlength=CURVE_BINS)
        total = np.bincount(which, np.log(weights[there]), minlength=CURVE_BINS)
        with np.errstate(invalid="ignore"):
            return tuple(np.exp(total / np.where(count, count, np.nan)).tolist())

    return WeightLength(
        rho_before=place_relation(original, original.weights),
        rho_after=place_relation(null, null.weights),
        rho_place=place_relation(original, null.weights),
        edges_mm=tuple(edges.tolist()),
        before=curve(original.weights, original.lengths_mm),
        after=curve(null.weights, null.lengths_mm),
        place=curve(null.weights, original.lengths_mm),
    )
