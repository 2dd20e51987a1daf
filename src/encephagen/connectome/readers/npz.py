"""NumPy .npz: arrays of the names in `arrays`, as `write_npz` writes them."""

from pathlib import Path

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.readers.arrays import content_of
from encephagen.connectome.readers.content import MAX_BYTES, Content, reading
from encephagen.files import whole

FORM = "an .npz"


def accepts(path: Path) -> bool:
    """Tell whether this reader is for the path."""
    return path.suffix.lower() == ".npz"


def read(path: Path) -> Content:
    """Return what an .npz holds. Raises ValueError for anything wrong with the file."""
    with reading(path, FORM), np.load(path, allow_pickle=False) as archive:
        if isinstance(archive, np.ndarray):
            raise ValueError("a single array")
        for info in archive.zip.infolist():
            if info.file_size > MAX_BYTES:
                raise ValueError(f"{info.filename} is too large")
        found = {key: archive[key] for key in archive.files}
    return content_of(path, found)


def write_npz(connectome: Connectome, path: str | Path) -> Path:
    """Write ``connectome`` to ``path``, whole or not at all, and return the path.

    `read` gives an equal connectome back. Raises ValueError if the path cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path}: expected a name that ends in .npz")
    regions = connectome.regions
    found = {
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
        "directed": np.array(connectome.directed),
    }
    if connectome.lengths_mm is not None:
        found["lengths_mm"] = connectome.lengths_mm
    try:
        with whole(path) as part, part.open("wb") as file:
            np.savez_compressed(file, **found)  # pyright: ignore[reportArgumentType]
    except OSError as error:
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path
