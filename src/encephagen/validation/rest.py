"""A brain at rest: what a scorecard is measured on, one seed a run.

A run is one session: a stretch that is thrown away, then single spikes for some seconds, then
counts alone for as long as functional connectivity takes.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording import Alarm, Probe, Recording, assemble
from encephagen.units import MS_PER_S
from encephagen.working_point.point import WorkingPoint
from encephagen.working_point.whole import whole_brain

WARM_UP_S = 5.0
"""Thrown away before anything is recorded: many times the slowest synapse (free)."""

BIN_MS = 10.0
"""Bins of the counts: those that timescales are measured in."""

STOPPED = ("saturated", "non-finite")
"""Kinds of alarm with which the engine ends a run."""


def at_rest(
    dataset: str,
    digest: str,
    recipe: dict[str, Any],
    seed: int,
    minutes: float,
    spiking_s: float,
    dt_ms: float = 0.1,
    working_point: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Run one seed of a brain at rest; return plain values and arrays, for `recordings`.

    dataset: as `datasets.load` takes it; digest: that of its connectome, so that a file which has
        changed is another run. recipe: as `Recipe.as_dict` gives it.
    seed: wiring, noise and initial state.
    minutes: of counts, after ``spiking_s`` seconds of single spikes. working_point: as its
        `as_dict` gives it, in place of the recipe's.

    A brain that the engine stops, because it runs away, is a result too: what there was until
    then, with the alarm. Raises ValueError for what cannot be built.
    """
    connectome = load(dataset)
    if connectome.digest() != digest:
        raise ValueError(f"{dataset!r} has changed since the run was planned; start again")
    point = None if working_point is None else WorkingPoint.from_dict(working_point)
    brain = whole_brain(connectome, Recipe.from_dict(recipe), point, wiring_seed=seed)
    network = build(brain, dt_ms=dt_ms, seed=seed)
    session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
    spiking = _record(session, WARM_UP_S, Probe(bin_ms=BIN_MS))
    if not spiking.interrupted:
        spiking = _record(session, spiking_s, Probe(bin_ms=BIN_MS))
    rest = spiking
    if not spiking.interrupted:
        rest = _record(session, 60.0 * minutes, Probe(spikes=False, bin_ms=BIN_MS))
    return {
        "network": {
            "populations": list(spiking.populations),
            "excites": spiking.excites.tolist(),
            "at_rest_Hz": spiking.at_rest_Hz,
            "neuron_region": spiking.data["neuron_region"].values,
            "neuron_population": spiking.data["neuron_population"].values,
            "provenance": spiking.provenance,
        },
        "rest": {**_about(rest), "count": rest.data["count"].values.astype(np.uint16)},
        "spiking": {
            **_about(spiking),
            "steps": spiking.spike_steps.astype(np.int32),
            "neurons": spiking.spike_neurons,
        },
    }


def recordings(run: dict[str, Any], connectome: Connectome) -> tuple[Recording, Recording]:
    """Return what `at_rest` recorded: counts for long, and single spikes for short."""

    def recording(steps: Any = None, neurons: Any = None, **about: Any) -> Recording:
        alarms = [Alarm(**alarm) for alarm in about.pop("alarms")]
        both = {**run["network"], "regions": connectome.regions, "alarms": alarms}
        return assemble(steps, neurons, **both, **about)

    return recording(**run["rest"]), recording(**run["spiking"])


def _record(session: Session, seconds: float, probe: Probe) -> Recording:
    recording = session.record(seconds * MS_PER_S, probe=probe)
    if recording.interrupted and not any(a.kind in STOPPED for a in recording.engine_alarms):
        raise KeyboardInterrupt  # by the user: half a run is no result
    return recording


def _about(recording: Recording) -> dict[str, Any]:
    """Return what `assemble` needs beside the network and the spikes or counts."""
    return {
        "dt_ms": recording.dt_ms,
        "start_step": recording.start_step,
        "n_steps": recording.n_steps,
        "bin_ms": recording.bin_ms,
        "interrupted": recording.interrupted,
        "alarms": [asdict(alarm) for alarm in recording.engine_alarms],
    }
