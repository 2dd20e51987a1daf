"""Attenuation: how a response fades with distance, delay, rank or hierarchy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encephagen.analysis.propagation.ranks import rank_correlation

LENGTHS = np.geomspace(1e-3, 1e4, 700)


@dataclass(frozen=True, eq=False)
class Attenuation:
    """A response relative to its source along a coordinate (distance, delay, rank, hierarchy).

    relative (region,): response over the mean of the source regions
    far: median of the third of the regions that lies farthest
    length: coordinate over which the response falls to 1/e, by least squares; inf where it does not
    rho: Spearman's, of response and coordinate
    """

    relative: np.ndarray
    far: float
    length: float
    rho: float


def attenuation(
    response_Hz: np.ndarray, source: Sequence[int] | np.ndarray, coordinate: np.ndarray
) -> Attenuation:
    """Return how a response (region,) fades from its source along a coordinate (region,).

    Regions whose coordinate is not finite are left out of all but ``relative``. Raises ValueError
    if the source does not respond.
    """
    at_source = float(response_Hz[np.asarray(source, int)].mean())
    if not at_source > 0:
        raise ValueError(f"response of the source is {at_source:g} Hz; expected above 0")
    relative, x = response_Hz / at_source, np.asarray(coordinate, float)
    use = np.isfinite(x) & np.isfinite(relative)
    use[np.asarray(source, int)] = False
    y, x = relative[use], x[use]
    decay = np.exp(-(x - x.min()) / LENGTHS[:, None])
    amplitude = (decay @ y) / (decay**2).sum(axis=1)
    error = ((y - amplitude[:, None] * decay) ** 2).sum(axis=1)
    best = int(error.argmin())
    length = np.inf if best == LENGTHS.size - 1 else float(LENGTHS[best])
    far = float(np.median(y[x >= np.quantile(x, 2 / 3)]))
    return Attenuation(relative, far, length, rank_correlation(y, x))
