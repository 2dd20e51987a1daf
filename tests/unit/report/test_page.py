"""A page is one file that shows what it was given, and nothing that a text smuggles in."""

import base64
import re

import pytest

from encephagen.report.page import (
    Code,
    Page,
    Picture,
    Prose,
    Raw,
    Section,
    Table,
    brain_digest_of,
    png,
    scores,
)
from encephagen.validation.targets import Verdict, judge

EVIL = "<script>alert('x')</script> & \"more\""


def page(*blocks, **more):
    return Page("A title", [Section("First", blocks), Section("Second & last", [])], **more).html()


def test_everything_is_within_the_page():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.0, 1.0))
    figure.subplots().plot([0, 1])
    html = page(Prose("Text."), Picture(figure, "A caption"), Raw("<b>raw</b>"), Code("encephagen"))
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    assert base64.b64decode(data).startswith(b"\x89PNG")
    sources = re.findall(r"(?:src|href)=(.{5})", html)
    assert sources and all(s.startswith(('"#', '"data')) for s in sources)
    assert "url(" not in html and "@import" not in html
    assert "<figcaption>A caption</figcaption>" in html and "<b>raw</b>" in html
    assert "prefers-color-scheme: dark" in html


def test_texts_stay_texts():
    html = page(
        Prose(EVIL, EVIL),
        Code(EVIL),
        Picture(b"\x89PNG", EVIL),
        Table((EVIL,), [(EVIL,)], EVIL),
        subtitle=EVIL,
        footer=EVIL,
    )
    html += Page(EVIL, [Section(EVIL, [])]).html()
    assert "<script>" not in html and html.count("&lt;script&gt;") >= 11


def test_links_lead_to_sections():
    html = page()
    assert set(re.findall(r'href="#([^"]+)"', html)) == {"first", "second-last"}
    assert set(re.findall(r'<section id="([^"]+)"', html)) == {"first", "second-last"}


@pytest.mark.parametrize(
    ("cell", "html"),
    [
        (Verdict.FAIL, '<td class="verdict fail">fail</td>'),
        (Verdict.NOT_MEASURED, '<td class="verdict not-measured">not measured</td>'),
        (0.123456, '<td class="number">0.123</td>'),
        (12345, '<td class="number">12,345</td>'),
        (None, "<td></td>"),
        (True, "<td>True</td>"),
        ("-0.5 to 1.2", '<td class="number">-0.5 to 1.2</td>'),
        ("at least 40, free", '<td class="number">at least 40, free</td>'),
        (Verdict.UNDECIDED, '<td class="verdict undecided">undecided</td>'),
        ("V1", "<td>V1</td>"),
    ],
)
def test_cells(cell, html):
    assert html in page(Table(("column",), [(cell,)]))


def test_rows_of_a_scorecard():
    html = page(scores([judge("rate_exc_Hz", 7.25, interval=(7.0, 7.5), n=4, note="over seeds")]))
    for text in ("rate_exc_Hz", "7.25 Hz", "7 to 7.5", "1 to 5, free", "fail", "over seeds"):
        assert f">{text}</td>" in html, text


def test_a_picture_carries_the_digest_of_its_brain(tmp_path):
    from matplotlib.figure import Figure

    for digest in ("ab" * 32, None):
        file = tmp_path / "picture.png"
        file.write_bytes(png(Figure(figsize=(1.0, 1.0)), digest))
        assert brain_digest_of(file) == digest
