"""A small brain with every port: ten regions of the bundled connectome."""

import pytest

from encephagen.brain.recipe import shipped_recipe
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.working_point.balance import balance
from encephagen.working_point.whole import bare_brain, whole_brain

STEMS = ("Calcarine", "Heschl", "Postcentral", "Precentral", "Frontal_Mid_2")


@pytest.fixture(scope="session")
def small_network():
    """2,000 neurons: visual, auditory, somatosensory, motor and frontal cortex, both sides.

    Ten regions alone are nearer to the edge of stability than the whole brain, and would wander
    between two rates: they excite themselves less here, and fire at 6 Hz.
    """
    connectome = subset(hcp_aal2(), [f"{stem}_{side}" for stem in STEMS for side in "LR"])
    recipe = shipped_recipe("healthy_cortex")
    recipe = recipe.replace(weight_ee_pA=0.8 * recipe.cortex.weight_ee_pA, rate_exc_Hz=6.0)
    point = balance(bare_brain(connectome, recipe))
    return build(whole_brain(connectome, recipe, point), seed=1)


@pytest.fixture
def session(small_network):
    """A session of the small brain that has settled."""
    settled = Session(small_network, noise_seed=2, threads=1)
    settled.advance(3000)
    return settled
