"""dt is a free choice: halving it changes rates within sampling error."""

import numpy as np
import pytest
from scipy import stats

from encephagen.engine.session import Session
from encephagen.models import LIF
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


def test_a_time_between_two_steps_is_refused_with_the_nearest(brain_of):
    """A refractory time of 2 ms has no whole number of steps of 0.3 ms; 2.1 ms has."""
    network = build(brain_of(), dt_ms=0.3)
    with pytest.raises(
        ValueError, match="t_ref_ms 2 is not a whole number of steps of 0.3 ms; .*2.1"
    ):
        Session(network)
    for dt_ms, t_ref_ms in ((0.5, 0.2), (0.4, 1.0)):
        with pytest.raises(ValueError, match=f"t_ref_ms {t_ref_ms:g} is not a whole number"):
            LIF(t_ref_ms=t_ref_ms).constants(dt_ms)
    assert LIF(t_ref_ms=0.0).constants(0.3).refractory == 0


@pytest.mark.parametrize(("dt_ms", "steps"), [(0.1, 20), (0.05, 40), (0.4, 5)])
def test_conduction_takes_the_nearest_number_of_steps(brain_of, dt_ms, steps):
    network = build(brain_of(), dt_ms=dt_ms)
    model, _ = network.brain.populations[0].cell(0)
    assert model.constants(dt_ms).refractory == steps  # 2 ms
    edges = network.edges()
    region = network.neuron_region
    between = region[edges["source"]] != region[edges["target"]]
    exact_ms = network.brain.connectome.lengths_mm / 6.0
    exact_ms = exact_ms[region[edges["target"]], region[edges["source"]]]
    assert np.abs(edges["delay_ms"] - exact_ms)[between].max() <= dt_ms / 2 + 1e-9
    assert edges["delay_ms"][~between].min() >= 1.0 - 1e-9
    assert edges["delay_ms"][~between].max() <= 2.5 + 1e-9
