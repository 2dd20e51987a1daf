"""`encephagen fit`: search the free parameters of a recipe, and write the best."""

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encephagen.app import console

if TYPE_CHECKING:
    from encephagen.experiments.fit import Config, Fit

RECIPE, WORKING_POINT = "recipe.toml", "working_point.toml"
DOCUMENT, PICTURE, REPORT = "fit.json", "fit.png", "report.html"
SHOWN = 12
"""Recipes of each stage that the table shows."""


def fit(
    config: "Config", workers: int | None, scheduler: str | None, out: Path, as_json: bool
) -> int:
    """Search, write the recipe, its working point, every evaluation and a page into ``out``.

    Returns the exit status: 1 if a run failed. Raises ValueError for a data set without fMRI, or
    without such subjects.
    """
    from encephagen.app import runs
    from encephagen.experiments import fit as search
    from encephagen.experiments.runner import RunFailed

    search.people(config.dataset, (*config.train, *config.test))
    out.mkdir(parents=True, exist_ok=True)
    started_s = time.perf_counter()
    try:
        with runs.runner(out, workers, scheduler) as runner:
            found = search.fit(config, runner)
    except RunFailed as error:
        return runs.failed(error)
    command = shlex.join(["encephagen", *sys.argv[1:]])
    document = {
        **search.as_dict(found),
        "command": command,
        "runs": runner.n_runs,
        "resumed": runner.n_resumed,
        "wall_s": round(time.perf_counter() - started_s, 1),
    }
    _write(found, document, out)
    if as_json:
        shown = {k: v for k, v in document.items() if k not in ("theory", "spikes", "long")}
        print(json.dumps({**shown, "out": str(out)}, indent=2))
    else:
        _show(found, document, out)
    return 0


def _write(found: "Fit", document: dict[str, Any], out: Path) -> None:
    from encephagen.app import page
    from encephagen.experiments.store import whole
    from encephagen.figures.search import search

    with whole(out / DOCUMENT) as part:
        part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    best = document["best"]
    with whole(out / RECIPE) as part:
        found.recipe.save(
            part,
            f"Found by    {document['command']}\n"
            f"FC r with training subjects {best['fc_r']:.3f}, with test subjects "
            f"{_number(best['fc_test_r'])}; {document['evaluated']} recipes in theory, "
            f"{len(found.spikes)} in spikes.",
        )
    with whole(out / WORKING_POINT) as part:
        found.working_point.save(part, f"Working point of {RECIPE} on {found.config.dataset}")
    with console.patience("drawing ..."):
        picture = page.png(search(found.theory, found.spikes, found.long))
        with whole(out / PICTURE) as part:
            part.write_bytes(picture)
    made = page.Page(
        "encephagen: fit",
        [
            page.Section(
                "Search",
                [page.Code(document["command"]), page.Picture(picture, "every evaluated recipe")],
            ),
            page.Section("Recipe", [page.Code((out / RECIPE).read_text(encoding="utf-8"))]),
            *(
                page.Section(title, [page.Table(tuple(COLUMNS), _rows(evaluated))])
                for title, evaluated in (("Spikes", found.spikes), ("Long runs", found.long))
            ),
        ],
    )
    with whole(out / REPORT) as part:
        part.write_text(made.html(), encoding="utf-8")


COLUMNS = {
    "score": "score",
    "fc_r": "FC r",
    "fcd_ks": "FCD KS",
    "rate_exc_Hz": "rate Hz",
    "rate_min_Hz": "lowest",
    "rate_max_Hz": "highest",
    "cv_isi": "CV",
}


def _rows(evaluated: list[dict[str, Any]]) -> list[list[str]]:
    return [[_number(one.get(name)) for name in COLUMNS] for one in evaluated[:SHOWN]]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _show(found: "Fit", document: dict[str, Any], out: Path) -> None:
    from encephagen.app import tables

    for title, evaluated in (("spikes", found.spikes), ("long runs", found.long)):
        made = tables.table(title, *COLUMNS.values())
        for row in _rows(evaluated):
            made.add_row(*row)
        console.out().print(made)
    values = found.recipe.as_dict()["cortex"]
    made = tables.table("the best recipe", "<parameter", "value")
    from encephagen.experiments.fit import FREE

    for name in FREE:
        made.add_row(name, f"{values[name]:.4g}")
    console.out().print(made)
    console.out().print(
        f"FC r with test subjects, of the best alone: {_number(found.fc_test_r) or 'none given'}; "
        f"{document['evaluated']} recipes in theory, {len(found.spikes)} in spikes, "
        f"{document['wall_s']:.0f} s; try it: encephagen validate --recipe "
        f"{out / RECIPE} --working-point {out / WORKING_POINT}",
        markup=False,
        soft_wrap=True,
    )
