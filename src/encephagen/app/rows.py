"""Rows of figures as text: for a terminal, a page, a document."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from encephagen.validation.targets import Row, Verdict

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("figure", "value", "95 % interval", "range", "verdict", "n")
MARKS = ("<!-- result -->", "<!-- /result -->")
COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.BASELINE: "blue"}


def texts(row: Row) -> tuple[str, ...]:
    """Return the cells of a row under `COLUMNS`; its note is told beside, where it matters."""
    unit = f" {row.unit}" if row.unit and row.value is not None else ""
    interval = "" if row.low is None else f"{number(row.low)} to {number(row.high)}"
    return row.name, number(row.value) + unit, interval, span(row), row.verdict.value, str(row.n)


def number(value: float | None) -> str:
    """Return a number with three digits that count, whole if it is large; nothing for None."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"


def span(row: Row) -> str:
    """Return the range in which a figure should lie, nothing if there is none."""
    if row.target is None:
        return ""
    low, high = row.target.low, row.target.high
    if low is None:
        return f"at most {number(high)}"
    return f"at least {number(low)}" if high is None else f"{number(low)} to {number(high)}"


def table(title: str, rows: Sequence[Row]) -> "Table":
    """Return rows as a table of the terminal; long names take another line, figures never do."""
    from rich.text import Text

    from encephagen.app import tables

    made = tables.table(title, "<", "value", "95 % interval", "<range", "<verdict", "n")
    made.columns[0].no_wrap = False
    for row in rows:
        *cells, verdict, n = texts(row)
        made.add_row(*map(Text, cells), Text(verdict, style=COLOURS.get(row.verdict, "")), n)
    return made


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a table of a document, notes in its last column."""
    lines = [(*COLUMNS, "note"), ("---",) * (len(COLUMNS) + 1)]
    lines += [(*texts(row), row.note) for row in rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def between_marks(text: str, page: str, *said: str) -> str:
    """Return the text of a page with paragraphs between its two `MARKS`, in place of what was.

    Raises ValueError, naming the page, if the text has not both.
    """
    before, opening, rest = text.partition(MARKS[0])
    _, closing, after = rest.partition(MARKS[1])
    if not (opening and closing):
        raise ValueError(f"the page of {page} lacks {' or '.join(MARKS)}: add them")
    return "\n\n".join((before + opening, *said, closing + after))
