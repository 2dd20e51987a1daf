"""Figures: they show the numbers they claim to show, of any recording, and leave no trace."""

import io
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection

from encephagen import figures
from encephagen.analysis import settled, summary
from encephagen.connectome import datasets
from encephagen.engine.session import simulate
from encephagen.figures import style
from encephagen.figures.raster import _rows
from encephagen.figures.strip import strip
from encephagen.figures.surface import VIEWS, _patches, mean_rate
from encephagen.network.build import build
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


def test_pictures_of_populations_that_live_in_some_regions_only(mixed):
    """Cells of 2 and 10 Hz, 3 to 1, are drawn at 4 Hz; where nothing excites is grey."""
    rate = np.array([[2.0, 10.0, 0, 0], [2.0, 10.0, 0, 0], [0, 0, 7.0, 0], [0, 0, 0, 30.0]])
    one = mixed(rate, 4000.0)
    assert png(figures.overview(one))[:4] == b"\x89PNG"
    upper, lower = figures.rates(one).axes[:2]
    shown = np.ma.filled(upper.images[0].get_array().astype(float), np.nan)
    lobes = ["frontal", "occipital", "subcortical", "subcortical"]
    assert [t.get_text() for t in upper.texts] == list(dict.fromkeys(lobes))
    assert shown[:3].mean(axis=1) == pytest.approx([4.0, 4.0, 7.0], rel=0.2)
    assert np.isnan(shown[3]).all()
    assert matplotlib.colors.to_hex(upper.get_facecolor()) == "#cccccc"
    assert "of 3 regions; grey: 1 without such cells" in upper.get_title(loc="left")
    colours = [line.get_color() for line in lower.lines[:4]]
    assert colours[0] == style.EXCITATORY.lower() and colours[3] == style.INHIBITORY.lower()
    assert len(set(colours)) == 4
    names = {t.get_text(): t.get_color() for t in lower.texts}
    assert names == dict(zip(one.populations, colours, strict=True))
    raster = figures.raster(one).axes[0]
    dots = [line for line in raster.lines if line.get_marker() == "."]
    assert [line.get_color() for line in dots] == colours
    assert sum(len(line.get_xdata()) for line in dots) == np.sum(one.spike_steps >= 2000)
    legend = [text.get_text() for text in raster.get_legend().get_texts()]
    assert legend == ["pyramidal", "Ibex", "relay", "inhibitory"]
    values, _ = mean_rate(one)
    assert np.isnan(values.values).tolist() == [False, False, False, True]


def test_a_brain_of_two_fragments_is_recorded_kept_summed_up_and_drawn(patchy, tmp_path):
    """The relay and the gate live in B and D only; the engine's own recording goes all the way."""
    made = simulate(build(patchy, seed=1), 1500.0, threads=1)
    one = type(made).load(made.save(tmp_path / "r.nc"))
    lives = one.data["region_size"].to_pandas()
    assert lives["relay"].tolist() == [0, 19, 0, 19] and lives["gate"].tolist() == [0, 7, 0, 7]
    assert one.data["count"].sum().item() == made.n_spikes > 0
    spikes = one.data["count"].values.sum(axis=(0, 1))
    assert (spikes > 0).all()
    part = settled(one)
    e = part.data["count"].values[:, :, part.excites].sum()
    cells = lives["E"].sum() + lives["relay"].sum()
    assert summary(one)["rate_exc_Hz"] == pytest.approx(e / cells / (part.duration_ms / 1000.0))
    assert png(figures.overview(one))
    legend = [text.get_text() for text in figures.raster(one).axes[0].get_legend().get_texts()]
    assert legend == ["E", "I", "relay", "gate"]


@pytest.mark.filterwarnings("error")
def test_a_brain_in_which_nothing_excites_can_be_drawn(mixed):
    kinds = {"excites": ("population", np.zeros(4, np.int8))}
    one = type(mixed())(mixed(5.0, 1500.0).data.assign_coords(kinds))
    figure = figures.overview(one)
    words = [t.get_text() for axes in figure.findobj(matplotlib.axes.Axes) for t in axes.texts]
    assert "no neuron excites" in words and "no spikes of neurons that excite" in words
    assert png(figure)


ODD = ("$x", "cost $5^$x", r"a\$b$ {\frac", "[/area]", "x_{$1$}")


def test_signs_of_formulas_in_names_are_drawn_as_they_are():
    """Whatever a lobe, a population, a group or a stimulus is called, no formula is set."""
    assert not any(matplotlib.cbook.is_math_text(style.verbatim(text)) for text in ODD)
    n = len(ODD)
    one = assemble(
        np.arange(0, 3000, 2),
        np.zeros(1500, int),
        dt_ms=DT_MS,
        start_step=0,
        n_steps=3000,
        regions=[SimpleNamespace(name=t, hemisphere=t, lobe=t, system=t) for t in ODD],
        populations=ODD,
        excites=[True] * n,
        neuron_region=np.arange(n),
        neuron_population=np.arange(n),
    )
    assert one.alarms[0].region == "$x"  # in the headline
    figure = figures.overview(one)
    words = [t.get_text() for axes in figure.findobj(matplotlib.axes.Axes) for t in axes.texts]
    assert "a rate that never changes" in words and r"cost \$5^\$x" in words and png(figure)
    for draw in (figures.raster, figures.rates, figures.neurons):
        assert png(draw(one))
    with style.styled(3.0, 3.0) as figure:
        strip(figure.subplots(), {text: np.arange(3.0) for text in ODD})
        assert png(figure)
    bare = xr.DataArray([1.0], {"region": ["Calcarine_L"]}, "region")
    assert png(figures.surface(bare, title=ODD[1], label=ODD[1]))


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
