"""FC of signals whose FC is known, its uncertainty, its dynamics and its power."""

import numpy as np
import pytest
import xarray as xr
from scipy import signal, stats

from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis.haemodynamics import bold, transfer
from encephagen.connectome.datasets import hcp_aal2
from encephagen.validation.baselines import stationary_bold

TAU_S, COUPLING, BIN_S = 0.1, 0.93, 0.02


def labelled(matrix, names=None):
    names = names or [f"r{i}" for i in range(len(matrix))]
    coords = {"region": names, "region_2": names}
    return xr.DataArray(matrix, coords, ("region", "region_2"))


def to_r(covariance):
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


@pytest.fixture(scope="module")
def modes():
    """Eigenvalues and eigenvectors of the hcp-aal2 weights over their spectral radius."""
    return np.linalg.eigh(hcp_aal2().weights / np.abs(np.linalg.eigvals(hcp_aal2().weights)).max())


@pytest.fixture(scope="module")
def linear_network(modes):
    """20 min of BOLD of tau dx/dt = -x + g A x + noise, and its FC for ever, from its spectrum."""
    eigenvalues, vectors = modes
    frequency = np.linspace(1e-4, 5, 20_000)
    filtered = np.abs(transfer(frequency)) ** 2
    rates = (1 - COUPLING * eigenvalues) / TAU_S
    power = [
        np.trapezoid(filtered / (rate**2 + (2 * np.pi * frequency) ** 2), frequency)
        for rate in rates
    ]
    names = list(hcp_aal2().names)
    truth = labelled(to_r(vectors * power @ vectors.T), names)
    noise = np.random.default_rng(0).standard_normal((round(1225 / BIN_S), len(rates)))
    decay = np.exp(-rates * BIN_S)
    amplitude = np.stack(
        [
            signal.lfilter([np.sqrt((1 - a * a) / (2 * rate))], [1, -a], noise[:, i])
            for i, (a, rate) in enumerate(zip(decay, rates, strict=True))
        ],
        axis=1,
    )
    x = amplitude @ vectors.T
    coords = {"time_s": BIN_S * np.arange(len(x)), "region": names}
    rate = xr.DataArray(np.maximum(0.0, 1.0 + 0.3 * x / x.std()), coords, ("time_s", "region"))
    return bold(rate, 0.72), truth


def test_fc_of_a_linear_network_is_the_one_its_spectrum_gives(linear_network):
    signals, truth = linear_network
    estimate = connectivity.fc(signals)
    assert connectivity.fc_correlation(estimate, truth) > 0.97
    difference = connectivity.upper(estimate) - connectivity.upper(truth)
    assert abs(difference.mean()) < 0.03 and difference.std() < 0.05


def test_r_grows_with_duration_as_foretold(linear_network):
    signals, truth = linear_network
    r = connectivity.r_by_duration(signals, truth, [120, 300, 1200])
    assert (np.diff(r) > 0).all() and r[0] < 0.88 and r[-1] > 0.97
    assert r["n"].values.tolist() == [10, 4, 1]
    early = connectivity.doubling(signals.isel(time_s=slice(0, round(300 / 0.72))), truth)
    assert early.r_half < early.r < early.r_double < early.r_limit
    assert early.r_limit == pytest.approx(1.0, abs=0.03)
    assert connectivity.doubling(signals, truth).change < 0.02 < early.change


def test_the_bootstrap_tells_the_true_scatter_and_bias():
    """40 runs of 4 min, against a reference that shares half the variance of the true FC."""
    rng = np.random.default_rng(3)
    mix = rng.standard_normal((20, 8))
    truth = to_r(mix @ mix.T + np.eye(20))
    other = rng.standard_normal((20, 8))
    reference = labelled(to_r(mix @ mix.T + other @ other.T + np.eye(20)))
    truth = labelled(truth)
    runs = stationary_bold(truth, 340, 0.72, n_runs=40)
    found = [
        connectivity.interval_over_time(run, reference, n_bootstrap=150, block_s=40.0)
        for run in runs
    ]
    z = np.arctanh([f.value for f in found])
    limit = np.arctanh(connectivity.fc_correlation(truth, reference))
    assert np.mean([f.se_z for f in found]) == pytest.approx(z.std(ddof=1), rel=0.4)
    assert np.mean([f.bias_z for f in found]) == pytest.approx(z.mean() - limit, rel=0.5)
    covered = [f.low <= np.tanh(z.mean()) <= f.high for f in found]
    assert np.mean(covered) > 0.85


def test_group_fc_is_the_fisher_mean():
    matrices = [labelled(np.array([[1.0, r], [r, 1.0]])) for r in (0.2, 0.9)]
    stacked = xr.concat(matrices, xr.IndexVariable("subject", [0, 1]))
    mean = connectivity.fisher_mean(stacked)
    assert mean.values[0, 1] == pytest.approx(np.tanh((np.arctanh(0.2) + np.arctanh(0.9)) / 2))
    assert mean.values[0, 0] == 1.0


def test_the_ks_distance_is_scipys():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=300), rng.normal(0.4, 1.3, size=500)
    assert connectivity.fcd_ks(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert connectivity.fcd_ks(a, a) == 0.0
    assert connectivity.fcd_ks(a, a + 100) == 1.0


def test_dynamics_of_fc_see_a_change_of_state():
    """Two states of opposite FC in turn, and the same signals shuffled in blocks of a second."""
    rng = np.random.default_rng(0)
    n, tr_s = 1200, 0.72
    sign = np.where(np.arange(n) // 300 % 2 == 0, 1.0, -1.0)
    shared = rng.standard_normal((n, 2))
    x = rng.standard_normal((n, 10))
    x[:, :5] += 2 * shared[:, :1]
    x[:, 5:] += 2 * np.where(sign > 0, shared[:, 0], shared[:, 1])[:, None]
    coords = {"time_s": tr_s * np.arange(n), "region": [f"r{i}" for i in range(10)]}
    switching = xr.DataArray(x, coords, ("time_s", "region"))
    steady = switching.copy(data=x[rng.permutation(n)])
    dynamics, still = connectivity.fcd(switching), connectivity.fcd(steady)
    assert np.quantile(dynamics, 0.1) < 0.5 < np.quantile(still, 0.1)
    assert connectivity.fcd_ks(dynamics, still) > 0.3
    n_windows = len(range(0, n - round(60 / tr_s) + 1, round(5 / tr_s)))
    assert dynamics.size == n_windows * (n_windows - 1) // 2


def test_band_power_of_a_sine_and_of_everything():
    n, tr_s = 500, 0.8  # 0.05 Hz and 0.2 Hz are frequencies of the run
    time_s = tr_s * np.arange(n)
    x = 3 * np.sin(2 * np.pi * 0.05 * time_s) + np.sin(2 * np.pi * 0.2 * time_s)
    coords = {"time_s": time_s, "region": ["a", "b"]}
    noise = np.random.default_rng(0).standard_normal(n)
    data = xr.DataArray(np.stack([x, noise], axis=1), coords, ("time_s", "region"))
    low = connectivity.band_power(data, 0.01, 0.1)
    assert low["power"].values[0] == pytest.approx(4.5, rel=0.01)
    assert low["fraction"].values[0] == pytest.approx(0.9, abs=0.01)
    assert low["fraction"].values[1] == pytest.approx(0.09 / 0.625, abs=0.05)
    everything = connectivity.band_power(data, 1e-9, 1.0)["power"].values
    np.testing.assert_allclose(everything, signal.detrend(data.values, axis=0).var(axis=0))
    kept = connectivity.bandpass(data, 0.01, 0.1).isel(region=0).values[120:-120]
    np.testing.assert_allclose(kept, 3 * np.sin(2 * np.pi * 0.05 * time_s)[120:-120], atol=0.2)
