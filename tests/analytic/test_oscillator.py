"""The spinal oscillator against what Matsuoka 1985 (doi 10.1007/BF00449593) proves."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from encephagen.bodies import spinal

DT_MS = 5.0
SETTLED = 1000  # rows: five seconds


def unchecked(**changes):
    """Parameters that `SpinalParams` would refuse: tests must stand outside the condition."""
    params = spinal.SpinalParams()
    for name, value in changes.items():
        assert hasattr(params, name)
        object.__setattr__(params, name, value)
    return params


def settled_gait(params=None, drive=1.0, seed=0, duration_ms=20_000.0):
    torques = spinal.walk(drive, duration_ms, DT_MS, seed=seed, params=params)[SETTLED:]
    return spinal.gait(torques, DT_MS)


@pytest.mark.parametrize("seed", range(10))
def test_left_and_right_alternate_from_any_start(seed):
    found = settled_gait(seed=seed)
    assert found.left_right_phase == pytest.approx(0.5, abs=0.05)
    assert found.alternating
    # One stride a second: 2.0 Hz steps, SD 0.13 (MacDougall & Moore 2005).
    assert found.frequency_Hz == pytest.approx(1.0, abs=0.065)


@pytest.mark.parametrize("side", [0, 1])
def test_a_knee_follows_its_hip(side):
    torques = spinal.walk(1.0, 20_000.0, DT_MS)[SETTLED:]
    hip, knee = (spinal.upward_crossings_ms(torques[:, side + k], DT_MS) for k in (0, 2))
    lag, steadiness = spinal.phase_of(knee, hip)
    assert 0.05 < lag < 0.25
    assert steadiness > 0.99


@pytest.mark.parametrize("pair", [1.2, 1.5, 2.0, 2.4])
def test_oscillates_inside_the_condition(pair):
    assert settled_gait(spinal.SpinalParams(inhibition_pair=pair)).alternating


@pytest.mark.parametrize("seed", range(5))
def test_latches_above_it(seed):
    # The predecessor's: w = 4.0 over 1 + beta = 3.5; its "0.98 Hz" was a spectrum's first bin.
    params = unchecked(inhibition_pair=4.0, beta=2.5)
    torques = spinal.walk(1.0, 20_000.0, DT_MS, seed=seed, params=params)[SETTLED:]
    assert np.ptp(torques[-200:], axis=0).max() < 1e-6
    assert np.abs(torques[-1]).min() > 0.1
    assert not spinal.gait(torques, DT_MS).rhythmic


@pytest.mark.parametrize("excess", [-0.1, 0.1])
def test_one_pair_leaves_rest_exactly_above_one_plus_tau_r_over_tau_a(excess):
    """The difference mode has trace (w - 1)/tau_r - 1/tau_a: a Hopf bifurcation where it is 0."""
    reference = spinal.SpinalParams()
    w = 1.0 + reference.tau_r_ms / reference.tau_a_ms + excess
    params = unchecked(inhibition_pair=w, inhibition_hips=0.0, inhibition_knee=0.0)
    rest = params.tonic / (1.0 + w + params.beta)
    state = spinal.SpinalState(x=np.full(8, rest), v=np.full(8, rest))
    state.x[0] += 1e-6
    size = [abs(spinal.advance(state, 1.0, DT_MS, params)[0]) for _ in range(1600)]
    growth = np.log(max(size[-400:]) / max(size[:400]))
    assert np.sign(growth) == np.sign(excess)
    # The modes grow at trace/2, so by trace/2 times the 6 s between the two windows.
    trace = (w - 1.0) / params.tau_r_ms - 1.0 / params.tau_a_ms
    if excess < 0:
        assert growth == pytest.approx(trace / 2 * 6000.0, rel=0.05)


def test_zero_drive_gives_no_torque():
    torques = spinal.walk(0.0, 5000.0, DT_MS)
    assert not torques.any()
    assert not spinal.gait(torques, DT_MS).rhythmic


def test_drive_withdrawn_stops_the_legs():
    state = spinal.initial()
    for _ in range(1000):
        spinal.advance(state, 1.0, DT_MS)
    for _ in range(2000):
        torque = spinal.advance(state, 0.0, DT_MS)
    assert np.abs(torque).max() < 1e-3


def test_drive_raises_amplitude_in_proportion_and_frequency_mildly():
    weak, strong = settled_gait(drive=0.5), settled_gait(drive=1.5)
    assert strong.amplitude / weak.amplitude == pytest.approx(3.0, rel=0.01)
    speeding = spinal.SpinalParams().speeding
    ratio = (1 + speeding * 0.5) / (1 - speeding * 0.5)
    assert strong.frequency_Hz / weak.frequency_Hz == pytest.approx(ratio, rel=0.01)


def test_the_weaker_side_swings_less():
    torques = spinal.walk((1.0, 0.6), 20_000.0, DT_MS)[SETTLED:]
    assert np.ptp(torques[:, 0]) > 1.3 * np.ptp(torques[:, 1])
    assert spinal.gait(torques, DT_MS).alternating


def test_time_scales_with_the_time_constants():
    fast = settled_gait(spinal.SpinalParams(tau_r_ms=17.0, tau_a_ms=204.0))
    assert fast.frequency_Hz == pytest.approx(2 * settled_gait().frequency_Hz, rel=1e-3)


def test_uncoupled_and_with_all_active_it_is_exactly_linear():
    """While all are active the flow is a matrix exponential; Runge-Kutta must follow it."""
    params = unchecked(inhibition_hips=0.0, inhibition_knee=0.0)
    start = np.array([0.3, 0.25, 0.1, 0.12])  # x and v of flexor and extensor
    state = spinal.SpinalState(
        x=np.tile(start[:2], 4).astype(float), v=np.tile(start[2:], 4).astype(float)
    )
    w, r, a = params.inhibition_pair, params.tau_r_ms, params.tau_a_ms
    flow = np.zeros((5, 5))
    flow[:2, :2] = np.array([[-1.0, -w], [-w, -1.0]]) / r
    flow[:2, 2:4] = -params.beta / r * np.eye(2)
    flow[:2, 4] = params.tonic / r
    flow[2:4, :2], flow[2:4, 2:4] = np.eye(2) / a, -np.eye(2) / a
    spinal.advance(state, 1.0, 10.0, params)
    expected = expm(flow * 10.0) @ np.append(start, 1.0)
    assert expected[:2].min() > 0
    assert np.allclose(state.x[:2], expected[:2], atol=1e-7)
    assert np.allclose(state.v[:2], expected[2:4], atol=1e-7)


def test_fixed_steps_agree_with_an_adaptive_solver():
    params = spinal.SpinalParams()
    inhibition, slowness = spinal._wiring(params)

    def slope(_, z):
        x, v = z[:8], z[8:]
        y = np.maximum(x, 0.0)
        return np.concatenate(
            [
                (params.tonic - x - inhibition @ y - params.beta * v)
                / (params.tau_r_ms * slowness),
                (y - v) / (params.tau_a_ms * slowness),
            ]
        )

    state = spinal.initial(seed=1)
    z0 = np.concatenate([state.x, state.v])
    oracle = solve_ivp(slope, (0.0, 3000.0), z0, method="LSODA", rtol=1e-9, atol=1e-11)
    for _ in range(600):
        spinal.advance(state, 1.0, DT_MS, params)
    assert np.allclose(state.x, oracle.y[:8, -1], atol=1e-3)
