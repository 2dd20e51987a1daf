"""The connections of a connectome as things that move, each with its weight and its length."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from encephagen.connectome.connectome import Connectome, symmetric


@dataclass(frozen=True, eq=False)
class Connections:
    """What a null moves: (k,) pairs of regions, ``target`` and ``source``.

    Where the weights are symmetric (``mirrored``), a connection is an unordered pair, target before
    source, and moves with both its directions; otherwise it is one direction.
    """

    connectome: Connectome
    target: np.ndarray
    source: np.ndarray
    mirrored: bool

    @classmethod
    def of(cls, connectome: Connectome) -> "Connections":
        """Return the connections of a connectome. Raises ValueError if there are under two."""
        mirrored = symmetric(connectome.weights)
        there = connectome.weights > 0
        target, source = np.nonzero(np.triu(there) if mirrored else there)
        if len(target) < 2:
            raise ValueError(
                f"{connectome.name!r} has {len(target)} connections: expected at least two, so "
                "that they can change places"
            )
        return cls(connectome, target, source, mirrored)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def weight(self) -> np.ndarray:
        """Weights, (k,)."""
        return self.connectome.weights[self.target, self.source]

    @property
    def length_mm(self) -> np.ndarray:
        """Lengths, (k,); the mean of both directions of a mirrored connection.

        Raises ValueError if the connectome has none.
        """
        lengths = self.connectome.lengths_mm
        if lengths is None:
            raise ValueError(
                f"{self.connectome.name!r} has no lengths_mm, which this null keeps: give the "
                "lengths of its fibres, or choose another null"
            )
        there = lengths[self.target, self.source]
        return there / 2 + lengths[self.source, self.target] / 2 if self.mirrored else there

    def moved(self, order: np.ndarray, note: str) -> Connectome:
        """Return the connectome in which connection ``order[i]`` has taken the place of i."""
        return self.placed(self.target, self.source, order, note)

    def placed(
        self, target: np.ndarray, source: np.ndarray, order: np.ndarray, note: str
    ) -> Connectome:
        """Return the connectome in which connection ``order[i]`` joins target[i] and source[i].

        Weight and length go with it, both directions if it is mirrored; a pair of regions that is
        left without a connection has weight and length 0.
        """
        c = self.connectome
        weights = self._put(c.weights, target, source, order)
        lengths = None if c.lengths_mm is None else self._put(c.lengths_mm, target, source, order)
        return renamed(c, note, weights, lengths)

    def _put(
        self, values: np.ndarray, target: np.ndarray, source: np.ndarray, order: np.ndarray
    ) -> np.ndarray:
        t, s = self.target[order], self.source[order]
        put = values.copy()
        put[self.target, self.source] = 0.0
        if self.mirrored:
            put[self.source, self.target] = 0.0
            put[source, target] = values[s, t]
        put[target, source] = values[t, s]
        return put


def renamed(
    connectome: Connectome, note: str, weights: np.ndarray, lengths_mm: np.ndarray | None
) -> Connectome:
    """Return the connectome with other matrices, and the null named in its name and source."""
    source = f"{connectome.source}; null: {note}" if connectome.source else f"null: {note}"
    return replace(
        connectome,
        name=f"{connectome.name}, {note}",
        weights=weights,
        lengths_mm=lengths_mm,
        source=source,
    )


def shuffled(groups: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> np.ndarray:
    """Return an order of ``n`` connections that is random within each group; the rest stays."""
    order = np.arange(n)
    for members in groups:
        order[members] = rng.permutation(members)
    return order


def length_bins(connections: Connections, n_bins: int) -> list[np.ndarray]:
    """Return the connections of each of ``n_bins`` equally full bins of length, shortest first.

    Raises ValueError for a number of bins that is no positive integer, and for lengths unknown.
    """
    if isinstance(n_bins, bool) or not isinstance(n_bins, (int, np.integer)) or n_bins < 1:
        raise ValueError(f"n_bins {n_bins!r}: expected a positive integer")
    length = connections.length_mm
    edges = np.quantile(length, np.linspace(0, 1, int(n_bins) + 1))
    which = np.searchsorted(edges[1:-1], length, side="right")
    bins = [np.flatnonzero(which == b) for b in range(int(n_bins))]
    return [members for members in bins if len(members)]
