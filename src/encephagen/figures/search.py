"""A search of recipes: what theory said, what spikes said, and what trades against what."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Evaluated = Sequence[Mapping[str, Any]]


def search(theory: Evaluated, spikes: Evaluated, long: Evaluated) -> "Figure":
    """Return the picture of a fit: evaluations of each stage, as `experiments.fit.Fit` has them.

    Left, FC fit against the response of distant regions, every recipe of theory, coloured by its
    leading eigenvalue. Right, FC fit in spikes against that in theory.
    """
    with style.styled(7.2, 3.2) as figure:
        left, right = figure.subplots(1, 2)
        known = [one for one in theory if "fc_r" in one and one["response"] > 0]
        # Stable ones on top: they are what is looked for.
        known.sort(key=lambda one: -one["eigenvalue"])
        dots = left.scatter(
            [one["response"] for one in known],
            [one["fc_r"] for one in known],
            c=np.clip([one["eigenvalue"] for one in known], 0.5, 1.2),
            s=6,
            cmap="viridis",
            linewidths=0,
        )
        figure.colorbar(dots, ax=left, label="leading eigenvalue (1: unstable)", extend="both")
        left.set(xscale="log", xlabel="response of the median region, least of three sites")
        left.set(ylabel="FC r with training subjects", title="theory")
        for label, stage, colour, size in (
            ("minutes", spikes, style.NEUTRAL, 14),
            ("long runs", long, style.SIMULATED, 30),
        ):
            both = [one for one in stage if "fc_r" in one and "fc_r" in one["theory"]]
            x = [one["theory"]["fc_r"] for one in both]
            right.scatter(x, [one["fc_r"] for one in both], s=size, color=colour, label=label)
        right.axline((0.5, 0.5), slope=1, color="0.8", lw=0.8, zorder=0)
        right.set(xlabel="FC r in theory", ylabel="FC r in spikes", title="spikes")
        right.legend()
        return figure
