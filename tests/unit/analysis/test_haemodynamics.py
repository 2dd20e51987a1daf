"""BOLD from recordings and rates: sampling, normalisation, and clear errors."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from encephagen.analysis.functional_connectivity import fc, upper
from encephagen.analysis.haemodynamics import (
    TRANSIENT_S,
    Haemodynamics,
    Revised,
    bold,
    respond,
)
from encephagen.recording import assemble
from encephagen.units import table

NAMES = ("A", "B", "C")


def rates(duration_s=120.0, bin_ms=10.0, seed=0, n=3):
    """Return smooth positive rates (time_ms, region), partly shared."""
    rng = np.random.default_rng(seed)
    knots = rng.standard_normal((round(duration_s) + 2, n + 1))
    time_s = bin_ms / 1e3 * np.arange(round(duration_s * 1e3 / bin_ms))
    smooth = np.stack([np.interp(time_s, np.arange(len(knots)), k) for k in knots.T], axis=1)
    values = 3.0 * np.exp(0.3 * (smooth[:, :n] + smooth[:, n:]))
    coords = {"time_ms": 1e3 * time_s, "region": [f"r{i}" for i in range(n)]}
    return xr.DataArray(values, coords, ("time_ms", "region"))


def recording(count, bin_ms=10.0, start_step=0, extra_steps=0):
    """Return a recording of counts (time, region, population) of 4 E and 1 I neurons a region."""
    n = count.shape[1]
    steps = len(count) * round(bin_ms / 0.5) + extra_steps
    if extra_steps:
        count = np.concatenate([count, count[-1:]])
    return assemble(
        None,
        None,
        dt_ms=0.5,
        start_step=start_step,
        n_steps=steps,
        regions=[SimpleNamespace(name=name) for name in NAMES[:n]],
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(n), 5),
        neuron_population=np.tile([0, 0, 0, 0, 1], n),
        bin_ms=bin_ms,
        count=count,
    )


def test_volumes_stand_at_the_tr_whatever_the_bins():
    rate = rates()
    fine = bold(rate, 0.01)
    for tr_s in (0.72, 2.0, 0.0333):
        signals = bold(rate, tr_s)
        time_s = signals["time_s"].values
        assert time_s[0] == pytest.approx(TRANSIENT_S)
        np.testing.assert_allclose(np.diff(time_s), tr_s)
        assert 120.0 - tr_s < time_s[-1] <= 120.0 + 1e-9
        for r in range(3):
            expected = np.interp(time_s, fine["time_s"].values, fine.values[:, r])
            np.testing.assert_allclose(
                signals.values[:, r], expected, atol=2e-4 * np.ptp(fine.values)
            )
    assert signals.attrs["tr_s"] == 0.0333
    assert signals["region"].values.tolist() == ["r0", "r1", "r2"]


@pytest.mark.parametrize("bin_ms", [1.0, 7.0, 20.0, 50.0])
def test_the_width_of_the_bins_hardly_matters(bin_ms):
    reference = bold(rates(bin_ms=10.0), 0.72)
    signals = bold(rates(bin_ms=bin_ms), 0.72)
    n = min(len(signals), len(reference))
    error = np.abs(signals.values[:n] - reference.values[:n]).max()
    # a bin holds what came at its left edge, so wide ones come half a bin early or late
    assert error < 0.02 * np.ptp(reference.values) * max(1.0, bin_ms / 10.0)


def test_only_the_relative_rate_counts():
    rate = rates()
    scaled = bold(rate * xr.DataArray([1.0, 7.0, 100.0], dims="region"), 0.72)
    np.testing.assert_allclose(scaled, bold(rate, 0.72), rtol=1e-9)


def test_connectivity_hardly_depends_on_the_gain_or_the_field():
    rate = rates(400.0, n=8)
    reference = upper(fc(bold(rate, 0.72)))
    assert np.ptp(reference) > 0.2
    for model in (
        Haemodynamics(gain_Hz2=0.01),
        Haemodynamics(gain_Hz2=0.4),
        Haemodynamics(signal=Revised()),
    ):
        assert np.abs(upper(fc(bold(rate, 0.72, model=model))) - reference).max() < 0.05


def test_a_recording_is_driven_by_its_excitatory_counts():
    rng = np.random.default_rng(0)
    count = rng.poisson(3.0, (4000, 3, 2))
    signals = bold(recording(count), 0.72)
    coords = {"time_s": 0.01 * np.arange(4000), "region": list(NAMES)}
    alone = bold(xr.DataArray(count[:, :, 0], coords, ("time_s", "region")), 0.72)
    xr.testing.assert_allclose(signals, alone)
    late = bold(recording(count, start_step=2000), 0.72)
    np.testing.assert_allclose(late["time_s"], signals["time_s"] + 1.0)
    np.testing.assert_allclose(late.values, signals.values)
    partial = bold(recording(count, extra_steps=7), 0.72)  # the last bin is incomplete
    np.testing.assert_allclose(partial.values, signals.values)


def test_what_is_too_short_silent_or_bursting_is_an_error():
    count = np.ones((1500, 3, 2), int)
    with pytest.raises(ValueError, match=r"15 s .* too short .* at least 20.72 s"):
        bold(recording(count), 0.72)
    assert len(bold(recording(np.ones((2000, 3, 2), int)), 0.72)) == 1
    silent = np.ones((4000, 3, 2), int)
    silent[:, 1, 0] = 0
    with pytest.raises(ValueError, match="B of 3 regions never active"):
        bold(recording(silent), 0.72)
    burst = np.ones((4000, 3, 2), int)
    burst[2000:2100, 2] = 1000
    with pytest.raises(ValueError, match="blood flow in C would fall .* lower gain_Hz2"):
        bold(recording(burst), 0.72)
    with pytest.raises(ValueError, match="no whole bin"):
        bold(recording(np.ones((0, 3, 2), int)), 0.72)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (rates() - 5.0, "0 or more"),
        (rates().where(rates() > 3.0), "not finite, first in region"),
        (rates().rename(region="area"), "expected region"),
        (rates().drop_vars("region"), "lacks coordinates"),
        (rates().isel(time_ms=np.r_[0:100, 200:5000]), "not evenly spaced"),
        (rates().isel(time_ms=[0]), "expected at least 2"),
    ],
)
def test_an_array_that_is_no_activity_is_an_error(array, message):
    with pytest.raises(ValueError, match=message):
        bold(array, 0.72)


def test_bad_numbers_are_errors():
    for tr_s in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="tr_s"):
            bold(rates(), tr_s)
    with pytest.raises(ValueError, match="transient_s"):
        bold(rates(), 0.72, transient_s=-1.0)
    with pytest.raises(ValueError, match="not finite"):
        respond(np.full((5000, 1), np.nan), 0.01, 0.72)
    for bad in ({"alpha": 1.0}, {"rho": 0.0}, {"tau_s": -1.0}, {"gain_Hz2": np.inf}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Haemodynamics(**bad)
    with pytest.raises(ValueError, match="signal Revised.*finite"):
        Haemodynamics(signal=Revised(echo_time_s=np.nan))


def test_an_array_without_names_is_refused_with_what_to_give():
    with pytest.raises(ValueError, match=r"the signal is a numpy.ndarray: .* xarray\.DataArray\("):
        bold(rates().values, 0.72)
    twice = rates().assign_coords(region=["A"] * rates().sizes["region"])
    with pytest.raises(ValueError, match="two regions are named A"):
        bold(twice, 0.72)


def test_every_constant_has_a_source():
    for row in (*table(Haemodynamics), *table(Revised)):
        assert row[3], row
    assert len(table(Haemodynamics)) == 7
