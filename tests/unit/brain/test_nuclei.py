"""Nuclei: who lives where, whom each reaches, and what becomes of them on other connectomes."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.basal_ganglia import AT_REST, STRUCTURES
from encephagen.brain.nuclei import nuclei
from encephagen.brain.recipe import BasalGanglia, Thalamus
from encephagen.connectome.datasets import hcp_aal2
from encephagen.experiments.studies.propagation.brain import _linear
from encephagen.network.build import build
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.whole import bare_brain, default_recipe, filled

pytestmark = pytest.mark.filterwarnings(
    "ignore::encephagen.working_point.whole.StandIns", "ignore:.*has no region for"
)

WITH_NUCLEI = dataclasses.replace(
    default_recipe(), thalamus=Thalamus(), basal_ganglia=BasalGanglia()
)
PATHWAYS = {
    ("D1", "GPi"): False,
    ("D2", "GPe"): False,
    ("GPe", "STN"): False,
    ("GPe", "GPi"): False,
    ("STN", "GPe"): True,
    ("STN", "GPi"): True,
    ("GPi", "relay"): False,
    ("reticular", "relay"): False,
    ("relay", "reticular"): True,
    ("E", "D1"): True,
    ("E", "D2"): True,
    ("E", "STN"): True,
    ("E", "relay"): True,
    ("E", "reticular"): True,
    ("relay", "E"): True,
    ("relay", "I"): True,
}
"""Projections that cross from one nucleus, or cortex, to another, and whether they excite."""


@pytest.fixture(scope="module")
def whole():
    return hcp_aal2(subcortex=True)


@pytest.fixture(scope="module")
def brain(whole):
    return bare_brain(whole, WITH_NUCLEI)


def test_each_nucleus_lives_in_its_structure(brain, whole):
    of = {r.name: r.structure for r in whole.regions}
    lives = {p.name: {of[n] for n in p.where or ()} for p in brain.populations}
    assert lives["relay"] == lives["reticular"] == {"thalamus"}
    assert {name: lives[name] for name in STRUCTURES} == {n: {s} for n, s in STRUCTURES.items()}
    assert lives["E"] == {"cortex", "hippocampus", "amygdala"}
    assert {of[name] for name in brain.stand_ins} == {"hippocampus", "amygdala"}


def test_the_subthalamic_nucleus_lives_in_the_nearest_region(whole):
    place = {"L": np.array([-12.0, -14.0, -7.0]), "R": np.array([12.0, -14.0, -7.0])}
    for side, of_stn in place.items():
        here = [r for r in whole.regions if r.hemisphere == side]
        nearest = min(here, key=lambda r: float(np.linalg.norm(np.array(r.centroid_mm) - of_stn)))
        assert nearest.structure == STRUCTURES["STN"]


def test_pathways_have_their_signs_and_keep_to_their_side(brain, whole):
    network = build(brain, seed=0)
    edges, side = network.edges(), np.array([r.hemisphere for r in whole.regions])
    seen = {}
    for number, projection in enumerate(brain.projections):
        of = edges["projection"] == number
        assert of.any(), projection.name
        pair = projection.source, projection.target
        if pair in PATHWAYS:
            seen[pair] = bool((edges["weight_pA"][of] > 0).all())
            assert seen[pair] != (edges["weight_pA"][of] < 0).all()
        if not {"E", "I"} & set(pair):
            ends = (network.neuron_region[edges[end][of]] for end in ("source", "target"))
            assert np.equal(*(side[region] for region in ends)).all(), projection.name
    assert seen == PATHWAYS


def test_theory_finds_a_working_point_at_published_rates(brain):
    field, rate_Hz = MeanField.of(brain).balanced()
    for p in brain.populations:
        if p.at_rest is not None:
            units = field.units(p.name)
            assert (rate_Hz[units] >= p.at_rest.low_Hz).all()
            assert (rate_Hz[units] <= p.at_rest.high_Hz).all()
            assert (field.background_Hz[units] > 0).all()


def test_bold_is_seen_of_every_region_and_rates_of_cortex_alone(brain, whole):
    field = MeanField.of(brain)
    assert np.allclose(field.seen.sum(axis=1), 1.0)
    cortex = ~np.isin([r.structure for r in whole.regions], list(STRUCTURES.values()))
    assert np.allclose(field.excitatory.sum(axis=1), cortex)


def without(connectome, structure):
    return dataclasses.replace(
        connectome,
        regions=tuple(
            dataclasses.replace(r, structure="other") if r.structure == structure else r
            for r in connectome.regions
        ),
    )


@pytest.mark.parametrize(
    ("lacks", "left"),
    [("none", ["thalamus", "basal_ganglia"]), ("pallidum", ["thalamus"]), ("thalamus", [])],
)
def test_nuclei_need_their_structures(whole, lacks, left):
    lacking = without(whole, lacks)
    assert [one.table for one in nuclei(lacking, WITH_NUCLEI)] == left
    assert filled([bare_brain(lacking, WITH_NUCLEI)]) == set(whole.names)


def test_cortex_alone_needs_no_nuclei():
    cortex = hcp_aal2()
    with pytest.warns(UserWarning, match=r"no region for \[thalamus\], \[basal_ganglia\] .*--sub"):
        with_tables = bare_brain(cortex, WITH_NUCLEI)
    assert with_tables.digest() == bare_brain(cortex, default_recipe()).digest()


def test_nuclei_give_way_to_fragments_of_ones_own(whole):
    taken = {"Thalamus_L"}
    assert nuclei(whole, WITH_NUCLEI, taken) == []
    assert [one.table for one in nuclei(whole, WITH_NUCLEI, {"Pallidum_L"})] == ["thalamus"]


def test_fragments_alone_say_what_they_lack(whole):
    for one in nuclei(whole, WITH_NUCLEI):
        with pytest.raises(ValueError, match=rf"has no \[{one.table}\]"):
            one.made(whole, default_recipe())
        with pytest.raises(ValueError, match="has no region that is"):
            one.made(hcp_aal2(), WITH_NUCLEI)


def test_ranges_have_their_sources(brain):
    ranges = {p.name: p.at_rest for p in brain.populations if p.at_rest}
    assert ranges.keys() == {"relay", "reticular", *AT_REST}
    assert all("doi 10." in r.source for r in ranges.values())
    assert ranges["GPi"].low_Hz == 59.1 and ranges["GPe"].high_Hz == 74.5


def test_theory_of_a_push_knows_regions_without_cortex(brain, whole):
    """Regions without cells of cortex have no response of theirs; the source's own is the most."""
    field, rate_Hz = MeanField.of(brain).balanced()
    table = np.zeros((whole.n, len(brain.populations)))
    table[field.blocks.region, field.blocks.population] = rate_Hz
    assert field.by_unit(table).tolist() == rate_Hz.tolist()
    source = whole.indices("Calcarine_L")
    response = _linear(brain, table, source)
    cortex = field.excitatory.any(axis=1)
    assert np.isnan(response[~cortex]).all() and np.nanargmax(response) == source[0]
