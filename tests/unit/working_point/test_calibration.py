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


def miss(point, seed, seconds=2.0):
    """Return the mean |log| miss of the target over regions, in a wiring of its own."""
    session = Session(build(point.applied(BARE), seed=seed), noise_seed=seed, threads=1)
    session.advance(30_000)
    counts = session.record(1000 * seconds, probe=Probe(spikes=False)).data["count"]
    rate_Hz = counts.sel(population="E").sum("time_ms").values / 160 / seconds
    return np.abs(np.log(rate_Hz / 3.5)).mean()


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
