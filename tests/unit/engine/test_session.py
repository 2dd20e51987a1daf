"""Sessions: input, output, recorders, guards, and what they refuse."""

import dataclasses
import math
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encephagen.brain.spec import Brain, Port
from encephagen.engine.cpu import pack
from encephagen.engine.cpu.engine import cpu, most_threads
from encephagen.engine.drive import Sine
from encephagen.engine.guard import RUNAWAY_HZ, Stopped
from encephagen.engine.reference import reference
from encephagen.engine.session import Session, simulate
from encephagen.network.build import build
from encephagen.recording.probe import Probe


@pytest.fixture(scope="module")
def network(brain_of):
    """Coupled, with background."""
    return build(brain_of(), seed=1)


def slow(network, duration_ms):
    """What the oracle records."""
    return simulate(network, duration_ms, engine=reference())


@pytest.fixture
def session(network):
    """A new session on one thread."""
    return Session(network, threads=1)


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["noise_seed", "initial_seed"])
@pytest.mark.parametrize("seed", [-1, 0.5, "1", None, True])
def test_seeds_are_natural_numbers(network, name, seed):
    with pytest.raises(ValueError, match="is not a non-negative integer"):
        Session(network, **{name: seed})


@pytest.mark.parametrize("threads", [0, -2, 1.5])
def test_threads_are_one_or_more(network, threads):
    with pytest.raises(ValueError, match=f"threads {threads}: give 1 or more, or none to choose"):
        Session(network, threads=threads)


def test_threads_beyond_the_shards_are_not_used(network):
    assert Session(network, threads=64).threads == pack.packed(network).layout.n_shards == 2
    assert 1 <= most_threads(network) <= 2


@pytest.mark.parametrize("real", ["float16", "double", None])
def test_precisions_are_two(network, real):
    with pytest.raises(ValueError, match="give 'float32' or 'float64'"):
        Session(network, engine=cpu(real=real))


def test_a_background_beyond_the_tables_is_refused(brain_of):
    with pytest.raises(ValueError, match="500000 Hz is 50 events a step, over 40; lower dt"):
        Session(build(brain_of(background_Hz=500_000.0)))


@pytest.mark.parametrize("n_steps", [0, -3, 1.5, math.nan])
def test_steps_are_whole_and_at_least_one(session, n_steps):
    with pytest.raises(ValueError):
        session.advance(n_steps)
    assert session.step == 0


@pytest.mark.parametrize("duration_ms", [0.0, -5.0, 0.01, math.nan, math.inf])
def test_durations_are_at_least_a_step(session, duration_ms):
    with pytest.raises(
        ValueError, match="duration_ms (is .*; expected a positive|0.01 is not a whole)"
    ):
        session.record(duration_ms)


@pytest.mark.parametrize("rate_Hz", [-1.0, math.nan, math.inf, 5e5])
def test_extra_input_is_a_rate(session, rate_Hz):
    session.poisson_Hz[7] = rate_Hz
    for run in (lambda: session.advance(1), lambda: session.record(1.0)):
        with pytest.raises(ValueError, match="poisson_Hz of neuron 7 is .*: must be finite"):
            run()
    assert session.step == 0


@pytest.mark.parametrize("current_pA", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("neuron", [0, 131])
def test_injected_current_is_finite(session, neuron, current_pA):
    session.current_pA[neuron] = current_pA
    for run in (lambda: session.advance(1), lambda: session.record(1.0)):
        with pytest.raises(ValueError, match=f"current_pA of neuron {neuron} is .*: must be finit"):
            run()
    assert session.step == 0
    session.current_pA[neuron] = np.finfo(np.float32).max
    session.advance(1)


def test_unknown_names_come_with_the_nearest(session):
    for call in (session.neurons, session.silence):
        with pytest.raises(ValueError, match="'visuall'.*nearest: visual"):
            call("visuall")
    with pytest.raises(ValueError, match="'visuall'.*nearest: visual"):
        session.cut("A", "visuall")
    with pytest.raises(ValueError, match=r"no population 'X': give one of \('E', 'I'\)"):
        session.neurons("A", "X")
    assert session.lesions == ()


def test_a_probe_outside_the_network_is_refused(session):
    with pytest.raises(ValueError, match="voltage names neuron 132; the network has 132 neurons"):
        session.record(1.0, probe=Probe(voltage=(0, 132)))


def test_intervals_of_a_probe_are_refused_before_a_run(brain_of):
    session = Session(build(brain_of(), dt_ms=0.4), threads=1)
    for probe, name in (
        (Probe(bin_ms=9.0), "bin_ms 9"),
        (Probe(spikes=False, bin_ms=0.7), "bin_ms 0.7"),
        (Probe(bin_ms=8.0, voltage=(0,)), "voltage_every_ms 1"),
    ):
        with pytest.raises(ValueError, match=f"{name} is not a whole number of steps of 0.4 ms"):
            session.record(30.0, probe=probe)
    assert session.step == 0


# ---- input and output ---------------------------------------------------------------------------


def test_neurons_by_region_and_population(session, network):
    assert len(session.neurons()) == network.n_neurons
    assert session.neurons("B").tolist() == list(range(33, 66))
    assert session.neurons("B", "I").tolist() == list(range(57, 66))
    assert session.neurons(["A", "motor"]).tolist() == [*range(33), *range(66, 132)]


def test_inputs_may_be_written_or_assigned(network):
    spikes = []
    for assign in (True, False):
        session = Session(network, threads=1)
        current_pA = np.linspace(0, 300, network.n_neurons)
        if assign:
            session.current_pA, session.poisson_Hz = current_pA, 100.0
        else:
            session.current_pA[:], session.poisson_Hz[:] = current_pA, 100.0
        spikes.append(session.record(100.0).spike_digest())
        assert session.current_pA.dtype == np.float32
    assert spikes[0] == spikes[1]
    assert spikes[0] != Session(network, threads=1).record(100.0).spike_digest()
    with pytest.raises(ValueError):
        session.current_pA = np.zeros(3)


def test_input_goes_where_it_is_put(brain_of):
    session = Session(build(brain_of(background_Hz=0.0, local=0.0, long_range=0.0)), threads=1)
    session.advance(3000)
    session.current_pA[session.neurons("B", "E")] = 800.0
    session.poisson_Hz[session.neurons("C", "I")] = 8000.0
    session.advance(3000)
    rate_Hz = session.region_rate_Hz()
    assert (rate_Hz > 0).tolist() == [[False, False], [True, False], [False, True], [False, False]]


def test_counts_and_rates_are_those_of_the_last_call(session, network):
    recording = session.record(200.0)
    by_neuron = np.bincount(recording.spike_neurons, minlength=network.n_neurons)
    assert np.array_equal(session.counts, by_neuron)
    expected = recording.data["count"].values.sum(axis=0) / network.region_size / 0.2
    assert np.allclose(session.region_rate_Hz(), expected)
    view = session.counts
    session.advance(1)
    assert view is session.counts and view.sum() < by_neuron.sum()
    assert session.time_ms == pytest.approx(200.1)


def test_potentials_start_between_reset_and_threshold(network):
    V_mV = Session(network, initial_seed=3).V_mV
    assert -70.0 <= V_mV.min() < -68.0 and -52.0 < V_mV.max() <= -50.0


def test_progress_is_told_to_the_end(session):
    told = []
    session.record(130.0, progress=lambda done_ms, total_ms: told.append((done_ms, total_ms)))
    assert told[-1] == (pytest.approx(130.0), pytest.approx(130.0))
    assert [t[0] for t in told] == sorted(t[0] for t in told) and len(told) >= 2


def test_a_session_runs_outside_the_main_thread(session):
    found = []
    worker = threading.Thread(target=lambda: found.append(session.record(20.0)))
    worker.start()
    worker.join()
    assert found[0].duration_ms == pytest.approx(20.0) and not found[0].interrupted


def test_provenance_names_all_that_made_a_recording(network):
    recording = simulate(network, 20.0, noise_seed=4, initial_seed=5, threads=1)
    provenance = recording.provenance
    assert provenance["network_digest"] == network.digest()
    assert provenance["brain_digest"] == network.brain.digest()
    seeds = [provenance[f"{s}_seed"] for s in ("wiring", "noise", "initial")]
    assert seeds == [1, 4, 5]
    assert {"encephagen", "numpy", "numba", "python"} <= set(provenance["versions"])


# ---- drives -------------------------------------------------------------------------------------


def test_a_drive_is_its_function_of_time(brain_of):
    """A membrane follows a slow sine as the linear filter that it is, to a thousandth."""
    session = Session(build(brain_of(background_Hz=0.0, local=0.0, long_range=0.0)), threads=1)
    session.advance(5000)
    drive = session.drive("B", Sine(10.0, 100.0, offset=150.0), population="I")
    (neuron,) = session.neurons("B", "I")[:1]
    probe = Probe(voltage=(int(neuron),), voltage_every_ms=0.1)
    recording = session.record(400.0, probe=probe)
    t_ms = recording.data["trace_time_ms"].values[2000:]
    lag = 1j * 2 * math.pi * 10.0 / 1e3 * 10.0  # tau_m of I is 10 ms
    gain = 0.04 / (1 + lag)  # mV a pA
    expected = -70.0 + 0.04 * 150 + 100 * np.imag(gain * np.exp(2j * np.pi * t_ms / 100.0))
    assert np.abs(recording.data["v_mV"].values[2000:, 0] - expected).max() < 0.02
    assert recording.provenance["drives"] == [
        {
            "where": "B, I",
            "neurons": 9,
            "from_ms": 500.0,
            "current_pA": "Sine(frequency_Hz=10.0, amplitude=100.0, offset=150.0, phase_rad=0.0)",
        }
    ]
    session.stop(drive)
    session.advance(2000)
    assert session.V_mV[neuron] == pytest.approx(-70.0, abs=0.01)
    assert session.record(1.0).provenance["drives"] == []


def test_drives_are_the_same_however_time_is_cut(network):
    spikes = []
    for pieces in ((2000,), (1, 7, 500, 492, 1000)):
        session = Session(network, threads=1)
        session.drive("visual", Sine(30.0, 200.0), poisson_Hz=Sine(5.0, 900.0, offset=1000.0))
        recorder = session.attach(Probe())
        for n_steps in pieces:
            session.advance(n_steps)
        spikes.append(session.recording(recorder).spike_digest())
    assert spikes[0] == spikes[1] != simulate(network, 200.0).spike_digest()


def test_a_port_is_driven_in_its_own_population(session):
    drive = session.drive(Port("eye", ("A", "B"), "E"), lambda time_ms: 50.0)
    assert drive.neurons.tolist() == session.neurons(["A", "B"], "E").tolist()


def test_what_a_drive_cannot_be(session, patchy):
    with pytest.raises(ValueError, match="a drive needs a function of time"):
        session.drive("A")
    for values, match in (
        (lambda t: np.full(len(t), math.nan), "is nan at .* ms: expected a finite value"),
        (lambda t: np.zeros((len(t), 2)), r"has shape \(\d+, 2\) for \d+ times"),
    ):
        drive = session.drive("A", values)
        with pytest.raises(ValueError, match=f"current_pA of the drive onto A {match}"):
            session.advance(5)
        session.stop(drive)
    session.drive("A", poisson_Hz=lambda time_ms: -1.0)
    with pytest.raises(ValueError, match="poisson_Hz of the drive onto A is -1 at"):
        session.advance(1)
    assert session.step == 0
    with pytest.raises(ValueError, match="is not on"):
        session.stop(drive)
    with pytest.raises(ValueError, match="population 'relay' does not live in A"):
        Session(build(patchy)).drive("A", Sine(1.0, 1.0), population="relay")


# ---- recorders ----------------------------------------------------------------------------------


def test_recorders_hear_the_same_under_advance_and_record(network):
    session, straight = (Session(network, noise_seed=3, threads=1) for _ in range(2))
    slow_probe = Probe(voltage=(5, 90), voltage_every_ms=0.4)
    fast_probe = Probe(spikes=False, bin_ms=5.0, voltage=(90,), voltage_every_ms=0.6)
    slow_one = session.attach(slow_probe)
    session.advance(37)
    fast_one = session.attach(fast_probe)
    counts, times_ms, neurons = np.zeros((4, 2), int), [], []
    for n_steps in (1, 2, 460, 500):
        session.advance(n_steps)
        counts += fast_one.new_counts()
        time_ms, neuron = slow_one.new_spikes()
        times_ms.append(time_ms)
        neurons.append(neuron)
    with pytest.raises(ValueError, match="keeps counts but no spikes"):
        fast_one.new_spikes()
    whole = straight.record(100.0, probe=slow_probe)
    found = session.recording(slow_one)
    assert found.spike_digest() == whole.spike_digest()
    assert np.array_equal(found.data["v_mV"], whole.data["v_mV"])
    assert np.array_equal(np.concatenate(times_ms), whole.data["spike_time_ms"])
    assert np.array_equal(np.sort(np.concatenate(neurons)), np.sort(whole.spike_neurons))
    late = session.recording(fast_one)
    assert np.array_equal(late.data["count"].sum("time_ms"), counts)
    assert late.start_ms == pytest.approx(3.7) and late.bin_ms == 5.0
    both = found.data["trace_time_ms"].values, late.data["trace_time_ms"].values
    rounded = (np.round(times, 6) for times in both)
    shared, at_slow, at_fast = np.intersect1d(*rounded, return_indices=True)
    assert len(shared) > 10
    same = found.data["v_mV"].values[at_slow, 1], late.data["v_mV"].values[at_fast, 0]
    assert np.array_equal(*same)
    session.detach(slow_one)
    session.advance(10)
    assert session.recording(slow_one).spike_digest() == whole.spike_digest()


# ---- guards -------------------------------------------------------------------------------------


def test_the_guard_counts_steps_that_ctrl_c_kept_from_it(network):
    """What was run and not taken in makes no rate of twice the rate."""
    session = Session(network, threads=1)
    session.current_pA[:] = 2500.0  # between 125 and 250 Hz: high, and not run away
    session.advance(1000)
    session.run.advance(
        400, session._inputs, session._watch
    )  # as where Ctrl-C comes before `after`
    session.advance(500)
    rate_Hz = session.run.n_spikes / network.n_neurons / (session.step * 1e-4)
    assert 140 < rate_Hz < 250, rate_Hz


def test_values_that_are_not_finite_stop_a_run_and_name_the_region(session):
    session.run._cells.values[session.run.V_at[session.neurons("C")[3]]] = math.nan
    recording = session.record(5000.0)
    assert recording.interrupted and recording.duration_ms < 500.0
    kinds = {(alarm.kind, alarm.region) for alarm in recording.alarms}
    assert ("non-finite", "C") in kinds


def test_runaway_activity_stops_a_run_and_names_the_region(session):
    session.current_pA[:] = 1e5
    session.current_pA[session.neurons("D")] = 1e7
    recording = session.record(5000.0)
    assert recording.interrupted and recording.duration_ms < 500.0
    assert recording.data["count"].values.sum() / 132 / recording.duration_ms * 1e3 > RUNAWAY_HZ
    assert any(a.kind == "saturated" and "stopped" in a.remedy for a in recording.alarms)


def test_guards_act_in_closed_loops(network):
    """Step by step, too: activity that runs away, and values that are not finite."""
    session = Session(network, threads=1)
    session.current_pA[:] = 1e5
    with pytest.raises(Stopped, match="saturated: .* Hz in all; expected under 250 Hz"):
        for _ in range(3000):
            session.advance(1)
    assert session.time_ms == pytest.approx(50.0)
    session = Session(network, threads=1)
    session.current_pA[:] = 1e5
    with pytest.raises(Stopped):
        session.advance(3000)
    assert np.nanmin(session.region_rate_Hz()) > 250  # of the 50 ms that were run
    session = Session(network, threads=1)
    session.run._cells.values[session.run.V_at[session.neurons("C")[3]]] = math.nan
    with pytest.raises(Stopped, match="non-finite: C: ") as stopped:
        for _ in range(3000):
            session.advance(7)
    assert stopped.value.alarm.region == "C"


def test_a_call_that_is_refused_leaves_nothing_behind(network):
    session, same = (Session(network, threads=1) for _ in range(2))
    for each in (session, same):
        each.current_pA[:] = 300.0
        each.advance(50)
        each.current_pA[:] = 0.0
    session.poisson_Hz[0] = -1.0
    with pytest.raises(ValueError, match="poisson_Hz of neuron 0"):
        session.advance(50)
    session.poisson_Hz[0] = 0.0
    for each in (session, same):
        each.advance(500)
    assert (session.counts == same.counts).all()


def test_a_recording_has_no_gaps(session):
    kept = session.snapshot()
    recorder = session.attach(Probe())
    session.advance(10)
    with pytest.raises(ValueError, match="detach it, restore"):
        session.restore(kept)
    session.detach(recorder)
    session.restore(kept)
    assert session.step == kept.step


def test_one_delay_for_all_is_an_alarm(brain_of, connectome_of):
    brain = brain_of()
    same = tuple(
        dataclasses.replace(p, delay=dataclasses.replace(p.delay, high_ms=p.delay.low_ms))
        for p in brain.projections[:4]
    )
    recording = simulate(build(dataclasses.replace(brain, projections=same)), 50.0, threads=1)
    assert any(a.kind == "inactive delays" for a in recording.alarms)


# ---- shapes -------------------------------------------------------------------------------------


def test_a_brain_without_projections_runs(brain_of):
    brain = dataclasses.replace(brain_of(), projections=())
    network = build(brain)
    ours = simulate(network, 30.0, engine=cpu(real="float64"))
    assert ours.n_spikes and ours.spike_digest() == slow(network, 30.0).spike_digest()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_regions=st.integers(1, 5),
    sizes=st.tuples(st.integers(1, 35), st.integers(1, 18)),
    seed=st.integers(0, 2**32),
)
def test_any_size_agrees_with_the_reference(
    brain_of, connectome_of, monkeypatch, n_regions, sizes, seed
):
    """Tiles, blocks and shards of every filling compute what plain loops do, to the bit."""
    monkeypatch.setattr(pack, "SEGMENT_MIN_LENGTH", math.inf)  # one layout, one compilation
    brain = brain_of(connectome_of(n_regions), background_Hz=0.0)
    populations = tuple(
        dataclasses.replace(p, size=size) for p, size in zip(brain.populations, sizes, strict=True)
    )
    brain = Brain(brain.connectome, populations, brain.projections)
    network = build(brain, seed=seed)
    found = []
    for engine in (cpu(threads=1, real="float64"), reference()):
        session = Session(network, noise_seed=seed, engine=engine)
        session.poisson_Hz[:] = np.where(np.arange(network.n_neurons) % 3, 9000.0, 0.0)
        session.current_pA[:] = 300.0
        found.append((session.record(30.0).spike_digest(), session.V_mV))
    assert found[0][0] == found[1][0]
    assert np.allclose(found[0][1], found[1][1], rtol=0, atol=1e-5)
