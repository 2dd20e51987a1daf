"""A sweep: what is read from a command line, what points are made of, and who is counted."""

import math

import numpy as np
import pytest

from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset
from encephagen.experiments.runner import Runner
from encephagen.experiments.sweep import Asked, Axis, Sweep, by_point, measured_point, swept
from encephagen.figures.sweep import sweep as drawn
from encephagen.working_point.whole import default_recipe

SHIPPED = default_recipe().as_dict()


def of(*settings, **more):
    return Sweep(tuple(map(Axis.of, settings)), SHIPPED, **more)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("long_weight_pA=34:50:5", (34.0, 38.0, 42.0, 46.0, 50.0)),
        (" long_weight_pA = 50:34:2 ", (50.0, 34.0)),
        ("long_weight_pA=1,4,2", (1.0, 4.0, 2.0)),
        ("long_weight_pA=3e1", (30.0,)),
    ],
)
def test_a_range_a_list_or_one_value(text, values):
    assert Axis.of(text) == Axis("long_weight_pA", values)


@pytest.mark.parametrize(
    "text", ["g", "g=", "g=1:2", "g=1:2:1", "g=1:2:3:4", "g=a,b", "g=1,1", "g=nan", "=1", "g=1:1:3"]
)
def test_what_is_no_range_is_told(text):
    with pytest.raises(ValueError, match="expected NAME=FROM:TO:N with N of 2 or more"):
        Axis.of(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("long_weight_pA=34",), "0 numbers to sweep: expected one or two"),
        (
            ("long_weight_pA=1,2", "weight_ee_pA=1,2", "weight_ii_pA=1,2"),
            "3 numbers to sweep",
        ),
        (("long_weight_pA=1,2", "long_weight_pA=3"), "names long_weight_pA twice"),
        (("long_weight_pA=1,2", "cortex.long_weight_pA=3"), "names long_weight_pA twice"),
        (("long_wieght_pA=1,2",), "nearest: long_weight_pA"),
        (("nmda_fraction=0:2:3",), "nmda_fraction"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(settings, message):
    with pytest.raises(ValueError, match=message):
        of(*settings)


def test_a_number_and_a_figure_of_one_name_stay_apart():
    (axis,) = of("rate_exc_Hz=2,4").axes
    assert axis.name == "cortex.rate_exc_Hz" and of("cortex.tau_m_inh_ms=5,6").axes[0].name == (
        "tau_m_inh_ms"
    )


def test_points_are_changed_recipes_that_keep_their_base():
    two = of("long_weight_pA=1,2", "weight_ee_pA=3,4,5", "weight_ii_pA=7")
    assert two.points() == [(1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5)]
    recipe = two.recipe_at((2, 5))
    assert (recipe.cortex.long_weight_pA, recipe.cortex.weight_ee_pA) == (2.0, 5.0)
    assert recipe.cortex.weight_ii_pA == 7.0 and recipe.base == default_recipe()


class Made(Runner):
    """A runner whose brains fire at their coupling plus seed; from 3 on they run away."""

    def map(self, function, arguments, *, label):
        if function is measured_point:
            return [self.point(**a) for a in arguments]
        return [self.run(**a) for a in arguments]

    def point(self, recipe, seed, **_):
        if recipe["cortex"]["long_weight_pA"] == 2.0 or seed == 2:
            return {"outcome": "refused", "why": "theory finds no start", "alarms": []}
        own = {"for": recipe, "wiring": seed}
        return {"outcome": "ok", "why": None, "alarms": [], "working_point": own}

    def run(self, recipe, seed, working_point, **_):
        coupling = recipe["cortex"]["long_weight_pA"]
        assert working_point in (None, {"for": recipe, "wiring": seed})
        if coupling >= 3.0 and seed > 0:
            return {"outcome": "ran_away", "why": "saturated", "alarms": ["saturated"]}
        return {
            "outcome": "ok",
            "why": None,
            "alarms": [],
            "working_point": "kept (of another)",
            "rate_exc_Hz": coupling + seed,
            "rate_inh_Hz": 1.0,
            "cv_isi": None,
            "regions": ["a", "b"],
            "populations": ["E", "I"],
            "rate_Hz": np.ones((2, 2)),
        }


def test_brains_that_run_away_and_points_that_are_not_there_are_counted():
    data = swept(of("long_weight_pA=1,2,3", seeds=3, asked=Asked.CALIBRATED), Made())
    one, two, three = by_point(data)
    assert (one["ok"], one["ran_away"], one["refused"]) == (2, 0, 1) and one["rate_exc_Hz"] == 1.5
    assert one["working_point"] == "kept (of another), each wiring by itself"
    assert (two["ok"], two["refused"], two["rate_exc_Hz"]) == (0, 3, None)
    assert two["why"] == "theory finds no start" and two["working_point"] == "none was measured"
    assert (three["ok"], three["ran_away"], three["why"]) == (1, 1, "saturated")
    assert (one["alarms"], three["alarms"]) == ([], ["saturated"])
    assert three["rate_exc_Hz"] == 3.0 and math.isnan(three["by_seed_Hz"][1])
    assert data["outcome"].values[2].tolist() == ["ok", "ran_away", "refused"]
    assert one["cv_isi"] is None and drawn(data).axes[0].get_xlabel() == "long_weight_pA"


def test_two_numbers_make_a_map_and_a_file_gives_it_back(tmp_path):
    import xarray as xr

    data = swept(of("long_weight_pA=1,2,4", "weight_ee_pA=3:5:2", seeds=3), Made())
    assert data["rate_Hz"].dims == (
        "long_weight_pA", "weight_ee_pA", "seed", "region", "population",
    )  # fmt: skip
    assert data["rate_exc_Hz"].sel(long_weight_pA=2, weight_ee_pA=5).values.tolist() == [2, 3, 4]
    data.to_netcdf(tmp_path / "sweep.nc", engine="h5netcdf")
    again = xr.load_dataset(tmp_path / "sweep.nc", engine="h5netcdf")
    assert str(by_point(again)) == str(by_point(data))  # nan is not nan, but looks it
    assert again.attrs["asked"] == "kept" and again.attrs["target_Hz"] > 0
    axes = drawn(again).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("long_weight_pA", "weight_ee_pA")


def test_with_the_working_point_kept_more_coupling_is_more_rate(tmp_path):
    names = [f"{stem}_{side}" for stem in ("Calcarine", "Cuneus", "Lingual") for side in "LR"]
    file = write_npz(subset(hcp_aal2(), names), tmp_path / "six.npz")
    sweep = of(
        "long_weight_pA=20:40:3",
        dataset=str(file),
        seeds=2,
        seconds=2.0,
        settle_s=0.5,
    )
    points = by_point(swept(sweep, Runner()))
    rate_Hz = [point["rate_exc_Hz"] for point in points]
    assert rate_Hz == sorted(rate_Hz) and rate_Hz[-1] > 1.2 * rate_Hz[0]
    assert {point["ok"] for point in points} == {2}
    assert {point["working_point"].split(" ")[0] for point in points} == {"kept"}


def test_a_coupling_that_ignites_the_brain_is_counted_as_such(tmp_path):
    names = [f"{stem}_{side}" for stem in ("Calcarine", "Cuneus", "Lingual") for side in "LR"]
    file = write_npz(subset(hcp_aal2(), names), tmp_path / "six.npz")
    sweep = of(
        "weight_ee_pA=20,3000", "weight_ie_pA=0", dataset=str(file), seeds=2, seconds=2.0,
        settle_s=0.5,
    )  # fmt: skip
    last = by_point(swept(sweep, Runner()))[-1]
    assert last["ran_away"] == 2 and last["ok"] == 0 and last["rate_exc_Hz"] is None
