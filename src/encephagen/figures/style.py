"""The look of the pictures: one set of colours, sizes and orders.

Colours are those of Okabe and Ito (jfly.uni-koeln.de/color), told apart with any colour vision;
maps of rates are perceptually uniform.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.rates import chosen
from encephagen.connectome.atlas import LOBES
from encephagen.recording import Recording
from encephagen.recording.alarms import TRANSIENT_MS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXCITATORY = "#D55E00"
INHIBITORY = "#0072B2"
THIRD = "#009E73"
NEUTRAL = "#555555"
SIMULATED = EXCITATORY
MEASURED = "black"
LINEAR = INHIBITORY
"""Colours of a brain, of people, and of the linear network, where they are compared."""

PALER = 0.6
"""Share of a colour that is left in the next population of its kind."""

RATE_MAP = "magma"

UNKNOWN = "0.8"
"""Colour of what has no value: a region without such cells."""

RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "savefig.dpi": 200,
    "figure.dpi": 150,
}


@contextmanager
def styled(width_in: float, height_in: float) -> Iterator["Figure"]:
    """Yield an empty Figure that is not tied to any screen, to be filled in the common style."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(RC):
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def verbatim(text: str) -> str:
    """Return a text of data as matplotlib shows it sign for sign: `$` begins no formula."""
    return text.replace("$", r"\$")


def population_colours(recording: Recording) -> list[str]:
    """Return the colours of the populations, by whether they excite; further ones are paler."""
    from matplotlib.colors import to_hex, to_rgb

    found, seen = [], {True: 0, False: 0}
    for excites in recording.excites.tolist():
        white = 1.0 - PALER ** seen[excites]
        r, g, b = to_rgb(EXCITATORY if excites else INHIBITORY)
        keep = 1.0 - white
        found.append(to_hex((keep * r + white, keep * g + white, keep * b + white)))
        seen[excites] += 1
    return found


def population_names(recording: Recording) -> list[str]:
    """Return the populations as a legend names them: by what they do where that tells them."""
    excites = recording.excites.tolist()
    return [
        {True: "excitatory", False: "inhibitory"}[e] if excites.count(e) == 1 else verbatim(name)
        for name, e in zip(recording.populations, excites, strict=True)
    ]


def population_legend(axes: "Axes", recording: Recording):
    """Write the names of the populations, in their colours, above the right end of axes."""
    from matplotlib.lines import Line2D

    colours = population_colours(recording)
    axes.legend(
        [Line2D([], [], color=colour) for colour in colours],
        population_names(recording),
        labelcolor=colours,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(colours),
        handlelength=0.0,
        handletextpad=0.0,
        columnspacing=1.2,
        borderaxespad=0.0,
    )


def excites_somewhere(recording: Recording) -> bool:
    """Return whether any neuron of cortex excites."""
    return bool(recording.data["region_size"].values[:, chosen(recording.data)].any())


def say(axes: "Axes", text: str):
    """Write a text into the middle of empty axes."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.5")


def by_lobe(recording: Recording) -> tuple[np.ndarray, list[tuple[str, int, int]]]:
    """Return the regions ordered by lobe, and for each lobe its name, first and stop position."""
    lobes = recording.data["lobe"].values.tolist()
    known = [*LOBES, *dict.fromkeys(lobe for lobe in lobes if lobe not in LOBES)]
    rank = np.array([known.index(lobe) for lobe in lobes])
    order = np.argsort(rank, kind="stable")
    edges = np.flatnonzero(np.diff(rank[order])) + 1
    bounds = np.concatenate([[0], edges, [order.size]])
    return order, [
        (lobes[order[a]] or "unassigned", int(a), int(b))
        for a, b in zip(bounds[:-1], bounds[1:], strict=True)
        if b > a
    ]


def mark_lobes(
    axes: "Axes", lobes: list[tuple[str, int, int]], scale: float = 1.0, colour: str = NEUTRAL
):
    """Label the lobes on the vertical axis, in place of ticks, with thin lines between them.

    scale: rows of the axes per region.
    """
    from matplotlib.transforms import blended_transform_factory

    beside = blended_transform_factory(axes.transAxes, axes.transData)
    total = lobes[-1][2]
    axes.set_yticks([])
    for _, first, _ in lobes[1:]:
        axes.axhline(first * scale, color=colour, linewidth=0.4, alpha=0.7)
    for name, first, stop in lobes:
        if (stop - first) / total >= 0.02:
            axes.text(
                -0.012,
                0.5 * (first + stop) * scale,
                verbatim(name),
                transform=beside,
                ha="right",
                va="center",
                fontsize=7.0,
            )


def shown_span(recording: Recording, longest_ms: float) -> tuple[float, float]:
    """Return the stretch (start, stop) in ms that a picture of single spikes shows.

    It is the whole recording, or as much of its end as ``longest_ms`` holds.
    """
    return max(recording.start_ms, recording.stop_ms - longest_ms), recording.stop_ms


def transient_mark(axes: "Axes", recording: Recording):
    """Shade the transient after time 0, which no figure of a summary counts."""
    if recording.start_ms < TRANSIENT_MS < recording.stop_ms:
        axes.axvspan(recording.start_ms / 1000.0, TRANSIENT_MS / 1000.0, color="0.92", zorder=0)
