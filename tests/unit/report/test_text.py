"""Figures as people read them."""

import pytest

from encephagen.report import text
from encephagen.validation.targets import Target, judge

ROWS = [
    judge("rate_exc_Hz", 2.5, interval=(2.0, 3.0), n=4, note="mean | seeds"),
    judge("p", 0.0004, target=Target("p", None, 0.05, "", "free")),
    judge(
        "reach",
        float("nan"),
        unit="regions",
        target=Target("reach", 40, None, "regions", "a paper"),
    ),
]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (0.0, "0"),
        (0.000412, "0.000412"),
        (-0.98765, "-0.988"),
        (12.345, "12.3"),
        (123.45, "123.5"),
        (40.0, "40"),
        (-1234.5, "-1,234"),
        (16000, "16,000"),
    ],
)
def test_numbers_have_the_digits_that_count(value, said):
    assert text.number(value) == said


def test_a_row_as_texts():
    assert text.texts(ROWS[0]) == ("rate_exc_Hz", "2.5 Hz", "2 to 3", "1 to 5, free", "pass", "4")
    assert text.texts(ROWS[1]) == ("p", "0.0004", "", "at most 0.05, free", "pass", "1")
    assert text.texts(ROWS[2]) == ("reach", "", "", "at least 40", "not measured", "1")


def test_a_table_of_markdown_keeps_its_columns():
    lines = text.markdown(ROWS).splitlines()
    assert len(lines) == 5 and {line.count("|") for line in lines} == {8}
    assert lines[2].endswith("| mean / seeds |")


def test_bounds_that_are_our_own_reading_are_marked():
    ranges = [(1.0, 5.0), (None, 0.1), (40, None)]
    said = [
        text.span(Target("x", low, high, "", "free; mean 2 in a paper")) for low, high in ranges
    ]
    assert said == ["1 to 5, free", "at most 0.1, free", "at least 40, free"]
    assert text.span(Target("x", 1.0, 5.0, "", "a paper")) == "1 to 5" and text.span(None) == ""


def test_a_count_names_what_is_not_in_range():
    assert text.counted("At rest", ROWS[:2]) == "At rest: 2 of 2 figures lie in their ranges."
    assert text.counted("Stimuli", ROWS) == (
        "Stimuli: 2 of 3 figures lie in their ranges; not reach."
    )


@pytest.mark.parametrize(
    ("seconds", "said"), [(3.4, "3 s"), (99.0, "99 s"), (180.0, "3 min"), (7200.0, "2.0 h")]
)
def test_a_duration_has_a_unit_that_suits_it(seconds, said):
    assert text.duration(seconds) == said


def test_what_is_not_known_of_a_brain_is_said():
    assert text.of_brain("0123456789abcdef") == "brain 0123456789ab"
    assert text.of_brain(None) == text.of_brain("") == text.UNKNOWN_BRAIN
