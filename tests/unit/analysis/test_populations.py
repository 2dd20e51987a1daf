"""Analysis of brains whose populations have any names and live in some regions only."""

import numpy as np
import pytest

from encephagen.analysis import (
    autocorrelation,
    binned_rate,
    bold,
    count_correlation,
    fc,
    pool,
    population_rate,
    power_spectrum,
    region_rate,
    region_response,
    summary,
    system_rate,
    system_response,
    timescale,
)
from encephagen.analysis.propagation import cut, decode, reach, rest
from encephagen.recording import assemble


def test_rates_of_pairs_that_do_not_exist_are_nan(mixed):
    rate = region_rate(mixed())
    exists = mixed().data["region_size"].values > 0
    assert np.array_equal(np.isfinite(rate.values), exists)
    assert np.array_equal(np.isfinite(binned_rate(mixed()).values).all(axis=0), exists)
    assert np.isfinite(population_rate(mixed())).all()


def test_pooled_rates_are_weighted_by_cells(mixed):
    """30 pyramidal cells at 2 Hz and 10 others at 18 Hz fire at 6 Hz together, not at 10."""
    rate = np.array([[2.0, 18.0, 0, 0], [2.0, 18.0, 0, 0], [0, 0, 7.0, 0], [0, 0, 0, 30.0]])
    recording = mixed(rate, 20_000.0)
    pooled = pool(region_rate(recording))
    assert pooled.dims == ("region",) and pooled.attrs["units"] == "Hz"
    assert pooled.values[:3] == pytest.approx([6.0, 6.0, 7.0], rel=0.06)
    assert np.isnan(pooled.values[3])  # inhibitory cells alone
    assert pool(region_rate(recording), "Eager").values[3] == pytest.approx(30.0, rel=0.06)
    assert np.isnan(pool(region_rate(recording), "Eager").values[:3]).all()
    over_time = pool(binned_rate(recording, 100.0)).mean("time_ms").values
    np.testing.assert_allclose(over_time, pooled.values)
    with pytest.raises(ValueError, match="no population 'eager': nearest: Eager"):
        pool(region_rate(recording), "eager")


def test_the_summary_pools_what_excites(mixed):
    rate = np.array([[2.0, 18.0, 0, 0], [2.0, 18.0, 0, 0], [0, 0, 7.0, 0], [0, 0, 0, 30.0]])
    found = summary(mixed(rate, 20_000.0))
    assert found["rate_exc_Hz"] == pytest.approx((80 * 6 + 20 * 7) / 100, rel=0.05)
    assert found["rate_inh_Hz"] == pytest.approx(30.0, rel=0.05)
    assert found["rate_region_max_Hz"] == pytest.approx(7.0, rel=0.06)


def test_figures_of_cortex_leave_nuclei_out_and_tell_them_by_name(mixed):
    rate = np.array([[2.0, 18.0, 0, 0], [2.0, 18.0, 0, 0], [0, 0, 7.0, 0], [0, 0, 0, 30.0]])
    recording = mixed(rate, 30_000.0, at_rest_Hz=(None, None, (5.0, 20.0), None))
    found = summary(recording)
    assert found["rate_exc_Hz"] == pytest.approx(6.0, rel=0.05)
    name = recording.populations[2]
    assert found["nuclei"] == {
        name: {"rate_Hz": pytest.approx(7.0, rel=0.06), "low_Hz": 5.0, "high_Hz": 20.0}
    }
    assert np.isnan(pool(region_rate(recording)).values[2:]).all()
    signal = bold(recording, 2.0)
    assert np.isfinite(signal.values[:, :3]).all()  # a nucleus drives its BOLD
    assert summary(mixed(rate, 30_000.0))["nuclei"] == {}


def test_a_nucleus_alone_has_no_figures_of_cortex(mixed):
    recording = mixed(5.0, 12_000.0, at_rest_Hz=((1.0, 9.0),) * 4)
    found = summary(recording)
    assert found["rate_exc_Hz"] is None and found["spectral_slope"] is None
    assert len(found["nuclei"]) == 4


def test_systems_hold_what_lives_there(mixed):
    table = system_rate(mixed(5.0, 4000.0))
    known = np.isfinite(table["rate_Hz"])
    assert known.sel(system="basal ganglia").values.tolist() == [False, False, False, True]
    assert known.sel(system="visual").values.tolist() == [True, True, False, False]
    assert np.array_equal(np.isfinite(table["se_Hz"]), known)


@pytest.mark.parametrize("spikes", [True, False])
def test_spectra_timescales_and_bold_of_regions_where_nothing_excites_are_nan(mixed, spikes):
    recording = mixed(5.0, 26_000.0, spikes=spikes)
    lacks = [False, False, False, True]
    spectrum = power_spectrum(recording)
    assert np.isnan(spectrum["region_power"]).all("frequency_Hz").values.tolist() == lacks
    assert np.isnan(spectrum["region_shot_noise"]).values.tolist() == lacks
    # 2 r / N of the 100 cells that excite
    assert spectrum["shot_noise"].item() == pytest.approx(2 * 5.0 / 100, rel=0.05)
    assert spectrum["power"].mean().item() == pytest.approx(2 * 5.0 / 100, rel=0.2)
    assert np.isnan(autocorrelation(recording)).all("lag_ms").values.tolist() == lacks
    assert not np.isnan(autocorrelation(recording, population="Eager")).values[3].any()
    assert np.isnan(timescale(recording)["tau_ms"].values[3])
    signal = bold(recording, 0.5)
    assert np.isnan(signal).all("time_s").values.tolist() == lacks
    with pytest.raises(ValueError, match="signal of Pallidum_L is not finite at any time"):
        fc(signal)
    assert fc(signal.isel(region=slice(0, 3))).shape == (3, 3)


def test_pairs_of_neurons_are_of_those_that_excite(mixed):
    recording = mixed(10.0, 4000.0)
    assert np.isnan(count_correlation(recording)["within"].values).tolist() == [False] * 3 + [True]
    alone = count_correlation(recording, population="Eager")
    assert np.isnan(alone["within"].values).tolist() == [True] * 3 + [False]


def pulsed():
    """Return a recording whose relay cells, and they alone, answer pulses; and the pulses."""
    pulses = [(1000.0 + 900.0 * k, 1100.0 + 900.0 * k) for k in range(8)]
    rng = np.random.default_rng(0)
    region = np.repeat([0, 1, 2, 3], [20, 20, 20, 20])
    rate = np.full((2 * 8500, 80), 4.0)
    for a, b in pulses:
        rate[2 * int(a) : 2 * int(b), 40:60] += 15.0
    steps, neurons = np.nonzero(rng.random(rate.shape) < rate * 0.5 / 1000.0)
    return assemble(
        steps,
        neurons,
        dt_ms=0.5,
        start_step=0,
        n_steps=len(rate),
        regions=[SimpleRegion(n, s) for n, s in zip("ABCD", "uvwx", strict=True)],
        populations=("cell", "relay", "brake"),
        excites=(True, True, False),
        neuron_region=region,
        neuron_population=np.array([0, 0, 1, 2])[region],
    ), pulses


class SimpleRegion:
    def __init__(self, name, system):
        self.name, self.system = name, system


def test_a_response_is_that_of_what_excites_wherever_it_lives():
    recording, pulses = pulsed()
    found = region_response(recording, pulses)
    assert found["responded"].values.tolist() == [False, False, True, False]
    assert found["change_Hz"].values[2] == pytest.approx(15.0, abs=3.0)
    assert np.isnan(found["p"].values).tolist() == [False, False, False, True]
    assert system_response(recording, pulses)["responded"].values.tolist() == [0, 0, 1, 0]
    brake = region_response(recording, pulses, population="brake")
    assert np.isfinite(brake["p"].values).tolist() == [False, False, False, True]
    with pytest.raises(ValueError, match="no population 'E'"):
        region_response(recording, pulses, population="E")
    with pytest.raises(ValueError, match="start of a pulse 1000.2 ms lies inside a step of 0.5 ms"):
        region_response(recording, [(1000.2, 1100.0)])


def test_propagation_leaves_out_where_nothing_excites():
    recording, pulses = pulsed()
    onsets = [a for a, _ in pulses]
    about = dict(before_ms=200.0, after_ms=300.0, bin_ms=10.0)
    trials = cut(recording, onsets, **about)
    shams = cut(recording, [t - 400.0 for t in onsets], **about)
    assert np.isnan(trials.rate_Hz).all(axis=(0, 1)).tolist() == [False, False, False, True]
    found = reach(trials, shams, [0], window_ms=(0.0, 100.0), n_permutations=999)
    assert found.responded.tolist() == [False, False, True, False]
    assert np.isnan(found.p).tolist() == [True, False, False, True]
    assert rest(trials, shams, 100.0).ratio == pytest.approx(1.0, abs=0.2)
    features = np.concatenate([t.mean(0.0, 100.0)[:, :, None] for t in (trials, shams)])
    decoded = decode(features, [1] * 8 + [0] * 8, n_shuffles=20)
    assert decoded.accuracy[2] > 0.9 and np.isnan(decoded.accuracy[3])
    features[3, 1] = np.nan
    with pytest.raises(ValueError, match="features of region 1 .* not finite in some trials"):
        decode(features, [1] * 8 + [0] * 8)
    broken = trials.rate_Hz.copy()
    broken[2, 3, 1] = np.inf
    with pytest.raises(ValueError, match="rates of region 1 .* not finite in some bins"):
        type(trials)(broken, trials.bin_ms, trials.before_ms)
    with pytest.raises(ValueError, match="95 ms from the onset is on no edge of a bin of 10 ms"):
        trials.mean(0.0, 95.0)
    with pytest.raises(ValueError, match="a trial of 495 ms is no whole number of bins"):
        cut(recording, onsets, before_ms=200.0, after_ms=295.0, bin_ms=10.0)
