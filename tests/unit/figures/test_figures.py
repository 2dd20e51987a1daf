"""Figures: they show the numbers they claim to show, of any recording, and leave no trace."""

import io
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection

from encephagen import figures
from encephagen.connectome import datasets
from encephagen.figures import style
from encephagen.figures.raster import _rows
from encephagen.figures.surface import VIEWS, _patches
from encephagen.recording import assemble

DT_MS = 0.5
N_E, N_I = 8, 2
AAL2 = [r for r in datasets.hcp_aal2().regions if r.name.startswith(("Calc", "Prec", "Heschl"))]
OTHER = [
    SimpleNamespace(name=f"area {i}", hemisphere="L", lobe=["", "x"][i % 2], system="")
    for i in range(4)
]


def recording(regions, duration_ms, rate_Hz=10.0, start_ms=0.0, seed=0):
    size = N_E + N_I
    n = size * len(regions)
    n_steps = round(duration_ms / DT_MS)
    rng = np.random.default_rng(seed)
    joint = np.flatnonzero(rng.random(n_steps * n) < rate_Hz * DT_MS / 1000.0)
    start = round(start_ms / DT_MS)
    return assemble(
        joint // n + start,
        joint % n,
        dt_ms=DT_MS,
        start_step=start,
        n_steps=n_steps,
        regions=regions,
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(len(regions)), size),
        neuron_population=np.tile(np.r_[np.zeros(N_E, int), np.ones(N_I, int)], len(regions)),
    )


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    return buffer.getvalue()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("regions", "duration_ms", "rate_Hz", "start_ms"),
    [
        (AAL2, 3500, 10.0, 700),
        (OTHER, 3000, 10.0, 0),
        (OTHER, 60, 10.0, 0),
        (OTHER, 1500, 0.0, 0),
    ],
)
def test_an_overview_can_be_drawn_of_anything(regions, duration_ms, rate_Hz, start_ms):
    before = dict(matplotlib.rcParams)
    figure = figures.overview(recording(regions, duration_ms, rate_Hz, start_ms))
    assert png(figure)[:4] == b"\x89PNG"
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["raster", "rates", "activity", "spectrum"])
def test_each_figure_can_be_drawn(name):
    assert png(getattr(figures, name)(recording(AAL2, 2500)))[:4] == b"\x89PNG"


def test_the_same_recording_gives_the_same_picture():
    assert png(figures.overview(recording(OTHER, 1500))) == png(
        figures.overview(recording(OTHER, 1500))
    )


def test_the_raster_shows_every_spike_of_its_neurons_where_it_was():
    one = recording(AAL2, 1000, start_ms=2000)
    (axes,) = figures.raster(one).axes
    shown = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() == "."])
    assert len(shown) == one.n_spikes
    assert np.allclose(np.sort(shown[:, 0]), one.data["spike_time_ms"].values / 1000.0)
    few = figures.raster(one, rows=len(AAL2) * 2, longest_ms=400.0).axes[0]
    assert few.get_xlim() == pytest.approx((2.6, 3.0))
    assert f"{len(AAL2) * 2:,} of {one.n_neurons:,}" in few.get_title(loc="left")


def test_rows_of_a_region_stand_together_with_excitation_first():
    one = recording(OTHER, 100)
    order, lobes = style.by_lobe(one)
    rows = _rows(one, order, N_E + N_I)
    assert sorted(rows) == list(range(one.n_neurons))
    region = one.data["neuron_region"].values[np.argsort(rows)]
    population = one.data["neuron_population"].values[np.argsort(rows)]
    assert region.reshape(4, -1).tolist() == [[i] * (N_E + N_I) for i in order]
    assert population.reshape(4, -1).tolist() == [[0] * N_E + [1] * N_I] * 4
    assert lobes == [("unassigned", 0, 2), ("x", 2, 4)]


def test_the_map_of_rates_holds_the_rates():
    one = recording(AAL2, 2000)
    upper = figures.rates(one).axes[0]
    (image,) = upper.images
    order, _ = style.by_lobe(one)
    counts = one.data["count"].values[:, order, 0]
    per_column = counts.shape[0] // image.get_array().shape[1]
    expected = counts.reshape(-1, per_column, len(order)).sum(axis=1).T / N_E
    expected = expected / (per_column * one.bin_ms / 1000.0)
    assert np.allclose(np.asarray(image.get_array()), expected)


def polygons(figure, view):
    (collection,) = [c for c in figure.axes[view].collections if isinstance(c, PolyCollection)]
    centres = np.array([path.vertices[:-1].mean(axis=0) for path in collection.get_paths()])
    return centres, collection.get_facecolor()


@pytest.mark.parametrize(("view", "side"), [(0, -1), (1, 1), (2, 1), (3, -1)])
def test_each_view_is_seen_from_the_side_it_names(view, side):
    title, hemisphere, seen_from = VIEWS[view]
    assert seen_from == side
    assert title.startswith({"L": "left", "R": "right"}[hemisphere])
    assert ("lateral" in title) == ((hemisphere == "L") == (side == -1))
    name = f"Calcarine_{hemisphere}"
    values = xr.DataArray([1.0, 0.0], {"region": [name, "Precentral_" + hemisphere]}, "region")
    figure = figures.surface(values, colour_map="Reds", limits=(0.0, 1.0))
    centres, colours = polygons(figure, view)
    # The occipital pole lies to the viewer's left from the right side of the head, and to the
    # right from the left side.
    assert np.ptp(centres[:, 0]) > 150
    lit = colours[:, 0] - colours[:, 1] > 0.2
    if "medial" in title:
        assert lit.sum() > 30
        assert -side * centres[lit, 0].mean() > 60


def test_values_reach_the_surface_and_the_rest_stays_bare():
    values = xr.DataArray([1.0, 3.0], {"region": ["Calcarine_L", "Thalamus_L"]}, "region")
    figure = figures.surface(values, colour_map="Reds", limits=(0.0, 1.0))
    _, lateral = polygons(figure, 1)
    assert np.allclose(lateral[:, 0], lateral[:, 1], atol=1e-6)
    _, medial = polygons(figure, 2)
    red = medial[:, 0] - medial[:, 1] > 0.2
    assert 30 < red.sum() < 0.4 * len(medial)


def test_patches_cover_the_faces():
    rng = np.random.default_rng(0)
    corners = np.concatenate([rng.random((20, 3, 2)), np.zeros((20, 3, 1))], axis=2)
    regions = rng.integers(-1, 2, (20, 3))
    patches, face, region, is_border = _patches(corners, regions)

    def area(points):
        x, y = points[:, 0], points[:, 1]
        return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))

    covered = np.zeros(20)
    for patch, index, border in zip(patches, face, is_border, strict=True):
        covered[index] += 0.0 if border else area(patch)
    assert np.allclose(covered, [area(c) for c in corners])
    assert all(r in regions[f] for r, f in zip(region, face, strict=True))


def test_what_cannot_be_drawn_is_refused():
    foreign = xr.DataArray([1.0], {"region": ["area 51"]}, "region")
    with pytest.raises(ValueError, match="is on the AAL2 surface"):
        figures.surface(foreign)
    empty = xr.DataArray([np.nan], {"region": ["Calcarine_L"]}, "region")
    with pytest.raises(ValueError, match="no value is finite"):
        figures.surface(empty)
    with pytest.raises(ValueError, match="too short for a spectrum"):
        figures.spectrum(recording(OTHER, 10))
