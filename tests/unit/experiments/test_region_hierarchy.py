"""Which class a measure gets, from nulls that were made to know the answer."""

import numpy as np
import pytest
import xarray as xr

from encephagen.connectome.datasets import hcp_aal2
from encephagen.experiments.studies import region_hierarchy as study
from encephagen.experiments.studies.region_hierarchy import (
    GEOMETRY,
    REAL,
    SHUFFLE,
    STRENGTH,
    Class,
    classify,
    wiring,
)
from encephagen.rng import stream

N_SEEDS, N_NULLS = 20, 200


def classes(real, shuffle, strength, spread=0.1):
    """The class of measures (name: levels of the three), each value with noise."""
    generator = stream(0, "classes")
    table = {
        arm: {name: level + spread * generator.normal(size=n) for name, level in levels.items()}
        for arm, levels, n in (
            (REAL, real, N_SEEDS),
            (SHUFFLE, shuffle, N_NULLS),
            (STRENGTH, strength, N_NULLS),
        )
    }
    against = {null: study._family(table[REAL], table[null]) for null in (SHUFFLE, STRENGTH)}
    return {
        name: classify(
            against[SHUFFLE][name],
            against[STRENGTH][name],
            study._share(table, STRENGTH, name),
        )
        for name in real
    }


def test_a_measure_is_given_to_what_makes_it():
    real = {"kept": 1.0, "lost": 1.0, "mostly kept": 1.0, "opposed": 1.0, "nothing": 1.0}
    shuffle = {"kept": 0.0, "lost": 0.0, "mostly kept": 0.0, "opposed": 1.0, "nothing": 1.0}
    strength = {"kept": 1.0, "lost": 0.0, "mostly kept": 0.6, "opposed": 0.0, "nothing": 1.0}
    assert classes(real, shuffle, strength) == {
        "kept": Class.STRENGTH,
        "lost": Class.WIRING,
        "mostly kept": Class.BOTH,
        "opposed": Class.WIRING,
        "nothing": Class.ANY,
    }


def test_a_small_difference_is_not_given_to_anything():
    found = classes({"a": 0.2}, {"a": 0.0}, {"a": 0.1}, spread=0.2)
    assert found == {"a": Class.UNDECIDED}


def test_the_rule_of_the_claim_finds_wiring_where_there_is_none():
    """A decoy is one strength null more; noise of seeds is small beside that of instances."""
    generator = stream(1, "decoy")
    names = [str(i) for i in range(40)]
    instance = dict(zip(names, generator.normal(size=40), strict=True))
    table = {
        study.DECOY: {n: x + 0.1 * generator.normal(size=10) for n, x in instance.items()},
        STRENGTH: {n: generator.normal(size=40) for n in names},
        SHUFFLE: {n: generator.normal(size=40) for n in names},
    }
    theirs = study._by_their_rule(table, study.DECOY)
    assert theirs["wiring"] > 20 and theirs["degree"] < 8
    ours = study._family(table[study.DECOY], table[STRENGTH])
    assert sum(c.uncorrected_p <= c.alpha for c in ours.values()) < 8


def test_measures_of_a_wiring_are_those_of_its_systems():
    found = wiring.measures("hcp-aal2", None, 0, [3], 15.0, 0.05, -0.004, 0.05, 100.0)
    values = {name: x.item() for name, x in found["measures"].items()}
    systems = {r.system for r in hcp_aal2().regions}
    n_pairs = len(systems) * (len(systems) - 1) // 2
    assert len([n for n in values if n.startswith("fc of")]) == n_pairs
    assert len([n for n in values if n.startswith("variance of")]) == len(systems)
    assert np.isfinite(list(values.values())).all()
    assert found["mean_E"].item() == pytest.approx(0.05, rel=0.1)
    # What the working point gives to a region follows its strength; and a pulse arrives late.
    assert values["activity of visual"] > values["activity of auditory"]
    assert 0 < values["pulse, prefrontal over visual"] < 0.5
    assert values["pulse, delay to prefrontal"] > 5.0
    assert values["fc along distance"] < 0


def test_the_arms_are_what_they_are_called():
    called = []

    class Recorder:
        def map(self, function, arguments, *, label):
            called.append((label, arguments))
            return []

    config = study.Config(seeds=3, nulls=4)
    study._arms(config, Recorder())  # type: ignore[arg-type]
    arms = dict(called)
    assert sum(map(len, arms.values())) == config.n_runs
    assert [a["null"] for a in arms[REAL]] == [None] * 3
    assert len({a["noise_seeds"][0] for a in arms[REAL]}) == 3
    (decoy,) = arms[study.DECOY]
    assert decoy["null"] == "strength" and len(decoy["noise_seeds"]) == 3
    assert decoy["null_seed"] not in [a["null_seed"] for a in arms[STRENGTH]]
    assert [a["null"] for a in arms[GEOMETRY]] == ["length-and-strength"] * 4


def test_a_region_without_a_timescale_takes_no_measure_along(monkeypatch):
    """All wirings have the same measures, whatever one region of one of them does."""
    connectome = hcp_aal2()
    noise = stream(4, "activity").normal(size=(3000, connectome.n)).cumsum(axis=0) % 7.0
    activity = xr.DataArray(
        noise,
        {"time_ms": 10.0 * np.arange(3000), "region": list(connectome.names)},
        ("time_ms", "region"),
    )
    whole = wiring._of_regions(activity, connectome)
    usual = wiring.timescale(activity, bin_ms=10.0)
    for lost, defined in ((1, True), (75, False)):
        found = usual.assign(tau_ms=usual["tau_ms"].where(np.arange(connectome.n) >= lost))
        monkeypatch.setattr(wiring, "timescale", lambda *_, found=found, **__: found)
        part = wiring._of_regions(activity, connectome)
        assert part.keys() == whole.keys()
        assert np.isfinite(part["timescale along T1w/T2w"]) == defined


@pytest.mark.parametrize("name", ["seeds", "nulls"])
def test_of_one_run_nothing_is_learned(name):
    with pytest.raises(ValueError, match=f"{name} 1: expected 2 or more"):
        study.Config(**{name: 1})


def test_a_wiring_that_cannot_be_placed_is_refused_and_says_why():
    found = wiring.measures("hcp-aal2", None, 0, [0], 1.0, 0.05, 1.0, 0.05, 100.0)
    assert found["outcome"] == "refused" and found["why"]
