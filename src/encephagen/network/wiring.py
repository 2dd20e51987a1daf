"""Drawing synapses: compiled loops that place every synapse of a projection into its row.

The synapses of a target neuron are a pure function of (wiring key, projection, target neuron), so
they are drawn twice, once to count and once to place, and never held in any other form: the peak
memory of a build is that of the network.
"""

from typing import NamedTuple

import numba
import numpy as np

from encephagen.rng import mix64, uniform


class Plan(NamedTuple):
    """One projection, ready to draw. Regions index the first axis of every table.

    ``probability`` is a threshold of 32 random bits for pairs within a region (0 where the
    projection runs between regions); ``in_degree`` (region,) and ``cumulative`` (region, region)
    say how many synapses a target neuron gets and from where. ``delay_steps`` is
    (region, region); ``delay_levels`` further steps are drawn uniformly on top of it.
    ``weight`` (region,) is the mean in units of the channel's scale.
    """

    key: np.uint64
    channel: int
    source_first: np.ndarray
    source_size: int
    target_first: np.ndarray
    target_size: int
    probability: int
    in_degree: np.ndarray
    cumulative: np.ndarray
    delay_steps: np.ndarray
    delay_levels: int
    weight: np.ndarray
    spread: float


class Rows(NamedTuple):
    """Where synapses go: shard of a target, its address there, and the row of a source.

    Row ``(shard * n_channels + channel) * n_neurons + source`` spans ``start[row]`` to
    ``start[row + 1]``.
    """

    start: np.ndarray
    shard: np.ndarray
    address: np.ndarray
    n_channels: int


WEIGHT_MAX = 32767  # weights are int16 multiples of their channel's scale
SPREAD_CUT = 4.0  # lognormal weights are cut at this many standard deviations


@numba.njit(cache=True)
def draw_sources(plan, region, target, sources, source_regions):
    """Fill the sources of one target neuron, and their regions; return how many."""
    key = mix64(plan.key, target)
    n = 0
    if plan.probability > 0:
        first = plan.source_first[region]
        for i in range(plan.source_size):
            if (mix64(key, i) >> numba.uint64(32)) < plan.probability and first + i != target:
                sources[n] = first + i
                source_regions[n] = region
                n += 1
        return n
    mean = plan.in_degree[region]
    n = int(mean)
    if uniform(mix64(key, 0)) < mean - n:
        n += 1
    row = plan.cumulative[region]
    for k in range(n):
        bits = mix64(key, k + 1)
        u = uniform(bits) * row[-1]
        source_region = np.searchsorted(row, u, side="right")
        within = mix64(bits, 1) >> numba.uint64(32)
        sources[k] = plan.source_first[source_region] + int(
            (within * numba.uint64(plan.source_size)) >> numba.uint64(32)
        )
        source_regions[k] = source_region
    return n


@numba.njit(cache=True)
def count(plan, rows, counts, sources, source_regions):
    """Add the synapses of a projection to ``counts`` (row,)."""
    n_neurons = rows.shard.shape[0]
    for region in range(plan.target_first.shape[0]):
        first = plan.target_first[region]
        for target in range(first, first + plan.target_size):
            base = (rows.shard[target] * rows.n_channels + plan.channel) * n_neurons
            for k in range(draw_sources(plan, region, target, sources, source_regions)):
                counts[base + sources[k]] += 1


@numba.njit(cache=True)
def place(plan, rows, cursor, packed_out, delay_out, sources, source_regions):
    """Write the synapses of a projection at ``cursor`` (row,), which moves on."""
    n_neurons = rows.shard.shape[0]
    for region in range(plan.target_first.shape[0]):
        first = plan.target_first[region]
        mean = plan.weight[region]
        for target in range(first, first + plan.target_size):
            key = mix64(~plan.key, target)
            base = (rows.shard[target] * rows.n_channels + plan.channel) * n_neurons
            for k in range(draw_sources(plan, region, target, sources, source_regions)):
                at = cursor[base + sources[k]]
                cursor[base + sources[k]] = at + 1
                delay = plan.delay_steps[region, source_regions[k]]
                if plan.delay_levels > 1:
                    bits = mix64(key, 2 * k) >> numba.uint64(32)
                    delay += int((bits * numba.uint64(plan.delay_levels)) >> numba.uint64(32))
                weight = mean
                if plan.spread > 0:
                    weight = mean * lognormal(mix64(key, 2 * k + 1), plan.spread)
                packed_out[at] = pack(rows.address[target], min(WEIGHT_MAX, int(np.rint(weight))))
                delay_out[at] = delay


@numba.njit(cache=True)
def lognormal(bits, spread):
    """Return a lognormal factor of mean 1 (Box and Muller 1958), cut at `SPREAD_CUT`."""
    radius = np.sqrt(-2.0 * np.log(uniform(bits)))
    z = radius * np.cos(2.0 * np.pi * uniform(mix64(bits, 1)))
    return np.exp(spread * min(z, SPREAD_CUT) - spread * spread / 2)


@numba.njit(cache=True)
def pack(target, weight):
    """Return a synapse as 32 bits: its target in the upper half, its weight in the lower."""
    return numba.uint32((numba.uint32(target) << numba.uint32(16)) | numba.uint32(weight))


@numba.njit(cache=True)
def sort_rows(start, packed, delay):
    """Sort every row by delay, then target."""
    for row in range(start.shape[0] - 1):
        a, b = start[row], start[row + 1]
        keys = np.empty(b - a, np.uint64)
        for i in range(b - a):
            keys[i] = (numba.uint64(delay[a + i]) << numba.uint64(32)) | packed[a + i]
        keys.sort()
        for i in range(b - a):
            delay[a + i] = keys[i] >> numba.uint64(32)
            packed[a + i] = keys[i] & numba.uint64(0xFFFFFFFF)


@numba.njit(cache=True)
def count_segments(start, delay):
    """Return the number of runs of equal delay in all rows."""
    n = 0
    for row in range(start.shape[0] - 1):
        for i in range(start[row], start[row + 1]):
            if i == start[row] or delay[i] != delay[i - 1]:
                n += 1
    return n


@numba.njit(cache=True)
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
