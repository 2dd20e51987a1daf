"""What it costs to bring spikes to their targets, and nothing else: the calendar and the sums."""

import time

import numpy as np

from encephagen.engine.cpu import kernel
from encephagen.engine.cpu.engine import CPURun
from encephagen.engine.session import Session
from encephagen.jit import njit
from encephagen.rng import stream
from encephagen.units import MS_PER_S

RATE_HZ = 5.0
BATCHES = 12


@njit
def _windows(first, last, step, bounds, spike_step, spike_neuron, wiring, cells, queue):
    """Send, queue and deliver windows ``first`` to ``last``; return where room ran out, or last.

    The spikes of shard s in window w are ``bounds[w, s]`` to ``bounds[w, s + 1]``.
    """
    n_shards = queue.n_sent.shape[0]
    for w in range(first, last):
        for shard in range(n_shards):
            n = 0
            for k in range(bounds[w, shard], bounds[w, shard + 1]):
                cells.unsent[shard, n, 0] = step + w * wiring.window + spike_step[k]
                cells.unsent[shard, n, 1] = spike_neuron[k]
                n += 1
            cells.n_unsent[shard] = n
        kernel.forget(step + w * wiring.window, wiring, queue)
        if not kernel.has_room(wiring, cells, queue):
            return w
        kernel.send(cells, queue)
        for shard in range(n_shards):
            kernel.enqueue(shard, wiring, queue)
            for k in range((w + 1) * wiring.window, (w + 2) * wiring.window):
                kernel.deliver(shard, step + k, wiring, cells, queue)
    return last


def measure(session: Session, batch_s: float = 0.1) -> dict[str, float]:
    """Return the events delivered a second of CPU time on one core, and what it stands on.

    Spikes of randomly chosen neurons, 5 a second each, are sent, queued and delivered window by
    window as the kernel does it. First the calendars fill, for as long as the longest delay; then
    follow batches of ``batch_s`` or more, of which the fastest counts. ``session`` is spoilt.
    """
    network, cpu_run = session.network, session.run
    assert isinstance(cpu_run, CPURun)
    step, longest = session.step, 2 + (network.max_delay_steps + 1) // network.min_delay_steps
    rng = stream(0, "bench", "delivery")

    def run(n_windows: int) -> tuple[float, int]:
        """Run windows; return the CPU time (s) and the number of events."""
        nonlocal step
        bounds, spike_step, spike_neuron, events = _spikes(cpu_run, n_windows, rng)
        spent_s, at = 0.0, 0
        while at < n_windows:
            start_s = time.process_time()
            at = _windows(
                at,
                n_windows,
                step,
                bounds,
                spike_step,
                spike_neuron,
                cpu_run._wiring,
                cpu_run._cells,
                cpu_run._queue,
            )
            spent_s += time.process_time() - start_s
            if at < n_windows:
                cpu_run._grow()
        step += n_windows * network.min_delay_steps
        return spent_s, events

    run(longest)  # compiles
    window_s = run(longest)[0] / longest
    n_windows = max(longest, round(batch_s / max(window_s, 1e-7)))
    batches = [run(n_windows) for _ in range(BATCHES)]
    cost_s = [spent_s / max(events, 1) for spent_s, events in batches]
    return {
        "ns_per_event": 1e9 * min(cost_s),
        "events_per_s_core": 1.0 / min(cost_s),
        "events_per_window": batches[0][1] / n_windows,
        "spread": float(np.median(cost_s)) / min(cost_s) - 1.0,
    }


def _spikes(
    run: CPURun, n_windows: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return random spikes as `_windows` takes them, and how many events they cause."""
    network, layout, wiring = run.network, run.layout, run._wiring
    window, size = network.min_delay_steps, np.diff(layout.shard_first)
    mean = RATE_HZ * window * network.dt_ms / MS_PER_S * size
    count = rng.poisson(np.tile(mean, (n_windows, 1)))
    ends = np.cumsum(count).reshape(count.shape)
    bounds = np.concatenate([ends[:, :1] - count[:, :1], ends], axis=1)
    shard = np.repeat(np.tile(np.arange(layout.n_shards), n_windows), count.ravel())
    neuron = layout.shard_first[shard] + (rng.random(len(shard)) * size[shard]).astype(np.int64)
    group = np.repeat(np.arange(count.size), count.ravel())
    spike_step = rng.integers(0, window, len(shard))
    spike_step = spike_step[np.lexsort((spike_step, group))]
    rows = np.arange(layout.n_shards * wiring.n_channels) * network.n_neurons
    events = sum(
        int((wiring.row_start[row + neuron + 1] - wiring.row_start[row + neuron]).sum())
        for row in rows
    )
    return bounds, spike_step, neuron, events
