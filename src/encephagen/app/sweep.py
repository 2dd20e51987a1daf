"""`encephagen sweep`: a number of the recipe over a range, in one file and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from encephagen.app import console, runs, tables
from encephagen.experiments import sweep as experiment
from encephagen.experiments.runner import RunFailed
from encephagen.experiments.sweep import Asked, Axis, Sweep
from encephagen.files import to_json, whole
from encephagen.working_point.choice import Ask, portable

if TYPE_CHECKING:
    import xarray as xr

FILE, PICTURE = "sweep.nc", "sweep.png"


def wanted(
    settings: Sequence[str],
    seeds: int,
    seconds: float,
    dataset: str,
    recipe: Path | None,
    ask: Ask,
) -> Sweep:
    """Return the sweep that a command line asks for; ValueError for what cannot be."""
    from encephagen.brain.recipe import Recipe
    from encephagen.connectome.datasets import load
    from encephagen.working_point.point import WorkingPoint
    from encephagen.working_point.whole import default_recipe

    asked = Asked.KEPT
    if ask.calibrate or ask.balance:
        asked = Asked.CALIBRATED if ask.calibrate else Asked.BALANCED
    return Sweep(
        tuple(Axis.of(setting) for setting in settings),
        (default_recipe(load(dataset)) if recipe is None else Recipe.load(recipe)).as_dict(),
        portable(dataset),
        asked,
        None if ask.file is None else WorkingPoint.load(ask.file).as_dict(),
        seeds,
        seconds,
    )


def sweep(
    wanted: Sweep, workers: int | None, scheduler: str | None, out: Path, as_json: bool
) -> int:
    """Run a sweep, write its file and picture into ``out``, print it; return the exit status.

    What a run returned is kept there, and not done again. The status is 1 if a run failed; brains
    that run away are counted, and fail nothing.
    """
    out.mkdir(parents=True, exist_ok=True)
    try:
        with runs.runner(out, workers, scheduler) as runner:
            data = experiment.swept(wanted, runner)
    except RunFailed as error:
        return runs.failed(error)
    with console.patience("drawing ..."):
        _write(data, out)
    points = experiment.by_point(data)
    names = [axis.name for axis in wanted.axes]
    if as_json:
        document = {
            "swept": {axis.name: list(axis.values) for axis in wanted.axes},
            "asked": str(wanted.asked),
            "target_Hz": data.attrs["target_Hz"],
            "seeds": wanted.seeds,
            "points": points,
            "out": str(out),
            "file": str(out / FILE),
        }
        print(to_json(document))
        return 0
    made = tables.table("sweep", *names, "rate E", "CV", "ok", "ran away", "refused", "alarms", "<")
    for point in points:
        rate_Hz, cv = point["rate_exc_Hz"], point["cv_isi"]
        made.add_row(
            *(f"{point[name]:g}" for name in names),
            tables.NONE if rate_Hz is None else f"{rate_Hz:.2f} Hz",
            tables.NONE if cv is None else f"{cv:.2f}",
            *(str(point[ended]) for ended in ("ok", "ran_away", "refused")),
            ", ".join(point["alarms"]) or tables.NONE,
            point["working_point"],
        )
    made.columns[-1].no_wrap = False
    console.out().print(made)
    console.out().print(f"written to {out}: {FILE}, {PICTURE}", markup=False, soft_wrap=True)
    return 0


def _write(data: "xr.Dataset", out: Path) -> None:
    """Write the data and their picture into a folder."""
    from encephagen.figures.sweep import sweep as draw

    with whole(out / FILE) as part:
        data.to_netcdf(part, engine="h5netcdf")
    with whole(out / PICTURE) as part:
        draw(data).savefig(part, format="png", dpi=150)
