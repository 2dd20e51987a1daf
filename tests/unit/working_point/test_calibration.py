"""Calibration: spikes reach the target rate where theory alone does not, and it can be redone."""

import numpy as np
import pytest

from encephagen.brain.recipe import Cortex, Recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.working_point import calibration
from encephagen.working_point.balance import balance
from encephagen.working_point.calibration import calibrate
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import NoWorkingPoint, with_background
from encephagen.working_point.whole import bare_brain, whole_brain

CONNECTOME = subset(hcp_aal2(), list(hcp_aal2().names[:12]))
RECIPE = Recipe(
    Cortex(
        weight_ee_pA=28.0,
        weight_ei_pA=14.0,
        weight_ie_pA=410.0,
        weight_ii_pA=250.0,
        long_weight_pA=42.0,
        feedforward_inhibition=1.0,
        strength_exponent=0.1,
        background_rate_Hz=860.0,
        background_weight_pA=75.0,
        rate_exc_Hz=3.5,
    ),
    name="strong",
)
BARE = bare_brain(CONNECTOME, RECIPE)


def rates_Hz(point, seed, seconds=2.0):
    """Return the rates of E over regions, in a wiring of its own."""
    session = Session(build(point.applied(BARE), seed=seed), noise_seed=seed, threads=1)
    session.advance(30_000)
    counts = session.record(1000 * seconds, probe=Probe(spikes=False)).data["count"]
    return counts.sel(population="E").sum("time_ms").values / 160 / seconds


def miss(point, seed):
    """Return the mean |log| miss of the target over regions, in a wiring of its own."""
    return np.abs(np.log(rates_Hz(point, seed) / 3.5)).mean()


def test_spikes_come_nearer_to_the_target_also_in_wirings_that_were_not_seen():
    seen = []
    found = calibrate(BARE, seconds=2.0, progress=lambda *a: seen.append(a))
    assert seen[0] == (0, calibration.ROUNDS) and seen[-1] == (calibration.ROUNDS,) * 2
    assert (found.how, found.targets) == ("calibrated", {"E": 3.5})
    assert [name for name, _ in found.held[0].background_Hz] == list(CONNECTOME.names)
    assert whole_brain(CONNECTOME, RECIPE, found).working_point == "calibrated for it"
    theory, measured = (np.mean([miss(p, s) for s in (100, 101)]) for p in (balance(BARE), found))
    assert measured < 0.12 < theory


def test_the_same_seed_finds_the_same_whatever_background_it_had():
    first = calibrate(BARE, rounds=1, seconds=1.0)
    assert calibrate(first.applied(BARE), rounds=1, seconds=1.0) == first
    assert calibrate(BARE, rounds=1, seconds=1.0, seed=1) != first


def test_one_wiring_that_is_calibrated_itself_keeps_the_target_under_other_noise(monkeypatch):
    monkeypatch.setattr(calibration, "SETTLE_S", 1.0)
    monkeypatch.setattr(calibration, "CHECK_S", 8.0)
    found = calibrate(BARE, rounds=5, seconds=2.0, seed=1000, wiring_seed=5)
    assert "wiring 5 alone, at last at 3." in found.note
    assert rates_Hz(found, 5, seconds=4.0).mean() == pytest.approx(3.5, rel=0.08)


@pytest.mark.parametrize("sharper", [1.0, 4.0, 8.0])
def test_a_brain_nearer_to_the_edge_than_theory_says_is_not_overcorrected(sharper, monkeypatch):
    """Linear, but its leading mode answers more sharply than theory says, and there is noise."""
    field, target_Hz = MeanField.of(BARE).balanced()
    held = field.units("E")
    back = calibration._open_loop(field.in_spikes(target_Hz).feedback(target_Hz), held)
    leading = calibration._leading(np.eye(12) - back)
    back = back - (1 - 1 / sharper) * leading @ back
    gain = (field.background_gain(target_Hz) * field.background_Hz)[held]
    rng, miss = np.random.default_rng(0), []

    def rates(session, _seconds, stretches=1):
        (cells,) = (p for p in session.network.brain.populations if p.excites)
        log_factor = np.log(np.array(dict(cells.by_region)["rate_Hz"]) / field.background_Hz[held])
        error = np.linalg.solve(back, gain * (log_factor - np.log(calibration.MISSES) - 0.01)) / 3.5
        rate_Hz = target_Hz.copy()
        rate_Hz[held] = 3.5 * np.exp(error + 0.07 * rng.standard_normal())
        miss.append(error.mean())
        return np.array([rate_Hz] * stretches)

    monkeypatch.setattr(calibration, "_rates", rates)
    calibrate(BARE, wiring_seed=0)
    assert miss[0] < -0.2 and abs(miss[-1]) < 0.06


def test_the_leading_mode_is_projected_out():
    both = np.outer([1.0, 2.0, 1.0], [0.2, 0.2, 0.2]), np.outer([1.0, -1.0, 0.0], [0.3, 0.0, -0.3])
    leading = calibration._leading(both[0] + both[1])
    np.testing.assert_allclose(leading @ leading, leading, atol=1e-12)
    assert np.trace(leading) == pytest.approx(1.0)
    assert np.all(leading > -1e-12)  # all regions up, or all down


@pytest.mark.parametrize(
    ("over", "kept"),
    [
        ([0.95, 1.05, 1.0, 1.0, 0.9, 1.1, 1.0, 1.0], True),
        ([0.85] * 8, False),
        ([1.15] * 8, False),
        ([0.7, 0.7, 0.7, 1.3, 1.3, 1.3, 0.7, 1.3], False),
    ],
)
def test_a_wiring_that_misses_or_changes_between_two_states_is_refused(over, kept):
    rate_Hz = np.outer(over, np.full(3, 3.5))
    if kept:
        assert calibration._checked("E", rate_Hz, np.full(3, 3.5)) == "3.50 Hz (E)"
        return
    with pytest.raises(NoWorkingPoint, match="E calibrated to 3.50 Hz fires, .* Hz over 24 s"):
        calibration._checked("E", rate_Hz, np.full(3, 3.5))


@pytest.mark.parametrize(
    ("brain", "options", "message"),
    [
        (bare_brain(CONNECTOME, RECIPE.replace(rate_exc_Hz=0.0)), {}, "has a target rate"),
        (BARE, {"rounds": 0}, "rounds = 0"),
        (BARE, {"seconds": 0.0}, "above 0"),
    ],
)
def test_what_cannot_be_calibrated_says_so(brain, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(brain, **options)


def test_a_round_that_the_engine_stops_is_no_working_point():
    wild = with_background(BARE, "E", np.full(12, 1e5))
    with pytest.raises(NoWorkingPoint, match="no working point in spikes: .*saturated"):
        calibration._rates(Session(build(wild), threads=1), 1.0)
