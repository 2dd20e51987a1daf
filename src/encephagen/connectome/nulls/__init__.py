"""Nulls: connectomes that keep some of a connectome and lose the rest, each with its proof.

A null is a pure function ``(connectome, seed) -> (null, proof)``. The `Proof` says how much has
changed and what was checked to stay; a null that left its input (nearly) unchanged, or broke what
it promises, raises ValueError. `spatial_null` does the same for maps. docs/nulls.md tells more.
"""

from collections.abc import Callable

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
from encephagen.names import hint

Null = Callable[..., tuple[Connectome, Proof]]
"""``(connectome, seed) -> (null, proof)``."""

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
ANNEALED = ("strength", "length-and-strength")
"""Nulls that take long, and so ``progress``, which is told the fraction that is done."""


def find(name: str) -> Null:
    """Return the null of that name. Raises ValueError, with the nearest name, if there is none."""
    if name not in NULLS:
        raise ValueError(f"{name!r} is no null; {hint(name, NULLS)}")
    return NULLS[name]


__all__ = [
    "ANNEALED",
    "NULLS",
    "Null",
    "Proof",
    "SpatialProof",
    "find",
    "spatial_null",
]
