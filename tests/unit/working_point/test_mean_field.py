"""Mean field: theory against closed forms, and against the engine."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.session import Session
from encephagen.models import ALIF
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.working_point.mean_field import MeanField, in_degrees, lif_rate_Hz
from encephagen.working_point.whole import whole_brain

ASYNCHRONOUS = Recipe(
    name="asynchronous, rates of regions from 0.8 to 8 Hz",
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
    with pytest.raises(ValueError, match="no rate of ALIF: give a brain of LIF"):
        MeanField.of(dataclasses.replace(field.brain, populations=populations))


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


def test_a_balanced_background_makes_regions_fire_alike(field):
    balanced, rate_Hz = field.balanced(3.0)
    assert balanced.respond(rate_Hz)[balanced.units("E")] == pytest.approx(3.0, rel=1e-2)
    assert np.ptp(balanced.background_Hz[balanced.units("E")]) > 0


@pytest.mark.parametrize("rate_Hz", [600.0, np.nan])  # the refractory period allows 500 Hz
def test_a_rate_that_no_background_gives_is_named(field, rate_Hz):
    with pytest.raises(ValueError, match=f"all E fire at {rate_Hz:g} Hz: after 20 steps .* Hz off"):
        field.balanced(rate_Hz, steps=20)


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
