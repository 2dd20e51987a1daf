"""The report of `encephagen fit`: the best recipe as a file, every evaluation, and a page."""

from pathlib import Path
from typing import Any

from encephagen.experiments.fit import Fit
from encephagen.files import to_json, whole
from encephagen.report import page

RECIPE, WORKING_POINT = "recipe.toml", "working_point.toml"
DOCUMENT, PICTURE, REPORT = "fit.json", "fit.png", "report.html"
SHOWN = 12
"""Recipes of each stage that the tables show."""

COLUMNS = {
    "score": "score",
    "fc_r": "FC r",
    "fcd_ks": "FCD KS",
    "rate_exc_Hz": "rate Hz",
    "rate_min_Hz": "lowest",
    "rate_max_Hz": "highest",
    "cv_isi": "CV",
}


def write(found: Fit, document: dict[str, Any], folder: Path) -> None:
    """Write the recipe, the document, the picture and the page into a folder."""
    from encephagen.figures.search import search

    with whole(folder / DOCUMENT) as part:
        part.write_text(to_json(document) + "\n", encoding="utf-8")
    best = document["best"]
    with whole(folder / RECIPE) as part:
        found.recipe.save(
            part,
            f"Found by    {document['command']}\n"
            f"FC r with training subjects {best['fc_r']:.3f}, with test subjects "
            f"{number(best['fc_test_r'])}; {document['evaluated']} recipes in theory, "
            f"{len(found.spikes)} in spikes.",
        )
    with whole(folder / WORKING_POINT) as part:
        found.working_point.save(part, f"Working point of {RECIPE} on {found.config.dataset}")
    picture = page.png(search(found.theory, found.spikes, found.long))
    with whole(folder / PICTURE) as part:
        part.write_bytes(picture)
    stages = (("Spikes", found.spikes), ("Long runs", found.long))
    recipe = (folder / RECIPE).read_text(encoding="utf-8")
    search_blocks = [
        page.Code(document["command"]),
        page.Picture(picture, "every evaluated recipe"),
    ]
    made = page.Page(
        "encephagen: fit",
        [
            page.Section("Search", search_blocks),
            page.Section("Recipe", [page.Code(recipe)]),
            *(
                page.Section(title, [page.Table(tuple(COLUMNS), cells(evaluated))])
                for title, evaluated in stages
            ),
        ],
    )
    with whole(folder / REPORT) as part:
        part.write_text(made.html(), encoding="utf-8")


def cells(evaluated: list[dict[str, Any]]) -> list[list[str]]:
    """Return the texts of the first recipes under `COLUMNS`."""
    return [[number(one.get(name)) for name in COLUMNS] for one in evaluated[:SHOWN]]


def number(value: float | None) -> str:
    """Return a figure with three decimals; nothing for None."""
    return "" if value is None else f"{value:.3f}"
