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
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.working_point.balance import balance
from encephagen.working_point.mean_field import MeanField, in_degrees, lif_rate_Hz
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.whole import whole_brain

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


def test_the_rate_without_noise_is_the_closed_form():
    """t_ref + tau_m log(mu / (mu - threshold)), for vanishing noise."""
    one = np.ones(1)
    mean_mV, tau_m_s, t_ref_s = 30.0, 0.02, 0.002
    rate_Hz = lif_rate_Hz(
        mean_mV * one, 0.05 * one, 20 * one, 0 * one, tau_m_s * one, 1e-9 * one, t_ref_s * one
    )
    assert rate_Hz[0] == pytest.approx(1 / (t_ref_s + tau_m_s * np.log(30.0 / 10.0)), rel=0.02)


def test_a_neuron_that_adapts_has_no_mean_field(field):
    populations = tuple(dataclasses.replace(p, neuron=ALIF()) for p in field.brain.populations)
    with pytest.raises(ValueError, match="no rate of ALIF .population 'E'.: give a brain of LIF"):
        MeanField.of(dataclasses.replace(field.brain, populations=populations))


def test_neurons_that_differ_have_no_mean_field(field):
    spread = (("E_L_mV", Normal(1.5)),)
    populations = tuple(dataclasses.replace(p, spread=spread) for p in field.brain.populations)
    with pytest.raises(ValueError, match="no neurons that differ .population 'E' spreads E_L_mV"):
        MeanField.of(dataclasses.replace(field.brain, populations=populations))


def test_chosen_sources_are_as_many_in_theory(connectome_of):
    brain = cortex(connectome_of(), Recipe())
    chosen = tuple(
        dataclasses.replace(p, rule=Chosen(4)) if isinstance(p.rule, Within) else p
        for p in brain.projections
    )
    degrees = [in_degrees(brain, p) for p in chosen if isinstance(p.rule, Chosen)]
    assert len(degrees) == 4 and all((d == 4 * np.eye(4)).all() for d in degrees)


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
    assert np.array_equal(counted > 0, field.mean != 0)
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
    assert field.feedback(rate_Hz) @ push == pytest.approx(moved, rel=1e-2, abs=1e-7)


def test_without_projections_nothing_is_correlated(field):
    alone = MeanField.of(dataclasses.replace(field.brain, projections=()))
    rate_Hz = alone.fixed_point()
    assert alone.leading_eigenvalue(rate_Hz) == pytest.approx(0.0)
    assert alone.correlation(rate_Hz) == pytest.approx(np.eye(80))
