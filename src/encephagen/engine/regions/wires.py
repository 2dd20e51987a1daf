"""Wires: the connections of regions, laid out for a kernel that takes many steps at once.

What reaches a region within the shortest delay is known before. So the kernel goes from one
connection to the next and adds, for each, a whole span of steps: both ends lie side by side in
memory. It takes connections in groups of one target, and a group goes by a span as long as the
delays in it allow: so connections of a target are grouped by delay.
"""

from typing import NamedTuple

import numpy as np

from encephagen.engine.regions.network import RegionNetwork
from encephagen.engine.regions.vector import GROUP

SPANS = (64, 16, 8, 1)
"""Steps that each class of connections goes at once, none longer than its shortest delay."""
LONGEST_SPAN, LONG_SPAN, SPAN = SPANS[:3]


class Wires(NamedTuple):
    """Connections of one class, in groups of one target each; what fills the last has no weight."""

    target: np.ndarray  # (group,) int64, first place of the target in the sums
    back: np.ndarray  # (group * GROUP,) int64, how far before the present the source's E stands
    weight: np.ndarray  # (set, group * GROUP), times the coupling


class Layout:
    """Connections of networks that differ in coupling alone.

    classes: the `Wires` of each of SPANS. past: steps that are kept, the longest delay and one.
    room: places of a region's past in memory, so that it need not move to the front at each step.
    """

    def __init__(
        self, network: RegionNetwork, couplings: np.ndarray, dt_ms: float, real: type
    ) -> None:
        weights, steps = network.connectome.weights, network.delay_steps(dt_ms)
        present = weights > 0
        self.past = max(int(steps[present].max(initial=1)) + 1, LONGEST_SPAN)
        self.room = 2 * self.past + 2 * LONGEST_SPAN + 8
        self._ends, self._whole, classes = [], [], []
        targets, sources = np.nonzero(present)
        class_of = _classes(targets, steps[present])
        for k in range(len(SPANS)):
            target, source = targets[class_of == k], sources[class_of == k]
            groups = _groups(target, source)
            t, s = target[groups], source[groups]
            used = np.ones(groups.shape, bool)
            used[:, 1:] = groups[:, 1:] != groups[:, :-1]
            weight = np.where(used, weights[t, s], 0.0).ravel()
            classes.append(
                Wires(
                    target=t[:, 0] * LONGEST_SPAN,
                    back=(steps[t, s] - s * self.room).ravel(),
                    weight=(couplings[:, None] * weight).astype(real),
                )
            )
            self._ends.append((t.ravel(), s.ravel()))
            self._whole.append(classes[-1].weight.copy())
        self.classes = tuple(classes)

    def cut(self, mask: np.ndarray) -> None:
        """Let nothing through where a mask (target, source) is True, and all elsewhere."""
        for wires, whole, ends in zip(self.classes, self._whole, self._ends, strict=True):
            wires.weight[:] = np.where(mask[ends], 0, whole)


def _classes(target: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Return which of SPANS each connection goes by, if groups are made from the shortest on.

    A group with a short delay takes along the next longer ones, up to GROUP, since it costs the
    same half empty.
    """
    order = np.lexsort((delay, target))
    rank = np.arange(order.size) - np.searchsorted(target[order], target[order])
    shortest = delay[order][np.arange(order.size) - rank % GROUP]
    found = np.empty(order.size, np.int64)
    found[order] = np.argmax(shortest[:, None] >= np.array(SPANS), axis=1)
    return found


def _groups(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return connections (group, GROUP), each group of one target, sources near each other.

    A group that is not full repeats its last connection.
    """
    order = np.lexsort((source, target))
    n_of = np.bincount(target) if target.size else np.empty(0, np.int64)
    n_of = n_of[n_of > 0]
    first = np.repeat(np.cumsum(n_of) - n_of, -(-n_of // GROUP))
    last = np.repeat(np.cumsum(n_of) - 1, -(-n_of // GROUP))
    number = np.arange(first.size) - np.searchsorted(first, first)
    at = (first + GROUP * number)[:, None] + np.arange(GROUP)
    groups = order[np.minimum(at, last[:, None])]
    return groups[np.lexsort((target[groups[:, 0]], source[groups[:, 0]] // GROUP))]
