"""What a study's brain is called, the digest that its result carries; and what it cannot be."""

import sys

import pytest

from encephagen import hcp_aal2, whole_brain
from encephagen.experiments import study
from encephagen.experiments.brains import told, wired
from encephagen.experiments.prepare import brain_digest, chosen_recipe
from encephagen.extras import Missing


@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
def test_a_study_of_the_shipped_brain_carries_its_digest():
    shipped = whole_brain(hcp_aal2()).digest()
    for name in ("propagation", "spiking-hierarchy", "timescale-gradient"):
        assert brain_digest(study.find(name).config()) == shipped, name
    with_nuclei = brain_digest(study.find("rhythm").config())
    assert brain_digest(study.find("nuclei").config()) == with_nuclei != shipped
    assert not hasattr(study.find("region-hierarchy").module, "brain_digest")


def test_another_brain_has_another_digest():
    config = study.find("timescale-gradient").configure({"neurons_per_region": 40})
    small = whole_brain(hcp_aal2(), chosen_recipe(None, 40)).digest()
    assert brain_digest(config) == small != whole_brain(hcp_aal2()).digest()


def test_a_null_whose_package_is_missing_ends_the_study_and_is_not_counted_as_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "netneurotools.networks.randomize", None)
    run = told(lambda: {"regions": wired("hcp-aal2", "strength", 0).n})
    with pytest.raises(Missing, match="nulls"):
        run()
    assert told(lambda: {"n": wired("hcp-aal2", "degree-swaps", 0).n})()["outcome"] == "refused"
