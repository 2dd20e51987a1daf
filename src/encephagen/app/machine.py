"""`encephagen info`: datasets, versions, machine."""

import json
import os
import platform
import re
from importlib import metadata
from typing import Any

from encephagen import __version__
from encephagen.app import console
from encephagen.extras import EXTRAS, TVB

NAME = "encephagen"


def requirements() -> tuple[str, ...]:
    """Return the packages that this one asks for, the optional ones last."""
    try:
        asked = metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:  # run from its source alone
        return ()
    return tuple(
        dict.fromkeys(
            re.split(r"[^\w.-]", line, maxsplit=1)[0]
            for line in sorted(asked, key=lambda line: "extra ==" in line)
        )
    )


def versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Return the version of each installed package, or None."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def machine() -> dict[str, Any]:
    """Return what this computer is, as far as a simulation cares."""
    import psutil

    from encephagen.jit import cache_folder

    memory = psutil.virtual_memory()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_GiB": round(memory.total / 2**30, 1),
        "memory_free_GiB": round(memory.available / 2**30, 1),
        "python": platform.python_version(),
        "kernel_cache": str(cache_folder()),
    }


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
    out.print("or a path: a TVB zip, an .npz, a folder of CSV files", style="dim")
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
    """Return (name, value, unit, source) of every parameter of the default recipe."""
    from encephagen.brain.recipe import TABLES, default_recipe
    from encephagen.units import table

    recipe = default_recipe()
    return [
        (name, getattr(getattr(recipe, fragment), name), unit, source)
        for fragment, numbers in TABLES.items()
        for name, _, unit, source in table(numbers)
    ]
