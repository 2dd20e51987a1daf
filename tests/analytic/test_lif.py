"""The leaky integrate-and-fire neuron against closed forms: rate, refractory time, adaptation."""

import math

import numpy as np
import pytest

from encephagen.engine.cpu.engine import cpu
from encephagen.engine.session import Session
from encephagen.models import ALIF, LIF
from encephagen.models.model import constant_current_gain
from encephagen.network.build import build


def spike_steps(neuron, current_pA, dt_ms, n_steps, V_mV=0.0):
    """Steps at which one neuron, at rest unless told, spikes under a constant current."""
    constants, gain = neuron.constants(dt_ms), constant_current_gain(neuron, dt_ms)
    state = neuron.State(*[V_mV, *[0.0] * (len(neuron.State._fields) - 1)])
    steps = []
    for step in range(n_steps):
        state, spiked = neuron.advance(state, gain * current_pA, constants)
        if spiked:
            steps.append(step)
    return np.array(steps)


def period_ms(neuron, current_pA, dt_ms):
    """Interval between spikes: t_ref + tau_m ln((RI - V_reset) / (RI - V_th)), up to the grid."""
    drive_mV = neuron.R_m_MOhm * current_pA / 1000.0 + neuron.E_L_mV
    charge_ms = neuron.tau_m_ms * math.log(
        (drive_mV - neuron.V_reset_mV) / (drive_mV - neuron.V_th_mV)
    )
    return dt_ms * (round(neuron.t_ref_ms / dt_ms) + math.ceil(charge_ms / dt_ms - 1e-9))


@pytest.mark.parametrize("dt_ms", [0.05, 0.1, 0.2, 1.0])
@pytest.mark.parametrize("current_pA", [501.0, 550.0, 700.0, 2000.0])
@pytest.mark.parametrize(
    "neuron",
    [LIF(), LIF(tau_m_ms=10.0, t_ref_ms=0.0), LIF(V_reset_mV=-60.0, t_ref_ms=5.0)],
    ids=["default", "fast, not refractory", "high reset"],
)
def test_rate_under_constant_current(neuron, current_pA, dt_ms):
    intervals_ms = np.diff(spike_steps(neuron, current_pA, dt_ms, round(2000 / dt_ms))) * dt_ms
    assert len(intervals_ms) > 10
    assert np.allclose(intervals_ms, period_ms(neuron, current_pA, dt_ms), atol=1e-9)


def test_below_rheobase_there_is_no_spike():
    neuron = LIF()
    rheobase_pA = (neuron.V_th_mV - neuron.E_L_mV) / neuron.R_m_MOhm * 1000.0
    assert not len(spike_steps(neuron, rheobase_pA * (1 - 1e-9), 0.1, 20_000))
    assert len(spike_steps(neuron, rheobase_pA * 1.001, 0.1, 20_000))


def test_the_grid_does_not_change_the_membrane():
    """Exact integration: any step gives the potential that one long step gives."""
    neuron, current_pA = LIF(V_th_mV=1000.0, t_ref_ms=0.0), 400.0
    ends = []
    for dt_ms in (0.1, 0.5, 5.0, 50.0):
        constants, gain = neuron.constants(dt_ms), constant_current_gain(neuron, dt_ms)
        state = neuron.State(3.0, 0.0)
        for _ in range(round(50.0 / dt_ms)):
            state, _ = neuron.advance(state, gain * current_pA, constants)
        ends.append(state.V_mV)
    steady_mV = neuron.R_m_MOhm * current_pA / 1000.0
    exact_mV = steady_mV + (3.0 - steady_mV) * math.exp(-50.0 / neuron.tau_m_ms)
    assert np.allclose(ends, exact_mV, rtol=1e-12)


def test_the_threshold_of_an_adaptive_neuron_jumps_and_decays():
    neuron, dt_ms = ALIF(adaptation_mV=1.5, tau_adapt_ms=80.0), 0.1
    state, constants = neuron.State(0.0, 0.0, 0.0), neuron.constants(dt_ms)
    state, spiked = neuron.advance(state, 25.0, constants)
    assert spiked and state.adaptation_mV == 1.5
    for _ in range(800):
        state, spiked = neuron.advance(state, 0.0, constants)
    assert not spiked
    assert state.adaptation_mV == pytest.approx(1.5 / math.e, rel=1e-12)


def test_adaptation_slows_a_neuron_to_its_self_consistent_interval():
    """In the steady state a = jump / (1 - e^(-T / tau_a)) after a spike fixes the interval T."""
    neuron, current_pA, dt_ms = ALIF(adaptation_mV=2.0, tau_adapt_ms=150.0), 800.0, 0.01
    steps = spike_steps(neuron, current_pA, dt_ms, 150_000)
    interval_ms = np.diff(steps)[-1] * dt_ms
    a_mV = neuron.adaptation_mV / (1 - math.exp(-interval_ms / neuron.tau_adapt_ms))
    threshold_mV = neuron.V_th_mV + a_mV * math.exp(-interval_ms / neuron.tau_adapt_ms)
    drive_mV = neuron.R_m_MOhm * current_pA / 1000.0 + neuron.E_L_mV
    charge_ms = neuron.tau_m_ms * math.log(
        (drive_mV - neuron.V_reset_mV) / (drive_mV - threshold_mV)
    )
    assert interval_ms == pytest.approx(neuron.t_ref_ms + charge_ms, abs=2 * dt_ms)
    assert np.diff(steps)[0] < np.diff(steps)[-1]


def test_rates_of_a_network_under_current(brain_of):
    """The compiled engine: every neuron of an uncoupled network keeps its closed-form interval."""
    network = build(brain_of(background_Hz=0.0, local=0.0, long_range=0.0), seed=1)
    session = Session(network, engine=cpu(1, "float64"))
    session.current_pA[:] = np.linspace(450.0, 1500.0, network.n_neurons)
    recording = session.record(1000.0)
    brain = network.brain
    for neuron in range(network.n_neurons):
        population = brain.populations[network.neuron_population[neuron]]
        model, _ = population.cell(network.neuron_region[neuron])
        steps = recording.spike_steps[recording.spike_neurons == neuron]
        current_pA = float(session.current_pA[neuron])
        if current_pA <= 500.0:
            assert len(steps) <= 1  # only what the initial state had in it
            continue
        assert len(steps) > 2
        assert np.allclose(np.diff(steps) * 0.1, period_ms(model, current_pA, 0.1), atol=1e-9)
