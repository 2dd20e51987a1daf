"""Contract: the compiled engine computes what the reference does, to the bit, in float64.

One scenario holds for every composition of models: free running, injected currents and extra
Poisson input, a silenced region and a cut tract, and healing, with spikes under way throughout.
"""

import numpy as np
import pytest

from encephagen.brain.spec import (
    Between,
    Brain,
    Conduction,
    Poisson,
    Population,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.engine.reference import Reference
from encephagen.engine.session import Session
from encephagen.models import ALIF, ALL, AMPA
from encephagen.models.model import AbstractNeuron
from encephagen.models.receptors import Transmitter
from encephagen.network import build as build_module
from encephagen.network.build import build
from encephagen.network.network import TILE
from encephagen.rng import stream

PHASES_MS = (60.0, 40.0, 40.0, 40.0)
BY_SEGMENT, BY_SYNAPSE = 0.0, float("inf")


def steps_of(phase, dt_ms):
    return round(PHASES_MS[phase] / dt_ms)


def prepare(engine, phase, **cut):
    """Do to a session, or to the reference, what begins a phase."""
    n = engine.network.n_neurons
    if phase == 1:
        rng = stream(0, "stimulus")
        engine.current_pA[:] = rng.normal(0.0, 150.0, n)
        engine.poisson_Hz[:] = np.where(rng.random(n) < 0.4, rng.uniform(0, 5000.0, n), 0.0)
    elif phase == 2:
        engine.current_pA[:] = 0.0
        engine.poisson_Hz[:] = 0.0
        engine.silence("B")
        engine.cut(["visual", "D"], ["A", "C"], **cut)
    elif phase == 3:
        engine.heal()


def snapshot_of(reference):
    pairs = zip(reference.states, reference.currents_pA, strict=True)
    return len(reference.spikes), [[*state, *currents] for state, currents in pairs]


def values_of(session, expected):
    """States and currents (neuron, ...) of a session, read from the engine's memory."""
    values = session.snapshot().arrays["values"]
    return [
        values[at + TILE * np.arange(len(row))].tolist()
        for at, row in zip(session.V_at, expected, strict=True)
    ]


def reference_run(network, at_arrival):
    """Return the spikes and, after each phase, how many and all states."""
    reference = Reference(network, noise_seed=3, initial_seed=2)
    after = []
    for phase in range(len(PHASES_MS)):
        prepare(reference, phase, at_arrival=at_arrival)
        reference.advance(steps_of(phase, network.dt_ms))
        after.append(snapshot_of(reference))
    return reference.spikes, after


def assert_agrees(network, run, threads):
    spikes, after = run
    session = Session(network, noise_seed=3, initial_seed=2, threads=threads, real="float64")
    assert session.threads == threads
    n_before = 0
    for phase, (n_spikes, states) in enumerate(after):
        prepare(session, phase)
        recording = session.record(PHASES_MS[phase])
        found = zip(recording.spike_steps.tolist(), recording.spike_neurons.tolist(), strict=True)
        assert list(found) == spikes[n_before:n_spikes], f"spikes differ in phase {phase}"
        assert values_of(session, states) == states, f"states differ after phase {phase}"
        n_before = n_spikes


def built(brain, monkeypatch, layout, **options):
    monkeypatch.setattr(build_module, "SEGMENT_MIN_LENGTH", layout)
    return build(brain, seed=1, **options)


@pytest.fixture(scope="module")
def all_models_run(all_models):
    """What the reference says, where a cut tract is cut at its end (True) or its start (False)."""
    return {end: reference_run(all_models, end) for end in (True, False)}


def test_every_model_spikes_in_the_scenario(all_models, all_models_run):
    spikes, _ = all_models_run[True]
    neurons = np.array([neuron for _, neuron in spikes])
    counts = np.bincount(all_models.neuron_population[neurons], minlength=2)
    sizes = np.bincount(all_models.neuron_population)
    rates_Hz = dict(zip(all_models.populations, counts / sizes / sum(PHASES_MS) * 1e3, strict=True))
    assert set(rates_Hz) == {n for n, m in ALL.items() if issubclass(m, AbstractNeuron)}
    assert min(rates_Hz.values()) > 3, rates_Hz
    assert {type(r) for r in all_models.receptors} == set(ALL.values()) - {
        type(p.neuron) for p in all_models.brain.populations
    }


@pytest.mark.parametrize(
    ("layout", "threads"), [(BY_SEGMENT, 1), (BY_SYNAPSE, 2)], ids=["by segment", "by synapse"]
)
def test_all_models(all_models, all_models_run, monkeypatch, layout, threads):
    network = built(all_models.brain, monkeypatch, layout)
    segmented = layout == BY_SEGMENT
    assert network.synapses.segmented == segmented
    # a segment is read when it arrives, a single synapse when it leaves: see `Session.cut`
    assert_agrees(network, all_models_run[segmented], threads)


def test_one_receptor_and_no_background(connectome_of, monkeypatch):
    connectome = connectome_of(4)
    fast = Transmitter((AMPA(3.0),))
    long_range = Projection(
        "X",
        "X",
        Between(6.0, connectome.weights),
        Weight(150.0),
        Conduction.along(connectome, 4.0),
        fast,
    )
    brain = Brain(
        connectome,
        (
            Population(
                "X",
                37,
                ALIF(R_m_MOhm=100.0, adaptation_mV=2.0),
                Poisson(0.0, 70.0, fast),
                excites=True,
            ),
        ),
        (Projection("X", "X", Within(0.2), Weight(90.0, 0.4), Uniform(0.5, 6.0), fast), long_range),
    )
    network = built(brain, monkeypatch, BY_SYNAPSE, dt_ms=0.2)
    run = reference_run(network, at_arrival=False)
    assert len(run[0]) > 200
    assert_agrees(network, run, threads=1)


def test_two_receptors_without_slow_current(brain_of, monkeypatch):
    network = built(brain_of(), monkeypatch, BY_SYNAPSE)
    run = reference_run(network, at_arrival=False)
    assert len(run[0]) > 200
    assert_agrees(network, run, threads=1)
