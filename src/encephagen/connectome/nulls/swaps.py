"""Degree-preserving swaps (Maslov and Sneppen): for sparse connectomes; dense ones it refuses."""

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections
from encephagen.connectome.nulls.proof import DEGREES, PAIRS, WEIGHTS, Promise, Proof, prove
from encephagen.connectome.nulls.strength import library
from encephagen.rng import stream

TRIES_PER_CONNECTION = 10  # the rewiring parameter of bctpy; it tries each about k / (n - 1) times
MIN_SWAPS_PER_CONNECTION = 1.0  # expected; with fewer the null is mostly its original


def degree_swaps(connectome: Connectome, seed: int = 0) -> tuple[Connectome, Proof]:
    """Swap the ends of connections so that each region keeps its degree.

    From a-b and c-d to a-d and c-b, where these two pairs are unconnected; a connection takes its
    weight and length along. A connected network stays connected. Keeps weights, degrees, and with
    each weight its length; not strengths.

    On a dense connectome no swap is possible, and nothing would change: ValueError. So it is if
    bctpy is not installed, and for what `prove` refuses.
    Source: Maslov and Sneppen 2002, doi 10.1126/science.1065103.
    """
    connections = Connections.of(connectome)
    _check_possible(connections)
    bct = library("bct", "bctpy")
    whole = _n_parts(connectome.weights, connections.mirrored) == 1
    swap = {
        (True, True): bct.randmio_und_connected,
        (True, False): bct.randmio_und,
        (False, True): bct.randmio_dir_connected,
        (False, False): bct.randmio_dir,
    }[connections.mirrored, whole]
    # It moves the numbers of the connections, not their weights, so that lengths can follow.
    numbered = np.zeros((connectome.n, connectome.n))
    numbered[connections.target, connections.source] = np.arange(1, len(connections) + 1)
    if connections.mirrored:
        numbered += numbered.T
    rng = stream(seed, "null", "degree-swaps")
    swapped, _ = swap(numbered, TRIES_PER_CONNECTION, seed=int(rng.integers(2**32)))
    target, source = np.nonzero(np.triu(swapped) if connections.mirrored else swapped)
    order = swapped[target, source].astype(np.int64) - 1
    null = connections.placed(target, source, order, f"degree-swaps {seed}")
    promises = [WEIGHTS, PAIRS, DEGREES]
    if whole:
        promises.append(Promise("a connected network", _parts_error))
    return null, prove("degree-swaps", seed, connectome, null, promises)


def _check_possible(connections: Connections) -> None:
    """Raise ValueError where swaps are impossible, or too rare to make a null in good time."""
    there = connections.connectome.weights > 0
    n, k = connections.connectome.n, len(connections)
    chance = _chance(there, k, connections.mirrored)
    attempts = round(k / (n - 1)) + 1
    expected = TRIES_PER_CONNECTION * k * (1 - (1 - chance) ** attempts)
    if expected < MIN_SWAPS_PER_CONNECTION * k:
        name = connections.connectome.name
        density = np.count_nonzero(there) / (n * (n - 1))
        found = "none can be swapped" if chance == 0 else f"about {expected:.0f} would be swapped"
        raise ValueError(
            f"degree-swaps of {name!r}: of {k:,} connections {found}, expected at least "
            f"{MIN_SWAPS_PER_CONNECTION * k:,.0f} swaps; at density {100 * density:.1f} % nearly "
            "every pair is connected already; use strength, which keeps degrees and strengths, or "
            "make it sparse first (transform.keep_strongest)"
        )


def _chance(there: np.ndarray, k: int, mirrored: bool) -> float:
    """Return the chance that two of ``k`` connections, drawn at random, can be swapped.

    A mirrored pair is drawn in one of two orientations; its swap is counted twice, from the regions
    at either pair of ends.
    """
    tried = k * (k - 1) / 2 * (2 if mirrored else 1)
    return _possible_swaps(there) / (2 if mirrored else 1) / tried


def _possible_swaps(there: np.ndarray) -> float:
    """Return the number of (a-b, c-d), unordered, with a-d and c-b unconnected and all different.

    For rows a and c, b may be any column that a has and c could have but has not; d likewise.
    """
    absent = ~there & ~np.eye(len(there), dtype=bool)
    only = there.astype(float) @ absent.T.astype(float)
    return float((only * only.T).sum() / 2)


def _n_parts(weights: np.ndarray, mirrored: bool) -> int:
    from scipy.sparse.csgraph import connected_components

    return connected_components(weights > 0, directed=not mirrored, connection="strong")[0]


def _parts_error(original: Connectome, null: Connectome) -> float:
    mirrored = Connections.of(original).mirrored
    return float(abs(_n_parts(null.weights, mirrored) - _n_parts(original.weights, mirrored)))
