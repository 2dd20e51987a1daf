"""What a study's brain is called: the digest that its result carries."""

from dataclasses import dataclass

from encephagen import hcp_aal2, whole_brain
from encephagen.experiments import study
from encephagen.experiments.prepare import brain_digest, chosen_recipe


@dataclass(frozen=True)
class RateUnits:
    """A study without neurons."""

    dataset: str = "hcp-aal2"


def test_a_study_of_the_shipped_brain_carries_its_digest():
    shipped = whole_brain(hcp_aal2()).digest()
    for name in ("propagation", "rhythm", "spiking-hierarchy", "timescale-gradient"):
        assert brain_digest(study.find(name).config()) == shipped, name
    assert brain_digest(RateUnits()) is None
    assert brain_digest(study.find("region-hierarchy").config()) is None


def test_another_brain_has_another_digest():
    config = study.find("rhythm").configure({"neurons_per_region": 40})
    small = whole_brain(hcp_aal2(), chosen_recipe(None, 40)).digest()
    assert brain_digest(config) == small != whole_brain(hcp_aal2()).digest()
