"""Propagation against what is known: made-up activity whose reach, delays and decay are chosen."""

import numpy as np
import pytest

from encephagen.analysis import propagation
from encephagen.analysis.propagation import Trials

BIN_MS, BEFORE_MS = 5.0, 100.0
N_BINS = 100
TIME_MS = (np.arange(N_BINS) + 0.5) * BIN_MS - BEFORE_MS


def activity(rng, n_trials, n_regions, memory_ms=200.0):
    """Rates (trial, time, region) of one long stretch with a memory, partly shared by regions."""
    n = n_trials * N_BINS
    keep = np.exp(-BIN_MS / memory_ms)
    noise = rng.normal(size=(n, n_regions)) + rng.normal(size=(n, 1))
    slow = np.empty_like(noise)
    slow[0] = noise[0]
    for i in range(1, n):
        slow[i] = keep * slow[i - 1] + np.sqrt(1 - keep**2) * noise[i]
    mean_Hz = np.clip(5.0 + 1.5 * slow, 0.1, None)
    counts = rng.poisson(mean_Hz * 0.8)  # of 160 neurons in 5 ms
    return (counts / 0.8).reshape(n_trials, N_BINS, n_regions)


def split(rate_Hz, rng, n_pulses):
    """Return trials taken at random for pulses, and the others."""
    order = rng.permutation(len(rate_Hz))
    return (
        Trials(rate_Hz[order[:n_pulses]], BIN_MS, BEFORE_MS),
        Trials(rate_Hz[order[n_pulses:]], BIN_MS, BEFORE_MS),
    )


def test_no_stimulus_has_no_reach_whatever_the_memory():
    """Under the null a corrected test finds anything at all in 5 % of brains."""
    rng = np.random.default_rng(1)
    n_runs, n_positive, p = 120, 0, []
    for run in range(n_runs):
        pulses, shams = split(activity(rng, 40, 20), rng, 12)
        found = propagation.reach(
            pulses, shams, [0], window_ms=(0.0, 300.0), n_permutations=999, seed=run
        )
        n_positive += bool(found.responded.any() or found.suppressed.any())
        p += found.p[1:].tolist()
    # binomial: 5 % of 120, and its 99.9 % upper bound
    assert n_positive <= 15
    # single tests keep their level; regions share activity, hence the wide margin
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07
    assert np.mean(p) == pytest.approx(0.5, abs=0.04)


def test_what_the_rate_before_foretells_is_taken_out():
    """With a memory of 600 ms, half of the variance is known before the onset."""
    rng = np.random.default_rng(2)
    pulses, shams = split(activity(rng, 160, 10, memory_ms=600.0), rng, 40)
    before = propagation.reach(pulses, shams, [], n_permutations=999)
    late = Trials(pulses.rate_Hz[:, 20:], BIN_MS, 0.0), Trials(shams.rate_Hz[:, 20:], BIN_MS, 0.0)
    blind = propagation.reach(*late, [], n_permutations=999)
    spread, blind_spread = (np.median(f.change_Hz / f.effect) for f in (before, blind))
    assert spread < 0.9 * blind_spread
    pulses.rate_Hz[:, 20:80] += 30.0
    after = propagation.reach(pulses, shams, [], n_permutations=999)
    np.testing.assert_allclose(after.change_Hz - before.change_Hz, 30.0, rtol=1e-6)


@pytest.mark.parametrize("size", [0.05, 1.0, 20.0])
def test_latency_is_that_of_the_delay_at_any_size_of_the_response(size):
    """An exponential rise reaches its half log(2) tau after the delay."""
    delay_ms, tau_ms = np.linspace(3.0, 40.0, 12), 15.0
    since = TIME_MS[:, None] - delay_ms
    course = size * np.where(since > 0, 1 - np.exp(-np.maximum(since, 0) / tau_ms), 0.0)
    found = propagation.latency_ms(course, BIN_MS, BEFORE_MS)
    # Smoothing by 10 ms moves the half of a bent flank by a few ms, all alike.
    error = found - (delay_ms + tau_ms * np.log(2))
    assert np.abs(error - error.mean()).max() < 0.8
    assert abs(error.mean()) < 3.0


def test_latency_goes_with_delay_in_noise_and_with_nothing_in_noise_alone():
    rng = np.random.default_rng(3)
    delay_ms = rng.permutation(np.linspace(2.0, 30.0, 40))
    since = TIME_MS[:, None] - delay_ms
    course = np.where((since > 0) & (since < 150), 2.0, 0.0)
    noisy = course + rng.normal(scale=1.0, size=(20, *course.shape))
    every = np.ones(40, bool)
    found = propagation.latency_correlation(noisy, BIN_MS, BEFORE_MS, delay_ms, every)
    assert found.low < found.rho <= found.high and found.low > 0.7 and found.p < 0.001
    still = propagation.latency_correlation(noisy - course, BIN_MS, BEFORE_MS, delay_ms, every)
    assert still.p > 0.01


def test_an_exponential_decay_gives_its_length():
    distance = np.concatenate([[0.0], np.linspace(10.0, 160.0, 30)])
    response = 40.0 * np.exp(-distance / 35.0)
    found = propagation.attenuation(response, [0], distance)
    assert found.length == pytest.approx(35.0, rel=0.02)
    assert found.rho == pytest.approx(-1.0)
    assert found.far == pytest.approx(np.median(np.exp(-distance[21:] / 35.0)))
    flat = propagation.attenuation(np.full(31, 2.0), [0], distance)
    assert flat.length == np.inf and flat.far == 1.0


def test_decoding_of_noise_is_at_chance_and_of_a_pattern_perfect():
    rng = np.random.default_rng(4)
    label = np.repeat([0, 1, 2], 24)
    features = rng.normal(size=(72, 60, 4))
    features[:, 7] += 6.0 * np.eye(3)[label][:, [0, 1, 2, 2]]
    found = propagation.decode(features, label, n_shuffles=199)
    others = np.delete(np.arange(60), 7)
    assert found.chance == pytest.approx(1 / 3)
    assert found.accuracy[7] == 1.0 and found.p_corrected[7] == found.p_corrected.min()
    assert found.accuracy[others].mean() == pytest.approx(1 / 3, abs=0.03)
    assert np.mean(found.p[others] < 0.05) < 0.15


def test_survival_has_the_exact_interval():
    """20 of 20: the lower end x has x^20 = 0.025."""
    found = propagation.survival([True] * 20)
    assert (found.n_returned, found.n, found.high) == (20, 20, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 20))
