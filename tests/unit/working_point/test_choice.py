"""Choice: settings are read strictly, and a choice survives a file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encephagen.working_point.choice import Ask, Choice, recipe_values
from encephagen.working_point.point import WorkingPoint


def test_settings_change_the_recipe_and_name_what_is_unknown():
    values = recipe_values(None, ["long_weight_pA=12.5", "neurons_per_region=40"])
    assert values["cortex"]["long_weight_pA"] == 12.5
    assert values["cortex"]["neurons_per_region"] == 40
    with pytest.raises(ValueError, match="'long_wait_pA'.*long_weight_pA"):
        recipe_values(None, ["long_wait_pA=1"])
    for missing, meant in (("coupling", "long_weight_pA"), ("tau_m", "tau_m_min_ms")):
        with pytest.raises(ValueError, match=f"{missing!r}; nearest: {meant}"):
            recipe_values(None, [f"{missing}=1"])
    for setting in ("", "=", "=3", "tau_m_min_ms", "tau_m_min_ms="):
        with pytest.raises(ValueError, match="name=value"):
            recipe_values(None, [setting])
    for value in ("fast", "nan", "inf", "-1", "9" * 400):
        with pytest.raises(ValueError, match="tau_m_min_ms"):
            recipe_values(None, [f"tau_m_min_ms={value}"])


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_setting_is_taken_or_refused_in_one_line(name, value):
    try:
        recipe_values(None, [f"{name}={value}"])
    except ValueError as error:
        assert str(error)


def test_a_recipe_file_is_read(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[cortex]\nbackground_rate_Hz = 1234.0\n")
    values = recipe_values(file, ["nmda_fraction=0.5", "cortex.t_ref_ms = 3"])["cortex"]
    assert (values["background_rate_Hz"], values["nmda_fraction"]) == (1234.0, 0.5)
    assert values["t_ref_ms"] == 3.0
    file.write_text("background_rate_Hz = \n")
    with pytest.raises(ValueError, match="mine.toml is not TOML"):
        recipe_values(file, [])


def test_a_choice_comes_back_from_json(tmp_path, monkeypatch):
    choice = Choice(dataset="gw-aal2", recipe=recipe_values(None, []), wiring_seed=3, dt_ms=0.2)
    assert Choice.from_dict(json.loads(json.dumps(choice.to_dict()))) == choice
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Choice(dataset="mine").to_dict()["dataset"] == str(tmp_path / "mine")


@pytest.mark.parametrize(
    "values",
    [
        {"dataset": 3},
        {"recipe": []},
        {"recipe": {"wings": 2}},
        {"colour": "red"},
        {"wiring_seed": "0"},
        [],
        None,
    ],
)
def test_what_is_no_choice_is_refused(values):
    with pytest.raises(ValueError, match="cannot be read"):
        Choice.from_dict(values)


def test_subcortex_is_for_the_bundled_data():
    assert Choice(subcortex=True, recipe=recipe_values(None, [])).network().n_neurons == 18_800
    with pytest.raises(ValueError, match="no meaning for 'tvb-76'"):
        Choice(dataset="tvb-76", subcortex=True).network()


def test_a_step_that_no_bin_is_made_of_is_refused_before_a_run():
    with pytest.raises(ValueError, match=r"bin_ms 10 is not .* steps of 0.3 ms; .*another dt"):
        Choice(recipe=recipe_values(None, []), dt_ms=0.3).network()


def test_a_working_point_is_asked_for_by_name_and_goes_with_the_choice(tmp_path, small_dataset):
    choice = Choice(str(small_dataset), recipe=recipe_values(None, ["long_weight_pA=50"]))
    assert choice.at(Ask()) is choice
    assert choice.network().brain.working_point == "kept (theory for other numbers)"
    balanced = choice.at(Ask(balance=True))
    assert balanced.network().brain.working_point == "theory for it"
    assert Choice.from_dict(json.loads(json.dumps(balanced.to_dict()))) == balanced
    WorkingPoint.from_dict(balanced.working_point).save(tmp_path / "p.toml")
    assert choice.at(Ask(tmp_path / "p.toml")) == balanced
    with pytest.raises(ValueError, match="give one of them"):
        Ask(calibrate=True, balance=True)
    with pytest.raises(ValueError, match="cannot be read"):
        Choice.from_dict({**balanced.to_dict(), "working_point": {"how": "theory"}})
