"""The rate of a neuron under its input: against closed forms, and against neurons."""

import numpy as np
import pytest

from encephagen.brain.spec import Brain, Poisson, Population
from encephagen.engine.session import Session
from encephagen.models import LIF
from encephagen.models.receptors import AMPA, GABA_A, NMDA, Transmitter
from encephagen.network.build import build
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.transfer import cumulants_per_Hz, lif_rate_Hz

FAST = Transmitter((AMPA(5.0),))


def test_the_rate_without_noise_is_the_closed_form():
    """t_ref + tau_m log(mu / (mu - threshold)), for vanishing noise."""
    one = np.ones(1)
    mean_mV, tau_m_s, t_ref_s = 30.0, 0.02, 0.002
    rate_Hz = lif_rate_Hz(
        mean_mV * one, 0.05 * one, 20 * one, 0 * one, tau_m_s * one, 1e-9 * one, t_ref_s * one
    )
    assert rate_Hz[0] == pytest.approx(1 / (t_ref_s + tau_m_s * np.log(30.0 / 10.0)), rel=0.02)


@pytest.mark.parametrize("tau_m_ms", [5.0, 10.0, 30.0])
@pytest.mark.parametrize("weight_pA", [2.0, 75.0, 150.0])
def test_the_rate_under_poisson_input_is_that_of_neurons(connectome_of, tau_m_ms, weight_pA):
    """Of many weak synapses and of few strong ones, with AMPA as slow as the membrane too."""
    cumulants = cumulants_per_Hz(FAST, np.array([0.04]), np.array([tau_m_ms / 1e3]))[:, 0]
    mean, variance, _ = cumulants * weight_pA ** np.arange(1, 4)
    # the threshold of 20 mV lies 1.3 standard deviations over the mean
    half = 1.3 * np.sqrt(variance) / (2 * mean)
    rate_Hz = (np.sqrt(half**2 + 20.0 / mean) - half) ** 2
    background = Poisson(rate_Hz, weight_pA, FAST)
    cells = Population("E", 400, LIF(tau_m_ms=tau_m_ms), background, excites=True)
    brain = Brain(connectome_of(), (cells,), ())
    session = Session(build(brain), threads=1)
    session.advance(10_000)
    session.counts[:] = 0
    session.advance(80_000)
    found_Hz = session.counts.mean() / 8.0
    assert found_Hz > 0.3
    assert MeanField.of(brain).respond(np.zeros(4)) == pytest.approx([found_Hz] * 4, rel=0.12)


@pytest.mark.parametrize("tau_m_ms", [5.0, 20.0])
@pytest.mark.parametrize(
    "transmitter",
    [FAST, Transmitter((GABA_A(8.5),)), Transmitter((AMPA(5.0), NMDA(100.0)), (0.7, 0.3))],
    ids=["AMPA", "GABA", "AMPA and NMDA"],
)
def test_cumulants_are_the_integrals_of_the_postsynaptic_potential(transmitter, tau_m_ms):
    """Campbell's theorem, on a potential that is integrated step by step."""
    dt_ms, V, potential = 0.005, 0.0, []
    currents = {r: transmitter.jump(r) for r in transmitter.receptors}
    for _ in range(round(1500.0 / dt_ms)):
        potential.append(V)
        V += dt_ms / tau_m_ms * (-V + 0.04 * sum(r.sign * pA for r, pA in currents.items()))
        currents = {r: pA * (1 - dt_ms / r.tau_syn_ms) for r, pA in currents.items()}
    expected = [(np.array(potential) ** k).sum() * dt_ms / 1e3 for k in (1, 2, 3)]
    found = cumulants_per_Hz(transmitter, np.array([0.04]), np.array([tau_m_ms / 1e3]))[:, 0]
    assert found == pytest.approx(expected, rel=5e-3)
