"""Coupling: the number of long-range synapses that brings a wiring as near to instability."""

import numpy as np
import pytest

from encephagen.brain.recipe import default_recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.nulls import find
from encephagen.working_point.coupling import coupled, leading_eigenvalue

RECIPE = default_recipe()


def test_a_null_gets_the_eigenvalue_of_the_original_and_no_other_number_changes():
    original = hcp_aal2()
    target = leading_eigenvalue(original, RECIPE)
    null, _ = find("weight-shuffle")(original, 3)
    assert leading_eigenvalue(null, RECIPE) < target - 0.05
    found = coupled(null, RECIPE, target)
    assert leading_eigenvalue(null, found) == pytest.approx(target, abs=2e-3)
    assert found.long_in_degree > RECIPE.long_in_degree
    back = found.replace(long_in_degree=RECIPE.long_in_degree, name=RECIPE.name)
    assert back == RECIPE
    same = coupled(original, RECIPE, target)
    assert same.long_in_degree == pytest.approx(RECIPE.long_in_degree, rel=2e-3)


def test_what_cannot_be_reached_says_so():
    with pytest.raises(
        ValueError, match=r"no long_in_degree from 20 to 180 brings .* eigenvalue of"
    ):
        coupled(hcp_aal2(), RECIPE, 9.0)
    with pytest.raises(ValueError, match="no working point to compare wirings at"):
        leading_eigenvalue(hcp_aal2(), RECIPE.replace(rate_exc_Hz=0.0, background_factor={}))
    assert np.isfinite(leading_eigenvalue(hcp_aal2(), RECIPE))
