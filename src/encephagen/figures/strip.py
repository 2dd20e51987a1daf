"""A measure of several groups of runs, side by side: every run a dot, every median a line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from encephagen.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 0.5
"""Of the dots of one group, in distances between groups."""


def strip(
    axes: "Axes",
    groups: Mapping[str, np.ndarray],
    *,
    reference: float | None = None,
    first: str = style.SIMULATED,
):
    """Draw groups (run,) under their names; a name's spaces break its line.

    The first group, the one that others are compared with, has the colour ``first``; ``reference``
    is a level that is drawn behind, such as none at all. Values that are not finite are left out.
    """
    if reference is not None:
        axes.axhline(reference, color="0.8", linewidth=0.6, zorder=0)
    for at, values in enumerate(groups.values()):
        known = np.sort(values[np.isfinite(values)])
        if not known.size:
            continue
        # Neighbours in value stand apart, so that dots do not hide each other.
        beside = WIDTH * ((np.arange(known.size) * 0.618) % 1.0 - 0.5)
        colour = style.NEUTRAL if at else first
        axes.plot(at + beside, known, ".", color=colour, markersize=3, alpha=0.7)
        axes.plot([at - 0.3, at + 0.3], [np.median(known)] * 2, color=colour)
    axes.set_xticks(
        range(len(groups)), [style.verbatim(name).replace(" ", "\n") for name in groups]
    )
    axes.set_xlim(-0.6, len(groups) - 0.4)
