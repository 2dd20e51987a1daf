"""Figures as people read them."""

import pytest

from encephagen.app import rows
from encephagen.validation.targets import Target, judge

ROWS = [
    judge("rate_exc_Hz", 2.5, interval=(2.0, 3.0), n=4, note="mean | seeds"),
    judge("p", 0.0004, target=Target("p", None, 0.05, "", "free")),
    judge("reach", float("nan"), unit="regions", target=Target("reach", 40, None, "regions", "")),
]


@pytest.mark.parametrize(
    ("value", "text"),
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
def test_numbers_have_the_digits_that_count(value, text):
    assert rows.number(value) == text


def test_a_row_as_texts():
    assert rows.texts(ROWS[0]) == ("rate_exc_Hz", "2.5 Hz", "2 to 3", "1 to 5", "pass", "4")
    assert rows.texts(ROWS[1]) == ("p", "0.0004", "", "at most 0.05", "pass", "1")
    assert rows.texts(ROWS[2]) == ("reach", "", "", "at least 40", "not measured", "1")


def test_a_table_of_markdown_keeps_its_columns():
    lines = rows.markdown(ROWS).splitlines()
    assert len(lines) == 5 and {line.count("|") for line in lines} == {8}
    assert lines[2].endswith("| mean / seeds |")
