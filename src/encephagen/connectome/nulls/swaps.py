"""Degree-preserving swaps (Maslov and Sneppen): for sparse connectomes; dense ones it refuses."""

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections
from encephagen.connectome.nulls.proof import DEGREES, PAIRS, WEIGHTS, Promise, Proof, prove
from encephagen.rng import stream

SWAPS_PER_CONNECTION = 10.0
"""Swaps that are aimed at (free)."""
MIN_SWAPS_PER_CONNECTION = 1.0
"""Swaps under which the null is mostly its original (free)."""
MAX_TRIES_PER_CONNECTION = 300
MAX_TRIES = 5_000_000
"""Bounds the time to some 10 s; a connectome so dense that it needs more is refused."""
MAX_CHECKS = 5000
CHECKED = 20_000_000
"""Tests of whether a network is still connected, and the connections that all of them pass over, at
most: some 10 s."""
AT_ONCE = 100_000
"""Tries whose random numbers are drawn together."""


def degree_swaps(connectome: Connectome, seed: int = 0) -> tuple[Connectome, Proof]:
    """Swap the ends of connections so that each region keeps its degree.

    From a-b and c-d to a-d and c-b, where these two pairs are unconnected, and in directed networks
    a loop a-b-c-a is also turned round, without which not every network of these degrees is
    reached; a connection takes its weight and length along. A connected network stays connected.
    Keeps weights, degrees, and with each weight its length; not strengths.

    On a dense connectome no swap is possible, and nothing would change: ValueError. So it is for
    what `prove` refuses.
    Sources: Maslov and Sneppen 2002, doi 10.1126/science.1065103; Rao, Jana and Bandyopadhyay 1996
    for the loops; Viger and Latapy 2016, doi 10.1093/comnet/cnv013, for connectedness.
    """
    connections = Connections.of(connectome)
    n_tries = _tries(connections)
    swaps = Swaps(connections.source, connections.target, connections.mirrored)
    rng = stream(seed, "null", "degree-swaps")
    whole = _n_parts(connectome.weights, connections.mirrored) == 1
    if whole:
        _swap_connected(swaps, connectome.n, n_tries, rng)
    else:
        swaps.run(n_tries, rng)
    order = np.arange(len(connections))
    null = connections.placed(*swaps.ends, order, f"degree-swaps {seed}")
    promises = [WEIGHTS, PAIRS, DEGREES]
    if whole:
        promises.append(Promise("a connected network", _parts_error))
    return null, prove("degree-swaps", seed, connectome, null, promises)


class Swaps:
    """Connections under swaps: a Markov chain whose states, in the end, are equally likely.

    What cannot be swapped stays for that step, so that no network is favoured for having many
    neighbours. Connections are directed, or (``mirrored``) unordered pairs.
    """

    def __init__(self, source: np.ndarray, target: np.ndarray, mirrored: bool) -> None:
        self.mirrored = mirrored
        self.ends = target, source

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets and sources, (k,) each, in the order of the connections that were given."""
        return np.array(self._target), np.array(self._source)

    @ends.setter
    def ends(self, ends: tuple[np.ndarray, np.ndarray]) -> None:
        self._target, self._source = (end.tolist() for end in ends)
        self._number: dict[tuple[int, int], int] = {}
        for e, pair in enumerate(zip(self._source, self._target, strict=True)):
            self._enter(e, *pair)

    def run(self, n_tries: int, rng: np.random.Generator) -> None:
        """Try to swap two connections, drawn at random, ``n_tries`` times."""
        for start in range(0, n_tries, AT_ONCE):
            size = min(AT_ONCE, n_tries - start)
            drawn = rng.integers(len(self._source), size=(size, 2)).tolist()
            # Which end a connection keeps is drawn too, so that weights stay with neither.
            for (e, f), keeps_source in zip(drawn, (rng.random(size) < 0.5).tolist(), strict=True):
                self._swap(e, f, keeps_source)

    def _swap(self, e: int, f: int, keeps_source: bool) -> None:
        a, b, c, d = self._source[e], self._target[e], self._source[f], self._target[f]
        if self.mirrored and keeps_source:
            c, d = d, c
        if b == c and not self.mirrored:
            self._turn(e, f)
        elif a != d and b != c and (a, d) not in self._number and (c, b) not in self._number:
            self._leave(e, f)
            if self.mirrored or keeps_source:
                self._enter(e, a, d)
                self._enter(f, c, b)
            else:
                self._enter(e, c, b)
                self._enter(f, a, d)

    def _turn(self, e: int, f: int) -> None:
        """Turn the loop of a-b and b-d round, if d-a closes it and nothing runs the other way."""
        a, b, d = self._source[e], self._target[e], self._target[f]
        g = self._number.get((d, a))
        if g is None or any(pair in self._number for pair in ((b, a), (d, b), (a, d))):
            return
        self._leave(e, f, g)
        for number, pair in ((e, (b, a)), (f, (d, b)), (g, (a, d))):
            self._enter(number, *pair)

    def _enter(self, e: int, source: int, target: int) -> None:
        self._source[e], self._target[e] = source, target
        self._number[source, target] = e
        if self.mirrored:
            self._number[target, source] = e

    def _leave(self, *numbers: int) -> None:
        for e in numbers:
            del self._number[self._source[e], self._target[e]]
            if self.mirrored:
                del self._number[self._target[e], self._source[e]]


def _swap_connected(swaps: Swaps, n: int, n_tries: int, rng: np.random.Generator) -> None:
    """Swap in windows, and take a window back after which the network is no longer connected.

    Windows grow while they succeed, and shrink where they fail.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    window, done = n_tries, 0
    for _ in range(min(MAX_CHECKS, 10 + CHECKED // (len(swaps.ends[0]) + n))):
        if done >= n_tries:
            return
        window = min(window, n_tries - done)
        before = swaps.ends
        swaps.run(window, rng)
        there = coo_array((np.ones(len(before[0])), swaps.ends), (n, n))
        if connected_components(there, not swaps.mirrored, "strong")[0] == 1:
            done += window
            window *= 2
        else:
            swaps.ends = before
            window = max(window // 4, 1)


def _tries(connections: Connections) -> int:
    """Return how often to try; ValueError where swaps are impossible, or too rare to make a null.

    The chance is that of the first try; it changes little on the way.
    """
    there = connections.connectome.weights > 0
    n, k = connections.connectome.n, len(connections)
    chance = _chance(there, k, connections.mirrored)
    most = min(MAX_TRIES_PER_CONNECTION * k, MAX_TRIES)
    expected = chance * most
    if expected < MIN_SWAPS_PER_CONNECTION * k:
        name = connections.connectome.name
        density = np.count_nonzero(there) / (n * (n - 1))
        found = "none can be swapped" if chance == 0 else f"about {expected:.0f} would be swapped"
        raise ValueError(
            f"degree-swaps of {name!r}: of {k:,} connections {found}, expected at least "
            f"{MIN_SWAPS_PER_CONNECTION * k:,.0f} swaps; at density {100 * density:.1f} % too few "
            "pairs are free; use strength, which keeps degrees and strengths, or make a dense "
            "connectome sparse first (transform.keep_strongest)"
        )
    return min(round(SWAPS_PER_CONNECTION * k / chance), most)


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
