"""Packing: the synapses of a network, drawn into rows that the kernel can stream."""

from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numba
import numpy as np

from encephagen.engine.cpu.layout import TILE, Layout
from encephagen.engine.estimate import estimate
from encephagen.jit import njit
from encephagen.network import wiring
from encephagen.network.network import Network
from encephagen.network.wiring import draw_delay, draw_sources, draw_weight, synapse_key

# Synapses in a run of equal delay, from which on runs serve better than a delay for each synapse.
# Measured on 0.8 to 26 million synapses: at 5 both deliver 170 million events a second a core, in
# 6.2 bytes a synapse. At 3, delays for each are half as fast again; at 8 runs are, and at 19 runs
# are 2.5 times as fast, in 4.6 bytes.
SEGMENT_MIN_LENGTH = 5.0


@dataclass(frozen=True, eq=False)
class Synapses:
    """Every synapse, in rows by (shard of the target, channel, source), sorted by delay.

    ``row_start`` (row + 1,) bounds the rows. A synapse is ``packed`` (uint32): its target (lane
    within the shard, 16 bits) and its weight (15 bits, times the channel's scale, pA). Delays
    (steps) belong either to each synapse (``delay``, uint16; ``segment_start`` is None) or to runs
    of equal delay within a row: segment k spans ``segment_start[k]`` to ``[k + 1]``, and rows bound
    segments in ``segment_row``. Which of the two is chosen from the network.
    """

    row_start: np.ndarray
    packed: np.ndarray
    delay: np.ndarray
    segment_row: np.ndarray | None = None
    segment_start: np.ndarray | None = None

    def __post_init__(self) -> None:
        for array in vars(self).values():
            if array is not None:
                array.setflags(write=False)

    @property
    def segmented(self) -> bool:
        """Whether delays belong to segments."""
        return self.segment_start is not None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(array.nbytes for array in vars(self).values() if array is not None)


class Packed(NamedTuple):
    """A network in memory: where its neurons and its synapses lie."""

    layout: Layout
    synapses: Synapses


_packed: "WeakKeyDictionary[Network, Packed]" = WeakKeyDictionary()


def packed(network: Network) -> Packed:
    """Return a network in memory, packed when first asked for; sessions of one network share it.

    Raises ValueError where it exceeds free memory, or a region is too large.
    """
    if network not in _packed:
        _check_memory(network)
        layout = Layout.of(network.blocks)
        _packed[network] = Packed(layout, pack(network, layout))
    return _packed[network]


def _check_memory(network: Network) -> None:
    expected = estimate(network.brain, dt_ms=network.dt_ms)
    if not expected.fits:
        raise ValueError(
            f"a network of {expected.n_neurons:,} neurons and {expected.n_synapses:,} synapses "
            f"{expected.too_large()}"
        )


class Rows(NamedTuple):
    """Where synapses go: shard of a target, its address there, and the row of a source.

    Row ``(shard * n_channels + channel) * n_neurons + source`` spans ``start[row]`` to
    ``start[row + 1]``.
    """

    start: np.ndarray
    shard: np.ndarray
    address: np.ndarray
    n_channels: int


def pack(network: Network, layout: Layout) -> Synapses:
    """Return the synapses of a network in rows.

    They are drawn twice, once to count and once to place, and never held in any other form: the
    peak memory is that of the rows.
    """
    n_neurons, n_shards, n_channels = network.n_neurons, layout.n_shards, len(network.channels)
    shard = np.repeat(np.arange(n_shards), np.diff(layout.shard_first)).astype(np.int32)
    address = (layout.lane - TILE * layout.shard_tile[shard]).astype(np.uint16)
    n_rows = n_shards * n_channels * n_neurons
    counts = np.zeros(n_rows + 1, np.int64)
    rows = Rows(counts, shard, address, n_channels)
    widest = max(map(wiring.widest, network.plans), default=1)
    sources, regions = np.empty(widest, np.int64), np.empty(widest, np.int64)
    for plan in network.plans:
        count(plan, rows, counts[1:], sources, regions)
    start = np.cumsum(counts)
    n = int(start[-1])
    words, delay, cursor = np.empty(n, np.uint32), np.empty(n, np.uint16), start[:-1].copy()
    for plan in network.plans:
        place(plan, rows, cursor, words, delay, sources, regions)
    sort_rows(start, words, delay)
    n_segments = count_segments(start, delay)
    if n < SEGMENT_MIN_LENGTH * n_segments or n_segments == 0:
        return Synapses(start, words, delay)
    segment_row = np.empty(n_rows + 1, np.int64)
    segment_start = np.empty(n_segments + 1, np.int64)
    segment_delay = np.empty(n_segments, np.uint16)
    find_segments(start, delay, segment_row, segment_start, segment_delay)
    return Synapses(start, words, segment_delay, segment_row, segment_start)


@njit
def count(plan, rows, counts, sources, source_regions):
    """Add the synapses of a projection to ``counts`` (row,)."""
    n_neurons = rows.shard.shape[0]
    for region in range(plan.target_first.shape[0]):
        first = plan.target_first[region]
        for target in range(first, first + (plan.target_size if first >= 0 else 0)):
            base = (rows.shard[target] * rows.n_channels + plan.channel) * n_neurons
            for k in range(draw_sources(plan, region, target, sources, source_regions)):
                counts[base + sources[k]] += 1


@njit
def place(plan, rows, cursor, packed_out, delay_out, sources, source_regions):
    """Write the synapses of a projection at ``cursor`` (row,), which moves on."""
    n_neurons = rows.shard.shape[0]
    for region in range(plan.target_first.shape[0]):
        first = plan.target_first[region]
        for target in range(first, first + (plan.target_size if first >= 0 else 0)):
            key = synapse_key(plan, target)
            base = (rows.shard[target] * rows.n_channels + plan.channel) * n_neurons
            for k in range(draw_sources(plan, region, target, sources, source_regions)):
                at = cursor[base + sources[k]]
                cursor[base + sources[k]] = at + 1
                weight = draw_weight(plan, key, k, region)
                packed_out[at] = word(rows.address[target], weight)
                delay_out[at] = draw_delay(plan, key, k, region, source_regions[k])


@njit
def word(target, weight):
    """Return a synapse as 32 bits: its target in the upper half, its weight in the lower."""
    return numba.uint32((numba.uint32(target) << numba.uint32(16)) | numba.uint32(weight))


@njit
def sort_rows(start, words, delay):
    """Sort every row by delay, then target."""
    for row in range(start.shape[0] - 1):
        a, b = start[row], start[row + 1]
        keys = np.empty(b - a, np.uint64)
        for i in range(b - a):
            keys[i] = (numba.uint64(delay[a + i]) << numba.uint64(32)) | words[a + i]
        keys.sort()
        for i in range(b - a):
            delay[a + i] = keys[i] >> numba.uint64(32)
            words[a + i] = keys[i] & numba.uint64(0xFFFFFFFF)


@njit
def count_segments(start, delay):
    """Return the number of runs of equal delay in all rows."""
    n = 0
    for row in range(start.shape[0] - 1):
        for i in range(start[row], start[row + 1]):
            if i == start[row] or delay[i] != delay[i - 1]:
                n += 1
    return n


@njit
def find_segments(start, delay, row_start, segment_start, segment_delay):
    """Fill the runs of equal delay: their rows, first synapses and delays (see `Synapses`)."""
    n = 0
    for row in range(start.shape[0] - 1):
        row_start[row] = n
        for i in range(start[row], start[row + 1]):
            if i == start[row] or delay[i] != delay[i - 1]:
                segment_start[n] = i
                segment_delay[n] = delay[i]
                n += 1
    row_start[start.shape[0] - 1] = n
    segment_start[n] = start[-1]
