"""Readers of connectomes and datasets, one format a file; a file in this folder is found by itself.

A reader is a module with ``FORM``, what it reads in words, ``accepts(path)``, and ``read(path)``,
which returns a `Content`. Matrices are [target, source]. The diagonal is dropped, with a warning
and a note in the source: what a region sends to itself is local circuitry. Lengths are optional;
without them a brain with conduction delays cannot be built. What a file does not say of a region,
the atlas that knows its names says. Whatever is wrong with a file is a ValueError of one line that
names the file, the place in it (rows and columns count from 0) and the remedy; nothing is guessed.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.dataset import Dataset
from encephagen.connectome.readers.content import Content
from encephagen.connectome.readers.npz import write_npz


def read(path: str | Path, name: str | None = None, *, directed: bool = False) -> Connectome:
    """Return the connectome in a file or folder of any format that a reader here accepts.

    ``name`` defaults to the file's own, or to the name of the file; ``directed`` says that a matrix
    of which one triangle is filled is meant so. Raises ValueError for anything wrong with it.
    """
    return read_content(path).connectome(name, directed)


def read_dataset(path: str | Path, name: str | None = None, *, directed: bool = False) -> Dataset:
    """Return the connectome in a file or folder with its subjects, fMRI and maps; see `read`."""
    return read_content(path).dataset(name, directed)


def read_content(path: str | Path) -> Content:
    """Return what a file or folder holds. Raises ValueError if no reader accepts it."""
    path = _there(path)
    for reader in readers():
        if reader.accepts(path):
            return reader.read(path)
    forms = ", ".join(reader.FORM for reader in readers())
    raise ValueError(f"{path}: expected one of {forms}; not a file of type {path.suffix!r}")


@cache
def readers() -> tuple[Any, ...]:
    """Return the modules of this folder that read a format."""
    found = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    return tuple(module for module in found if hasattr(module, "accepts"))


def exists(path: str | Path) -> bool:
    """Tell whether there is a file or folder at ``path``, whatever it is."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, TypeError, ValueError):  # too long, a null byte, ~nobody
        return False


def _there(path: str | Path) -> Path:
    if not exists(path):
        raise ValueError(f"{str(path)!r}: no such file or folder; check the path")
    found = Path(path).expanduser()
    if not str(found).isprintable():
        raise ValueError(f"{str(path)!r}: expected a name of printable characters; rename it")
    return found


__all__ = ["Content", "exists", "read", "read_content", "read_dataset", "readers", "write_npz"]
