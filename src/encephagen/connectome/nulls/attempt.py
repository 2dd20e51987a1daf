"""Nulls made or refused, as plain values: what `encephagen nulls` tells and writes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls import ANNEALED, NULLS
from encephagen.connectome.nulls.spatial import spatial_null
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset

N_MAPS = 1000


def attempt(
    connectome: Connectome,
    name: str,
    seed: int,
    folder: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Make a null by its name, and return {"made": True, "proof", "wall_s"}, or why there is none.

    folder: where it is written, as NAME.npz; progress: told the fraction done of what takes long.
    A null that this connectome does not admit is {"made": False, "refused": the reason}.
    """
    started = time.perf_counter()
    try:
        watched = {"progress": progress} if name in ANNEALED and progress is not None else {}
        null, proof = NULLS[name](connectome, seed, **watched)
    except ValueError as error:
        return _refused(error)
    wall_s = round(time.perf_counter() - started, 3)
    if folder is not None:
        write_npz(null, folder / f"{name}.npz")
    return {"made": True, "proof": proof.as_dict(), "wall_s": wall_s}


def attempt_maps(connectome: Connectome, seed: int) -> dict[str, Any]:
    """Return the proof of `N_MAPS` spatial nulls of T1w/T2w, where it is known, or the reason."""
    known = [r.name for r in connectome.regions if r.t1w_t2w is not None]
    try:
        mapped = subset(connectome, known) if known else connectome
        _, proof = spatial_null(mapped.t1w_t2w, mapped, N_MAPS, seed)
    except ValueError as error:
        return _refused(error)
    return {"made": True, "proof": proof.as_dict()}


def _refused(error: ValueError) -> dict[str, Any]:
    return {"made": False, "refused": " ".join(str(error).split())}
