"""What the parts cost: a neuron, a draw of noise, a call, a snapshot."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from encephagen.bench.networks import BY_SIZE, Size
from encephagen.bench.timing import Clock
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.working_point.whole import whole_brain

UNHEARD_PA = 1e-6  # a background that is drawn and counts for nothing
NEURON_REPEATS, CALL_REPEATS = 30, 15
CALLS = 400


def measure(size: Size, quick: bool) -> dict[str, Any]:
    """Return the cost of a neuron's step and of a draw (ns), of a call (us), of a snapshot (s)."""
    return {**_noise(size, quick), **_calls(size, quick), **_snapshots(size)}


def _noise(size: Size, quick: bool) -> dict[str, Any]:
    """Time a network that never spikes, with and without its background, in turns.

    Both do all that a neuron's step takes; the difference is the draw. It depends on the mean
    number of events a step, so that of `healthy_cortex` and a high rate are measured.
    """
    connectome = hcp_aal2()
    recipe = size.recipe.replace(
        local_probability=0.0,
        long_in_degree=0.0,
        background_weight_pA=UNHEARD_PA,
        rate_exc_Hz=0.0,  # else a background that is heard would be sought
    )
    rates_Hz = {"none": 0.0, "default": recipe.cortex.background_rate_Hz, "2 kHz": 2000.0}
    sessions = {}
    for name, rate_Hz in rates_Hz.items():
        network = build(whole_brain(connectome, recipe.replace(background_rate_Hz=rate_Hz)))
        sessions[name] = Session(network, threads=1)
        sessions[name].advance(500)  # compiles, and lets the initial state fade
    steps = 100 if quick else 500
    clock = Clock()
    for _ in range(NEURON_REPEATS // (5 if quick else 1)):
        for name, session in sessions.items():
            clock.time(name, lambda s=session: s.advance(steps))
    per = 1e9 / (steps * sessions["none"].network.n_neurons)
    cost_ns = {name: per * clock[name].best_cpu_s for name in rates_Hz}
    return {
        "neuron_ns_per_step": cost_ns["none"],
        "noise_ns_per_draw": max(0.0, cost_ns["default"] - cost_ns["none"]),
        "noise_ns_per_draw_2kHz": max(0.0, cost_ns["2 kHz"] - cost_ns["none"]),
        "noise_rate_Hz": rates_Hz["default"],
    }


def _calls(size: Size, quick: bool) -> dict[str, Any]:
    """Time `Session.advance(1)` against the same steps in one call, on one thread.

    Alone, and with a recorder of counts attached. On a brain so small that a step is nothing, and
    on that of `healthy_cortex`, where input and output are longer; the longer of the two counts.
    """
    small = Connectome(
        "two regions",
        (Region("A", "L", system="visual"), Region("B", "R", system="motor")),
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        np.array([[0.0, 30.0], [30.0, 0.0]]),
    )
    tiny = whole_brain(small, BY_SIZE.replace(neurons_per_region=10, long_in_degree=2.0))
    calls = CALLS // 10 if quick else CALLS
    alone, recorded = {}, {}
    for name, brain in {"tiny": tiny, "default": size.brain(hcp_aal2())}.items():
        session = Session(build(brain), threads=1)
        session.advance(calls)
        settled, clock = session.snapshot(), Clock()

        def one_by_one(session: Session = session) -> None:
            for _ in range(calls):
                session.advance(1)

        for _ in range(CALL_REPEATS // (5 if quick else 1)):
            session.restore(settled)
            clock.time("calls", one_by_one)
            session.restore(settled)
            recorder = session.attach(Probe(spikes=False))
            clock.time("recorded calls", one_by_one)
            session.detach(recorder)
            session.restore(settled)
            clock.time("steps", lambda s=session: s.advance(calls))
        for what, costs_us in (("calls", alone), ("recorded calls", recorded)):
            overhead_s = clock[what].best_cpu_s - clock["steps"].best_cpu_s
            costs_us[name] = max(0.0, 1e6 * overhead_s / calls)
    return {
        "advance_overhead_us": max(alone.values()),
        "advance_overhead_us_by_brain": alone,
        "advance_recorder_us": max(recorded.values()),
        "advance_recorder_us_by_brain": recorded,
    }


def _snapshots(size: Size) -> dict[str, Any]:
    """Time `snapshot` and `restore` of the brain of `healthy_cortex`."""
    session = Session(build(size.brain(hcp_aal2())), threads=1)
    session.advance(2000)
    kept = session.snapshot()
    return {
        "snapshot_s": _least(session.snapshot),
        "restore_s": _least(lambda: session.restore(kept)),
        "snapshot_bytes": sum(a.nbytes for a in kept.arrays.values()),
    }


def _least(work: Callable[[], object], repeats: int = 5) -> float:
    spent = []
    for _ in range(repeats):
        start_s = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start_s)
    return min(spent)
