"""Overview: one picture that says what a brain did."""

from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis import cv_isi, neuron_rate, settled, summary
from encephagen.figures import style
from encephagen.figures.raster import draw as draw_raster
from encephagen.figures.rates import draw_map, draw_mean
from encephagen.figures.spectrum import draw as draw_spectrum
from encephagen.figures.surface import draw as draw_surface
from encephagen.figures.surface import mean_rate, on_surface, rate_limits
from encephagen.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def overview(recording: Recording) -> "Figure":
    """Return raster, rates over time, the cortical surface, rates and CV of neurons, and spectrum.

    A panel for which the recording is too short, or its regions are not those of the surface, says
    so. Raises ValueError if single spikes were not kept.
    """
    recording.spike_steps  # noqa: B018  asks for single spikes before anything is drawn
    with style.styled(11.5, 7.6) as figure:
        figure.suptitle(_headline(recording), fontsize=9.0, x=0.01, ha="left")
        halves: Any = figure.subfigures(1, 2, width_ratios=(1.35, 1.0), wspace=0.02)
        left, right = halves
        upper, middle, lower = left.subplots(3, 1, height_ratios=(3.2, 2.0, 0.8))
        draw_raster(upper, recording)
        draw_map(middle, recording)
        middle.tick_params(labelbottom=False)
        draw_mean(lower, recording)
        brain, below = right.subfigures(2, 1, height_ratios=(1.0, 1.0))
        _brain(brain, recording)
        panels = below.subplots(2, 2, height_ratios=(1.0, 1.15))
        grid = panels[1, 0].get_gridspec()
        for panel in panels[1]:
            panel.remove()
        _draw_rates(panels[0, 0], recording)
        _draw_cv(panels[0, 1], recording)
        _draw_spectrum(below.add_subplot(grid[1, :]), recording)
        return figure


def _headline(recording: Recording) -> str:
    figures = summary(recording)

    def text(name: str, form: str, unit: str) -> str:
        value = figures[name]
        return "not known" if value is None else f"{value:{form}}{unit}"

    alarms = "; ".join(f"{a.kind} {a.region}".strip() for a in recording.alarms) or "no alarms"
    return (
        f"{recording.duration_ms / 1000:g} s of {len(recording.regions)} regions, "
        f"{recording.n_neurons:,} neurons   |   excitatory {text('rate_exc_Hz', '.2f', ' Hz')}, "
        f"inhibitory {text('rate_inh_Hz', '.2f', ' Hz')}, CV {text('cv_isi', '.2f', '')}   |   "
        f"{alarms}"
    )


def _brain(figure, recording: Recording):
    values, title = mean_rate(recording)
    if on_surface(recording.regions):
        limits = rate_limits(values)
        draw_surface(figure, values, title=title, label="rate (Hz)", limits=limits)
        return
    axes = figure.subplots()
    axes.axis("off")
    _say(axes, "these regions are not on the bundled surface")


def _draw_rates(axes: "Axes", recording: Recording):
    part = settled(recording)
    rate = neuron_rate(part)
    lowest = 1000.0 / part.duration_ms
    edges = np.geomspace(lowest * 0.7, max(float(rate.max()), 10 * lowest) * 1.2, 25).tolist()
    for index, name in enumerate(recording.populations):
        values = rate.values[rate["neuron_population"].values == index]
        axes.hist(
            values[values > 0],
            edges,
            weights=np.full((values > 0).sum(), 100.0 / max(values.size, 1)),
            histtype="step",
            color=style.population_colour(name),
            linewidth=1.1,
        )
        axes.axvline(
            max(values.mean(), lowest) if values.size else lowest,
            color=style.population_colour(name),
            linewidth=0.7,
            linestyle=":",
        )
    silent = float((rate.values == 0).mean())
    axes.set_xscale("log")
    axes.set_xlabel("rate of a neuron (Hz)")
    axes.set_ylabel("neurons (%)")
    axes.set_title(f"Rates ({silent:.1%} silent)")


def _draw_cv(axes: "Axes", recording: Recording):
    cv = cv_isi(settled(recording))
    axes.set_title("Irregularity")
    axes.set_xlabel("CV of inter-spike intervals")
    axes.set_ylabel("neurons (%)")
    if not np.isfinite(cv.values).any():
        _say(axes, "too few spikes a neuron")
        return
    for index, name in enumerate(recording.populations):
        values = cv.values[cv["neuron_population"].values == index]
        values = values[np.isfinite(values)]
        axes.hist(
            np.clip(values, 0.0, 2.49),
            np.linspace(0.0, 2.5, 26).tolist(),
            weights=np.full(values.size, 100.0 / max(values.size, 1)),
            histtype="step",
            color=style.population_colour(name),
            linewidth=1.1,
        )
    axes.axvline(1.0, color=style.NEUTRAL, linewidth=0.7, linestyle=":")


def _draw_spectrum(axes: "Axes", recording: Recording):
    if settled(recording).duration_ms < 1000.0:
        axes.set_title("Power spectrum")
        _say(axes, "recorded for less than 1 s")
        return
    if not recording.n_spikes:
        axes.set_title("Power spectrum")
        _say(axes, "no spikes")
        return
    draw_spectrum(axes, recording)


def _say(axes: "Axes", text: str):
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.5")
