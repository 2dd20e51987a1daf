"""The homogeneous connectome: every connection alike."""

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections, renamed
from encephagen.connectome.nulls.proof import DEGREES, LENGTHS, TOTAL, Proof, prove


def homogeneous(connectome: Connectome, seed: int = 0) -> tuple[Connectome, Proof]:
    """Give each connection the mean weight.

    Keeps the total weight, degrees (which pairs are connected: on a dense connectome that is all of
    them) and lengths in place, so delays follow the brain's geometry; nothing of the weights.
    Nothing is drawn: every ``seed`` gives the same.

    Raises ValueError for what `prove` refuses: weights that are equal already, among others.
    """
    Connections.of(connectome)  # there must be some
    there = connectome.weights > 0
    weights = np.where(there, connectome.weights[there].mean(), 0.0)
    null = renamed(connectome, "homogeneous", weights, connectome.lengths_mm)
    return null, prove("homogeneous", seed, connectome, null, (TOTAL, DEGREES, LENGTHS))
