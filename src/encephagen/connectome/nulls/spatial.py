"""Spatial nulls: random maps as smooth, and as alike on both sides of the brain, as a given one."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from encephagen.connectome import atlas
from encephagen.connectome.connectome import Connectome
from encephagen.rng import stream

MIN_REGIONS = 8
MORAN_TOLERANCE = 0.01  # of Moran's I of any null, absolute
MAX_MEAN_CORRELATION = 0.9  # with the original, sign aside: nulls closer to it are none
VARIOGRAM_BINS = 8


@dataclass(frozen=True)
class SpatialProof:
    """How spatial nulls differ from their map, and how well they keep its autocorrelation.

    moran_before        Moran's I of the map, with weights 1 / distance
    moran_after         its mean over the nulls; moran_error is the largest |difference|
    variogram_error     between the map's variogram and the mean of the nulls': sum of |difference|
                        over the sum, in bins of distance that are equally full
    sides_before        correlation of the map's left with its right values, nan without pairs
    sides_after         its mean over the nulls
    mean_correlation    mean |correlation| of a null with the map
    n_effective         effective number of components of the map, 1 / sum of (power fraction)^2:
                        where it is small, few maps are as smooth, and a test has little power
    n_pairs             pairs of homologous regions
    """

    seed: int
    n: int
    moran_before: float
    moran_after: float
    moran_error: float
    variogram_error: float
    sides_before: float
    sides_after: float
    mean_correlation: float
    n_effective: float
    n_pairs: int

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON, None for nan."""
        return {k: None if v != v else v for k, v in dataclasses.asdict(self).items()}


def spatial_null(
    values: Any, connectome: Connectome, n: int = 1000, seed: int = 0
) -> tuple[np.ndarray, SpatialProof]:
    """Return ``n`` random maps with the spatial autocorrelation of ``values``, and the proof.

    values   (regions,) numbers, one a region of ``connectome``, whose centroids must be known
    returns  (n, regions) float64; mean and variance are those of the map, its single values not

    Moran spectral randomisation: the map's components along the eigenvectors of the doubly centred
    matrix of 1 / distance keep their size and get a random sign ("singleton"), so that Moran's I
    stays exactly. Unlike the paper, and BrainSpace, we make distances alike on both sides
    (homologous regions, by name, get mirrored centroids) and take apart the components that are
    even and odd between the sides. So a map's likeness between the sides stays too: else the two
    sides of a brain would count as independent, and p-values come out too small.

    Raises ValueError for values that are not finite or constant, regions without centroid or under
    `MIN_REGIONS`, and nulls that do not keep what they should.
    Source: Wagner and Dray 2015, doi 10.1111/2041-210X.12407.
    """
    x = _checked_map(values, connectome)
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n {n!r}: expected a positive number of null maps")
    pairs = _homologous(connectome)
    distance_mm = _distances(connectome, pairs)
    weights = np.divide(1.0, distance_mm, out=np.zeros_like(distance_mm), where=distance_mm > 0)
    components = _components(weights, pairs)
    power = components.T @ (x - x.mean())
    signs = stream(seed, "null", "spatial").choice([-1.0, 1.0], size=(int(n), len(power)))
    nulls = x.mean() + (signs * power) @ components.T
    proof = _prove(int(seed), x, nulls, weights, distance_mm, pairs, power)
    if proof.moran_error > MORAN_TOLERANCE:
        raise ValueError(
            f"spatial nulls of {connectome.name!r} miss Moran's I {proof.moran_before:.3f} by up "
            f"to {proof.moran_error:.3f}: expected at most {MORAN_TOLERANCE:g}; use regions that "
            "come in pairs of left and right, or of one side only"
        )
    if proof.mean_correlation > MAX_MEAN_CORRELATION:
        raise ValueError(
            f"spatial nulls of {connectome.name!r} correlate with their map at "
            f"{proof.mean_correlation:.2f} on average: expected at most {MAX_MEAN_CORRELATION:g}; "
            "the map is one smooth gradient, of which there are too few to test against"
        )
    return nulls, proof


def morans_i(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Moran's I of maps (..., regions): spatial autocorrelation under ``weights``."""
    d = x - x.mean(axis=-1, keepdims=True)
    n = x.shape[-1]
    return n / weights.sum() * ((d @ weights) * d).sum(axis=-1) / (d**2).sum(axis=-1)


def _checked_map(values: Any, connectome: Connectome) -> np.ndarray:
    try:
        x = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("map: expected a number for each region, nan for none") from None
    n = connectome.n
    if x.shape != (n,):
        raise ValueError(
            f"map of shape {x.shape} for the {n} regions of {connectome.name!r}: expected ({n},)"
        )
    if n < MIN_REGIONS:
        raise ValueError(f"map of {n} regions: expected at least {MIN_REGIONS} for a spatial null")
    bad = np.flatnonzero(~np.isfinite(x))
    if bad.size:
        raise ValueError(
            f"map is {x[bad[0]]:g} at {connectome.names[bad[0]]!r} ({len(bad)} such): expected "
            "finite numbers; take the regions that have one (transform.subset)"
        )
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        raise ValueError(f"map is {x[0]:g} everywhere: expected one that varies")
    lost = [r.name for r in connectome.regions if r.centroid_mm is None]
    if lost:
        raise ValueError(
            f"{connectome.name!r} has no centroid_mm for {lost[0]!r} ({len(lost)} such): a spatial "
            "null needs the position of each region; give it"
        )
    return x


def _homologous(connectome: Connectome) -> np.ndarray:
    """Return (pairs, 2) indices of the left and right regions of the same name."""
    sides: dict[str, dict[str, int]] = {"L": {}, "R": {}}
    for i, region in enumerate(connectome.regions):
        if region.hemisphere in sides:
            sides[region.hemisphere][atlas.split_side(region.name)[1].casefold()] = i
    both = [(i, sides["R"][stem]) for stem, i in sides["L"].items() if stem in sides["R"]]
    return np.array(both, dtype=np.int64).reshape(-1, 2)


def _distances(connectome: Connectome, pairs: np.ndarray) -> np.ndarray:
    """Return distances in mm between centroids, those of each pair made mirror images."""
    at = np.array([r.centroid_mm for r in connectome.regions])
    if len(pairs):
        left, right = at[pairs[:, 0]], at[pairs[:, 1]]
        across = (right - left).mean(axis=0)
        across /= max(float(np.linalg.norm(across)), 1e-12)
        middle = (right + left).mean(axis=0) / 2

        def mirrored(points: np.ndarray) -> np.ndarray:
            return points - 2 * ((points - middle) @ across)[:, None] * across

        at[pairs[:, 1]] = (right + mirrored(left)) / 2
        at[pairs[:, 0]] = mirrored(at[pairs[:, 1]])
    distance = np.linalg.norm(at[:, None] - at[None], axis=2)
    least = distance[distance > 1e-9]
    if not least.size:
        raise ValueError(f"all regions of {connectome.name!r} have one centroid: expected several")
    distance = np.maximum(distance, least.min())  # regions that share a centre are near, not at 0
    np.fill_diagonal(distance, 0.0)
    return distance


def _components(weights: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return (regions, regions) orthonormal columns: even components, then odd ones."""
    n = len(weights)
    alone = np.setdiff1d(np.arange(n), pairs.ravel())
    basis = np.zeros((n, n))  # pairs' sums, single regions, pairs' differences
    n_even = len(pairs) + len(alone)
    for k, (left, right) in enumerate(pairs):
        basis[[left, right], k] = np.sqrt(0.5)
        basis[left, n_even + k], basis[right, n_even + k] = np.sqrt(0.5), -np.sqrt(0.5)
    basis[alone, len(pairs) + np.arange(len(alone))] = 1.0
    centring = np.eye(n) - 1.0 / n
    within = basis.T @ (centring @ weights @ centring) @ basis
    turned = np.zeros((n, n))
    for part in (slice(0, n_even), slice(n_even, n)):
        turned[part, part] = np.linalg.eigh(within[part, part])[1]
    return basis @ turned


def _prove(
    seed: int,
    x: np.ndarray,
    nulls: np.ndarray,
    weights: np.ndarray,
    distance_mm: np.ndarray,
    pairs: np.ndarray,
    power: np.ndarray,
) -> SpatialProof:
    before, after = float(morans_i(x, weights)), morans_i(nulls, weights)
    i, j = np.triu_indices(len(x), 1)
    d = distance_mm[i, j]
    inner = np.quantile(d, np.linspace(0, 1, VARIOGRAM_BINS + 1))[1:-1]
    which = np.searchsorted(inner, d, side="right")
    count = np.maximum(np.bincount(which, minlength=VARIOGRAM_BINS), 1)

    def variogram(squared: np.ndarray) -> np.ndarray:
        return np.bincount(which, squared / 2, minlength=VARIOGRAM_BINS) / count

    own = variogram((x[i] - x[j]) ** 2)
    # mean of (y_i - y_j)^2 over the nulls, from their second moments
    moments = nulls.T @ nulls / len(nulls)
    mean = variogram(moments[i, i] + moments[j, j] - 2 * moments[i, j])

    left, right = pairs.T
    fraction = power**2 / (power**2).sum()
    return SpatialProof(
        seed=seed,
        n=len(nulls),
        moran_before=before,
        moran_after=float(after.mean()),
        moran_error=float(np.abs(after - before).max()),
        variogram_error=float(np.abs(mean - own).sum() / own.sum()),
        sides_before=float(_correlations(x[left], x[right])),
        sides_after=float(_correlations(nulls[:, left], nulls[:, right]).mean()),
        mean_correlation=float(np.abs(_correlations(nulls, x)).mean()),
        n_effective=float(1 / (fraction**2).sum()),
        n_pairs=len(pairs),
    )


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlations of maps along the last axis, nan where there are too few values."""
    if x.shape[-1] < 2:
        return np.full(x.shape[:-1], np.nan)
    x, y = (a - a.mean(axis=-1, keepdims=True) for a in (x, y))
    return (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
