"""Commands about this machine and installation: info, bench, doctor.

Only typer is imported here; each command imports what it needs, so that help is instant.
"""

from pathlib import Path
from typing import Annotated

import typer

from encephagen.app.options import (
    Json,
)


def info(
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Also the parameters that --set can change.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the datasets with their sources, the versions, and this machine."""
    from encephagen.app import machine

    machine.info(json, recipe)


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


def doctor(json: Json = False) -> None:
    """Check this installation: what is missing, and how to get it. Exit status 1 if it fails."""
    from encephagen.app import doctor as checks

    raise typer.Exit(checks.doctor(json))
