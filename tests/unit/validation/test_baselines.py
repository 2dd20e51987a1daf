"""Baselines: the table that every brain is held against, and what cannot be compared."""

import numpy as np
import pytest
import xarray as xr

from encephagen.analysis.functional_connectivity import fc, fc_correlation, fisher_mean, upper
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import fmri, gw_aal2, hcp_aal2
from encephagen.validation.baselines import (
    LinearNetwork,
    ceiling,
    fit_linear,
    linear_heldout,
    log_weight_r,
    part_of,
    stationary_bold,
    subject_r,
)

DATA = {"hcp-aal2": hcp_aal2, "gw-aal2": gw_aal2}
COUPLINGS = tuple(np.arange(0.5, 1.0, 0.02))


@pytest.fixture(scope="module")
def subjects():
    return {name: fc(fmri(name)) for name in DATA}


@pytest.mark.parametrize(
    ("name", "log_weight", "linear", "heldout", "top"),
    [("hcp-aal2", 0.456, 0.679, 0.591, 0.823), ("gw-aal2", 0.533, 0.760, 0.602, 0.682)],
)
def test_the_table_of_baselines(subjects, name, log_weight, linear, heldout, top):
    connectome, people = DATA[name](), subjects[name]
    group = fisher_mean(people)
    fit = fit_linear(connectome, group)
    assert log_weight_r(connectome, group) == pytest.approx(log_weight, abs=0.002)
    assert fit.r == pytest.approx(linear, abs=0.002)
    assert fit.r == pytest.approx(fc_correlation(fit.network.fc(connectome), group))
    assert linear_heldout(connectome, people).mean() == pytest.approx(heldout, abs=0.002)
    assert ceiling(people).mean() == pytest.approx(top, abs=0.002)


@pytest.mark.parametrize(
    ("name", "linear", "heldout"), [("hcp-aal2", 0.679, 0.591), ("gw-aal2", 0.645, 0.513)]
)
def test_the_table_for_weights_as_they_are(subjects, name, linear, heldout):
    connectome, people = DATA[name](), subjects[name]
    fit = fit_linear(connectome, fisher_mean(people), exponents=(1.0,))
    assert fit.r == pytest.approx(linear, abs=0.002)
    r = linear_heldout(connectome, people, exponents=(1.0,))
    assert r.mean() == pytest.approx(heldout, abs=0.002)


def test_without_differences_in_strength_the_linear_network_fails(subjects):
    """Rows scaled to one, as feedback inhibition control does, lose what makes FC."""
    connectome = hcp_aal2()
    weights = connectome.weights / connectome.weights.sum(axis=1, keepdims=True)
    scaled = Connectome("scaled", connectome.regions, weights)
    group = fisher_mean(subjects["hcp-aal2"])
    assert fit_linear(scaled, group, COUPLINGS, (1.0,)).r < 0.45


def test_a_fit_finds_the_network_that_made_the_data(subjects):
    connectome = hcp_aal2()
    made = LinearNetwork(0.8, 0.75)
    fit = fit_linear(connectome, made.fc(connectome))
    assert fit.network == made and fit.r == pytest.approx(1.0)
    people = subjects["hcp-aal2"]
    assert subject_r(fisher_mean(people), people).mean() > ceiling(people).mean()


def test_held_out_subjects_take_no_part_in_the_fit():
    """Subject 1 is a network of its own; held out, the fit is that of the others."""
    connectome = hcp_aal2()
    others, own = LinearNetwork(0.6).fc(connectome), LinearNetwork(0.98).fc(connectome)
    people = xr.concat([others, own, others], xr.IndexVariable("subject", list("abc")))
    r = linear_heldout(connectome, people, heldout=[1], couplings=COUPLINGS, exponents=(1.0,))
    assert r == pytest.approx([fc_correlation(others, own)])
    each = linear_heldout(connectome, people, couplings=COUPLINGS, exponents=(1.0,))
    assert each.shape == (3,) and each[1] == pytest.approx(r[0])
    with pytest.raises(ValueError, match="none is left to fit on"):
        linear_heldout(connectome, people, heldout=[0, 1, 2])


def test_regions_are_those_of_the_fmri():
    subcortex = hcp_aal2(subcortex=True)
    group = fisher_mean(fc(fmri("hcp-aal2")))
    assert part_of(subcortex, group).names == hcp_aal2().names
    assert log_weight_r(subcortex, group) == pytest.approx(log_weight_r(hcp_aal2(), group))
    order = list(reversed(hcp_aal2().names))
    turned = group.sel(region=order, region_2=order)
    assert fit_linear(hcp_aal2(), turned, (0.9,), (1.0,)).r == pytest.approx(
        fit_linear(hcp_aal2(), group, (0.9,), (1.0,)).r
    )
    foreign = fisher_mean(fc(fmri("hcp-aal2", subcortex=True)))
    with pytest.raises(ValueError, match="lacks 14 of 94 regions .* first 'Hippocampus_L'"):
        fit_linear(hcp_aal2(), foreign)


def test_a_stationary_signal_has_its_fc_and_no_other():
    truth = LinearNetwork(0.9).fc(hcp_aal2())
    signal = stationary_bold(truth, 3000, 0.72, n_runs=2)
    assert signal.shape == (2, 3000, 80)
    assert fc_correlation(fisher_mean(fc(signal)), truth) > 0.98
    xr.testing.assert_identical(signal, stationary_bold(truth, 3000, 0.72, n_runs=2))
    slow = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in signal.values[0].T]
    assert np.mean(slow) > 0.9
    bad = truth.copy(data=2 * truth.values - np.ones((80, 80)) * 0.9)
    with pytest.raises(ValueError, match="eigenvalue"):
        stationary_bold(bad, 100, 0.72)


def test_what_cannot_be_compared_is_an_error(subjects):
    connectome, people = hcp_aal2(), subjects["hcp-aal2"]
    regions = tuple(Region(name, "L") for name in "ABC")
    names = {"region": list("ABC"), "region_2": list("ABC")}
    matrix = xr.DataArray(np.eye(3) + 0.1, names, ("region", "region_2"))
    chain = Connectome("chain", regions, np.diag([1.0, 1.0], -1), directed=True)
    with pytest.raises(ValueError, match="'chain' has no loops"):
        LinearNetwork(0.5).fc(chain)
    with pytest.raises(ValueError, match="2 pairs of regions have a weight"):
        log_weight_r(chain, matrix)
    for coupling in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="coupling"):
            LinearNetwork(coupling)
    with pytest.raises(ValueError, match="exponent"):
        LinearNetwork(0.5, 0.0)
    with pytest.raises(ValueError, match="no coupling or no exponent"):
        fit_linear(connectome, fisher_mean(people), couplings=())
    with pytest.raises(ValueError, match="1 subject: expected two"):
        ceiling(people.isel(subject=[0]))
    with pytest.raises(ValueError, match="expected subject, region"):
        linear_heldout(connectome, fisher_mean(people))
    assert upper(fisher_mean(people)).size == 80 * 79 // 2
