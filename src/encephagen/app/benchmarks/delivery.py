"""What it costs to bring spikes to their targets, and nothing else: the calendar and the sums."""

import time

import numba
import numpy as np

from encephagen.engine import kernel
from encephagen.engine.session import Session
from encephagen.rng import stream
from encephagen.units import MS_PER_S

RATE_HZ = 5.0
BATCHES = 12


@numba.njit(cache=True)
def _enqueue(wiring, queue):
    for shard in range(queue.n_sent.shape[0]):
        kernel.enqueue(shard, wiring, queue)


@numba.njit(cache=True)
def _deliver(first, last, wiring, cells, queue):
    for shard in range(queue.n_sent.shape[0]):
        for step in range(first, last):
            kernel.deliver(shard, step, wiring, cells, queue)


def measure(session: Session, batch_s: float = 0.05) -> dict[str, float]:
    """Return nanoseconds of CPU time an event, to queue and to deliver, and events a second.

    Spikes of randomly chosen neurons, 5 a second each, are sent window by window as the kernel
    would, on one thread. First the calendars fill, for as long as the longest delay; then follow
    batches of ``batch_s`` or more, and the least of their means counts.
    """
    network, layout = session.network, session.network.layout
    wiring, cells = session._wiring, session._cells
    session._flush()  # what is under way comes first
    window, n_neurons = network.min_delay_steps, network.n_neurons
    mean = RATE_HZ * window * network.dt_ms / MS_PER_S
    rng = stream(0, "bench", "delivery")
    bounds = wiring.row_start
    n_rows = layout.n_shards * wiring.n_channels
    step = session.step

    def send() -> int:
        """List one window of spikes, make room for them, and return how many events they cause."""
        events = 0
        for shard in range(layout.n_shards):
            first, last = layout.shard_first[shard], layout.shard_first[shard + 1]
            n = rng.poisson(mean * (last - first))
            neuron = rng.integers(first, last, n)
            cells.unsent[shard, :n, 0] = step + np.sort(rng.integers(0, window, n))
            cells.unsent[shard, :n, 1] = neuron
            cells.n_unsent[shard] = n
            row = np.arange(n_rows)[:, None] * n_neurons + neuron
            events += int((bounds[row + 1] - bounds[row]).sum())
        while not kernel.has_room(wiring, cells, session._queue):
            session._grow_queue()
        kernel.send(cells, session._queue)
        return events

    def run() -> tuple[float, float]:
        """Queue and deliver one window; return the CPU time of either (s)."""
        a = time.process_time()
        _enqueue(wiring, session._queue)
        b = time.process_time()
        _deliver(step + window, step + 2 * window, wiring, cells, session._queue)
        return b - a, time.process_time() - b

    spent = []
    for _ in range(2 + (network.max_delay_steps + 1) // window):
        send()
        spent.append(sum(run()))
        step += window
    n_windows = max(2, round(batch_s / max(float(np.median(spent)), 1e-6)))
    batches = []
    for _ in range(BATCHES):
        events, queued, delivered = 0, 0.0, 0.0
        for _ in range(n_windows):
            events += send()
            a, b = run()
            queued, delivered, step = queued + a, delivered + b, step + window
        batches.append((queued / max(events, 1), delivered / max(events, 1)))
    queue_s, deliver_s = min(batches, key=sum)
    cost = [a + b for a, b in batches]
    return {
        "queue_ns_per_event": 1e9 * queue_s,
        "deliver_ns_per_event": 1e9 * deliver_s,
        "events_per_s_core": 1.0 / (queue_s + deliver_s),
        "spread": float(np.median(cost)) / min(cost) - 1.0,
    }
