"""Neurons: how fast each fires, and how regularly."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis import cv_isi, neuron_rate, settled
from encephagen.figures import style
from encephagen.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def neurons(recording: Recording) -> "Figure":
    """Return the distributions of rates and of irregularity over single neurons.

    Raises ValueError if single spikes were not kept.
    """
    recording.spike_steps  # noqa: B018  asks for single spikes before anything is drawn
    with style.styled(7.2, 2.6) as figure:
        left, right = figure.subplots(1, 2)
        draw_rates(left, recording)
        draw_cv(right, recording)
        colours, names = style.population_colours(recording), style.population_names(recording)
        for colour, name in zip(colours, names, strict=True):
            left.plot([], [], color=colour, label=name)
        left.legend(loc="upper left")
        return figure


def draw_rates(axes: "Axes", recording: Recording):
    """Draw the distribution of the rates of single neurons, a line a population; dotted: means."""
    part = settled(recording)
    rate = neuron_rate(part)
    lowest = 1000.0 / part.duration_ms
    edges = np.geomspace(lowest * 0.7, max(float(rate.max()), 10 * lowest) * 1.2, 25).tolist()
    for index, colour in enumerate(style.population_colours(recording)):
        values = rate.values[rate["neuron_population"].values == index]
        axes.hist(
            values[values > 0],
            edges,
            weights=np.full((values > 0).sum(), 100.0 / max(values.size, 1)),
            histtype="step",
            color=colour,
            linewidth=1.1,
        )
        axes.axvline(
            max(values.mean(), lowest) if values.size else lowest,
            color=colour,
            linewidth=0.7,
            linestyle=":",
        )
    silent = float((rate.values == 0).mean())
    axes.set_xscale("log")
    axes.set_xlabel("rate of a neuron (Hz)")
    axes.set_ylabel("neurons (%)")
    axes.set_title(f"Rates ({silent:.1%} silent)")


def draw_cv(axes: "Axes", recording: Recording):
    """Draw the distribution of the coefficient of variation of single neurons' intervals."""
    cv = cv_isi(settled(recording))
    axes.set_title("Irregularity")
    axes.set_xlabel("CV of inter-spike intervals")
    axes.set_ylabel("neurons (%)")
    if not np.isfinite(cv.values).any():
        style.say(axes, "too few spikes a neuron")
        return
    for index, colour in enumerate(style.population_colours(recording)):
        values = cv.values[cv["neuron_population"].values == index]
        values = values[np.isfinite(values)]
        axes.hist(
            np.clip(values, 0.0, 2.49),
            np.linspace(0.0, 2.5, 26).tolist(),
            weights=np.full(values.size, 100.0 / max(values.size, 1)),
            histtype="step",
            color=colour,
            linewidth=1.1,
        )
    axes.axvline(1.0, color=style.NEUTRAL, linewidth=0.7, linestyle=":")
