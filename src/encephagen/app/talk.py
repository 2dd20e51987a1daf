"""A conversation in lines: read from a terminal or a pipe, each answered by a method.

What is wrong with a line is told in one line, and the conversation goes on. What the commands do is
not known here.
"""

import cmd
import inspect
import re
from pathlib import Path
from typing import Any

from rich.text import Text

from encephagen import names
from encephagen.app import console, tables


class Talk(cmd.Cmd):
    """Reads commands and answers each by its ``do_`` method.

    The first line of such a method's docstring is its entry in the help; it takes what follows the
    command if it has a parameter ``argument``.
    """

    prompt = "encephagen> "

    def __init__(self, interactive: bool, history: Path | None = None):
        super().__init__()
        self.interactive, self.history = interactive, history
        self.use_rawinput = interactive
        if not interactive:
            self.prompt = ""
        self.out = console.out()
        self.n_asked = self.n_failed = 0

    def interrupted(self) -> str:
        """Return what to say when Ctrl-C has stopped a command."""
        return "interrupted"

    def preloop(self) -> None:
        """Set up line editing, history and completion."""
        readline = _readline() if self.interactive else None
        if readline is None:
            return
        # The hyphen and the like are parts of names.
        readline.set_completer_delims(" \t\n,")
        try:
            readline.read_history_file(self.history)
        except OSError:
            pass

    def postloop(self) -> None:
        """Keep the history for the next conversation."""
        readline = _readline() if self.interactive else None
        if readline is not None:
            try:
                readline.set_history_length(500)
                readline.write_history_file(self.history)
            except OSError:
                pass

    def cmdloop(self, intro: Any = None) -> None:
        """Read and answer commands until the end; Ctrl-C at the prompt clears the line."""
        while True:
            try:
                super().cmdloop()
                return
            except KeyboardInterrupt:
                if not self.interactive:
                    raise
                self.say("\nCtrl-D or quit ends the conversation", style="dim")

    def onecmd(self, line: str) -> bool:
        """Answer one command; whatever is wrong with it is told in one line."""
        if line == "EOF":
            if self.interactive:
                self.out.print()
            return True
        line = line.strip()
        if not line or line.startswith("#"):
            return False
        if not self.interactive:
            self.say(f"\n> {line}", style="bold cyan")
        self.n_asked += 1
        try:
            return bool(self._answer(line))
        except BrokenPipeError:
            raise
        except (ValueError, OSError, ImportError, MemoryError, OverflowError) as error:
            self.n_failed += 1
            told = f"error: {console.one_line(error)}"
            self.say(told, style="red", one_line=not self.interactive)
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            self.say(self.interrupted())
        return False

    def _answer(self, line: str) -> bool | None:
        if line.startswith("?"):
            line = "help " + line[1:]
        name, _, argument = line.partition(" ")
        method = getattr(self, f"do_{self._command(name)}")
        argument = argument.strip()
        if argument and "argument" not in inspect.signature(method).parameters:
            raise ValueError(f"{name} takes no argument, got {argument!r}")
        return method(argument) if "argument" in inspect.signature(method).parameters else method()

    def _command(self, name: str) -> str:
        """Return the command of a name, or of its beginning; ValueError where there is not one."""
        known = self.names()
        begun = [k for k in known if k.startswith(name.lower())]
        if name.lower() in known or len(begun) == 1:
            return name.lower() if name.lower() in known else begun[0]
        near = begun or names.nearest(name, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "help lists all"
        raise ValueError(f"no command {name!r}: {hint}")

    @classmethod
    def names(cls) -> list[str]:
        """Return the commands, in the order of the help."""
        own = [n for n in vars(cls) if n.startswith("do_")]
        return [n.removeprefix("do_") for n in (*own, "do_help", "do_quit")]

    def do_help(self, argument: str = "") -> None:
        """[COMMAND]: what you can say"""
        if argument:
            name = self._command(argument)
            text = inspect.getdoc(getattr(self, f"do_{name}")) or ""
            first, _, rest = text.partition("\n")
            self.say(": ".join(_usage(name, first)), style="bold")
            if rest.strip():
                self.say(" ".join(rest.split()))
            return
        made = tables.table("you can say", "<", "<")
        made.show_header = False
        for name in self.names():
            first = (inspect.getdoc(getattr(self, f"do_{name}")) or "").partition("\n")[0]
            made.add_row(*_usage(name, first))
        made.columns[1].no_wrap = False
        self.out.print(made)
        self.say(
            "times are brain time; Ctrl-C stops a command, Tab completes; commands can be piped "
            "in, an error then makes the exit status 2",
            style="dim",
        )

    def do_quit(self) -> bool:
        """end the conversation"""
        return True

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Return the commands that begin so."""
        return [f"{n} " for n in self.names() if n.startswith(text.lower())]

    def complete_help(self, text: str, *ignored: Any) -> list[str]:
        """Return the commands that begin so."""
        return [n for n in self.names() if n.startswith(text.lower())]

    def say(self, text: str, style: str | None = None, one_line: bool = False) -> None:
        """Print text; a path in it stays whole, as does all of it if ``one_line``."""
        # A long word is a path: broken over two lines it could not be copied.
        whole = one_line or max(map(len, text.split()), default=0) > self.out.width // 2
        self.out.print(Text(text, style=style or ""), soft_wrap=whole)


def _usage(name: str, first: str) -> tuple[str, str]:
    """Return a command with its argument, and what it does, from the first line of its help."""
    argument, colon, what = first.partition(": ")
    if colon and re.fullmatch(r"\[?[A-Z]+\b.*", argument):
        return f"{name} {argument}", what
    return name, first


def _readline() -> Any:
    """Return the module of line editing, or None where Python has none (Windows)."""
    try:
        import readline
    except ImportError:
        return None
    return readline
