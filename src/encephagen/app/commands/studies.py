"""Commands that ask many brains a question: list, run, sweep, report, validate, fit.

Only typer is imported here; each command imports what it needs, so that help is instant.
"""

from pathlib import Path
from typing import Annotated

import typer

from encephagen.app.options import (
    Balance,
    Calibrate,
    Dataset,
    Json,
    RecipeFile,
    Scheduler,
    Settings,
    Workers,
    WorkingPointFile,
    asked,
)


def catalogue(
    results: Annotated[
        Path, typer.Option(help="Where results are looked for, a folder a study.")
    ] = Path("results"),
    json: Json = False,
) -> None:
    """List the studies, and which of them have a result."""
    from encephagen.app import experiments

    experiments.catalogue(results, json)


def run(
    name: Annotated[
        str,
        typer.Argument(help="A study (`encephagen list` names them), or a .py file of your own."),
    ],
    describe: Annotated[
        bool, typer.Option("--describe", help="Tell its claim and settings, and run nothing.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="How many seeds, in place of the study's own number.")
    ] = None,
    nulls: Annotated[
        int | None, typer.Option(min=0, help="How many nulls, in place of the study's own number.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="A dataset in place of the study's own.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; repeatable."),
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for what is found; results/NAME unless given.")
    ] = None,
    json: Json = False,
) -> None:
    """Run a study: what was claimed, what we find, and a verdict.

    Its runs are kept in the folder as they end; the same command, again, does only those that are
    missing: after Ctrl-C, a crash, or with more seeds.
    """
    from encephagen.app import experiments

    if describe:
        return experiments.describe(name, json)
    options = {"seeds": seeds, "nulls": nulls, "dataset": dataset}
    raise typer.Exit(experiments.run(name, options, settings or [], out, workers, scheduler, json))


def sweep(
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=FROM:TO:N",
            help="A number of the recipe over a range, or NAME=A,B,C; NAME=VALUE changes it alone.",
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Brains at each point.")] = 3,
    seconds: Annotated[
        float, typer.Option(help="Brain time of each, after it has settled.")
    ] = 20.0,
    dataset: Dataset = "hcp-aal2",
    recipe: RecipeFile = None,
    working_point: WorkingPointFile = None,
    calibrate: Calibrate = False,
    balance: Balance = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    out: Annotated[
        Path, typer.Option(help="Folder for sweep.nc, its picture and the finished runs.")
    ] = Path("results/sweep"),
    json: Json = False,
) -> None:
    """Run one brain after the other over a range of a number, or of two: rate, CV, alarms.

    Each point keeps the working point of the recipe; --balance gives it one of its own, --calibrate
    one to every brain. Brains that run away, or have none, are counted. Finished runs are kept.
    """
    from encephagen.app import sweep as sweeping

    ask = asked(working_point, calibrate, balance)
    wanted = sweeping.wanted(settings, seeds, seconds, dataset, recipe, ask)
    raise typer.Exit(sweeping.sweep(wanted, workers, scheduler, out, json))


def report(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Results, or folders of them; else results/.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page; studies.html in the first folder unless given.")
    ] = None,
) -> None:
    """Make one HTML page of saved results: tables, pictures, verdicts."""
    from encephagen.app import experiments

    experiments.report(folders or [], out)


def validate(
    minutes: Annotated[float, typer.Option(help="Brain time of each seed, in minutes.")] = 20.0,
    seeds: Annotated[int, typer.Option(min=1, help="Wirings with noise of their own.")] = 4,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dataset: Dataset = "hcp-aal2",
    recipe: RecipeFile = None,
    settings: Settings = None,
    working_point: WorkingPointFile = None,
    calibrate: Calibrate = False,
    balance: Balance = False,
    fmri: Annotated[
        str | None, typer.Option(help="Dataset whose fMRI to compare with; else DATASET's own.")
    ] = None,
    heldout: Annotated[
        str | None,
        typer.Option(metavar="N,N", help="Subjects, from 0, to test on; else all not fitted on."),
    ] = None,
    propagation: Annotated[
        bool, typer.Option(help="Also stimuli that travel: that study, without nulls.")
    ] = True,
    out: Annotated[
        Path, typer.Option(help="Folder for the report, the arrays and the finished runs.")
    ] = Path("results/validate"),
    json: Json = False,
) -> None:
    """Hold a brain to people: spikes, functional connectivity, timescales, stimuli that travel.

    Each figure stands beside its range, its source, and what simpler models reach. Finished runs
    are kept in the folder: after an interruption the same command does the rest.
    """
    from encephagen.app import console
    from encephagen.app import validate as validation
    from encephagen.brain.recipe import Recipe
    from encephagen.connectome.datasets import load
    from encephagen.validation.question import Question, with_fmri
    from encephagen.working_point.choice import portable, recipe_values

    with_fmri(dataset, fmri)
    ask, connectome = asked(working_point, calibrate, balance), load(dataset)
    values = Recipe.from_dict(recipe_values(recipe, settings or [], connectome))
    with console.calibrating() as progress:
        point = ask.find(connectome, values, progress=progress) if ask.wanted else None
    question = Question(
        portable(dataset),
        values,
        minutes,
        seeds,
        fmri,
        None if heldout is None else validation.subjects(heldout, "--heldout"),
        propagation,
        point,
    )
    raise typer.Exit(validation.validate(question, workers, scheduler, out, json))


def fit(
    train: Annotated[
        str, typer.Option(metavar="N,N", help="Subjects, from 0, that the fit may see.")
    ] = "0,1,2,3",
    test: Annotated[
        str, typer.Option(metavar="N,N", help='Subjects it is tested on at the end; "" is none.')
    ] = "4,5,6",
    start: Annotated[
        Path | None, typer.Option(help="A recipe (TOML) to search around; else all over.")
    ] = None,
    starts: Annotated[int, typer.Option(min=1, help="Recipes theory starts from.")] = 512,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Take from --start only what is not searched.")
    ] = False,
    hold: Annotated[
        str, typer.Option(metavar="NAMES", help="Numbers that stay as in --start, with commas.")
    ] = "",
    generations: Annotated[int, typer.Option(min=0, help="Generations of CMA-ES.")] = 60,
    population: Annotated[int, typer.Option(min=4, help="Recipes of a generation.")] = 24,
    finalists: Annotated[int, typer.Option(min=1, help="Recipes that are simulated.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of simulation, each nearer.")] = 3,
    minutes: Annotated[float, typer.Option(help="Brain time of each of them, in minutes.")] = 4.0,
    winners: Annotated[int, typer.Option(min=1, help="Recipes that are simulated longer.")] = 2,
    long_minutes: Annotated[float, typer.Option(help="Brain time of these.")] = 12.0,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of these.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search.")] = 0,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dataset: Annotated[
        str, typer.Option(metavar="hcp-aal2|gw-aal2", help="Connectome and fMRI.")
    ] = "hcp-aal2",
    out: Annotated[
        Path, typer.Option(help="Folder for the recipe, the report and the finished runs.")
    ] = Path("results/fit"),
    json: Json = False,
) -> None:
    """Search the free parameters of a recipe against fMRI: theory first, then spikes.

    Writes recipe.toml and working_point.toml, for --recipe and --working-point of other commands.
    Finished evaluations are kept: after an
    interruption the same command goes on.
    """
    from encephagen.app import fit as fitting
    from encephagen.app.validate import subjects
    from encephagen.brain.recipe import Recipe
    from encephagen.experiments.search.config import Config

    around = None if start is None else Recipe.load(start)
    if around is not None and around.tables != ("cortex",):
        raise ValueError(
            f"--start {start}: a fit searches a cortex alone, and this has "
            f"{' and '.join(f'[{table}]' for table in around.tables[1:])} too; give one of cortex"
        )
    config = Config(
        dataset=dataset,
        train=subjects(train, "--train"),
        test=subjects(test, "--test"),
        start=None if around is None else around.as_dict()["cortex"],
        everywhere=everywhere,
        hold=tuple(name.strip() for name in hold.split(",") if name.strip()),
        starts=starts,
        generations=generations,
        population=population,
        finalists=finalists,
        rounds=rounds,
        minutes=minutes,
        winners=winners,
        long_minutes=long_minutes,
        seeds=seeds,
        seed=seed,
    )
    raise typer.Exit(fitting.fit(config, workers, scheduler, out, json))
