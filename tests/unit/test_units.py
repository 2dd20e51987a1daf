"""Constants carry their unit and their source, and can be listed."""

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from encephagen.units import MS_PER_S, check, param, table


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


@dataclass(frozen=True)
class Cell:
    tau_m_ms: float = param(20.0, "ms", "free", low=0.1, high=100.0)
    floor_mV: float = param(-70.0, "mV", "free", high=0.0)
    gain: float = param(1.0, "", "free", low=0.0)
    drive: float = param(0.0, "", "free")
    n: int = param(5, "", "free", low=1)

    def __post_init__(self):
        check(self)


def test_check_makes_one_number_of_two_writings():
    cell = Cell(tau_m_ms=10, n=6.0)  # type: ignore[arg-type]
    assert (cell.tau_m_ms, cell.n) == (10.0, 6)
    assert isinstance(cell.tau_m_ms, float) and isinstance(cell.n, int)
    assert Cell(tau_m_ms=0.1).tau_m_ms == 0.1 and Cell(tau_m_ms=100.0).tau_m_ms == 100.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tau_m_ms", 0.0, r"Cell.tau_m_ms = 0.0: must be from 0.1 to 100$"),
        ("tau_m_ms", 100.1, "must be from 0.1 to 100"),
        ("floor_mV", 1.0, "floor_mV = 1.0: must be finite and 0 or less"),
        ("gain", -1, "gain = -1: must be finite and 0 or more"),
        ("gain", float("inf"), "gain = inf: must be finite"),
        ("drive", float("nan"), "drive = nan: must be finite$"),
        ("drive", "1", "drive = '1': must be a number"),
        ("drive", True, "drive = True: must be a number"),
        ("n", 5.5, "n = 5.5: must be a whole number"),
        ("n", 10**400, "must be finite and 1 or more"),
    ],
)
def test_check_refuses_what_is_no_number_within_its_bounds(name, value, message):
    with pytest.raises(ValueError, match=message):
        Cell(**{name: value})
