"""Building a network: what is refused, what is read-only, and how synapses are stored."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encephagen.brain.spec import (
    Between,
    Brain,
    Chosen,
    Conduction,
    Poisson,
    Population,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.connectome.connectome import Connectome, Region
from encephagen.engine.estimate import estimate
from encephagen.models import AMPA, GABA_A, LIF
from encephagen.models.receptors import Transmitter
from encephagen.network import build as build_module
from encephagen.network.build import build, expected_synapses

FAST, GABA = Transmitter((AMPA(),)), Transmitter((GABA_A(),))


def one_projection(connectome, rule, delay=None, weight=None, size=10):
    population = Population("X", size, LIF(), Poisson(0.0, 0.0, FAST), excites=True)
    delay = delay or Uniform(1.0, 1.0)
    return Brain(
        connectome,
        (population,),
        (Projection("X", "X", rule, weight or Weight(1.0), delay, FAST),),
    )


@pytest.mark.parametrize("dt_ms", [0.0, -0.1, math.nan, math.inf])
def test_dt_is_a_time(brain_of, dt_ms):
    with pytest.raises(ValueError, match="dt .* ms: must be finite and above 0"):
        build(brain_of(), dt_ms=dt_ms)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None])
def test_a_wiring_seed_is_a_natural_number(brain_of, seed):
    with pytest.raises(ValueError, match="seed .* is not a non-negative integer"):
        build(brain_of(), seed=seed)


def test_a_fragment_without_cells_is_no_brain(connectome_of):
    with pytest.raises(ValueError, match="no population"):
        build(Brain(connectome_of(), (), ()))


def test_more_populations_than_8_bits_count_are_refused(connectome_of):
    def brain(n):
        quiet = Poisson(0.0, 0.0, FAST)
        cells = tuple(Population(f"P{i}", 1, LIF(), quiet, excites=True) for i in range(n))
        return Brain(connectome_of(2), cells, ())

    network = build(brain(build_module.MAX_POPULATIONS))
    assert network.neuron_population.tolist() == 2 * list(range(127))
    with pytest.raises(ValueError, match="the brain has 128 populations: at most 127"):
        build(brain(128))


def test_a_delay_under_dt_is_named_with_its_regions(brain_of):
    with pytest.raises(
        ValueError, match=r"'E->E between': delay 0\.9.* ms from B to C is under dt 1"
    ):
        build(brain_of(velocity_mm_per_ms=10.0), dt_ms=1.0)
    with pytest.raises(
        ValueError, match="'E->E within': delay 1.0 ms is under dt 1.1 ms; lower dt"
    ):
        build(brain_of(), dt_ms=1.1)


def test_within_regions_only_their_own_delays_count(connectome_of):
    own = Conduction(np.diag([2.0, 3.0, 4.0, 5.0]))
    edges = build(one_projection(connectome_of(), Within(0.5), own)).edges()
    assert set(edges["delay_ms"].round(6).tolist()) == {2.0, 3.0, 4.0, 5.0}


def test_a_delay_that_no_queue_holds_is_refused(brain_of):
    with pytest.raises(ValueError, match="is over 65535 steps of 0.1 ms; raise dt or the"):
        build(brain_of(velocity_mm_per_ms=0.001))


@pytest.mark.parametrize("shape", [(2, 2), (4, 5)])
def test_matrices_fit_the_connectome(connectome_of, shape):
    connectome = connectome_of()
    with pytest.raises(ValueError, match=r"weights have shape .*, the connectome has 4 regions"):
        build(one_projection(connectome, Between(1.0, np.ones(shape))))
    with pytest.raises(ValueError, match=r"delays have shape .*, the connectome has 4 regions"):
        build(
            one_projection(connectome, Between(1.0, connectome.weights), Conduction(np.ones(shape)))
        )


def test_a_network_is_read_only_and_compares_by_digest(brain_of):
    network, same = build(brain_of(), seed=1), build(brain_of(), seed=1)
    arrays = [
        *vars(network.blocks).values(),
        network.neuron_region,
        network.neuron_population,
        network.weight_scale_pA,
    ]
    assert not any(a.flags.writeable for a in arrays if isinstance(a, np.ndarray))
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.seed = 2
    assert network == same and hash(network) == hash(same)
    others = [build(brain_of(), seed=2), build(brain_of(), dt_ms=0.2), build(brain_of(local=2.0))]
    assert len({n.digest() for n in (network, *others)}) == 4
    assert network != "network"


def test_neurons_are_numbered_region_by_region(brain_of):
    network = build(brain_of())
    assert network.n_neurons == 4 * 33
    assert network.populations == ("E", "I")
    assert network.region_size.tolist() == [[24, 9]] * 4
    assert network.neuron_region.tolist() == np.repeat(range(4), 33).tolist()
    assert network.neuron_population.tolist() == [*[0] * 24, *[1] * 9] * 4


def test_chosen_sources_are_as_many_as_said_and_differ_from_each_other(connectome_of):
    network = build(one_projection(connectome_of(), Chosen(7)), seed=3)
    edges = network.edges()
    source, target = edges["source"], edges["target"]
    assert (np.bincount(target, minlength=network.n_neurons) == 7).all()
    assert len({*zip(source.tolist(), target.tolist(), strict=True)}) == len(source)
    assert (source != target).all()
    assert (network.neuron_region[source] == network.neuron_region[target]).all()
    assert network.n_synapses == expected_synapses(network.brain)


def test_each_source_is_chosen_as_often(connectome_of):
    """Of 4 regions under 50 seeds: the out-degree is hypergeometric, its mean 7."""
    brain = one_projection(connectome_of(), Chosen(7))
    sources = [build(brain, seed=seed).edges()["source"] for seed in range(50)]
    degree = np.bincount(np.concatenate(sources)) / 50
    n = len(degree) // 4
    p = 7 / (n - 1)
    error = math.sqrt((n - 1) * p * (1 - p) / 50)
    assert degree.mean() == 7
    assert np.abs(degree - 7).max() < 5 * error


def test_more_sources_than_there_are_cannot_be_chosen(connectome_of):
    size = one_projection(connectome_of(), Chosen(1)).populations[0].size
    with pytest.raises(ValueError, match=f"in_degree {size}, and a region has {size - 1} neurons"):
        one_projection(connectome_of(), Chosen(size))
    with pytest.raises(ValueError, match=r"in_degree = 2.5: must be a whole number over 0"):
        Chosen(2.5)


def test_delays_are_active_where_they_differ(connectome_of):
    connectome = connectome_of()
    assert not build(one_projection(connectome, Within(0.1))).delays_active
    assert build(one_projection(connectome, Within(0.1), Uniform(1.0, 1.1))).delays_active


def test_weights_have_the_sign_of_the_receptor(brain_of):
    network = build(brain_of())
    edges = network.edges()
    inhibits = network.neuron_population[edges["source"]] == 1
    assert (edges["weight_pA"][inhibits] < 0).all() and (edges["weight_pA"][~inhibits] > 0).all()


def test_a_fragment_can_be_estimated(connectome_of):
    assert estimate(Brain(connectome_of(), (), ())).n_neurons == 0


def test_an_estimate_reads_as_one_line(brain_of):
    text = str(estimate(brain_of()))
    assert "132 neurons" in text and "MiB" in text and "\n" not in text


@st.composite
def brains(draw):
    """One to four regions, one or two populations, up to three projections of any rule."""
    n = draw(st.integers(1, 4))
    weights = np.array(draw(st.lists(st.floats(0, 5), min_size=n * n, max_size=n * n)))
    weights = np.where(weights < 0.5, 0.0, weights).reshape(n, n)
    np.fill_diagonal(weights, 0.0)
    lengths_mm = np.where(weights > 0, 5.0 + 20.0 * weights, 0.0)
    regions = tuple(Region(f"R{i}", "L") for i in range(n))
    connectome = Connectome("any", regions, weights, lengths_mm, directed=True)
    names = draw(st.sampled_from([("X",), ("X", "Y")]))  # Y inhibits
    populations = tuple(
        Population(
            name, draw(st.integers(1, 40)), LIF(), Poisson(0.0, 0.0, FAST), excites=name == "X"
        )
        for name in names
    )

    def projection():
        if draw(st.booleans()):
            rule = Within(draw(st.floats(0, 1)))
            delay = None
        else:
            rule = Between(draw(st.floats(0, 12)), weights)
            delay = draw(
                st.none() | st.floats(0.5, 20).map(lambda v: Conduction.along(connectome, v))
            )
        if delay is None:
            low = round(draw(st.floats(0.1, 5)), 1)
            delay = Uniform(low, low + draw(st.floats(0, 5)))
        weight = Weight(draw(st.floats(0, 1e4)), draw(st.floats(0, 2)))
        ends = draw(st.tuples(st.sampled_from(names), st.sampled_from(names)))
        return Projection(*ends, rule, weight, delay, FAST if ends[0] == "X" else GABA)

    projections = tuple(projection() for _ in range(draw(st.integers(0, 3))))
    return Brain(connectome, populations, projections)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(brains(), st.integers(0, 2**40))
def test_any_brain_becomes_the_network_that_it_describes(brain, seed):
    network = build(brain, seed=seed)
    edges = network.edges()
    region, population = network.neuron_region, network.neuron_population
    assert len(edges["source"]) == network.n_synapses
    assert network.n_synapses == 0 or edges["target"].min() >= 0
    steps = np.rint(edges["delay_ms"] / network.dt_ms)
    if network.n_synapses:
        assert steps.min() >= network.min_delay_steps >= 1
        assert steps.max() <= network.max_delay_steps
    expected = np.zeros((len(brain.populations),) * 2)
    most = np.zeros_like(expected)
    names = network.populations
    for p in brain.projections:
        size = {q.name: q.size for q in brain.populations}
        pair = names.index(p.target), names.index(p.source)
        if isinstance(p.rule, Within):
            most[pair] += brain.connectome.n * size[p.source] * size[p.target]
        else:
            degree = p.rule.drawn(*[np.arange(brain.connectome.n)] * 2)[0]
            assert degree.sum() == pytest.approx(
                brain.connectome.n * p.rule.in_degree if p.rule.weights.any() else 0.0
            )
            most[pair] += size[p.target] * np.ceil(degree).sum()
    found = np.zeros_like(expected)
    np.add.at(found, (population[edges["target"]], population[edges["source"]]), 1)
    assert (found <= most).all()
    if all(isinstance(p.rule, Within) for p in brain.projections):
        assert (region[edges["source"]] == region[edges["target"]]).all()
        assert (edges["source"] != edges["target"]).all()
    elif all(isinstance(p.rule, Between) for p in brain.projections):
        reached = brain.connectome.weights[region[edges["target"]], region[edges["source"]]]
        assert (reached > 0).all()
    assert np.isfinite(edges["weight_pA"]).all()
    assert build(brain, seed=seed) == network
