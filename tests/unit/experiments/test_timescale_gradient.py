"""The timescale study measures what it says: decays that are known, maps that keep every tau_m."""

import numpy as np
import pytest
from scipy.signal import lfilter

from encephagen.experiments.studies.timescale_gradient import Config, _ranked, decay_ms, timescales
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
    from encephagen.brain.recipe import default_recipe

    tiny = Config.tiny()
    wild = default_recipe().replace(
        neurons_per_region=20, rate_exc_Hz=0.0, background_rate_Hz=50_000.0
    )
    found = timescales(
        tiny.dataset, None, None, wild.as_dict(), 0, tiny.rounds, tiny.round_s, 2.0, 0.1
    )
    assert found["stopped"] and "saturated" in found["alarms"][0]
    assert np.isnan(found["field"]).all() and np.isnan(found["counts"]).all()


def test_a_recording_too_short_for_a_timescale_is_refused():
    with pytest.raises(ValueError, match=r"seconds 0.5: expected 2 or more"):
        Config(seconds=0.5)
