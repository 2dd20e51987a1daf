"""Against NEST, by our export: the same spikes without noise, the same distributions with it."""

import dataclasses
import os
import runpy
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from encephagen.brain.spread import Lognormal, Normal
from encephagen.engine.cpu.engine import cpu
from encephagen.engine.drive import Sine
from encephagen.engine.nest import NestProcess, initial_V_mV
from encephagen.engine.nest import nest as in_nest
from encephagen.engine.session import Session
from encephagen.models.receptors import AMPA, NMDA, Transmitter
from encephagen.network.build import build
from encephagen.network.export.nest import GENERAL, PLAIN, export_nest, model
from encephagen.recording.probe import Probe

SEEDS = range(10)
SETTLE_MS, NOISY_MS = 200.0, 2000.0
QUIET_MS = 1000.0
GLUTAMATE = {PLAIN: None, GENERAL: Transmitter((AMPA(), NMDA()), (0.8, 0.2))}


@pytest.fixture(scope="module")
def nest():
    """The simulator."""
    return pytest.importorskip("nest")


def build_in_nest(nest, script, seed=1, noise=True):
    """Make an exported network in NEST, as its script does; return its cells and a recorder."""
    functions = runpy.run_path(str(script))
    functions["quieten"](nest)
    cells = functions["build"](nest, script.parent, 1, seed, noise)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    return cells, recorder


def spikes_of(recorder, cells, dt_ms):
    """Steps and neurons, sorted; NEST stamps a spike with the end of its step."""
    events, first = recorder.events, cells.tolist()[0]
    steps = np.rint(events["times"] / dt_ms).astype(int) - 1
    neurons = events["senders"] - first
    order = np.lexsort((neurons, steps))
    return np.stack([steps[order], neurons[order]])


# ---- without noise ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet_of(brain_of):
    """A coupled network with all its delays, without background, and a current a neuron."""

    def make(glutamate=None):
        network = build(brain_of(background_Hz=0.0, glutamate=glutamate), seed=1)
        current_pA = np.linspace(480.0, 760.0, network.n_neurons)[
            np.argsort(np.arange(network.n_neurons) * 0.618 % 1)
        ]
        assert network.delays_active and network.max_delay_steps > 80
        return network, current_pA.astype(np.float32)

    return make


@pytest.fixture(scope="module")
def quiet(quiet_of):
    return quiet_of()


def ours_of(network, current_pA, real):
    """Steps and neurons of our spikes."""
    session = Session(network, engine=cpu(1, real))
    session.current_pA[:] = current_pA
    recording = session.record(QUIET_MS)
    return np.stack([recording.spike_steps, recording.spike_neurons])


def both(nest, folder, network, current_pA, real):
    script = export_nest(network, folder, V_mV=initial_V_mV(network, seed=0), current_pA=current_pA)
    cells, recorder = build_in_nest(nest, script, noise=False)
    nest.Simulate(QUIET_MS)
    ours = ours_of(network, current_pA, real)
    return ours, spikes_of(recorder, cells, network.dt_ms)


@pytest.mark.parametrize("chosen", [PLAIN, GENERAL])
def test_the_same_spikes_without_noise(nest, quiet_of, tmp_path, chosen):
    """With two receptors, and with NMDA as in the default brain."""
    network, current_pA = quiet_of(GLUTAMATE[chosen])
    assert model(network) == chosen
    ours, theirs = both(nest, tmp_path, network, current_pA, "float64")
    assert ours.shape[1] > 1000
    assert np.array_equal(ours, theirs)


def test_the_same_spikes_of_neurons_that_differ(nest, brain_of, tmp_path):
    brain = brain_of(background_Hz=0.0)
    spread = (("E_L_mV", Normal(2.0)), ("tau_m_ms", Lognormal(0.2)), ("V_th_mV", Normal(1.0)))
    alike = tuple(dataclasses.replace(p, spread=spread) for p in brain.populations)
    network = build(dataclasses.replace(brain, populations=alike), seed=1)
    ours, theirs = both(nest, tmp_path, network, np.float32(620.0), "float64")
    assert ours.shape[1] > 1000
    assert len(np.unique(ours[1])) < network.n_neurons  # some never fire, by what they are
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_script_alone_finds_our_spikes(nest, quiet, tmp_path, threads):
    """Run by a Python that cannot see encephagen; and it says so where a spike is another."""
    network, current_pA = quiet
    steps, neurons = ours_of(network, current_pA, "float64")
    V_mV = initial_V_mV(network, seed=0)

    def check(expected):
        script = export_nest(
            network, tmp_path, V_mV=V_mV, current_pA=current_pA, spikes=expected, seconds=1.0
        )
        command = [sys.executable, "-I", str(script), "--check", "--threads", str(threads)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    same = check((steps, neurons))
    assert same.returncode == 0, same.stdout + same.stderr
    assert f"{len(steps):,} of {len(steps):,} spikes are encephagen's" in same.stdout
    with np.load(tmp_path / "spikes.npz") as file:
        theirs = np.stack(
            [np.rint(file["time_ms"] / network.dt_ms).astype(int) - 1, file["neuron"]]
        )
    assert np.array_equal(theirs, np.stack([steps, neurons]))
    late = steps.copy()
    late[len(late) // 2] += 1
    assert check((late, neurons)).returncode == 1


def test_processes_that_do_not_know_of_each_other_are_refused(nest, quiet, tmp_path):
    """A NEST without MPI, under mpirun, would run the whole network in each process."""
    if nest.build_info["have_mpi"]:
        pytest.skip("this NEST has MPI")
    network, _ = quiet
    script = export_nest(network, tmp_path, V_mV=initial_V_mV(network, seed=0))
    run = subprocess.run(
        [sys.executable, "-I", str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMPI_COMM_WORLD_SIZE": "4"},
    )
    assert run.returncode == 1 and "built without MPI" in run.stderr


def test_nest_in_its_own_process_goes_on_where_it_stopped(nest, quiet, tmp_path):
    """However time is cut, and with currents that change on the way."""
    network, current_pA = quiet
    session = Session(network, engine=cpu(1, "float64"))
    export_nest(network, tmp_path, V_mV=initial_V_mV(network, seed=0), current_pA=current_pA)
    ours, theirs = [], []
    with NestProcess(tmp_path, noise=False, record=True) as process:
        for n_steps, factor in ((1, 1.0), (7, 1.0), (992, 1.1), (1000, 0.9)):
            current = (current_pA * np.float32(factor)).astype(np.float32)
            session.current_pA[:] = current
            recording = session.record(n_steps * network.dt_ms)
            ours.append(np.stack([recording.spike_steps, recording.spike_neurons]))
            stretch = process.run(n_steps, current_pA=current.astype(float), want_V_mV=True)
            theirs.append(np.stack([stretch.steps, stretch.neurons]))
    ours, theirs = np.concatenate(ours, axis=1), np.concatenate(theirs, axis=1)
    assert ours.shape[1] > 300
    assert np.array_equal(ours, theirs)
    np.testing.assert_allclose(stretch.V_mV, session.V_mV, atol=1e-4)


def test_coupling_matters_to_that_test(quiet, brain_of):
    """Without synapses, or with one delay for all, the spikes are others."""
    network, current_pA = quiet
    ours = ours_of(network, current_pA, "float64")
    for change in ({"long_range": 0.0}, {"velocity_mm_per_ms": 5.5}, {"local": 0.99}):
        other = build(brain_of(background_Hz=0.0, **change), seed=1)
        found = ours_of(other, current_pA, "float64")
        assert found.shape != ours.shape or (found != ours).any(), change


def test_float32_follows_until_rounding_has_grown(nest, quiet, tmp_path):
    """Chaos makes any rounding grow; hundreds of spikes stay the same, and rates throughout."""
    ours, theirs = both(nest, tmp_path, *quiet, "float32")
    n = min(ours.shape[1], theirs.shape[1])
    differ = np.flatnonzero((ours[:, :n] != theirs[:, :n]).any(axis=0))
    n_same = differ[0] if len(differ) else n
    assert n_same > 300, n_same
    assert abs(ours.shape[1] / theirs.shape[1] - 1) < 0.03


# ---- with noise ---------------------------------------------------------------------------------


def statistics(spikes, network):
    """Rates (Hz), CV of intervals, and correlations of counts in 20 ms, each a sample."""
    steps, neurons = spikes[:, spikes[0] >= round(SETTLE_MS / network.dt_ms)]
    trains = [np.sort(steps[neurons == i]) * network.dt_ms for i in range(network.n_neurons)]
    rates = np.array([len(t) for t in trains]) / NOISY_MS * 1000.0
    intervals = [np.diff(t) for t in trains if len(t) > 10]
    edges = np.arange(SETTLE_MS, SETTLE_MS + NOISY_MS + 1.0, 20.0)
    counts = np.array([np.histogram(t, edges)[0] for t in trains])
    counts = counts[(counts.std(axis=1) > 0)]
    correlations = np.corrcoef(counts)[np.triu_indices(len(counts), 1)]
    return {
        "rate": rates,
        "cv": np.array([i.std() / i.mean() for i in intervals]),
        "correlation": correlations,
    }


@pytest.fixture(scope="module")
def samples(nest, brain_of, tmp_path_factory):
    """Statistics of ours and of NEST's runs, a noise seed each, on one network."""
    network = build(brain_of(), seed=1)
    script = export_nest(
        network, tmp_path_factory.mktemp("noisy"), V_mV=initial_V_mV(network, seed=0)
    )
    ours, theirs = [], []
    for seed in SEEDS:
        cells, recorder = build_in_nest(nest, script, seed + 1)
        nest.Simulate(SETTLE_MS + NOISY_MS)
        theirs.append(statistics(spikes_of(recorder, cells, network.dt_ms), network))
        recording = Session(network, noise_seed=seed, threads=1).record(SETTLE_MS + NOISY_MS)
        spikes = np.stack([recording.spike_steps, recording.spike_neurons])
        ours.append(statistics(spikes, network))
    return ours, theirs


def distances(ours, theirs, name):
    """Kolmogorov-Smirnov distances (run, run) between all runs, ours first."""
    runs = [run[name] for run in (*ours, *theirs)]
    d = np.zeros((len(runs), len(runs)))
    for i, j in combinations(range(len(runs)), 2):
        d[i, j] = d[j, i] = stats.ks_2samp(runs[i], runs[j]).statistic
    return d


def excess(d, first):
    """Mean distance between two groups of runs, over that within them."""
    second = np.setdiff1d(np.arange(len(d)), first)
    n = len(first)
    within = (d[np.ix_(first, first)].sum() + d[np.ix_(second, second)].sum()) / (2 * n * (n - 1))
    return d[np.ix_(first, second)].mean() - within


@pytest.mark.parametrize("name", ["rate", "cv", "correlation"])
def test_the_same_distributions_with_noise(samples, name):
    """Runs of ours lie among NEST's own: their distance is within the spread of its seeds."""
    n = len(SEEDS)
    d = distances(*samples, name)
    to_nest = d[:n, n:].mean(axis=1)
    of_nest = d[n:, n:].sum(axis=1) / (n - 1)
    assert of_nest.min() <= to_nest.mean() <= of_nest.max(), (to_nest, of_nest)
    # and no division of the twenty runs at random should set them much further apart
    rng = np.random.Generator(np.random.Philox(0))
    chance = [excess(d, np.sort(rng.permutation(2 * n)[:n])) for _ in range(2000)]
    assert np.mean(np.array(chance) >= excess(d, np.arange(n))) > 0.005, (to_nest, of_nest)


# ---- as an engine -------------------------------------------------------------------------------


def life(engine, network):
    """What a session of an engine gives: recordings, counts, potentials, on a varied stretch."""
    session = Session(network, initial_seed=4, engine=engine)
    session.current_pA[:] = 600.0
    recorder = session.attach(Probe(spikes=False))
    found = [session.record(50.0, probe=Probe(voltage=(0, 40), voltage_every_ms=2.5))]
    drive = session.drive("A", Sine(50.0, 100.0))
    found.append(session.record(8.0))
    session.stop(drive)
    session.advance(7)
    session.advance(493)
    return session, found, recorder.new_counts()


def test_a_session_in_nest_is_a_session_on_the_cpu(nest, quiet):
    network, _ = quiet
    ours, our_recordings, our_counts = life(cpu(1, "float64"), network)
    theirs, their_recordings, their_counts = life(in_nest(threads=2), network)
    for mine, other in zip(our_recordings, their_recordings, strict=True):
        assert np.array_equal(mine.spike_steps, other.spike_steps)
        assert np.array_equal(mine.spike_neurons, other.spike_neurons)
    v_mV = [recordings[0].data["v_mV"] for recordings in (our_recordings, their_recordings)]
    assert v_mV[0].shape == (20, 2)
    np.testing.assert_allclose(*v_mV, atol=1e-4)
    assert our_counts.sum() > 100
    assert np.array_equal(our_counts, their_counts)
    assert np.array_equal(ours.counts, theirs.counts)
    assert ours.step == theirs.step and ours.run.n_spikes == theirs.run.n_spikes
    np.testing.assert_allclose(ours.V_mV, theirs.V_mV, atol=1e-4)
    assert their_recordings[0].provenance["engine"].startswith("NEST ")


def test_extra_poisson_input_drives_as_much_in_nest(nest, brain_of):
    """Of a weak background and much extra input, in a region alone."""
    network, rates = build(brain_of(background_Hz=1000.0), seed=1), []
    for engine in (cpu(1), in_nest()):
        session = Session(network, engine=engine)
        session.poisson_Hz[session.neurons("B")] = 4000.0
        session.advance(1000)
        session.advance(10_000)
        rates.append(session.region_rate_Hz())
    assert rates[0][1, 0] > 2.0 * rates[0][0, 0]
    np.testing.assert_allclose(rates[0][1], rates[1][1], rtol=0.15)


def test_what_nest_cannot_is_refused(nest, quiet):
    network, _ = quiet
    session = Session(network, engine=in_nest())
    session.heal()
    for refused in (
        lambda: session.silence("A"),
        lambda: session.cut("A", "B"),
        session.snapshot,
    ):
        with pytest.raises(
            ValueError, match=r"NEST has no (lesions|snapshots): use engine=cpu\(\)"
        ):
            refused()
    assert session.lesions == ()
    session.current_pA[3] = np.nan
    with pytest.raises(ValueError, match="current_pA of neuron 3 is nan"):
        session.advance(1)
    with pytest.raises(ValueError, match="threads 0: give 1 or more"):
        in_nest(threads=0)


def test_without_nest_the_extra_is_named(quiet, monkeypatch):
    network, _ = quiet
    monkeypatch.setitem(sys.modules, "nest", None)
    with pytest.raises(ValueError, match=r"pip install 'encephagen\[nest\]'"):
        Session(network, engine=in_nest())
