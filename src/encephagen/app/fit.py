"""`encephagen fit`: search the free parameters of a recipe, and write the best as a recipe."""

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encephagen.app import console

if TYPE_CHECKING:
    from encephagen.experiments.fit import Fit
    from encephagen.experiments.search.config import Config


def fit(
    config: "Config", workers: int | None, scheduler: str | None, out: Path, as_json: bool
) -> int:
    """Search, write the recipe, every evaluation and a page into ``out``; return the exit status.

    1 if a run failed. Raises ValueError if cma is not installed, and for a data set without fMRI,
    or without such subjects.
    """
    from encephagen.app import runs
    from encephagen.experiments import fit as fitting
    from encephagen.experiments.runner import RunFailed
    from encephagen.experiments.search.config import people
    from encephagen.extras import FIT
    from encephagen.report import fit as report

    FIT.check("fit")
    people(config.dataset, (*config.train, *config.test))
    out.mkdir(parents=True, exist_ok=True)
    started_s = time.perf_counter()
    try:
        with runs.runner(out, workers, scheduler) as runner:
            found = fitting.fit(config, runner)
    except RunFailed as error:
        return runs.failed(error)
    command = shlex.join(["encephagen", *sys.argv[1:]])
    document = {
        **fitting.as_dict(found),
        "command": command,
        "runs": runner.n_runs,
        "resumed": runner.n_resumed,
        "wall_s": round(time.perf_counter() - started_s, 1),
    }
    with console.patience("drawing ..."):
        report.write(found, document, out)
    if as_json:
        shown = {k: v for k, v in document.items() if k not in ("theory", "spikes", "long")}
        print(json.dumps({**shown, "out": str(out)}, indent=2))
    else:
        _show(found, document, out)
    return 0


def _show(found: "Fit", document: dict[str, Any], out: Path) -> None:
    from encephagen.app import tables
    from encephagen.report import fit as report

    for title, evaluated in (("spikes", found.spikes), ("long runs", found.long)):
        made = tables.table(title, *report.COLUMNS.values())
        for row in report.cells(evaluated):
            made.add_row(*row)
        console.out().print(made)
    values = found.recipe.as_dict()["cortex"]
    made = tables.table("the best recipe", "<parameter", "value")
    for name in found.config.free:
        made.add_row(name, f"{values[name]:.4g}")
    console.out().print(made)
    tested = report.number(found.fc_test_r) or "none given"
    console.out().print(
        f"FC r with test subjects, of the best alone: {tested}; "
        f"{document['evaluated']} recipes in theory, {len(found.spikes)} in spikes, "
        f"{document['wall_s']:.0f} s; try it: encephagen validate --recipe "
        f"{out / report.RECIPE} --working-point {out / report.WORKING_POINT}",
        markup=False,
        soft_wrap=True,
    )
