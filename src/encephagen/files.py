"""Files: written whole or not at all, and refused before the work that would fill them."""

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def check_writable(path: str | Path) -> Path:
    """Return the path as given; ValueError where no regular file could be written there.

    What exists and is no regular file (a folder, device, pipe, socket) is refused, never replaced.
    """
    path = Path(path)
    target = _through_links(path)
    if target.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a file")
    if target.exists() and not target.is_file():
        raise ValueError(f"{path} is no regular file, and would be replaced; give another name")
    if not target.parent.is_dir():
        raise ValueError(f"folder {target.parent} does not exist; create it first")
    if not os.access(target.parent, os.W_OK):
        raise ValueError(f"folder {target.parent} cannot be written; choose another")
    longest = os.pathconf(target.parent, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    if len(os.fsencode(_beside(target).name)) > longest:
        raise ValueError(f"{path.name[:40]}... is too long for a file's name; give a shorter one")
    return path


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name to write to; the file gets its own name once it is complete.

    A link stays a link: the file that it names is written. Raises ValueError as `check_writable`.
    """
    target = _through_links(check_writable(path))
    part = _beside(target)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def plain(value: Any, where: str = "value") -> Any:
    """Return plain JSON: numpy numbers as numbers, tuples as lists, what is not finite as None.

    Raises ValueError, naming ``where`` it stands, for anything else.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): plain(v, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, where) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"{where} is a {type(value).__name__}: expected numbers, texts, None, lists, dicts; put "
        "arrays into data"
    )


def to_json(value: Any) -> str:
    """Return `plain` JSON text of two spaces' indent, in which every number is finite."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def _through_links(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
