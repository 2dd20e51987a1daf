"""The command line: `encephagen` and its commands, in the order of its help.

Only typer is imported here; each command imports what it needs, so that help is instant.
"""

from typing import Annotated

import typer

from encephagen import __version__
from encephagen.app.commands import brains, machine, studies
from encephagen.app.usage import Group, open_streams

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


app.command()(machine.info)
app.command()(brains.simulate)
app.command()(brains.plot)
app.command()(brains.demo)
app.command()(brains.nulls)
app.command("list")(studies.catalogue)
app.command()(studies.run)
app.command()(studies.sweep)
app.command()(studies.report)
app.command()(studies.validate)
app.command()(studies.fit)
app.command()(machine.bench)
app.command()(machine.doctor)

export = typer.Typer(callback=brains.export, invoke_without_command=True)
app.add_typer(export, name="export")
export.command("nest")(brains.export_nest)
export.command("sonata")(brains.export_sonata)


def main() -> None:
    """Run the command line."""
    open_streams()
    app()


if __name__ == "__main__":
    main()
