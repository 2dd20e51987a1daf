"""Plots in the terminal: their size, their ends, and that they show what they are given."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encephagen.figures import lines

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=300)


@given(VALUES, st.integers(1, 40), st.integers(1, 4), st.booleans())
def test_a_line_has_the_size_that_was_asked_for(values, width, height, unicode):
    rows = lines.line(values, low=-1.0, high=1.0, width=width, height=height, unicode=unicode)
    assert [len(row) for row in rows] == [width] * height
    if not unicode:
        assert all(row.isascii() for row in rows)


@given(VALUES, st.integers(1, 40), st.booleans())
def test_a_sparkline_is_at_most_as_wide(values, width, unicode):
    text = lines.sparkline(values, low=0.0, high=2.0, width=width, unicode=unicode)
    assert len(text) == min(width, len(values))


def test_a_line_goes_where_its_values_go():
    rows = lines.line([0, 0, 1, 1], low=0.0, high=1.0, width=4, height=2, unicode=False)
    assert rows == ["  **", "**  "]
    high, low = lines.line(np.r_[np.zeros(8), np.ones(8)], low=0.0, high=1.0, width=8, height=2)
    assert high[:3] == "⠀" * 3 and high[-3:] == "⠉" * 3
    assert low[:3] == "⣀" * 3 and low[-3:] == "⠀" * 3


def test_a_steep_flank_is_a_stroke():
    rows = lines.line([0, 0, 9, 9], low=0.0, high=9.0, width=4, height=10, unicode=False)
    assert all("*" in row for row in rows)


def test_a_sparkline_shows_means_from_low_to_high():
    assert lines.sparkline([0, 0, 1, 1, 2, 2], low=0.0, high=2.0, width=3) == "▁▅█"
    assert lines.sparkline([3, 3], low=3.0, high=3.0, width=2) == "▁▁"
    assert lines.sparkline([], low=0.0, high=1.0, width=5) == ""
