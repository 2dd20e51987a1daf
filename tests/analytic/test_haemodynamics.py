"""The Balloon-Windkessel model against closed forms, and against an adaptive integrator."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from encephagen.analysis.haemodynamics import (
    Classical,
    Haemodynamics,
    Revised,
    respond,
    transfer,
)

MODEL = Haemodynamics()
BIN_S = 0.02


def output(model, v, q):
    """The BOLD signal of a volume and a content of deoxyhaemoglobin."""
    k1, k2, k3 = model.signal.weights(model.rho)
    return model.V0 * (k1 * (1 - q) + k2 * (1 - q / v) + k3 * (1 - v))


def steady_state(model, drive):
    """Where all four derivatives vanish: f = 1 + z/gamma, v = f^alpha, q = v E(f)/rho."""
    f = 1.0 + drive / model.gamma_Hz2
    v = f**model.alpha
    return output(model, v, v * (1.0 - (1.0 - model.rho) ** (1.0 / f)) / model.rho)


@pytest.mark.parametrize("signal", [Classical(), Revised()], ids=["classical", "revised"])
def test_a_constant_drive_ends_in_the_steady_state(signal):
    model = Haemodynamics(signal=signal)
    drives = np.array([-0.2, -0.05, 0.0, 0.1, 0.4])
    bold, lowest = respond(np.tile(drives, (5000, 1)), BIN_S, 1.0, model=model, transient_s=90.0)
    np.testing.assert_allclose(bold[-1], steady_state(model, drives), rtol=1e-6, atol=1e-12)
    assert lowest[0] < 1.0 - 0.2 / model.gamma_Hz2  # it undershoots first
    assert (lowest[2:] > 0.99).all()


def test_the_transfer_function_starts_at_the_slope_of_the_steady_state():
    slope = (steady_state(MODEL, 1e-5) - steady_state(MODEL, -1e-5)) / 2e-5
    assert transfer(0.0) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("frequency_Hz", [0.01, 0.05, 0.1, 0.3])
def test_a_small_sine_passes_the_linear_filter(frequency_Hz):
    duration_s = 60.0 + 4 / frequency_Hz
    middle = (np.arange(round(duration_s / BIN_S)) + 0.5) * BIN_S
    drive = 1e-4 * np.sin(2 * np.pi * frequency_Hz * middle)
    bold, _ = respond(drive[:, None], BIN_S, 0.1, transient_s=60.0)
    time_s = 60.0 + 0.1 * np.arange(len(bold))
    phase = np.exp(2j * np.pi * frequency_Hz * time_s)
    expected = 1e-4 * (transfer(frequency_Hz) * phase).imag
    np.testing.assert_allclose(bold[:, 0], expected, atol=3e-3 * np.abs(expected).max())


def test_it_agrees_with_an_adaptive_integrator_where_it_is_not_linear():
    rng = np.random.default_rng(0)
    drive = np.repeat(rng.normal(0.05, 0.25, 60), round(1.0 / BIN_S))  # a new value every second
    bold, lowest = respond(drive[:, None], BIN_S, 0.72, transient_s=0.0)
    assert lowest[0] < 0.7

    def slopes(t, x):
        s, f, v, q = x
        z = drive[min(int(t / BIN_S + 1e-9), drive.size - 1)]
        outflow = v ** (1 / MODEL.alpha)
        extraction = 1 - (1 - MODEL.rho) ** (1 / f)
        return (
            z - MODEL.kappa_Hz * s - MODEL.gamma_Hz2 * (f - 1),
            s,
            (f - outflow) / MODEL.tau_s,
            (f * extraction / MODEL.rho - outflow * q / v) / MODEL.tau_s,
        )

    at = 0.72 * np.arange(len(bold))
    found = solve_ivp(slopes, (0, 60), (0, 1, 1, 1), t_eval=at, max_step=0.05, rtol=1e-8, atol=1e-9)
    expected = output(MODEL, found.y[2], found.y[3])
    assert np.abs(bold[:, 0] - expected).max() < 5e-4 * np.ptp(expected)
