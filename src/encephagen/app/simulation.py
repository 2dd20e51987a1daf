"""`encephagen simulate`: build, run, summarise, save."""

import time
from pathlib import Path
from typing import Any

from encephagen.app import console
from encephagen.files import check_writable, to_json
from encephagen.interrupt import gently
from encephagen.units import MS_PER_S
from encephagen.working_point.choice import Choice

INTERRUPTED = 130
STOPPED = 1


def simulate(
    choice: Choice, seconds: float, threads: int | None, file: Path | None, as_json: bool
) -> int:
    """Run ``seconds`` of brain time, print what it was like, and return the exit status.

    1 if the engine stopped the run (see the alarm), 130 if Ctrl-C did; what was recorded until
    then is summarised, and saved to ``file``, all the same.
    """
    duration_ms = seconds * MS_PER_S
    if not duration_ms >= choice.dt_ms or duration_ms == float("inf"):
        raise ValueError(
            f"--seconds {seconds:g}: give finite brain time of at least a step, {choice.dt_ms:g} ms"
        )
    if file is not None:
        check_writable(file)
    from encephagen.working_point.expected import check_memory

    with console.patience("building the network ..."):
        network = choice.network()
        check_memory(network, seconds)
    session = choice.session(network, threads)
    with console.patience():
        choice.prepare(network, threads)
    by_user = False
    with console.bar("simulating") as progress, gently() as check:

        def step(done_ms: float, total_ms: float) -> None:
            nonlocal by_user
            progress(done_ms, total_ms)
            try:
                check()
            except KeyboardInterrupt:
                by_user = True
                raise

        started = time.perf_counter()
        recording = session.record(duration_ms, progress=step)
        wall_s = time.perf_counter() - started
        if file is not None and recording.n_steps:
            recording.save(file)
    finished = session.time_ms >= duration_ms - 0.5 * choice.dt_ms
    if recording.n_steps == 0:
        raise KeyboardInterrupt
    report = _report(recording, network, session, choice, wall_s)
    report["out"] = None if file is None else str(file)
    if as_json:
        print(to_json(report))
    else:
        _show(report, recording, network)
    if not finished and (by_user or not _stopped_by_engine(recording)):
        kept = f"; what was recorded is in {file}" if file is not None else ""
        console.err().print(
            f"interrupted after {recording.duration_ms / MS_PER_S:.2f} s of brain time{kept}",
            markup=False,
            soft_wrap=True,
        )
        return INTERRUPTED
    if not finished:
        console.complain(
            f"the run was stopped after {recording.duration_ms / MS_PER_S:.2f} of {seconds:g} s: "
            f"{recording.alarms[0] if recording.alarms else 'see the alarms'}"
        )
        return STOPPED
    return 0


def _stopped_by_engine(recording) -> bool:
    """Whether the engine ended the run: its alarms of these kinds come before all others."""
    first = recording.alarms[:1]
    return bool(first) and first[0].kind in ("saturated", "non-finite")


def _report(recording, network, session, choice: Choice, wall_s: float) -> dict[str, Any]:
    from encephagen.analysis.summary import summary

    made = recording.provenance
    brain_s = recording.duration_ms / MS_PER_S
    return {
        "seconds": brain_s,
        **summary(recording),
        "n_synapses": network.n_synapses,
        "n_regions": len(network.regions),
        "interrupted": recording.interrupted,
        "wall_s": wall_s,
        "realtime_factor": brain_s / wall_s if wall_s > 0 else None,
        "threads": session.threads,
        "dt_ms": network.dt_ms,
        "dataset": made["connectome"],
        "recipe": made["recipe"],
        "working_point": made["working_point"],
        "stand_ins": made["stand_ins"],
        "seeds": {
            "wiring": choice.wiring_seed,
            "noise": choice.noise_seed,
            "initial": choice.initial_seed,
        },
        "digests": {
            "connectome": network.brain.connectome.digest(),
            "brain": made["brain_digest"],
            "network": made["network_digest"],
        },
        "versions": made["versions"],
        "created": made["created"],
    }


def _show(report: dict[str, Any], recording, network) -> None:
    from encephagen.analysis import kind_rate, settled
    from encephagen.app import tables

    out = console.out()
    seeds = report["seeds"]
    same = len(set(seeds.values())) == 1
    seed = str(seeds["wiring"]) if same else ", ".join(f"{k} {v}" for k, v in seeds.items())
    rows = [
        (
            "brain",
            f"{network.n_neurons:,} neurons, {network.n_synapses:,} synapses, "
            f"{report['n_regions']} regions of {report['dataset']}",
        ),
        ("recipe", f"{report['recipe']}, dt {report['dt_ms']:g} ms, seed {seed}"),
        ("working point", report["working_point"]),
        (
            "brain time",
            tables.speed(recording.duration_ms, report["wall_s"])
            + f" ({report['threads']} thread{'s' if report['threads'] > 1 else ''})",
        ),
        ("spikes", f"{report['n_spikes']:,}, digest {str(report['spike_digest'])[:16]}"),
    ]
    out.print(tables.pairs("simulation", rows))
    out.print(tables.health(report))
    if report["nuclei"]:
        out.print(tables.nuclei(report["nuclei"]))
    part = settled(recording)
    out.print(tables.rates("rates by system", kind_rate(part)))
    tables.print_alarms(out, recording.alarms)
    if report["out"]:
        out.print(f"saved to {report['out']}", soft_wrap=True)
