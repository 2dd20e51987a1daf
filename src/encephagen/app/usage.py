"""What the command line answers where something is wrong: one line on stderr, and an exit status.

Only typer is imported here, so that help is instant.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

BAD_INPUT = 2
INTERRUPTED = 130
USAGE: Any = typer.BadParameter.__bases__[0]  # UsageError, of click or of typer's own copy of it


class Group(TyperGroup):
    """Turns what a user got wrong into one line on stderr and exit status 2."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> Any:
        """Read a command line."""
        with _told(lambda: info_name, bare=not args):
            return super().make_context(info_name, args, *more, **extra)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is named, or say the nearest."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from encephagen import names

            near = names.nearest(args[0], self.commands)
            hint = f"; nearest: {near[0]}" if near else ""
            raise USAGE(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        from encephagen.app import console

        with _told(lambda: f"{ctx.command_path} {ctx.invoked_subcommand or ''}"):
            with console.warnings_in_one_line():
                try:
                    return super().invoke(ctx)
                finally:
                    sys.stdout.flush()  # a full disk is told here, and not as Python ends


@contextmanager
def _told(path: Callable[[], str | None], bare: bool = False) -> Iterator[None]:
    """Tell in one line what goes wrong within, and exit with the status that it has.

    ``path()`` is the command that was at work, for an error that does not say itself.
    """
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # who reads the answer has gone: say nothing to nobody
        _discard(sys.stdout, sys.stderr)
        raise typer.Exit(1) from None
    except USAGE as error:
        if bare:  # the answer is the help
            raise
        asked = error.ctx.command_path if error.ctx is not None else (path() or "").strip()
        told = _unknown(error) or error.format_message().rstrip(".")
        _complain(f"{told}; see {asked} --help")
        raise typer.Exit(BAD_INPUT) from None
    except (ValueError, OSError, ImportError, MemoryError, OverflowError) as error:
        _complain(error)
        try:
            sys.stdout.flush()
        except OSError:
            _discard(sys.stdout)
        raise typer.Exit(BAD_INPUT) from None


def _complain(what: BaseException | str) -> None:
    from encephagen.app import console  # which loads rich

    console.complain(what)


def _discard(*streams: Any) -> None:
    """Send what streams still hold, and what is yet written to them, nowhere."""
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _unknown(error: Any) -> str | None:
    """Say what an option that does not exist may have meant, or None for any other error.

    Where a recipe can be changed, that may be a parameter of it.
    """
    if type(error).__name__ != "NoSuchOption" or error.ctx is None:
        return None
    from encephagen import names

    asked = error.option_name.lstrip("-")
    options = [o.lstrip("-") for p in error.ctx.command.params for o in p.opts]
    near = [f"--{name}" for name in names.nearest(asked, options)]
    if {"set", "recipe"} <= {*options}:
        from encephagen.app.machine import recipe_rows

        parameters = [row[0] for row in recipe_rows()]
        near += [f"--set {name}=..." for name in names.nearest(asked, parameters)]
    hint = f"; nearest: {' or '.join(near)}" if near else ""
    return f"no option {error.option_name}{hint}"


def open_streams() -> None:
    """Let the null device stand for a closed stdin, stdout or stderr.

    Else the next file that is opened takes its number, and what is printed goes into that file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)  # for workers, too
            setattr(sys, name, stream)
