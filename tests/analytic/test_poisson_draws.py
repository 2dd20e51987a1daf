"""The noise, as the compiled engine draws it: Poisson, and independent in every direction."""

import numpy as np
import pytest
from scipy import stats

from encephagen.engine import tables
from encephagen.engine.cpu.engine import cpu
from encephagen.engine.cpu.layout import TILE
from encephagen.engine.session import Session
from encephagen.models import LIF
from encephagen.network.build import build

N_STEPS = 6000
MEAN = 0.4  # events a step: 4000 Hz
WORST = 1e-4  # p of a test here; there are about ten


def draws(network, noise_seed, poisson_Hz=0.0):
    """Return events (step, neuron), from the jumps of the receptor that the background opens."""
    session = Session(network, noise_seed=noise_seed, engine=cpu(1, "float64"))
    session.poisson_Hz[:] = poisson_Hz
    at = session.run.V_at + TILE * len(LIF.State._fields)
    brain = network.brain
    background = brain.populations[0].background
    receptor = background.transmitter.receptors[0]
    assert receptor == network.receptors[0]
    decay = np.exp(-network.dt_ms / receptor.tau_syn_ms)
    currents_pA = [np.zeros(network.n_neurons)]
    for _ in range(N_STEPS):
        session.advance(1)
        currents_pA.append(session.run._cells.values[at])
    currents_pA = np.array(currents_pA)
    events = (currents_pA[1:] - decay * currents_pA[:-1]) / background.weight_pA
    counts = np.rint(events).astype(int)
    assert np.abs(events - counts).max() < 1e-6
    return counts


def network_of(brain_of, background_Hz):
    return build(brain_of(background_Hz=background_Hz, local=0.0, long_range=0.0))


@pytest.fixture(scope="module")
def counts(brain_of):
    return draws(network_of(brain_of, MEAN * 10_000), noise_seed=0)


def assert_poisson(counts, mean):
    top = int(stats.poisson.isf(1e-5, mean))
    expected = stats.poisson.pmf(np.arange(top), mean)
    expected = np.append(expected, 1 - expected.sum()) * counts.size
    observed = np.bincount(np.minimum(counts.ravel(), top), minlength=top + 1)
    assert stats.chisquare(observed, expected).pvalue > WORST


def assert_independent(a, b):
    """Chi-square of the table of (a, b), with 3 and more as one class."""
    table = np.zeros((4, 4))
    np.add.at(table, (np.minimum(a, 3).ravel(), np.minimum(b, 3).ravel()), 1)
    assert stats.chi2_contingency(table).pvalue > WORST


def test_counts_are_poisson(counts):
    assert_poisson(counts, MEAN)


def test_every_neuron_and_every_step_has_its_share(counts):
    """Sums over steps, and over neurons, spread as sums of Poisson counts do."""
    for axis in (0, 1):
        sums = counts.sum(axis=axis)
        n = len(sums)
        dispersion = ((sums - sums.mean()) ** 2).sum() / (MEAN * counts.shape[axis])
        p = stats.chi2.cdf(dispersion, n - 1)
        assert WORST < p < 1 - WORST


@pytest.mark.parametrize("lag", [1, 2, 7, 100])
def test_steps_are_independent(counts, lag):
    assert_independent(counts[:-lag], counts[lag:])


@pytest.mark.parametrize("apart", [1, 16, 33])
def test_neurons_are_independent(counts, apart):
    assert_independent(counts[:, :-apart], counts[:, apart:])


def test_no_pair_of_neurons_correlates(counts):
    r = np.corrcoef(counts.T)[np.triu_indices(counts.shape[1], 1)]
    n_pairs = len(r)
    assert np.abs(r).max() * np.sqrt(N_STEPS) < stats.norm.isf(WORST / 2 / n_pairs)
    assert stats.kstest(r * np.sqrt(N_STEPS), "norm").pvalue > WORST


def test_seeds_are_independent(counts, brain_of):
    other = draws(network_of(brain_of, MEAN * 10_000), noise_seed=1)
    assert_independent(counts, other)
    assert_poisson(other, MEAN)


def test_noise_does_not_depend_on_the_wiring(brain_of):
    """Uncoupled, another wiring seed is the same brain: noise and start have their own seeds."""
    brain = brain_of(local=0.0, long_range=0.0)
    one, other = (
        Session(build(brain, seed=seed), threads=1).record(200.0).spike_digest() for seed in (0, 1)
    )
    assert one == other


def test_extra_input_is_poisson_and_independent_of_the_background(counts, brain_of):
    extra = draws(network_of(brain_of, 0.0), noise_seed=0, poisson_Hz=12_000.0)
    assert_poisson(extra, 1.2)
    assert_independent(extra, counts)
    assert_independent(extra[:-1], extra[1:])
    assert_independent(extra[:, :-1], extra[:, 1:])


@pytest.mark.parametrize("mean", [0.0, 1e-9, 1e-3, 0.2, 1.0, 7.5, 40.0])
def test_thresholds_are_the_distribution(mean):
    """P(n > k) = 1 - F(k) is (2^32 - 1 - threshold) / 2^32, to the width of one bit."""
    row = tables.thresholds(np.array([mean]))[0].astype(np.float64)
    assert (np.diff(row) >= 0).all()
    exceed = (2.0**32 - 1 - row) / 2**32
    exact = stats.poisson.sf(np.arange(len(row)), mean)
    assert np.allclose(exceed, exact, rtol=0, atol=1.01 * 2.0**-32)
    assert stats.poisson.sf(len(row), mean) < 2.0**-32
    assert len(row) > 0 or mean <= 1e-9


def test_thresholds_of_several_means_are_padded_with_what_never_happens():
    table = tables.thresholds(np.array([0.0, 5.0]))
    assert (table[0] == 2**32 - 1).all()
    assert table.shape[1] > 15 and table.dtype == np.uint32
