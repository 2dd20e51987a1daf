"""Figures as people read them, in a terminal, on a page, in a document."""

from collections.abc import Sequence

from encephagen.validation.targets import Row, Tally, Target

COLUMNS = ("figure", "value", "95 % interval", "range", "verdict", "n")
MARKS = ("<!-- result -->", "<!-- /result -->")
FREE_MEANS = "free: the bounds are our own reading of the source"
UNKNOWN_BRAIN = "made before results carried the digest of their brain"


def texts(row: Row) -> tuple[str, ...]:
    """Return the cells of a row under `COLUMNS`; its note is told beside, where it matters."""
    unit = f" {row.unit}" if row.unit and row.value is not None else ""
    interval = "" if row.low is None else f"{number(row.low)} to {number(row.high)}"
    return (
        row.name,
        number(row.value) + unit,
        interval,
        span(row.target),
        row.verdict.value,
        str(row.n),
    )


def number(value: float | None) -> str:
    """Return a number with three digits that count, whole if it is large; nothing for None."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"


def span(target: Target | None) -> str:
    """Return the range in which a figure should lie; "free" if its bounds are our own reading."""
    if target is None:
        return ""
    low, high = target.low, target.high
    if low is None:
        text = f"at most {number(high)}"
    else:
        text = f"at least {number(low)}" if high is None else f"{number(low)} to {number(high)}"
    return f"{text}, free" if target.free else text


def counted(what: str, rows: Sequence[Row]) -> str:
    """Return in a sentence how many figures of a kind lie in their ranges, and which do not."""
    tally = Tally.of(rows)
    text = f"{what}: {tally.in_range} of {tally.judged} figures lie in their ranges"
    return f"{text}; not {', '.join(tally.missed)}." if tally.missed else f"{text}."


def duration(seconds: float) -> str:
    """Return a stretch of time in a unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def of_brain(digest: str | None) -> str:
    """Return in a few words of which brain a result is, or that nobody knows."""
    return f"brain {digest[:12]}" if digest else UNKNOWN_BRAIN


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
