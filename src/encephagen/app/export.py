"""`encephagen export`: a brain written for another program."""

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encephagen.app import console
from encephagen.files import to_json
from encephagen.units import MS_PER_S
from encephagen.working_point.choice import Choice

if TYPE_CHECKING:
    import numpy as np

    from encephagen.brain.spec import Brain
    from encephagen.network.network import Network

EXPECTED_S = 1.0  # brain time of our own spikes, which the script of NEST compares with its own


def to_nest(choice: Choice, out: Path, current_pA: float, as_json: bool) -> int:
    """Write a brain for plain NEST into the folder ``out``, say how to run it, and return 0.

    With a current (pA into every neuron), our own spikes of one second under it, without
    background, lie beside it: the script compares NEST's with them. ValueError for what NEST has no
    equal of, and for a folder that is not empty.
    """
    import numpy as np

    from encephagen.engine.nest import initial_V_mV
    from encephagen.network.export.nest import export_nest

    current_pA = float(np.float32(current_pA))  # as a session takes it
    if not np.isfinite(current_pA):
        raise ValueError(f"--current-pA {current_pA:g}: give a finite current, or 0 for none")

    def write(network: "Network") -> dict[str, Any]:
        V_mV = initial_V_mV(network, choice.initial_seed)
        spikes = _expected(choice, network, current_pA) if current_pA else None
        export_nest(
            network, out, V_mV=V_mV, current_pA=current_pA, spikes=spikes, seconds=EXPECTED_S
        )
        n_spikes = None if spikes is None else len(spikes[0])
        return {"run": str(out / "run.py"), "current_pA": current_pA, "expected_spikes": n_spikes}

    how = ["python {run} --seconds 10 --threads 2"]
    if current_pA:
        how.append("python {run} --check  # the {expected_spikes:,} spikes of ours, time for time")
    return _export(choice, out, as_json, write, how)


def to_sonata(choice: Choice, out: Path, as_json: bool) -> int:
    """Write a brain as SONATA into the folder ``out``, say how to read it, and return 0."""
    from encephagen.network.export.sonata import export_sonata

    def write(network: "Network") -> dict[str, Any]:
        return {"config": str(export_sonata(network, out))}

    return _export(choice, out, as_json, write, ['libsonata.CircuitConfig.from_file("{config}")'])


def _export(
    choice: Choice,
    out: Path,
    as_json: bool,
    write: Callable[["Network"], dict[str, Any]],
    how: list[str],
) -> int:
    started = time.perf_counter()
    with _empty(out), console.patience("building and writing ..."):
        network = choice.network()
        report = write(network)
    report = {
        "folder": str(out),
        **report,
        "n_neurons": network.n_neurons,
        "n_synapses": network.n_synapses,
        "bytes": sum(file.stat().st_size for file in out.iterdir()),
        "network_digest": network.digest(),
        "wall_s": round(time.perf_counter() - started, 3),
    }
    if as_json:
        print(to_json(report))
        return 0
    lines = [
        f"{network.n_neurons:,} neurons and {network.n_synapses:,} synapses are in {out}, "
        f"{report['bytes'] / 2**20:,.0f} MiB"
    ]
    for line in lines + [f"  {line.format(**report)}" for line in how]:
        console.out().print(line, markup=False, soft_wrap=True)
    return 0


@contextmanager
def _empty(out: Path) -> Iterator[None]:
    """Make a folder, which must be empty if it is there, and leave none behind where it fails."""
    new = not out.exists()
    if not new and not out.is_dir():
        raise ValueError(f"--out {out} is no folder; give the name of a new one")
    if not new and any(out.iterdir()):
        raise ValueError(f"--out {out} is not empty; give a new folder, or empty this one")
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for file in out.iterdir():
            file.unlink()
        if new:
            out.rmdir()
        raise


def _expected(
    choice: Choice, network: "Network", current_pA: float
) -> tuple["np.ndarray", "np.ndarray"]:
    """Return steps and neurons of our spikes under a current and without background, in float64."""
    from encephagen.engine.cpu.engine import cpu
    from encephagen.engine.estimate import estimate
    from encephagen.engine.session import Session
    from encephagen.interrupt import counted
    from encephagen.network.build import build

    expected = estimate(network.brain, dt_ms=network.dt_ms)
    if not expected.fits:
        raise ValueError(
            f"--current-pA {current_pA:g}: our own spikes need the network in memory, which "
            f"{expected.too_large()}; or give --current-pA 0, and export without them"
        )
    quiet = build(_without_background(network.brain), dt_ms=network.dt_ms, seed=network.seed)
    session = Session(quiet, initial_seed=choice.initial_seed, engine=cpu(real="float64"))
    session.current_pA = current_pA
    with counted():
        recording = session.record(EXPECTED_S * MS_PER_S)
    if recording.interrupted:
        raise ValueError(
            f"--current-pA {current_pA:g}: without background, the run was stopped after "
            f"{recording.duration_ms:.0f} ms ({recording.alarms[0]}); give a lower one, or 0"
        )
    return recording.spike_steps, recording.spike_neurons


def _without_background(brain: "Brain") -> "Brain":
    """Return a brain whose background never comes; its synapses are the same."""
    populations = tuple(
        dataclasses.replace(
            p,
            background=dataclasses.replace(p.background, rate_Hz=0.0),
            by_region=tuple(pair for pair in p.by_region if pair[0] != "rate_Hz"),
        )
        for p in brain.populations
    )
    return dataclasses.replace(brain, populations=populations)
