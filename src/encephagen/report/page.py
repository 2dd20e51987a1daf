"""Pages: self-contained HTML of sections with prose, tables and pictures."""

import base64
import functools
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from encephagen.report import text
from encephagen.validation.targets import Row, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

DPI = 160
BRAIN_DIGEST = "brain_digest"
"""Name under which a picture, and a document, carry the digest of their brain."""


class Block(Protocol):
    """A part of a section."""

    def html(self) -> str:
        """Return the part as HTML."""
        ...


@dataclass(frozen=True)
class Prose:
    """A paragraph of plain text, its first words in bold if there is a ``lead``."""

    text: str
    lead: str = ""

    def html(self) -> str:
        """Return the paragraph."""
        lead = "{% if lead %}<strong>{{ lead }}</strong> {% endif %}"
        return _render(f"<p>{lead}{{{{ text }}}}</p>", text=self.text, lead=self.lead)


@dataclass(frozen=True)
class Code:
    """What one types or reads on a terminal."""

    text: str

    def html(self) -> str:
        """Return the lines as they are."""
        return _render("<pre>{{ text }}</pre>", text=self.text)


@dataclass(frozen=True)
class Table:
    """A table of texts and numbers; a cell that is a `Verdict` gets its colour."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def html(self) -> str:
        """Return the table."""
        cells = [[_cell(value) for value in row] for row in self.rows]
        return _render(_TABLE, columns=self.columns, rows=cells, caption=self.caption)


@dataclass(frozen=True)
class Picture:
    """A picture: bytes of a PNG, or a matplotlib figure."""

    picture: "bytes | Figure"
    caption: str = ""

    def html(self) -> str:
        """Return the picture, carried within the page."""
        content = self.picture if isinstance(self.picture, bytes) else png(self.picture)
        data = base64.b64encode(content).decode()
        return _render(_PICTURE, data=data, caption=self.caption)


@dataclass(frozen=True)
class Raw:
    """HTML that goes in as it is: a movie, say. Never what a user wrote."""

    code: str

    def html(self) -> str:
        """Return the code."""
        return self.code


@dataclass(frozen=True)
class Section:
    """A heading and the blocks under it."""

    heading: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """The name by which a link reaches the section."""
        return re.sub(r"\W+", "-", self.heading.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A page: everything it shows is within it, so that it can be sent as one file."""

    title: str
    sections: Sequence[Section]
    subtitle: str = ""
    footer: str = ""

    def html(self) -> str:
        """Return the page."""
        template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
        return _render(template, page=self) + "\n"


def scores(scored: Iterable[Row], caption: str = "") -> Table:
    """Return the table of a scorecard's or a study's rows."""
    body = []
    for row in scored:
        *cells, _, n = text.texts(row)
        body.append((*cells, row.verdict, n, row.note))
    return Table((*text.COLUMNS, "note"), body, caption)


def png(figure: "Figure", brain_digest: str | None = None) -> bytes:
    """Return a figure as the bytes of a PNG, which carries the digest of its brain as a text."""
    buffer = io.BytesIO()
    metadata = {} if brain_digest is None else {BRAIN_DIGEST: brain_digest}
    figure.savefig(buffer, format="png", dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def brain_digest_of(png: Path) -> str | None:
    """Return the digest of the brain that a picture (PNG) was drawn of, None if it carries none."""
    from PIL import Image

    with Image.open(png) as image:
        return image.info.get(BRAIN_DIGEST)


def _cell(value: Any) -> tuple[str, str]:
    """Return the class and the text of a cell."""
    if isinstance(value, Verdict):
        return f"verdict {value.value.replace(' ', '-')}", value.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", text.number(value)
    said = "" if value is None else str(value)
    return "number" if _FIGURE.fullmatch(said) else "", said


def _render(template: str, **values: Any) -> str:
    return _environment().from_string(template).render(**values)


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)


_NUMBER = r"[-+]?[\d.,]+(e[-+]\d+)?"
_FIGURE = re.compile(f"(at least |at most |{_NUMBER} to )?{_NUMBER}(,? [A-Za-z%]+)?")
"""What a cell of a figure, an interval or a range holds; a note may begin with a number too."""
_TABLE = """<div class="scroll"><table>
{% if caption %}<caption>{{ caption }}</caption>{% endif %}
<thead><tr>{% for name in columns %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr>{% for kind, text in row %}<td{% if kind %} class="{{ kind }}"{% endif %}>{{ text }}</td>\
{% endfor %}</tr>
{% endfor %}
</tbody></table></div>"""
_PICTURE = """<figure><img src="data:image/png;base64,{{ data }}" alt="{{ caption }}">
{% if caption %}<figcaption>{{ caption }}</figcaption>{% endif %}</figure>"""
