"""Study: one file of `studies/`: a claim, a Config, run(config, runner) -> Result, pictures."""

import dataclasses
import json
import math
import platform
import time
import types
import typing
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from encephagen import __version__
from encephagen.experiments.result import Result, plain
from encephagen.experiments.runner import Runner
from encephagen.experiments.store import code_digest, package_versions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER = Path(__file__).parent / "studies"
TYPES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a JSON object",
}
"""What a command line can set, and how it is called."""


@dataclass(frozen=True)
class Study:
    """A study by its name, which is its file's, with "-" for "_"."""

    name: str

    @cached_property
    def module(self) -> ModuleType:
        """The study's module, imported when first used."""
        return import_module(f"{__package__}.studies.{self.name.replace('-', '_')}")

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

    def configure(self, settings: typing.Mapping[str, Any]) -> Any:
        """Return the full Config with other values; texts are read as the field's type.

        Raises ValueError for a name that is no field, with those that are, or text of another type.
        """
        hints = typing.get_type_hints(self.config)
        known = [f.name for f in dataclasses.fields(self.config)]
        changed = {}
        for name, value in settings.items():
            if name not in known:
                close = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"nearest: {close[0]}; " if close else ""
                raise ValueError(
                    f"study {self.name} has no {name!r}; {hint}it has {', '.join(known)}"
                )
            changed[name] = _read(name, value, hints[name]) if isinstance(value, str) else value
        return dataclasses.replace(self.config(), **changed)

    def run(self, config: Any, runner: Runner) -> Result:
        """Run the study, and return its result with name, claim, config and provenance."""
        from encephagen.experiments.prepare import brain_digest

        started_s = time.perf_counter()
        brain = brain_digest(config)
        found = self.module.run(config, runner)
        return dataclasses.replace(
            found,
            study=self.name,
            claim=self.module.CLAIM,
            config=dataclasses.asdict(config),
            provenance={
                "code": self.code,
                "brain_digest": brain,
                "n_runs": runner.n_runs,
                "resumed": runner.n_resumed,
                "notes": runner.notes,
                "wall_s": round(time.perf_counter() - started_s, 3),
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": {
                    "encephagen": __version__,
                    "python": platform.python_version(),
                    **package_versions(),
                },
            },
        )

    @property
    def code(self) -> str:
        """Digest of the code that its runs depend on."""
        return code_digest(self.module.__name__)

    def figures(self, result: Result) -> "dict[str, Figure]":
        """Return the study's pictures of a result by file stem, none if it draws none."""
        draw = getattr(self.module, "figures", None)
        return draw(result) if draw is not None else {}


def names() -> list[str]:
    """Return the names of all studies, sorted."""
    found = (path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    return sorted(stem.replace("_", "-") for stem in found)


def find(name: str) -> Study:
    """Return the study of that name. Raises ValueError, with the nearest name, if there is none."""
    known = names()
    wanted = name.strip().lower().replace("_", "-")
    if wanted not in known:
        close = get_close_matches(wanted, known, n=1, cutoff=0.4)
        nearest = f"did you mean {close[0]}?" if close else f"expected {', '.join(known)}"
        raise ValueError(f"{name!r} is no study: {nearest}")
    return Study(wanted)


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
