"""The length-binned shuffle: a connection may carry the weight of any about as long."""

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections, length_bins, shuffled
from encephagen.connectome.nulls.proof import MOVED, Promise, Proof, place_relation, prove
from encephagen.rng import stream

N_BINS = 10
RELATION_TOLERANCE = 0.05  # of the rank correlation of weight and length


def length_binned(
    connectome: Connectome, seed: int = 0, *, n_bins: int = N_BINS
) -> tuple[Connectome, Proof]:
    """Permute the connections among those of about the same length.

    Each takes its length along; the ``n_bins`` bins of length are equally full. Keeps weights,
    degrees, and how weight falls with length at each place in the brain; not strengths.

    Raises ValueError without lengths, and for what `prove` refuses.
    """
    connections = Connections.of(connectome)
    bins = length_bins(connections, n_bins)
    order = shuffled(bins, len(connections), stream(seed, "null", "length-binned"))
    null = connections.moved(order, f"length-binned {seed}")
    promises = (*MOVED, stays_in_bins(bins, connections), RELATION)
    return null, prove("length-binned", seed, connectome, null, promises)


def stays_in_bins(bins: list[np.ndarray], connections: Connections) -> Promise:
    """Promise that at each place the length stays in its bin; the error is the fraction outside."""
    length = connections.length_mm
    least, most = np.empty_like(length), np.empty_like(length)
    for members in bins:
        least[members], most[members] = length[members].min(), length[members].max()

    def error(original: Connectome, null: Connectome) -> float:
        there = Connections(null, connections.target, connections.source, connections.mirrored)
        return float(np.mean((there.length_mm < least) | (there.length_mm > most)))

    return Promise("the length bin of each place", error)


def _relation_error(original: Connectome, null: Connectome) -> float:
    before = place_relation(original, original.weights)
    if before != before:  # weights or lengths are all equal: there is no relation to keep
        return 0.0
    return abs(place_relation(original, null.weights) - before)


RELATION = Promise(
    "the weight-length relation", _relation_error, RELATION_TOLERANCE, "use more bins of length"
)
