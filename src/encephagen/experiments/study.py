"""Study: one file, ours or a user's: a claim, a Config, run(config, runner) -> Result, pictures."""

import dataclasses
import inspect
import json
import math
import os
import platform
import time
import types
import typing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from encephagen import __version__
from encephagen.experiments import own
from encephagen.experiments.closure import code_digest, versions
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.files import plain
from encephagen.names import hint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEEDED = {
    "CLAIM": 'what is claimed, CLAIM = "..."',
    "Config": "a frozen dataclass Config with every number, each with its default",
    "run": "run(config, runner), which returns a Result (encephagen.experiments.result)",
}
"""What makes a file a study."""

FOLDER = Path(__file__).parent / "studies"
TYPES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a JSON object",
}
"""What a command line can set, and how it is called."""

TIMES = ("_s", "_ms", "seconds", "minutes")
"""How names of times in a Config end."""


class Setting(NamedTuple):
    """A field of a study's Config, for people."""

    name: str
    default: Any
    meaning: str


@dataclass(frozen=True)
class Study:
    """A study by its name, which is its file's, with "-" for "_"; ``file`` is a user's own."""

    name: str
    file: str | None = None

    @cached_property
    def module(self) -> ModuleType:
        """The study's module, imported when first used. Raises ValueError if it is none."""
        if self.file is None:
            return import_module(f"{__package__}.studies.{self.name.replace('-', '_')}")
        module = own.load(self.file)
        for name, what in NEEDED.items():
            if not hasattr(module, name):
                raise ValueError(f"{self.file} has no {name}, so it is no study: add {what}")
        if not dataclasses.is_dataclass(module.Config):
            raise ValueError(f"Config in {self.file} is no dataclass: write @dataclass over it")
        return module

    @property
    def title(self) -> str:
        """First line of the module's docstring."""
        return (self.module.__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    @property
    def config(self) -> type:
        """The study's Config; ``config()`` is the full study, ``config.tiny()`` a short one."""
        return self.module.Config

    @property
    def defaults(self) -> dict[str, Any]:
        """Values of the full Config, plain."""
        return plain(dataclasses.asdict(self.config()), "config")

    @property
    def n_runs(self) -> int | None:
        """Runs of the full study, where its Config knows them."""
        return getattr(self.config(), "n_runs", None)

    @property
    def settings(self) -> list[Setting]:
        """Fields of the Config: name, default, and what its docstring says of it."""
        meanings = _meanings(self.config.__doc__ or "")
        return [
            Setting(name, default, meanings.get(name, ""))
            for name, default in self.defaults.items()
        ]

    def configure(self, settings: typing.Mapping[str, Any]) -> Any:
        """Return the full Config with other values; texts are read as the field's type.

        Raises ValueError for a name that is no field, with those that are, or text of another type.
        """
        hints = typing.get_type_hints(self.config)
        known = [f.name for f in dataclasses.fields(self.config)]
        changed = {}
        for name, value in settings.items():
            if name not in known:
                raise ValueError(
                    f"study {self.name} has no {name!r}; {hint(name, known)}; it has "
                    f"{', '.join(known)}"
                )
            changed[name] = _read(name, value, hints[name]) if isinstance(value, str) else value
        usual = self.config()
        for name, value in changed.items():
            if name.endswith(TIMES) and value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} {value}: expected a finite time, 0 or more")
        if "null_kinds" in changed:
            from encephagen.connectome.nulls import find

            for kind in changed["null_kinds"]:  # now, and not after the runs of the real wiring
                find(kind)
        return dataclasses.replace(usual, **changed)

    def run(self, config: Any, runner: Runner) -> Result:
        """Run the study, and return its result with name, claim, config and provenance.

        Its ``brain_digest(config)``, if it has one, says which brain the result is of.
        """
        started_s = time.perf_counter()
        brain_digest = getattr(self.module, "brain_digest", None)
        brain = None if brain_digest is None else brain_digest(config)
        found = self.module.run(config, runner)
        return dataclasses.replace(
            found,
            study=self.name,
            claim=self.module.CLAIM,
            config=dataclasses.asdict(config),
            provenance={
                "code": self.code,
                "brain_digest": brain,
                **({} if self.file is None else {"file": self.file}),
                "n_runs": runner.n_runs,
                "resumed": runner.n_resumed,
                "notes": runner.notes,
                "wall_s": round(time.perf_counter() - started_s, 3),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": {
                    "encephagen": __version__,
                    "python": platform.python_version(),
                    **versions(),
                },
            },
        )

    @property
    def code(self) -> str:
        """Digest of the code that its result depends on: runs and verdict, not its pictures."""
        return code_digest(self.module.run)

    def figures(self, result: Result) -> "dict[str, Figure]":
        """Return the study's pictures of a result by file stem, none if it draws none.

        Raises ValueError for a study whose ``figures`` returns anything but a dict.
        """
        draw = getattr(self.module, "figures", None)
        found = draw(result) if draw is not None else {}
        if not isinstance(found, dict):
            raise ValueError(
                f"figures(result) of study {self.name} returned a {type(found).__name__}: expected "
                "a dict of figures by the names of their files, as {'rates': figure}"
            )
        return found


def names() -> list[str]:
    """Return the names of all studies, sorted."""
    files = (path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    folders = (path.parent.name for path in FOLDER.glob("*/__init__.py"))
    return sorted(stem.replace("_", "-") for stem in (*files, *folders))


def find(name: str) -> Study:
    """Return the study of that name, or in the Python file of that path.

    Raises ValueError, with the nearest name, if there is none.
    """
    if name.endswith(".py"):
        path = Path(os.path.abspath(name))
        if not path.is_file():
            raise ValueError(f"{name} is not there: give the path of a study's file, or a name")
        return Study(path.stem.replace("_", "-"), str(path))
    known = names()
    wanted = name.strip().lower().replace("_", "-")
    if wanted not in known:
        raise ValueError(
            f"{name!r} is no study: {hint(wanted, known)}; a file of your own ends with .py"
        )
    return Study(wanted)


def _meanings(text: str) -> dict[str, str]:
    """Return what a docstring says of names, in lines of "a, b   what they are".

    Names and meaning stand two spaces apart; a line that begins with spaces goes on.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        begun, space, meaning = line.partition("  ")
        if begun and space:
            names = [name.strip() for name in begun.split(",")]
            found |= dict.fromkeys(names, meaning.strip())
        elif not begun and meaning.strip():
            found |= {name: f"{found[name]} {meaning.strip()}" for name in names}
        else:
            names = []
    return found


def _read(name: str, text: str, hint: Any) -> Any:
    """Return text as a value of a field's type, one of `TYPES`, a tuple of one, or None."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(None) in options and text.strip().lower() == "none":
        return None
    wanted = next(option for option in options if option is not type(None))
    kind = typing.get_origin(wanted) or wanted
    if kind is tuple:
        return tuple(_read(name, part, typing.get_args(wanted)[0]) for part in text.split(","))
    if kind not in TYPES:
        raise ValueError(f"{name} is a {kind.__name__}: it cannot be set from the command line")
    if kind is str:
        return text.strip()
    try:
        value = json.loads(text.lower() if kind is bool else text)
    except json.JSONDecodeError:
        value = None
    if kind is float and type(value) is int:
        value = float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{name}={text}: expected {TYPES[kind]}")
    return value
