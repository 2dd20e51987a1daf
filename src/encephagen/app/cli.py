"""The command line: `encephagen` and its commands.

Only typer is imported here; each command imports what it needs, so that help is instant.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from encephagen import __version__

BAD_INPUT = 2
INTERRUPTED = 130


class _Group(TyperGroup):
    """Turns what a user got wrong into one line on stderr and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            from encephagen.app import console

            console.err().print("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Who reads the answer has gone; say nothing to nobody, also not when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (ValueError, OSError, ImportError, MemoryError, OverflowError) as error:
            from encephagen.app import console

            console.complain(error)
            raise typer.Exit(BAD_INPUT) from None


app = typer.Typer(
    name="encephagen",
    cls=_Group,
    help="A laboratory for spiking brains built from a human connectome.",
    epilog=(
        "Exit status: 0 success, 1 something is unhealthy (doctor, a run that the engine stopped), "
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
Dt = Annotated[float, typer.Option(help="Integration step in ms.")]
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
    dt_ms: float,
    seed: int,
    wiring_seed: int | None = None,
    noise_seed: int | None = None,
    initial_seed: int | None = None,
):
    from encephagen.app.choice import Choice, recipe_values

    return Choice(
        dataset=dataset,
        subcortex=subcortex,
        recipe=recipe_values(recipe, settings or []),
        dt_ms=dt_ms,
        wiring_seed=seed if wiring_seed is None else wiring_seed,
        noise_seed=seed if noise_seed is None else noise_seed,
        initial_seed=seed if initial_seed is None else initial_seed,
    )


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
    dt_ms: Dt = 0.1,
    out: Annotated[Path | None, typer.Option(help="Save the recording here (netCDF).")] = None,
    json: Json = False,
) -> None:
    """Simulate a brain, say how healthy it is, and save what happened.

    Ctrl-C ends the run early: what was recorded until then is summarised and saved.
    """
    from encephagen.app import simulation

    choice = _choice(
        dataset, subcortex, recipe, settings, dt_ms, seed, wiring_seed, noise_seed, initial_seed
    )
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
    dt_ms: Dt = 0.1,
) -> None:
    """Talk to a brain: look, sound, touch, walk, status, lesion REGION, ... (help lists all).

    Commands are also read from a pipe, and echoed. An error in a piped command is printed, the
    conversation goes on, and the exit status is 2 at the end.
    """
    from encephagen.app import demo as conversation

    choice = _choice(dataset, subcortex, recipe, settings, dt_ms, seed)
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
    app()


if __name__ == "__main__":
    main()
