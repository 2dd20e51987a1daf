"""Targets and verdicts."""

import json

import pytest

from encephagen.validation.targets import TARGETS, Target, Verdict, judge, passed

RATE = Target("rate_exc_Hz", 1.0, 5.0, "Hz", "free")


def test_bounds_belong_to_the_range():
    assert [RATE.holds(v) for v in (0.99, 1.0, 3.0, 5.0, 5.01)] == [False, True, True, True, False]
    assert not RATE.holds(float("nan"))
    assert Target("x", None, 1.0, "", "free").holds(-1e9)
    for low, high in ((None, None), (2.0, 1.0), (float("nan"), 1.0), (None, float("inf"))):
        with pytest.raises(ValueError, match="target x"):
            Target("x", low, high, "", "free")


def test_a_figure_is_judged_by_its_target():
    assert judge("rate_exc_Hz", 2.0).verdict is Verdict.PASS
    assert judge("rate_exc_Hz", 6.0).verdict is Verdict.FAIL
    assert judge("rate_exc_Hz", None).verdict is Verdict.NOT_MEASURED
    assert judge("rate_exc_Hz", float("nan")).value is None
    assert judge("unheard_of", 1.0).verdict is Verdict.REPORTED
    assert judge("linear_r", 0.7, otherwise=Verdict.BASELINE).verdict is Verdict.BASELINE
    assert judge("unheard_of", 3.0, target=RATE).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("value", "interval", "certain"),
    [
        (2.0, (1.5, 3.0), True),
        (2.0, (0.5, 3.0), False),
        (6.0, (5.5, 7.0), True),
        (6.0, (4.5, 7.0), False),
        (0.5, (0.1, 0.9), True),
        (6.0, (0.5, 7.0), False),
        (2.0, None, False),
    ],
)
def test_a_verdict_is_certain_where_the_interval_agrees(value, interval, certain):
    assert judge("rate_exc_Hz", value, interval=interval).certain is certain


def test_what_was_not_measured_does_not_pass():
    good, bare = judge("rate_exc_Hz", 2.0), judge("cv_isi", None)
    baseline = judge("linear_r", 0.1, otherwise=Verdict.BASELINE)
    assert passed([good, baseline]) and not passed([good, bare])


def test_rows_are_fit_for_json_and_targets_have_sources():
    row = judge("rate_exc_Hz", 2.0, interval=(1.0, 3.0), n=4, note="seeds").as_dict()
    assert json.loads(json.dumps(row)) == row
    assert row["range"] == [1.0, 5.0] and row["verdict"] == "pass" and row["interval"] == [1.0, 3.0]
    assert all(target.source and name == target.name for name, target in TARGETS.items())
