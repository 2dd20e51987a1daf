"""Contract: the compiled engine computes what the reference does, to the bit, in float64.

One scenario holds for every composition of models: free running; injected currents, extra Poisson
input and drives that are functions of time; a silenced region and a cut tract, with spikes under
way; and healing, of one lesion and of all.
"""

import dataclasses
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from encephagen.brain.blocks import cells
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
from encephagen.brain.spread import Lognormal, Normal
from encephagen.engine.cpu import pack
from encephagen.engine.cpu.engine import cpu
from encephagen.engine.cpu.layout import TILE
from encephagen.engine.drive import Sine
from encephagen.engine.lesions import Cut
from encephagen.engine.reference import ReferenceRun, reference
from encephagen.engine.session import Session
from encephagen.models import ALIF, ALL, AMPA
from encephagen.models.receptors import Transmitter
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.rng import stream

PHASES_MS = (60.0, 40.0, 40.0, 20.0, 40.0)
BY_SEGMENT, BY_SYNAPSE = 0.0, float("inf")


def prepare(session, phase, kept):
    """Do to a session what begins a phase; ``kept`` goes from one to the next."""
    n = session.network.n_neurons
    if phase == 1:
        rng = stream(0, "stimulus")
        session.current_pA[:] = rng.normal(0.0, 150.0, n)
        session.poisson_Hz[:] = np.where(rng.random(n) < 0.4, rng.uniform(0, 5000.0, n), 0.0)
        kept["drives"] = [
            session.drive(["B", "C"], Sine(40.0, 200.0, offset=50.0)),
            session.drive("C", poisson_Hz=lambda time_ms: 3000.0 * (time_ms % 10.0 < 5.0)),
            session.drive("visual", Sine(90.0, 100.0), poisson_Hz=Sine(0.0, 0.0, offset=500.0)),
        ]
    elif phase == 2:
        session.current_pA[:] = 0.0
        session.poisson_Hz[:] = 0.0
        session.stop(kept["drives"][0])
        kept["silence"] = session.silence("B")
        session.cut(["visual", "D"], ["A", "C"])
    elif phase == 3:
        session.heal(kept["silence"])
        for drive in kept["drives"][1:]:
            session.stop(drive)
    elif phase == 4:
        session.heal()


def states_of(session):
    """States and currents [neuron][value] of a session, read from its engine's memory."""
    reference = session.run
    if isinstance(reference, ReferenceRun):
        return [
            [*state, *currents]
            for state, currents in zip(reference.states, reference.currents_pA, strict=True)
        ]
    network = session.network
    rows = [
        len(neuron.State._fields) + len(network.receptors) for neuron, _ in cells(network.brain)
    ]
    values = session.snapshot().arrays["values"]
    return [
        values[at + TILE * np.arange(n)].tolist()
        for at, n in zip(session.run.V_at, network.blocks.each_neuron(rows), strict=True)
    ]


def run_on(engine, network):
    """Return what each phase gave: spikes, counts by region, lesions, and all states after it."""
    session, kept, phases = Session(network, noise_seed=3, initial_seed=2, engine=engine), {}, []
    for phase, duration_ms in enumerate(PHASES_MS):
        prepare(session, phase, kept)
        recorder = session.attach(Probe(spikes=False))
        recording = session.record(duration_ms)
        session.detach(recorder)
        phases.append(
            {
                "spikes": list(zip(recording.spike_steps, recording.spike_neurons, strict=True)),
                "counts": recorder.new_counts().tolist(),
                "cut": [x.n_synapses for x in session.lesions if isinstance(x, Cut)],
                "states": states_of(session),
            }
        )
    return phases


def assert_agrees(network, expected, **options):
    found = run_on(cpu(real="float64", **options), network)
    for phase, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        for what in theirs:
            assert mine[what] == theirs[what], f"{what} differ in phase {phase}"


def built(brain, monkeypatch, layout, **options):
    """Build a network that is packed in one of two ways, apart from others that are equal to it."""
    monkeypatch.setattr(pack, "SEGMENT_MIN_LENGTH", layout)
    monkeypatch.setattr(pack, "_packed", WeakKeyDictionary())
    network = build(brain, seed=1, **options)
    assert pack.packed(network).synapses.segmented == (layout == BY_SEGMENT)
    return network


@pytest.fixture(scope="module")
def all_models_run(all_models):
    """What the reference says."""
    return run_on(reference(), all_models)


def test_every_model_spikes_in_the_scenario(all_models, all_models_run):
    neurons = np.array([neuron for phase in all_models_run for _, neuron in phase["spikes"]])
    counts = np.bincount(all_models.neuron_population[neurons], minlength=2)
    sizes = np.bincount(all_models.neuron_population)
    rates_Hz = dict(zip(all_models.populations, counts / sizes / sum(PHASES_MS) * 1e3, strict=True))
    assert {type(p.neuron) for p in all_models.brain.populations} | {
        type(r) for r in all_models.receptors
    } == set(ALL.values())
    assert min(rates_Hz.values()) > 3, rates_Hz


@pytest.mark.parametrize(
    ("layout", "threads"), [(BY_SEGMENT, 1), (BY_SYNAPSE, 2)], ids=["by segment", "by synapse"]
)
def test_all_models(all_models, all_models_run, monkeypatch, layout, threads):
    network = built(all_models.brain, monkeypatch, layout)
    assert_agrees(network, all_models_run, threads=threads)


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
    expected = run_on(reference(), network)
    assert sum(len(phase["spikes"]) for phase in expected) > 200
    assert_agrees(network, expected, threads=1)


def test_populations_that_live_in_some_regions_only(patchy, monkeypatch):
    expected = run_on(reference(), build(patchy, seed=1))
    assert sum(len(phase["spikes"]) for phase in expected) > 200
    for layout in (BY_SEGMENT, BY_SYNAPSE):
        assert_agrees(built(patchy, monkeypatch, layout), expected, threads=2)


def test_neurons_that_differ(patchy, monkeypatch):
    spread = (("E_L_mV", Normal(2.0)), ("tau_m_ms", Lognormal(0.3)))
    populations = tuple(dataclasses.replace(p, spread=spread) for p in patchy.populations)
    network = built(dataclasses.replace(patchy, populations=populations), monkeypatch, BY_SYNAPSE)
    expected = run_on(reference(), network)
    assert sum(len(phase["spikes"]) for phase in expected) > 200
    assert_agrees(network, expected, threads=1)


def test_two_receptors_without_slow_current(brain_of, monkeypatch):
    network = built(brain_of(), monkeypatch, BY_SYNAPSE)
    expected = run_on(reference(), network)
    assert sum(len(phase["spikes"]) for phase in expected) > 200
    assert_agrees(network, expected, threads=1)
