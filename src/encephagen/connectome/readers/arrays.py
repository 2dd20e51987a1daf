"""Arrays by name, whatever the file: what an .npz and a .mat have in common.

The first two must be there; S is the number of subjects, T of volumes:

    weights (n, n)      names (n,)          lengths_mm (n, n)   hemisphere (n,): L, R, midline
    centroid_mm (n, 3)  t1w_t2w (n,)        structure (n,)      cortical (n,): True, False
    lobe (n,)           system (n,)         name, source: text  directed: True, False
    subjects (S,)       subject_weights (S, n, n)               subject_lengths_mm (S, n, n)
    fmri (S, T, n)      tr_s, s             map_NAME (n,)

nan in centroid_mm, t1w_t2w and maps means unknown.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.connectome.readers.content import TEXTS, Content, as_text
from encephagen.names import hint

NUMERIC = ("cortical", "t1w_t2w", "centroid_mm")
MATRICES = ("weights", "lengths_mm", "subject_weights", "subject_lengths_mm", "fmri")
SCALARS = ("name", "source", "directed", "tr_s")
KNOWN = (*MATRICES, "names", *TEXTS, *NUMERIC, *SCALARS, "subjects")
MAP = "map_"


def content_of(path: Path, arrays: Mapping[str, np.ndarray]) -> Content:
    """Return what arrays hold. Raises ValueError for one that is unknown, or of another kind."""
    for part in ("weights", "names"):
        if part not in arrays:
            raise ValueError(f"{path}: has no array {part!r}; expected weights and names at least")
    for key in arrays:
        if key not in KNOWN and not key.startswith(MAP):
            raise ValueError(
                f"{path}: array {key!r} is unknown; {hint(key, KNOWN)}; rename or remove it"
            )
    if arrays["names"].ndim != 1:
        raise ValueError(f"{path}: names has shape {arrays['names'].shape}: expected one row")
    labels = as_text(f"{path}: names", arrays["names"])
    n = len(labels)
    maps = [key for key in arrays if key.startswith(MAP)]
    columns: dict[str, list[Any]] = {}
    for key in (*TEXTS, *NUMERIC, *maps):
        if key not in arrays:
            continue
        shape = (n, 3) if key == "centroid_mm" else (n,)
        if arrays[key].shape != shape:
            raise ValueError(
                f"{path}: {key} has shape {arrays[key].shape}: expected {shape}, a row a name"
            )
        if key in TEXTS:
            columns[key] = as_text(f"{path}: {key}", arrays[key])
        elif arrays[key].dtype.kind not in "biuf":
            raise ValueError(f"{path}: {key} holds {arrays[key].dtype}: expected numbers")
    if "cortical" in arrays:
        if not np.isin(arrays["cortical"], (0, 1)).all():
            raise ValueError(f"{path}: cortical: expected True or False for each name")
        columns["cortical"] = [bool(v) for v in arrays["cortical"]]
    if "t1w_t2w" in arrays:
        columns["t1w_t2w"] = [None if np.isnan(v) else float(v) for v in arrays["t1w_t2w"]]
    if "centroid_mm" in arrays:
        rows = arrays["centroid_mm"]
        columns["centroid_mm"] = [None if np.isnan(r).all() else tuple(r.tolist()) for r in rows]
    said = {key: _scalar(path, key, arrays[key]) for key in SCALARS if key in arrays}
    found = Content(path, labels, arrays["weights"], arrays.get("lengths_mm"), columns, **said)
    if "subjects" in arrays:
        found.subjects = as_text(f"{path}: subjects", arrays["subjects"])
    found.subject_weights = arrays.get("subject_weights")
    found.subject_lengths_mm = arrays.get("subject_lengths_mm")
    found.fmri = arrays.get("fmri")
    found.maps = {key.removeprefix(MAP): arrays[key].astype(np.float64) for key in maps}
    return found


def _scalar(path: Path, key: str, value: np.ndarray) -> Any:
    """Return one text, flag or number."""
    if value.size != 1:
        raise ValueError(f"{path}: {key} has shape {value.shape}: expected one value")
    (only,) = value.ravel().tolist()
    if key in ("name", "source"):
        return as_text(f"{path}: {key}", only)[0]
    if key == "directed" and only in (0, 1):
        return bool(only)
    if key == "tr_s" and isinstance(only, (int, float)) and not isinstance(only, bool):
        return float(only)
    raise ValueError(
        f"{path}: {key} is {only!r}: expected {'a number' if key == 'tr_s' else 'True or False'}"
    )
