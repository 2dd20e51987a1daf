"""`encephagen list`, `run` and `report`: the studies, one of them, and pages of what they found."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encephagen.app import console, runs
from encephagen.experiments import study
from encephagen.experiments.result import JSON, Result
from encephagen.experiments.runner import RunFailed
from encephagen.experiments.study import Study
from encephagen.files import to_json, whole
from encephagen.report import study as pages
from encephagen.working_point.choice import portable

RESULTS = Path("results")
OVERVIEW = "studies.html"


def catalogue(results: Path, as_json: bool) -> None:
    """Print every study, and the result of each that is in a folder of ``results``."""
    found = [_entry(study.find(name), results) for name in study.names()]
    if as_json:
        print(json.dumps({"studies": found}, indent=2))
        return
    from encephagen.app import tables

    made = tables.table("studies", "<name", "runs", "<result", "<")
    for entry in found:
        n_runs = str(entry["n_runs"] or tables.NONE)
        made.add_row(entry["name"], n_runs, _state(entry["result"]), entry["title"])
    made.columns[-1].no_wrap = False
    out = console.out()
    out.print(made)
    out.print(
        "encephagen run NAME runs one; * made by another version of the code, + with settings that "
        "are not the study's own",
        style="dim",
    )


def _state(kept: dict[str, Any] | None) -> str:
    """Return in few words whether there is a result, and of when."""
    if kept is None:
        return ""
    if "error" in kept:
        return "unreadable"
    marks = ("" if kept["current"] else "*") + ("" if kept["full"] else "+")
    return f"{kept['created'][:10]} {marks}".rstrip()


def _entry(one: Study, results: Path) -> dict[str, Any]:
    """Return what there is to say of a study, plain."""
    return {
        "name": one.name,
        "title": one.title,
        "claim": one.module.CLAIM,
        "n_runs": one.n_runs,
        "result": _kept(one, results / one.name),
    }


def _kept(one: Study, folder: Path) -> dict[str, Any] | None:
    """Return what there is to say of a study's result in a folder, None if there is none."""
    if not (folder / JSON).exists():
        return None
    try:
        result = Result.load(folder)
    except ValueError as error:
        return {"folder": str(folder), "error": console.one_line(error)}
    made = result.provenance
    return {
        "folder": str(folder),
        "verdict": result.verdict,
        "current": made["code"] == one.code,
        "full": not pages.changed(result),
        **{name: made[name] for name in ("created", "n_runs", "wall_s")},
    }


def run(
    name: str,
    options: Mapping[str, Any],
    settings: Sequence[str],
    out: Path | None,
    workers: int | None,
    scheduler: str | None,
    as_json: bool,
) -> int:
    """Run a study, write what it found into ``out``, print it, and return the exit status.

    ``name`` is a study's, or the path of a file of the user's own. ``options`` (None: not given)
    and ``settings`` (name=value) change its Config. ``out`` is
    results/NAME unless given; it gets result.json, result.npz, the pictures, a page, and runs/ with
    what each run returned, which is not done again. The status is 1 if a run failed.

    Raises ValueError for what is no study, no field of its Config, or a scheduler that is silent.
    """
    chosen = study.find(name)
    config = chosen.configure(_settings(options, settings))
    if hasattr(config, "dataset"):
        config = dataclasses.replace(config, dataset=portable(config.dataset))
    folder = RESULTS / chosen.name if out is None else out
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with runs.runner(folder, workers, scheduler) as runner:
            result = chosen.run(config, runner)
    except RunFailed as error:
        return runs.failed(error)
    with console.patience("drawing ..."):
        pages.write(result, folder)
    if as_json:
        print(json.dumps({**result.as_dict(), **result.values, "out": str(folder)}, indent=2))
    else:
        _show(result, folder)
    return 0


def describe(name: str, as_json: bool) -> None:
    """Print what a study claims, and its settings: name, default, meaning."""
    chosen = study.find(name)
    settings = chosen.settings
    if as_json:
        found = [setting._asdict() for setting in settings]
        about = {"name": chosen.name, "title": chosen.title, "claim": chosen.module.CLAIM}
        print(to_json({**about, "n_runs": chosen.n_runs, "settings": found}))
        return
    from encephagen.app import tables

    made = tables.table(chosen.name, "<setting", "<default", "<")
    for setting in settings:
        made.add_row(setting.name, pages.as_setting(setting.default), setting.meaning)
    made.columns[1].no_wrap = made.columns[2].no_wrap = False
    out = console.out()
    out.print(f"{chosen.title}\n", markup=False)
    out.print(f"Claimed: {chosen.module.CLAIM}\n", markup=False)
    out.print(made)
    out.print(f"encephagen run {name} --set NAME=VALUE changes one", style="dim", markup=False)


def _settings(options: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Return what a command line changes of a Config, by name; texts are still to be read."""
    changed = {name: value for name, value in options.items() if value is not None}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not (equals and name.strip() and text.strip()):
            raise ValueError(f"--set {setting!r}: expected name=value, as in seeds=5")
        changed[name.strip()] = text
    return changed


def report(folders: Sequence[Path], out: Path | None) -> None:
    """Write one page of saved results, their pictures drawn again, and print its name.

    ``folders`` hold a result, or folders that do; results/ unless given.

    Raises ValueError for a folder without any result.
    """
    file = (folders[0] if folders else RESULTS) / OVERVIEW if out is None else out
    kept = [folder for given in folders or [RESULTS] for folder in _with_result(given)]
    if not file.parent.is_dir():
        raise ValueError(f"--out {file}: {file.parent} is no folder; make it, or name another")
    found = []
    for folder in kept:
        try:
            found.append(Result.load(folder))
        except ValueError as error:
            console.complain(error)
    if not found:
        raise ValueError("none of these results can be read: run the studies again")
    sections = []
    with console.patience("drawing ..."):
        for result in found:
            try:
                pictures = pages.pictures(result)
            except Exception as error:  # of a study that has changed since: the rest still counts
                console.complain(f"no pictures of {result.study}: {console.one_line(error)}")
                pictures = {}
            sections.append(pages.section(result, pictures))
    with whole(file) as part:
        part.write_text(pages.overview(found, sections).html(), encoding="utf-8")
    print(file)


def _with_result(folder: Path) -> list[Path]:
    """Return the folder itself if it holds a result, or those in it that do."""
    if (folder / JSON).exists():
        return [folder]
    inner = sorted(path.parent for path in folder.glob(f"*/{JSON}"))
    if not inner:
        raise ValueError(f"{folder} has no result: make one with `encephagen run NAME`")
    return inner


def _show(result: Result, folder: Path) -> None:
    """Print a result for people."""
    from encephagen.app import tables

    out = console.out()
    out.print(tables.scores(result.study, result.rows))
    out.print()
    out.print(result.verdict, style="bold", markup=False)
    out.print(pages.made(result), style="dim", markup=False)
    out.print(
        f"written to {folder}, with a page: {folder / pages.PAGE}", markup=False, soft_wrap=True
    )
