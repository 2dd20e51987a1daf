"""The boundary-preserving shuffle: what the senses and the muscles touch stays."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections, shuffled
from encephagen.connectome.nulls.proof import MOVED, Promise, Proof, prove
from encephagen.rng import stream

BOUNDARY = ("visual", "auditory", "somatosensory", "motor")


def boundary_preserving(
    connectome: Connectome, seed: int = 0, *, boundary: str | Iterable[Any] = BOUNDARY
) -> tuple[Connectome, Proof]:
    """Permute the connections that touch no sensory or motor region.

    Each takes its length along. ``boundary`` selects the regions whose every connection stays (see
    `Connectome.indices`); without that, nulls win by making shortcuts from the senses to the
    muscles. Keeps weights, degrees, with each weight its length, and the boundary; not the
    strengths in the interior.

    Raises ValueError for a boundary that selects nothing or leaves no interior, and for what
    `prove` refuses.
    """
    connections = Connections.of(connectome)
    touched = np.zeros(connectome.n, dtype=bool)
    touched[connectome.indices(boundary)] = True
    inside = np.flatnonzero(~(touched[connections.target] | touched[connections.source]))
    if len(inside) < 2:
        raise ValueError(
            f"{connectome.name!r} has {len(inside)} connections that touch none of the "
            f"{touched.sum()} regions of the boundary: expected at least two to permute; choose a "
            "smaller boundary"
        )
    rng = stream(seed, "null", "boundary")
    null = connections.moved(shuffled([inside], len(connections), rng), f"boundary {seed}")
    return null, prove("boundary", seed, connectome, null, (*MOVED, _untouched(touched)))


def _untouched(touched: np.ndarray) -> Promise:
    rows = touched[:, None] | touched[None, :]

    def error(original: Connectome, null: Connectome) -> float:
        weights = np.abs(original.weights - null.weights)[rows].max()
        if original.lengths_mm is None or null.lengths_mm is None:
            return float(weights)
        return float(max(weights, np.abs(original.lengths_mm - null.lengths_mm)[rows].max()))

    return Promise("each connection of the boundary", error)
