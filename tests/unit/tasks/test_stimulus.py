"""Pulses: they reach their port and nothing else, and leave room for a fair test."""

import dataclasses

import numpy as np
import pytest

from encephagen.analysis import system_response
from encephagen.brain.recipe import shipped_recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.tasks.stimulus import Pulse, Step, excitatory, port, present, trial_ms
from encephagen.working_point.whole import bare_brain


def test_a_pulse_drives_its_port_and_the_analysis_finds_it(session):
    before = session.poisson_Hz.copy()
    trials = present(session, Pulse("visual"), n_trials=6)
    assert np.array_equal(session.poisson_Hz, before)
    assert len(trials.pulses_ms) == 6
    found = system_response(trials.recording, trials.pulses_ms)
    assert found.attrs["n_trials"] == 6
    assert found.attrs["n_sham"] == 6, "every trial has its sham"
    visual = found.sel(system="visual")
    assert visual["responded"]
    assert visual["during_Hz"] > 3 * visual["before_Hz"]
    assert visual["during_Hz"] < 100, "a stimulus is no seizure"
    assert not np.isnan(visual["after_Hz"])


def test_only_excitatory_neurons_of_the_port_get_events_and_only_during_the_pulse(session):
    seen = []

    def watch(done_ms, total_ms):
        seen.append((done_ms, total_ms, session.poisson_Hz.copy()))

    pulse = Pulse("auditory", afferents=10.0, afferent_rate_Hz=20.0)
    trials = present(session, pulse, n_trials=1, progress=watch)
    (start_ms, stop_ms) = trials.pulses_ms[0]
    first_ms = trials.recording.start_ms
    target = set(session.neurons("auditory", "E"))
    total_ms = sum(trial_ms(pulse))
    for done_ms, total, poisson_Hz in seen:
        assert total == pytest.approx(total_ms)
        on = start_ms < first_ms + done_ms <= stop_ms + 1e-6
        assert set(np.flatnonzero(poisson_Hz)) == (target if on else set())
        assert set(poisson_Hz[list(target)]) == ({200.0} if on else {0.0})
    assert seen[-1][0] == pytest.approx(total_ms)


def test_input_of_the_users_own_is_added_to_not_replaced(session):
    session.poisson_Hz[:] = 7.0
    present(session, Pulse("visual", duration_ms=20.0), n_trials=1)
    assert (session.poisson_Hz == 7.0).all()


def test_a_pulse_without_effect_is_found_to_have_none(session):
    trials = present(session, Pulse("visual", afferents=1e-9), n_trials=6)
    found = system_response(trials.recording, trials.pulses_ms)
    assert not found["responded"].any()


def test_what_progress_raises_ends_it_and_switches_the_pulse_off(session):
    def stop(done_ms, total_ms):
        if session.poisson_Hz.any():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        present(session, Pulse("visual"), n_trials=3, progress=stop)
    assert not session.poisson_Hz.any()
    session.advance(10)


@pytest.mark.parametrize("name", ["duration_ms", "afferents", "afferent_rate_Hz"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pulse_that_cannot_be_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Pulse("visual", **{name: value})


def test_bad_requests(session):
    with pytest.raises(ValueError, match="no port 'smell'.*visual"):
        port(session, "smell")
    with pytest.raises(ValueError, match="n_trials is 0"):
        present(session, Pulse("visual"), n_trials=0)


@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
def test_a_stimulus_that_reaches_nobody_is_refused():
    """The striatum has neurons, and none of them excites."""
    whole = hcp_aal2(subcortex=True)
    recipe = shipped_recipe("resting_brain").replace(neurons_per_region=40)
    bare = bare_brain(whole, dataclasses.replace(recipe, base=None))
    session = Session(build(bare, seed=0), threads=1)
    with pytest.raises(ValueError, match="no neuron of Caudate_L excites, so a stimulus there"):
        with Step(("Caudate_L",), 100.0).on(session):
            pass
    relay = excitatory(session, ["Thalamus_L"])
    assert set(session.network.neuron_population[relay]) == {
        session.network.populations.index(name) for name in ("relay", "STN")
    }
