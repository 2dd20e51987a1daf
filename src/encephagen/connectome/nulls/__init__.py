"""Nulls: connectomes that keep some of a connectome and lose the rest, each with its proof.

A null is a pure function ``(connectome, seed) -> (null, proof)``. The `Proof` says how much has
changed and what was checked to stay; a null that left its input (nearly) unchanged, or broke what
it promises, raises ValueError. `spatial_null` does the same for maps. docs/nulls.md tells more.
"""

from collections.abc import Callable
from difflib import get_close_matches

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.binned import length_binned
from encephagen.connectome.nulls.binned_strength import length_and_strength
from encephagen.connectome.nulls.boundary import boundary_preserving
from encephagen.connectome.nulls.flat import homogeneous
from encephagen.connectome.nulls.proof import Proof
from encephagen.connectome.nulls.shuffle import weight_shuffle
from encephagen.connectome.nulls.spatial import SpatialProof, spatial_null
from encephagen.connectome.nulls.strength import strength_preserving
from encephagen.connectome.nulls.swaps import degree_swaps

Null = Callable[[Connectome, int], tuple[Connectome, Proof]]

# By name, from the one that keeps least of what matters here to the one that keeps most; the last
# two stand apart: homogeneous keeps no weight at all, swaps need a sparse connectome.
NULLS: dict[str, Null] = {
    "weight-shuffle": weight_shuffle,
    "length-binned": length_binned,
    "strength": strength_preserving,
    "length-and-strength": length_and_strength,
    "boundary": boundary_preserving,
    "homogeneous": homogeneous,
    "degree-swaps": degree_swaps,
}


def find(name: str) -> Null:
    """Return the null of that name. Raises ValueError, with the nearest name, if there is none."""
    if name not in NULLS:
        close = get_close_matches(str(name).casefold(), NULLS, n=1, cutoff=0.4)
        nearest = f"did you mean {close[0]}?" if close else f"expected {', '.join(NULLS)}"
        raise ValueError(f"{name!r} is no null: {nearest}")
    return NULLS[name]


__all__ = [
    "NULLS",
    "Null",
    "Proof",
    "SpatialProof",
    "find",
    "spatial_null",
]
