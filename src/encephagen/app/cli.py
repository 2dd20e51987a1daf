"""The command line: `encephagen` and its commands.

Only typer is imported here; each command imports what it needs, so that help is instant.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from encephagen import __version__
from encephagen.app.usage import BAD_INPUT, Group, open_streams

if TYPE_CHECKING:
    from encephagen.app.choice import Ask

app = typer.Typer(
    name="encephagen",
    cls=Group,
    help="A laboratory for spiking brains built from a human connectome.",
    epilog=(
        "Exit status: 0 success, 1 something is unhealthy (doctor, a run that stopped or failed), "
        "2 bad input (one line on stderr says what), 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Seed = Annotated[int, typer.Option(min=0, help="Sets wiring, noise and initial state at once.")]
WiringSeed = Annotated[int | None, typer.Option(min=0, help="Wiring alone, in place of --seed.")]
NoiseSeed = Annotated[int | None, typer.Option(min=0, help="Noise alone, in place of --seed.")]
InitialSeed = Annotated[
    int | None, typer.Option(min=0, help="Initial state alone, in place of --seed.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads; the spikes are the same for any number.")
]
Dataset = Annotated[
    str,
    typer.Option(
        help="hcp-aal2, gw-aal2, tvb-76, ... (see info), or a path: TVB zip, .npz, folder of CSV."
    ),
]
Subcortex = Annotated[bool, typer.Option("--subcortex", help="Add the 14 subcortical regions.")]
RecipeFile = Annotated[
    Path | None, typer.Option("--recipe", help="A recipe (TOML) in place of the default cortex.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a recipe parameter; repeatable."),
]
WorkingPointFile = Annotated[
    Path | None, typer.Option(help="Backgrounds (TOML) in place of those that the recipe keeps.")
]
Calibrate = Annotated[
    bool, typer.Option("--calibrate", help="Measure a working point for these very numbers, once.")
]
Balance = Annotated[
    bool, typer.Option("--balance", help="The working point of theory for these very numbers.")
]
Dt = Annotated[float, typer.Option(help="Integration step in ms.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes of this machine; one a core unless given.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A Dask cluster in place of this machine.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _choice(
    dataset: str,
    subcortex: bool,
    recipe: Path | None,
    settings: list[str] | None,
    ask: "Ask",
    dt_ms: float,
    seed: int,
    wiring_seed: int | None = None,
    noise_seed: int | None = None,
    initial_seed: int | None = None,
    threads: int | None = None,
):
    from encephagen.app.choice import Choice, recipe_values

    choice = Choice(
        dataset=dataset,
        subcortex=subcortex,
        recipe=recipe_values(recipe, settings or []),
        dt_ms=dt_ms,
        wiring_seed=seed if wiring_seed is None else wiring_seed,
        noise_seed=seed if noise_seed is None else noise_seed,
        initial_seed=seed if initial_seed is None else initial_seed,
    )
    return choice.at(ask, threads)


def _ask(working_point: Path | None, calibrate: bool, balance: bool) -> "Ask":
    from encephagen.app.choice import Ask

    return Ask(working_point, calibrate, balance)


@app.command()
def info(
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Also the parameters that --set can change.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the datasets with their sources, the versions, and this machine."""
    from encephagen.app import machine

    machine.info(json, recipe)


@app.command()
def simulate(
    seconds: Annotated[float, typer.Option(help="Brain time to simulate.")] = 1.0,
    seed: Seed = 0,
    wiring_seed: WiringSeed = None,
    noise_seed: NoiseSeed = None,
    initial_seed: InitialSeed = None,
    threads: Threads = None,
    dataset: Dataset = "hcp-aal2",
    subcortex: Subcortex = False,
    recipe: RecipeFile = None,
    settings: Settings = None,
    working_point: WorkingPointFile = None,
    calibrate: Calibrate = False,
    balance: Balance = False,
    dt_ms: Dt = 0.1,
    out: Annotated[Path | None, typer.Option(help="Save the recording here (netCDF).")] = None,
    json: Json = False,
) -> None:
    """Simulate a brain, say how healthy it is, and save what happened.

    Ctrl-C ends the run early: what was recorded until then is summarised and saved.
    """
    from encephagen.app import simulation

    ask, seeds = _ask(working_point, calibrate, balance), (wiring_seed, noise_seed, initial_seed)
    choice = _choice(dataset, subcortex, recipe, settings, ask, dt_ms, seed, *seeds, threads)
    raise typer.Exit(simulation.simulate(choice, seconds, threads, out, json))


@app.command()
def plot(
    file: Annotated[Path, typer.Argument(help="A recording that simulate --out saved.")],
    out: Annotated[
        Path | None, typer.Option(help="The picture: .png, .pdf or .svg; else FILE with .png.")
    ] = None,
) -> None:
    """Draw an overview of a recording: raster, rates, cortical surface, spectrum."""
    from encephagen.app import console, picture

    picture_file = file.with_suffix(".png") if out is None else out
    picture.check_picture(picture_file)
    with console.patience("drawing ..."):
        from encephagen.recording import Recording

        recording = Recording.load(file)
        picture.save_overview(recording, picture_file)
    print(picture_file)


@app.command()
def demo(
    seed: Seed = 0,
    threads: Threads = None,
    dataset: Dataset = "hcp-aal2",
    subcortex: Subcortex = False,
    recipe: RecipeFile = None,
    settings: Settings = None,
    working_point: WorkingPointFile = None,
    calibrate: Calibrate = False,
    balance: Balance = False,
    dt_ms: Dt = 0.1,
) -> None:
    """Talk to a brain: look, walk, stimulate WHERE, lesion WHERE, show, ... (help lists all).

    Commands are also read from a pipe, and echoed. An error in a piped command is printed, the
    conversation goes on, and the exit status is 2 at the end.
    """
    from encephagen.app import demo as conversation

    ask = _ask(working_point, calibrate, balance)
    choice = _choice(dataset, subcortex, recipe, settings, ask, dt_ms, seed, threads=threads)
    raise typer.Exit(conversation.demo(choice, threads))


@app.command()
def nulls(
    dataset: Annotated[
        str, typer.Argument(help="hcp-aal2, gw-aal2, tvb-76, ... (see info), or a path.")
    ] = "hcp-aal2",
    seed: Annotated[int, typer.Option(min=0, help="Chooses one null of each kind.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the nulls (.npz, a --dataset) and proofs.json.")
    ] = None,
    json: Json = False,
) -> None:
    """Make the null connectomes of a dataset, each with the proof that it is one.

    What is measured: how much has changed, and what each null promises to keep. A null that would
    leave this connectome as it is, or nearly, is refused, with the reason.
    """
    from encephagen.app.nulls import nulls as prove

    raise typer.Exit(prove(dataset, seed, out, json))


export = typer.Typer()
app.add_typer(export, name="export")
NewFolder = Annotated[Path, typer.Option("--out", help="A new or empty folder for the files.")]


@export.callback(invoke_without_command=True)
def _export(context: typer.Context) -> None:
    """Write a brain for another program."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(BAD_INPUT)


@export.command("nest")
def export_nest(
    out: NewFolder,
    current_pA: Annotated[
        float,
        typer.Option(
            "--current-pA", help="Into every neuron in place of noise, with our spikes; 0: neither."
        ),
    ] = 600.0,
    dataset: Dataset = "hcp-aal2",
    subcortex: Subcortex = False,
    recipe: RecipeFile = None,
    settings: Settings = None,
    working_point: WorkingPointFile = None,
    calibrate: Calibrate = False,
    balance: Balance = False,
    seed: Seed = 0,
    dt_ms: Dt = 0.1,
    json: Json = False,
) -> None:
    """Write a brain with one script that runs it in plain NEST, also on several machines (MPI).

    The script, run.py, says what lies beside it and what it can do: run.py --help.
    """
    from encephagen.app.export import to_nest

    ask = _ask(working_point, calibrate, balance)
    choice = _choice(dataset, subcortex, recipe, settings, ask, dt_ms, seed)
    raise typer.Exit(to_nest(choice, out, current_pA, json))


@export.command("sonata")
def export_sonata(
    out: NewFolder,
    dataset: Dataset = "hcp-aal2",
    subcortex: Subcortex = False,
    recipe: RecipeFile = None,
    settings: Settings = None,
    working_point: WorkingPointFile = None,
    calibrate: Calibrate = False,
    balance: Balance = False,
    seed: Seed = 0,
    dt_ms: Dt = 0.1,
    json: Json = False,
) -> None:
    """Write a brain as SONATA (HDF5), with every synapse, weight and delay."""
    from encephagen.app.export import to_sonata

    ask = _ask(working_point, calibrate, balance)
    choice = _choice(dataset, subcortex, recipe, settings, ask, dt_ms, seed)
    raise typer.Exit(to_sonata(choice, out, json))


@app.command("list")
def catalogue(
    results: Annotated[
        Path, typer.Option(help="Where results are looked for, a folder a study.")
    ] = Path("results"),
    json: Json = False,
) -> None:
    """List the studies, and which of them have a result."""
    from encephagen.app import experiments

    experiments.catalogue(results, json)


@app.command()
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


@app.command()
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

    ask = _ask(working_point, calibrate, balance)
    wanted = sweeping.wanted(settings, seeds, seconds, dataset, recipe, ask)
    raise typer.Exit(sweeping.sweep(wanted, workers, scheduler, out, json))


@app.command()
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


@app.command()
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
    from encephagen.app import validate as validation
    from encephagen.app.choice import portable, recipe_values
    from encephagen.brain.recipe import Recipe
    from encephagen.connectome.datasets import load
    from encephagen.validation.question import Question

    ask, numbers = _ask(working_point, calibrate, balance), recipe_values(recipe, settings or [])
    values = Recipe.from_dict(numbers)
    question = Question(
        portable(dataset),
        values,
        minutes,
        seeds,
        fmri,
        None if heldout is None else validation.subjects(heldout, "--heldout"),
        propagation,
        ask.find(load(dataset), values) if ask.wanted else None,
    )
    raise typer.Exit(validation.validate(question, workers, scheduler, out, json))


@app.command()
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
    from encephagen.experiments.fit import Config

    config = Config(
        dataset=dataset,
        train=subjects(train, "--train"),
        test=subjects(test, "--test"),
        start=None if start is None else Recipe.load(start).as_dict()["cortex"],
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


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny networks: does it all work? Under a minute.")
    ] = False,
    sizes: Annotated[
        str | None, typer.Option(help="Only some of the sizes 1e6,1e7,1e8, beside the default.")
    ] = None,
    nest: Annotated[bool, typer.Option(help="Compare with NEST; installed if missing.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="Folder for bench.md, .png, .json; else docs of a checkout.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure speed and memory, beside real time and NEST on the same network."""
    from encephagen.app.bench import bench as measure

    raise typer.Exit(measure(json, quick=quick, out=out, sizes=sizes, nest=nest))


@app.command()
def doctor(json: Json = False) -> None:
    """Check this installation: what is missing, and how to get it. Exit status 1 if it fails."""
    from encephagen.app import doctor as checks

    raise typer.Exit(checks.doctor(json))


def main() -> None:
    """Run the command line."""
    open_streams()
    app()


if __name__ == "__main__":
    main()
