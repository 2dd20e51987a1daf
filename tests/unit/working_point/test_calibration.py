"""Calibration: spikes reach the target rate where theory alone does not, and it can be redone."""

import numpy as np
import pytest

from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.working_point import calibration
from encephagen.working_point.calibration import calibrate

CONNECTOME = subset(hcp_aal2(), list(hcp_aal2().names[:12]))
RECIPE = Recipe(
    name="strong",
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
)


def test_spikes_come_nearer_to_the_target_and_the_same_seed_finds_the_same():
    seen = []
    found = calibrate(CONNECTOME, RECIPE, seconds=2.0, progress=lambda *a: seen.append(a))
    error = np.abs(np.log(found.rate_Hz / 3.5)).mean(axis=1)
    assert found.rate_Hz.shape == (calibration.ROUNDS, 12)
    assert error[-3:].mean() < 0.12 < error[0]
    assert seen[0] == (0, calibration.ROUNDS) and seen[-1] == (calibration.ROUNDS,) * 2
    assert found.recipe.replace(name="", background_factor={}) == RECIPE.replace(name="")
    assert [name for name, _ in found.recipe.background_factor] == sorted(CONNECTOME.names)
    again = calibrate(CONNECTOME, RECIPE, seconds=2.0)
    assert again.recipe == found.recipe


def test_what_was_found_holds_for_other_wirings():
    found = calibrate(CONNECTOME, RECIPE, seconds=2.0).recipe
    fresh = calibrate(CONNECTOME, found, rounds=2, seconds=2.0, seed=100)
    assert np.abs(np.log(fresh.rate_Hz[0] / 3.5)).mean() < 0.12


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (RECIPE.replace(rate_exc_Hz=0.0), {}, "nothing to calibrate to"),
        (RECIPE, {"rounds": 0}, "rounds = 0"),
        (RECIPE, {"seconds": 0.0}, "above 0"),
    ],
)
def test_what_cannot_be_calibrated_says_so(recipe, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(CONNECTOME, recipe, **options)
