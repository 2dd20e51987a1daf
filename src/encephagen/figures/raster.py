"""Raster: a dot for each spike, neurons ordered by lobe and region."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen import rng
from encephagen.figures import style
from encephagen.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS = 1200
SHOWN_MS = 3000.0


def raster(recording: Recording, *, rows: int = ROWS, longest_ms: float = SHOWN_MS) -> "Figure":
    """Return a raster of up to ``rows`` neurons, of the last ``longest_ms`` of the recording.

    The neurons are drawn at random, the same number from each region where so many live, of all its
    populations in proportion. Raises ValueError if single spikes were not kept.
    """
    with style.styled(7.2, 4.6) as figure:
        draw(figure.subplots(), recording, rows, longest_ms)
        return figure


def draw(axes: "Axes", recording: Recording, rows: int = ROWS, longest_ms: float = SHOWN_MS):
    """Draw the raster into ``axes``."""
    order, lobes = style.by_lobe(recording)
    largest = int(recording.data["region_size"].values.sum(axis=1).max(initial=1))
    per_region = min(largest, max(1, rows // max(1, order.size)))
    row_of = _rows(recording, order, per_region)
    start_ms, stop_ms = style.shown_span(recording, longest_ms)
    steps, neurons = recording.spike_steps, recording.spike_neurons
    first = np.searchsorted(steps, round(start_ms / recording.dt_ms))
    row = row_of[neurons[first:]]
    shown = row >= 0
    time_s = (steps[first:][shown] + 1) * recording.dt_ms / 1000.0
    row = row[shown]
    population = recording.data["neuron_population"].values[neurons[first:][shown]]
    size = 1.6 if row.size < 30_000 else 0.8
    for index, colour in enumerate(style.population_colours(recording)):
        of_it = population == index
        axes.plot(
            time_s[of_it],
            row[of_it] + 0.5,
            linestyle="none",
            marker=".",
            markersize=size,
            markeredgewidth=0,
            color=colour,
            rasterized=True,
        )
    style.mark_lobes(axes, lobes, per_region)
    axes.set_xlim(start_ms / 1000.0, stop_ms / 1000.0)
    axes.set_ylim(per_region * order.size, 0)
    axes.set_xlabel("brain time (s)")
    part = "" if start_ms == recording.start_ms else f", last {(stop_ms - start_ms) / 1000:g} s"
    axes.set_title(f"Spikes of {(row_of >= 0).sum():,} of {recording.n_neurons:,} neurons{part}")
    style.population_legend(axes, recording)


def _rows(recording: Recording, order: np.ndarray, per_region: int) -> np.ndarray:
    """Return the row of each neuron (neuron), -1 where it is not shown."""
    draws = rng.stream(0, "raster").random(recording.n_neurons)
    region = recording.data["neuron_region"].values
    population = recording.data["neuron_population"].values
    row_of = np.full(recording.n_neurons, -1)
    for position, index in enumerate(order):
        members = np.flatnonzero(region == index)
        chosen = members[np.argsort(draws[members])[:per_region]]
        # Within a region, excitatory neurons stand above inhibitory ones.
        kind = ~recording.excites[population[chosen]]
        chosen = chosen[np.lexsort([chosen, population[chosen], kind])]
        row_of[chosen] = position * per_region + np.arange(chosen.size)
    return row_of
