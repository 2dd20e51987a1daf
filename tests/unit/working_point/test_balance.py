"""Balance: theory gives every region one rate, by backgrounds alone."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.cortex import cortex, hierarchy
from encephagen.brain.recipe import Cortex, Recipe, shipped_recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.working_point.balance import MISSES, balance
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import NoWorkingPoint, with_background
from encephagen.working_point.whole import bare_brain, default_recipe, kept, whole_brain

CONNECTOME = hcp_aal2()
RECIPE = Recipe(
    Cortex(
        weight_ee_pA=28.0,
        weight_ei_pA=14.0,
        weight_ie_pA=400.0,
        weight_ii_pA=250.0,
        long_weight_pA=30.0,
        feedforward_inhibition=1.0,
        strength_exponent=0.1,
        background_rate_Hz=860.0,
        background_weight_pA=75.0,
    ),
    name="quiet",
)


def background_Hz(brain):
    exc = brain.populations[0]
    return np.array([exc.cell(r)[1].rate_Hz for r in range(brain.connectome.n)])


def test_all_regions_fire_at_the_target_in_theory():
    bare = bare_brain(CONNECTOME, RECIPE.replace(rate_exc_Hz=3.0))
    brain = balance(bare).applied(bare)
    field = MeanField.of(brain)
    rates = field.fixed_point(3.0)[field.units("E")]
    np.testing.assert_allclose(rates, 3.0, rtol=0.02)
    assert np.ptp(background_Hz(brain)) > 50.0  # a strong region needs less
    uniform = MeanField.of(whole_brain(CONNECTOME, RECIPE))
    alone = uniform.fixed_point(3.0)[uniform.units("E")]
    assert alone.max() > 3 * alone.min()


def test_only_the_background_of_the_population_changes():
    before = cortex(CONNECTOME, RECIPE)
    rates = np.linspace(500.0, 900.0, CONNECTOME.n)
    after = with_background(with_background(before, "E", rates * 2), "E", rates)
    np.testing.assert_array_equal(background_Hz(after), rates)
    assert after.projections == before.projections
    assert after.populations[1] == before.populations[1]
    assert (
        dict(after.populations[0].by_region)["tau_m_ms"]
        == dict(before.populations[0].by_region)["tau_m_ms"]
    )


def test_a_rate_that_no_background_gives_is_one_line():
    with pytest.raises(NoWorkingPoint, match="found no background for E in 80 of 80 regions: un"):
        whole_brain(CONNECTOME, RECIPE.replace(rate_exc_Hz=499.0))


def test_a_hub_that_its_connections_alone_excite_is_named_with_what_helps():
    weights = CONNECTOME.weights.copy()
    weights[5] *= 100 * weights.sum(axis=1).mean() / weights[5].sum()
    hub = dataclasses.replace(CONNECTOME, weights=weights)
    recipe = RECIPE.replace(rate_exc_Hz=3.0)
    with pytest.raises(NoWorkingPoint, match=r"E in 1 of 80 .* without any it fires at") as error:
        whole_brain(hub, recipe)
    assert CONNECTOME.names[5] in str(error.value) and "strength_exponent=0.5" in str(error.value)
    balanced = balance(whole_brain(hub, RECIPE.replace(rate_exc_Hz=3.0, strength_exponent=0.5)))
    assert balanced.targets == {"E": 3.0}


def test_the_recurrent_gradient_strengthens_local_excitation_where_myelin_is_least():
    brain = cortex(CONNECTOME, RECIPE.replace(recurrent_gradient=0.6))
    local = {p.name: p for p in brain.projections}
    factors = np.array(local["E->E within"].weight.by_region)
    place = hierarchy(CONNECTOME)
    np.testing.assert_allclose(factors, 1.0 + 0.6 * place)
    assert place.min() == 0.0 and place.max() == 1.0
    assert CONNECTOME.names[int(np.argmin(place))].startswith(("Calcarine", "Heschl"))
    assert all(not p.weight.by_region for n, p in local.items() if n != "E->E within")


@pytest.mark.parametrize("name", ["healthy_cortex", "resting_cortex"])
def test_what_theory_misses_is_what_calibration_found(name):
    recipe = shipped_recipe(name)
    theory, measured = balance(bare_brain(CONNECTOME, recipe)), kept(CONNECTOME, recipe)
    by_region = dict(theory.held[0].background_Hz)
    ratio = [rate_Hz / by_region[region] for region, rate_Hz in measured.held[0].background_Hz]
    assert np.median(ratio) == pytest.approx(MISSES, abs=1e-3)


def test_theory_is_corrected_by_what_it_misses():
    part = subset(CONNECTOME, ["Calcarine_L", "Heschl_R", "Insula_L"])
    theory = dict(balance(bare_brain(part, default_recipe())).held[0].background_Hz)
    rates_Hz = background_Hz(whole_brain(part, default_recipe()))
    assert rates_Hz == pytest.approx([MISSES * theory[name] for name in part.names])
