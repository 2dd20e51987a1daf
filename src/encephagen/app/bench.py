"""`encephagen bench`: speed and memory, beside real time and NEST, measured in one run."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from encephagen.app import console
from encephagen.bench.networks import DEFAULT, QUICK_DEFAULT, QUICK_SIZES, SIZES, Size


def bench(
    as_json: bool = False,
    *,
    quick: bool = False,
    out: Path | None = None,
    sizes: str | None = None,
    nest: bool = True,
) -> int:
    """Measure, print, write ``bench.md``, ``bench.png`` and ``bench.json``, and return 0.

    A gate that fails is printed as such; the exit status says only that it was measured. Files go
    into ``out``, or into ``docs`` of a source checkout, or nowhere. ``sizes`` picks from
    "1e6,1e7,1e8". ValueError for a size or a folder that there is not.
    """
    from encephagen.bench.measure import measure
    from encephagen.files import to_json

    chosen = _chosen(QUICK_SIZES if quick else SIZES, sizes)
    if out is not None and not out.is_dir():
        raise ValueError(f"--out {out} is no folder: create it first")
    folder = out if out is not None or quick else docs_folder()
    default = QUICK_DEFAULT if quick else DEFAULT
    document = measure(default, chosen, quick=quick, nest=nest, say=say)
    if as_json:
        print(to_json(document))
    else:
        show(console.out(), document)
    if folder is not None:
        from encephagen.bench.page import save

        for file in save(folder, document):
            say(f"wrote {file}")
    return 0


def show(out: Console, document: dict[str, Any]) -> None:
    """Print gates, sizes and costs."""
    from encephagen.app import tables
    from encephagen.bench import page

    made = tables.table("gates", "<gate", "measured", "bound", "<")
    for gate in document["gates"]:
        verdict, style = {True: ("pass", "green"), False: ("FAIL", "bold red")}.get(
            gate["passed"], ("not measured", "dim")
        )
        made.add_row(gate["name"], *page.gate_texts(gate), Text(verdict, style))
    if document["gates"]:
        out.print(made)
    for title, head, rows in page.sections(document):
        made = tables.table(title, *head)
        for row in rows:
            made.add_row(*row)
        out.print(made)
    for remark in page.remarks(document):
        out.print(remark, style="yellow", soft_wrap=True, markup=False)
    out.print(page.machine_text(document), style="dim", soft_wrap=True, markup=False)


def docs_folder() -> Path | None:
    """Return ``docs`` of the working folder where that is a source checkout of encephagen."""
    project = Path("pyproject.toml")
    if project.is_file() and 'name = "encephagen"' in project.read_text() and Path("docs").is_dir():
        return Path("docs")
    return None


def say(text: str) -> None:
    """Print a line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def _chosen(sizes: tuple[Size, ...], names: str | None) -> tuple[Size, ...]:
    if names is None:
        return sizes
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {s.name: s for s in sizes}
    for name in wanted:
        if name not in known:
            raise ValueError(f"--sizes {name!r}: give some of {','.join(known)}")
    return tuple(known[name] for name in known if name in wanted)
