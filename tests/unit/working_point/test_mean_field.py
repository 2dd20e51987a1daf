"""Mean field: theory against closed forms, and against the engine."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.cortex import cortex
from encephagen.brain.recipe import Cortex, Recipe
from encephagen.brain.spec import (
    Between,
    Brain,
    Chosen,
    Poisson,
    Population,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.brain.spread import Normal
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.session import Session
from encephagen.models import ALIF, LIF
from encephagen.models.lif import Membrane
from encephagen.models.receptors import AMPA, Transmitter
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.working_point.balance import balance
from encephagen.working_point.inputs import in_degrees
from encephagen.working_point.mean_field import EDGE, MOST_FEEDBACK, MeanField
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.whole import bare_brain, default_recipe, whole_brain

FAST = Transmitter((AMPA(5.0),))
ASYNCHRONOUS = Recipe(
    Cortex(
        nmda_fraction=0.1,
        weight_ee_pA=28.0,
        weight_ei_pA=21.0,
        weight_ie_pA=250.0,
        weight_ii_pA=117.0,
        long_weight_pA=13.0,
        feedforward_inhibition=1.1,
        strength_exponent=0.65,
        background_rate_Hz=368.0,
        background_weight_pA=198.0,
    ),
    name="asynchronous, rates of regions from 0.8 to 8 Hz",
)


@pytest.fixture(scope="module")
def field():
    return MeanField.of(whole_brain(hcp_aal2(), ASYNCHRONOUS))


class Other(Membrane):
    """A neuron of somebody else's."""

    def constants(self, dt_ms):
        raise NotImplementedError

    def initial(self, rng, n):
        raise NotImplementedError


def test_a_neuron_that_theory_does_not_know_is_refused(field):
    def of(**change):
        populations = tuple(dataclasses.replace(p, **change) for p in field.brain.populations)
        return MeanField.of(dataclasses.replace(field.brain, populations=populations))

    with pytest.raises(ValueError, match=r"no rate of Other .population 'E'.*brain of LIF or ALIF"):
        of(neuron=Other())
    with pytest.raises(ValueError, match=r"no spread of V_th_mV by Normal.sd=1.0. .population"):
        of(spread=(("V_th_mV", Normal(1.0)),))


def test_in_degrees_are_those_of_the_network(field):
    network = build(field.brain)
    edges = network.edges()
    k = len(network.populations)
    unit = network.neuron_region * k + network.neuron_population
    counted = np.zeros((field.size.size,) * 2)
    np.add.at(counted, (unit[edges["target"]], unit[edges["source"]]), 1)
    expected = np.zeros_like(counted)
    names = list(network.populations)
    for p in field.brain.projections:
        rows = np.arange(80) * k + names.index(p.target)
        columns = np.arange(80) * k + names.index(p.source)
        expected[np.ix_(rows, columns)] += in_degrees(field.brain, p)
    expected *= field.size[:, None]
    z = (counted - expected) / np.sqrt(np.maximum(expected, 1.0))
    assert np.abs(z).max() < 6.0
    assert counted.sum() == pytest.approx(expected.sum(), rel=0.005)


def test_rates_of_regions_are_those_of_the_engine(field):
    session = Session(build(field.brain), threads=1)
    session.advance(3000)
    recording = session.record(3000.0, probe=Probe(spikes=False))
    count = recording.data["count"].values.sum(axis=0)
    measured_Hz = (count / session.network.region_size / 3.0).ravel()
    predicted_Hz = field.fixed_point()
    assert np.corrcoef(predicted_Hz, measured_Hz)[0, 1] > 0.98
    assert predicted_Hz.mean() == pytest.approx(measured_Hz.mean(), rel=0.15)


def held(brain, **target_Hz):
    """Return the mean field of a brain whose populations have targets."""
    populations = [
        dataclasses.replace(p, target_Hz=target_Hz.get(p.name)) for p in brain.populations
    ]
    return MeanField.of(dataclasses.replace(brain, populations=tuple(populations)))


def test_a_balanced_background_makes_regions_fire_alike(field):
    balanced, rate_Hz = held(field.brain, E=3.0).balanced()
    exc, inh = field.units("E"), field.units("I")
    assert balanced.respond(rate_Hz) == pytest.approx(rate_Hz, rel=1e-5)
    assert (rate_Hz[exc] == 3.0).all()
    assert np.ptp(balanced.background_Hz[exc]) > 0
    assert (balanced.background_Hz[inh] == field.background_Hz[inh]).all()


def test_any_population_can_be_held(field):
    balanced, rate_Hz = held(field.brain, E=3.0, I=6.0).balanced()
    assert (rate_Hz[field.units("I")] == 6.0).all()
    assert balanced.residual_Hz(rate_Hz) < 1e-5


def test_a_rate_that_no_background_gives_is_named(field):
    with pytest.raises(NoWorkingPoint, match=r"no background for E in 80 .* its target is 600 Hz"):
        held(field.brain, E=600.0).balanced()  # the refractory period allows 500 Hz
    with pytest.raises(NoWorkingPoint, match="no population has a target rate"):
        held(field.brain).balanced()


def test_populations_that_live_in_some_regions_are_units_there_alone(connectome_of):
    """Relay cells in two of four regions: rates and in-degrees are those of the network."""
    cortical = cortex(connectome_of(), Recipe(), ["A", "B"])
    background = dataclasses.replace(cortical.populations[0].background, rate_Hz=2500.0)
    glutamate = cortical.projections[0].transmitter
    relay = Population(
        "relay", 50, LIF(), background, excites=True, where=("C", "D"), target_Hz=4.0
    )
    fibres = Projection(
        "relay",
        "E",
        Between(20.0, connectome_of().weights),
        Weight(20.0),
        Uniform(1.0, 2.0),
        glutamate,
    )
    back = dataclasses.replace(fibres, source="E", target="relay")
    brain = cortical + Brain(cortical.connectome, (relay,), ())
    brain = dataclasses.replace(brain, projections=(*brain.projections, fibres, back))
    field = MeanField.of(brain)
    assert field.size.tolist() == [160, 40, 160, 40, 50, 50]
    assert field.units("relay").tolist() == [4, 5] and field.units("I").tolist() == [1, 3]
    assert field.excitatory.tolist() == [
        [1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]
    ]  # fmt: skip
    network = build(brain)
    edges = network.edges()
    unit = field.blocks.at[network.neuron_region, network.neuron_population]
    counted = np.zeros((6, 6))
    np.add.at(counted, (unit[edges["target"]], unit[edges["source"]]), 1)
    assert np.array_equal(counted > 0, field.cumulants[0] != 0)
    balanced, rate_Hz = field.balanced()
    assert rate_Hz[field.units("relay")].tolist() == [4.0, 4.0]
    point = balance(brain)
    assert [h.population for h in point.held] == ["relay"]
    assert dict(point.held[0].background_Hz).keys() == {"C", "D"}
    assert MeanField.of(point.applied(brain)).residual_Hz(rate_Hz) < 1e-4
    assert balanced.response(rate_Hz, 2)[2] == 1.0
    assert np.isfinite(balanced.correlation(rate_Hz)).all()


def test_the_residual_says_whether_rates_have_settled(field):
    assert field.residual_Hz(field.fixed_point()) < 1e-4
    assert field.residual_Hz(field.fixed_point(steps=3)) > 0.1


def test_feedback_is_the_derivative_of_the_response(field):
    rate_Hz = field.fixed_point()
    push = np.random.default_rng(0).normal(size=rate_Hz.size) * 1e-4
    moved = (field.respond(rate_Hz + push) - field.respond(rate_Hz - push)) / 2
    # but for what noise is worth against the mean input, which is held
    assert field.feedback(rate_Hz) @ push == pytest.approx(moved, rel=3e-2, abs=1e-7)


def test_weakened_it_is_the_same_at_given_rates_and_feels_a_part_of_others(field):
    rate_Hz = np.linspace(2.0, 5.0, len(field.size))
    weak = field.weakened(rate_Hz, 0.7)
    assert weak.respond(rate_Hz) == pytest.approx(field.respond(rate_Hz))
    assert weak.respond(rate_Hz + 1) == pytest.approx(field.respond(rate_Hz + 0.7))
    assert weak.feedback(rate_Hz) == pytest.approx(0.7 * field.feedback(rate_Hz))


@pytest.mark.parametrize("recipe", [{}, {"long_weight_pA": 10.0}])
def test_spikes_show_no_more_feedback_than_was_measured(recipe):
    bare = bare_brain(hcp_aal2(), default_recipe().replace(**recipe))
    field, rate_Hz = MeanField.of(bare).balanced()
    part = field.in_spikes(rate_Hz).part
    eigenvalue = field.in_spikes(rate_Hz).leading_eigenvalue(rate_Hz)
    assert part == pytest.approx(MOST_FEEDBACK) or eigenvalue == pytest.approx(EDGE)
    assert part <= MOST_FEEDBACK + 1e-9 and eigenvalue <= EDGE + 1e-9
    assert eigenvalue == pytest.approx(part * field.leading_eigenvalue(rate_Hz))


def test_without_projections_nothing_is_correlated(field):
    alone = MeanField.of(dataclasses.replace(field.brain, projections=()))
    rate_Hz = alone.fixed_point()
    assert alone.leading_eigenvalue(rate_Hz) == pytest.approx(0.0)
    assert alone.correlation(rate_Hz) == pytest.approx(np.eye(80))


# ---- neurons that differ, and adapt -------------------------------------------------------------


def alone(connectome, neuron, rate_Hz, weight_pA=1.0, **options):
    """400 unconnected neurons in each of four regions, under almost Gaussian noise."""
    background = Poisson(rate_Hz, weight_pA, Transmitter((AMPA(5.0),)))
    cells = Population("E", 400, neuron, background, excites=True, **options)
    return Brain(connectome, (cells,), ())


def counted_Hz(brain, seconds=8.0):
    """The rate (neuron,) in spikes."""
    session = Session(build(brain), threads=1)
    session.advance(10_000)
    session.counts[:] = 0
    session.advance(round(seconds * 1e4))
    return session.counts / seconds


def test_rates_of_neurons_that_differ_are_spread_as_theory_says(connectome_of):
    spread = (("E_L_mV", Normal(1.8)),)
    brain = alone(connectome_of(), LIF(), 4400.0, 20.0, spread=spread)
    theory = MeanField.of(brain)
    found_Hz = counted_Hz(brain, 20.0)
    parts = (0.1, 0.5, 0.9)
    assert found_Hz.mean() == pytest.approx(theory.respond(np.zeros(4))[0], rel=0.08)
    quantiles_Hz = theory.quantiles_Hz(np.zeros(4), parts)[0]
    assert np.quantile(found_Hz, parts) == pytest.approx(quantiles_Hz, rel=0.12, abs=0.1)
    same_Hz = MeanField.of(alone(connectome_of(), LIF(), 4400.0, 20.0)).respond(np.zeros(4))[0]
    assert found_Hz.mean() > 1.1 * same_Hz  # the rate is convex in the input


def test_adaptation_lowers_the_rate_as_theory_says(connectome_of):
    brain = alone(connectome_of(), ALIF(adaptation_mV=0.7), 5000.0, 20.0)
    theory_Hz = MeanField.of(brain).fixed_point()[0]
    assert counted_Hz(brain).mean() == pytest.approx(theory_Hz, rel=0.1)
    free_Hz = MeanField.of(alone(connectome_of(), LIF(), 5000.0, 20.0)).fixed_point()[0]
    assert theory_Hz < 0.85 * free_Hz


def test_in_degrees_that_differ_spread_the_input(connectome_of):
    """By probability: variance K (1 - p) u^2 r^2, and none where sources are chosen."""
    cells = alone(connectome_of(), LIF(), 7000.0, 20.0)

    def spread_mV(rule):
        projection = Projection("E", "E", rule, Weight(30.0), Uniform(1.0, 1.0), FAST)
        brain = dataclasses.replace(cells, projections=(projection,))
        return MeanField.of(brain).spread_mV(np.full(4, 5.0))

    unit_mV = 30.0 * 0.04 * 0.005
    least_mV = unit_mV * 5.0 * np.sqrt(399 * 0.1 * 0.9)
    assert spread_mV(Within(0.1)) == pytest.approx(np.full(4, least_mV), rel=0.05)
    assert (spread_mV(Chosen(40)) < 0.3 * least_mV).all()
