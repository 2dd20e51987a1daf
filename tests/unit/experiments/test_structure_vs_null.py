"""Structure against nulls: what its measures measure, and which verdicts follow from them."""

import dataclasses
import json

import numpy as np
import pytest

from encephagen import rng
from encephagen.analysis.statistics import Verdict
from encephagen.experiments import study
from encephagen.experiments.result import PROVENANCE, Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.studies import structure_vs_null as structure
from encephagen.experiments.studies.structure_vs_null import UNITS, Config
from encephagen.experiments.studies.structure_vs_null.wiring import (
    COVARIATES,
    PROOF,
    dimension,
    diversity,
)
from encephagen.working_point.whole import default_recipe

RUNGS = ("weight-shuffle", "strength", "degree-swaps")


@pytest.fixture
def recipe(tmp_path):
    """A file with a recipe that has a rate to calibrate to."""
    path = tmp_path / "balanced.toml"
    default_recipe().replace(rate_exc_Hz=3.0).save(path)
    return str(path)


class Planted(Runner):
    """A runner whose runs are made up: noise, and what ``effect(null, seed)`` adds to figures."""

    def __init__(self, effect):
        super().__init__()
        self.effect = effect

    def map(self, function, arguments, *, label):
        return [self.run(**a) for a in arguments]

    def run(self, null, seed, **_):
        if null == "degree-swaps":
            return {"outcome": "refused", "why": "nothing to swap", "alarms": []}
        noise = rng.stream(seed, "planted", null or "real").normal(0.0, 0.01, len(UNITS))
        found = dict(zip(UNITS, noise.tolist(), strict=True))
        added = self.effect(null, seed)
        if "ran_away" in added:
            return {"outcome": "ran_away", "why": "saturated", "alarms": ["saturated"]}
        missing = {name: why for name, why in added.items() if isinstance(why, str)}
        for name, x in added.items():
            found[name] = found.get(name, 0.0) + x if name not in missing else None
        return {
            "outcome": "ok",
            "why": None,
            "proof": dict.fromkeys(PROOF, 0.5),
            "found": {name: x for name, x in found.items() if name not in missing},
            "missing": missing,
            "stuck": 0,
            "covariates": dict.fromkeys(COVARIATES, 1.0),
            "alarms": [],
        }


def planted(effect, recipe, **settings):
    config = dataclasses.replace(Config(recipe=recipe, rungs=RUNGS), **settings)
    return structure.run(config, Planted(effect))


@pytest.mark.parametrize("n_bins", [60, 2000])
def test_dimension_counts_modes_however_long_the_recording(n_bins):
    random = rng.stream(0, "dimension")
    noise = random.normal(size=(n_bins, 40))
    assert dimension(noise) == pytest.approx(40, rel=0.1)
    # Four groups of ten that each follow one signal: n^2 / (groups * 10^2) = 4 modes.
    groups = np.repeat(random.normal(size=(n_bins, 4)), 10, axis=1)
    assert dimension(groups + 0.01 * noise) == pytest.approx(4, rel=0.1)


def test_diversity_is_that_of_fluctuations_not_of_rates():
    random = rng.stream(0, "diversity")
    mean = np.array([200.0, 400.0, 800.0] * 20)
    alike = random.poisson(mean, (4000, 60)).astype(float)
    assert diversity(alike) < 0.05
    # Half of the regions with four times the variance: ln 4 between them, half of it the spread.
    loud = np.where(np.arange(60) < 30, 2.0, 1.0)
    assert diversity(mean + loud * (alike - mean)) == pytest.approx(np.log(4) / 2, rel=0.05)
    with pytest.raises(ValueError, match="a region is silent"):
        diversity(np.zeros((100, 3)))


def test_a_planted_difference_is_found_where_it_is_and_nowhere_else(recipe):
    def effect(null, seed):
        return {"fc_r": 0.2 if null == "weight-shuffle" else 0.5, "reach": -5.0 * (null is None)}

    result = planted(effect, recipe)
    fc, reach = (result.values[name]["rungs"] for name in ("fc_r", "reach"))
    assert fc["weight-shuffle"]["verdict"] == Verdict.HIGHER
    assert fc["weight-shuffle"]["p"] == pytest.approx(1 / 21)
    assert fc["weight-shuffle"]["difference"] == pytest.approx(0.3, abs=0.02)
    assert fc["strength"]["verdict"] in (Verdict.EQUIVALENT, Verdict.UNDECIDED)
    assert {c["verdict"] for c in reach.values()} == {Verdict.LOWER}
    for name in ("dimension", "timescale_r"):
        for found in result.values[name]["rungs"].values():
            assert found["verdict"] not in (Verdict.HIGHER, Verdict.LOWER)
    shuffle, strength = result.verdict.split(". ")
    assert shuffle.startswith(
        "Beside weight-shuffle, the real wiring is higher: fc_r; lower: reach"
    )
    assert strength.startswith("Beside strength, the real wiring is lower: reach; ")
    assert result.values["fc_r"]["verdict"].startswith("real wiring higher: weight-shuffle; ")


def test_without_any_difference_little_is_found(recipe):
    found = [
        planted(lambda null, seed, k=k: {"fc_r": float(k)}, recipe, seeds=9 + k % 3)
        for k in range(3)
    ]
    outside = sum("higher" in result.verdict or "lower" in result.verdict for result in found)
    assert outside <= 1


def test_one_wiring_drawn_often_is_no_family_of_nulls(recipe):
    result = planted(lambda null, seed: {}, recipe, rungs=("weight-shuffle", "homogeneous"))
    told = result.values["fc_r"]["rungs"]
    assert told["homogeneous"] == {"missing": "a baseline: one wiring, however often it is drawn"}
    assert "delta" in told["weight-shuffle"] and "homogeneous" not in result.verdict
    assert result.values["fc_r"]["mean"]["homogeneous"] is not None


def test_a_refused_rung_is_told_and_not_compared(recipe):
    result = planted(lambda null, seed: {}, recipe)
    assert result.values["refused"] == {"degree-swaps": {"n": 20, "why": "nothing to swap"}}
    assert set(result.values["fc_r"]["rungs"]) == {"weight-shuffle", "strength"}


def test_runs_that_ran_away_are_counted_and_left_out(recipe):
    def effect(null, seed):
        return {"ran_away": 1.0, "fc_r": 9.0} if null == "strength" and seed < 3 else {}

    result = planted(effect, recipe)
    assert result.values["health"]["strength"]["ran_away"] == 3
    assert result.values["health"]["strength"]["alarms"] == {"saturated": 3}
    assert len(result.values["fc_r"]["rungs"]["strength"]["nulls"]) == 17
    (row,) = [row for row in result.rows if row.name == "fc_r, strength"]
    assert row.n == 17 and row.note.startswith("3 of 20 ran away; ")


def test_a_measure_that_is_not_defined_in_a_rung_says_why(recipe):
    def effect(null, seed):
        return {"selectivity": "all weights are equal"} if null == "strength" else {}

    result = planted(effect, recipe)
    told = result.values["selectivity"]["rungs"]
    assert told["strength"] == {"missing": "all weights are equal"}
    assert "delta" in told["weight-shuffle"]
    (row,) = [row for row in result.rows if row.name == "selectivity, strength"]
    assert row.value is None and row.note == "not compared: all weights are equal"


def test_too_few_nulls_are_no_verdict_and_say_so(recipe):
    result = planted(lambda null, seed: {"fc_r": 5.0 * (null is None)}, recipe, nulls=10)
    found = result.values["fc_r"]["rungs"]["strength"]
    assert found["verdict"] == Verdict.UNDECIDED and found["detectable_delta"] is None


def test_what_was_found_is_plain_and_can_be_drawn(recipe, tmp_path):
    result = planted(lambda null, seed: {"fc_r": 1.0 * (null is None)}, recipe, seeds=3, nulls=20)
    json.dumps(result.as_dict(), allow_nan=False)
    dataclasses.replace(result, provenance=dict.fromkeys(PROVENANCE)).save(tmp_path)
    picture = structure.figures(Result.load(tmp_path))["measures"]
    assert len(picture.axes) == 15 and picture.axes[1].get_title("left") == "fc r"
    marks = [[text.get_text() for text in axes.texts] for axes in picture.axes]
    assert marks[1] == ["+", "+"] and "+" not in marks[0]


def test_a_site_that_is_not_there_is_refused_before_anything_runs():
    runner = Planted(lambda null, seed: {})
    with pytest.raises(ValueError, match="Heschel"):
        structure.run(dataclasses.replace(Config(), auditory=("Heschel_L",)), runner)
    assert runner.n_runs == 0


def test_a_recipe_without_a_rate_is_refused(tmp_path):
    path = tmp_path / "free.toml"
    default_recipe().replace(rate_exc_Hz=0.0).save(path)
    with pytest.raises(ValueError, match="cannot be brought to one working point"):
        structure.run(Config(recipe=str(path)), Runner())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rungs": "weight-shufle"}, "nearest: weight-shuffle"),
        ({"nulls": "1"}, "nulls 1: expected 2 or more"),
        ({"trials": "2"}, "trials 2: expected 6 or more"),
    ],
)
def test_a_config_that_cannot_be_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        study.find("structure-vs-null").configure(settings)


def test_a_wiring_has_its_figures_or_says_why_not(recipe, people):
    config = dataclasses.replace(
        Config.tiny(),
        dataset=people,
        recipe=recipe,
        seeds=1,
        rungs=("homogeneous", "degree-swaps"),
    )
    result = study.find("structure-vs-null").run(config, Runner())
    values = result.values
    for name in ("dimension", "fc_r", "reach", *structure.SECONDARY):
        assert values[name]["mean"]["real"] is not None, name
    assert values["log_weight_r"]["mean"] == {
        "real": pytest.approx(0.45, abs=0.03),
        "homogeneous": None,
    }
    assert values["linear_r"]["mean"]["homogeneous"] is None
    assert "none can be swapped" in values["refused"]["degree-swaps"]["why"]
