"""Folder of text files, UTF-8, each .csv, .tsv or .txt; MRtrix's matrices are such files.

    weights.csv     n rows of n numbers, or the same with labels in the first row and column
    lengths_mm.csv  likewise                          (optional)
    regions.csv     a header and n rows; columns name and, optionally, hemisphere, x_mm, y_mm,
                    z_mm, t1w_t2w, structure, cortical, lobe, system
                    (optional if weights.csv has labels)
    maps.csv        a header and n rows; column name, and a column of numbers each map; an empty
                    cell is unknown                   (optional)
    fmri.csv        the labels, then a row a volume; or a folder fmri with a file each subject
                    (optional; then dataset.toml has tr_s)
    dataset.toml    name, source, directed = true, tr_s in s (each optional)

``structure`` is "cortex", "thalamus", "striatum", ...; ``cortical`` alone says cortex or not, and
the atlas says the rest.
"""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.connectome.readers.content import TEXTS, Content, same_labels
from encephagen.connectome.readers.text import SUFFIXES, labelled_matrix, number, optional, table
from encephagen.connectome.readers.time_series import read_time_series
from encephagen.names import hint

FORM = "a folder with weights.csv"
PARTS = ("weights", "lengths_mm", "regions", "maps", "fmri")
COLUMNS = ("name", "hemisphere", "x_mm", "y_mm", "z_mm", "t1w_t2w", "structure", "cortical")
COLUMNS = (*COLUMNS, "lobe", "system")
ABOUT = {"name": str, "source": str, "directed": bool, "tr_s": float}


def accepts(path: Path) -> bool:
    """Tell whether this reader is for the path."""
    return path.is_dir()


def read(path: Path) -> Content:
    """Return what a folder of text files holds. Raises ValueError for anything wrong."""
    if not path.is_dir():
        raise ValueError(f"{path}: expected a folder with weights.csv")
    files = _files(path)
    if "weights" not in files:
        raise ValueError(f"{path}: has no weights.csv; expected n rows of n numbers")
    matrices: dict[str, np.ndarray] = {}
    labels: list[str] | None = None
    columns: dict[str, list[Any]] = {}
    labels_from = ""
    if "regions" in files:
        labels, columns = _regions(files["regions"])
        labels_from = files["regions"].name
    for part in ("weights", "lengths_mm"):
        if part not in files:
            continue
        own, matrices[part] = labelled_matrix(files[part])
        if own is not None and labels is not None:
            same_labels(str(files[part]), own, labels, labels_from)
        if own is not None and labels is None:
            labels, labels_from = own, files[part].name
    if labels is None:
        raise ValueError(
            f"{path}: has no labels; add regions.csv with a column 'name', or label the first row "
            "and column of weights.csv"
        )
    about = _about(path / "dataset.toml")
    content = Content(path, labels, matrices["weights"], matrices.get("lengths_mm"), columns)
    content.name, content.source = about.get("name"), about.get("source", "")
    content.directed, content.tr_s = about.get("directed", False), about.get("tr_s")
    if "maps" in files:
        content.maps = _maps(files["maps"], labels, labels_from)
    scans = [files["fmri"]] if "fmri" in files else []
    if (path / "fmri").is_dir():
        if scans:
            raise ValueError(f"{path}: has both {scans[0].name} and a folder fmri; keep one")
        scans = sorted(f for f in (path / "fmri").iterdir() if f.suffix.lower() in SUFFIXES)
        content.subjects = [file.stem for file in scans]
    content.fmri = read_time_series(scans, labels) if scans else None
    return content


def _files(path: Path) -> dict[str, Path]:
    """Return the file of each part; ValueError for a part that is there twice, or is unknown."""
    files: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() not in SUFFIXES or file.name.startswith("."):
            continue
        if file.stem in files:
            raise ValueError(f"{path}: has both {files[file.stem].name} and {file.name}; keep one")
        if file.stem in PARTS:
            files[file.stem] = file
        elif file.suffix.lower() != ".txt":  # a README may lie here
            raise ValueError(
                f"{file}: is no part of a connectome; {hint(file.stem, PARTS)}; rename or remove it"
            )
    return files


def _regions(file: Path) -> tuple[list[str], dict[str, list[Any]]]:
    cells = _columns(file)
    for column in cells:
        if column not in COLUMNS:
            raise ValueError(f"{file}: column {column!r} is unknown; {hint(column, COLUMNS)}")
    columns: dict[str, list[Any]] = {
        column: [cell or None for cell in cells[column]] for column in TEXTS if column in cells
    }
    if "cortical" in cells:
        columns["cortical"] = [_flag(file, i, cell) for i, cell in enumerate(cells["cortical"], 1)]
    numeric = {
        column: [optional(f"{file}: row {i}", cell) for i, cell in enumerate(cells[column], 1)]
        for column in ("t1w_t2w", "x_mm", "y_mm", "z_mm")
        if column in cells
    }
    if "t1w_t2w" in numeric:
        columns["t1w_t2w"] = numeric.pop("t1w_t2w")
    if numeric and len(numeric) < 3:
        raise ValueError(f"{file}: has {', '.join(numeric)} alone; expected x_mm, y_mm and z_mm")
    if numeric:
        xyz = zip(numeric["x_mm"], numeric["y_mm"], numeric["z_mm"], strict=True)
        columns["centroid_mm"] = [None if all(v is None for v in p) else p for p in xyz]
    return cells["name"], columns


def _columns(file: Path) -> dict[str, list[str]]:
    """Return the cells of a table with a header, by column; one is called name."""
    rows = table(file)
    header = [h.lower() for h in rows[0]] if rows else []
    if header.count("name") != 1:
        raise ValueError(f"{file}: has no column 'name'; give the first row the column names")
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise ValueError(f"{file}: column {twice[0]!r} is there twice; remove one")
    cells: dict[str, list[str]] = {column: [] for column in header}
    for i, row in enumerate(rows[1:], 1):
        if len(row) != len(header):
            raise ValueError(f"{file}: row {i} has {len(row)} values for {len(header)} columns")
        for column, cell in zip(header, row, strict=True):
            cells[column].append(cell)
    return cells


def _maps(file: Path, labels: list[str], labels_from: str) -> dict[str, np.ndarray]:
    cells = _columns(file)
    same_labels(str(file), cells.pop("name"), labels, labels_from)
    return {
        column: np.array(
            [number(f"{file}: row {i}", cell or "nan") for i, cell in enumerate(values, 1)]
        )
        for column, values in cells.items()
    }


def _flag(file: Path, row: int, cell: str) -> bool | None:
    flags = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if cell and cell.lower() not in flags:
        raise ValueError(f"{file}: row {row}: cortical {cell!r}: expected true or false")
    return flags.get(cell.lower())


def _about(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        about = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: is no TOML ({error}); correct it") from None
    for key, value in about.items():
        if key not in ABOUT:
            raise ValueError(f"{file}: {key!r} is unknown; {hint(key, ABOUT)}")
        if ABOUT[key] is float and type(value) is int:
            about[key] = value = float(value)
        if type(value) is not ABOUT[key]:
            raise ValueError(f"{file}: {key} = {value!r}: expected {ABOUT[key].__name__}")
    return about
