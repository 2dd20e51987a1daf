"""Wilson-Cowan units and networks of them against closed forms and linear theory."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

from encephagen.analysis.timescales import timescale
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.regions import (
    OrnsteinUhlenbeck,
    RegionNetwork,
    Stimulus,
    White,
    simulate_regions,
)
from encephagen.models.wilson_cowan import WilsonCowan, derivatives, slopes
from encephagen.rng import stream
from encephagen.working_point.regions import fixed_point, linearised, placed

UNCOUPLED = dict(w_EE=0.0, w_EI=0.0, w_IE=0.0, w_II=0.0)
CALM = WilsonCowan(tau_E_ms=20.0, tau_I_ms=10.0, drive_E=0.3)


def chain(n=2, weight=1.0, length_mm=60.0):
    """Regions A, B, ..., each driving the next."""
    weights, lengths = np.zeros((n, n)), np.zeros((n, n))
    weights[np.arange(1, n), np.arange(n - 1)] = weight
    lengths[weights > 0] = length_mm
    regions = tuple(Region("ABCDEF"[i], "L") for i in range(n))
    return Connectome("chain", regions, weights, lengths, directed=True)


def single(model):
    one = Connectome("one", (Region("A", "L"),), np.zeros((1, 1)))
    return RegionNetwork(one, model, velocity_mm_per_ms=math.inf)


def ring(n=5):
    """A directed ring with shortcuts; delays of 1 to 4 ms at 10 mm/ms."""
    generator = stream(3, "ring")
    weights = np.roll(np.eye(n), 1, axis=0) + generator.uniform(0, 0.5, (n, n))
    np.fill_diagonal(weights, 0.0)
    regions = tuple(Region("ABCDEF"[i], "L") for i in range(n))
    return Connectome("ring", regions, weights, generator.uniform(10, 40, (n, n)) * (weights > 0))


def test_derivatives_are_those_of_the_slopes():
    c = WilsonCowan(refractory_E=0.7, theta_I=3.7, gain_I=1.1).constants()
    at, h = np.array([0.2, 0.1, 0.9, 0.4]), 1e-6
    found = derivatives(*at, c)
    for row, arguments in ((0, (0, 1, 2)), (1, (0, 1, 3))):
        for k, argument in enumerate(arguments):
            up, down = at.copy(), at.copy()
            up[argument] += h
            down[argument] -= h
            expected = (slopes(*up, c)[row] - slopes(*down, c)[row]) / (2 * h)
            assert found[3 * row + k] == pytest.approx(expected, rel=1e-6)


def test_uncoupled_populations_rest_where_the_equation_says():
    """E = S / (1 + r S), S of the drive alone."""
    model = WilsonCowan(**UNCOUPLED, drive_E=3.5, drive_I=2.0, refractory_E=0.5)
    S_E, S_I = (1 / (1 + math.exp(-1.5 * (x - 3.0))) for x in (3.5, 2.0))
    E, I = fixed_point(single(model))  # noqa: E741
    assert (E[0], I[0]) == pytest.approx((S_E / (1 + 0.5 * S_E), S_I / (1 + S_I)), rel=1e-9)


def test_a_unit_without_input_relaxes_exponentially():
    """dE/dt = (S - (1 + r S) E)/tau: the rate is (1 + r S)/tau, and Heun's error of third order."""
    model = WilsonCowan(**UNCOUPLED, drive_E=3.0)
    rate, rest = 1.5 / model.tau_E_ms, 0.5 / 1.5
    errors = []
    for dt_ms in (0.2, 0.1):
        run = simulate_regions(single(model), 10.0, dt_ms=dt_ms)
        expected = rest * (1 - np.exp(-rate * (run.time_ms.values + dt_ms)))
        errors.append(np.abs(run["E"].values[:, 0] - expected).max())
    assert errors[1] < 2e-4
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)


def test_the_integration_is_of_second_order_with_delays_too():
    """Against a run of 16 times finer steps; the delays are whole numbers of all of them."""
    connectome = ring()
    whole = replace(connectome, lengths_mm=np.rint(connectome.lengths_mm / 8) * 8)
    network = RegionNetwork(whole, WilsonCowan(drive_E=0.6), coupling=0.3, velocity_mm_per_ms=10.0)
    stimulus, steps = Stimulus("A", 1.6, 4.8, 0.4), (0.4, 0.2, 0.0125)
    runs = [simulate_regions(network, 32.0, dt_ms=dt, stimuli=[stimulus])["E"] for dt in steps]
    ends = [
        run.values[round(0.4 / dt) - 1 :: round(0.4 / dt)]
        for run, dt in zip(runs, steps, strict=True)
    ]
    coarse, fine = (np.abs(end - ends[2]).max() for end in ends[:2])
    assert fine < 0.01 * np.ptp(ends[2])
    assert coarse / fine == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize(("dt_ms", "velocity"), [(0.1, 6.0), (0.5, 6.0), (0.1, 37.0), (1.0, 60.0)])
def test_a_region_hears_of_another_after_exactly_its_delay(dt_ms, velocity):
    network = RegionNetwork(chain(3), WilsonCowan(), velocity_mm_per_ms=velocity)
    start = fixed_point(network)
    run = simulate_regions(
        network, 40.0, dt_ms=dt_ms, initial=start, stimuli=[Stimulus("A", 2.0, 40.0, 1.0)]
    )
    moved = np.abs(run["E"].values - start[0]) > 1e-15 + 1e-9 * start[0]
    first = moved.argmax(axis=0)
    delay = round(60.0 / velocity / dt_ms)
    assert first[0] == round(2.0 / dt_ms)
    assert first[1:].tolist() == [first[0] + delay, first[0] + 2 * delay]


@pytest.mark.parametrize("onto_I", [0.0, 0.5])
def test_a_small_kick_decays_with_the_leading_eigenvalue_of_the_delayed_network(onto_I):
    network = RegionNetwork(ring(), CALM, coupling=3.0, onto_I=onto_I, velocity_mm_per_ms=2.0)
    theory = linearised(network)
    start = (theory.E + 1e-4, theory.I)
    run = simulate_regions(network, 500.0, dt_ms=0.1, initial=start)
    distance = np.abs(run["E"].values - theory.E).max(axis=1)
    late = slice(3500, 5000)
    rate = np.polyfit(run.time_ms.values[late], np.log(distance[late]), 1)[0]
    assert theory.leading_per_ms.imag == 0
    assert rate == pytest.approx(theory.leading_per_ms.real, rel=2e-3)
    without = theory.eigenvalues_per_ms[0].real
    assert abs(without - theory.leading_per_ms.real) > 0.1 * abs(without)  # delays matter here


def test_a_unit_near_its_hopf_bifurcation_rings_at_the_imaginary_part():
    network = single(WilsonCowan(drive_E=0.76))
    theory = linearised(network)
    run = simulate_regions(network, 500.0, dt_ms=0.05, initial=(theory.E + 1e-4, theory.I))
    x = run["E"].values[:, 0] - theory.E[0]
    crossings = np.flatnonzero(np.diff(np.sign(x)) > 0)
    period_ms = np.diff(crossings[2:9]).mean() * 0.05
    assert 2 * math.pi / period_ms == pytest.approx(theory.leading_per_ms.imag, rel=5e-3)
    peaks = [x[a:b].max() for a, b in zip(crossings[2:8], crossings[3:9], strict=True)]
    decay = np.polyfit(np.arange(6) * period_ms, np.log(peaks), 1)[0]
    assert decay == pytest.approx(theory.leading_per_ms.real, rel=0.02)


@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
@pytest.mark.parametrize("kind", ["white", "coloured"])
def test_the_variance_of_a_noisy_unit_is_that_of_linear_theory(kind, dt_ms):
    """Lyapunov's equation of E, I and, for coloured noise, of the drive: 400 units at once."""
    n = 400
    many = Connectome(
        "many", tuple(Region(f"{i}", "L") for i in range(n)), np.zeros((n, n)), np.zeros((n, n))
    )
    network = RegionNetwork(many, CALM)
    theory = linearised(single(CALM))
    at = (np.full(n, theory.E[0]), np.full(n, theory.I[0]))
    if kind == "white":
        noise = White(1e-4, 5e-5)
        matrix, spread = theory.local, np.diag([1e-4, 5e-5])
    else:
        noise = OrnsteinUhlenbeck(0.002, tau_ms=30.0)
        matrix = np.zeros((3, 3))
        matrix[:2, :2] = theory.local
        matrix[0, 2], matrix[2, 2] = theory.by_drive[0], -1 / 30.0
        spread = np.diag([0.0, 0.0, 0.002 * math.sqrt(2 / 30.0)])
    covariance = solve_continuous_lyapunov(matrix, -spread @ spread.T)
    run = simulate_regions(network, 1500.0, noise=noise, initial=at, dt_ms=dt_ms, bin_ms=1.0)
    late = run.isel(time_ms=slice(500, None))
    # 400 units, 10 times the longest memory: the variance is known to about 2 %.
    rtol = 0.06 + (0.05 if kind == "white" and dt_ms == 1.0 else 0.0)
    assert late["E"].values.var() == pytest.approx(covariance[0, 0], rel=rtol)
    assert late["I"].values.var() == pytest.approx(covariance[1, 1], rel=rtol)
    mean = late["E"].values.mean()
    assert mean == pytest.approx(theory.E[0], rel=0.01)


def test_the_measured_timescale_is_that_of_the_unit():
    """Populations that hear only noise forget with tau/(1 + r S), here 20 and 10 ms."""
    connectome = chain(weight=1e-12)
    models = tuple(WilsonCowan(**UNCOUPLED, drive_E=3.0, tau_E_ms=tau) for tau in (30.0, 15.0))
    network = RegionNetwork(connectome, models)
    noise = White(1e-3)
    run = simulate_regions(network, 300_000.0, noise=noise, dt_ms=1.0, bin_ms=2.0)
    found = timescale(run["E"], max_lag_ms=150.0, bin_ms=2.0)
    np.testing.assert_allclose(found["tau_ms"].values, [20.0, 10.0], rtol=0.06)
    with pytest.raises(ValueError, match="bin_ms 5 is not a whole number"):
        timescale(run["E"], bin_ms=5.0)


def test_a_steady_drive_moves_the_fixed_point_by_the_gain():
    network = RegionNetwork(ring(), CALM, coupling=0.8)
    theory = linearised(network)
    models = list(network.models)
    models[2] = replace(CALM, drive_E=CALM.drive_E + 1e-5)
    moved, _ = fixed_point(replace(network, model=tuple(models)))
    np.testing.assert_allclose((moved - theory.E) / 1e-5, theory.gain()[:, 2], rtol=2e-3)


@pytest.mark.parametrize("leading_per_ms", [-0.01, -0.003])
def test_a_network_is_placed_where_it_was_asked_to_be(leading_per_ms):
    network = RegionNetwork(hcp_aal2(), CALM)
    found, theory = placed(network, mean_E=0.06, leading_per_ms=leading_per_ms)
    assert theory.leading_per_ms.real == pytest.approx(leading_per_ms, rel=1e-3)
    assert theory.E.mean() == pytest.approx(0.06, rel=1e-9)
    np.testing.assert_allclose(fixed_point(found)[0], theory.E, rtol=1e-7)
    kicked = simulate_regions(
        found, 1200.0, dt_ms=0.5, initial=(theory.E * (1 + 1e-5), theory.I), bin_ms=1.0
    )
    distance = np.abs(kicked["E"].values - theory.E).max(axis=1)
    rate = np.polyfit(np.arange(400), np.log(distance[800 // 2 : 800]), 1)[0]
    assert rate == pytest.approx(leading_per_ms, rel=0.02)
