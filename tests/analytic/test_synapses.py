"""Post-synaptic potentials against the closed form of an exponential current on a membrane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encephagen.engine.cpu.engine import cpu
from encephagen.engine.session import Session
from encephagen.models import AMPA, GABA_A, LIF, NMDA
from encephagen.models.receptors import Exponential, Transmitter, propagator
from encephagen.network.build import build

SILENT = {"t_ref_ms": 0.0, "V_th_mV": 1e6}  # a membrane that never spikes


def psp_mV(t_ms, weight_pA, tau_syn_ms, tau_m_ms, R_m_MOhm):
    """Potential at ``t_ms`` after a current jumped by ``weight_pA`` on a membrane at rest."""
    t_ms = np.maximum(t_ms, 0.0)
    if tau_syn_ms == tau_m_ms:
        return R_m_MOhm / 1000 * weight_pA * t_ms / tau_m_ms * np.exp(-t_ms / tau_m_ms)
    factor = tau_syn_ms / (tau_m_ms - tau_syn_ms)
    shape = np.exp(-t_ms / tau_m_ms) - np.exp(-t_ms / tau_syn_ms)
    return R_m_MOhm / 1000 * weight_pA * factor * shape


def response_mV(neuron, receptor, weight_pA, dt_ms, n_steps):
    """Potential at the ends of steps, after the current jumped at the end of the first."""
    constants, cell = receptor.constants(neuron, dt_ms), neuron.constants(dt_ms)
    state, current_pA, trace_mV = neuron.State(0.0, 0.0), 0.0, []
    for step in range(n_steps):
        jump_pA = weight_pA if step == 0 else 0.0
        current_pA, drive_mV = receptor.advance(current_pA, jump_pA, constants)
        state, _ = neuron.advance(state, drive_mV, cell)
        trace_mV.append(state.V_mV)
    return np.array(trace_mV)


@pytest.mark.parametrize("dt_ms", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("receptor", [AMPA(), NMDA(), GABA_A(), Exponential(20.0)], ids=repr)
def test_shape(receptor, dt_ms):
    neuron = LIF(**SILENT)
    t_ms = np.arange(200) * dt_ms
    exact_mV = receptor.sign * psp_mV(t_ms, 80.0, receptor.tau_syn_ms, 20.0, neuron.R_m_MOhm)
    assert np.allclose(response_mV(neuron, receptor, 80.0, dt_ms, 200), exact_mV, atol=1e-12)


@given(
    tau_m_ms=st.floats(1.0, 50.0),
    nearness=st.floats(-1e-3, 1e-3),
    dt_ms=st.floats(0.01, 2.0),
)
def test_equal_time_constants_are_a_smooth_limit(tau_m_ms, nearness, dt_ms):
    """Where tau_syn meets tau_m the textbook form divides zero by zero; ours must not notice."""
    neuron = LIF(tau_m_ms=tau_m_ms)
    limit = neuron.R_m_MOhm / 1000 * dt_ms / tau_m_ms * np.exp(-dt_ms / tau_m_ms)
    assert propagator(neuron, tau_m_ms, dt_ms) == pytest.approx(limit, rel=1e-14)
    near = propagator(neuron, tau_m_ms * (1 + nearness), dt_ms)
    assert near == pytest.approx(limit, rel=abs(nearness) * dt_ms / tau_m_ms + 1e-12)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])
def test_fractions_of_a_transmitter_keep_its_charge(fraction):
    """The integral of the potential is R w tau_0, however the charge is divided."""
    fast, slow = AMPA(), NMDA()
    transmitter = Transmitter((fast, slow), (1 - fraction, fraction))
    neuron, dt_ms = LIF(**SILENT), 0.1
    total = sum(
        response_mV(neuron, r, 50.0 * transmitter.jump(r), dt_ms, 20_000).sum() * dt_ms
        for r in (fast, slow)
    )
    assert total == pytest.approx(neuron.R_m_MOhm / 1000 * 50.0 * fast.tau_syn_ms, rel=1e-3)


def test_one_spike_in_a_network(brain_of):
    """The compiled engine: potentials of all targets of one spike, each at its own delay."""
    brain = brain_of(background_Hz=0.0)
    network = build(brain, seed=2)
    edges = network.edges()
    source = int(edges["source"][np.argmax(edges["delay_ms"])])

    def run(pulse_pA):
        session = Session(network, engine=cpu(1, "float64"))
        session.advance(1500)  # initial potentials decay
        session.current_pA[source] = pulse_pA
        session.advance(1)
        assert session.counts.sum() == (pulse_pA > 0)
        session.current_pA[source] = 0.0
        traces_mV, spikes = [], 0
        for _ in range(600):
            session.advance(1)
            spikes += session.counts.sum()
            traces_mV.append(session.snapshot().arrays["values"][session.run.V_at])
        assert spikes == 0
        return np.array(traces_mV)

    difference_mV = run(1e6) - run(0.0)
    t_ms = (1 + np.arange(600)) * network.dt_ms  # since the spike, at the end of its step
    expected_mV = np.zeros_like(difference_mV)
    tau_syn_ms = np.array([c.receptors[0].tau_syn_ms for c in network.channels])
    hit = np.flatnonzero(edges["source"] == source)
    assert len(np.unique(edges["delay_ms"][hit])) > 5
    for k in hit:
        target = edges["target"][k]
        population = brain.populations[network.neuron_population[target]]
        neuron, _ = population.cell(network.neuron_region[target])
        expected_mV[:, target] += psp_mV(
            t_ms - edges["delay_ms"][k],
            edges["weight_pA"][k],
            tau_syn_ms[edges["channel"][k]],
            neuron.tau_m_ms,
            neuron.R_m_MOhm,
        )
    others = np.arange(network.n_neurons) != source
    assert (np.abs(expected_mV).max(axis=0) > 0.05).sum() >= 5
    assert np.allclose(difference_mV[:, others], expected_mV[:, others], atol=1e-9)


@given(tau_m_ms=st.floats(1e-6, 1e9), tau_syn_ms=st.floats(1e-6, 1e9), dt_ms=st.floats(1e-3, 10.0))
def test_propagators_are_finite_and_bounded_for_any_time_constants(tau_m_ms, tau_syn_ms, dt_ms):
    """Less than a step of the current, undiminished, would add; never negative, never infinite."""
    neuron = LIF(tau_m_ms=tau_m_ms)
    gain = propagator(neuron, tau_syn_ms, dt_ms)
    steady_mV = neuron.R_m_MOhm / 1000
    assert 0 <= gain <= steady_mV * min(1.0, dt_ms / tau_m_ms) * (1 + 1e-9)
