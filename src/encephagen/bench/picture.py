"""The picture of a benchmark: speed against synapses, ours and NEST's, and delivery."""

from collections.abc import Sequence
from typing import Any


def figure(document: dict[str, Any]):
    """Return the picture: speed against synapses, ours and NEST's, and delivery."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    made = Figure(figsize=(9.0, 3.6), layout="constrained")
    speed, delivery = made.subplots(1, 2)
    family = [s for s in document["sizes"] if s["name"] != "default"]
    default = [s for s in document["sizes"] if s["name"] == "default"]
    at = [s["n_synapses"] for s in family]
    blue, orange, grey = "#1f5fa8", "#d9731a", "#666666"
    for threads, style in (("1", "--"), ("2", "-")):
        name = f"{threads} thread{'s' if threads == '2' else ''}"
        marker = "o" if threads == "2" else "."
        ours = [s["realtime_factor_by_threads"].get(threads) for s in family]
        theirs = [(s["nest"] or {}).get("realtime_factor_by_threads", {}) for s in family]
        theirs = [t.get(threads) for t in theirs]
        speed.plot(*_known(at, ours), style, marker=marker, color=blue, label=f"encephagen, {name}")
        if any(theirs):
            speed.plot(
                *_known(at, theirs), style, marker=marker, color=orange, label=f"NEST, {name}"
            )
    for s in default:
        nest = [s["nest"]["realtime_factor"]] if s["nest"] else []
        for value, colour in zip([s["realtime_factor"], *nest], (blue, orange), strict=False):
            speed.plot(s["n_synapses"], value, "*", ms=13, color=colour, zorder=3)
    speed.plot([], [], "*", ms=10, color=grey, label="healthy_cortex, best")
    speed.axhline(1.0, color=grey, lw=1)
    speed.annotate(
        "real time",
        (0.01, 1.0),
        xycoords=("axes fraction", "data"),
        va="bottom",
        fontsize=8,
        color=grey,
    )
    speed.set(xscale="log", yscale="log", xlabel="synapses", ylabel="times real time")
    speed.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    speed.margins(x=0.12)
    speed.set_ylim(bottom=0.15 * speed.dataLim.y0)
    handles, labels = speed.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i])
    speed.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        fontsize=7,
        frameon=False,
        loc="lower left",
        ncols=2,
        handlelength=3.0,
    )
    rate = [s["events_per_s_core"] / 1e6 for s in family]
    delivery.plot(at, rate, "-", color=blue)
    for segmented, marker, label in (
        (False, "s", "a delay for each synapse"),
        (True, "o", "runs of equal delay"),
    ):
        mine = [
            (x, y) for x, y, s in zip(at, rate, family, strict=True) if s["segmented"] is segmented
        ]
        if mine:
            delivery.plot(*zip(*mine, strict=True), marker, color=blue, label=label)
    delivery.legend(fontsize=7, frameon=False, loc="lower right")
    delivery.axhline(200.0, color=grey, lw=1, ls=":")
    delivery.annotate(
        "gate at $10^8$",
        (0.01, 200.0),
        xycoords=("axes fraction", "data"),
        va="bottom",
        fontsize=8,
        color=grey,
    )
    delivery.set(xscale="log", xlabel="synapses", ylabel="million events a second, one core")
    delivery.set_ylim(0.0, 1.15 * max([*rate, 220.0]))
    delivery.margins(x=0.18)
    for axes in (speed, delivery):
        axes.spines[["top", "right"]].set_visible(False)
    return made


def _known(x: Sequence[float], y: Sequence[float | None]) -> tuple[list[float], list[float]]:
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if b is not None]
    return [a for a, _ in pairs], [b for _, b in pairs]
