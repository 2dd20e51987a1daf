"""Reading and writing connectomes: a TVB zip, a NumPy .npz, a folder of CSV files.

Matrices are [target, source]. Every reader drops the diagonal, and says so in a warning and in the
source: what a region sends to itself is local circuitry. Lengths are optional: without them
``lengths_mm`` is None, and a brain with conduction delays cannot be built. Lobes and systems are
read off the names where `encephagen.connectome.atlas` knows them. Whatever is wrong with a file is
a ValueError of one line that names the file, the place in it (rows and columns count from 0) and
the remedy.

**TVB zip**: text members, in any folder, plain or .bz2, as The Virtual Brain writes them:

    weights.txt         n rows of n numbers
    centres.txt         n rows: label x y z
    tract_lengths.txt   n rows of n numbers, mm       (optional)
    cortical.txt        n numbers, 1 for cortex       (optional)
    hemispheres.txt     n numbers, 1 for right        (optional)

**.npz**: arrays of these names, as `write_npz` writes them; the first two must be there:

    weights (n, n)      names (n,)          lengths_mm (n, n)   hemisphere (n,): L, R, midline
    centroid_mm (n, 3)  t1w_t2w (n,)        structure (n,)      lobe (n,)       system (n,)
    cortical (n,): True, False
    name, source: text  (nan in centroid_mm and t1w_t2w means unknown)

**Folder of CSV**, comma-separated, UTF-8:

    weights.csv     n rows of n numbers, or the same with labels in the first row and column
    lengths_mm.csv  likewise                          (optional)
    regions.csv     a header and n rows; columns name and, optionally, hemisphere, x_mm, y_mm,
                    z_mm, t1w_t2w, structure, cortical, lobe, system
                    (optional if weights.csv has labels)

``structure`` is "cortex", "thalamus", "striatum", ...; ``cortical`` alone says cortex or not, and
the atlas says the rest.
"""

import bz2
import csv
import io
import math
import os
import secrets
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from encephagen.connectome import atlas
from encephagen.connectome.connectome import Connectome, Region

MAX_BYTES = 2**29  # of one member or file: 8,000 regions in text; guards against zip bombs
_LOCAL = "what a region sends to itself is the brain's to say, not the connectome's"
_ENOUGH = "the file is damaged, or is something else; export it again"


def read(path: str | Path, name: str | None = None) -> Connectome:
    """Return the connectome in a TVB .zip, an .npz or a folder of CSV files.

    ``name`` defaults to the name of the file. Raises ValueError for anything wrong with it.
    """
    path = _there(path)
    if path.is_dir():
        return read_csv(path, name)
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return read_tvb(path, name)
    if suffix == ".npz":
        return read_npz(path, name)
    raise ValueError(
        f"{path}: expected a TVB .zip, an .npz or a folder of CSV files, not a file of type "
        f"{suffix!r}"
    )


def read_tvb(
    path: str | Path,
    name: str | None = None,
    source: str = "",
    shared_centre_mm: float | None = None,
) -> Connectome:
    """Return the connectome in a TVB zip.

    ``shared_centre_mm`` is the length given to connections of length 0 between regions with the
    same centre; without it they are an error. Raises ValueError for anything wrong with the file.
    """
    path = _there(path)
    with _reading(path, "a TVB zip"), zipfile.ZipFile(path) as archive:
        text = {
            part: _tvb_member(archive, part)
            for part in ("weights", "centres", "tract_lengths", "cortical", "hemispheres")
        }
    for part in ("weights", "centres"):
        if text[part] is None:
            raise ValueError(f"{path}: has no {part}.txt; expected a zip as TVB writes it")
    labels, centroids = _tvb_centres(path, text["centres"] or "")
    weights = _numbers(f"{path}: weights.txt", _split(text["weights"]))
    lengths = _numbers(f"{path}: tract_lengths.txt", _split(text["tract_lengths"]))
    assert weights is not None
    if lengths is not None and lengths.shape == weights.shape and shared_centre_mm is not None:
        same = (np.array(centroids)[:, None] == np.array(centroids)[None]).all(axis=2)
        lengths = np.where((weights > 0) & (lengths == 0) & same, shared_centre_mm, lengths)
        source = f"{source}; length {shared_centre_mm:g} mm between regions that share a centre"
    columns: dict[str, list[Any]] = {"centroid_mm": centroids}
    for part, key in (("cortical", "cortical"), ("hemispheres", "hemisphere")):
        flags = _numbers(f"{path}: {part}.txt", _split(text[part]))
        if flags is not None:
            flat = flags.ravel()
            if flat.size != len(labels) or not np.isin(flat, (0, 1)).all():
                raise ValueError(
                    f"{path}: {part}.txt: expected {len(labels)} numbers that are 0 or 1"
                )
            columns[key] = [bool(f) if part == "cortical" else "LR"[int(f)] for f in flat]
    return _connectome(path, name, source, labels, weights, lengths, columns)


def read_npz(path: str | Path, name: str | None = None) -> Connectome:
    """Return the connectome in an .npz. Raises ValueError for anything wrong with the file."""
    path = _there(path)
    with _reading(path, "an .npz"):
        with np.load(path, allow_pickle=False) as archive:
            if isinstance(archive, np.ndarray):
                raise ValueError("a single array")
            for info in archive.zip.infolist():
                if info.file_size > MAX_BYTES:
                    raise ValueError(f"{info.filename} is too large")
            arrays = {k: archive[k] for k in _NPZ if k in archive}
    for part in ("weights", "names"):
        if part not in arrays:
            raise ValueError(f"{path}: has no array {part!r}; expected weights and names at least")
    labels = [str(label).strip() for label in arrays["names"].ravel()]
    n = len(labels)
    columns: dict[str, list[Any]] = {}
    for key in ("hemisphere", "structure", "lobe", "system", "cortical", "t1w_t2w", "centroid_mm"):
        if key not in arrays:
            continue
        shape = (n, 3) if key == "centroid_mm" else (n,)
        if arrays[key].shape != shape:
            raise ValueError(
                f"{path}: {key} has shape {arrays[key].shape}: expected {shape}, a row a name"
            )
        if key in ("hemisphere", "structure", "lobe", "system"):
            columns[key] = [str(v) for v in arrays[key]]
        elif arrays[key].dtype.kind not in "biuf":
            raise ValueError(f"{path}: {key} holds {arrays[key].dtype}: expected numbers")
        elif key == "cortical":
            if not np.isin(arrays[key], (0, 1)).all():
                raise ValueError(f"{path}: cortical: expected True or False for each name")
            columns[key] = [bool(v) for v in arrays[key]]
        elif key == "t1w_t2w":
            columns[key] = [None if np.isnan(v) else float(v) for v in arrays[key]]
        else:
            columns[key] = [
                None if np.isnan(row).all() else tuple(map(float, row)) for row in arrays[key]
            ]
    text = {k: str(arrays[k]) for k in ("name", "source") if k in arrays and arrays[k].ndim == 0}
    return _connectome(
        path,
        name or text.get("name"),
        text.get("source", ""),
        labels,
        arrays["weights"],
        arrays.get("lengths_mm"),
        columns,
    )


def read_csv(path: str | Path, name: str | None = None) -> Connectome:
    """Return the connectome in a folder of CSV files. Raises ValueError for anything wrong."""
    path = _there(path)
    if not path.is_dir():
        raise ValueError(f"{path}: expected a folder with weights.csv")
    matrices: dict[str, np.ndarray] = {}
    labels: list[str] | None = None
    columns: dict[str, list[Any]] = {}
    labels_from = "regions.csv"
    if (path / "regions.csv").is_file():
        labels, columns = _csv_regions(path / "regions.csv")
    for part in ("weights", "lengths_mm"):
        file = path / f"{part}.csv"
        if not file.is_file():
            continue
        own, matrices[part] = _csv_matrix(file)
        if own is not None and labels is not None and own != labels:
            i = next((i for i, (a, b) in enumerate(zip(own, labels, strict=False)) if a != b), None)
            where = f"{len(own)} labels" if i is None else f"label {i} is {own[i]!r}"
            expected = f"{len(labels)}" if i is None else repr(labels[i])
            raise ValueError(
                f"{file}: {where}, but {labels_from} has {expected}; list the regions in one order"
            )
        if own is not None and labels is None:
            labels, labels_from = own, file.name
    if "weights" not in matrices:
        raise ValueError(f"{path}: has no weights.csv; expected n rows of n numbers")
    if labels is None:
        raise ValueError(
            f"{path}: has no labels; add regions.csv with a column 'name', or label the first row "
            "and column of weights.csv"
        )
    return _connectome(
        path, name, "", labels, matrices["weights"], matrices.get("lengths_mm"), columns
    )


def write_npz(connectome: Connectome, path: str | Path) -> Path:
    """Write ``connectome`` to ``path``, whole or not at all, and return the path.

    `read_npz` gives an equal connectome back. Raises ValueError if the path cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path}: expected a name that ends in .npz")
    regions = connectome.regions
    arrays = {
        "weights": connectome.weights,
        "names": np.array(connectome.names),
        "hemisphere": np.array([r.hemisphere for r in regions]),
        "centroid_mm": np.array([r.centroid_mm or (np.nan,) * 3 for r in regions]),
        "t1w_t2w": np.array([np.nan if r.t1w_t2w is None else r.t1w_t2w for r in regions]),
        "structure": np.array([r.structure for r in regions]),
        "lobe": np.array([r.lobe for r in regions]),
        "system": np.array([r.system for r in regions]),
        "name": np.array(connectome.name),
        "source": np.array(connectome.source),
    }
    if connectome.lengths_mm is not None:
        arrays["lengths_mm"] = connectome.lengths_mm
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("wb") as out:
            np.savez_compressed(out, **arrays)  # pyright: ignore[reportArgumentType]
        os.replace(beside, path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if exists(beside):
            beside.unlink()
    return path


# ---- common -------------------------------------------------------------------------------------

_NPZ = (
    "weights",
    "names",
    "lengths_mm",
    "hemisphere",
    "centroid_mm",
    "t1w_t2w",
    "structure",
    "cortical",
    "lobe",
    "system",
    "name",
    "source",
)


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


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever zipfile, zlib, bz2 and numpy raise on a damaged file into one ValueError.

    They raise nearly anything (zlib.error, EOFError, struct.error, NotImplementedError, ...).
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{path}: cannot be read as {what} ({reason}): {_ENOUGH}") from None


def _connectome(
    path: Path,
    name: str | None,
    source: str,
    labels: list[str],
    weights: np.ndarray,
    lengths_mm: np.ndarray | None,
    columns: dict[str, list[Any]],
) -> Connectome:
    """Return a validated connectome; ``columns`` are fields of Region that the file states."""
    try:
        found = atlas.places(labels)
        regions = []
        for i, (label, place) in enumerate(zip(labels, found, strict=True)):
            fields: dict[str, Any] = {
                "hemisphere": place.hemisphere,
                "structure": place.structure,
                "lobe": place.lobe,
                "system": place.system,
            }
            fields |= {key: values[i] for key, values in columns.items() if values[i] is not None}
            fields["structure"] = _structure(label, fields, "structure" in columns)
            regions.append(Region(label, **fields))
        weights, dropped = _without_diagonal(weights)
        if lengths_mm is not None:
            lengths_mm, _ = _without_diagonal(lengths_mm)
        note = f"diagonal ({dropped} entries) set to zero" if dropped else ""
        source = "; ".join(filter(None, (source, note))) or f"read from {path.name}"
        made = Connectome(name or path.stem, tuple(regions), weights, lengths_mm, source)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if note:
        warnings.warn(f"{path}: {note}: {_LOCAL}", stacklevel=4)
    return made


def _structure(label: str, fields: dict[str, Any], stated: bool) -> str:
    """Return the structure of a region, after what the file says of it: structure, cortical."""
    structure, cortical = fields["structure"], fields.pop("cortical", None)
    if cortical is None or cortical == (structure == atlas.CORTEX):
        return structure
    if stated:
        raise ValueError(f"region {label!r} has structure {structure!r} and cortical {cortical}")
    return atlas.CORTEX if cortical else atlas.SUBCORTICAL


def _without_diagonal(matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a copy with a zero diagonal and how many of its entries were not zero."""
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        return matrix, 0  # not a matrix: Connectome says what is wrong
    matrix = matrix.copy()
    m = min(matrix.shape)
    dropped = int(np.count_nonzero(matrix[range(m), range(m)]))
    matrix[range(m), range(m)] = 0
    return matrix, dropped


def _split(text: str | None) -> list[list[str]] | None:
    return None if text is None else [row for line in text.splitlines() if (row := line.split())]


def _numbers(where: str, rows: Sequence[Sequence[str]] | None) -> np.ndarray | None:
    """Return rows of text as numbers; ValueError with the place of the first that is none."""
    if rows is None:
        return None
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
            matrix[i, j] = _number(f"{where}: row {i}, column {j}", cell)
    return matrix


def _number(where: str, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{where}: {cell[:40]!r} is not a number; correct it") from None


# ---- TVB ----------------------------------------------------------------------------------------


def _tvb_member(archive: zipfile.ZipFile, part: str) -> str | None:
    """Return the text of the member for ``part`` (weights, centres, ...), or None."""
    spellings = {"centres": ("centres", "centers"), "tract_lengths": ("tract_lengths", "tract")}
    for info in archive.infolist():
        file = PurePosixPath(info.filename).name.lower()
        stem = file.removesuffix(".bz2").removesuffix(".txt")
        if info.is_dir() or file.startswith(".") or stem not in spellings.get(part, (part,)):
            continue
        if info.file_size > MAX_BYTES:
            raise ValueError(f"{info.filename} is too large")
        content = archive.read(info)
        if file.endswith(".bz2"):
            unpack = bz2.BZ2Decompressor()
            content = unpack.decompress(content, MAX_BYTES)
            if not unpack.eof:
                raise ValueError(f"{info.filename} is cut short or too large")
        return content.decode("utf-8-sig")
    return None


def _tvb_centres(path: Path, text: str) -> tuple[list[str], list[tuple[float, float, float]]]:
    labels, centroids = [], []
    for i, row in enumerate(_split(text) or []):
        if len(row) < 4:
            raise ValueError(f"{path}: centres.txt: row {i}: expected a label, x, y and z")
        where = f"{path}: centres.txt: row {i}"
        x, y, z = (_number(where, cell) for cell in row[1:4])
        labels.append(row[0])
        centroids.append((x, y, z))
    return labels, centroids


# ---- CSV ----------------------------------------------------------------------------------------


def _csv_rows(file: Path) -> list[list[str]]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{file}: is larger than {MAX_BYTES // 2**20} MiB; use .npz")
        text = file.read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except UnicodeDecodeError:
        raise ValueError(f"{file}: is not UTF-8 text; save it as CSV in UTF-8") from None
    except (csv.Error, OSError) as error:
        raise ValueError(f"{file}: cannot be read as CSV ({error}); save it again") from None
    rows = [[cell.strip() for cell in row] for row in rows]
    return [row for row in rows if any(row)]


def _csv_matrix(file: Path) -> tuple[list[str] | None, np.ndarray]:
    """Return the labels, if there are any, and the numbers of a CSV matrix."""
    rows = _csv_rows(file)
    labels = None
    if len(rows) > 1 < len(rows[0]) and _is_label(rows[0][0]) and all(map(_is_label, rows[0][1:])):
        labels = rows[0][1:]
        down = [row[0] for row in rows[1:]]
        if down != labels:
            raise ValueError(
                f"{file}: the labels of the rows are not those of the columns; list the regions "
                "in one order"
            )
        rows = [row[1:] for row in rows[1:]]
    matrix = _numbers(str(file), rows)
    assert matrix is not None
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{file}: has shape {matrix.shape}: expected a square matrix; give a row and a column "
            "a region"
        )
    return labels, matrix


def _is_label(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _csv_regions(file: Path) -> tuple[list[str], dict[str, list[Any]]]:
    rows = _csv_rows(file)
    header = [h.lower() for h in rows[0]] if rows else []
    if header.count("name") != 1:
        raise ValueError(f"{file}: has no column 'name'; give the first row the column names")
    known = "name hemisphere x_mm y_mm z_mm t1w_t2w structure cortical lobe system".split()
    for column in header:
        if column not in known or header.count(column) > 1:
            raise ValueError(
                f"{file}: column {column!r} is unknown or there twice; expected {', '.join(known)}"
            )
    table: dict[str, list[str]] = {column: [] for column in header}
    for i, row in enumerate(rows[1:], 1):
        if len(row) != len(header):
            raise ValueError(f"{file}: row {i} has {len(row)} values for {len(header)} columns")
        for column, cell in zip(header, row, strict=True):
            table[column].append(cell)
    columns: dict[str, list[Any]] = {}
    n = len(rows) - 1
    for column in ("hemisphere", "structure", "lobe", "system"):
        if column in table:
            columns[column] = [cell or None for cell in table[column]]
    if "cortical" in table:
        columns["cortical"] = [_flag(file, i, cell) for i, cell in enumerate(table["cortical"], 1)]
    if "t1w_t2w" in table:
        columns["t1w_t2w"] = [_optional(file, i, c) for i, c in enumerate(table["t1w_t2w"], 1)]
    axes = [a for a in ("x_mm", "y_mm", "z_mm") if a in table]
    if axes and len(axes) < 3:
        raise ValueError(f"{file}: has {', '.join(axes)} alone; expected x_mm, y_mm and z_mm")
    if axes:
        xyz = [[_optional(file, i + 1, table[a][i]) for a in axes] for i in range(n)]
        columns["centroid_mm"] = [None if all(v is None for v in p) else tuple(p) for p in xyz]
    return table["name"], columns


def _optional(file: Path, row: int, cell: str) -> float | None:
    value = _number(f"{file}: row {row}", cell) if cell else math.nan
    return None if math.isnan(value) else value


def _flag(file: Path, row: int, cell: str) -> bool | None:
    flags = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if cell and cell.lower() not in flags:
        raise ValueError(f"{file}: row {row}: cortical {cell!r}: expected true or false")
    return flags.get(cell.lower())
