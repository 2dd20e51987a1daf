"""Overview: one picture that says what a brain did."""

from typing import TYPE_CHECKING, Any

from encephagen.analysis import summary
from encephagen.figures import style
from encephagen.figures.neurons import draw_cv, draw_rates
from encephagen.figures.raster import draw as draw_raster
from encephagen.figures.rates import draw_map, draw_mean
from encephagen.figures.spectrum import draw_if_long as draw_spectrum
from encephagen.figures.style import say
from encephagen.figures.surface import draw as draw_surface
from encephagen.figures.surface import mean_rate, on_surface, rate_limits
from encephagen.recording import Recording

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def overview(recording: Recording) -> "Figure":
    """Return raster, rates over time, the cortical surface, rates and CV of neurons, and spectrum.

    A panel for which the recording is too short, or its regions are not those of the surface, says
    so. Raises ValueError if single spikes were not kept.
    """
    recording.spike_steps  # noqa: B018  asks for single spikes before anything is drawn
    with style.styled(11.5, 7.6) as figure:
        figure.suptitle(style.verbatim(_headline(recording)), fontsize=9.0, x=0.01, ha="left")
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
        draw_rates(panels[0, 0], recording)
        draw_cv(panels[0, 1], recording)
        draw_spectrum(below.add_subplot(grid[1, :]), recording)
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
    if on_surface(recording.regions) and style.excites_somewhere(recording):
        limits = rate_limits(values)
        draw_surface(figure, values, title=title, label="rate (Hz)", limits=limits)
        return
    axes = figure.subplots()
    axes.axis("off")
    if style.excites_somewhere(recording):
        say(axes, "these regions are not on the bundled surface")
    else:
        say(axes, "no neuron excites")
