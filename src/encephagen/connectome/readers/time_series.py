"""Time series of regions: text files with the labels in the first row, then a row a volume."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encephagen.connectome.readers.text import numbers, table


def read_time_series(files: Sequence[Path], labels: Sequence[str]) -> np.ndarray:
    """Return (subjects, volumes, regions), a file each subject, columns in the order of ``labels``.

    Columns may stand in any order, as their labels say which is which; each region must be there,
    once. Raises ValueError for anything else, and for files of different lengths.
    """
    series = [_one(file, labels) for file in files]
    for file, values in zip(files, series, strict=True):
        if len(values) != len(series[0]):
            raise ValueError(
                f"{file}: has {len(values)} volumes, {files[0].name} has {len(series[0])}; cut "
                "them to one length"
            )
    return np.stack(series)


def _one(file: Path, labels: Sequence[str]) -> np.ndarray:
    rows = table(file)
    header = rows[0] if rows else []
    if sorted(header) != sorted(labels):
        strangers = [h for h in header if h not in labels] + [x for x in labels if x not in header]
        first = f"; {strangers[0]!r} is in one alone" if strangers else ""
        raise ValueError(
            f"{file}: the first row must be the {len(labels)} labels of the regions, each once"
            f"{first}; give one column a region"
        )
    values = numbers(f"{file}: below the labels", rows[1:])
    if values.shape[1] != len(labels):
        raise ValueError(f"{file}: has {values.shape[1]} columns below {len(labels)} labels")
    return values[:, [header.index(label) for label in labels]]
