"""The neurons of a network one by one: what differs among them, and how it is drawn."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.spread import Lognormal, Normal, deviates
from encephagen.network.build import build
from encephagen.network.cells import each, neurons


@pytest.fixture(name="spread_by")
def brain_with_a_spread(brain_of):
    def make(*spread):
        brain = brain_of()
        exc, inh = brain.populations
        return dataclasses.replace(
            brain, populations=(dataclasses.replace(exc, spread=spread), inh)
        )

    return make


def by_region(network, name):
    """Values (region, neuron) of a parameter of the first population."""
    mine = network.neuron_population == 0
    return each(network, name)[mine].reshape(len(network.regions), -1)


def test_every_region_has_the_same_values_in_an_order_of_its_own(spread_by):
    network = build(spread_by(("E_L_mV", Normal(1.5))), seed=1)
    values = by_region(network, "E_L_mV")
    assert values.mean() == pytest.approx(-70.0)
    np.testing.assert_allclose(values.std(axis=1), 1.5)
    np.testing.assert_array_equal(np.sort(values, axis=1), np.sort(values[:1], axis=1).repeat(4, 0))
    assert len({tuple(row) for row in values}) == 4
    others = each(network, "E_L_mV")[network.neuron_population == 1]
    assert (others == -70.0).all()


def test_a_lognormal_keeps_its_mean_and_has_its_spread(spread_by):
    values = by_region(build(spread_by(("R_m_MOhm", Lognormal(0.4)))), "R_m_MOhm")
    np.testing.assert_allclose(values.mean(axis=1), 40.0)
    np.testing.assert_allclose(np.log(values).std(axis=1), 0.4)


def test_parameters_are_independent_and_the_seed_draws_who_has_what(spread_by):
    brain = spread_by(("E_L_mV", Normal(1.5)), ("V_th_mV", Normal(1.0)))
    one, same, other = (build(brain, seed=seed) for seed in (1, 1, 2))
    E_L_mV, V_th_mV = by_region(one, "E_L_mV"), by_region(one, "V_th_mV")
    assert abs(np.corrcoef(E_L_mV.ravel(), V_th_mV.ravel())[0, 1]) < 0.3
    np.testing.assert_array_equal(by_region(same, "E_L_mV"), E_L_mV)
    assert not np.array_equal(by_region(other, "E_L_mV"), E_L_mV)


def test_deviates_are_those_of_a_normal_distribution():
    z = deviates(1000)
    assert z.mean() == pytest.approx(0.0, abs=1e-12)
    assert z.std() == pytest.approx(1.0)
    assert np.quantile(z, 0.975) == pytest.approx(1.96, abs=0.01)
    assert deviates(1).tolist() == [0.0]


def test_a_spread_is_in_the_digest_and_none_leaves_it(spread_by, brain_of):
    digests = {
        spread_by(("E_L_mV", Normal(1.5))).digest(),
        spread_by(("E_L_mV", Normal(1.6))).digest(),
        spread_by(("V_th_mV", Normal(1.5))).digest(),
        brain_of().digest(),
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("spread", "message"),
    [
        (("E_L", Normal(1.0)), "has no parameter 'E_L'; nearest: E_L_mV"),
        (("rate_Hz", Normal(1.0)), "has no parameter 'rate_Hz'"),
        (("tau_m_ms", Normal(20.0)), r"tau_m_ms spread by Normal\(sd=20.0\): .*; spread it less"),
        (("V_th_mV", Normal(15.0)), "must lie above V_reset_mV.*; spread it less"),
    ],
)
def test_a_spread_that_cannot_be_is_refused(spread_by, spread, message):
    with pytest.raises(ValueError, match=message):
        spread_by(spread)


def test_a_parameter_is_spread_once_and_by_a_spread(spread_by):
    with pytest.raises(ValueError, match="has 'E_L_mV' 2 times: give it once"):
        spread_by(("E_L_mV", Normal(1.0)), ("E_L_mV", Normal(2.0)))
    with pytest.raises(ValueError, match=r"E_L_mV spread by 1.7: give Normal.sd. or Lognormal"):
        spread_by(("E_L_mV", 1.7))


@pytest.mark.parametrize("make", [lambda: Normal(-1.0), lambda: Normal(np.nan)])
def test_a_normal_spread_is_finite_and_positive(make):
    with pytest.raises(ValueError, match="normal spread sd = "):
        make()


def test_a_lognormal_spread_has_bounds():
    with pytest.raises(ValueError, match=r"lognormal spread sd = 3.0: must be in \[0, 2\]"):
        Lognormal(3.0)


def test_blocks_of_equal_neurons_have_one(brain_of):
    assert {len(own) for own, _ in neurons(build(brain_of()))} == {1}
