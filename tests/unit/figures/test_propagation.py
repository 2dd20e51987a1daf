"""Pictures of a pulse: they show what they are given, and the movie moves."""

import io

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from encephagen.connectome.datasets import hcp_aal2
from encephagen.figures import propagation

REGIONS = hcp_aal2().regions
NAMES = [r.name for r in REGIONS]
LOBES = [r.lobe for r in REGIONS]
STIMULI = ["visual", "tactile"]


@pytest.fixture(scope="module")
def evoked_Hz():
    """Occipital cortex answers at once, frontal cortex 60 ms later."""
    time_ms = np.arange(-20.0, 120.0, 10.0)
    start_ms = np.array([{"occipital": 0.0, "frontal": 60.0}.get(lobe, np.inf) for lobe in LOBES])
    rate_Hz = 8.0 * (time_ms[:, None] >= start_ms)
    return xr.DataArray(
        rate_Hz, dims=("time_ms", "region"), coords={"time_ms": time_ms, "region": NAMES}
    )


def by_region(values):
    return xr.DataArray(
        values, dims=("stimulus", "region"), coords={"stimulus": STIMULI, "region": NAMES}
    )


def test_fading_has_a_line_an_amplitude_and_marks_what_has_no_logarithm():
    distance_mm = np.tile(np.linspace(10.0, 150.0, 80), (2, 1))
    relative = np.exp(-distance_mm / 40.0)[:, None] * np.array([1.0, 0.9, 0.8])[:, None]
    relative[:, :, 79], relative[:, :, 0] = -0.1, np.nan
    figure = propagation.fading(
        xr.DataArray(
            relative,
            dims=("stimulus", "amplitude_pA", "region"),
            coords={"stimulus": STIMULI, "amplitude_pA": [1.0, 2.0, 3.0], "region": NAMES},
        ),
        by_region(distance_mm),
        LOBES,
    )
    left = figure.axes[0]
    lines = [line for line in left.lines if line.get_linestyle() == "-"]
    assert len(lines) == 3 and left.get_yscale() == "log"
    x, y = (np.asarray(v) for v in lines[0].get_data())
    np.testing.assert_allclose(np.log(y[:-1]), -x[:-1] / 40.0, atol=0.1)
    hollow = [line for line in left.lines if line.get_markerfacecolor() == "none"]
    np.testing.assert_allclose(hollow[0].get_data(), [[150.0], [propagation.FLOOR]])
    assert sum(len(line.get_xdata()) for line in left.lines if line.get_marker() == "o") == 79


def test_arrivals_show_every_region_that_has_a_latency():
    delay_ms = np.tile(np.linspace(1.0, 25.0, 80), (2, 1))
    latency_ms = 1.5 * delay_ms
    latency_ms[:, ::2] = np.nan
    figure = propagation.arrivals(by_region(latency_ms), by_region(delay_ms), LOBES, [0.9, np.nan])
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in dots) == 40
    assert figure.axes[0].get_title(loc="left") == "Visual, rho = 0.90"


def test_formulas_in_names_are_drawn_as_they_are():
    odd = ["cost $5^$x", "$y"]
    lobes = ["cost $5^$x"] * 80
    values = xr.DataArray(
        np.tile(np.linspace(1.0, 25.0, 80), (2, 1)),
        dims=("stimulus", "region"),
        coords={"stimulus": odd, "region": NAMES},
    )
    figure = propagation.arrivals(values, values, lobes, [0.9, 0.8])
    figure.canvas.draw()
    faded = (1 / values).expand_dims(amplitude_pA=[1.0], axis=1)
    propagation.fading(faded, values, lobes).canvas.draw()


def test_the_strip_shows_the_wave_arrive(evoked_Hz):
    figure = propagation.filmstrip(evoked_Hz, title="Visual pulse")
    times = [t for t in propagation.STRIP_MS if t <= 110.0]
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    assert len(shown) == len(times) and all(image.shape == shown[0].shape for image in shown)
    left = [image[: len(image) // 4, :, :3].mean() / 255 for image in shown]  # left, lateral
    assert left[0] == left[1] and left[-1] > left[0] + 0.05
    with pytest.raises(ValueError, match="ends before the onset"):
        propagation.filmstrip(evoked_Hz.isel(time_ms=slice(0, 1)))
    with pytest.raises(ValueError, match="none of the regions"):
        propagation.filmstrip(evoked_Hz.assign_coords(region=[f"r{i}" for i in range(80)]))


def test_the_movie_moves(evoked_Hz):
    """Six frames: frontal cortex lights up in the last ones."""
    part = evoked_Hz.sel(time_ms=slice(30.0, 80.0))
    gif = Image.open(io.BytesIO(propagation.movie_gif(part)))
    assert gif.n_frames == 6
