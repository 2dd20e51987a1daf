"""The timescale study measures what it says: decays that are known, maps that keep every tau_m."""

import numpy as np
import pytest
from scipy.signal import lfilter

from encephagen.connectome.datasets import hcp_aal2
from encephagen.experiments.studies.timescale_gradient import Config, _ranked, run
from encephagen.experiments.studies.timescale_gradient.brain import (
    FITTED,
    SIGNALS,
    decay_ms,
    timescales,
)
from encephagen.rng import stream

STEP_MS = 2.0


def decaying(tau_ms, n, seed):
    """Noise (time, signal) whose covariance is exp(-lag / tau)."""
    noise = stream(seed, "decaying").standard_normal((n, len(tau_ms)))
    kept = np.exp(-STEP_MS / np.asarray(tau_ms))
    each = zip(kept, noise.T, strict=True)
    return np.stack([lfilter([np.sqrt(1 - k**2)], [1, -k], x) for k, x in each], axis=1)


def test_a_known_decay_is_measured():
    tau_ms = [8.0, 15.0, 40.0]
    x = decaying(tau_ms, 100_000, seed=0)
    np.testing.assert_allclose(decay_ms(x, x, STEP_MS), tau_ms, rtol=0.1)


def test_what_halves_share_is_measured_under_much_faster_noise_of_their_own():
    shared = decaying([30.0], 200_000, seed=1)
    one, other = (shared + decaying([4.0], 200_000, seed=k) for k in (2, 3))
    assert decay_ms(one, other, STEP_MS)[0] == pytest.approx(30.0, rel=0.1)
    field = (one + other) / 2
    assert decay_ms(field, field, STEP_MS)[0] < 22.0


def test_what_never_decays_or_is_not_shared_has_no_timescale():
    trend = np.linspace(0.0, 1.0, 5000)[:, None]
    assert np.isnan(decay_ms(trend, trend, STEP_MS)[0])
    assert np.isnan(decay_ms(trend, -trend, STEP_MS)[0])


def test_surrogate_maps_give_out_every_value_again():
    values, order = np.array([1.0, 5.0, 2.0]), np.array([0.3, -1.0, 9.0])
    np.testing.assert_array_equal(_ranked(order, values), [2.0, 1.0, 5.0])


def test_a_brain_that_the_engine_stops_has_no_timescale():
    from encephagen.working_point.whole import default_recipe

    tiny = Config.tiny()
    wild = default_recipe().replace(
        neurons_per_region=25, rate_exc_Hz=0.0, rate_inh_Hz=0.0, background_rate_Hz=50_000.0
    )
    found = timescales(
        tiny.dataset, None, None, wild.as_dict(), 0, tiny.rounds, tiny.round_s, 2.0, 0.1
    )
    assert found["outcome"] == "ran_away" and "saturated" in found["alarms"][0]
    assert "field" not in found and found["why"] == "; ".join(found["alarms"])


def test_runs_that_were_not_measured_are_left_out_and_counted():
    n = hcp_aal2().n
    noise = stream(5, "timescales")

    class Made:
        def map(self, function, todo, label):
            found = []
            for i, _ in enumerate(todo):
                tau_ms = {s: np.exp(noise.normal(2.5, 0.2, n)) for s in (*SIGNALS, FITTED)}
                good = {**tau_ms, "rate_Hz": np.ones(n), "alarms": [], "outcome": "ok", "why": None}
                away = {"outcome": "ran_away", "why": "saturated", "alarms": ["saturated"]}
                no = {"outcome": "refused", "why": "no such point", "alarms": []}
                lost = {"alike": away, "strength": [no, away][i % 2]}
                found.append(lost.get(label, no if label == "weight-shuffle" and i < 2 else good))
            return found

    result = run(Config(seeds=3, nulls=6, maps=19), Made())
    values = result.values
    assert values["refused"] == {
        "real": 0, "isolated": 0, "alike": 0, "surrogate": 0, "weight-shuffle": 2, "strength": 3,
    }  # fmt: skip
    assert values["ran_away"]["alike"] == 3 and values["alarms"]["strength"] == 3
    assert len(values["field"]["against"]["weight-shuffle"]["nulls"]) == 4
    assert values["field"]["against"]["strength"] is None
    (row,) = [r for r in result.rows if r.name == "field: r, strength"]
    assert row.value is None and row.note == "3 more ran away; 3 more refused (no such point)"
    assert values["field"]["wiring_share"]["interval"] is None and "unknown part" in result.verdict


def test_a_recording_too_short_for_a_timescale_is_refused():
    with pytest.raises(ValueError, match=r"seconds 0.5: expected 2 or more"):
        Config(seconds=0.5)
