"""What counts as a rhythm: spikes that were made with one, and without."""

import numpy as np
import pytest

from encephagen.analysis import spectra
from encephagen.experiments import study
from encephagen.experiments.studies.rhythm import (
    BANDS,
    Config,
    over_slope,
    run,
    shifted,
    strongest_Hz,
    verdict,
)
from encephagen.recording import assemble
from encephagen.rng import stream

SECONDS, NEURONS = 20, 400


@pytest.fixture(scope="module")
def spikes_at(connectome_of):
    """Poisson neurons of 5 Hz in one region whose common rate swings at a frequency, or not."""
    connectome = connectome_of(1)

    def make(swing_Hz, depth=0.5):
        t_s = np.arange(SECONDS * 10_000) / 10_000
        p = 5e-4 * (1.0 + depth * np.sin(2 * np.pi * swing_Hz * t_s))
        generator = stream(3, "swing", str(swing_Hz))
        steps, neurons = np.nonzero(generator.random((t_s.size, NEURONS)) < p[:, None])
        return connectome, assemble(
            steps,
            neurons,
            dt_ms=0.1,
            start_step=0,
            n_steps=t_s.size,
            regions=connectome.regions,
            populations=("E",),
            excites=(True,),
            neuron_region=np.zeros(NEURONS, int),
            neuron_population=np.zeros(NEURONS, int),
        )

    return make


def test_a_rhythm_is_found_where_it_is_and_goes_when_spikes_are_shifted(spikes_at):
    connectome, recording = spikes_at(45.0)
    spectrum = spectra.power_spectrum(recording)
    assert strongest_Hz(spectrum) == pytest.approx(45.0, abs=1.5)
    found = over_slope(spectrum)
    assert (
        found["gamma"] > 1.2 and found["gamma"] > found["beta"] and found["gamma"] > found["alpha"]
    )
    other = shifted(recording, connectome, seed=1)
    assert np.array_equal(np.bincount(other.spike_neurons), np.bincount(recording.spike_neurons))
    without = over_slope(spectra.power_spectrum(other))
    assert without["gamma"] == pytest.approx(1.0, abs=0.1)
    assert strongest_Hz(spectra.power_spectrum(other)) is None


def test_random_spikes_have_no_rhythm(spikes_at):
    _, recording = spikes_at(0.0)
    spectrum = spectra.power_spectrum(recording)
    assert strongest_Hz(spectrum) is None
    assert all(value == pytest.approx(1.0, abs=0.15) for value in over_slope(spectrum).values())


def test_one_run_is_refused():
    with pytest.raises(ValueError, match="seeds 1: expected 2 or more"):
        Config(seeds=1)


def test_brains_that_ran_away_are_left_out_and_counted():
    power = np.geomspace(2.0, 1.0, 50)
    one = {
        "outcome": "ok",
        "why": None,
        "alarms": [],
        "frequency_Hz": np.arange(1.0, 51.0),
        "power": power,
        "shot_noise": 0.5,
        "peak_Hz": None,
        "alpha_Hz": None,
        "bands": dict.fromkeys(BANDS, 1.0),
        "shifted": dict.fromkeys(BANDS, 1.0),
    }
    away = {"outcome": "ran_away", "why": "saturated", "alarms": ["saturated"]}
    refused = {"outcome": "refused", "why": "theory finds no start", "alarms": []}

    class Made:
        def map(self, function, todo, label):
            nulls = [away, refused, *[one] * len(todo)]
            usual = [away if label == "isolated" or i == 0 else one for i, _ in enumerate(todo)]
            return nulls[: len(todo)] if label == "weight-shuffle" else usual

    result = run(Config(seeds=4, nulls=5), Made())
    others = {"no loop": 3, "cortex alone": 3}
    assert result.values["n"] == {"real": 3, **others, "isolated": 0, "weight-shuffle": 3}
    counts = result.values["ran_away"]
    assert (counts["real"], counts["isolated"], counts["weight-shuffle"]) == (1, 4, 1)
    assert {name for name, n in result.values["refused"].items() if n} == {"weight-shuffle"}
    assert "There is no rhythm: 0 of 3 brains with a thalamic loop have a peak" in result.verdict
    assert "isolated" not in result.verdict
    null = next(row for row in result.rows if row.name == "gamma, weight-shuffle")
    assert null.n == 3 and null.note.endswith(
        "; 1 more ran away; 1 more refused (theory finds no start)"
    )
    assert "1 more ran away" in result.rows[0].note
    lost = next(row for row in result.rows if row.name == "gamma, isolated")
    assert lost.value is None and lost.note == "4 more ran away"
    assert study.find("rhythm").figures(result)


def test_a_rhythm_is_a_peak_in_most_brains_with_the_loop():
    def values(real, no_loop):
        return {
            "n": {"real": 10, "no loop": 10, "cortex alone": 10, "isolated": 10},
            "with_alpha": {"real": real, "no loop": no_loop, "cortex alone": 0, "isolated": 0},
            "alpha_Hz": 10.5,
            "bands": {"real": {"alpha": 3.0, "gamma": 0.9}, "shifted": {"alpha": 1.0}},
            "nulls": {},
        }

    assert verdict(values(8, 0)).startswith("There is a rhythm: 8 of 10 brains")
    assert "at 10.5 Hz (median), 0 of 10 where the thalamus does" in verdict(values(8, 0))
    assert verdict(values(7, 0)).startswith("There is no rhythm: 7 of 10 brains")
