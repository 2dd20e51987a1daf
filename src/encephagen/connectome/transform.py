"""Pure functions from one connectome to another; each adds a note to the source.

Lengths stay as they are, also where a weight becomes zero. What cannot be done (nothing to
normalise, a number out of range) is a ValueError of one line.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome


def normalise_max(connectome: Connectome) -> Connectome:
    """Divide the weights by the largest, so that it becomes 1.

    Raises ValueError if there is no connection.
    """
    largest = _positive(connectome, connectome.weights.max(), "largest weight")
    return _with(connectome, connectome.weights / largest, "weights over the largest")


def normalise_spectral_radius(connectome: Connectome, radius: float = 1.0) -> Connectome:
    """Scale the weights W so that the largest absolute eigenvalue of W is ``radius``.

    Then dx/dt = -x + g W x is stable for g below 1/radius. Raises ValueError if the spectral radius
    is 0, as that of a network without loops is, or ``radius`` is not positive.
    """
    radius = _real("radius", radius, 0.0, math.inf)
    if radius == 0:
        raise ValueError("radius 0: expected a positive number")
    scale = _positive(connectome, connectome.weights.max(), "largest weight")
    scaled = connectome.weights / scale  # so that large weights do not overflow
    present = float(np.abs(np.linalg.eigvals(scaled)).max())
    # Rounding alone gives a nilpotent matrix eigenvalues of about eps**(1/n).
    present = _positive(connectome, present if _has_loop(scaled) else 0.0, "spectral radius")
    return _with(connectome, scaled * (radius / present), f"spectral radius set to {radius:g}")


def normalise_rows(connectome: Connectome, alpha: float = 1.0) -> Connectome:
    """Divide each row by a power of its sum: W_ij / (sum_k W_ik)^alpha.

    ``alpha`` 0 changes nothing and keeps the differences in strength between regions; 1 gives every
    region the same input; 0.25 is a compromise. Rows without input stay zero. Raises ValueError for
    an ``alpha`` outside 0 to 1.
    """
    alpha = _real("alpha", alpha, 0.0, 1.0)
    with np.errstate(over="ignore"):
        strength = connectome.weights.sum(axis=1, keepdims=True)
    if not np.isfinite(strength).all():
        raise ValueError(
            f"weights of {connectome.name!r} are too large to add (up to "
            f"{connectome.weights.max():g}); apply normalise_max first"
        )
    divisor = np.where(strength > 0, strength, 1.0) ** alpha
    return _with(connectome, connectome.weights / divisor, f"rows over their sum to the {alpha:g}")


def threshold(connectome: Connectome, minimum: float) -> Connectome:
    """Set weights below ``minimum`` to zero. Raises ValueError if it is negative or not finite."""
    minimum = _real("minimum", minimum, 0.0, math.inf)
    kept = np.where(connectome.weights >= minimum, connectome.weights, 0.0)
    return _with(connectome, kept, f"weights below {minimum:g} set to zero")


def keep_strongest(connectome: Connectome, density: float) -> Connectome:
    """Keep the strongest weights, so that ``density`` of the n (n - 1) possible remain.

    Equal weights at the edge all stay. Raises ValueError for a density outside 0 to 1.
    """
    density = _real("density", density, 0.0, 1.0)
    n_kept = round(density * connectome.n * (connectome.n - 1))
    if n_kept == 0:
        kept = np.zeros_like(connectome.weights)
    else:
        off_diagonal = connectome.weights[~np.eye(connectome.n, dtype=bool)]
        least = np.sort(off_diagonal)[-n_kept]
        kept = np.where(connectome.weights >= least, connectome.weights, 0.0)
    return _with(connectome, kept, f"strongest {density:g} of connections kept")


def symmetrise(connectome: Connectome) -> Connectome:
    """Average each weight with its opposite, and each length with its opposite where both exist."""
    w, lengths = connectome.weights, connectome.lengths_mm
    if lengths is not None:
        both = (lengths > 0) & (lengths.T > 0)
        lengths = np.where(both, lengths / 2 + lengths.T / 2, np.maximum(lengths, lengths.T))
    return replace(
        connectome,
        weights=w / 2 + w.T / 2,
        lengths_mm=lengths,
        source=_noted(connectome, "symmetrised"),
        directed=False,
    )


def subset(connectome: Connectome, selector: str | Iterable[Any]) -> Connectome:
    """Keep the regions that ``selector`` names (see `Connectome.indices`), in its order.

    Raises ValueError with the nearest match for a name that selects nothing.
    """
    keep = connectome.indices(selector)
    square = np.ix_(keep, keep)
    lengths = connectome.lengths_mm
    return replace(
        connectome,
        regions=tuple(connectome.regions[i] for i in keep),
        weights=connectome.weights[square],
        lengths_mm=None if lengths is None else lengths[square],
        source=_noted(connectome, f"{len(keep)} of {connectome.n} regions"),
    )


def lateralise(connectome: Connectome, crossing: float = 0.0) -> Connectome:
    """Multiply the weights between left and right by ``crossing``: 0 is a split brain.

    Connections of midline regions stay. Raises ValueError for a negative ``crossing``, or if there
    is no weight between the sides, so that nothing would change.
    """
    crossing = _real("crossing", crossing, 0.0, math.inf)
    side = np.array([{"L": -1, "R": 1}.get(r.hemisphere, 0) for r in connectome.regions])
    across = np.outer(side, side) < 0
    if not (connectome.weights[across] > 0).any():
        raise ValueError(
            f"{connectome.name!r} has no weight between left and right; check the hemispheres of "
            "its regions"
        )
    weights = np.where(across, connectome.weights * crossing, connectome.weights)
    return _with(connectome, weights, f"weights between hemispheres times {crossing:g}")


def _has_loop(weights: np.ndarray) -> bool:
    """Tell whether a path leads from some region back to itself."""
    from scipy.sparse.csgraph import connected_components

    n_groups, _ = connected_components(weights > 0, directed=True, connection="strong")
    return n_groups < len(weights)


def _with(connectome: Connectome, weights: np.ndarray, note: str) -> Connectome:
    return replace(connectome, weights=weights, source=_noted(connectome, note))


def _noted(connectome: Connectome, note: str) -> str:
    return f"{connectome.source}; {note}" if connectome.source else note


def _positive(connectome: Connectome, value: float, what: str) -> float:
    if not value > 0:
        raise ValueError(f"{what} of {connectome.name!r} is 0: expected connections to normalise")
    return float(value)


def _real(what: str, value: float, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (low <= number <= high and math.isfinite(number)):
        bounds = f"{low:g} to {high:g}" if math.isfinite(high) else f"a finite number from {low:g}"
        raise ValueError(f"{what} {value!r}: expected {bounds}")
    return number
