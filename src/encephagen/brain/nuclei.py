"""Nuclei: the fragments of a recipe beside cortex, and what joins each to cortex."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from encephagen.brain import basal_ganglia, long_range_inhibition, thalamus
from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Brain, Projection
from encephagen.connectome.connectome import Connectome


class Nuclei(NamedTuple):
    """A fragment: its table in a recipe, the structures that it needs, and what makes it.

    ``made`` returns its cells, None for one that has only projections; ``joined`` returns its
    projections from and to a fragment that is cortex.
    """

    table: str
    structures: frozenset[str]
    made: Callable[[Connectome, Recipe], Brain] | None
    joined: Callable[[Brain, Recipe], tuple[Projection, ...]]


ALL = (
    Nuclei(
        "thalamus",
        frozenset({thalamus.STRUCTURE}),
        thalamus.thalamus,
        thalamus.thalamocortical,
    ),
    Nuclei(
        "basal_ganglia",
        frozenset(basal_ganglia.STRUCTURES.values()),
        basal_ganglia.basal_ganglia,
        basal_ganglia.corticobasal,
    ),
    Nuclei(
        "long_range_inhibition",
        frozenset({long_range_inhibition.STRUCTURE}),
        None,
        long_range_inhibition.of_people,
    ),
)
"""Each may act on those before it, and then needs their structures too."""


def nuclei(connectome: Connectome, recipe: Recipe, taken: Collection[str] = ()) -> list[Nuclei]:
    """Return the nuclei that a recipe has numbers for and a connectome has the regions of.

    Those that need a region that is ``taken`` are left out.
    """
    found: list[Nuclei] = []
    for one in ALL:
        inside = [r for r in connectome.regions if r.structure in one.structures]
        whole = {r.structure for r in inside} == one.structures
        if one.table not in recipe.tables or not whole or any(r.name in taken for r in inside):
            continue
        found.append(one)
    return found
