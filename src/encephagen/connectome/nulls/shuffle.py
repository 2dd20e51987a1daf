"""The weight shuffle: any connection may carry any weight."""

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections, shuffled
from encephagen.connectome.nulls.proof import MOVED, Proof, prove
from encephagen.rng import stream


def weight_shuffle(connectome: Connectome, seed: int = 0) -> tuple[Connectome, Proof]:
    """Permute the connections over all connected pairs.

    Each takes its length along. Keeps weights, degrees, and with each weight its length; not
    strengths, nor where in the brain strong and short connections run.

    Raises ValueError for what `prove` refuses.
    """
    connections = Connections.of(connectome)
    everything = [np.arange(len(connections))]
    order = shuffled(everything, len(connections), stream(seed, "null", "weight-shuffle"))
    null = connections.moved(order, f"weight-shuffle {seed}")
    return null, prove("weight-shuffle", seed, connectome, null, MOVED)
