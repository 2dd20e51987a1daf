"""Alarms: each bad regime raises its own, and healthy, driven or short activity raises none."""

from types import SimpleNamespace

import numpy as np
import pytest

from encephagen.recording import Recording, Traces, assemble, concatenate

DT_MS = 0.5


def poisson(rate_Hz, *, n_regions=4, n_e=160, n_i=40, start_ms=0.0, seed=0, **rest):
    """Return a Recording of Poisson spikes; rate_Hz (step,) or (step, region)."""
    rate = np.asarray(rate_Hz, float)
    if rate.ndim == 1:
        rate = np.repeat(rate[:, None], n_regions, axis=1)
    size = n_e + n_i
    neuron_region = np.repeat(np.arange(n_regions), size)
    rng = np.random.default_rng(seed)
    steps, neurons = [], []
    for r in range(n_regions):
        fired = rng.random((len(rate), size)) < rate[:, r, None] * DT_MS / 1000.0
        at, who = np.nonzero(fired)
        steps.append(at)
        neurons.append(who + r * size)
    start_step = round(start_ms / DT_MS)
    return assemble(
        np.concatenate(steps) + start_step,
        np.concatenate(neurons),
        dt_ms=DT_MS,
        start_step=start_step,
        n_steps=len(rate),
        regions=[SimpleNamespace(name=f"R{r}") for r in range(n_regions)],
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=neuron_region,
        neuron_population=np.tile(np.r_[np.zeros(n_e, int), np.ones(n_i, int)], n_regions),
        **rest,
    )


def steps(ms):
    return round(ms / DT_MS)


def bumps(duration_ms, every_ms, width_ms):
    """Return (step,) the sum of normalised Gaussians of standard deviation width_ms."""
    time = np.arange(steps(duration_ms)) * DT_MS
    phase = (time + every_ms / 2) % every_ms - every_ms / 2
    return np.exp(-0.5 * (phase / width_ms) ** 2) / (width_ms / 1000.0 * np.sqrt(2 * np.pi))


def kinds(recording):
    return [a.kind for a in recording.alarms]


@pytest.mark.parametrize("rate_Hz", [0.2, 1.0, 5.0, 15.0])
@pytest.mark.parametrize("duration_ms", [100, 400, 1200, 3000])
def test_healthy_activity_raises_no_alarm(rate_Hz, duration_ms):
    recording = poisson(np.full(steps(duration_ms), rate_Hz), n_regions=20)
    assert kinds(recording) == []


@pytest.mark.parametrize("n_e", [1, 2, 4, 16])
def test_small_populations_raise_no_false_alarm(n_e):
    for seed in range(5):
        recording = poisson(np.full(steps(8000), 3.0), n_regions=20, n_e=n_e, n_i=1, seed=seed)
        assert kinds(recording) == []


def test_the_transient_after_time_zero_is_ignored_but_not_the_same_later():
    rate = np.full(steps(420), 2.0)
    rate[: steps(150)] = 200.0
    assert kinds(poisson(rate)) == []
    held = np.full(steps(250), 200.0)
    assert kinds(poisson(held, start_ms=5000.0)) == ["saturated"]


def test_silence_before_the_first_spikes_is_no_alarm():
    rate = np.full(steps(1500), 2.0)
    rate[: steps(200)] = 0.0
    assert kinds(poisson(rate)) == []


def test_saturation_names_the_worst_region_and_counts():
    rate = np.full((steps(1000), 4), 3.0)
    rate[:, 1], rate[:, 2] = 60.0, 90.0
    (alarm,) = poisson(rate).alarms
    assert (alarm.kind, alarm.region) == ("saturated", "R2")
    assert "the worst of 2 such regions of 4" in alarm.value
    assert "under 30 Hz" in alarm.expected and alarm.remedy
    assert "\n" not in str(alarm)


def test_saturated_interneurons_have_their_own_limit():
    fast = poisson(np.full(steps(600), 60.0), n_e=0)
    assert kinds(fast) == []
    assert kinds(poisson(np.full(steps(600), 150.0), n_e=0)) == ["saturated"]


def test_each_population_that_exists_is_judged_by_whether_it_excites(mixed):
    """Cells are named against what they do: only `excites` can tell."""
    healthy = np.full((4, 4), 5.0)
    assert kinds(mixed(healthy)) == []
    healthy[3, 3] = 60.0  # inhibitory: may fire so, and where it lives no other cell does
    assert kinds(mixed(healthy)) == []
    fast = healthy.copy()
    fast[3, 3] = 150.0
    (alarm,) = mixed(fast).alarms
    assert (alarm.kind, alarm.region) == ("saturated", "Pallidum_L")
    assert "Eager neurons" in alarm.value and alarm.expected == "under 100 Hz"
    fast = healthy.copy()
    fast[1, 1] = 60.0  # excites, beside a population that is healthy
    (alarm,) = mixed(fast).alarms
    assert (alarm.region, alarm.expected) == ("Precentral_L", "under 30 Hz")
    assert "Ibex neurons" in alarm.value


def test_one_silent_population_among_others_is_found(mixed):
    rate = np.full((4, 4), 5.0)
    rate[0, 1] = rate[2, 2] = 0.0
    (alarm,) = mixed(rate, 12_000.0).alarms
    assert alarm.kind == "silent" and "worst of 2 such regions of 4" in alarm.value
    assert alarm.region in ("Calcarine_L", "Thalamus_L")
    rate[:] = 5.0
    rate[3, 3] = 0.0  # what inhibits may be silent
    assert kinds(mixed(rate, 12_000.0)) == []


def test_a_pulse_of_stimulation_is_neither_saturation_nor_synchrony():
    rate = np.full(steps(4000), 2.0)
    for onset in range(500, 4000, 1000):
        rate[steps(onset) : steps(onset + 150)] = 60.0
    assert kinds(poisson(rate)) == []


def test_slow_up_and_down_states_are_not_synchrony():
    time_s = np.arange(steps(5000)) * DT_MS / 1000.0
    rate = np.where(np.sin(2 * np.pi * 0.8 * time_s) > 0, 15.0, 0.1)
    assert kinds(poisson(rate)) == []


def test_silence_is_found_in_one_region_and_in_all():
    rate = np.full((steps(2000), 4), 2.0)
    rate[:, 3] = 0.0
    (alarm,) = poisson(rate).alarms
    assert (alarm.kind, alarm.region) == ("silent", "R3")
    (alarm,) = poisson(rate * 0.005).alarms
    assert alarm.kind == "silent" and "of 4 such regions of 4" in alarm.value
    assert kinds(poisson(np.zeros(steps(900)))) == []
    assert kinds(poisson(np.zeros(steps(1000)))) == ["silent"]


@pytest.mark.parametrize(("every_ms", "width_ms"), [(500.0, 3.0), (250.0, 5.0), (20.0, 1.0)])
@pytest.mark.parametrize("spikes", [True, False])
def test_population_bursts_are_synchrony(every_ms, width_ms, spikes):
    # Half of the neurons join each burst; the mean rate is that of healthy cortex or a little over.
    share = 0.5 if every_ms > 20 else 0.3
    rate = 0.2 + share * bumps(3000, every_ms, width_ms)
    recording = poisson(rate, n_regions=3, bin_ms=5.0)
    if not spikes:
        recording = without_spikes(recording)
    assert kinds(recording) == ["synchronous"]
    assert "chi" in recording.alarms[0].value


def without_spikes(recording):
    return assemble(
        None,
        None,
        dt_ms=recording.dt_ms,
        start_step=0,
        n_steps=recording.n_steps,
        regions=[SimpleNamespace(name=n) for n in recording.regions],
        populations=recording.populations,
        excites=recording.excites.tolist(),
        neuron_region=recording.data["neuron_region"].values,
        neuron_population=recording.data["neuron_population"].values,
        bin_ms=recording.bin_ms,
        count=recording.data["count"].values,
    )


def test_values_that_are_not_finite_are_found():
    v = np.zeros((3, 2))
    v[1, 1] = np.nan
    traces = Traces(np.array([1.0, 2.0, 3.0]), np.array([3, 250]), v)
    recording = poisson(np.full(steps(100), 2.0), traces=traces)
    (alarm,) = recording.alarms
    assert (alarm.kind, alarm.region) == ("non-finite", "R1")
    assert "250" in alarm.value


def test_nuclei_are_judged_by_their_own_rates():
    fast = {"rate_Hz": np.full(steps(3000), 60.0), "n_e": 60}
    assert kinds(poisson(**fast)) == ["saturated"]
    published = {"at_rest_Hz": ((55.0, 75.0), None)}
    assert kinds(poisson(**fast, **published)) == []
    assert kinds(poisson(np.full(steps(3000), 155.0), n_e=60, **published)) == ["saturated"]
    assert kinds(poisson(np.full(steps(3000), 3.0), n_e=60, **published)) == ["silent"]
    assert kinds(poisson(np.full(steps(3000), 3.0), n_e=60)) == []


def test_published_rates_outlast_a_file_and_a_window(tmp_path):
    recording = poisson(np.full(steps(500), 60.0), n_e=20, at_rest_Hz=((55.0, 75.0), None))
    recording.save(tmp_path / "nuclei.nc")
    loaded = Recording.load(tmp_path / "nuclei.nc")
    assert recording.nuclei.tolist() == [True, False]
    for same in (loaded, recording.window(100.0, 400.0), concatenate([recording])):
        assert same.nuclei.tolist() == [True, False]
        assert same.at_rest_Hz == [(55.0, 75.0), None]
    cortex = poisson(np.full(steps(500), 5.0))
    assert cortex.nuclei.tolist() == [False, False] and cortex.at_rest_Hz == [None, None]
