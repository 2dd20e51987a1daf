"""Lesions: what is silenced and cut, what that counts, and how one heals without the others."""

import math

import numpy as np
import pytest

from encephagen.engine.cpu import pack
from encephagen.engine.lesions import Cut, Silenced
from encephagen.engine.session import Session, simulate
from encephagen.network.build import build


@pytest.fixture(scope="module")
def network(brain_of):
    """Coupled, with background."""
    return build(brain_of(), seed=1)


@pytest.fixture
def session(network):
    """A new session on one thread."""
    return Session(network, threads=1)


def test_a_silenced_region_is_silent_and_heals(session):
    session.silence("B")
    session.record(100.0)
    rate_Hz = session.region_rate_Hz()
    assert not rate_Hz[1].any() and rate_Hz[0].all()
    assert session.lesions == (Silenced("B"),)
    session.heal()
    session.record(100.0)
    assert session.region_rate_Hz()[1].all() and session.lesions == ()


def test_one_population_of_a_region_or_of_all_is_silenced(session, network):
    inside = session.silence("B", "I")
    session.record(100.0)
    rate_Hz = session.region_rate_Hz()
    population = network.populations.index("I")
    assert rate_Hz[1, population] == 0 and rate_Hz[1, 1 - population] > 0
    assert rate_Hz[[0, 2, 3]].all()
    everywhere = session.silence(population="I")
    session.record(100.0)
    rate_Hz = session.region_rate_Hz()
    assert not rate_Hz[:, population].any() and rate_Hz[:, 1 - population].all()
    assert [str(lesion) for lesion in session.lesions] == ["silenced I in B", "silenced I"]
    kept = Session(network, threads=1)
    kept.restore(session.snapshot())
    assert kept.lesions == (inside, everywhere)


def test_what_cannot_be_silenced_is_named(session):
    with pytest.raises(ValueError, match="no population 'inhibitory'; "):
        session.silence(population="inhibitory")
    with pytest.raises(ValueError, match="name regions, a population, or both"):
        session.silence()
    assert session.lesions == ()


def test_a_cut_tells_how_many_synapses_there_were(session, network):
    edges, region = network.edges(), network.neuron_region
    from_a, to_c = region[edges["source"]] == 0, region[edges["target"]] == 2
    n = int((from_a & to_c & (edges["weight_pA"] != 0)).sum())
    assert session.cut("A", "C").n_synapses == n > 0
    assert session.cut("A", "C").n_synapses == 0
    everywhere = region[edges["source"]] != region[edges["target"]]
    rest = int((everywhere & (edges["weight_pA"] != 0)).sum()) - n
    every = session.cut(["left", "right"], ["left", "right"])
    assert every.n_synapses == rest, "local synapses stay"
    assert len(session.lesions) == 3
    session.heal()
    assert session.cut("A", "C").n_synapses == n


def test_lesions_of_one_session_leave_others_alone(network):
    one, other = Session(network, threads=1), Session(network, threads=1)
    one.cut("A", "C")
    one.silence("B")
    assert other.record(100.0).spike_digest() == simulate(network, 100.0).spike_digest()


def test_one_lesion_heals_without_the_others(session, network):
    b, c, a_to_d = session.silence("B"), session.silence("C"), session.cut("A", "D")
    session.heal(b)
    assert session.lesions == (c, a_to_d) and isinstance(a_to_d, Cut)
    other = Session(network, threads=1)
    other.silence("C")
    other.cut("A", "D")
    assert session.record(100.0).spike_digest() == other.record(100.0).spike_digest()
    with pytest.raises(ValueError, match="there is no lesion silenced B: give one of `lesions`"):
        session.heal(b)


def test_a_cut_counts_what_no_other_cuts_also_after_healing(session):
    first = session.cut("A", "C")
    assert session.cut("A", "C").n_synapses == 0  # the first has them all
    session.heal(first)
    assert session.cut("A", "C").n_synapses == 0, "the second cuts them still"
    session.heal()
    assert session.cut("A", "C").n_synapses == first.n_synapses > 0


def test_a_cut_loses_spikes_under_way_however_synapses_lie(brain_of, monkeypatch):
    """Driven by fibres alone, C hears nothing after the cut, and what comes once it is healed."""
    heard = []
    for layout in (0.0, math.inf):
        monkeypatch.setattr(pack, "SEGMENT_MIN_LENGTH", layout)
        pack._packed.clear()
        brain = brain_of(background_Hz=0.0, local=0.0, long_range=20.0)
        session = Session(build(brain, seed=1), threads=1)
        assert session.run.synapses.segmented == (layout == 0.0)
        session.advance(5000)  # what the initial state fires
        session.current_pA[session.neurons("A")] = 3000.0
        session.advance(20)
        session.current_pA[:] = 0.0
        lesion = session.cut("A", "C")
        session.advance(5)
        quiet = session.V_mV[session.neurons("C")].copy()
        session.heal(lesion)
        session.advance(100)
        heard.append((quiet, session.V_mV))
    pack._packed.clear()
    assert np.array_equal(heard[0][0], heard[1][0]) and np.array_equal(heard[0][1], heard[1][1])
    assert np.allclose(heard[0][0], -70.0, atol=0.2)
    assert heard[0][1][session.neurons("C")].max() > -60.0
