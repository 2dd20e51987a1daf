"""Numbers and tables in text files: commas, tabs or spaces between; `#` starts a comment line."""

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encephagen.connectome.readers.content import MAX_BYTES

SUFFIXES = (".csv", ".tsv", ".txt")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)", re.I | re.A)


def table(file: Path) -> list[list[str]]:
    """Return the cells of a text file, row by row, without empty rows and comments.

    Between cells are commas if there is any in the file, else tabs, else spaces. Raises ValueError
    for semicolons, which go with decimal commas, and for what is no UTF-8 text.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{file}: is larger than {MAX_BYTES // 2**20} MiB; use .npz")
        text = file.read_bytes().decode("utf-8-sig")
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        text = "\n".join(lines)
        if ";" in text:
            raise ValueError(
                f"{file}: has semicolons; write commas between values and points in numbers"
            )
        if "," in text or "\t" in text:
            between = "," if "," in text else "\t"
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=between))
        else:
            rows = [line.split() for line in lines]
    except UnicodeDecodeError:
        raise ValueError(f"{file}: is not UTF-8 text; save it as CSV in UTF-8") from None
    except (csv.Error, OSError) as error:
        raise ValueError(f"{file}: cannot be read as text ({error}); save it again") from None
    rows = [[cell.strip() for cell in row] for row in rows]
    return [row for row in rows if any(row)]


def labelled_matrix(file: Path) -> tuple[list[str] | None, np.ndarray]:
    """Return the labels, if there are any, and the numbers of a square matrix."""
    rows = table(file)
    labels = None
    if len(rows) > 1 < len(rows[0]) and not any(map(_is_number, rows[0])):
        labels = rows[0][1:]
        down = [row[0] for row in rows[1:]]
        if down != labels:
            raise ValueError(
                f"{file}: the labels of the rows are not those of the columns; list the regions "
                "in one order"
            )
        rows = [row[1:] for row in rows[1:]]
    matrix = numbers(str(file), rows)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{file}: has shape {matrix.shape}: expected a square matrix; give a row and a column "
            "a region"
        )
    return labels, matrix


def numbers(where: str, rows: Sequence[Sequence[str]]) -> np.ndarray:
    """Return rows of text as numbers; ValueError with the place of the first that is none."""
    if not rows:
        raise ValueError(f"{where}: is empty; expected numbers")
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width:
            raise ValueError(
                f"{where}: row {i} has {len(row)} values, row 0 has {width}; expected equal rows"
            )
    matrix = np.empty((len(rows), width))
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            matrix[i, j] = number(f"{where}: row {i}, column {j}", cell)
    return matrix


def number(where: str, cell: str) -> float:
    """Return a cell as a number. Raises ValueError, with ``where``, if it is none."""
    if not _is_number(cell):
        raise ValueError(f"{where}: {cell[:40]!r} is not a number; correct it")
    return float(cell)


def optional(where: str, cell: str) -> float | None:
    """Return a cell as a number, None if it is empty or nan."""
    value = number(where, cell) if cell else math.nan
    return None if math.isnan(value) else value


def _is_number(cell: str) -> bool:
    """Tell whether a cell is a number; Python would also take "1_000" and digits of any script."""
    return _NUMBER.fullmatch(cell) is not None
