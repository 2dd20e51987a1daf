"""TVB zip: text members, in any folder, plain or .bz2, as The Virtual Brain writes them.

weights.txt         n rows of n numbers
centres.txt         n rows: label x y z
tract_lengths.txt   n rows of n numbers, mm       (optional)
cortical.txt        n numbers, 1 for cortex       (optional)
hemispheres.txt     n numbers, 1 for right        (optional)
"""

import bz2
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from encephagen.connectome.readers.content import MAX_BYTES, Content, reading
from encephagen.connectome.readers.text import number, numbers

FORM = "a TVB .zip"
SPELLINGS = {
    "weights": ("weights",),
    "centres": ("centres", "centers"),
    "tract_lengths": ("tract_lengths", "tract"),
    "cortical": ("cortical",),
    "hemispheres": ("hemispheres",),
}


def accepts(path: Path) -> bool:
    """Tell whether this reader is for the path."""
    return path.suffix.lower() == ".zip"


def read(path: Path, shared_centre_mm: float | None = None) -> Content:
    """Return what a TVB zip holds.

    ``shared_centre_mm`` is the length given to connections of length 0 between regions with the
    same centre; without it they are an error. Raises ValueError for anything wrong with the file.
    """
    with reading(path, "a TVB zip"), zipfile.ZipFile(path) as archive:
        text = {part: _member(archive, names) for part, names in SPELLINGS.items()}
    for part in ("weights", "centres"):
        if text[part] is None:
            raise ValueError(f"{path}: has no {part}.txt; expected a zip as TVB writes it")
    rows = {part: _split(t) for part, t in text.items() if t is not None}
    labels, centroids = _centres(path, rows["centres"])
    weights = numbers(f"{path}: weights.txt", rows["weights"])
    lengths, source = None, ""
    if "tract_lengths" in rows:
        lengths = numbers(f"{path}: tract_lengths.txt", rows["tract_lengths"])
        if lengths.shape == weights.shape and shared_centre_mm is not None:
            same = (np.array(centroids)[:, None] == np.array(centroids)[None]).all(axis=2)
            lengths = np.where((weights > 0) & (lengths == 0) & same, shared_centre_mm, lengths)
            source = f"length {shared_centre_mm:g} mm between regions that share a centre"
    columns: dict[str, list[Any]] = {"centroid_mm": centroids}
    for part, key in (("cortical", "cortical"), ("hemispheres", "hemisphere")):
        if part in rows:
            flags = numbers(f"{path}: {part}.txt", rows[part]).ravel()
            if flags.size != len(labels) or not np.isin(flags, (0, 1)).all():
                raise ValueError(
                    f"{path}: {part}.txt: expected {len(labels)} numbers that are 0 or 1"
                )
            columns[key] = [bool(f) if part == "cortical" else "LR"[int(f)] for f in flags]
    return Content(path, labels, weights, lengths, columns, source=source)


def _member(archive: zipfile.ZipFile, spellings: tuple[str, ...]) -> str | None:
    """Return the text of the one member with any of these names, or None."""
    found: list[zipfile.ZipInfo] = []
    for info in archive.infolist():
        file = PurePosixPath(info.filename).name.lower()
        stem = file.removesuffix(".bz2").removesuffix(".txt")
        if not info.is_dir() and not file.startswith(".") and stem in spellings:
            found.append(info)
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"it has {found[0].filename} and {found[1].filename}, keep one")
    (info,) = found
    if info.file_size > MAX_BYTES:
        raise ValueError(f"{info.filename} is too large")
    content = archive.read(info)
    if info.filename.lower().endswith(".bz2"):
        unpack = bz2.BZ2Decompressor()
        content = unpack.decompress(content, MAX_BYTES)
        if not unpack.eof:
            raise ValueError(f"{info.filename} is cut short or too large")
    return content.decode("utf-8-sig")


def _split(text: str) -> list[list[str]]:
    return [row for line in text.splitlines() if (row := line.split())]


def _centres(
    path: Path, rows: list[list[str]]
) -> tuple[list[str], list[tuple[float, float, float]]]:
    labels, centroids = [], []
    for i, row in enumerate(rows):
        where = f"{path}: centres.txt: row {i}"
        if len(row) != 4:
            raise ValueError(f"{where}: expected a label without spaces, x, y and z")
        x, y, z = (number(where, cell) for cell in row[1:])
        labels.append(row[0])
        centroids.append((x, y, z))
    return labels, centroids
