"""Analysis: known activity gives known figures, and too little of it a clear error or None."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from encephagen.analysis import (
    autocorrelation,
    binned_rate,
    count_correlation,
    cv_isi,
    fano_factor,
    kind_rate,
    neuron_rate,
    peaks,
    population_rate,
    power_spectrum,
    region_rate,
    region_response,
    settled,
    slope,
    spike_trains,
    summary,
    system_rate,
    system_response,
    timescale,
)
from encephagen.recording import Recording, assemble

DT_MS = 0.5
SYSTEMS = ("visual", "motor", "visual", "auditory")


def poisson(rate_Hz, *, n_e=40, n_i=10, seed=0, start_ms=0.0, shared=None, bin_ms=10.0):
    """Return Poisson spikes of rate_Hz (step, region); shared (step,) adds common spikes."""
    rate = np.asarray(rate_Hz, float)
    n_steps, n_regions = rate.shape
    size = n_e + n_i
    rng = np.random.default_rng(seed)
    joint = [np.zeros(0, int)]
    for r in range(n_regions):
        n = rng.poisson(np.clip(rate[:, r], 0, None) * size * DT_MS / 1000.0)
        step = np.repeat(np.arange(n_steps), n)
        joint.append(step * size * n_regions + r * size + rng.integers(0, size, step.size))
    if shared is not None:
        at, who = np.nonzero(rng.random((n_steps, size)) < shared[:, None])
        joint.append(at * size * n_regions + who)
    joint = np.unique(np.concatenate(joint))
    start = round(start_ms / DT_MS)
    return assemble(
        joint // (size * n_regions) + start,
        joint % (size * n_regions),
        dt_ms=DT_MS,
        start_step=start,
        n_steps=n_steps,
        regions=[
            SimpleNamespace(name=f"R{r}", hemisphere="L", lobe="x", system=SYSTEMS[r])
            for r in range(n_regions)
        ],
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(n_regions), size),
        neuron_population=np.tile(np.r_[np.zeros(n_e, int), np.ones(n_i, int)], n_regions),
        bin_ms=bin_ms,
    )


def counts_only(recording):
    data = recording.data
    return Recording(data.drop_vars(["spike_time_ms", "spike_neuron"]))


def steps(ms):
    return round(ms / DT_MS)


def steady(duration_ms, *rates):
    return np.tile(np.array(rates, float), (steps(duration_ms), 1))


def ornstein_uhlenbeck(n, tau_ms, seed):
    from scipy.signal import lfilter

    decay = np.exp(-DT_MS / tau_ms)
    noise = np.random.default_rng(seed).standard_normal(n)
    return lfilter([np.sqrt(1 - decay**2)], [1, -decay], noise)


def test_rates_agree_with_each_other_and_with_the_truth():
    recording = poisson(steady(20_000, 1.0, 2.0, 4.0, 8.0))
    rate = region_rate(recording)
    assert rate.dims == ("region", "population") and rate.attrs["units"] == "Hz"
    assert np.allclose(rate.sel(population="E"), [1, 2, 4, 8], rtol=0.12)
    assert np.isclose(neuron_rate(recording).mean(), recording.n_spikes / 20.0 / 200)
    over_time = binned_rate(recording)
    assert np.allclose(over_time.mean("time_ms"), rate)
    pooled = population_rate(recording, 100.0)
    assert pooled.sizes["time_ms"] == 200
    assert np.allclose(pooled.mean("time_ms"), rate.mean("region"))


def test_the_rate_of_an_incomplete_bin_is_left_out():
    recording = poisson(steady(1000, 100.0)).window(0, 994.0)
    over_time = binned_rate(recording)
    assert over_time.sizes["time_ms"] == 99
    assert region_rate(recording).sel(population="E").item() == pytest.approx(100, rel=0.1)
    with pytest.raises(ValueError, match="no multiple"):
        binned_rate(recording, 15.0)
    with pytest.raises(ValueError, match="no whole bin"):
        binned_rate(recording, 2000.0)


def test_system_rates_have_honest_standard_errors():
    z = []
    for seed in range(60):
        table = system_rate(poisson(steady(4000, 2.0, 3.0, 6.0, 1.0), seed=seed))
        truth = np.array([4.0, 3.0, 1.0])
        exc = table.sel(population="E")
        z.append((exc["rate_Hz"].values - truth) / exc["se_Hz"].values)
    assert table["system"].values.tolist() == ["visual", "motor", "auditory"]
    assert table["n_regions"].values.tolist() == [2, 1, 1]
    assert abs(np.std(z) - 1.0) < 0.25
    short = system_rate(poisson(steady(300, 2.0)))
    assert np.isnan(short["se_Hz"]).all()


def test_kinds_pool_their_populations_whatever_these_are_called():
    """A population counts by its neurons, with the kind that it says, not its name."""
    recording = poisson(steady(2000, 5.0, 2.0, 5.0, 1.0))
    by_name = system_rate(recording)
    for excites, kind, population in (([1, 0], "excitatory", "E"), ([0, 1], "excitatory", "I")):
        data = recording.data.assign_coords(excites=("population", np.array(excites, bool)))
        found = kind_rate(dataclasses.replace(recording, data=data)).sel(kind=kind)
        np.testing.assert_allclose(found["rate_Hz"], by_name["rate_Hz"].sel(population=population))
        np.testing.assert_allclose(found["se_Hz"], by_name["se_Hz"].sel(population=population))
    data = recording.data.assign_coords(excites=("population", np.array([True, True])))
    both = dataclasses.replace(recording, data=data)
    pooled = kind_rate(both)["rate_Hz"]
    expected = (40 * by_name["rate_Hz"][:, 0] + 10 * by_name["rate_Hz"][:, 1]) / 50
    np.testing.assert_allclose(pooled.sel(kind="excitatory"), expected)
    assert np.isnan(pooled.sel(kind="inhibitory")).all()


def test_correlated_neurons_are_told_from_independent_ones():
    shared = np.zeros(steps(20_000))
    shared[:: steps(500)] = 0.5
    correlation = count_correlation(poisson(steady(20_000, 2.0, 2.0), shared=shared))
    assert correlation["within"].dims == ("region",)
    assert correlation["within"].values[0] > 0.05
    assert abs(correlation["within"].values[1]) < 0.02
    assert abs(correlation["between"].item()) < 0.02


@pytest.mark.filterwarnings("ignore:.*copy.*")
def test_count_correlation_agrees_with_elephant():
    import neo
    import quantities
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    drive = 4.0 + 3.0 * np.sin(np.arange(steps(4000)) * DT_MS / 100.0)
    recording = poisson(np.stack([drive, drive], axis=1), n_e=6, n_i=2)
    ours = count_correlation(recording, per_region=6, min_spikes=2)
    ids = np.flatnonzero(recording.data["neuron_population"].values == 0)
    # A spike is stamped with the end of its step and belongs to the bin of the step: half a step
    # back puts it inside.
    trains = [
        neo.SpikeTrain(t.magnitude - 0.5 * DT_MS, units="ms", t_start=t.t_start, t_stop=t.t_stop)
        for t in spike_trains(recording, ids.tolist())
    ]
    matrix = correlation_coefficient(
        BinnedSpikeTrain(
            trains,
            bin_size=100 * quantities.ms,
            t_start=0 * quantities.ms,
            t_stop=4000 * quantities.ms,
        )
    )
    same = np.kron(np.eye(2), np.ones((6, 6))).astype(bool)
    pair = ~np.eye(12, dtype=bool)
    assert ours["within_mean"].item() == pytest.approx(matrix[same & pair].mean())
    assert ours["between"].item() == pytest.approx(matrix[~same].mean())


def test_fano_factor_agrees_with_counting():
    recording = poisson(steady(3000, 5.0), n_e=5, n_i=1)
    window = np.zeros((6, 30))
    for step, neuron in zip(recording.spike_steps, recording.spike_neurons, strict=True):
        window[neuron, step // steps(100)] += 1
    expected = window.var(axis=1, ddof=1) / window.mean(axis=1)
    assert np.allclose(fano_factor(recording), expected)


def test_a_neuron_of_few_spikes_has_no_cv():
    recording = poisson(steady(1000, 3.0))
    spikes = np.bincount(recording.spike_neurons, minlength=50)
    assert np.array_equal(np.isnan(cv_isi(recording, 4).values), spikes < 4)
    assert np.isnan(cv_isi(recording)).all()


def test_the_spectrum_of_poisson_neurons_is_flat_at_its_shot_noise():
    spectrum = power_spectrum(poisson(steady(20_000, 3.0, 3.0)))
    assert spectrum["power"].mean().item() == pytest.approx(spectrum["shot_noise"].item(), rel=0.05)
    line = slope(spectrum)
    assert abs(line["slope"].item()) < 4 * line["slope_se"].item()
    assert peaks(spectrum).sizes["peak"] == 0


def test_a_rhythm_is_a_peak_and_slow_noise_a_slope():
    time_s = np.arange(steps(15_000)) * DT_MS / 1000.0
    rhythm = 3.0 * (1.0 + 0.5 * np.sin(2 * np.pi * 23.0 * time_s))
    found = peaks(power_spectrum(poisson(rhythm[:, None])))
    assert found["frequency_Hz"].values == pytest.approx([23.0], abs=0.6)
    slow = 4.0 + 2.0 * ornstein_uhlenbeck(steps(15_000), 50.0, 1)
    spectrum = power_spectrum(poisson(slow[:, None], n_e=400))
    assert slope(spectrum)["slope"].item() < -0.3
    assert peaks(spectrum).sizes["peak"] == 0


def test_counts_alone_give_the_spectrum_of_their_bins():
    recording = poisson(steady(5000, 3.0), bin_ms=2.0)
    a, b = power_spectrum(recording), power_spectrum(counts_only(recording))
    assert np.allclose(a["power"], b["power"])


def test_timescales_are_recovered_in_order():
    n = steps(40_000)
    taus = (30.0, 60.0, 120.0)
    rate = np.stack([5 + 2 * ornstein_uhlenbeck(n, tau, i) for i, tau in enumerate(taus)], axis=1)
    rate = np.concatenate([rate, np.full((n, 1), 5.0)], axis=1)
    result = timescale(poisson(rate, n_e=160))
    assert result["tau_ms"].values[:3] == pytest.approx(taus, rel=0.35)
    assert (np.diff(result["tau_ms"].values[:3]) > 0).all()
    assert np.isnan(result["tau_ms"].values[3])
    assert autocorrelation(poisson(steady(3000, 0.0))).isnull().all()
    with pytest.raises(ValueError, match="too short"):
        timescale(poisson(steady(1000, 2.0)))


PULSES = [(1000.0 + 950.0 * k, 1150.0 + 950.0 * k) for k in range(8)]


def with_pulses(extra_Hz, seed):
    rate = steady(8800, 3.0, 3.0, 3.0, 3.0)
    for r in (1, 2, 3):
        rate[:, r] += ornstein_uhlenbeck(len(rate), 60.0, 10 * seed + r)
    for a, b in PULSES:
        rate[steps(a) : steps(b), 1] += extra_Hz
    return poisson(rate, seed=seed)


def test_a_response_is_found_where_it_is():
    recording = with_pulses(6.0, 1)
    table = system_response(recording, PULSES)
    assert table["system"].values[table["responded"].values].tolist() == ["motor"]
    motor = table.sel(system="motor")
    assert motor["change_Hz"].item() == pytest.approx(6.0, abs=1.5)
    assert motor["during_Hz"].item() > 2 * motor["before_Hz"].item()
    assert motor["after_Hz"].item() == pytest.approx(3.0, abs=1.0)
    regions = region_response(recording, PULSES)
    assert regions["region"].values[regions["responded"].values].tolist() == ["R1"]
    halves = [recording.window(0, 4500.0), recording.window(4500.0, 8800.0)]
    again = system_response(halves, PULSES)
    assert np.allclose(again["change_Hz"], table["change_Hz"])


def test_without_a_stimulus_a_response_is_as_rare_as_chance():
    p = [
        system_response(with_pulses(0.0, seed), PULSES, n_permutations=499)["p"].values
        for seed in range(100)
    ]
    positive = np.mean(np.array(p) < 0.05)
    # 300 tests: 0.05 within three standard errors.
    assert 0.01 < positive < 0.09


@pytest.mark.parametrize(
    ("pulses", "message"),
    [
        ([], "at least one pulse"),
        ([(1000, 1150), (2000, 2100)], "one positive length"),
        ([(1000, 1000)], "one positive length"),
        ([(100, 250)], "record its baseline"),
        ([(8750, 8900)], "record its baseline"),
        ([(1000, 1150), (1300, 1450)], "too closely"),
        ([(1000, 5000)], "cannot tell|baseline"),
        ([(3000, 4500)], "cannot tell one responding system of 3"),
    ],
)
def test_impossible_pulses_are_refused(pulses, message):
    with pytest.raises(ValueError, match=message):
        system_response(with_pulses(0.0, 1), pulses)


def test_summary_of_healthy_activity():
    recording = poisson(steady(10_000, 1.0, 2.0, 3.0, 4.0))
    result = summary(recording)
    json.dumps(result, allow_nan=False)
    assert result["rate_exc_Hz"] == pytest.approx(2.5, rel=0.1)
    assert result["rate_region_min_Hz"] == pytest.approx(1.0, rel=0.3)
    assert result["rate_region_max_Hz"] == pytest.approx(4.0, rel=0.2)
    assert 0.85 < result["cv_isi"] < 1.05
    assert 0.9 < result["fano_factor"] < 1.1
    assert abs(result["count_correlation"]) < 0.02
    assert result["alarms"] == [] and result["spectral_peak_Hz"] is None
    assert result["spike_digest"] == recording.spike_digest()


@pytest.mark.parametrize("duration_ms", [1, 20, 90, 250, 450, 1100, 2100])
@pytest.mark.parametrize("rate_Hz", [0.0, 5.0])
def test_summary_of_anything_is_plain_numbers(duration_ms, rate_Hz):
    recording = poisson(steady(duration_ms, rate_Hz, rate_Hz))
    for one in (recording, counts_only(recording)):
        result = summary(one)
        json.dumps(result, allow_nan=False)
        assert result["rate_exc_Hz"] is not None
    assert summary(counts_only(recording))["cv_isi"] is None


def test_summary_leaves_the_transient_out():
    rate = steady(2000, 2.0)
    rate[: steps(200)] = 500.0
    assert summary(poisson(rate))["rate_exc_Hz"] < 3.0
    assert settled(poisson(rate)).start_ms == 200.0
    late = poisson(steady(1000, 2.0), start_ms=5000.0)
    assert settled(late) is late


def test_spikes_are_asked_for_where_they_are_needed():
    bare = counts_only(poisson(steady(3000, 2.0)))
    for analysis in (neuron_rate, cv_isi, fano_factor, count_correlation):
        with pytest.raises(ValueError, match="record with Probe"):
            analysis(bare)
    assert region_rate(bare).notnull().all() and system_rate(bare)["se_Hz"].notnull().all()


def test_windows_that_cannot_be_are_refused():
    recording = poisson(steady(3000, 5.0))
    with pytest.raises(ValueError, match=r"window_ms 100.2 is not a whole .* choose 100, or"):
        fano_factor(recording, 100.2)
    for call in (
        lambda bad: count_correlation(recording, bad),
        lambda bad: binned_rate(recording, bad),
        lambda bad: system_rate(recording, bad),
        lambda bad: power_spectrum(recording, bad),
        lambda bad: timescale(recording, bad),
    ):
        for bad in (np.nan, np.inf, -1.0, 0.0):
            with pytest.raises(ValueError, match="_ms is"):
                call(bad)


def test_benjamini_hochberg_is_scipys():
    from scipy.stats import false_discovery_control

    from encephagen.analysis.response import benjamini_hochberg

    p = np.random.default_rng(0).uniform(size=50) ** 3
    assert np.allclose(benjamini_hochberg(p), false_discovery_control(p))


def test_bold_and_functional_connectivity_are_in_the_package():
    from encephagen import analysis
    from encephagen.analysis import functional_connectivity, haemodynamics

    assert analysis.bold is haemodynamics.bold and analysis.fc is functional_connectivity.fc
    assert {"bold", "fc", "fcd", "group_fc", "bandpass"} <= set(analysis.__all__)
    assert all(hasattr(analysis, name) for name in analysis.__all__)
