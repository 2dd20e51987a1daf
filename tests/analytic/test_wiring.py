"""The drawn network against the distributions that its rules name."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

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
from encephagen.engine.estimate import estimate
from encephagen.models import AMPA, LIF
from encephagen.models.receptors import Transmitter
from encephagen.network import wiring
from encephagen.network.build import build

FAST = Transmitter((AMPA(),))
N = 150  # neurons of the population, per region
WORST = 1e-4


def network_of(connectome, *, rule, weight=None, delay=None, seed=0):
    population = Population("X", N, LIF(), Poisson(0.0, 0.0, FAST), excites=True)
    projection = Projection(
        "X", "X", rule, weight or Weight(10.0), delay or Uniform(1.0, 3.0), FAST
    )
    return build(Brain(connectome, (population,), (projection,)), seed=seed)


def test_within_connects_pairs_with_a_probability_and_no_neuron_with_itself(connectome_of):
    p = 0.13
    network = network_of(connectome_of(), rule=Within(p))
    edges = network.edges()
    source, target = edges["source"], edges["target"]
    assert (network.neuron_region[source] == network.neuron_region[target]).all()
    assert (source != target).all()
    assert len(np.unique(source * network.n_neurons + target)) == len(source), "no pair twice"
    n_pairs = network.n_neurons * (N - 1)
    assert stats.binomtest(len(source), n_pairs, p).pvalue > WORST
    for ends in (source, target):
        degree = np.bincount(ends, minlength=network.n_neurons)
        dispersion = ((degree - degree.mean()) ** 2).sum() / ((N - 1) * p * (1 - p))
        assert WORST < stats.chi2.cdf(dispersion, network.n_neurons - 1) < 1 - WORST


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_within_at_its_ends(connectome_of, probability):
    network = network_of(connectome_of(), rule=Within(probability))
    assert network.n_synapses == probability * network.n_neurons * (N - 1)


def test_between_gives_each_region_its_in_degree_and_its_sources(connectome_of):
    connectome = connectome_of(6)
    rule = Between(23.7, connectome.weights)
    network = network_of(connectome, rule=rule)
    edges, region = network.edges(), network.neuron_region
    degree = np.bincount(edges["target"], minlength=network.n_neurons)
    expected = rule.drawn(*[np.arange(len(rule.weights))] * 2)[0]
    assert expected.mean() == pytest.approx(23.7)
    for r in range(6):
        here = degree[region == r]
        assert set(here) <= {int(expected[r]), int(expected[r]) + 1}
        extra = (here - int(expected[r])).sum()
        assert stats.binomtest(int(extra), N, expected[r] % 1).pvalue > WORST
    table = np.zeros((6, 6))
    np.add.at(table, (region[edges["target"]], region[edges["source"]]), 1)
    assert not np.diag(table).any()
    for r in range(6):
        others = np.arange(6) != r
        share = connectome.weights[r, others] / connectome.weights[r].sum()
        assert stats.chisquare(table[r, others], share * table[r].sum()).pvalue > WORST
    out = np.bincount(edges["source"], minlength=network.n_neurons)
    for r in range(6):  # within a source region every neuron is as likely
        assert stats.chisquare(out[region == r]).pvalue > WORST


def test_local_delays_are_uniform_over_their_steps(connectome_of):
    network = network_of(connectome_of(), rule=Within(0.3), delay=Uniform(1.0, 2.5))
    steps = np.rint(network.edges()["delay_ms"] / network.dt_ms).astype(int)
    assert (steps.min(), steps.max()) == (10, 25)
    assert stats.chisquare(np.bincount(steps)[10:]).pvalue > WORST


def test_conduction_delays_are_those_of_the_fibres(connectome_of):
    connectome = connectome_of(6)
    network = network_of(
        connectome,
        rule=Between(9.0, connectome.weights),
        delay=Conduction.along(connectome, 3.0),
    )
    edges, region = network.edges(), network.neuron_region
    exact_ms = connectome.lengths_mm[region[edges["target"]], region[edges["source"]]] / 3.0
    assert np.abs(edges["delay_ms"] - exact_ms).max() <= network.dt_ms / 2 + 1e-9
    assert network.delays_active
    longest = connectome.lengths_mm.max() / 3.0 / network.dt_ms
    assert abs(network.max_delay_steps - longest) <= 0.5


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_weights_are_lognormal_and_keep_their_mean(connectome_of, spread):
    network = network_of(connectome_of(), rule=Within(0.3), weight=Weight(42.0, spread))
    weight_pA = network.edges()["weight_pA"]
    n = len(weight_pA)
    if spread == 0:
        assert np.allclose(weight_pA, 42.0, rtol=1e-12)
        return
    sd = 42.0 * np.sqrt(np.exp(spread**2) - 1)
    # cut at four standard deviations: what lies above weighs little
    cut = stats.norm.cdf(4 - spread) + stats.norm.sf(4) * np.exp(4 * spread - spread**2 / 2)
    assert abs(weight_pA.mean() - 42.0 * cut) < 4 * sd / np.sqrt(n)
    assert 1 - cut < 2e-3
    step_pA = network.weight_scale_pA[0]
    logs = np.log(weight_pA[weight_pA > 100 * step_pA] / 42.0)
    floor = np.log(100 * step_pA / 42.0)
    normal = stats.truncnorm((floor + spread**2 / 2) / spread, np.inf, -(spread**2) / 2, spread)
    assert stats.kstest(logs, normal.cdf).pvalue > WORST
    assert weight_pA.max() <= step_pA * wiring.WEIGHT_MAX


def test_factors_by_region_scale_the_weights_of_its_targets(connectome_of):
    factors = (0.5, 1.0, 0.0, 3.0)
    network = network_of(connectome_of(), rule=Within(0.2), weight=Weight(20.0, by_region=factors))
    edges = network.edges()
    exact_pA = 20.0 * np.array(factors)[network.neuron_region[edges["target"]]]
    assert np.abs(edges["weight_pA"] - exact_pA).max() <= network.weight_scale_pA[0] / 2


def test_weight_delay_and_place_are_independent(connectome_of):
    network = network_of(connectome_of(), rule=Within(0.3), weight=Weight(10.0, 0.5))
    edges = network.edges()
    n = network.n_synapses
    columns = [edges[k].astype(float) for k in ("source", "target", "weight_pA", "delay_ms")]
    for i, j in ((0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        r = stats.spearmanr(columns[i], columns[j]).statistic
        assert abs(r) * np.sqrt(n) < 4


def pairs(network):
    edges = network.edges()
    return set(zip(edges["source"].tolist(), edges["target"].tolist(), strict=True))


def test_wiring_seeds_are_independent(connectome_of):
    """Two seeds share as many pairs as chance has it; the same seed, every one."""
    a, b, c = (network_of(connectome_of(), rule=Within(0.1), seed=s) for s in (0, 1, 0))
    n_pairs = a.n_neurons * (N - 1)
    shared = len(pairs(a) & pairs(b))
    assert stats.binomtest(shared, n_pairs, 0.01).pvalue > WORST
    assert pairs(a) == pairs(c)
    assert a == c and a != b


def test_projections_of_a_brain_are_independent(brain_of):
    """E->E and E->I, within and between, share neither their pairs nor their weights."""
    network = build(brain_of(), seed=0)
    edges, population = network.edges(), network.neuron_population
    rates = []
    for target in (0, 1):
        hit = (population[edges["target"]] == target) & (population[edges["source"]] == 0)
        weights = edges["weight_pA"][hit]
        rates.append(np.round(weights / weights.mean(), 6))
    assert len(np.intersect1d(*rates)) < 0.05 * min(map(len, rates))


def test_another_projection_leaves_the_others_as_they_are(connectome_of):
    connectome = connectome_of()
    one = network_of(connectome, rule=Within(0.1))
    brain = one.brain
    more = Projection(
        "X", "X", Between(5.0, connectome.weights), Weight(10.0), Uniform(1.0, 1.0), FAST
    )
    both = build(dataclasses.replace(brain, projections=(*brain.projections, more)))
    assert pairs(one) < pairs(both)


def test_dt_moves_no_synapse(connectome_of):
    connectome = connectome_of(6)
    one, other = (
        build(network_of(connectome, rule=Within(0.1), weight=Weight(9.0, 0.4)).brain, dt_ms=dt_ms)
        for dt_ms in (0.1, 0.2)
    )
    for name in ("source", "target", "weight"):
        assert np.array_equal(one.edges()[name], other.edges()[name])


def test_estimate_is_what_is_built(brain_of):
    brain = brain_of()
    expected, network = estimate(brain), build(brain)
    assert expected.n_neurons == network.n_neurons
    assert abs(expected.n_synapses - network.n_synapses) < 4 * np.sqrt(expected.n_synapses)
