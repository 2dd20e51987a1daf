"""Options that several commands have, and the brain that they name.

Only typer is imported here, so that help is instant.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from encephagen.working_point.choice import Ask, Choice

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
        help="hcp-aal2, gw-aal2, tvb-76, ... (see info), or a path: "
        "TVB zip, .npz, .mat, folder of CSV or MRtrix text."
    ),
]
Subcortex = Annotated[bool, typer.Option("--subcortex", help="Add the 14 subcortical regions.")]
RecipeFile = Annotated[
    Path | None,
    typer.Option("--recipe", help="A recipe (TOML file, or the name of one that is shipped)."),
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


def asked(working_point: Path | None, calibrate: bool, balance: bool) -> "Ask":
    """Return which working point these options ask for."""
    from encephagen.working_point.choice import Ask

    return Ask(working_point, calibrate, balance)


def chosen(
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
) -> "Choice":
    """Return the brain that these options name, at its working point, which is found if need be."""
    from encephagen.app import console
    from encephagen.working_point.choice import Choice, recipe_values

    choice = Choice(
        dataset=dataset,
        subcortex=subcortex,
        dt_ms=dt_ms,
        wiring_seed=seed if wiring_seed is None else wiring_seed,
        noise_seed=seed if noise_seed is None else noise_seed,
        initial_seed=seed if initial_seed is None else initial_seed,
    )
    values = recipe_values(recipe, settings or [], choice.connectome())
    choice = dataclasses.replace(choice, recipe=values)
    with console.calibrating() as progress:
        return choice.at(ask, threads, progress)
