"""The spinal pattern generator: its inputs, its measurements and its seeds."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encephagen.bodies import spinal
from encephagen.units import table


def wave(frequency_Hz, phase, dt_ms=5.0, duration_ms=10_000.0, amplitude=1.0):
    """Four sine torques: the left at phase 0, the right ``phase`` cycles later."""
    t_s = np.arange(0.0, duration_ms, dt_ms) / 1000.0
    lags = np.array([0.0, phase, 0.1, phase + 0.1])
    return amplitude * np.sin(2 * np.pi * (frequency_Hz * t_s[:, None] - lags))


@given(
    frequency_Hz=st.floats(0.5, 5.0),
    phase=st.floats(0.05, 0.95),
    amplitude=st.floats(1e-3, 1e3),
)
@settings(deadline=None, max_examples=50)
def test_gait_measures_a_known_wave(frequency_Hz, phase, amplitude):
    found = spinal.gait(wave(frequency_Hz, phase, amplitude=amplitude), 5.0)
    assert found.frequency_Hz == pytest.approx(frequency_Hz, rel=1e-3)
    assert found.left_right_phase == pytest.approx(phase, abs=1e-2)
    assert found.amplitude == pytest.approx(amplitude, rel=1e-2)
    assert found.rhythmic
    if abs(phase - 0.5) < 0.08:
        assert found.alternating
    if abs(phase - 0.5) > 0.12:
        assert not found.alternating


def test_noise_about_zero_adds_no_cycles():
    rng = np.random.default_rng(1)
    torques = wave(1.0, 0.5) + rng.normal(0.0, 0.02, (2000, 4))
    found = spinal.gait(torques, 5.0)
    assert found.frequency_Hz == pytest.approx(1.0, rel=0.01)
    assert found.alternating


@pytest.mark.parametrize(
    "torques",
    [
        np.zeros((1000, 4)),
        np.full((1000, 4), 0.3),
        0.3 + 0.2 * wave(1.0, 0.5),  # oscillates, but never crosses zero: nothing alternates
        wave(1.0, 0.5, duration_ms=3000.0),  # two complete cycles
        np.random.default_rng(0).normal(size=(2000, 4)),  # noise crosses zero, without a rhythm
        np.empty((0, 4)),
        np.ones((1, 4)),
    ],
    ids=["zero", "constant", "offset", "too short", "noise", "empty", "one sample"],
)
def test_no_rhythm_is_said(torques):
    found = spinal.gait(torques, 5.0)
    assert not found.rhythmic
    assert not found.alternating
    assert np.isnan(found.frequency_Hz)
    assert np.isnan(found.left_right_phase)
    assert "no rhythm" in str(found)


def test_one_cycling_leg_has_a_frequency_but_no_phase():
    torques = wave(1.0, 0.5)
    torques[:, 0] = 0.0
    found = spinal.gait(torques, 5.0)
    assert found.frequency_Hz == pytest.approx(1.0, rel=1e-3)
    assert np.isnan(found.left_right_phase)
    assert not found.alternating


def test_legs_at_different_frequencies_do_not_alternate():
    torques = wave(1.0, 0.5)
    torques[:, 1] = wave(1.37, 0.5)[:, 1]
    assert not spinal.gait(torques, 5.0).alternating


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"inhibition_pair": 4.0}, "latches"),  # the predecessor's: 4.0 against 1 + 2.5
        ({"inhibition_hips": 1.5}, "latches"),
        ({"inhibition_knee": 1.5}, "latches"),
        ({"inhibition_pair": 1.0}, "come to rest"),
        ({"tau_r_ms": 0.0}, "tau_r_ms"),
        ({"tau_a_ms": float("nan")}, "tau_a_ms"),
        ({"beta": -1.0}, "beta"),
        ({"speeding": 1.0}, "speeding"),
        ({"max_step_ms": 20.0}, "max_step_ms"),
    ],
)
def test_parameters_that_could_not_walk_are_refused(changes, says):
    with pytest.raises(ValueError, match=says) as error:
        spinal.SpinalParams(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("drive", [-0.1, np.nan, np.inf, (1.0, -1.0), (1.0, 1.0, 1.0), [[1.0]]])
def test_bad_drive_is_refused_and_changes_nothing(drive):
    state = spinal.initial()
    before = state.copy()
    with pytest.raises(ValueError, match="drive"):
        spinal.advance(state, drive, 1.0)
    assert np.array_equal(state.x, before.x)


@pytest.mark.parametrize("dt_ms", [0.0, -1.0, np.nan, np.inf])
def test_bad_time_steps_are_refused(dt_ms):
    with pytest.raises(ValueError, match="dt_ms"):
        spinal.advance(spinal.initial(), 1.0, dt_ms)
    with pytest.raises(ValueError, match="dt_ms"):
        spinal.gait(np.zeros((5, 4)), dt_ms)


@pytest.mark.parametrize("torques", [np.zeros((9, 3)), np.zeros(9), np.full((9, 4), np.nan)])
def test_bad_torques_are_refused(torques):
    with pytest.raises(ValueError, match="torques"):
        spinal.gait(torques, 1.0)


def test_a_seed_repeats_itself_and_differs_from_another():
    once, again, other = (spinal.walk(1.0, 500.0, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_constants_carry_unit_and_source_and_are_frozen():
    rows = table(spinal.SpinalParams)
    assert len(rows) == 10
    assert all(unit and source for _, _, unit, source in rows)
    with pytest.raises(FrozenInstanceError):
        spinal.SpinalParams().beta = 1.0  # type: ignore[misc]


@given(
    drive=st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)),
    dt_ms=st.floats(0.1, 100.0),
)
@settings(deadline=None, max_examples=30)
def test_torques_stay_finite_and_bounded_by_the_drive(drive, dt_ms):
    torques = spinal.walk(drive, 20 * dt_ms, dt_ms)
    params = spinal.SpinalParams()
    assert np.isfinite(torques).all()
    # y never exceeds the tonic input, the only excitation.
    assert np.abs(torques).max() <= params.tonic * max(drive) + 1e-9
