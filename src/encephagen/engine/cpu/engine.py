"""The CPU engine: compiled code on one or more threads, with the same spikes for any number."""

import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numba
import numpy as np

from encephagen.engine import tables
from encephagen.engine.cpu import kernel
from encephagen.engine.cpu.layout import TILE
from encephagen.engine.cpu.load import load
from encephagen.engine.cpu.pace import Pace
from encephagen.engine.cpu.pack import packed
from encephagen.engine.cpu.ports import PortMaker
from encephagen.engine.cpu.source import Composition, compose, each, rows
from encephagen.engine.engine import Events, Inputs, Watch
from encephagen.network.cells import each as each_neuron
from encephagen.network.network import Network

# Turns that threads wait for each other before they sleep. GNU OpenMP has 300,000: where another
# program keeps a core busy, a step of 16,000 neurons on two threads then took 350 to 1,600 us. With
# 1,000 it took 20 to 50 us there, and on a quiet machine 9 us as before.
SPINS = "1000"
FIRST_CHUNKS = 4096  # of each shard's calendar; it grows
FIRST_RECENT = 1 << 12  # spikes that may be under way; it grows
OURS = ("lane_key", "constants", "own")  # of `kernel.Wiring`: not the layout's nor the synapses'


@dataclass(frozen=True)
class CPU:
    """How to run a network on this machine's cores; see `cpu`."""

    threads: int | None = None
    real: str = "float32"

    def __post_init__(self) -> None:
        if self.real not in ("float32", "float64"):
            raise ValueError(f"real {self.real!r}: give 'float32' or 'float64'")
        n = self.threads
        if n is not None and (not isinstance(n, int | np.integer) or n < 1):
            raise ValueError(f"threads {n!r}: give 1 or more, or none to choose")

    def start(self, network: Network, *, noise_seed: int, initial_seed: int) -> "CPURun":
        """Return a network that runs; ValueError where it exceeds free memory."""
        return CPURun(network, self, noise_seed, initial_seed)


def cpu(threads: int | None = None, real: str = "float32") -> CPU:
    """Return the CPU engine.

    threads: 1 or more, or None to choose, as it runs, what is fastest; the spikes are the same.
    real: "float32", or "float64" to be compared with `reference`.
    """
    return CPU(threads, real)


def most_threads(network: Network) -> int:
    """Return how many threads can serve a network: one a core, at most one a shard."""
    n_shards = packed(network).layout.n_shards
    return max(1, min(os.cpu_count() or 1, n_shards, _numba_threads()))


class CPURun:
    """A network that runs on the CPU (see `Running` in `encephagen.engine.engine`)."""

    def __init__(self, network: Network, how: CPU, noise_seed: int, initial_seed: int) -> None:
        if "OMP_WAIT_POLICY" not in os.environ:  # read when threads first start
            os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
        self.network, self.how = network, how
        self.layout, self.synapses = packed(network)
        self._threads = None
        if how.threads is not None:
            self._threads = min(how.threads, self.layout.n_shards, _numba_threads())
        self._pace = Pace(most_threads(network))
        self.counts = np.zeros(network.n_neurons, np.int32)
        self._keys = tables.noise_keys(noise_seed)
        self._make_wiring()
        self._make_cells(initial_seed)
        self._queue = self._empty_queue(FIRST_CHUNKS, FIRST_RECENT)
        self._no_samples = np.empty((0, 0), np.float32)
        self._last: tuple = (None,) * 4  # what was run last, and with which arrays
        self._chosen: Callable | None = None  # the code for them, once they come again
        self._ports = PortMaker(network, self.layout, noise_seed, self.counts, self.V_at)

    # -- what it is made of ---------------------------------------------------------------------

    def _make_wiring(self) -> None:
        network, layout, s = self.network, self.layout, self.synapses
        blocks = tables.blocks(network)
        thresholds = tables.thresholds(np.array([b.background_per_step for b in blocks]))
        composition, kinds = compose(blocks, network.receptors, thresholds.shape[1], self.how.real)
        self._module = load(composition)
        self._rows = np.array([rows(composition, k) for k in composition.kinds])[kinds]
        table, own, block_own = self._constants(blocks, composition, kinds)
        size = self._rows * np.diff(layout.block_tile) * TILE
        none = np.empty(0, np.int64)
        none.flags.writeable = False  # as the network's arrays: one type, compiled once
        self._wiring = kernel.Wiring(
            row_start=s.row_start,
            packed=s.packed,
            delay=s.delay,
            segment_row=none if s.segment_row is None else s.segment_row,
            segment_start=none if s.segment_start is None else s.segment_start,
            block_first=layout.block_first,
            block_tile=layout.block_tile,
            block_cell=np.concatenate([[0], np.cumsum(size)[:-1]]),
            block_kind=kinds,
            tile_first=layout.tile_first,
            tile_valid=layout.tile_valid,
            shard_block=layout.shard_block,
            constants=table,
            own=own,
            block_own=block_own,
            thresholds=thresholds,
            lane_key=kernel.lane_keys(self._keys[1], layout.lane_neuron),
            n_channels=len(network.channels),
            window=network.min_delay_steps,
            reach=network.max_delay_steps,
        )
        self._n_values = int(size.sum())
        block = network.blocks.each_neuron(np.arange(len(blocks)))
        tile, position = np.divmod(layout.lane, TILE)
        self.V_at = (
            self._wiring.block_cell[block]
            + (tile - layout.block_tile[block]) * self._rows[block] * TILE
            + position
        )
        self.E_L_mV = each_neuron(network, "E_L_mV").astype(np.float32)

    def _constants(self, blocks: list[tables.Block], composition: Composition, kinds: np.ndarray):
        """Return the constants of blocks, those of lanes where they differ, and where these lie."""
        flat = [each(b) for b in blocks]
        table = np.zeros((len(flat), max(f.shape[1] for f in flat)), self.how.real)
        own = [np.empty(0)]
        for b, (values, n_tiles) in enumerate(
            zip(flat, np.diff(self.layout.block_tile), strict=True)
        ):
            table[b, : values.shape[1]] = values[0]
            differ = values[:, composition.kinds[kinds[b]].varied]
            lanes = np.pad(differ, ((0, n_tiles * TILE - len(differ)), (0, 0)), "edge")
            own.append(lanes.reshape(n_tiles, TILE, differ.shape[1]).swapaxes(1, 2).ravel())
        start = np.cumsum([len(part) for part in own])[:-1]
        return table, np.concatenate(own).astype(self.how.real), start

    def _make_cells(self, initial_seed: int) -> None:
        layout = self.layout
        values = np.zeros(self._n_values, self.how.real)
        for b, states in enumerate(tables.initial_states(self.network, initial_seed)):
            n_tiles = layout.block_tile[b + 1] - layout.block_tile[b]
            block = np.zeros((n_tiles, self._rows[b], TILE))
            padded = np.zeros((len(states), n_tiles * TILE))
            padded[:, : states.shape[1]] = states
            padded[:, states.shape[1] :] = states[:, -1:]  # a state that its model can be in
            block[:, : len(states)] = padded.reshape(len(states), n_tiles, TILE).swapaxes(0, 1)
            at = self._wiring.block_cell[b]
            values[at : at + block.size] = block.ravel()
        most = int(np.diff(layout.shard_first).max()) * self._wiring.window
        self._cells = kernel.Cells(
            values=values,
            arrivals=np.zeros(layout.n_lanes * self._wiring.n_channels, np.int32),
            kicks=np.zeros(layout.n_lanes, np.int32),
            injected_pA=np.zeros(layout.n_lanes, np.float32),
            current_pA=np.zeros(layout.n_lanes, np.float32),
            block_flags=np.zeros(len(self.network.blocks), np.int32),
            tile_flags=np.zeros(layout.n_tiles, np.int32),
            spiked=np.zeros(layout.n_lanes, np.int32),
            silent=np.zeros(len(self.network.blocks), np.bool_),
            unsent=np.zeros((layout.n_shards, most, 2), np.int64),
            n_unsent=np.zeros(layout.n_shards, np.int64),
            clock=np.zeros(2, np.int64),
        )

    def _empty_queue(self, chunks: int, recent: int) -> kernel.Queue:
        n_shards, n_channels = self.layout.n_shards, self._wiring.n_channels
        lists = (self.network.max_delay_steps + 1) * n_channels
        chunks = max(chunks, 2 * lists)
        room = self._cells.unsent.shape[1]
        entry = np.uint64 if self.synapses.segmented else np.uint32
        return kernel.Queue(
            pool=np.empty((n_shards, chunks * kernel.CHUNK), entry),
            following=np.zeros((n_shards, chunks), np.int32),
            free=np.tile(np.arange(chunks, dtype=np.int32), (n_shards, 1)),
            n_free=np.full(n_shards, chunks, np.int64),
            lists=np.zeros((n_shards, lists, 3), np.int32),
            sent=np.zeros((n_shards, room, 2), np.int64),
            n_sent=np.zeros(n_shards, np.int64),
            recent=np.zeros((max(recent, 2 * n_shards * room), 2), np.int64),
            recent_at=np.zeros(2, np.int64),
        )

    @property
    def nbytes(self) -> int:
        """Bytes that synapses, state and queues take now."""
        arrays = (*self._cells, *self._queue, *(getattr(self._wiring, name) for name in OURS))
        return self.synapses.nbytes + sum(a.nbytes for a in arrays)

    # -- running --------------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self._cells.clock[0])

    @property
    def n_spikes(self) -> int:
        """Spikes since it was started."""
        return int(self._cells.clock[1])

    @property
    def threads(self) -> int:
        """Threads that it runs on: as given, or whatever has lately been fastest."""
        return 1 if _forked else self._threads or self._pace.threads

    @property
    def V_mV(self) -> np.ndarray:
        """Membrane potential (neuron,) now (mV), float32; a copy."""
        return self._cells.values[self.V_at].astype(np.float32) + self.E_L_mV

    def advance(self, n_steps: int, inputs: Inputs, watch: Watch) -> Events:
        """Run ``n_steps`` steps; ValueError, before the first, for inputs that cannot be."""
        first = self.step
        ports = self._ports.make(inputs, watch)
        if not (len(watch.voltage) or inputs.driven):  # a closed loop wants this to be quick
            step, n = self._run(first, n_steps, ports)
            if step == first + n_steps:
                return Events(ports.spike_step[:n], ports.spike_neuron[:n], self._no_samples)
            found = ports.spike_step[:n].copy(), ports.spike_neuron[:n].copy()
            rest = self.advance(first + n_steps - step, inputs, watch)
            steps = np.concatenate([found[0], rest.step])
            return Events(steps, np.concatenate([found[1], rest.neuron]), self._no_samples)
        return self._advance_watched(n_steps, ports, watch)

    def _advance_watched(self, n_steps: int, ports: kernel.Ports, watch: Watch) -> Events:
        """Run steps with drives or samples, whose rows go on where the kernel stopped for room."""
        end, first_sample = self.step + n_steps, self.step // watch.every_steps
        samples = np.empty(
            (end // watch.every_steps - first_sample, len(watch.voltage)), np.float32
        )
        steps: list[np.ndarray] = []
        neurons: list[np.ndarray] = []
        row = 0  # of the drives
        while True:
            start = self.step
            at = start // watch.every_steps - first_sample
            part = ports._replace(probe_out=samples[at:])
            if row:
                part = part._replace(
                    drive_pA=part.drive_pA[row:],
                    drive_p0=part.drive_p0[row:],
                    drive_mean=part.drive_mean[row:],
                )
            step, n = self._run(start, end - start, part)
            row += step - start
            steps.append(part.spike_step[:n].copy())
            neurons.append(part.spike_neuron[:n].copy())
            if step == end:
                break
        spikes = np.concatenate(steps), np.concatenate(neurons)
        return Events(*spikes, samples + self.E_L_mV[watch.voltage])

    def _run(self, first: int, n_steps: int, ports: kernel.Ports) -> tuple[int, int]:
        """Run the kernel once, make room if it asks; return the step, and the spikes recorded."""
        started_s, threads = perf_counter(), self.threads
        run = self._quick(threads > 1, ports)
        arguments = first, n_steps, self._wiring, self._cells, self._queue, ports
        if threads > 1:
            with _one_at_a_time:
                numba.set_num_threads(threads)
                step, n_spikes, status = run(*arguments)
        else:
            step, n_spikes, status = run(*arguments)
        if self._threads is None:
            self._pace.measure(step - first, perf_counter() - started_s)
        if status == kernel.MORE_QUEUE:
            self._grow()
        return step, n_spikes

    def _quick(self, parallel: bool, ports: kernel.Ports) -> Callable[..., tuple[int, int, int]]:
        """Return what runs steps: where the same arrays come again, what Numba chose for them.

        Numba looks at the type of every array before each call, which takes longer than the call.
        """
        run = self._module.run_parallel if parallel else self._module.run_serial
        wiring, queue, last = self._wiring, self._queue, self._last
        if not (run is last[0] and ports is last[1] and queue is last[2] and wiring is last[3]):
            self._last, self._chosen = (run, ports, queue, wiring), None
            return run
        chosen = self._chosen
        if chosen is None:
            types = tuple(map(numba.typeof, (0, 0, wiring, self._cells, queue, ports)))
            chosen = self._chosen = run.get_overload(types) if types in run.overloads else run
        return chosen

    def _grow(self) -> None:
        """Double the calendars and the room for recent spikes, keeping what is in them."""
        self._requeue(
            self._recent(), 2 * self._queue.free.shape[1], 2 * self._queue.recent.shape[0]
        )

    def _recent(self) -> np.ndarray:
        """Return step and neuron (spike, 2) of all spikes that were sent and may be under way."""
        first, n = self._queue.recent_at
        return self._queue.recent[(first + np.arange(n)) % len(self._queue.recent)]

    def _requeue(self, recent: np.ndarray, chunks: int, room: int) -> None:
        """Make the calendars anew, with room for chunks and recent spikes, or more."""
        while True:
            room = max(room, 2 * len(recent))
            queue = self._empty_queue(chunks, room)
            queue.recent[: len(recent)] = recent
            queue.recent_at[:] = 0, len(recent)
            if kernel.requeue(self.step, self._wiring, queue):
                self._queue = queue
                return
            chunks *= 2

    # -- lesions and state ----------------------------------------------------------------------

    def lesion(self, silent: np.ndarray, cut: np.ndarray) -> int:
        """Set the masks of lesions; return how many synapses are cut (see `Running.lesion`)."""
        self._cells.silent[:] = silent
        words, n_cut = self.synapses.packed, 0
        if cut.any():
            words = np.array(words)
            region = self.network.neuron_region
            lane_region = np.where(
                self.layout.lane_neuron < 0, -1, region[self.layout.lane_neuron]
            ).astype(np.int32)
            n_cut = kernel.mask(self._wiring, lane_region, region, cut, words)
            words.flags.writeable = False
        self._wiring = self._wiring._replace(packed=words)
        if not self.synapses.segmented:  # whose calendar holds weights
            self._requeue(self._recent(), self._queue.free.shape[1], len(self._queue.recent))
        return n_cut

    @property
    def format(self) -> str:
        """What `state` is made of; only a run of the same can be restored to it."""
        return f"cpu {self.how.real} {TILE}"

    def finite(self) -> np.ndarray:
        """Return whether the state of each neuron (neuron,) is finite; empty if that of all is."""
        if math.isfinite(self._cells.values.sum(dtype=np.float64)):
            return np.empty(0, bool)
        finite = np.ones(self.network.n_neurons, bool)
        for row in range(int(self._rows.max())):
            block = self.network.blocks.each_neuron(self._rows)
            has = row < block
            finite[has] &= np.isfinite(self._cells.values[self.V_at[has] + row * TILE])
        return finite

    def state(self) -> dict[str, np.ndarray]:
        """Return the whole state as arrays of its own."""
        unsent = [
            self._cells.unsent[shard, :n] for shard, n in enumerate(self._cells.n_unsent.tolist())
        ]
        sent = np.concatenate([self._recent(), *unsent])
        under_way = sent[sent[:, 0] + self._wiring.reach >= self.step]
        return {"values": self._cells.values.copy(), "spikes": under_way}

    def restore(self, step: int, state: Mapping[str, np.ndarray]) -> None:
        """Go to a state that `state` gave; ValueError, before any change, if it does not fit."""
        values, spikes = state["values"], np.asarray(state["spikes"], np.int64)
        shapes: dict[str, Any] = {"values": (self._n_values,), "spikes": (len(spikes), 2)}
        for name, shape in shapes.items():
            if state[name].shape != shape:
                raise ValueError(
                    f"the snapshot's {name} have shape {state[name].shape}, expected {shape}: give "
                    "one that `snapshot` made"
                )
        self._cells.values[:] = values
        self._cells.n_unsent[:] = 0
        self._cells.clock[0] = step
        self._requeue(spikes, self._queue.free.shape[1], len(self._queue.recent))


_one_at_a_time = threading.Lock()
"""Numba's layer of threads may not be entered by two at once: workqueue aborts."""

_forked = False


def _after_fork() -> None:
    """Keep a forked process on one thread: threads do not survive a fork, and OpenMP's waits."""
    global _forked, _one_at_a_time
    _forked, _one_at_a_time = True, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _numba_threads() -> int:
    return int(numba.config.NUMBA_NUM_THREADS)  # pyright: ignore[reportAttributeAccessIssue]
