"""Commands that build a brain, talk to it, or write it: simulate, plot, demo, nulls, export.

Only typer is imported here; each command imports what it needs, so that help is instant.
"""

from pathlib import Path
from typing import Annotated

import typer

from encephagen.app.options import (
    Balance,
    Calibrate,
    Dataset,
    Dt,
    InitialSeed,
    Json,
    NoiseSeed,
    RecipeFile,
    Seed,
    Settings,
    Subcortex,
    Threads,
    WiringSeed,
    WorkingPointFile,
    asked,
    chosen,
)
from encephagen.app.usage import BAD_INPUT


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

    ask, seeds = asked(working_point, calibrate, balance), (wiring_seed, noise_seed, initial_seed)
    choice = chosen(dataset, subcortex, recipe, settings, ask, dt_ms, seed, *seeds, threads)
    raise typer.Exit(simulation.simulate(choice, seconds, threads, out, json))


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
    if picture_file.resolve() == file.resolve():
        raise ValueError(f"{file} is the recording itself: give the picture a name with --out")
    with console.patience("drawing ..."):
        from encephagen.recording import Recording

        recording = Recording.load(file)
        picture.save_overview(recording, picture_file)
    print(picture_file)


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

    ask = asked(working_point, calibrate, balance)
    choice = chosen(dataset, subcortex, recipe, settings, ask, dt_ms, seed, threads=threads)
    raise typer.Exit(conversation.demo(choice, threads))


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


NewFolder = Annotated[Path, typer.Option("--out", help="A new or empty folder for the files.")]


def export(context: typer.Context) -> None:
    """Write a brain for another program."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(BAD_INPUT)


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

    ask = asked(working_point, calibrate, balance)
    choice = chosen(dataset, subcortex, recipe, settings, ask, dt_ms, seed)
    raise typer.Exit(to_nest(choice, out, current_pA, json))


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

    ask = asked(working_point, calibrate, balance)
    choice = chosen(dataset, subcortex, recipe, settings, ask, dt_ms, seed)
    raise typer.Exit(to_sonata(choice, out, json))
