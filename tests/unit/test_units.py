"""Constants carry their unit and their source, and can be listed."""

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from encephagen.units import MS_PER_S, param, table


@dataclass(frozen=True)
class Membrane:
    tau_m_ms: float = param(20.0, "ms", "free")
    v_rest_mV: float = param(-70.0, "mV", "a paper")
    label: str = "no constant"
    tags: tuple[str, ...] = field(default=())


def test_table_lists_constants_alone_and_in_order():
    assert table(Membrane) == [
        ("tau_m_ms", 20.0, "ms", "free"),
        ("v_rest_mV", -70.0, "mV", "a paper"),
    ]


def test_a_param_is_an_ordinary_field():
    assert Membrane().tau_m_ms == 20.0
    assert replace(Membrane(), tau_m_ms=10.0).tau_m_ms == 10.0
    with pytest.raises(FrozenInstanceError):
        Membrane().tau_m_ms = 1.0  # type: ignore[misc]


def test_the_unit_system_closes():
    """PA times MOhm is uV, so over 1000 it is mV; pF times MOhm is us, so over 1000 it is ms."""
    assert MS_PER_S == 1000.0
    current_A, resistance_Ohm, capacitance_F = 100e-12, 100e6, 200e-12
    assert current_A * resistance_Ohm == pytest.approx(100 * 100 / 1000 * 1e-3)
    assert capacitance_F * resistance_Ohm == pytest.approx(200 * 100 / 1000 * 1e-3)
