"""Rates over time: a map of all regions, and the mean."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis import binned_rate, pool, population_rate
from encephagen.figures import style
from encephagen.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 200
MIN_BIN_MS = 50.0
LABEL_GAP = 0.22
"""Between names beside a panel, of its height."""


def rates(recording: Recording) -> "Figure":
    """Return the excitatory rate of every region over time, and the mean rates below it.

    Raises ValueError if the recording holds no whole bin.
    """
    with style.styled(7.2, 4.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        draw_map(upper, recording)
        draw_mean(lower, recording)
        return figure


def draw_map(axes: "Axes", recording: Recording):
    """Draw the rates of the regions as a map, ordered by lobe, with a colour bar."""
    order, lobes = style.by_lobe(recording)
    rate = pool(binned_rate(recording, _bin_ms(recording)))
    values = rate.transpose("region", "time_ms").values[order]
    lacking = int(np.isnan(values).all(axis=1).sum())
    start_s = recording.start_ms / 1000.0
    stop_s = start_s + values.shape[1] * _bin_ms(recording) / 1000.0
    image = axes.imshow(
        values,
        aspect="auto",
        interpolation="nearest",
        cmap=style.RATE_MAP,
        vmin=0.0,
        vmax=_ceiling(values),
        extent=(start_s, stop_s, len(order), 0),
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    style.mark_lobes(axes, lobes, colour="white")
    grey = f"; grey: {lacking} without such cells" if lacking else ""
    axes.set_title(f"Excitatory rate of {len(order) - lacking} regions{grey}")
    axes.set_facecolor(style.UNKNOWN)
    figure = axes.get_figure()
    assert figure is not None
    extend = "max" if (values > _ceiling(values)).any() else "neither"
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=30, extend=extend)
    bar.set_label("rate (Hz)")
    bar.outline.set_visible(False)


def draw_mean(axes: "Axes", recording: Recording):
    """Draw the mean rate of each population over time."""
    rate = population_rate(recording, _bin_ms(recording))
    time_s = (rate["time_ms"].values + 0.5 * _bin_ms(recording)) / 1000.0
    top = _ceiling(rate.values) * 1.15
    lives = recording.data["region_size"].values.any(axis=0)
    level = np.where(lives, np.median(rate.transpose("time_ms", "population").values, axis=0), 0.0)
    beside = _apart(level, LABEL_GAP * top)
    colours = style.population_colours(recording)
    for index in np.flatnonzero(lives).tolist():
        name, colour = recording.populations[index], colours[index]
        axes.plot(time_s, rate.sel(population=name).values, color=colour, linewidth=0.9)
        axes.annotate(
            style.verbatim(name),
            (1.0, beside[index]),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=8.0,
        )
    axes.set_xlim(recording.start_ms / 1000.0, recording.stop_ms / 1000.0)
    axes.set_ylim(0.0, top)
    axes.set_xlabel("brain time (s)")
    axes.set_ylabel("mean (Hz)")
    style.transient_mark(axes, recording)


def _bin_ms(recording: Recording) -> float:
    """Return the width of a column: a multiple of the bins, some hundred columns in all."""
    least_ms = max(MIN_BIN_MS, recording.duration_ms / COLUMNS)
    n = max(1, round(least_ms / recording.bin_ms))
    whole = recording.duration_ms / recording.bin_ms
    return min(n, max(1, int(whole))) * recording.bin_ms


def _apart(level: np.ndarray, gap: float) -> np.ndarray:
    """Return levels (name,) for names, in the same order and at least a gap apart."""
    order = np.argsort(level, kind="stable")
    steps = gap * np.arange(order.size)
    found = np.empty(order.size)
    found[order] = np.maximum.accumulate(level[order] - steps) + steps
    return found


def _ceiling(values: np.ndarray) -> float:
    """Return an upper end of the scale that a few outliers, or the transient, do not set."""
    finite = values[np.isfinite(values)]
    return float(max(np.percentile(finite, 99.5), 0.5)) if finite.size else 1.0
