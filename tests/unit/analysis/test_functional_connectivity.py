"""Functional connectivity: one set of functions for people and brains, and clear errors."""

import numpy as np
import pytest
import xarray as xr

from encephagen.analysis.functional_connectivity import (
    band_power,
    bandpass,
    doubling,
    dynamics,
    fc,
    fc_correlation,
    fcd,
    fcd_ks,
    fisher_mean,
    group_fc,
    interval_over_runs,
    interval_over_time,
    r_by_duration,
    split_half,
    uncertainty,
    upper,
)
from encephagen.connectome.datasets import fmri

NAMES = ("A", "B", "C", "D", "E")


def signals(n=600, n_runs=None, tr_s=1.0, seed=0):
    """Return signals (run, time_s, region) that share one source by halves."""
    rng = np.random.default_rng(seed)
    shape = (n,) if n_runs is None else (n_runs, n)
    strength = np.linspace(0.3, 1.5, len(NAMES))
    x = rng.standard_normal((*shape, len(NAMES))) + strength * rng.standard_normal((*shape, 1))
    coords = {"time_s": tr_s * np.arange(n), "region": list(NAMES)}
    if n_runs is None:
        return xr.DataArray(x, coords, ("time_s", "region"))
    return xr.DataArray(x, {"run": np.arange(n_runs), **coords}, ("run", "time_s", "region"))


def test_fc_is_pearsons_r_for_every_run():
    one, many = signals(), signals(n_runs=3)
    np.testing.assert_allclose(fc(one).values, np.corrcoef(one.values.T), atol=1e-12)
    each = fc(many)
    assert each.dims == ("run", "region", "region_2")
    for i in range(3):
        np.testing.assert_allclose(each[i], fc(many.isel(run=i)))
    moved = many.transpose("region", "run", "time_s").assign_coords(time_s=many["time_s"] * 1.0)
    np.testing.assert_allclose(fc(moved), each)
    np.testing.assert_allclose(group_fc(many), fisher_mean(each))
    in_ms = one.rename(time_s="time_ms").assign_coords(time_ms=1e3 * one["time_s"].values)
    np.testing.assert_allclose(fc(in_ms), fc(one))


def test_people_are_read_as_brains_are():
    people = fmri("hcp-aal2")
    each = fc(people)
    assert each.dims == ("subject", "region", "region_2") and each.shape == (7, 80, 80)
    assert fc_correlation(group_fc(people), fisher_mean(each)) == pytest.approx(1.0)
    assert 0.8 < split_half(people.isel(subject=0)) < 1.0
    assert 0.3 < float(band_power(people)["fraction"].mean()) < 0.9


def test_regions_are_matched_by_name():
    matrix = fc(signals())
    order = ["C", "A", "E", "B", "D"]
    assert fc_correlation(matrix, matrix.sel(region=order, region_2=order)) == pytest.approx(1.0)
    stranger = matrix.assign_coords(region=[*NAMES[:4], "X"], region_2=[*NAMES[:4], "X"])
    with pytest.raises(ValueError, match="parcellations differ: E only in the first, X only in"):
        fc_correlation(matrix, stranger)
    fewer = matrix.isel(region=slice(0, 3), region_2=slice(0, 3))
    with pytest.raises(ValueError, match="D, E only in the first, no region only in the second"):
        fc_correlation(matrix, fewer)
    with pytest.raises(ValueError, match="parcellations differ"):
        interval_over_time(signals(), stranger)


def test_intervals_hold_the_value_and_can_be_repeated():
    reference = fc(signals(seed=9))
    many = signals(n_runs=4)
    for interval in (interval_over_time, interval_over_runs):
        found = interval(many, reference, n_bootstrap=200)
        assert found == interval(many, reference, n_bootstrap=200)
        assert found != interval(many, reference, n_bootstrap=200, seed=1)
        assert found.low < found.value < found.high and found.level == 0.95
        assert found.value == pytest.approx(fc_correlation(group_fc(many), reference))
        wider = interval(many, reference, n_bootstrap=200, level=0.99)
        assert wider.low < found.low and wider.high > found.high
        with pytest.raises(ValueError, match="level"):
            interval(many, reference, level=1.0)
    longer = interval_over_time(signals(n=6000), reference)
    assert longer.se_z < interval_over_time(signals(n=600), reference).se_z


def test_the_bootstrap_of_moments_is_that_of_volumes():
    """Blocks joined by their moments have the FC of the volumes laid end to end."""
    run = signals(n=103).values
    moments = uncertainty._block_moments(run, 4)
    weight = np.array([[2.0, 0.0, 1.0, 1.0]])
    parts = np.array_split(run, 4)
    joined = np.concatenate([parts[0], parts[0], parts[2], parts[3]])
    expected = np.corrcoef(joined.T)[np.triu_indices(5, 1)]
    np.testing.assert_allclose(np.tanh(uncertainty._pooled_z(weight, moments))[0], expected)


def test_doubling_without_noise_adds_nothing():
    one = signals(n=400)
    twice = xr.concat([one, one.assign_coords(time_s=one["time_s"] + 400)], "time_s")
    found = doubling(twice, fc(signals(seed=5)))
    same = pytest.approx(found.r, abs=1e-12)  # to rounding, which differs between processors
    assert found.r_half == same and found.r_double == same and found.r_limit == same
    assert found.change == pytest.approx(0.0, abs=1e-12)
    assert found.duration_s == 800.0


def test_dynamics_of_each_run_stand_alone():
    many = signals(n_runs=2)
    both = fcd(many)
    np.testing.assert_allclose(both, np.concatenate([fcd(many.isel(run=0)), fcd(many.isel(run=1))]))
    assert np.abs(both).max() <= 1.0 + 1e-12


def test_sliding_windows_hold_the_fc_of_their_volumes():
    one = signals(n=200)
    found = dynamics._sliding(one.values, 60, 7, NAMES)
    starts = range(0, 141, 7)
    expected = [upper(fc(one.isel(time_s=slice(i, i + 60)))) for i in starts]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    still = one.copy()
    still[50:130, 1] = 2.0
    with pytest.raises(ValueError, match="signal of B hardly changes in the window at volume 50"):
        fcd(still, step_s=10.0)


def test_what_is_too_short_is_an_error_that_says_how_long():
    short = signals(n=9)
    reference = fc(signals())
    for function in (fc, group_fc, band_power, lambda x: doubling(x, reference)):
        with pytest.raises(ValueError, match="9 volumes are too few.* at least 10"):
            function(short)
    with pytest.raises(ValueError, match="half a run is 9 volumes: expected 10"):
        doubling(signals(n=19), reference)
    with pytest.raises(ValueError, match="half a run"):
        split_half(signals(n=19))
    with pytest.raises(ValueError, match="100 volumes .* window of 60 .* two of them"):
        fcd(signals(n=100))
    with pytest.raises(ValueError, match="windows of at least 10 volumes"):
        fcd(signals(), window_s=5.0)
    with pytest.raises(ValueError, match="3 blocks of 60 s: expected 4; record at least 240 s"):
        interval_over_time(signals(n=200), reference)
    with pytest.raises(ValueError, match="2 runs: expected at least 3"):
        interval_over_runs(signals(n_runs=2), reference)
    with pytest.raises(ValueError, match="duration 700 s is 700 volumes: expected 10 to 600"):
        r_by_duration(signals(), reference, [300, 700])
    with pytest.raises(ValueError, match="at least one"):
        fcd_ks(np.zeros(0), np.ones(3))
    with pytest.raises(ValueError, match="no frequency between"):
        band_power(signals(n=50), 0.001, 0.01)
    for band in ((0.0, 0.1), (0.2, 0.1), (0.1, 0.5)):
        with pytest.raises(ValueError, match="between 0 and 0.5 Hz"):
            bandpass(signals(), *band)


def test_a_signal_that_says_nothing_is_an_error():
    still = signals(n_runs=2).copy()
    still[1, :, 2] = 0.1
    with pytest.raises(ValueError, match="signal of C of run 1 never changes"):
        fc(still)
    lost = signals(n_runs=2).copy()
    lost[1, 5, 3] = np.nan
    with pytest.raises(ValueError, match="not finite, first in region D, volume 5, run 1"):
        fc(lost)
    with pytest.raises(ValueError, match="two regions are named A"):
        fc(signals().assign_coords(region=["A"] * 5))
    flat = fc(signals()).copy(data=np.full((5, 5), 0.5))
    with pytest.raises(ValueError, match="all pairs have the same value"):
        fc_correlation(flat, fc(signals()))
    with pytest.raises(ValueError, match="expected region and region_2"):
        fisher_mean(signals())


def test_copies_of_one_signal_stay_finite():
    one = signals()
    one[:, 1] = one[:, 0]
    matrix = group_fc(one)
    assert np.isfinite(matrix).all() and matrix.values[0, 1] == pytest.approx(1.0)
    assert upper(matrix).size == 10


def known():
    """Return FC of A, B and C, of which C is A turned over."""
    a, e = np.random.default_rng(0).standard_normal((2, 4000))
    values = np.stack([a, 0.6 * a + 0.8 * e, -a], axis=1)
    coords = {"time_s": np.arange(4000.0), "region": ["A", "B", "C"]}
    return fc(xr.DataArray(values, coords, ("time_s", "region")))


def test_columns_are_matched_by_name_whatever_their_order():
    matrix = known()
    turned = matrix.isel(region_2=[2, 1, 0])
    assert fc_correlation(matrix, turned) == pytest.approx(1.0)
    assert fc_correlation(turned, matrix) == pytest.approx(1.0)
    assert fisher_mean(turned).sel(region="A", region_2="C").item() == pytest.approx(-1.0)
    assert fisher_mean(turned).sel(region="A", region_2="A").item() == 1.0
    np.testing.assert_array_equal(upper(turned), upper(matrix))
    long, reference = signals(), fc(signals(seed=9))
    turned = reference.isel(region=[1, 0, 2, 4, 3], region_2=[4, 0, 3, 1, 2])
    assert interval_over_time(long, turned) == interval_over_time(long, reference)
    assert doubling(long, turned) == doubling(long, reference)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.assign_coords(region_2=["A", "B", "X"]), "C only in rows, X only in columns"),
        (lambda m: m.isel(region_2=[0, 1]), "C only in rows, no region only in columns"),
        (lambda m: m.assign_coords(region=["A", "A", "C"]), "two regions are named A"),
        (lambda m: m.drop_vars("region_2"), "lacks names of region or region_2"),
        (lambda m: m.copy(data=np.triu(m)), "FC of A with C is not that of C with A"),
    ],
)
def test_a_matrix_that_is_none_is_refused(change, message):
    for function in (fisher_mean, upper, lambda m: fc_correlation(known(), m)):
        with pytest.raises(ValueError, match=message):
            function(change(known()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_by_the_name_of_their_region(bad):
    matrix = known()
    lost = matrix.copy(deep=True)
    lost[1], lost[:, 1] = bad, bad
    signal = signals()
    reference = fc(signal).copy(deep=True)
    reference[3], reference[:, 3] = bad, bad
    for function, region in (
        (lambda: fc_correlation(matrix, lost), "B"),
        (lambda: fc_correlation(lost, matrix), "B"),
        (lambda: fisher_mean(xr.concat([matrix, lost], "run")), "B"),
        (lambda: upper(lost), "B"),
        (lambda: interval_over_time(signal, reference), "D"),
        (lambda: interval_over_runs(signals(n_runs=3), reference), "D"),
        (lambda: doubling(signal, reference), "D"),
        (lambda: r_by_duration(signal, reference, [100]), "D"),
    ):
        with pytest.raises(ValueError, match=f"FC of {region} is not finite with . of . regions"):
            function()
    diagonal = matrix.copy(deep=True)
    np.fill_diagonal(diagonal.values, bad)  # which no pair needs
    assert fc_correlation(diagonal, matrix) == pytest.approx(1.0)
    assert fisher_mean(diagonal).values == pytest.approx(fisher_mean(matrix).values)


def test_correlations_lie_between_minus_one_and_one():
    with pytest.raises(ValueError, match="FC of A with C is beyond -1 to 1"):
        fisher_mean(known() * 1.5)


def test_a_sample_of_dynamics_is_of_numbers():
    for a, b, which in (([np.nan] * 5, [0.1, 0.2], "5 of 5 values of the first"),
                        ([0.1, 0.2], [0.1, np.inf], "1 of 2 values of the second")):  # fmt: skip
        with pytest.raises(ValueError, match=which):
            fcd_ks(a, b)


def test_a_region_that_is_known_at_no_time_is_named():
    lost = signals(n_runs=2)
    lost[:, :, 2] = np.nan
    with pytest.raises(ValueError, match=r"signal of C is not finite at any time.* x\.sel\(region"):
        fc(lost)
    assert fc(lost.sel(region=["A", "B", "D", "E"])).shape == (2, 4, 4)


@pytest.mark.parametrize("function", [fc, group_fc, fcd, split_half, band_power, bandpass])
def test_arrays_without_names_are_refused_with_what_to_give(function):
    import pandas

    for x, kind in ((signals().values, "numpy.ndarray"), (signals().to_pandas(), "pandas.Data")):
        with pytest.raises(ValueError, match=rf"the signal is a {kind}.*give xarray\.DataArray\("):
            function(x)
    assert isinstance(signals().to_pandas(), pandas.DataFrame)
    with pytest.raises(ValueError, match=r"the matrix is a numpy.*\"region_2\": names"):
        fc_correlation(known().values, known())
    made = xr.DataArray(
        np.asarray(signals().to_pandas()),
        {"time_s": np.arange(600.0), "region": list(NAMES)},
        ("time_s", "region"),
    )
    np.testing.assert_allclose(fc(made), fc(signals()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval_over_time(signals(), fc(signals()), block_s=0.0), "block_s is 0"),
        (lambda: interval_over_time(signals(), fc(signals()), n_bootstrap=1), "n_bootstrap 1"),
        (lambda: fcd(signals(), window_s=np.nan), "window_s is nan"),
        (lambda: fcd(signals(), step_s=-1.0), "step_s is -1"),
        (lambda: r_by_duration(signals(), fc(signals()), [np.inf]), "duration_s is inf"),
    ],
)
def test_numbers_that_cannot_be_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
