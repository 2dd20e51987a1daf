"""The report of a study: a page, its pictures, several on one page, and the page in docs/."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from encephagen.experiments import study
from encephagen.experiments.result import Result
from encephagen.files import whole
from encephagen.report import page, text

PAGE = "report.html"


def write(result: Result, folder: Path) -> None:
    """Write a result into a folder: itself, its pictures, and a page of it."""
    result.save(folder)
    drawn = pictures(result)
    for stem, picture in drawn.items():
        with whole(folder / f"{stem}.png") as part:
            part.write_bytes(picture)
    made = page.Page(f"encephagen: {result.study}", [section(result, drawn)])
    with whole(folder / PAGE) as part:
        part.write_text(made.html(), encoding="utf-8")


def pictures(result: Result) -> dict[str, bytes]:
    """Return the pictures of a result, PNG by file stem."""
    chosen = study_of(result)
    drawn = {} if chosen is None else chosen.figures(result)
    digest = result.provenance.get(page.BRAIN_DIGEST)
    return {stem: page.png(figure, digest) for stem, figure in drawn.items()}


def study_of(result: Result) -> study.Study | None:
    """Return the study that a result is of; None where there is none any more."""
    try:
        chosen = study.find(result.provenance.get("file") or result.study)
        return chosen if chosen.module else None
    except ValueError:
        return None


def overview(results: Sequence[Result], sections: Sequence[page.Section]) -> page.Page:
    """Return one page of several results, with a table of them before their sections."""
    rows = [(r.study, r.verdict, r.provenance["created"][:10]) for r in results]
    table = page.Table(("study", "verdict", "made"), rows)
    return page.Page("encephagen: studies", [page.Section("Overview", [table]), *sections])


def section(result: Result, drawn: dict[str, bytes]) -> page.Section:
    """Return what a page says of a result, with its pictures."""
    settings = [(name, json.dumps(value)) for name, value in result.config.items()]
    chosen = study_of(result)
    return page.Section(
        result.study if chosen is None else chosen.title,
        [
            page.Prose(result.claim, "Claimed."),
            page.Prose(result.verdict, "Found."),
            page.scores(result.rows),
            *(page.Picture(picture, stem.replace("_", " ")) for stem, picture in drawn.items()),
            page.Table(("setting", "value"), settings, "How it was made"),
            page.Prose(made(result)),
            *([] if chosen is None else [page.Code(command(result))]),
        ],
    )


def renewed(page_text: str, result: Result) -> str:
    """Return the text of a study's page in docs/experiments with what its result says now.

    Of a study with many figures it shows those that the study names in ``ON_PAGE``, by the part of
    their names before a comma; the kept result beside the page has all.
    """
    chosen = study_of(result)
    named = getattr(chosen and chosen.module, "ON_PAGE", None)
    rows = [row for row in result.rows if named is None or row.name.partition(",")[0] in named]
    left, kept = len(result.rows) - len(rows), f"{result.study}.json"
    return text.between_marks(
        page_text,
        result.study,
        f"**{result.verdict}**",
        text.markdown(rows),
        *([f"More rows ({left}) are in [{kept}]({kept})."] if left else []),
        made(result),
        f"```\n{command(result)}\n```",
    )


def made(result: Result) -> str:
    """Return a line on where a result comes from."""
    about = result.provenance
    resumed = f" ({about['resumed']} kept from before)" if about["resumed"] else ""
    notes = "".join(f"; {note}" for note in about["notes"])
    return (
        f"{about['n_runs']} runs{resumed}, {text.duration(about['wall_s'])}, "
        f"{about['created'][:10]}, encephagen {about['versions']['encephagen']}, "
        f"code {about['code'][:12]}{_brain(result)}{notes}"
    )


def _brain(result: Result) -> str:
    """Return of which brain a result is; nothing for a study of rate units."""
    if result.provenance.get(page.BRAIN_DIGEST):
        return f"; {text.of_brain(result.provenance[page.BRAIN_DIGEST])}"
    before = page.BRAIN_DIGEST not in result.provenance
    of_neurons = "neurons_per_region" in result.config
    return f"; {text.UNKNOWN_BRAIN}" if before and of_neurons else ""


def command(result: Result) -> str:
    """Return the command that runs the study with the result's settings."""
    words = ["encephagen run", shlex.quote(result.provenance.get("file") or result.study)]
    for name, value in changed(result).items():
        words.append(f"--set {shlex.quote(f'{name}={as_setting(value)}')}")
    return " ".join(words)


def changed(result: Result) -> dict[str, Any]:
    """Return the settings of a result that are not the study's own."""
    chosen = study_of(result)
    usual = {} if chosen is None else chosen.defaults
    return {name: value for name, value in result.config.items() if value != usual.get(name)}


def as_setting(value: Any) -> str:
    """Return a setting's value as `Study.configure` reads it."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return ",".join(map(as_setting, value))
    return value if isinstance(value, str) else json.dumps(value)
