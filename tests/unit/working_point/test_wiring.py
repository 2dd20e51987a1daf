"""One wiring: theory of every neuron, and a working point that is moved from wiring to wiring."""

import dataclasses

import numpy as np
import pytest

from encephagen.analysis.summary import summary
from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.working_point.balance import point
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import CALIBRATED, WorkingPoint
from encephagen.working_point.whole import bare_brain, default_recipe, whole_brain
from encephagen.working_point.wiring import on_wiring, theory

RECIPE = dataclasses.replace(
    default_recipe().replace(
        nmda_fraction=0.0,
        weight_ee_pA=25.6,
        long_weight_pA=20.0,
        E_L_spread_exc_mV=1.7,
        E_L_spread_inh_mV=1.6,
        local_in_degree_exc=16,
        local_in_degree_inh=4,
    ),
    base=None,
)
BARE = bare_brain(hcp_aal2(), RECIPE)


@pytest.fixture(scope="module")
def network():
    return build(BARE, seed=3)


@pytest.fixture(scope="module")
def found(network):
    return theory(network)


def test_every_region_is_at_its_target_in_theory(network, found):
    blocks, field = network.blocks, MeanField.of(BARE)
    rate_Hz = np.add.reduceat(found.rate_Hz, blocks.first[:-1]) / blocks.size
    held = np.isfinite(field.target_Hz)
    assert rate_Hz[held] == pytest.approx(field.target_Hz[held], rel=1e-3)
    assert found.background_Hz[~held] == pytest.approx(field.background_Hz[~held])
    averaged_Hz = field.balanced()[0].background_Hz
    assert found.background_Hz == pytest.approx(averaged_Hz, rel=0.05)
    assert found.background_Hz[held].std() > 0


def test_theory_knows_each_neuron_of_a_wiring(network, found):
    """In spikes neurons fire as theory of their own synapses says, unlike each other by as much."""
    brain = point(BARE, found.background_Hz, CALIBRATED, "").applied(BARE)
    session = Session(build(brain, seed=3), noise_seed=4, threads=1)
    session.advance(5000)
    recording = session.record(10_000.0, probe=Probe())
    spikes_Hz = np.bincount(recording.spike_neurons, minlength=network.n_neurons) / 10.0
    excites = network.neuron_population == 0
    shown = np.corrcoef(spikes_Hz[excites], found.rate_Hz[excites])[0, 1]
    assert shown > 0.95
    parts = [10, 50, 90]
    assert np.percentile(spikes_Hz[excites], parts) == pytest.approx(
        np.percentile(found.rate_Hz[excites], parts), rel=0.25, abs=0.15
    )


def test_a_point_is_moved_by_what_theory_says_of_both_wirings(network, found, tmp_path):
    first = theory(build(BARE, seed=0)).background_Hz
    of_first = point(BARE, 1.02 * first, CALIBRATED, "", wiring=0, theory_Hz=first)
    of_first.save(tmp_path / "point.toml")
    assert WorkingPoint.load(tmp_path / "point.toml") == of_first
    assert WorkingPoint.from_dict(of_first.as_dict()) == of_first
    assert on_wiring(of_first, BARE, 0) is of_first
    moved = on_wiring(of_first, BARE, 3)
    field = MeanField.of(moved.applied(BARE))
    held = np.isfinite(field.target_Hz)
    assert field.background_Hz[held] == pytest.approx(1.02 * found.background_Hz[held])
    assert moved.wiring == 3 and "wiring 0" in moved.note
    brain = whole_brain(hcp_aal2(), RECIPE, of_first, wiring_seed=3)
    assert brain.digest() == moved.applied(BARE).digest()
    assert brain.working_point == "calibrated for it"
    assert whole_brain(hcp_aal2(), RECIPE, of_first).digest() == of_first.applied(BARE).digest()
    back = MeanField.of(on_wiring(moved, BARE, 0).applied(BARE))
    assert back.background_Hz[held] == pytest.approx(1.02 * first[held])


def test_a_point_for_all_wirings_is_not_moved(network):
    for_all = point(BARE, MeanField.of(BARE).balanced()[0].background_Hz, CALIBRATED, "")
    assert on_wiring(for_all, BARE, 3) is for_all


def test_a_point_of_one_wiring_says_what_theory_says_of_it():
    background_Hz = MeanField.of(BARE).balanced()[0].background_Hz
    with pytest.raises(ValueError, match="needs what theory says of every region"):
        point(BARE, background_Hz, CALIBRATED, "", wiring=0)
    values = point(BARE, background_Hz, CALIBRATED, "").as_dict()
    with pytest.raises(ValueError, match="expected the seed of a wiring"):
        WorkingPoint.from_dict({**values, "wiring": "first"})


def test_the_resting_cortex_is_at_its_targets_on_any_wiring():
    recipe = Recipe.load("resting_cortex")
    assert whole_brain(hcp_aal2(), recipe).working_point == "calibrated for it"
    network = build(whole_brain(hcp_aal2(), recipe, wiring_seed=5), seed=5)
    session = Session(network, noise_seed=6, threads=1)
    session.advance(20_000)
    figures = summary(session.record(8000.0))
    assert figures["rate_exc_Hz"] == pytest.approx(2.5, rel=0.12)
    assert 2.0 < figures["rate_inh_over_exc"] < 4.0 and not figures["alarms"]
    assert figures["rate_region_max_Hz"] < 1.35 * 2.5 and figures["rate_region_min_Hz"] > 0.75 * 2.5
    assert 0.1 < figures["rate_neuron_p10_Hz"] < 0.6 and 5.0 < figures["rate_neuron_p90_Hz"] < 7.0


def test_strong_adaptation_settles():
    """Each Hz raises the threshold by 1.4 mV: from round to round, rates would swing wider."""
    recipe = dataclasses.replace(
        RECIPE.replace(adaptation_mV=7.0, neurons_per_region=60), base=None
    )
    brain = bare_brain(hcp_aal2(), recipe)
    network, field = build(brain, seed=1), MeanField.of(brain)
    found, blocks = theory(network), network.blocks
    rate_Hz = np.add.reduceat(found.rate_Hz, blocks.first[:-1]) / blocks.size
    held = np.isfinite(field.target_Hz)
    assert rate_Hz[held] == pytest.approx(field.target_Hz[held], rel=1e-3)
