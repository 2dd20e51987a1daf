"""Functional connectivity (FC), simulated beside measured: matrices, scatter, growth, dynamics.

Everything is drawn from arrays as `validation.evidence` makes them, of any regions that have
hemispheres and lobes.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.functional_connectivity import fc_correlation, fcd_ks, matched, upper
from encephagen.connectome.atlas import LOBES
from encephagen.figures import style
from encephagen.names import hint

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from encephagen.connectome.connectome import Region

MATRIX_MAP = "viridis"
EDGES = (2.0, 98.0)
"""Percentiles of FC at the ends of a matrix' colours."""

KINDS = (
    ("between hemispheres", "#999999"),
    ("within a hemisphere", "#0072B2"),
    ("homologous regions", "#E69F00"),
)


def matrices(fc: Mapping[str, "xr.DataArray"], regions: "Sequence[Region]") -> "Figure":
    """Return FC matrices (region, region_2) side by side, ordered by hemisphere and lobe.

    fc: by title, the one that all others are compared with first. Each has its own range of
        colours, from percentile 2 to 98 of its pairs: r, the measure, knows no scale either. The
        mean, which it does not know, stands beside.
    """
    reference = next(iter(fc.values()))
    names = _names(reference)
    order, hemispheres, lobes = _order(regions, names)
    with style.styled(2.75 * len(fc) + 0.75, 3.5) as figure:
        figure.set_layout_engine("compressed")  # square panels leave no gaps
        panels = np.atleast_1d(np.asarray(figure.subplots(1, len(fc))))
        for place, (axes, (title, matrix)) in enumerate(zip(panels, fc.items(), strict=True)):
            values = matched(matrix, names).values[np.ix_(order, order)].copy()
            low, high = np.percentile(upper(matrix), EDGES)
            np.fill_diagonal(values, np.nan)
            image = axes.imshow(values, cmap=MATRIX_MAP, vmin=low, vmax=max(high, low + 1e-6))
            axes.set_facecolor("white")
            _mark(axes, hemispheres, lobes, named=place == 0)
            r = "" if place == 0 else f", r = {fc_correlation(matrix, reference):.2f}"
            axes.set_title(f"{style.verbatim(title)}{r}")
            bar = figure.colorbar(
                image, ax=axes, location="bottom", pad=0.02, aspect=28, shrink=0.9, extend="both"
            )
            bar.outline.set_visible(False)
            bar.set_label(f"functional connectivity (r), mean {upper(matrix).mean():.2f}")
        return figure


def scatter(
    predicted: Mapping[str, "xr.DataArray"], measured: "xr.DataArray", regions: "Sequence[Region]"
) -> "Figure":
    """Return predicted FC against measured FC (region, region_2), a dot a pair of regions.

    predicted: by title, a panel each. Colours tell pairs within a hemisphere, between them, and
    homologous regions apart; the line is that of least squares.
    """
    kind = _kinds(regions, _names(measured))
    with style.styled(3.5 * len(predicted) + 0.3, 3.4) as figure:
        panels = np.atleast_1d(np.asarray(figure.subplots(1, len(predicted), sharey=True)))
        y = upper(measured)
        for axes, (title, matrix) in zip(panels, predicted.items(), strict=True):
            x = upper(matched(matrix, _names(measured)))
            for index, (name, colour) in enumerate(KINDS):
                of_it = kind == index
                if not of_it.any():
                    continue
                axes.plot(
                    x[of_it],
                    y[of_it],
                    linestyle="none",
                    marker=".",
                    markersize=3.0 if index < 2 else 6.0,
                    markeredgewidth=0,
                    alpha=0.45 if index < 2 else 0.9,
                    color=colour,
                    label=f"{name} ({_r_text(x[of_it], y[of_it])})",
                    rasterized=True,
                )
            slope, offset = np.polyfit(x, y, 1)
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, slope * ends + offset, color="black", linewidth=1.0)
            axes.set_title(f"{style.verbatim(title)}: {_r_text(x, y)} over {x.size:,} pairs")
            axes.set_xlabel(f"FC, {style.verbatim(title.lower())} (r)")
            axes.legend(
                loc="lower right",
                markerscale=2.0,
                handletextpad=0.1,
                frameon=True,
                framealpha=0.85,
                edgecolor="none",
            )
        panels[0].set_ylabel("FC, fMRI of the group (r)")
        return figure


def growth(
    growth_r: "xr.DataArray", levels: Mapping[str, float], whole: tuple[float, float] | None = None
) -> "Figure":
    """Return r with the fMRI as the duration grows from which FC is taken.

    growth_r (duration_s): mean over single stretches of one run; whole: duration in s and r of all
        runs together; levels: r that others reach, by name, as lines.
    """
    with style.styled(7.2, 2.9) as figure:
        axes: Axes = figure.subplots()
        minutes = growth_r["duration_s"].values / 60.0
        label = "one stretch of one run, mean"
        axes.plot(
            minutes, growth_r.values, "o-", color=style.SIMULATED, markersize=3.5, label=label
        )
        if whole is not None:
            at = (whole[0] / 60.0, whole[1])
            axes.plot(*at, "D", color=style.SIMULATED, markersize=6, label="all runs together")
        right = max(minutes.max(), whole[0] / 60.0 if whole else 0.0) * 1.25
        for name, level in levels.items():
            axes.axhline(level, color=style.NEUTRAL, linewidth=0.7, linestyle=(0, (4, 3)))
            axes.annotate(
                f"{style.verbatim(name)} {level:.2f}",
                (1.01, level),
                xycoords=("axes fraction", "data"),
                fontsize=7.0,
                va="center",
                color=style.NEUTRAL,
            )
        axes.set_xscale("log")
        ticks = [m for m in (1, 2, 5, 10, 20, 50, 100, 200, 500) if minutes.min() <= m <= right]
        axes.set_xticks(ticks, [str(m) for m in ticks], minor=False)
        axes.minorticks_off()
        axes.set_xlim(minutes.min() * 0.9, right)
        lowest = min(0.0, float(growth_r.min()))
        axes.set_ylim(lowest, max(0.9, float(growth_r.max()) * 1.1))
        axes.set_xlabel("brain time (min)")
        axes.set_ylabel("FC: r with the fMRI of the group")
        axes.set_title("Agreement against duration")
        axes.legend(loc="lower right")
        return figure


def dynamics(simulated: np.ndarray | None, people: np.ndarray, stationary: np.ndarray) -> "Figure":
    """Return the distributions of FC dynamics: how alike FC is between two windows.

    Each (pair,): of the brain (None: too short for it), of people, of unchanging FC. Left the
    density, right the distribution function, with the greatest distance to people marked.
    """
    sets = [("fMRI", people, style.MEASURED), ("unchanging FC", stationary, style.LINEAR)]
    if simulated is not None:
        sets.append(("simulated", simulated, style.SIMULATED))
    low = min(float(np.percentile(values, 0.5)) for _, values, _ in sets)
    edges = np.linspace(min(low, 0.0), 1.0, 61)
    with style.styled(7.2, 2.9) as figure:
        left, right = figure.subplots(1, 2)
        for name, values, colour in sets:
            kind = {"histtype": "stepfilled", "alpha": 0.25, "linewidth": 0}
            left.hist(values, edges.tolist(), density=True, color=colour, **kind)
            left.hist(values, edges.tolist(), density=True, color=colour, histtype="step")
            ordered = np.sort(values)
            share = np.arange(1, ordered.size + 1) / ordered.size
            step = max(1, ordered.size // 2000)
            ks = "" if values is people else f" (KS {fcd_ks(values, people):.2f})"
            right.plot(ordered[::step], share[::step], color=colour, label=name + ks)
        if simulated is not None:
            _mark_distance(right, simulated, people)
        left.set_ylabel("density")
        left.set_yticks([])
        left.spines["left"].set_visible(False)
        right.set_ylabel("share of pairs of windows")
        right.set_ylim(0.0, 1.0)
        for axes in (left, right):
            axes.set_xlim(edges[0], 1.0)
            axes.set_xlabel("FC of one window against another's (r)")
        left.set_title("FC dynamics")
        right.set_title("Distribution function")
        right.legend(loc="best")
        return figure


# ---- within -------------------------------------------------------------------------------------


def _names(matrix: "xr.DataArray") -> list[str]:
    return [str(name) for name in matrix["region"].values.tolist()]


def _chosen(regions: "Sequence[Region]", names: Sequence[str]) -> list[Any]:
    known = {region.name: region for region in regions}
    lacking = [name for name in names if name not in known]
    if lacking:
        raise ValueError(f"no region {lacking[0]!r} among those given: {hint(lacking[0], known)}")
    return [known[name] for name in names]


def _order(
    regions: "Sequence[Region]", names: Sequence[str]
) -> tuple[np.ndarray, list[tuple[str, int, int]], list[tuple[str, int, int]]]:
    """Return positions by hemisphere, then lobe; the spans of hemispheres, and of lobes."""
    chosen = _chosen(regions, names)
    sides = list(dict.fromkeys(["L", "R", *(r.hemisphere for r in chosen)]))
    lobes = list(dict.fromkeys([*LOBES, *(r.lobe for r in chosen)]))
    keys = [(sides.index(r.hemisphere), lobes.index(r.lobe)) for r in chosen]
    order = np.array(sorted(range(len(keys)), key=lambda i: keys[i]))
    words = {"L": "left", "R": "right"}
    hemispheres = _spans([words.get(chosen[i].hemisphere, chosen[i].hemisphere) for i in order])
    return order, hemispheres, _spans([(chosen[i].hemisphere, chosen[i].lobe) for i in order])


def _spans(labels: Sequence[Any]) -> list[tuple[str, int, int]]:
    """Return (label, first, stop) of each stretch of equal labels."""
    spans: list[tuple[str, int, int]] = []
    for i, label in enumerate(labels):
        if i and label == labels[i - 1]:
            spans[-1] = (spans[-1][0], spans[-1][1], i + 1)
        else:
            spans.append((label[1] if isinstance(label, tuple) else label, i, i + 1))
    return spans


def _mark(
    axes: "Axes",
    hemispheres: Sequence[tuple[str, int, int]],
    lobes: Sequence[tuple[str, int, int]],
    named: bool,
):
    """Draw the borders of lobes and hemispheres; name the lobes at the left if ``named``."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    for spans, width in ((lobes, 0.35), (hemispheres, 1.1)):
        for _, first, _ in spans[1:]:
            axes.axhline(first - 0.5, color="white", linewidth=width)
            axes.axvline(first - 0.5, color="white", linewidth=width)
    if not named:
        return
    total = lobes[-1][2]
    for name, first, stop in lobes:
        if (stop - first) / total >= 0.02:
            text = {
                "x": -0.02 * total,
                "y": 0.5 * (first + stop) - 0.5,
                "s": style.verbatim(name or "unassigned"),
            }
            axes.text(**text, ha="right", va="center", fontsize=6.0)
    for name, first, stop in hemispheres:
        axes.text(
            -0.30 * total,
            0.5 * (first + stop) - 0.5,
            style.verbatim(name),
            rotation=90,
            ha="center",
            va="center",
            fontsize=7.0,
            fontweight="bold",
        )


def _kinds(regions: "Sequence[Region]", names: Sequence[str]) -> np.ndarray:
    """Return for each pair (pair,) its position in `KINDS`."""
    from encephagen.connectome.atlas import split_side

    chosen = _chosen(regions, names)
    side = np.array([r.hemisphere for r in chosen])
    stem = np.array([split_side(r.name)[1] for r in chosen])
    i, j = np.triu_indices(len(chosen), 1)
    kind = np.where(side[i] == side[j], 1, 0)
    return np.where((side[i] != side[j]) & (stem[i] == stem[j]), 2, kind)


def _r_text(x: np.ndarray, y: np.ndarray) -> str:
    if x.size < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return "r not known"
    return f"r = {np.corrcoef(x, y)[0, 1]:.2f}"


def _mark_distance(axes: "Axes", a: np.ndarray, b: np.ndarray):
    """Draw the greatest distance between two distribution functions as a bar."""
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    shares = np.array([np.searchsorted(s, at, side="right") / s.size for s in (a, b)])
    widest = int(np.abs(shares[0] - shares[1]).argmax())
    axes.plot([at[widest]] * 2, shares[:, widest], color=style.NEUTRAL, linewidth=1.4)
