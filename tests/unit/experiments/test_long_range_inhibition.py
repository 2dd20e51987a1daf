"""The study of long-range inhibition: its controls, and its verdicts on what is made up."""

import dataclasses

import numpy as np
import pytest

from encephagen import rng
from encephagen.brain.long_range_inhibition import both_ways, pairs
from encephagen.brain.recipe import LongRangeInhibition, shipped_recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.experiments.runner import Runner
from encephagen.experiments.studies.long_range_inhibition import (
    ARMS,
    AS_IT_IS,
    AT_EDGE,
    COMPARED,
    DRAWN,
    ESTIMATED,
    LOCAL,
    Config,
    more_local,
    run,
    shared,
)
from encephagen.working_point.inputs import in_degrees
from encephagen.working_point.whole import bare_brain


class Planted(Runner):
    """A runner whose runs are made up: noise, and what ``effect(arm)`` adds to FC r."""

    def __init__(self, effect):
        super().__init__()
        self.effect, self.given = effect, {}

    def map(self, function, arguments, *, label):
        self.given[label] = arguments
        return [self.made(label, **a) for a in arguments]

    def made(self, arm, seed, **_):
        found = self.effect(arm)
        if isinstance(found, str):
            return {"outcome": "refused", "why": found, "alarms": []}
        noise = rng.stream(seed, "planted", arm).normal(0.0, 0.01, len(COMPARED))
        values = dict(zip(COMPARED, noise.tolist(), strict=True))
        values["fc_held_out"] += found
        rates = {"rate_exc_Hz": 2.5, "rate_inh_Hz": 7.0, "suppressed": 0, "long_in_degree": 80.0}
        again = None if arm.removesuffix(AT_EDGE) in (AS_IT_IS, LOCAL) else 0.4
        return {
            "outcome": "ok", "why": None, "alarms": [], **values, **rates,
            "links_again": again, "people_again": 0.3,
        }  # fmt: skip


def row(result, name):
    (found,) = (r for r in result.rows if r.name == name)
    return found


@pytest.mark.parametrize(("gain", "says"), [(0.2, "higher"), (0.0, "undecided"), (-0.2, "lower")])
def test_where_links_are_is_told_from_how_many(gain, says):
    runner = Planted(lambda arm: gain if arm == ESTIMATED else 0.0)
    result = run(Config(), runner)
    found = row(result, f"{COMPARED['fc_held_out']}, estimated over drawn")
    assert found.value == pytest.approx(gain, abs=0.02) and found.n == Config().nulls
    as_said = result.values["compared"][ESTIMATED]["fc_held_out"]["verdict"]
    assert says in as_said or (not gain and as_said == "equivalent")
    other = result.values["compared"][ESTIMATED + AT_EDGE]["fc_held_out"]["verdict"]
    assert other in ("undecided", "equivalent")
    assert "real wiring" not in found.note + result.verdict
    assert "would have been seen" in result.verdict
    assert result.verdict.count(f"FC r with people held out is {as_said.split()[-1]}") == 1


def test_too_few_draws_are_told():
    runner = Planted(lambda arm: 0.5 if arm == ESTIMATED else 0.0)
    said = run(Config(nulls=8), runner).verdict
    assert "undecided, by +0.4" in said and "8 draws are too few" in said


def test_arms_differ_by_what_their_names_say():
    runner = Planted(lambda arm: 0.0)
    run(Config(), runner)
    assert list(runner.given) == list(ARMS)
    first = {arm: given[0] for arm, given in runner.given.items()}
    for end in ("", AT_EDGE):
        assert first[DRAWN + end]["links"] == first[ESTIMATED + end]["links"]
        assert first[DRAWN + end]["shuffled"] and not first[ESTIMATED + end]["shuffled"]
        assert (first[ESTIMATED + end]["eigenvalue"] is None) == (end == "")
    assert first[AS_IT_IS]["links"] == first[LOCAL]["links"] == []
    same = first[AS_IT_IS]["recipe"]
    assert [arm for arm in ARMS if first[arm]["recipe"] != same] == [LOCAL, LOCAL + AT_EDGE]


def test_arms_that_are_refused_are_told():
    result = run(
        Config(seeds=2, nulls=2), Planted(lambda a: "no point" if a.startswith(DRAWN) else 0.0)
    )
    assert result.values["refused"][DRAWN] == 2
    assert "not compared" in result.verdict and result.verdict.endswith(".")
    with pytest.raises(ValueError, match=f"0 of 2 runs of '{AS_IT_IS}'.*no point"):
        run(Config(seeds=2), Planted(lambda arm: "no point"))


def test_local_inhibition_grows_by_as_much():
    human, recipe = hcp_aal2(), shipped_recipe("resting_cortex")
    with_table = dataclasses.replace(recipe, long_range_inhibition=LongRangeInhibition())

    def received_pA(brain):
        """Mean current weight that a neuron that excites gets from those that inhibit."""
        excites = {p.name: p.excites for p in brain.populations}
        return sum(
            p.weight.mean_pA * in_degrees(brain, p).sum(axis=1).mean()
            for p in brain.projections
            if excites[p.target] and not excites[p.source]
        )

    by_links = received_pA(bare_brain(human, with_table))
    plain = dataclasses.replace(more_local(with_table), long_range_inhibition=None, base=None)
    assert received_pA(bare_brain(human, plain)) == pytest.approx(by_links)
    assert by_links > received_pA(bare_brain(human, recipe))


def test_shared_links_are_a_share_of_the_first():
    human = hcp_aal2()
    n = pairs(human)[0].size
    a, b = both_ways(human, np.arange(100)), both_ways(human, np.arange(75, n))
    assert shared(a, b) == 0.25 and shared(b, a) == 25 / (n - 75)
    assert shared(np.zeros_like(a), a) == 0.0


def test_some_people_are_held_out():
    with pytest.raises(ValueError, match="training 7 of 7 subjects: expected fewer"):
        run(Config(training=7), Planted(lambda arm: 0.0))
    with pytest.raises(ValueError, match="training 0: expected 1 or more"):
        Config(training=0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        run(Config(share=1.5), Planted(lambda arm: 0.0))
