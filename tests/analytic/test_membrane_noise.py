"""A free membrane under Poisson input against Campbell's theorem."""

import numpy as np

from encephagen.engine.session import Session
from encephagen.models import LIF
from encephagen.network.build import build
from encephagen.recording.probe import Probe

EVERY_MS = 150.0  # five membrane time constants and more: samples are nearly independent
DURATION_MS = 30_000.0


def campbell(rate_Hz, weight_pA, tau_syn_ms, tau_m_ms, R_m_MOhm):
    """Mean (mV) and variance (mV^2): rate times the integrals of the potential and its square."""
    rate_kHz, gain = rate_Hz / 1000, R_m_MOhm / 1000 * weight_pA * tau_syn_ms
    return rate_kHz * gain, rate_kHz * gain**2 / (2 * (tau_m_ms + tau_syn_ms))


def samples_mV(network, setup=None):
    """Potentials (sample, neuron) above rest of an uncoupled network that never spikes."""
    session = Session(network, noise_seed=4, threads=1)
    if setup is not None:
        setup(session)
    session.advance(5000)
    probe = Probe(voltage=tuple(range(network.n_neurons)), voltage_every_ms=EVERY_MS)
    recording = session.record(DURATION_MS, probe=probe)
    assert recording.n_spikes == 0
    return recording.data["v_mV"].values.astype(np.float64) - session.run.E_L_mV


def assert_moments(values_mV, mean_mV, variance_mV2):
    """Mean and variance within four standard errors of n independent Gaussian samples."""
    n = values_mV.size
    assert abs(values_mV.mean() - mean_mV) < 4 * np.sqrt(variance_mV2 / n)
    assert abs(values_mV.var(ddof=1) / variance_mV2 - 1) < 4 * np.sqrt(2 / (n - 1))


def free_brain(brain_of, background_Hz):
    cell = LIF(tau_m_ms=10.0, V_th_mV=1e4)
    return brain_of(
        background_Hz=background_Hz, local=0.0, long_range=0.0, inh=cell, V_th_mV=cell.V_th_mV
    )


def by_region(network, values_mV):
    """Yield the neuron model of "E" in each region, and what its neurons did."""
    population = network.brain.populations[0]
    for region in range(len(network.regions)):
        hit = (network.neuron_region == region) & (network.neuron_population == 0)
        yield population.cell(region)[0], values_mV[:, hit]


def test_background(brain_of):
    brain = free_brain(brain_of, 4000.0)
    network = build(brain)
    background = brain.populations[0].background
    tau_syn_ms = background.transmitter.receptors[0].tau_syn_ms
    values_mV = samples_mV(network)
    for neuron, found_mV in by_region(network, values_mV):
        assert_moments(
            found_mV,
            *campbell(4000.0, background.weight_pA, tau_syn_ms, neuron.tau_m_ms, neuron.R_m_MOhm),
        )


def test_extra_poisson_input_adds_as_a_rate(brain_of):
    """`poisson_Hz` is background of another rate: moments add, and each neuron has its own."""
    network = build(free_brain(brain_of, 0.0))
    background = network.brain.populations[0].background
    tau_syn_ms = background.transmitter.receptors[0].tau_syn_ms
    rate_Hz = np.where(np.arange(network.n_neurons) % 2, 6000.0, 900.0)

    def setup(session):
        session.poisson_Hz[:] = rate_Hz

    values_mV = samples_mV(network, setup)
    for parity, rate in ((0, 900.0), (1, 6000.0)):
        hit = np.arange(network.n_neurons) % 2 == parity
        for region in range(len(network.regions)):
            here = hit & (network.neuron_region == region) & (network.neuron_population == 0)
            neuron, _ = network.brain.populations[0].cell(region)
            assert_moments(
                values_mV[:, here],
                *campbell(rate, background.weight_pA, tau_syn_ms, neuron.tau_m_ms, neuron.R_m_MOhm),
            )
