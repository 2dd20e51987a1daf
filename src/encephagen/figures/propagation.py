"""A pulse on its way: how it fades, when it arrives, and a movie of the cortex.

What is evoked is the mean rate of trials with a pulse less that of trials without.
"""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encephagen.connectome.atlas import LOBES
from encephagen.figures import style
from encephagen.figures.surface import VIEWS, colours, draw, draw_view
from encephagen.figures.timescales import LOBE_COLOURS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from PIL.Image import Image

FLOOR = 1e-4
"""Share of the source's response under which a region is drawn at the bottom, as a hollow mark."""

N_STEPS = 8
"""Groups of equally many regions, by distance, of which the median is drawn."""

FRAME_MS = 10.0
MOVIE_MS = (-20.0, 300.0)
STRIP_MS = (0.0, 10.0, 20.0, 30.0, 50.0, 100.0, 150.0, 200.0, 300.0)
FRAMES_PER_S = 8
GAMMA = 0.5
"""Of the colours: far regions answer with a tenth of what near ones do."""

STRIP_DPI = 300
MOVIE_DPI = 160
"""At which a frame is drawn; it is shown at half of it, as thin patches leave seams otherwise."""

N_COLOURS = 128
"""Of a frame; a report carries some hundred of them."""


def fading(relative: "xr.DataArray", distance_mm: "xr.DataArray", lobes: Sequence[str]) -> "Figure":
    """Return the response over that of the source against the length of the fibre, a panel each.

    relative (stimulus, amplitude_pA, region), nan in the source; distance_mm (stimulus, region);
    lobes (region). Dots are regions at the middle amplitude, lines medians of groups of regions,
    from grey to black with amplitude.
    """
    stimuli = relative["stimulus"].values.tolist()
    amplitudes_pA = relative["amplitude_pA"].values.tolist()
    with style.styled(2.75 * len(stimuli), 2.9) as figure:
        panels = figure.subplots(1, len(stimuli), sharey=True, squeeze=False)[0]
        for axes, stimulus in zip(panels, stimuli, strict=True):
            x = distance_mm.sel(stimulus=stimulus).values
            y = relative.sel(stimulus=stimulus).transpose("amplitude_pA", "region").values
            middle = len(y) // 2
            _draw_regions(axes, x, np.maximum(y[middle], FLOOR), lobes, hollow=y[middle] < FLOOR)
            for values, pA, grey in zip(y, amplitudes_pA, _greys(len(y)), strict=True):
                label = f"{pA:g} pA, median"
                axes.plot(*_medians(x, values), color=grey, linewidth=1.4, label=label)
            axes.set_yscale("log")
            axes.set_ylim(FLOOR * 0.8, 1.0)
            axes.set_title(style.verbatim(stimulus.capitalize()))
            axes.set_xlabel("fibre length to the source (mm)")
        panels[0].set_ylabel("response (source = 1)")
        _legend(panels[-1])
        return figure


def arrivals(
    latency_ms: "xr.DataArray", delay_ms: "xr.DataArray", lobes: Sequence[str], rho: Sequence[float]
) -> "Figure":
    """Return latency against conduction delay, a panel a stimulus.

    latency_ms, delay_ms (stimulus, region), nan where there is none; rho (stimulus,) is written
    above. The line is where conduction alone would put them.
    """
    stimuli = latency_ms["stimulus"].values.tolist()
    with style.styled(2.75 * len(stimuli), 2.9) as figure:
        panels = figure.subplots(1, len(stimuli), sharex=True, sharey=True, squeeze=False)[0]
        for axes, stimulus, r in zip(panels, stimuli, rho, strict=True):
            x, y = (v.sel(stimulus=stimulus).values for v in (delay_ms, latency_ms))
            end = float(np.nanmax(x)) if np.isfinite(x).any() else 1.0
            axes.plot((0.0, end), (0.0, end), color=style.NEUTRAL, linewidth=0.8, linestyle="--")
            _draw_regions(axes, x, y, lobes)
            axes.set_title(f"{style.verbatim(stimulus.capitalize())}, rho = {r:.2f}")
            axes.set_xlabel("conduction delay (ms)")
        panels[0].set_ylabel("latency (ms)")
        _legend(panels[-1])
        return figure


def filmstrip(evoked_Hz: "xr.DataArray", *, title: str = "") -> "Figure":
    """Return the evoked rate (time_ms, region) on the cortex at some times after the onset.

    Raises ValueError as `surface.surface` does, and if the course holds none of the times.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import PowerNorm

    times = [t for t in STRIP_MS if t <= float(evoked_Hz["time_ms"].values[-1])]
    if not times:
        raise ValueError("the time course ends before the onset; give what follows a pulse")
    scale = ScalarMappable(PowerNorm(GAMMA, *_limits(evoked_Hz)), style.RATE_MAP)
    columns = _columns(evoked_Hz, times, scale)
    with style.styled(1.0 * len(times) + 0.6, 3.4) as figure:
        panels = figure.subplots(1, len(times), squeeze=False)[0]
        for axes, time_ms, image in zip(panels, times, columns, strict=True):
            axes.imshow(image, interpolation="antialiased")
            axes.axis("off")
            axes.set_title(f"{time_ms:.0f} ms", fontsize=7.0, fontweight="normal", loc="center")
        for i, (name, _, _) in enumerate(VIEWS):
            panels[0].text(
                -0.05, 1 - (i + 0.5) / len(VIEWS), name.replace(", ", "\n"),
                transform=panels[0].transAxes, ha="right", va="center", fontsize=6.5,
            )  # fmt: skip
        bar = figure.colorbar(scale, ax=panels, shrink=0.5, pad=0.01, extend="max")
        bar.outline.set_visible(False)
        bar.set_label("evoked rate (Hz)")
        if title:
            figure.suptitle(
                style.verbatim(title), fontsize=9.0, fontweight="bold", x=0.02, ha="left"
            )
        return figure


def _columns(
    evoked_Hz: "xr.DataArray", times: Sequence[float], scale: "ScalarMappable"
) -> Iterator[np.ndarray]:
    """Yield, for each time, an image of the four views above each other, drawn once."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from encephagen.connectome.datasets import surface as load_mesh

    mesh = load_mesh()
    vertex_region = mesh.region_index(tuple(str(n) for n in evoked_Hz["region"].values))
    if not (vertex_region >= 0).any():
        raise ValueError("none of the regions is on the AAL2 surface; use regions of an aal2 set")
    with style.styled(1.0, 2.9) as figure:
        figure.set_dpi(STRIP_DPI)
        figure.set_layout_engine("none")
        edges = {"left": 0, "right": 1, "bottom": 0, "top": 1, "hspace": 0}
        panels = figure.subplots(len(VIEWS), 1, gridspec_kw=edges)
        views = [
            draw_view(axes, mesh, vertex_region, hemisphere, side)
            for axes, (_, hemisphere, side) in zip(panels, VIEWS, strict=True)
        ]
        canvas = FigureCanvasAgg(figure)
        for time_ms in times:
            for paint in views:
                paint(colours(_at(evoked_Hz, time_ms), scale))
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba()).copy()


def movie_gif(evoked_Hz: "xr.DataArray", *, title: str = "") -> bytes:
    """Return a GIF that plays the evoked rate (time_ms, region) on the cortex, over and over.

    Raises ValueError as `filmstrip` does.
    """
    images = [image for _, image in frames(evoked_Hz, title)]
    file = io.BytesIO()
    images[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=round(1000 / FRAMES_PER_S),
        loop=0,
    )
    return file.getvalue()


def frames(evoked_Hz: "xr.DataArray", title: str) -> "Iterator[tuple[float, Image]]":
    """Yield (time after the onset, image) of a movie of the evoked rate (time_ms, region).

    One figure is painted again and again. Raises ValueError as `filmstrip` does.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL.Image import Dither, fromarray

    last_ms = min(MOVIE_MS[1], float(evoked_Hz["time_ms"].values[-1]))
    first_ms = max(MOVIE_MS[0], float(evoked_Hz["time_ms"].values[0]))
    first_ms = FRAME_MS * np.ceil(first_ms / FRAME_MS)
    if last_ms < max(first_ms, 0.0):
        raise ValueError("the time course ends before the onset; give what follows a pulse")
    values = evoked_Hz.isel(time_ms=0)
    with style.styled(6.4, 4.2) as figure:
        limits = _limits(evoked_Hz)
        paint = draw(figure, values, label="evoked rate (Hz)", limits=limits, gamma=GAMMA)
        figure.set_dpi(MOVIE_DPI)
        canvas = FigureCanvasAgg(figure)
        for time_ms in np.arange(first_ms, last_ms + 1e-9, FRAME_MS):
            paint(_at(evoked_Hz, time_ms))
            words = f"{style.verbatim(title)}  {time_ms:.0f} ms".strip()
            figure.suptitle(words, fontsize=9.0, fontweight="bold", x=0.02, ha="left")
            canvas.draw()
            figure.set_layout_engine("none")  # the first frame has laid it out
            image = fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3].copy()).reduce(2)
            yield float(time_ms), image.quantize(N_COLOURS, dither=Dither.NONE)


def _at(evoked_Hz: "xr.DataArray", time_ms: float) -> np.ndarray:
    """Return the mean evoked rate (region,) in the `FRAME_MS` after a time."""
    times = evoked_Hz["time_ms"].values
    near = (times >= time_ms) & (times < time_ms + FRAME_MS)
    near[np.abs(times - time_ms).argmin()] |= not near.any()
    return evoked_Hz.transpose("time_ms", "region").values[near].mean(axis=0)


def _limits(evoked_Hz: "xr.DataArray") -> tuple[float, float]:
    """Return the ends of the colours: 0, and the peak of all but the strongest few regions."""
    peak = np.nanmax(evoked_Hz.transpose("time_ms", "region").values, axis=0)
    return 0.0, max(float(np.nanpercentile(peak, 90.0)), 0.1)


def _greys(n: int) -> list[str]:
    return [f"{g:.2f}" for g in np.linspace(0.75, 0.0, n)] if n > 1 else ["0.0"]


def _medians(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median x and y of groups of equally many regions along x, where above 0."""
    use = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    groups = np.array_split(use[np.argsort(x[use])], max(1, min(N_STEPS, use.size // 3)))
    middle = np.array([[np.median(x[g]), np.median(y[g])] for g in groups if g.size]).reshape(-1, 2)
    return middle[:, 0], np.where(middle[:, 1] > 0, middle[:, 1], np.nan)


def _draw_regions(
    axes: "Axes",
    x: np.ndarray,
    y: np.ndarray,
    lobes: Sequence[str],
    hollow: np.ndarray | None = None,
):
    names = np.asarray(lobes)
    colour: dict[str, str] = dict(zip(LOBES, LOBE_COLOURS, strict=True))
    hollow = np.zeros(x.shape, bool) if hollow is None else hollow
    for name in [*LOBES, *dict.fromkeys(lobe for lobe in lobes if lobe not in LOBES)]:
        for faint in (False, True):
            of_it = (names == name) & np.isfinite(x) & np.isfinite(y) & (hollow == faint)
            if of_it.any():
                axes.plot(
                    x[of_it], y[of_it], linestyle="none", marker="o", markersize=3.4,
                    color=colour.get(name, "black"), markeredgewidth=0.6 if faint else 0.0,
                    markerfacecolor="none" if faint else None, alpha=0.85,
                    label=None if faint else style.verbatim(name),
                )  # fmt: skip


def _legend(axes: "Axes"):
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        handlelength=1.0,
        handletextpad=0.4,
        labelspacing=0.3,
    )
