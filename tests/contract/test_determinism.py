"""Contract: a network and its seeds have one history, however it is run, cut and kept."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from encephagen.engine.cpu import ports as ports_module
from encephagen.engine.cpu.engine import CPURun
from encephagen.engine.cpu.kernel import CHUNK
from encephagen.engine.session import Session, simulate
from encephagen.engine.snapshot import Snapshot
from encephagen.recording.probe import Probe

DURATION_MS = 400.0


def drive(session):
    """Inputs and lesions that leave no part of a session's state untouched."""
    n = session.network.n_neurons
    session.current_pA[:] = np.linspace(-50.0, 150.0, n)
    session.poisson_Hz[::3] = 700.0
    session.silence("D")
    session.cut("visual", "motor")


def spikes(recording):
    return recording.spike_steps, recording.spike_neurons


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def expected(all_models):
    """Steps and neurons of all spikes, and the final potentials, of one uncut run."""
    session = Session(all_models, noise_seed=7, initial_seed=8, threads=1)
    drive(session)
    recording = session.record(DURATION_MS)
    assert recording.n_spikes > 500
    return *spikes(recording), session.V_mV


def new_session(network, **options):
    return Session(network, **{"noise_seed": 7, "initial_seed": 8, "threads": 1, **options})


@pytest.mark.parametrize("threads", [2, None], ids=["two", "as it chooses"])
def test_any_number_of_threads(all_models, expected, threads):
    session = new_session(all_models, threads=threads)
    drive(session)
    recording = session.record(DURATION_MS)
    assert threads is None or recording.provenance["threads"] == threads
    assert_same((*spikes(recording), session.V_mV), expected)


def test_simulate_is_a_session(all_models):
    options = {"noise_seed": 7, "initial_seed": 8, "threads": 1}
    a = simulate(all_models, 100.0, **options)
    b = new_session(all_models).record(100.0)
    assert a.spike_digest() == b.spike_digest()


@pytest.mark.parametrize("pieces", [(1, 2, 3, 4, 7, 983, 3000), (1999, 2001), (400,) * 10])
def test_any_division_of_the_time(all_models, expected, pieces):
    assert sum(pieces) == 4000
    session = new_session(all_models)
    drive(session)
    counts = np.zeros(all_models.n_neurons, int)
    for n_steps in pieces:
        session.advance(n_steps)
        counts += session.counts
    assert np.array_equal(counts, np.bincount(expected[1], minlength=len(counts)))
    assert np.array_equal(session.V_mV, expected[2])


def test_records_of_any_length_join(all_models, expected):
    session = new_session(all_models)
    drive(session)
    parts = [session.record(ms) for ms in (0.1, 0.3, 49.7, 120.4, 229.5)]
    assert_same([np.concatenate(p) for p in zip(*map(spikes, parts), strict=True)], expected[:2])
    assert np.array_equal(session.V_mV, expected[2])


def test_what_a_probe_keeps_changes_nothing(all_models, expected):
    session = new_session(all_models)
    drive(session)
    recording = session.record(DURATION_MS, probe=Probe(voltage=(0, 70, 150), voltage_every_ms=0.1))
    assert_same(spikes(recording), expected[:2])
    trace = recording.data["v_mV"].values
    assert trace.shape == (4000, 3)
    assert np.array_equal(trace[-1], expected[2][[0, 70, 150]])
    session = new_session(all_models)
    drive(session)
    counts_alone = session.record(DURATION_MS, probe=Probe(spikes=False))
    assert np.array_equal(counts_alone.data["count"], recording.data["count"])


@pytest.mark.parametrize("stop_steps", [1, 1503])
@pytest.mark.parametrize("threads", [1, 2])
def test_snapshot_to_a_file_into_a_new_session(all_models, expected, tmp_path, stop_steps, threads):
    session = new_session(all_models)
    drive(session)
    before = session.record(stop_steps * 0.1)
    session.snapshot().save(tmp_path / "snapshot")
    session.record(50.0)  # what happens after a snapshot leaves it alone
    other = new_session(all_models, initial_seed=0, threads=threads)
    other.poisson_Hz[:] = 9000.0
    other.silence("A")
    other.advance(200)  # a past of its own
    other.restore(Snapshot.load(tmp_path / "snapshot"))
    assert (other.step, other.initial_seed) == (stop_steps, 8)
    assert list(map(str, other.lesions)) == ["silenced D", "cut visual -> motor"]
    after = other.record(DURATION_MS - stop_steps * 0.1)
    joined = [np.concatenate(p) for p in zip(spikes(before), spikes(after), strict=True)]
    assert_same((*joined, other.V_mV), expected)
    other.heal()
    session.heal()
    assert not other.lesions


def test_a_snapshot_can_be_restored_many_times(all_models):
    session = new_session(all_models)
    session.advance(700)
    snapshot = session.snapshot()
    histories = []
    for _ in range(3):
        session.restore(snapshot)
        histories.append(spikes(session.record(60.0)))
    assert_same(histories[0], histories[1])
    assert_same(histories[0], histories[2])


def test_taking_a_snapshot_changes_nothing(all_models, expected):
    session = new_session(all_models)
    drive(session)
    parts = []
    for _ in range(8):
        parts.append(session.record(50.0))
        session.snapshot()
    assert_same([np.concatenate(p) for p in zip(*map(spikes, parts), strict=True)], expected[:2])


@pytest.mark.parametrize("threads", [1, 2])
def test_growing_the_queue_and_emptying_the_tape(all_models, expected, monkeypatch, threads):
    """With the smallest pool and the shortest tape the kernel returns often, for more room."""
    empty_queue, grown = CPURun._empty_queue, []

    def small(self, chunks, recent):
        queue, chunks = empty_queue(self, chunks, recent), 8 if chunks == 4096 else chunks
        grown.append(chunks)
        return queue._replace(
            pool=queue.pool[:, : chunks * CHUNK].copy(),
            following=queue.following[:, :chunks].copy(),
            free=queue.free[:, :chunks].copy(),
            n_free=np.full_like(queue.n_free, chunks),
        )

    monkeypatch.setattr(CPURun, "_empty_queue", small)
    monkeypatch.setattr(ports_module, "SPIKE_ROOM", 1)
    calls = []
    run = CPURun._run
    monkeypatch.setattr(
        CPURun, "_run", lambda self, *given: calls.append(given[1]) or run(self, *given)
    )
    session = new_session(all_models, threads=threads)
    drive(session)
    # a volley, so that many spikes are under way at once
    session.current_pA[:] += 3000.0
    volley = session.record(30.0)
    assert len(grown) > 1 and grown[-1] > grown[0]
    assert len(calls) > 2
    monkeypatch.undo()
    plain = new_session(all_models)
    drive(plain)
    plain.current_pA[:] += 3000.0
    assert_same(spikes(volley), spikes(plain.record(30.0)))
    assert np.array_equal(session.V_mV, plain.V_mV)


def test_seeds_are_independent(all_models):
    """Noise and initial state are drawn apart: each seed alone changes the spikes."""

    def run(**seeds):
        session = Session(all_models, threads=1, **seeds)
        start = session.V_mV
        return start, session.record(100.0).spike_digest()

    (start, one), (same_start, noise) = run(), run(noise_seed=1)
    other_start, initial = run(initial_seed=1)
    assert np.array_equal(start, same_start) and not np.array_equal(start, other_start)
    assert len({one, noise, initial}) == 3


def interrupt_soon():
    """Send this process a Ctrl-C from outside, so that it comes while compiled code runs."""
    kill = f"import os, time; time.sleep(0.2); os.kill({os.getpid()}, {int(signal.SIGINT)})"
    return subprocess.Popen([sys.executable, "-c", kill])


def test_ctrl_c_keeps_what_was_recorded_and_the_session_whole(all_models):
    session = new_session(all_models)
    session.advance(1)
    with interrupt_soon():
        first = session.record(1e6)
    assert first.interrupted and first.n_spikes > 0
    rest = session.record(500.0)
    assert not rest.interrupted
    straight = new_session(all_models)
    straight.advance(1)
    whole = straight.record(first.duration_ms + 500.0)
    assert_same(
        [np.concatenate(p) for p in zip(spikes(first), spikes(rest), strict=True)], spikes(whole)
    )


def test_ctrl_c_in_a_closed_loop_leaves_step_and_state_together(all_models):
    session = new_session(all_models)
    with interrupt_soon(), pytest.raises(KeyboardInterrupt):
        while True:
            session.advance(2000)
    straight = new_session(all_models)
    straight.advance(session.step)
    assert np.array_equal(session.V_mV, straight.V_mV)
