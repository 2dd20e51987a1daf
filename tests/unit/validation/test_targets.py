"""Targets and verdicts."""

import ast
import json
from pathlib import Path

import pytest

import encephagen
from encephagen.validation.targets import (
    STIMULI,
    TARGETS,
    Row,
    Tally,
    Target,
    Verdict,
    among_people,
    judge,
    of_all,
)

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


@pytest.mark.parametrize(
    ("gain", "interval", "verdict"),
    [
        (0.04, (0.03, 0.05), Verdict.PASS),
        (0.03, (-0.01, 0.07), Verdict.UNDECIDED),
        (-0.03, (-0.07, 0.01), Verdict.UNDECIDED),
        (-0.04, (-0.05, -0.03), Verdict.FAIL),
        (0.04, None, Verdict.UNDECIDED),
    ],
)
def test_a_difference_to_the_linear_network_is_judged_with_its_interval(gain, interval, verdict):
    for name in ("fc_group_over_linear_r", "fc_over_linear_r"):
        assert judge(name, gain, interval=interval).verdict is verdict, name
    mirrored = None if interval is None else (-interval[1], -interval[0])
    assert judge("fcd_over_linear_ks", -gain, interval=mirrored).verdict is verdict


def test_agreement_alone_is_no_bar():
    """One that a linear network passes says nothing of a brain."""
    assert not TARGETS.keys() & {"fc_group_r", "fc_heldout_r", "fcd_ks"}


def test_a_range_of_people_is_what_they_have():
    found = among_people("fc_mean", [0.3, 0.23, 0.49])
    assert (found.low, found.high) == (0.23, 0.49) and not found.free
    assert "3 subjects" in found.source
    assert judge("fc_mean", 0.55, target=found).verdict is Verdict.FAIL
    assert among_people("fc_mean", [0.3]) is None


def test_a_share_of_all_is_a_count():
    back = STIMULI["brains at rest again"]
    assert [of_all(back, n).low for n in (1, 4, 12, 20, 21, 100)] == [1, 4, 12, 19, 20, 95]
    assert of_all(STIMULI["lobes"], 6).low == 6 and of_all(back, 4).free


def test_a_tally_counts_what_is_judged_and_names_the_rest():
    good, bare = judge("rate_exc_Hz", 2.0), judge("cv_isi", None)
    high, unsure = judge("lvr", 2.0), judge("fc_over_linear_r", 0.1, interval=(-0.1, 0.3))
    baseline = judge("linear_r", 0.1, otherwise=Verdict.BASELINE)
    assert Tally.of([good, baseline]).as_dict() == {
        "judged": 1, "in_range": 1, "missed": [], "passed": True
    }  # fmt: skip
    tally = Tally.of([good, bare, high, unsure, baseline])
    assert (tally.in_range, tally.judged) == (1, 4)
    assert tally.missed == ("cv_isi", "lvr", "fc_over_linear_r")


def test_the_rates_of_inhibition_are_judged():
    """The shipped brain has 0.73; cortex 2 to 4."""
    assert [judge("rate_inh_over_exc", x).verdict for x in (0.73, 2.0, 4.0, 4.1)] == [
        Verdict.FAIL, Verdict.PASS, Verdict.PASS, Verdict.FAIL
    ]  # fmt: skip


def test_rows_are_fit_for_json_and_targets_have_sources():
    for row in (
        judge("rate_exc_Hz", 2.0, interval=(1.0, 3.0), n=4, note="seeds"),
        judge("fc_over_linear_r", 0.1, interval=(-0.1, 0.3)),
        judge("linear_r", 0.7, otherwise=Verdict.BASELINE),
    ):
        document = json.loads(json.dumps(row.as_dict()))
        assert document == row.as_dict() and Row.from_dict(document) == row
    rate = judge("rate_exc_Hz", 2.0).as_dict()
    assert rate["range"] == [1.0, 5.0] and rate["verdict"] == "pass" and rate["free"] is True
    assert judge("timescale_r", -0.5).as_dict()["free"] is False
    for table in (TARGETS, STIMULI):
        assert all(target.source and name == target.name for name, target in table.items())


# ---- ranges stand once ----------------------------------------------------------------------

SOURCE = Path(encephagen.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
JUDGED = {*TARGETS, *STIMULI, "fc_mean"}


def ranges(code, *, of_a_study=False):
    """Return the lines in which a figure that is judged stands beside a number, as a range would.

    A study may have bounds of its own for what was claimed, under names of its own.
    """
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call | ast.Tuple | ast.List | ast.Compare):
            continue
        parts = list(ast.iter_child_nodes(node))
        parts += [part.slice for part in parts if isinstance(part, ast.Subscript)]
        values = [part.value for part in parts if isinstance(part, ast.Constant)]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        target = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Target")
        named = JUDGED.intersection(v for v in values if isinstance(v, str))
        if numbers and (named or (target and not of_a_study)):
            found.append(node.lineno)
    return found


def test_the_search_finds_what_was_there():
    assert ranges('of(1, 5, "rate_exc_Hz")') == ranges('s["cv_isi"] < 0.7') == [1]
    assert ranges('("lvr", 0.6, 1.2)') == ranges('Target("other", 1.0, None, "", "free")') == [1]
    assert ranges('Target("reach", 40, None, "", "free")', of_a_study=True) == [1]
    assert not ranges('Target("ratio", 1.0, None, "", "claimed")', of_a_study=True)
    assert not ranges('judge("rate_exc_Hz", value, n=4)')


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_other_file_holds_a_range(path):
    if path == SOURCE / "validation" / "targets.py":
        return
    found = ranges(path.read_text(encoding="utf-8"), of_a_study="studies" in path.parts)
    assert not found, f"{path.name} has a range of its own in lines {found}: use validation.targets"
