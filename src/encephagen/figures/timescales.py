"""Intrinsic timescales: how fast regions forget, on the cortex and along its myelin."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.connectome.atlas import LOBES
from encephagen.figures import style
from encephagen.figures.surface import surface

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TAU_MAP = "viridis"
EDGES = (5.0, 95.0)
"""Percentiles of the timescales at the ends of the colours on the surface."""

LOBE_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#999999")
"""Of `atlas.LOBES`, in order; a lobe of one's own is black."""


def timescales_on_surface(tau_ms: "xr.DataArray") -> "Figure":
    """Return timescales (region) on the cortical surface; regions without one stay bare.

    Raises ValueError as `surface` does.
    """
    finite = tau_ms.values[np.isfinite(tau_ms.values)]
    limits = None
    if finite.size and np.ptp(finite) > 0:
        low, high = np.percentile(finite, EDGES)
        limits = (float(low), float(high))
    title = f"Timescale, median {np.median(finite):.0f} ms" if finite.size else "Timescale"
    return surface(tau_ms, title=title, label="timescale (ms)", limits=limits, colour_map=TAU_MAP)


def timescales_along_map(
    tau_ms: "xr.DataArray",
    ratio: "xr.DataArray",
    lobes: "xr.DataArray",
    autocorrelation: "xr.DataArray",
    chance_r: np.ndarray | None = None,
) -> "Figure":
    """Return decays of the autocorrelation, timescales against T1w/T2w, and r beside chance.

    tau_ms, ratio, lobes (region): timescale, T1w/T2w and lobe; autocorrelation (region, lag_ms).
    The decays are means over the quarter of regions with most and with least myelin, with their
    standard deviation. chance_r
    (map,): r of the logarithm of tau with surrogate maps; None draws no third panel.
    """
    x, y = ratio.sel(region=tau_ms["region"]).values, tau_ms.values
    use = np.isfinite(x) & np.isfinite(y)
    r = float(np.corrcoef(x[use], np.log(y[use]))[0, 1]) if use.sum() > 2 else np.nan
    n = 2 if chance_r is None else 3
    with style.styled(2.75 * n, 2.9) as figure:
        panels = figure.subplots(1, n)
        _draw_decay(panels[0], autocorrelation, ratio)
        lobe = [str(name) for name in lobes.sel(region=tau_ms["region"]).values.tolist()]
        _draw_scatter(panels[1], x[use], y[use], [lobe[i] for i in np.flatnonzero(use)])
        panels[1].set_title(f"Along T1w/T2w, r = {r:.2f}")
        if chance_r is not None:
            _draw_chance(panels[2], r, chance_r)
        return figure


def _draw_decay(axes: "Axes", autocorrelation: "xr.DataArray", ratio: "xr.DataArray"):
    known = ratio.sel(region=autocorrelation["region"]).values
    values = autocorrelation.transpose("region", "lag_ms").values
    use = np.isfinite(known) & np.isfinite(values).all(axis=1)
    if use.any():
        low, high = np.quantile(known[use], [0.25, 0.75])
        for name, chosen, colour in (
            ("least myelin", use & (known <= low), "#440154"),
            ("most myelin", use & (known >= high), "#35B779"),
        ):
            lag = autocorrelation["lag_ms"].values
            mean, spread = values[chosen].mean(axis=0), values[chosen].std(axis=0)
            # Shot noise, in lag 0, sets the height; what remains of the first lag tells of memory.
            mean, spread = mean / mean[0], spread / mean[0]
            axes.fill_between(
                lag, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0
            )
            axes.plot(lag, mean, color=colour, label=name)
        axes.legend(loc="upper right")
    axes.axhline(0.0, color=style.NEUTRAL, linewidth=0.5)
    axes.set_xlim(0.0, autocorrelation["lag_ms"].values[-1])
    axes.set_xlabel("lag (ms)")
    axes.set_ylabel("autocorrelation (first lag = 1)")
    axes.set_title("Memory of regions")


def _draw_scatter(axes: "Axes", ratio: np.ndarray, tau_ms: np.ndarray, lobes: list[str]):
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    colours: dict[str, str] = dict(zip(LOBES, LOBE_COLOURS, strict=True))
    for name in [*LOBES, *dict.fromkeys(lobe for lobe in lobes if lobe not in LOBES)]:
        of_it = np.array([lobe == name for lobe in lobes], dtype=bool)
        if of_it.any():
            axes.plot(
                ratio[of_it],
                tau_ms[of_it],
                linestyle="none",
                marker="o",
                markersize=3.6,
                markeredgewidth=0,
                alpha=0.85,
                color=colours.get(name, "black"),
                label=style.verbatim(name or "unassigned"),
            )
    if ratio.size > 2 and np.ptp(ratio) > 0:
        slope, offset = np.polyfit(ratio, np.log(tau_ms), 1)
        ends = np.array([ratio.min(), ratio.max()])
        axes.plot(ends, np.exp(slope * ends + offset), color="black", linewidth=1.0)
        axes.legend(loc="best", handletextpad=0.1, borderpad=0.1, labelspacing=0.25, fontsize=6.0)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    if tau_ms.size and tau_ms.max() < 8 * tau_ms.min():  # a decade shows no number but its ends
        low, high = tau_ms.min(), tau_ms.max()
        ticks = [t for t in (5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300) if low <= t <= high]
        axes.set_yticks(ticks, [str(t) for t in ticks])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("T1w/T2w (more: more myelin)")
    axes.set_ylabel("timescale (ms)")


def _draw_chance(axes: "Axes", r: float, chance_r: np.ndarray):
    p = (1.0 + (np.abs(chance_r) >= abs(r) - 1e-12).sum()) / (1.0 + chance_r.size)
    axes.hist(chance_r, np.linspace(-1.0, 1.0, 51).tolist(), color="0.8")
    axes.axvline(r, color=style.EXCITATORY, linewidth=1.6)
    axes.annotate(
        "measured",
        (r, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(4 if r < 0 else -4, 0),
        textcoords="offset points",
        ha="left" if r < 0 else "right",
        va="top",
        fontsize=7.0,
        color=style.EXCITATORY,
    )
    axes.set_xlim(-1.0, 1.0)
    axes.set_xlabel("r of log timescale with a map")
    axes.set_ylabel(f"surrogate maps, of {chance_r.size:,}")
    axes.set_title(f"Against chance, two-sided p = {p:.2g}")
