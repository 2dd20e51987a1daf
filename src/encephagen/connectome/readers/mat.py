"""MATLAB .mat up to version 7: variables of the names in `arrays`; names as a cell array or chars.

Version 7.3 is another format; save with -v7.
"""

from pathlib import Path
from typing import Any

import numpy as np

from encephagen.connectome.readers.arrays import MAP, content_of
from encephagen.connectome.readers.content import TEXTS, Content, reading

FORM = "a .mat"
VECTORS = (*TEXTS, "names", "subjects", "cortical", "t1w_t2w")
HDF5 = b"\x89HDF"


def accepts(path: Path) -> bool:
    """Tell whether this reader is for the path."""
    return path.suffix.lower() == ".mat"


def read(path: Path) -> Content:
    """Return what a .mat holds. Raises ValueError for anything wrong with the file."""
    from scipy.io import loadmat

    with reading(path, FORM):
        with path.open("rb") as file:
            start = file.read(1024)
        if HDF5 in start or b"MATLAB 7.3" in start:
            raise ValueError("version 7.3, save it with -v7")
        raw = loadmat(path, struct_as_record=True)
    found = {key: value for key, value in raw.items() if not key.startswith("__")}
    return content_of(path, {key: _plain(key, value) for key, value in found.items()})


def _plain(key: str, value: Any) -> np.ndarray:
    """Return a variable as an array; cells of text become text, and rows or columns vectors."""
    value = np.asarray(value)
    if value.dtype == object:
        cells = [np.asarray(cell).ravel() for cell in value.ravel()]
        value = np.array(
            [cell[0] if len(cell) == 1 else "" if not len(cell) else cell for cell in cells],
            dtype=object,
        )
    vector = key in VECTORS or key.startswith(MAP)
    return value.ravel() if vector and 1 in value.shape else value
