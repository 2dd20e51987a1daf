"""What models refuse, and that they say so in one line."""

import math

import pytest

from encephagen.models import ALIF, AMPA, GABA_A, LIF, NMDA
from encephagen.models.receptors import Transmitter


@pytest.mark.parametrize("model", [LIF, ALIF])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau_m_ms": 0.0}, "tau_m_ms = 0.0"),
        ({"tau_m_ms": math.inf}, "tau_m_ms = inf"),
        ({"R_m_MOhm": -40.0}, "R_m_MOhm = -40.0"),
        ({"t_ref_ms": -0.1}, "t_ref_ms = -0.1"),
        ({"t_ref_ms": math.inf}, "t_ref_ms = inf"),
        ({"t_ref_ms": math.nan}, "t_ref_ms = nan"),
        ({"V_reset_mV": -50.0}, "V_reset_mV = -50.0"),
        ({"V_th_mV": -71.0}, "V_th_mV = -71.0"),
        ({"V_th_mV": math.nan}, "V_th_mV = nan"),
        ({"V_th_mV": math.inf}, "V_th_mV = inf"),
        ({"E_L_mV": -40.0}, "E_L_mV = -40.0"),
        ({"E_L_mV": -math.inf}, "E_L_mV = -inf"),
        ({"E_L_mV": math.nan}, "E_L_mV = nan"),
        ({"V_reset_mV": math.nan}, "V_reset_mV = nan"),
    ],
)
def test_a_membrane_refuses_what_cannot_be(model, change, message):
    with pytest.raises(ValueError, match=f"{model.__name__}.*{message}") as error:
        model(**change)
    assert "\n" not in str(error.value) and "must" in str(error.value)


@pytest.mark.parametrize("jump_mV", [-1.0, math.nan, math.inf])
def test_adaptation_is_finite_and_not_negative(jump_mV):
    with pytest.raises(ValueError, match="ALIF.adaptation_mV"):
        ALIF(adaptation_mV=jump_mV)


def test_without_adaptation_the_adaptive_neuron_is_the_plain_one():
    plain, adaptive = LIF(), ALIF(adaptation_mV=0.0)
    a, b = plain.State(0.0, 0.0), adaptive.State(0.0, 0.0, 0.0)
    for _ in range(500):
        a, spiked = plain.advance(a, 0.3, plain.constants(0.1))
        b, also = adaptive.advance(b, 0.3, adaptive.constants(0.1))
        assert (a.V_mV, a.refractory, spiked) == (b.V_mV, b.refractory, also)


def test_drive_is_lost_while_refractory():
    neuron = LIF(t_ref_ms=0.3, V_reset_mV=-65.0)
    constants = neuron.constants(0.1)
    state, spiked = neuron.advance(neuron.State(0.0, 0.0), 30.0, constants)
    assert spiked and state == (5.0, 3.0)
    for left in (2.0, 1.0, 0.0):
        state, spiked = neuron.advance(state, 30.0, constants)
        assert not spiked and state == (5.0, left)
    _, spiked = neuron.advance(state, 30.0, constants)
    assert spiked


@pytest.mark.parametrize("sign", [0.0, 2.0, math.nan])
def test_the_sign_of_a_receptor_is_plus_or_minus_one(sign):
    with pytest.raises(ValueError, match="AMPA.sign"):
        AMPA(sign=sign)


@pytest.mark.parametrize(
    ("receptors", "fractions"),
    [
        ((), ()),
        ((AMPA(),), (0.5, 0.5)),
        ((AMPA(), NMDA()), (1.0,)),
        ((AMPA(), NMDA()), (0.7, 0.7)),
        ((AMPA(), NMDA()), (1.5, -0.5)),
        ((AMPA(),), (math.nan,)),
    ],
)
def test_fractions_of_a_transmitter_are_shares_of_one(receptors, fractions):
    with pytest.raises(ValueError, match="transmitter") as error:
        Transmitter(receptors, fractions)
    assert "\n" not in str(error.value)


def test_a_transmitter_opens_no_other_receptor():
    assert Transmitter((AMPA(),)).jump(GABA_A()) == 0.0
    assert Transmitter((AMPA(2.0), NMDA(100.0)), (0.5, 0.5)).jump(NMDA(100.0)) == 0.5 * 2.0 / 100.0
