"""One network: built, run on one and on two threads, and beside NEST; a process for each.

    python -m encephagen.bench.running QUICK SIZE [PYTHON]

answers in lines of JSON: what it ``say``s on the way, and at the end the ``result`` of `measure` or
the ``error`` that kept it from it. PYTHON is one that has NEST. A process of its own gives each
network its own peak of memory, and leaves none behind for the next.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.bench import delivery, networks
from encephagen.bench.networks import Size
from encephagen.bench.timing import Clock, load
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.cpu.pack import packed
from encephagen.engine.estimate import estimate
from encephagen.engine.nest import NestProcess, Unavailable, initial_V_mV
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.network.export import nest as export
from encephagen.network.network import Network
from encephagen.units import MS_PER_S

LARGE = 5e7  # synapses
SETTLE_MS = 200.0  # from the initial state to steady activity
NEST_SETTLE_MS = 100.0
NEST_BYTES_PER_SYNAPSE = 150  # while it connects; measured, rounded up
EXPORT_BYTES_PER_SYNAPSE = 120
SAVE_BYTES_PER_SYNAPSE = 25
BUILD_REPEATS = 3
MAX_THREADS = 2

Say = Callable[[str], None]


def measure(size: Size, python: str | None, say: Say) -> dict[str, Any]:
    """Return what a network of this size costs, and what NEST takes for it (if ``python``)."""
    say(f"{size.name}: building")
    connectome = hcp_aal2()
    brain = size.brain(connectome)
    expected = estimate(brain)
    packed(build(networks.QUICK_DEFAULT.brain(connectome)))  # compiles
    clock, network = Clock(), None
    for _ in range(BUILD_REPEATS if expected.n_synapses < 1e7 else 1):
        network = None  # else two would be in memory
        start_s, start_cpu_s = time.perf_counter(), time.process_time()
        network = build(brain)
        packed(network)
        clock.add("build", time.perf_counter() - start_s, time.process_time() - start_cpu_s)
    assert network is not None
    say(f"{size.name}: running {network.n_neurons:,} neurons, {network.n_synapses:,} synapses")
    sessions = _sessions(network)
    settled = sessions[1].snapshot()
    rate_Hz = _rate_Hz(sessions[1], size.rate_ms)
    _turns(clock, sessions, settled, size, [])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
    nests: list[NestProcess] = []
    reason = None
    if python is not None:
        say(f"{size.name}: NEST and ours in turns")
        try:
            nests = _beside_nest(clock, sessions, settled, size, python)
        except Unavailable as error:
            reason = str(error)
            say(f"{size.name}: no comparison with NEST: {reason}")
    result = _result(size, network, clock, rate_Hz, expected, peak)
    result["same_spikes_any_threads"] = _same(sessions, settled, size)
    result["nest"] = None
    if nests:
        result["nest"] = {"model": export.model(network), **_compare(result, clock, size, nests)}
    result["nest_reason"] = reason
    del sessions, settled
    say(f"{size.name}: delivery alone")
    result["delivery"] = delivery.measure(Session(network, threads=1))
    result["events_per_s_core"] = result["delivery"]["events_per_s_core"]
    result["load"] = load()
    return result


_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss: bytes on macOS, else KiB


def _sessions(network: Network) -> dict[int, Session]:
    """Return a compiled session for each number of threads; the one on 1 thread has settled."""
    sessions = {1: Session(network, threads=1)}
    several = Session(network, threads=min(MAX_THREADS, os.cpu_count() or 1))
    if several.threads > 1:
        sessions[several.threads] = several
        several.advance(1)
    sessions[1].advance(round(SETTLE_MS / network.dt_ms))
    return sessions


def _turns(
    clock: Clock, sessions: dict[int, Session], settled, size: Size, nests: list[NestProcess]
) -> None:
    """Run everything in turns, ours always the same stretch."""
    dt_ms = sessions[1].network.dt_ms
    for _ in range(size.nest_repeats if nests else size.repeats):
        for threads, session in sessions.items():
            session.restore(settled)
            steps = round(size.brain_ms / dt_ms)
            clock.time(f"ours {threads}", lambda s=session, n=steps: s.advance(n))
        for nest in nests:
            stretch = nest.run(round(size.nest_ms / dt_ms))
            clock.add(f"nest {nest.threads}", stretch.wall_s, stretch.cpu_s)
            clock.add(f"nest spikes {nest.threads}", stretch.n_spikes, 0.0)


def _rate_Hz(session: Session, duration_ms: float) -> float:
    """Run the session on, and return its mean rate."""
    session.advance(round(duration_ms / session.network.dt_ms))
    return float(session.counts.mean()) * MS_PER_S / duration_ms


def _beside_nest(
    clock: Clock, sessions: dict[int, Session], settled, size: Size, python: str
) -> list[NestProcess]:
    """Run ours and NEST, on one and on two threads, in turns; Unavailable where it cannot be.

    Returns what ran, ended. A large network stands in memory once: its threads come one after the
    other.
    """
    import psutil

    network = sessions[1].network
    threads = sorted({1, min(MAX_THREADS, os.cpu_count() or 1)})
    need = network.n_synapses * max(EXPORT_BYTES_PER_SYNAPSE, NEST_BYTES_PER_SYNAPSE)
    free = psutil.virtual_memory().available
    if need > free:
        raise Unavailable(
            f"it would need about {need / 2**30:.0f} GiB, and {free / 2**30:.0f} are free"
        )
    together = [threads] if network.n_synapses < LARGE else [[n] for n in threads]
    nests: list[NestProcess] = []
    with tempfile.TemporaryDirectory(prefix="encephagen-bench-") as folder:
        room = psutil.disk_usage(folder).free
        if network.n_synapses * SAVE_BYTES_PER_SYNAPSE > room:
            raise Unavailable("the network has no room on the disk: set TMPDIR to another")
        export.export_nest(network, folder, V_mV=initial_V_mV(network, 0))
        for group in together:
            with ExitStack() as stack:
                started = [
                    stack.enter_context(NestProcess(folder, python=python, threads=n))
                    for n in group
                ]
                for nest in started:
                    nest.run(round(NEST_SETTLE_MS / network.dt_ms))
                _turns(clock, sessions, settled, size, started)
                nests += started
    return nests


def _result(
    size: Size, network: Network, clock: Clock, rate_Hz: float, expected, peak: int
) -> dict[str, Any]:
    brain_s = size.brain_ms / MS_PER_S
    factors, medians, spreads, cpu = {}, {}, {}, {}
    for threads in range(1, MAX_THREADS + 1):
        if f"ours {threads}" not in clock:
            continue
        timing = clock[f"ours {threads}"]
        factors[str(threads)] = brain_s / timing.best_s
        medians[str(threads)] = brain_s / timing.median_s
        spreads[str(threads)] = timing.spread
        cpu[str(threads)] = brain_s / timing.best_cpu_s
    best = max(factors, key=lambda n: factors[n])
    synapses = packed(network).synapses
    return {
        "name": size.name,
        "brain_digest": network.brain.digest(),
        "n_neurons": network.n_neurons,
        "n_synapses": network.n_synapses,
        "rate_Hz": rate_Hz,
        "realtime_factor": factors[best],
        "threads": int(best),
        "realtime_factor_by_threads": factors,
        "realtime_factor_median_by_threads": medians,
        "realtime_factor_cpu_by_threads": cpu,
        "spread_by_threads": spreads,
        "segmented": synapses.segmented,
        "delays_per_synapse": len(synapses.delay) / max(1, network.n_synapses),
        "bytes_per_synapse": synapses.nbytes / max(1, network.n_synapses),
        "memory_peak_bytes": peak,
        "build_s": clock["build"].best_s,
        "build_cpu_s": clock["build"].best_cpu_s,
        "estimate": {
            "n_synapses": expected.n_synapses,
            "memory_bytes": expected.memory_bytes,
            "build_s": expected.build_s,
            "seconds_per_second": expected.seconds_per_second,
        },
    }


def _compare(
    result: dict[str, Any], clock: Clock, size: Size, nests: list[NestProcess]
) -> dict[str, Any]:
    """Return NEST's speed on the same network, and how much longer it takes than ours."""
    brain_s = size.nest_ms / MS_PER_S
    factors = {str(n.threads): brain_s / clock[f"nest {n.threads}"].best_s for n in nests}
    medians = {str(n.threads): brain_s / clock[f"nest {n.threads}"].median_s for n in nests}
    best = max(factors, key=lambda n: factors[n])
    counts = [c for n in nests for c in clock[f"nest spikes {n.threads}"].wall_s]
    rate_Hz = float(np.mean(counts)) / result["n_neurons"] / brain_s
    ours = result["realtime_factor_median_by_threads"]
    one = [n for n in nests if n.threads == 1]
    cpu_ratio = None
    if one:
        spent_s = clock["nest 1"].best_cpu_s / brain_s
        cpu_ratio = spent_s * result["realtime_factor_cpu_by_threads"]["1"]
    return {
        "version": nests[0].version,
        "n_connections": nests[0].n_connections,
        "min_delay_ms": nests[0].min_delay_ms,
        "realtime_factor": factors[best],
        "threads": int(best),
        "realtime_factor_by_threads": factors,
        "realtime_factor_median_by_threads": medians,
        "rate_Hz": rate_Hz,
        "rate_ratio": rate_Hz / result["rate_Hz"] if result["rate_Hz"] else None,
        "ratio": result["realtime_factor"] / factors[best],
        "ratio_cpu_1_thread": cpu_ratio,
        "ratio_of_medians": max(ours.values()) / max(medians.values()),
        "build_s": min(n.build_s for n in nests),
        "memory_peak_bytes": min(n.memory_bytes for n in nests),
    }


def _same(sessions: dict[int, Session], settled, size: Size) -> bool:
    """Whether all numbers of threads end in the same state, to the bit, after the same stretch."""
    ends = []
    for session in sessions.values():
        session.restore(settled)
        session.advance(round(size.brain_ms / session.network.dt_ms))
        ends.append((session.counts.copy(), session.snapshot().arrays))
    counts, state = ends[0]
    return all(
        np.array_equal(counts, other) and np.array_equal(state["values"], arrays["values"])
        for other, arrays in ends
    )


def in_process(size: Size, quick: bool, python: str | None, say: Say) -> dict[str, Any]:
    """Return `measure` of a size, made in a new process; ValueError says why it could not be."""
    command = [sys.executable, "-m", __name__, str(int(quick)), size.name]
    if python is not None:
        command.append(python)
    answer: dict[str, Any] = {}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=child_environment(),
        start_new_session=True,  # Ctrl-C is for us: we end it, without its last words
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                answer = json.loads(line)
                if "say" in answer:
                    say(answer["say"])
        except BaseException:
            process.kill()
            raise
    if "error" in answer:
        raise ValueError(answer["error"])
    if process.returncode != 0 or "result" not in answer:
        raise ValueError(
            f"the process that measures {size.name} ended with status {process.returncode}; "
            "was there enough memory?"
        )
    return answer["result"]


def child_environment() -> dict[str, str]:
    """Return the environment for a child that shall import the same encephagen as this process."""
    import encephagen

    home = str(Path(encephagen.__file__).parents[1])
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": home if not path else os.pathsep.join([home, path])}


def main(arguments: list[str]) -> None:
    """Measure the size that the command line names, and answer."""
    quick, name, *python = arguments
    default = networks.QUICK_DEFAULT if int(quick) else networks.DEFAULT
    known = (default, *(networks.QUICK_SIZES if int(quick) else networks.SIZES))
    size = next(s for s in known if s.name == name)
    try:
        _answer("result", measure(size, python[0] if python else None, _tell))
    except (ValueError, MemoryError) as error:
        _answer("error", str(error) or "out of memory")


def _tell(text: str) -> None:
    _answer("say", text)


def _answer(kind: str, value: Any) -> None:
    sys.stdout.write(json.dumps({kind: value}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
