"""Atlas: the patterns read every name, and say so when they do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encephagen.connectome import atlas
from encephagen.connectome.atlas import AAL2, ATLASES, LOBES, SYSTEMS, Atlas, Rule


def test_a_pattern_that_matches_nothing_is_an_error():
    with pytest.raises(ValueError, match="'insulla' matches no name"):
        Atlas(
            "toy",
            "",
            ("insula",),
            (Rule("insula", "insular", "cingulate"), Rule("insulla", "insular", "cingulate")),
        )


def test_a_name_without_a_pattern_and_one_with_two_are_errors():
    insula = Rule("insula", "insular", "cingulate")
    with pytest.raises(ValueError, match="'cuneus' matches 0 patterns"):
        Atlas("toy", "", ("insula", "cuneus"), (insula,))
    with pytest.raises(ValueError, match="'insula' matches 2 patterns"):
        Atlas("toy", "", ("insula",), (insula, Rule("ins.*", "insular", "cingulate")))


def test_a_system_or_lobe_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="'visuall'"):
        Atlas("toy", "", ("cuneus",), (Rule("cuneus", "occipital", "visuall"),))


def test_every_system_and_lobe_is_in_aal2():
    rules = [AAL2.rule(stem) for stem in AAL2.stems]
    assert {r.system for r in rules if r} == set(SYSTEMS)
    assert {r.lobe for r in rules if r} == set(LOBES)
    assert len(AAL2.stems) == 47


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
    deep = {stem: AAL2.place(f"{stem}_L").structure for stem in AAL2.stems}
    assert {stem: s for stem, s in deep.items() if s != "cortex"} == {
        "Hippocampus": "hippocampus",
        "ParaHippocampal": "hippocampus",
        "Amygdala": "amygdala",
        "Caudate": "striatum",
        "Putamen": "striatum",
        "Pallidum": "pallidum",
        "Thalamus": "thalamus",
    }


def test_a_name_outside_aal2_is_an_error():
    with pytest.raises(ValueError, match="'region_0' matches no pattern"):
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


def test_own_names_of_every_atlas_have_one_rule():
    for a in ATLASES:
        for stem in a.stems:
            assert (a.rule(stem) is None) == (stem in a.outside)


@given(st.lists(st.text(max_size=8) | st.sampled_from(AAL2.stems), max_size=5))
def test_any_labels_have_a_place(labels):
    assert len(atlas.places(labels)) == len(labels)
