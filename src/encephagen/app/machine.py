"""`encephagen info`: datasets, versions, machine."""

import json
from typing import Any

from encephagen import __version__
from encephagen.app import console
from encephagen.bench.machine import machine, requirements, versions
from encephagen.extras import EXTRAS, TVB


def info(as_json: bool, recipe: bool) -> None:
    """Print datasets, versions and machine; with ``recipe`` the parameters of the default brain."""
    from encephagen.connectome.datasets import catalogue

    datasets = catalogue()
    installed = {"encephagen": __version__, **versions(requirements())}
    if as_json:
        import dataclasses

        document: dict[str, Any] = {
            "datasets": [dataclasses.asdict(d) for d in datasets],
            "versions": installed,
            "machine": machine(),
        }
        if recipe:
            document["recipe"] = [dict(zip(_FIELDS, row, strict=True)) for row in recipe_rows()]
        print(json.dumps(document, indent=2))
        return
    from encephagen.app import tables

    out = console.out()
    made = tables.table("datasets", "<name", "regions", "subjects", "fMRI", "<")
    for d in datasets:
        scan = "" if d.n_volumes is None else f"{d.n_volumes} x {d.tr_s:g} s"
        about = d.description if d.installed else f"not installed: {TVB.remedy}"
        made.add_row(d.name, str(d.n_regions), str(d.n_subjects), scan, about)
    made.columns[-1].no_wrap = False
    out.print(made)
    out.print("or a path: a TVB zip, .npz, .mat, a folder of CSV or MRtrix text", style="dim")
    out.print()
    cited: dict[tuple[str, str], list[str]] = {}
    for d in datasets:
        cited.setdefault((d.citation, d.licence), []).append(d.name)
    rows = [(", ".join(names), f"{c}. Licence: {lic}") for (c, lic), names in cited.items()]
    out.print("sources", style="bold")
    for names, text in rows:
        out.print(f"{names}: {text}", markup=False)
    out.print()
    remedies = {extra.package: f": {extra.remedy}" for extra in EXTRAS}
    rows = [(k, v or f"not installed{remedies.get(k, '')}") for k, v in installed.items()]
    out.print(tables.pairs("versions", rows))
    out.print(
        tables.pairs("machine", [(k.replace("_", " "), str(v)) for k, v in machine().items()])
    )
    if recipe:
        made = tables.table("recipe of the default brain", "<--set", "value", "<unit", "<source")
        for name, value, unit, source in recipe_rows():
            made.add_row(name, f"{value:g}", unit, source)
        made.columns[-1].no_wrap = False
        out.print(made)


_FIELDS = ("name", "value", "unit", "source")


def recipe_rows() -> list[tuple[str, float, str, str]]:
    """Return (name, value, unit, source) of every parameter of the default recipe.

    Of tables that it has not, the values are those that a recipe which has them begins with.
    """
    from encephagen.brain.recipe import TABLES
    from encephagen.units import table
    from encephagen.working_point.whole import default_recipe

    recipe = default_recipe()
    return [
        (name, getattr(getattr(recipe, fragment) or numbers(), name), unit, source)
        for fragment, numbers in TABLES.items()
        for name, _, unit, source in table(numbers)
    ]
