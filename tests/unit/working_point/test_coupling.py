"""Coupling: the number of long-range synapses that brings a wiring as near to instability."""

from functools import partial

import numpy as np
import pytest

from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.nulls import find
from encephagen.working_point.coupling import coupled, leading_eigenvalue
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.whole import bare_brain, default_recipe

RECIPE = default_recipe()
ORIGINAL = partial(bare_brain, hcp_aal2())


def test_a_null_gets_the_eigenvalue_of_the_original_and_no_other_number_changes():
    target = leading_eigenvalue(ORIGINAL(RECIPE))
    null = partial(bare_brain, find("weight-shuffle")(hcp_aal2(), 3)[0])
    assert leading_eigenvalue(null(RECIPE)) < target - 0.05
    found = coupled(null, RECIPE, target)
    assert leading_eigenvalue(null(found)) == pytest.approx(target, abs=2e-3)
    own = RECIPE.cortex.long_in_degree
    assert found.cortex.long_in_degree > own
    assert found.replace(long_in_degree=own, name=RECIPE.name) == RECIPE
    same = coupled(ORIGINAL, RECIPE, target)
    assert same.cortex.long_in_degree == pytest.approx(own, rel=2e-3)


def test_what_cannot_be_reached_says_so():
    with pytest.raises(
        NoWorkingPoint, match=r"no long_in_degree from 80 to 240 brings .* eigenvalue of"
    ):
        coupled(ORIGINAL, RECIPE, 9.0)
    with pytest.raises(NoWorkingPoint, match="no population has a target rate"):
        leading_eigenvalue(ORIGINAL(RECIPE.replace(rate_exc_Hz=0.0, rate_inh_Hz=0.0)))
    assert np.isfinite(leading_eigenvalue(ORIGINAL(RECIPE)))
