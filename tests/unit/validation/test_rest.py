"""A run at rest: the same brain again from what it returns, whole, and honest about its end."""

import numpy as np
import pytest

from encephagen.brain.recipe import shipped_recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset
from encephagen.engine.session import simulate
from encephagen.network.build import build
from encephagen.recording import Probe
from encephagen.validation import rest
from encephagen.validation.rest import WARM_UP_S, at_rest, recordings
from encephagen.working_point.whole import whole_brain

PART = subset(hcp_aal2(), [f"{stem}_{side}" for stem in ("Calcarine", "Heschl") for side in "LR"])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return str(write_npz(PART, tmp_path_factory.mktemp("data") / "part.npz"))


def recipe(**changed):
    return shipped_recipe("healthy_cortex").replace(neurons_per_region=20, **changed)


def run(dataset, chosen, *, minutes=0.05, spiking_s=1.0, seed=3):
    return at_rest(dataset, PART.digest(), chosen.as_dict(), seed, minutes, spiking_s)


def test_a_run_holds_the_spikes_of_its_seed_in_one_piece(dataset):
    found = run(dataset, recipe())
    rest_of_it, spiking = recordings(found, PART)
    whole = simulate(
        build(whole_brain(PART, recipe()), seed=3),
        1000.0 * (WARM_UP_S + 1.0 + 3.0),
        probe=Probe(bin_ms=10.0),
        noise_seed=3,
        initial_seed=3,
    )
    count = whole.data["count"].values
    first = round(WARM_UP_S * 100)
    assert spiking.start_ms == 1000.0 * WARM_UP_S and spiking.has_spikes
    assert spiking.spike_digest() == whole.window(5000.0, 6000.0).spike_digest()
    assert rest_of_it.start_ms == spiking.stop_ms and rest_of_it.duration_ms == 3000.0
    assert np.array_equal(rest_of_it.data["count"].values, count[first + 100 :])
    assert rest_of_it.provenance["wiring_seed"] == rest_of_it.provenance["noise_seed"] == 3
    assert rest_of_it.regions == PART.names and rest_of_it.data["lobe"].values[0] == "occipital"


def test_a_brain_that_runs_away_is_a_result_with_its_alarm(dataset):
    loud = recipe(background_rate_Hz=50_000.0, weight_ie_pA=0.0, rate_exc_Hz=0.0)
    rest_of_it, spiking = recordings(run(dataset, loud), PART)
    assert spiking.interrupted and spiking.alarms[0].kind == "saturated"
    assert rest_of_it.alarms == spiking.alarms and rest_of_it.duration_ms == spiking.duration_ms


def test_half_a_run_is_no_result(dataset, monkeypatch):
    class Interrupted(rest.Session):
        def record(self, duration_ms, **options):
            recording = super().record(0.01 * duration_ms, **options)
            recording.data.attrs["interrupted"] = 1
            return recording

    monkeypatch.setattr(rest, "Session", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, recipe())


def test_a_dataset_that_has_changed_is_refused(dataset):
    with pytest.raises(ValueError, match="has changed since the run was planned"):
        at_rest(dataset, "0" * 64, recipe().as_dict(), 0, 0.1, 1.0)
