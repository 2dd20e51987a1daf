"""Pictures of connectivity and timescales: they show the numbers they claim to show."""

import io

import numpy as np
import pytest
import xarray as xr

from encephagen.analysis.functional_connectivity import fcd_ks
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.figures import connectivity, neurons, timescales
from encephagen.figures.spectrum import spectra
from encephagen.recording import assemble

STEMS = ("Precentral", "Calcarine", "Heschl", "Frontal_Mid_2", "Angular")
PART = subset(hcp_aal2(), [f"{stem}_{side}" for stem in STEMS for side in "LR"])
NAMES = list(PART.names)


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    return buffer.getvalue()


def matrix(seed, *, like=None):
    """A symmetric matrix with ones on its diagonal; ``like`` another one, it is half the same."""
    values = np.random.default_rng(seed).uniform(-0.2, 0.8, (PART.n, PART.n))
    values = 0.5 * (values + values.T)
    if like is not None:
        values = 0.5 * values + 0.5 * like.values
    np.fill_diagonal(values, 1.0)
    coords = {"region": NAMES, "region_2": NAMES}
    return xr.DataArray(values, coords, ("region", "region_2"))


@pytest.fixture(scope="module")
def fc():
    group = matrix(0)
    return {"fMRI": group, "Simulated": matrix(1, like=group)}


def title(axes):
    return axes.get_title(loc="left")


@pytest.mark.filterwarnings("error")
def test_matrices_are_ordered_by_hemisphere_and_lobe(fc):
    figure = connectivity.matrices(fc, PART.regions)
    assert png(figure)[:4] == b"\x89PNG"
    first, second = (axes for axes in figure.axes if axes.images)
    order = sorted(
        range(PART.n),
        key=lambda i: (
            PART.regions[i].hemisphere,
            ("frontal", "parietal", "occipital", "temporal").index(PART.regions[i].lobe),
        ),
    )
    for axes, values in ((first, fc["fMRI"].values), (second, fc["Simulated"].values)):
        shown = np.asarray(axes.images[0].get_array(), float)
        off = ~np.eye(PART.n, dtype=bool)
        assert np.allclose(shown[off], values[np.ix_(order, order)][off])
        assert np.isnan(np.diag(shown)).all()
    pairs = np.triu_indices(PART.n, 1)
    r = np.corrcoef(fc["fMRI"].values[pairs], fc["Simulated"].values[pairs])[0, 1]
    assert title(second) == f"Simulated, r = {r:.2f}" and title(first) == "fMRI"
    words = [text.get_text() for text in first.texts]
    assert words.count("frontal") == 2 and {"left", "right", "temporal"} <= set(words)
    assert not second.texts


def test_the_scatter_has_a_dot_a_pair_and_knows_homologues(fc):
    figure = connectivity.scatter({"Simulated": fc["Simulated"]}, fc["fMRI"], PART.regions)
    (axes,) = figure.axes
    dots = {line.get_label(): line.get_xydata() for line in axes.lines if line.get_marker() == "."}
    assert sum(map(len, dots.values())) == PART.n * (PART.n - 1) // 2
    (homologous,) = [xy for label, xy in dots.items() if label.startswith("homologous")]
    expected = {
        (float(fc["Simulated"].sel(region=f"{s}_L", region_2=f"{s}_R")),
         float(fc["fMRI"].sel(region=f"{s}_L", region_2=f"{s}_R")))
        for s in STEMS
    }  # fmt: skip
    assert {tuple(xy) for xy in homologous.tolist()} == expected
    # Regions are matched by name, in whatever order they come.
    turned = fc["Simulated"].isel(region=slice(None, None, -1), region_2=slice(None, None, -1))
    again = connectivity.scatter({"Simulated": turned}, fc["fMRI"], PART.regions)
    assert title(again.axes[0]) == title(axes)


def test_columns_in_another_order_change_nothing(fc):
    turned = {name: m.isel(region_2=slice(None, None, -1)) for name, m in fc.items()}
    shown = [
        np.asarray(axes.images[0].get_array(), float)
        for figure in (connectivity.matrices(fc, PART.regions),
                       connectivity.matrices(turned, PART.regions))
        for axes in figure.axes
        if axes.images
    ]  # fmt: skip
    np.testing.assert_array_equal(shown[:2], shown[2:])
    with pytest.raises(ValueError, match="no region 'Calcarine_L' among those given: nearest"):
        connectivity.matrices(fc, [r for r in PART.regions if r.name != "Calcarine_L"])


def test_formulas_in_titles_are_drawn_as_they_are(fc):
    odd = {"$x": fc["fMRI"], "cost $5^$x": fc["Simulated"]}
    r = xr.DataArray([0.2, 0.4], {"duration_s": [60.0, 120.0]}, "duration_s")
    assert png(connectivity.matrices(odd, PART.regions))
    assert png(connectivity.scatter(odd, fc["fMRI"], PART.regions))
    assert png(connectivity.growth(r, {"cost $5^$x": 0.5}))


def test_growth_shows_durations_in_minutes_and_levels_beside():
    r = xr.DataArray([0.2, 0.4, 0.5], {"duration_s": [60.0, 120.0, 300.0]}, "duration_s")
    figure = connectivity.growth(r, {"ceiling": 0.8}, (1200.0, 0.6))
    (axes,) = figure.axes
    stretches, whole = axes.lines[:2]
    assert stretches.get_xydata().tolist() == [[1.0, 0.2], [2.0, 0.4], [5.0, 0.5]]
    assert whole.get_xydata().tolist() == [[20.0, 0.6]]
    assert axes.texts[0].get_text() == "ceiling 0.80" and axes.get_xlim()[1] > 20.0
    assert png(figure) and png(connectivity.growth(r[:1], {}))


def test_dynamics_mark_the_greatest_distance():
    rng = np.random.default_rng(0)
    people, still = rng.uniform(0.0, 1.0, 4000), rng.uniform(0.4, 0.6, 4000)
    simulated = 0.5 * people
    figure = connectivity.dynamics(simulated, people, still)
    right = figure.axes[1]
    bar = right.lines[-1].get_xydata()
    assert bar[0, 0] == pytest.approx(0.5, abs=0.02)  # where half as large has ended
    assert abs(bar[1, 1] - bar[0, 1]) == pytest.approx(0.5, abs=0.03)
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert f"simulated (KS {fcd_ks(simulated, people):.2f})" in labels
    assert png(connectivity.dynamics(None, people, still))


def recording(rate_Hz, seconds=3):
    rng, size = np.random.default_rng(0), 10
    steps, cells = np.nonzero(rng.random((1000 * seconds, size * PART.n)) < rate_Hz / 1000.0)
    return assemble(
        steps,
        cells,
        dt_ms=1.0,
        start_step=0,
        n_steps=1000 * seconds,
        regions=PART.regions,
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(PART.n), size),
        neuron_population=np.tile(np.r_[np.zeros(8), np.ones(2)], PART.n),
    )


@pytest.mark.parametrize(("rate_Hz", "seconds"), [(20.0, 3), (0.0, 3), (20.0, 0.5)])
def test_spectra_and_neurons_of_any_recording(rate_Hz, seconds):
    one = recording(rate_Hz, int(seconds) or 1)
    one = one if seconds >= 1 else one.window(0.0, 500.0)
    frequency = np.linspace(0.005, 0.7, 139)
    power = xr.DataArray(
        np.outer(1.0 / frequency, np.linspace(1.0, 2.0, PART.n)),
        {"frequency_Hz": frequency, "region": NAMES},
        ("frequency_Hz", "region"),
    )
    figure = spectra(one, 2.0 * power, power)
    measured, simulated = figure.axes[1].lines
    assert np.allclose(simulated.get_ydata(), 2.0 * np.median(power.values, axis=1))
    assert np.allclose(measured.get_ydata(), np.median(power.values, axis=1))
    assert png(figure) and png(spectra(one, None, power)) and png(neurons(one))


def test_timescales_along_the_map_and_against_chance():
    ratio = xr.DataArray([r.t1w_t2w for r in PART.regions], {"region": NAMES}, "region")
    tau_ms = 100.0 * np.exp(-ratio)
    tau_ms[2] = np.nan
    lag_ms = np.arange(10.0, 510.0, 10.0)
    decay = np.exp(-lag_ms / np.nan_to_num(tau_ms.values, nan=15.0)[:, None])
    decay = xr.DataArray(0.1 * decay, {"region": NAMES, "lag_ms": lag_ms}, ("region", "lag_ms"))
    lobes = xr.DataArray([r.lobe for r in PART.regions], {"region": NAMES}, "region")
    chance = np.linspace(-0.5, 0.5, 99)
    figure = timescales.timescales_along_map(tau_ms, ratio, lobes, decay, chance)
    left, middle, right = figure.axes
    assert title(middle) == "Along T1w/T2w, r = -1.00"
    assert sum(len(d.get_xdata()) for d in middle.lines if d.get_marker() == "o") == PART.n - 1
    assert title(right) == "Against chance, two-sided p = 0.01"
    least, most = left.lines[:2]
    assert least.get_ydata()[0] == most.get_ydata()[0] == pytest.approx(1.0)
    assert (least.get_ydata()[1:] > most.get_ydata()[1:]).all()
    assert png(figure)
    assert png(timescales.timescales_on_surface(tau_ms))
    bare = timescales.timescales_along_map(tau_ms * np.nan, ratio, lobes, decay)
    assert len(bare.axes) == 2 and png(bare)
    with pytest.raises(ValueError, match="no value is finite"):
        timescales.timescales_on_surface(tau_ms * np.nan)
