"""Against NEST (``iaf_psc_exp``): the same spikes without noise, the same distributions with it."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from encephagen.engine.cpu.engine import cpu
from encephagen.engine.session import Session
from encephagen.network.build import build

SEEDS = range(10)
SETTLE_MS, NOISY_MS = 200.0, 2000.0
QUIET_MS = 1000.0


@pytest.fixture(scope="module")
def nest():
    """The simulator, quiet."""
    module = pytest.importorskip("nest")
    if hasattr(module, "VerbosityLevel"):
        module.verbosity = module.VerbosityLevel.ERROR
    else:
        module.set_verbosity("M_ERROR")
    return module


def build_in_nest(nest, network, V_mV, seed=1):
    """Make the network in NEST, synapse by synapse; return its cells and a spike recorder."""
    nest.ResetKernel()
    nest.resolution = network.dt_ms
    nest.rng_seed = seed
    excites, inhibits = sorted(network.receptors, key=lambda r: -r.sign)
    assert (excites.sign, inhibits.sign) == (1.0, -1.0)
    models = [
        network.brain.populations[p].cell(r)[0]
        for r, p in zip(network.neuron_region, network.neuron_population, strict=True)
    ]
    cells = nest.Create("iaf_psc_exp", len(models))
    cells.set(
        tau_m=[m.tau_m_ms for m in models],
        C_m=[m.tau_m_ms / m.R_m_MOhm * 1000.0 for m in models],  # ms / MOhm is nF
        E_L=[m.E_L_mV for m in models],
        V_th=[m.V_th_mV for m in models],
        V_reset=[m.V_reset_mV for m in models],
        t_ref=[m.t_ref_ms for m in models],
        tau_syn_ex=[excites.tau_syn_ms] * len(models),
        tau_syn_in=[inhibits.tau_syn_ms] * len(models),
        V_m=V_mV.tolist(),
    )
    edges, ids = network.edges(), np.array(cells.tolist())
    nest.Connect(
        ids[edges["source"]],
        ids[edges["target"]],
        "one_to_one",
        {
            "synapse_model": "static_synapse",
            "weight": edges["weight_pA"],
            "delay": edges["delay_ms"],
        },
    )
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


def initial_V_mV(session):
    return session.snapshot().arrays["values"][session.run.V_at].astype(float) + session.run.E_L_mV


# ---- without noise ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet(brain_of):
    """A coupled network with all its delays, without background, and a current a neuron."""
    network = build(brain_of(background_Hz=0.0), seed=1)
    current_pA = np.linspace(480.0, 760.0, network.n_neurons)[
        np.argsort(np.arange(network.n_neurons) * 0.618 % 1)
    ]
    assert network.delays_active and network.max_delay_steps > 80
    return network, current_pA.astype(np.float32)


def both(nest, network, current_pA, real):
    session = Session(network, engine=cpu(1, real))
    cells, recorder = build_in_nest(nest, network, initial_V_mV(session))
    cells.set(I_e=current_pA.astype(float).tolist())
    nest.Simulate(QUIET_MS)
    session.current_pA[:] = current_pA
    recording = session.record(QUIET_MS)
    ours = np.stack([recording.spike_steps, recording.spike_neurons])
    return ours, spikes_of(recorder, cells, network.dt_ms)


def test_the_same_spikes_without_noise(nest, quiet):
    ours, theirs = both(nest, *quiet, "float64")
    assert ours.shape[1] > 1000
    assert np.array_equal(ours, theirs)


def test_coupling_matters_to_that_test(nest, quiet, brain_of):
    """Without synapses, or with one delay for all, the spikes are others."""
    network, current_pA = quiet
    ours, _ = both(nest, network, current_pA, "float64")
    for change in ({"long_range": 0.0}, {"velocity_mm_per_ms": 5.5}, {"local": 0.99}):
        other = build(brain_of(background_Hz=0.0, **change), seed=1)
        session = Session(other, engine=cpu(1, "float64"))
        session.current_pA[:] = current_pA
        recording = session.record(QUIET_MS)
        found = np.stack([recording.spike_steps, recording.spike_neurons])
        assert found.shape != ours.shape or (found != ours).any(), change


def test_float32_follows_until_rounding_has_grown(nest, quiet):
    """Chaos makes any rounding grow; hundreds of spikes stay the same, and rates throughout."""
    ours, theirs = both(nest, *quiet, "float32")
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
def samples(nest, brain_of):
    """Statistics of ours and of NEST's runs, a noise seed each, on one network."""
    network = build(brain_of(), seed=1)
    background = network.brain.populations[0].background
    ours, theirs = [], []
    for seed in SEEDS:
        session = Session(network, noise_seed=seed, threads=1)
        cells, recorder = build_in_nest(nest, network, initial_V_mV(session), seed + 1)
        noise = nest.Create("poisson_generator", params={"rate": background.rate_Hz})
        weight = {"weight": background.weight_pA, "delay": network.dt_ms}
        nest.Connect(noise, cells, syn_spec=weight)
        nest.Simulate(SETTLE_MS + NOISY_MS)
        theirs.append(statistics(spikes_of(recorder, cells, network.dt_ms), network))
        recording = session.record(SETTLE_MS + NOISY_MS)
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
