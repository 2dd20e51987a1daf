"""Fit: theory and spikes judge recipes, test subjects stay unseen, a killed search goes on."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.recipe import Cortex
from encephagen.experiments import fit as fitting
from encephagen.experiments.runner import Runner
from encephagen.experiments.search import spikes, theory
from encephagen.experiments.search.config import FREE, WORST, Config
from encephagen.experiments.store import Store

GOOD = {
    "rate_exc_Hz": 3.0,
    "weight_ee_pA": 28.6,
    "weight_ei_pA": 14.3,
    "weight_ie_pA": 410.0,
    "weight_ii_pA": 250.0,
    "long_weight_pA": 42.0,
    "feedforward_inhibition": 1.02,
    "strength_exponent": 0.071,
    "nmda_fraction": 0.3,
    "recurrent_gradient": 0.01,
    "tau_gaba_ms": 7.6,
    "background_weight_pA": 75.6,
    "background_rate_Hz": 860.0,
}


def judged(**changed):
    return theory.judge_theory("hcp-aal2", {**GOOD, **changed}, [0, 1, 2, 3])


def test_theory_prefers_strong_connections_that_are_stable():
    good = judged()
    assert good["fc_r"] > 0.6 and good["eigenvalue"] < theory.EDGE
    assert judged(strength_exponent=0.6)["fc_r"] < good["fc_r"]
    assert judged(long_weight_pA=10.0)["fc_r"] < good["fc_r"] - 0.1
    ignites = judged(weight_ie_pA=50.0, weight_ee_pA=60.0)
    assert ignites["score"] < good["score"] - 0.3


def test_more_of_what_spikes_cannot_follow_scores_less():
    figures = {
        "fc_r": 0.6,
        "fc_mean": 0.4,
        "eigenvalue": 1.0,
        "ignited": 0.0,
        "rate_inh_Hz": 3.0,
        "input_sd_mV": 5.0,
        "response": 0.1,
    }
    assert theory.theory_score(**figures) == 0.6
    worse = {"eigenvalue": 1.2, "ignited": 0.5, "input_sd_mV": 2.0, "fc_mean": 0.1}
    for name, value in (worse | {"response": 0.01, "rate_inh_Hz": 1.5}).items():
        assert theory.theory_score(**{**figures, name: value}) < 0.6


def test_the_cube_of_the_search_is_the_box_of_the_parameters():
    low, high = (theory._recipe(np.full(len(FREE), u), Config()) for u in (0.0, 1.0))
    assert [low[n] for n in FREE] == [a for a, _ in FREE.values()]
    assert [high[n] for n in FREE] == [b for _, b in FREE.values()]


def test_a_recipe_is_a_point_and_back():
    assert theory._recipe(theory._point(GOOD, Config()), Config()) == pytest.approx(GOOD, rel=1e-3)


def test_what_is_held_and_what_a_start_has_not_is_not_searched():
    start = dataclasses.asdict(Cortex(**{**GOOD, "nmda_fraction": 0.0, "rate_inh_Hz": 7.0}))
    config = Config(start=start, hold=("rate_exc_Hz",), everywhere=True)
    assert set(config.free) == set(FREE) - {"nmda_fraction", "rate_exc_Hz"}
    made = theory._recipe(np.full(len(config.free), 0.5), config)
    assert (made["rate_exc_Hz"], made["nmda_fraction"], made["rate_inh_Hz"]) == (3.0, 0.0, 7.0)
    assert Cortex(**made).weight_ee_pA == pytest.approx(np.sqrt(15.0 * 60.0), rel=1e-3)
    with pytest.raises(ValueError, match="--everywhere: needs a --start"):
        Config(everywhere=True)
    with pytest.raises(ValueError, match="--hold tau_m: expected numbers that are searched"):
        Config(start=start, hold=("tau_m",))


def test_finalists_differ():
    points = [[0.5] * 13, [0.52] * 13, [0.9] * 13, [0.1] * 13]
    found = [{"score": -k, "point": p} for k, p in enumerate(points)]
    assert [one["score"] for one in fitting._apart(found, 2)] == [0, -2]
    assert fitting._apart([{"score": WORST, "point": points[0]}], 2) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": (0, 1), "test": (1, 2)}, r"subjects \[1\] are in train and test"),
        ({"train": ()}, "a training subject"),
        ({"finalists": 0}, "finalists"),
        ({"minutes": 0.3}, "minutes 0.3: expected 1 or more"),
        ({"long_minutes": float("nan")}, "long_minutes nan"),
        (
            {"start": {**GOOD, "weight_ee_pA": 500.0}},
            "weight_ee_pA is 500, the search goes from 15",
        ),
        ({"start": {**GOOD, "neurons_per_region": 1}}, "leaves no excitatory"),
        ({"start": {"weight_ee_pA": 20.0}}, "start: lacks rate_exc_Hz, weight_ei_pA"),
    ],
)
def test_a_fit_that_cannot_be_is_one_line(changed, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Config(), **changed)


def test_subjects_that_are_not_there():
    with pytest.raises(ValueError, match="subject 9 of hcp-aal2: it has subjects 0 to 6"):
        fitting.fit(Config(train=(9,)), Runner())


def test_a_fit_ends_and_goes_on_from_what_was_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(theory, "judge_theory", _quick_theory)
    monkeypatch.setattr(spikes, "calibrated", _quick_calibration)
    monkeypatch.setattr(spikes, "judge_spikes", _quick_spikes)
    config = dataclasses.replace(Config.tiny(), generations=3, test=(4,))
    found = fitting.fit(config, Runner(Store(tmp_path)))
    assert len(found.theory) == 8 + 3 * 4 and len(found.spikes) == 4 and len(found.long) == 1
    assert found.recipe.fitted_on == ("101309", "102311", "102816", "131217")
    assert found.recipe.cortex.rate_exc_Hz == found.working_point.targets["E"]
    assert found.recipe.base is None
    best = found.long[0]
    assert found.fc_test_r == fitting.as_dict(found)["best"]["fc_test_r"] is not None
    assert not any("fc_test_r" in one for one in (*found.theory, *found.spikes, *found.long))
    assert best["fcd_ks"] == 1.0 and best["score"] == pytest.approx(best["fc_r"] - 0.375)
    again = Runner(Store(tmp_path))
    assert fitting.as_dict(fitting.fit(config, again)) == fitting.as_dict(found)
    assert again.n_resumed == again.n_runs


def _quick_theory(dataset, recipe, train):
    score = -abs(np.log(recipe["weight_ee_pA"] / 20.0))
    return {"score": score, "fc_r": score, "eigenvalue": 0.5, "response": 0.1}


def _quick_calibration(dataset, recipe):
    held = {"E": {"target_Hz": recipe["rate_exc_Hz"], "usual_Hz": 1.0, "background_Hz": {"A": 2.0}}}
    return {
        "working_point": {
            "how": "calibrated", "note": "", "recipe": "", "connectome": "", "held": held
        }
    }  # fmt: skip


def _quick_spikes(dataset, recipe, working_point, minutes, seed):
    return {
        "bold": np.random.default_rng(seed).normal(size=(90, 80)),
        "rate_Hz": np.ones(80),
        "cv_isi": 0.9,
        "count_correlation": 0.01,
        "alarms": [],
    }
