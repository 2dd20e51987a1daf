"""Own: a study in a file of the user's, loaded by its path, here and where workers are."""

import atexit
import importlib.util
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from encephagen.experiments.closure import reach

_loaded: set[str] = set()
"""Names of the modules that `load` made."""


def load(path: str | Path) -> ModuleType:
    """Return the module of a Python file, by its path; files beside it can be imported by it.

    Raises ValueError for a file that is not there, has the name of another module, or fails.
    """
    path = Path(path).resolve()
    name = path.stem
    if not path.is_file():
        raise ValueError(f"{path} is not there: give the path of a study's .py file")
    known = sys.modules.get(name)
    if getattr(known, "__file__", None) == str(path):
        return known  # type: ignore[return-value]
    if name in sys.stdlib_module_names or (known is not None and name not in _loaded):
        raise ValueError(f"{path.name} has the name of another module, {name}: rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"{path.name} cannot be loaded, {_where(error, path)}; mend it") from error
    _loaded.add(name)
    return module


def shipped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a worker can call: a function of the user's file takes the file along."""
    if function.__module__ not in _loaded:
        return function
    read = reach(function).files
    files = tuple((Path(path).name, text) for path, text in read)
    return Shipped(read[0][0], files, function.__qualname__)


@dataclass(frozen=True)
class Shipped:
    """A function of a user's file with that file, for processes that may not have it.

    path   where it is, if it is here
    files  name and text of the file, and of those beside it that it imports
    """

    path: str
    files: tuple[tuple[str, str], ...]
    name: str

    def __call__(self, **given: Any) -> Any:
        """Call the function."""
        return attrgetter(self.name)(load(self._here()))(**given)

    def _here(self) -> Path:
        """Return the path of the file, which is written to a folder of its own if it differs."""
        path = Path(self.path)
        if self.files not in _places:
            same = all(_text(path.parent / name) == text for name, text in self.files)
            _places[self.files] = path if same else self._written()
        return _places[self.files]

    def _written(self) -> Path:
        folder = tempfile.TemporaryDirectory(prefix="encephagen-study-")
        atexit.register(folder.cleanup)
        for name, text in self.files:
            (Path(folder.name) / name).write_text(text, "utf-8")
        return Path(folder.name) / self.files[0][0]


_places: dict[tuple[tuple[str, str], ...], Path] = {}


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.is_file() else None


def _where(error: BaseException, path: Path) -> str:
    """Return the line of a file in which an error is, and the error."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"line {lines[-1]}: {what}" if lines else what
