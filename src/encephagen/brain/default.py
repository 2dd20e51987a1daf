"""The brain that is meant where no recipe is named: which shipped recipe a connectome has."""

from collections.abc import Collection

from encephagen.brain.nuclei import nuclei
from encephagen.brain.recipe import Recipe, shipped_recipe
from encephagen.connectome.connectome import Connectome

CORTEX = "resting_cortex"
WITH_NUCLEI = "resting_brain"
"""A cortex by itself needs local excitation that, in a whole brain, the loop through the thalamus
gives; so they are two recipes."""


def default_recipe(connectome: Connectome | None = None, taken: Collection[str] = ()) -> Recipe:
    """Return the shipped recipe of a connectome: that of cortex, or with nuclei where all fit.

    ``taken`` are regions in which no nucleus may live: fragments of your own are there.
    """
    if connectome is not None:
        brain = shipped_recipe(WITH_NUCLEI)
        if {"cortex", *(one.table for one in nuclei(connectome, brain, taken))} == {*brain.tables}:
            return brain
    return shipped_recipe(CORTEX)
