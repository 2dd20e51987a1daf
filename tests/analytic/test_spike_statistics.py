"""Spike statistics against closed forms, and against Elephant on the same trains."""

from types import SimpleNamespace

import numpy as np
import pytest

from encephagen.analysis import cv_isi, fano_factor, lvr, spike_trains
from encephagen.analysis.spikes import REFRACTORINESS_MS
from encephagen.recording import assemble

DT_MS = 0.1
RATE_HZ = 5.0


def gamma_recording(shape, *, n=300, duration_ms=40_000.0, seed=0):
    """Return stationary gamma renewal trains of n neurons."""
    rng = np.random.default_rng(seed)
    mean_ms = 1000.0 / RATE_HZ
    n_intervals = round(2 * (duration_ms / mean_ms) + 60)
    times = np.cumsum(rng.gamma(shape, mean_ms / shape, (n, n_intervals)), axis=1)
    times -= 5 * mean_ms + rng.random((n, 1)) * 10 * mean_ms
    neuron, which = np.nonzero((times >= 0) & (times < duration_ms))
    steps = (times[neuron, which] / DT_MS).astype(np.int64)
    joint = np.unique(steps * n + neuron)
    return assemble(
        joint // n,
        joint % n,
        dt_ms=DT_MS,
        start_step=0,
        n_steps=round(duration_ms / DT_MS),
        regions=[SimpleNamespace(name="A")],
        populations=("E",),
        excites=(True,),
        neuron_region=np.zeros(n, int),
        neuron_population=np.zeros(n, int),
    )


@pytest.mark.parametrize("shape", [0.5, 1, 4, 16])
def test_cv_of_a_gamma_train_is_one_over_root_k(shape):
    cv = cv_isi(gamma_recording(shape)).values
    # 200 intervals a neuron: the bias of the finite recording is about 1 %.
    assert np.nanmean(cv) == pytest.approx(1 / np.sqrt(shape), rel=0.03)


@pytest.mark.parametrize("shape", [1, 4])
def test_lvr_of_a_gamma_train(shape):
    # Without refractoriness LV = 3 / (2 k + 1); the factor 1 + 4 R / (I_i + I_i+1) is independent
    # of the ratio of gamma intervals, and E[1 / (I_i + I_i+1)] = k rate / (2 k - 1).
    rate_per_ms = RATE_HZ / 1000.0
    factor = 1 + 4 * REFRACTORINESS_MS * shape * rate_per_ms / (2 * shape - 1)
    expected = 3 / (2 * shape + 1) * factor
    assert np.nanmean(lvr(gamma_recording(shape)).values) == pytest.approx(expected, rel=0.03)


def test_fano_factor_is_one_for_poisson_and_nears_cv_squared_for_gamma():
    assert np.nanmean(fano_factor(gamma_recording(1)).values) == pytest.approx(1.0, abs=0.02)
    long = np.nanmean(fano_factor(gamma_recording(4), window_ms=2000.0).values)
    assert long == pytest.approx(0.25, abs=0.07)


@pytest.mark.parametrize(("expected_spikes", "bias"), [(10, 0.93), (20, 0.95), (50, 0.98)])
def test_the_documented_bias_of_cv_in_short_recordings(expected_spikes, bias):
    duration_ms = expected_spikes / RATE_HZ * 1000.0
    cv = cv_isi(gamma_recording(1, n=4000, duration_ms=duration_ms)).values
    assert np.nanmean(cv) == pytest.approx(bias, abs=0.015)


@pytest.mark.filterwarnings("ignore:.*copy.*", "ignore:No units specified")
def test_cv_and_lvr_agree_with_elephant():
    from elephant import statistics

    recording = gamma_recording(2, n=12, duration_ms=8000.0, seed=3)
    trains = spike_trains(recording, range(12))
    intervals = [statistics.isi(train).magnitude for train in trains]
    biased = np.array([statistics.cv(i) for i in intervals])
    n = np.array([len(i) for i in intervals])
    assert np.allclose(cv_isi(recording).values, biased * np.sqrt(n / (n - 1)))
    expected = [statistics.lvr(train, R=REFRACTORINESS_MS) for train in intervals]
    assert np.allclose(lvr(recording).values, expected)
