"""dt is a free choice: halving it changes rates within sampling error."""

import numpy as np
import pytest
from scipy import stats

from encephagen.engine.session import Session
from encephagen.network.build import build

SEEDS = range(12)


def rates_Hz(network):
    """Mean rates (seed, region and population), each seed with a noise and a start of its own."""
    rates = []
    for seed in SEEDS:
        session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
        session.record(200.0)
        session.record(1000.0)
        rates.append(session.region_rate_Hz().ravel())
    return np.array(rates)


def test_halving_the_step_keeps_the_rates(brain_of):
    """The same wiring to the synapse, so only the step differs (delays are rounded to it)."""
    brain = brain_of()
    coarse, fine = build(brain, dt_ms=0.1, seed=1), build(brain, dt_ms=0.05, seed=1)
    assert coarse.n_synapses == fine.n_synapses
    a, b = rates_Hz(coarse), rates_Hz(fine)
    assert a.mean() > 5
    p = stats.ttest_ind(a, b, axis=0, equal_var=False).pvalue
    assert p.min() > 0.01 / a.shape[1], dict(coarse=a.mean(axis=0), fine=b.mean(axis=0), p=p)
    # and the test could tell: its 95 % interval of the mean rate is narrow
    assert stats.sem(a.mean(axis=1)) / a.mean() < 0.02


@pytest.mark.parametrize(("dt_ms", "steps"), [(0.1, 20), (0.05, 40), (0.3, 7)])
def test_times_become_the_nearest_number_of_steps(brain_of, dt_ms, steps):
    network = build(brain_of(), dt_ms=dt_ms)
    model, _ = network.brain.populations[0].cell(0)
    assert model.constants(dt_ms).refractory == steps  # 2 ms
    edges = network.edges()
    region = network.neuron_region
    between = region[edges["source"]] != region[edges["target"]]
    exact_ms = network.brain.connectome.lengths_mm / 6.0
    exact_ms = exact_ms[region[edges["target"]], region[edges["source"]]]
    assert np.abs(edges["delay_ms"] - exact_ms)[between].max() <= dt_ms / 2 + 1e-9
    assert edges["delay_ms"][~between].min() >= 1.0 - dt_ms / 2
    assert edges["delay_ms"][~between].max() <= 2.5 + dt_ms / 2
