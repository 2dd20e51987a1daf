"""The rate that theory expects, and runs that memory would not hold."""

from types import SimpleNamespace

import psutil
import pytest

from encephagen.engine.session import Session
from encephagen.models import ALIF
from encephagen.network.build import build
from encephagen.units import MS_PER_S
from encephagen.working_point import expected


@pytest.fixture(scope="module")
def network(small_choice):
    return small_choice.network()


def free(monkeypatch, n_bytes):
    memory = SimpleNamespace(available=n_bytes)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def test_the_expected_rate_is_near_the_measured_one(network):
    """Near the edge of stability theory is off by up to a half; too much is the safe side."""
    session = Session(network, threads=1)
    session.advance(3000)
    n_spikes = session.record(3 * MS_PER_S).n_spikes
    expected_Hz = expected.expected_rate_Hz(network)
    assert 0.75 < expected_Hz / (n_spikes / network.n_neurons / 3) < 1.75


def test_spikes_that_memory_would_not_hold_are_refused(network, monkeypatch):
    rate_Hz = expected.expected_rate_Hz(network)
    needed = rate_Hz * network.n_neurons * 3600 * expected.SPIKE_BYTES
    free(monkeypatch, 1.2 * needed)
    expected.check_memory(network, 3600)
    free(monkeypatch, needed)
    with pytest.raises(ValueError, match=r"--seconds 3600: .* GiB are free; give fewer seconds"):
        expected.check_memory(network, 3600)


class Other(ALIF):
    """A neuron of somebody else's."""


def test_neurons_without_a_theory_are_taken_to_fire_as_usual(brain_of):
    network = build(brain_of(inh=Other()))
    assert expected.expected_rate_Hz(network) == expected.USUAL_HZ
