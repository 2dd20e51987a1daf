"""Digest: one SHA-256 of a value made of frozen dataclasses, arrays, tuples and plain values.

Everything that is compared, kept or cached by content is so by this digest.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def digest(*parts: Any) -> str:
    """Return the SHA-256 (hex) of values; a field that is None leaves it as without that field.

    So a new field that is absent (None) changes no digest of what existed before.
    """
    h = hashlib.sha256()
    for part in parts:
        _feed(h, part)
    return h.hexdigest()


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _feed(h: Any, value: Any) -> None:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        h.update(type(value).__name__.encode())
        for f in dataclasses.fields(value):
            if getattr(value, f.name) is not None and f.metadata.get("digest", True):
                h.update(f.name.encode())
                _feed(h, getattr(value, f.name))
    elif isinstance(value, np.ndarray):
        h.update(str(value.shape).encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | list):
        h.update(f"({len(value)}".encode())
        for item in value:
            _feed(h, item)
    elif isinstance(value, Mapping):
        _feed(h, tuple(sorted(value.items())))
    elif isinstance(value, np.generic):  # written differently by each version of NumPy
        _feed(h, value.item())
    else:
        h.update(repr(value).encode() + b"\x1f")
