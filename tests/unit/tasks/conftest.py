"""A small brain with every port: ten regions of the bundled connectome."""

import pytest

from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.working_point.whole import whole_brain

STEMS = ("Calcarine", "Heschl", "Postcentral", "Precentral", "Frontal_Mid_2")


@pytest.fixture(scope="session")
def small_network():
    """2,000 neurons: visual, auditory, somatosensory, motor and frontal cortex, both sides."""
    names = [f"{stem}_{side}" for stem in STEMS for side in "LR"]
    return build(whole_brain(subset(hcp_aal2(), names)), seed=1)


@pytest.fixture
def session(small_network):
    """A session of the small brain that has settled."""
    settled = Session(small_network, noise_seed=2, threads=1)
    settled.advance(3000)
    return settled
