"""Comparisons with nulls: what they refuse, and what they conclude."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from encephagen.analysis.statistics import (
    Verdict,
    benjamini_hochberg,
    cliffs_delta,
    compare,
    detectable_delta,
    equivalence_p,
    family,
    holm,
    joint_family,
    null_p,
)
from encephagen.rng import stream

NULLS = np.linspace(-1.0, 1.0, 20)


def test_p_counts_the_nulls_that_are_as_far_on_either_side():
    nulls = [-4.0, -1.0, 0.0, 1.0, 3.0]
    assert null_p(10.0, nulls) == 1 / 6
    assert null_p(3.0, nulls) == null_p(3.0 + 1e-15, nulls) == 3 / 6  # -4 and the tie
    assert null_p(0.0, nulls) == 1.0
    assert null_p(2.0, [2.0] * 9) == 1.0


def test_delta_is_that_of_mann_and_whitney():
    generator = stream(0, "mann whitney")
    a, b = generator.integers(0, 8, 10), generator.integers(0, 8, 20)  # with ties
    u = stats.mannwhitneyu(a, b).statistic
    assert cliffs_delta(a, b).value == pytest.approx(2 * u / 200 - 1)
    assert cliffs_delta(b, a).value == pytest.approx(1 - 2 * u / 200)


def test_the_interval_without_overlap_is_that_of_nulls_none_of_which_exceeds():
    """Wilson's interval of 0 out of 20."""
    low, high = stats.binomtest(0, 20).proportion_ci(method="wilson")
    delta = cliffs_delta([10.0, 11.0], NULLS)
    assert (delta.low, delta.high) == pytest.approx((1 - 2 * high, 1 - 2 * low))


def test_equivalence_is_an_interval_within_the_margin():
    generator = stream(0, "equivalence")
    for shift in np.linspace(0, 1, 11):
        a, b = generator.normal(shift, 1, 15), generator.normal(0, 1, 25)
        within = cliffs_delta(a, b, level=0.9)
        margin = 0.4
        inside = -margin < within.low and within.high < margin
        assert inside == (equivalence_p(cliffs_delta(a, b), margin) < 0.05)


@pytest.mark.parametrize(
    ("real", "verdict"),
    [
        ([3.0, 2.8, 3.1], Verdict.HIGHER),
        ([-3.0, -2.8, -3.1], Verdict.LOWER),
        ([0.8, 0.85, 0.9], Verdict.UNDECIDED),
        ([-0.1, 0.0, 0.1], Verdict.EQUIVALENT),
    ],
)
def test_verdicts(real, verdict):
    found = compare(real, NULLS)
    assert found.verdict == verdict
    assert found.sentence.startswith(str(verdict))
    assert found.difference == pytest.approx(np.median(real))
    assert found.low <= found.difference <= found.high
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["verdict"] == str(verdict)


def test_a_measure_that_never_differs_says_so():
    found = compare([80.0] * 3, [80.0] * 20)
    assert found.verdict == Verdict.CONSTANT and found.p == 1.0
    assert found.sentence == "the same in every run: 80"


def test_an_undecided_comparison_says_what_it_could_have_seen():
    found = compare([0.8, 0.85, 0.9], NULLS)
    assert f"could have seen delta >= {found.detectable.delta:.2f}" in found.sentence
    assert found.detectable.difference > np.ptp(NULLS) / 2


def test_too_few_nulls_decide_nothing_and_say_so():
    found = compare([30.0, 31.0], NULLS[:18])
    assert found.verdict == Verdict.UNDECIDED and found.delta.value == 1.0
    assert "18 nulls reach p 0.053 at best" in found.sentence
    assert found.as_dict()["detectable_delta"] is None
    assert detectable_delta(2, 18) == math.inf > detectable_delta(2, 19)


def test_corrections_are_those_of_scipy_and_of_the_definition():
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.8])
    np.testing.assert_allclose(holm(p), [0.04, 0.09, 0.09, 0.025, 0.8])
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))


def test_holm_on_few_nulls_says_that_it_can_find_nothing():
    far = {str(i): compare([30.0 + i], NULLS) for i in range(4)}
    assert all(c.verdict == Verdict.HIGHER for c in far.values())
    for c in family(far).values():
        assert c.p == pytest.approx(4 / 21) and c.uncorrected_p == 1 / 21
        assert c.verdict == Verdict.UNDECIDED
    near = family({**far, "near": compare([0.9, 0.8], NULLS)})["near"]
    assert "20 nulls reach p 0.24 at best" in near.sentence


def test_false_discoveries_may_be_few_where_many_are_found():
    far = {str(i): compare([30.0 + i], NULLS) for i in range(4)}
    assert all(c.verdict == Verdict.HIGHER for c in family(far, benjamini_hochberg).values())


def test_a_joint_family_keeps_the_resolution_of_its_nulls():
    generator = stream(0, "joint family")
    nulls = generator.normal(size=(6, 20))
    measures = {str(i): compare([(9.0 if i == 0 else 0.1)], nulls[i]) for i in range(6)}
    found = joint_family(measures)
    assert found["0"].p == 1 / 21 and found["0"].verdict == Verdict.HIGHER
    assert all(found[name].p > 0.5 for name in "12345")
    one, six = measures["1"].detectable, found["1"].detectable
    assert one.delta < six.delta and one.difference < six.difference


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="2 of 3 nulls are not finite"):
        compare([1.0], [1.0, math.nan, math.inf])
    with pytest.raises(ValueError, match="0 real values"):
        compare([], NULLS)
    with pytest.raises(ValueError, match="1 nulls: expected at least 2"):
        compare([1.0], [1.0])
    with pytest.raises(ValueError, match="margin 1.0"):
        compare([1.0], NULLS, margin=1.0)
    with pytest.raises(ValueError, match="no comparisons"):
        family({})
    with pytest.raises(ValueError, match="same instances"):
        joint_family({"a": compare([1.0], NULLS), "b": compare([1.0], NULLS[:5])})
    with pytest.raises(ValueError, match="corrected already"):
        family(family({"a": compare([1.0], NULLS)}))
    with pytest.raises(ValueError, match="n_seeds 0"):
        detectable_delta(0, 20)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_significant(bad):
    for call, message in (
        (lambda: null_p(bad, NULLS), f"the value is {bad}"),
        (lambda: null_p(0.0, [*NULLS, bad]), "1 of 21 nulls are not finite"),
        (lambda: cliffs_delta([bad], NULLS), "1 of 1 a are not finite"),
        (lambda: detectable_delta(2, 20, seed_spread=bad), "seed_spread"),
        (lambda: detectable_delta(2, 20, alpha=bad), "alpha"),
        (lambda: holm([0.1, bad]), r"p .* \(of test 1, from 0\)"),
        (lambda: benjamini_hochberg([bad, 0.1]), r"p .* \(of test 0, from 0\)"),
        (lambda: cliffs_delta([1.0], NULLS, level=bad), "level"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
