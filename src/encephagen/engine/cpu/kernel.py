"""The parts of the compiled kernel that are the same for every brain.

Time runs in windows of the shortest delay, within which shards cannot reach each other. In a
window each shard, on its own and for its own targets, (1) queues the spikes of the window before,
from all shards, by their time of arrival; then, step by step, (2) adds what arrives now to its
input, (3) advances its neurons, (4) lists those that spiked.

Weights are integers, so that their sums do not depend on order: any number of threads, and any
engine, gets the same input to the bit. A queue is a calendar: a list of entries a (time slot,
channel), in chunks from a pool. An entry is one synapse (target and weight, packed) or one segment
of a row (a run of equal delay: its first synapse and its length), as the network's synapses are;
see `Synapses`. Beside it stand the spikes of the last longest delay, from which the calendar can be
made anew at any time: after a lesion, for more room, from a snapshot.
"""

from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from encephagen.jit import INNER, njit
from encephagen.rng import mix64, uniform

CHUNK = 32  # entries; a power of two
FIRST_SYNAPSE = numba.uint64((1 << 40) - 1)  # the lower bits of a segment entry; above, its length
LINE, SYNAPSE, DELAY, SEGMENT = (numba.uint64(n) for n in (64, 4, 2, 8))  # bytes, as in `Wiring`
DONE, MORE_QUEUE, MORE_ROOM = 0, 1, 2  # why a run returns


class Wiring(NamedTuple):
    """The network as the kernel reads it (see `Network`; all read-only)."""

    row_start: np.ndarray  # (row + 1,) int64
    packed: np.ndarray  # (synapse,) uint32, target and weight; 0 where a lesion masks it
    delay: np.ndarray  # (synapse or segment,) uint16
    segment_row: np.ndarray  # (row + 1,) int64, or empty
    segment_start: np.ndarray  # (segment + 1,) or empty
    block_first: np.ndarray  # (block + 1,) first neuron
    block_tile: np.ndarray  # (block + 1,) first tile
    block_cell: np.ndarray  # (block,) offset of its state in `Cells.values`
    block_kind: np.ndarray  # (block,) which compiled model
    tile_first: np.ndarray  # (tile,) first neuron
    tile_valid: np.ndarray  # (tile,) lanes in use
    shard_block: np.ndarray  # (shard + 1,) first block
    constants: np.ndarray  # (block, constant) float
    own: np.ndarray  # constants in which neurons of a block differ: (tile, constant, lane) each
    block_own: np.ndarray  # (block,) offset of its part of them
    thresholds: np.ndarray  # (block, n_thresholds) uint32, background draws
    lane_key: np.ndarray  # (lane,) uint32
    n_channels: int
    window: int  # steps between exchanges: the shortest delay
    reach: int  # steps: the longest delay


class Cells(NamedTuple):
    """What changes (all writable)."""

    values: np.ndarray  # state of every neuron and its receptors, in tiles
    arrivals: np.ndarray  # (tile * channel * lane,) int32
    kicks: np.ndarray  # (lane,) int32, extra background events in this step
    injected_pA: np.ndarray  # (lane,) float32, injected current in this call
    current_pA: np.ndarray  # (lane,) float32, that and what is driven, in this step
    block_flags: np.ndarray  # (block,) int32, whether any lane spiked
    tile_flags: np.ndarray  # (tile,) int32, whether any lane spiked
    spiked: np.ndarray  # (lane,) int32
    silent: np.ndarray  # (block,) bool, lesioned
    unsent: np.ndarray  # (shard, room, 2) int64: step, neuron, not yet queued
    n_unsent: np.ndarray  # (shard,) int64
    clock: np.ndarray  # (2,) int64, steps and spikes so far; here so that Ctrl-C parts nothing


class Queue(NamedTuple):
    """The calendar of each shard."""

    pool: np.ndarray  # (shard, chunks * CHUNK) entries: uint32 synapses or uint64 segments
    following: np.ndarray  # (shard, chunks) int32, next chunk of a list
    free: np.ndarray  # (shard, chunks) int32, stack of unused chunks
    n_free: np.ndarray  # (shard,) int64
    lists: np.ndarray  # (shard, slot * channel, 3) int32: entries, first chunk, last chunk
    sent: np.ndarray  # (shard, room, 2) int64: step, neuron, being queued
    n_sent: np.ndarray  # (shard,) int64
    recent: np.ndarray  # (room, 2) int64, a ring: step, neuron of all that may be under way
    recent_at: np.ndarray  # (2,) int64: the first of them, and how many there are


class Ports(NamedTuple):
    """Input and output of a call."""

    current_pA: np.ndarray  # (neuron,) float32
    injects: int  # whether the lanes must be laid out from current_pA anew
    kick_neuron: np.ndarray  # (driven,) int64, neurons with extra Poisson input
    kick_lane: np.ndarray  # (driven,) int64
    kick_p0: np.ndarray  # (driven,) float64, probability of no event in a step
    kick_mean: np.ndarray  # (driven,) float64, events a step
    kick_bounds: np.ndarray  # (shard + 1,) int64
    kick_key: np.uint64
    drive_pA: np.ndarray  # (step of this call, drive) float32
    drive_p0: np.ndarray  # (step of this call, drive) float64, probability of no event in a step
    drive_mean: np.ndarray  # (step of this call, drive) float64, events a step
    drive_key: np.ndarray  # (drive,) uint64
    drive_neuron: np.ndarray  # (driven,) int64, the neurons of each drive in turn
    drive_lane: np.ndarray  # (driven,) int64
    drive_bounds: np.ndarray  # (drive, shard + 1) int64
    counts: np.ndarray  # (neuron,) int32, spikes in this call
    spike_step: np.ndarray  # (room,) int64
    spike_neuron: np.ndarray  # (room,) int32
    probe_at: np.ndarray  # (probe,) int64, index in `Cells.values`
    probe_shard: np.ndarray  # (probe,) int64
    probe_every: int
    probe_out: np.ndarray  # (sample, probe) float32
    noise_key: np.uint64


@intrinsic
def prefetch(context, array, index):
    """Ask for the cache line of ``array[index]``, without waiting for it."""

    def generate(context, builder, signature, arguments):
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.bitcast(
            builder.gep(view.data, [arguments[1]]), ir.PointerType(ir.IntType(8))
        )
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


@njit(**INNER)
def append(pool, following, free, n_free, lists, item, entry):
    """Append an entry to list ``item`` of one shard's calendar (room was checked before)."""
    n = lists[item, 0]
    chunk = lists[item, 2]
    place = n & (CHUNK - 1)
    if place == 0:
        n_free[0] -= 1
        new = free[n_free[0]]
        if n == 0:
            lists[item, 1] = new
        else:
            following[chunk] = new
        lists[item, 2] = new
        chunk = new
    pool[numba.int64(chunk) * CHUNK + place] = entry
    lists[item, 0] = n + 1


@njit(**INNER)
def release(queue, shard, item):
    """Empty list ``item``: its chunks return to the pool."""
    n = queue.lists[shard, item, 0]
    chunk = queue.lists[shard, item, 1]
    for _ in range((n + CHUNK - 1) // CHUNK):
        queue.free[shard, queue.n_free[shard]] = chunk
        queue.n_free[shard] += 1
        chunk = queue.following[shard, chunk]
    queue.lists[shard, item, 0] = 0


@njit(**INNER)
def has_room(wiring, cells, queue):
    """Return whether every shard can queue all unsent spikes, and the recent ones hold them."""
    n_shards = cells.n_unsent.shape[0]
    if queue.recent_at[1] + cells.n_unsent.sum() > queue.recent.shape[0]:
        return False
    n_neurons = wiring.block_first[-1]
    segmented = wiring.segment_row.shape[0] > 0
    bounds = wiring.segment_row if segmented else wiring.row_start
    for shard in range(n_shards):
        need = 0
        for origin in range(n_shards):
            for k in range(cells.n_unsent[origin]):
                neuron = cells.unsent[origin, k, 1]
                for channel in range(wiring.n_channels):
                    row = (shard * wiring.n_channels + channel) * n_neurons + neuron
                    need += bounds[row + 1] - bounds[row]
        lists = min(need, queue.lists.shape[1])
        if need // CHUNK + lists > queue.n_free[shard]:
            return False
    return True


@njit(**INNER)
def send(cells, queue):
    """Hand all unsent spikes over to `enqueue`, so that new ones can be listed meanwhile."""
    room = queue.recent.shape[0]
    for shard in range(cells.n_unsent.shape[0]):
        n = cells.n_unsent[shard]
        for k in range(n):
            spiked, neuron = cells.unsent[shard, k, 0], cells.unsent[shard, k, 1]
            queue.sent[shard, k, 0], queue.sent[shard, k, 1] = spiked, neuron
            at = (queue.recent_at[0] + queue.recent_at[1]) % room
            queue.recent[at, 0], queue.recent[at, 1] = spiked, neuron
            queue.recent_at[1] += 1
        queue.n_sent[shard] = n
        cells.n_unsent[shard] = 0


@njit(**INNER)
def forget(step, wiring, queue):
    """Drop the recent spikes that have arrived everywhere before ``step``."""
    at, room = queue.recent_at, queue.recent.shape[0]
    # listed window by window, in each by shard: the first may be a window younger than the next
    while at[1] > 0 and queue.recent[at[0], 0] + wiring.reach + wiring.window < step:
        at[0] = (at[0] + 1) % room
        at[1] -= 1


@njit
def requeue(step, wiring, queue):
    """Make the calendar anew from the recent spikes: all that arrives at ``step`` or later.

    Returns whether there was room; if not, the calendar is in parts.
    """
    n_shards, n_channels = queue.lists.shape[0], wiring.n_channels
    n_neurons, n_slots = wiring.block_first[-1], queue.lists.shape[1] // n_channels
    segmented = wiring.segment_row.shape[0] > 0
    bounds = wiring.segment_row if segmented else wiring.row_start
    queue.lists[:] = 0
    for shard in range(n_shards):
        chunks = queue.free.shape[1]
        for chunk in range(chunks):
            queue.free[shard, chunk] = chunk
        queue.n_free[shard] = chunks
        pool, following, free = queue.pool[shard], queue.following[shard], queue.free[shard]
        n_free, lists = queue.n_free[shard : shard + 1], queue.lists[shard]
        for k in range(queue.recent_at[1]):
            at = (queue.recent_at[0] + k) % queue.recent.shape[0]
            spiked, neuron = queue.recent[at, 0], queue.recent[at, 1]
            for channel in range(n_channels):
                row = (shard * n_channels + channel) * n_neurons + neuron
                for i in range(bounds[row], bounds[row + 1]):
                    arrives = spiked + wiring.delay[i]
                    if arrives < step:
                        continue
                    if n_free[0] == 0:
                        return False
                    entry = numba.uint64(0)
                    if segmented:
                        a, b = wiring.segment_start[i], wiring.segment_start[i + 1]
                        entry = numba.uint64((b - a) << 40) | numba.uint64(a)
                    else:
                        entry = numba.uint64(wiring.packed[i])
                    item = (arrives % n_slots) * n_channels + channel
                    append(pool, following, free, n_free, lists, item, entry)
    return True


@njit(**INNER)
def prefetch_bounds(shard, neuron, bounds, wiring):
    """Ask for where the rows of a neuron begin."""
    n_neurons, n_channels = wiring.block_first[-1], wiring.n_channels
    for channel in range(n_channels):
        row = numba.uint64((shard * n_channels + channel) * n_neurons + neuron)
        prefetch(bounds, row)  # pyright: ignore[reportCallIssue]


@njit(**INNER)
def prefetch_rows(shard, neuron, bounds, wiring):
    """Ask for the rows of a neuron: they lie anywhere, and the next spike will want them."""
    n_neurons, n_channels = wiring.block_first[-1], wiring.n_channels
    delay, packed, segment_start = wiring.delay, wiring.packed, wiring.segment_start
    for channel in range(n_channels):
        row = (shard * n_channels + channel) * n_neurons + neuron
        a, b = numba.uint64(bounds[row]), numba.uint64(bounds[row + 1])
        for i in range(a, b, LINE // DELAY):
            prefetch(delay, i)  # pyright: ignore[reportCallIssue]
        if wiring.segment_row.shape[0] > 0:
            for i in range(a, b, LINE // SEGMENT):
                prefetch(segment_start, i)  # pyright: ignore[reportCallIssue]
        else:
            for i in range(a, b, LINE // SYNAPSE):
                prefetch(packed, i)  # pyright: ignore[reportCallIssue]


@njit(**INNER)
def enqueue(shard, wiring, queue):
    """Queue all spikes that were sent for the targets of a shard."""
    n_neurons, n_channels = wiring.block_first[-1], wiring.n_channels
    n_slots = queue.lists.shape[1] // n_channels
    segmented = wiring.segment_row.shape[0] > 0
    bounds = wiring.segment_row if segmented else wiring.row_start
    delay, packed, segment_start = wiring.delay, wiring.packed, wiring.segment_start
    pool, following, free = queue.pool[shard], queue.following[shard], queue.free[shard]
    n_free, lists = queue.n_free[shard : shard + 1], queue.lists[shard]
    for origin in range(queue.n_sent.shape[0]):
        last = queue.n_sent[origin]
        for k in range(last):
            if k + 2 < last:
                prefetch_bounds(shard, queue.sent[origin, k + 2, 1], bounds, wiring)
            if k + 1 < last:
                prefetch_rows(shard, queue.sent[origin, k + 1, 1], bounds, wiring)
            step, neuron = queue.sent[origin, k, 0], queue.sent[origin, k, 1]
            now = step % n_slots
            for channel in range(n_channels):
                row = (shard * n_channels + channel) * n_neurons + neuron
                for i in range(bounds[row], bounds[row + 1]):
                    slot = now + delay[i]
                    if slot >= n_slots:
                        slot -= n_slots
                    if segmented:
                        a, b = segment_start[i], segment_start[i + 1]
                        entry = numba.uint64((b - a) << 40) | numba.uint64(a)
                    else:
                        entry = numba.uint64(packed[i])
                    item = slot * n_channels + channel
                    # `append`, written out: a call would count references to its arrays, at ten
                    # times the cost of the work
                    n, chunk = lists[item, 0], lists[item, 2]
                    place = n & (CHUNK - 1)
                    if place == 0:
                        n_free[0] -= 1
                        new = free[n_free[0]]
                        if n == 0:
                            lists[item, 1] = new
                        else:
                            following[chunk] = new
                        lists[item, 2] = new
                        chunk = new
                    pool[numba.int64(chunk) * CHUNK + place] = entry
                    lists[item, 0] = n + 1


@njit(**INNER)
def deliver(shard, step, wiring, cells, queue):
    """Add what arrives at a shard in this step to its input, and empty the slot."""
    n_channels = wiring.n_channels
    slot = step % (queue.lists.shape[1] // n_channels)
    segmented = wiring.segment_row.shape[0] > 0
    first_tile = wiring.block_tile[wiring.shard_block[shard]]
    stride = numba.uint64(16 * (n_channels - 1))
    arrivals, packed = cells.arrivals, wiring.packed
    following, pool = queue.following[shard], queue.pool[shard]
    for channel in range(n_channels):
        item = slot * n_channels + channel
        left = queue.lists[shard, item, 0]
        if left == 0:
            continue
        chunk = queue.lists[shard, item, 1]
        at = numba.uint64((first_tile * n_channels + channel) * 16)
        while left > 0:
            first = numba.uint64(chunk) * numba.uint64(CHUNK)
            n = numba.uint64(min(left, CHUNK))
            if segmented:
                for k in range(first, first + n):
                    a = pool[k] & FIRST_SYNAPSE
                    for i in range(a, a + (pool[k] >> numba.uint64(40)), LINE // SYNAPSE):
                        prefetch(packed, i)  # pyright: ignore[reportCallIssue]
                for k in range(first, first + n):
                    a = pool[k] & FIRST_SYNAPSE
                    for i in range(a, a + (pool[k] >> numba.uint64(40))):
                        lane = numba.uint64(packed[i] >> numba.uint32(16))
                        to = at + lane + (lane >> numba.uint64(4)) * stride
                        arrivals[to] += numba.int32(packed[i] & numba.uint32(0xFFFF))
            else:
                for k in range(first, first + n):
                    lane = numba.uint64(pool[k] >> numba.uint32(16))
                    to = at + lane + (lane >> numba.uint64(4)) * stride
                    arrivals[to] += numba.int32(pool[k] & numba.uint32(0xFFFF))
            left -= CHUNK
            chunk = following[chunk]
        release(queue, shard, item)


@njit(**INNER)
def poisson(p0, mean, u):
    """Return the Poisson count whose cumulative distribution first exceeds ``u`` (by inversion)."""
    n, p, cumulative = 0, p0, p0
    while u >= cumulative and n < 1000:
        n += 1
        p *= mean / n
        cumulative += p
    return n


@njit(**INNER)
def kick(shard, step, cells, ports):
    """Draw the extra background events of the driven neurons of a shard."""
    key = mix64(ports.kick_key, step)
    for k in range(ports.kick_bounds[shard], ports.kick_bounds[shard + 1]):
        u = uniform(mix64(key, ports.kick_neuron[k]))
        cells.kicks[ports.kick_lane[k]] = poisson(ports.kick_p0[k], ports.kick_mean[k], u)


@njit(**INNER)
def inject(wiring, cells, ports):
    """Lay the injected current out by lane, as it is without drives.

    Neurons start at any place of ``ports.current_pA``, lanes at whole tiles. Reading by lane spares
    the loop over a tile a check, each time, whether its arrays overlap: it takes half the time.
    """
    lanes, neurons = cells.injected_pA, ports.current_pA
    for block in range(wiring.block_tile.shape[0] - 1):
        first = numba.uint64(wiring.block_first[block])
        to = numba.uint64(wiring.block_tile[block] * 16)
        for k in range(numba.uint64(wiring.block_first[block + 1]) - first):
            lanes[to + k] = neurons[first + k]
    cells.current_pA[:] = lanes


@njit(**INNER)
def drive(shard, step, row, cells, ports):
    """Give the driven neurons of a shard what functions of time give them in this step.

    ``row`` is the step within this call. Currents are added in the order of the drives, events are
    drawn under a key of each drive.
    """
    bounds, lane = ports.drive_bounds, ports.drive_lane
    for d in range(bounds.shape[0]):
        for k in range(bounds[d, shard], bounds[d, shard + 1]):
            cells.current_pA[lane[k]] = cells.injected_pA[lane[k]]
    for d in range(bounds.shape[0]):
        pA, mean = ports.drive_pA[row, d], ports.drive_mean[row, d]
        if pA != 0:
            for k in range(bounds[d, shard], bounds[d, shard + 1]):
                cells.current_pA[lane[k]] += pA
        if mean > 0:
            key, p0 = mix64(ports.drive_key[d], step), ports.drive_p0[row, d]
            for k in range(bounds[d, shard], bounds[d, shard + 1]):
                u = uniform(mix64(key, ports.drive_neuron[k]))
                cells.kicks[lane[k]] += poisson(p0, mean, u)


@njit(**INNER)
def collect(shard, step, wiring, cells, ports):
    """List the neurons of a shard that spiked, but for silenced blocks."""
    n = cells.n_unsent[shard]
    for block in range(wiring.shard_block[shard], wiring.shard_block[shard + 1]):
        if cells.block_flags[block] == 0 or cells.silent[block]:
            continue
        for tile in range(wiring.block_tile[block], wiring.block_tile[block + 1]):
            if cells.tile_flags[tile] == 0:
                continue
            first = wiring.tile_first[tile]
            for lane in range(wiring.tile_valid[tile]):
                if cells.spiked[tile * 16 + lane]:
                    cells.unsent[shard, n, 0] = step
                    cells.unsent[shard, n, 1] = first + lane
                    ports.counts[first + lane] += 1
                    n += 1
    cells.n_unsent[shard] = n


@njit(**INNER)
def sample(shard, step, cells, ports, first_sample):
    """Copy the probed values of a shard, every ``probe_every`` steps."""
    row = (step + 1) // ports.probe_every - first_sample
    for k in range(ports.probe_at.shape[0]):
        if ports.probe_shard[k] == shard:
            ports.probe_out[row, k] = cells.values[ports.probe_at[k]]


@njit(**INNER)
def record(n, cells, ports):
    """Append the spikes of a window, from all shards, to the recording of ``n`` spikes so far."""
    for shard in range(cells.n_unsent.shape[0]):
        for k in range(cells.n_unsent[shard]):
            ports.spike_step[n] = cells.unsent[shard, k, 0]
            ports.spike_neuron[n] = cells.unsent[shard, k, 1]
            n += 1
    return n


@njit
def mask(wiring, lane_region, neuron_region, cut, packed):
    """Zero, in ``packed``, the weights between regions whose ``cut`` [target, source] is True.

    Returns how many synapses that are not already of weight 0 it zeroed.
    """
    n_neurons, n_cut = wiring.block_first[-1], 0
    for row in range(wiring.row_start.shape[0] - 1):
        source = neuron_region[row % n_neurons]
        if not cut[:, source].any():
            continue
        shard = row // (n_neurons * wiring.n_channels)
        base = wiring.block_tile[wiring.shard_block[shard]] * 16
        for i in range(wiring.row_start[row], wiring.row_start[row + 1]):
            target = lane_region[base + numba.int64(packed[i] >> numba.uint32(16))]
            if cut[target, source] and packed[i] & numba.uint32(0xFFFF) != 0:
                packed[i] &= numba.uint32(0xFFFF0000)
                n_cut += 1
    return n_cut


@njit
def lane_keys(key, neuron):
    """Return the 32-bit key (lane,) of each lane's background, from its ``neuron`` (-1: none)."""
    keys = np.empty(neuron.shape[0], np.uint32)
    for lane in range(neuron.shape[0]):
        keys[lane] = mix64(key, neuron[lane]) & numba.uint64(0xFFFFFFFF)
    return keys
