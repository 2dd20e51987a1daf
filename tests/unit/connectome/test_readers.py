"""Readers: what is written comes back; whatever else comes in is a connectome or one line."""

import bz2
import io
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import gw_aal2, hcp_aal2
from encephagen.connectome.readers import exists, folder, read, read_dataset, tvb_zip, write_npz

TVB = {
    "centres.txt": "lV1 -1 -80 5\nrV1 1 -80 5\nlPFCM -1 50 5\n",
    "weights.txt": "0 1 2\n3 0 4\n5 6 0\n",
    "tract_lengths.txt": "0 10 20\n10 0 30\n20 30 0\n",
}
CSV = {
    "weights.csv": "0,1,2\n3,0,4\n5,6,0\n",
    "lengths_mm.csv": "0,10,20\n10,0,30\n20,30,0\n",
    "regions.csv": "name,hemisphere,x_mm,y_mm,z_mm,t1w_t2w,cortical\n"
    "Calcarine_L,L,-1,-80,5,2.0,true\nHeschl_R,R,1,-20,5,,1\nThalamus_L,,,,,,no\n",
}
WEIGHTS = [[0, 1, 2], [3, 0, 4], [5, 6, 0]]
ARRAYS = {"weights": np.array(WEIGHTS, float), "names": np.array(["a", "b", "c"])}

fuzzed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def a_tvb_zip(path, members=None, folder="", pack=lambda b: b, suffix=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (TVB if members is None else members).items():
            content = text if isinstance(text, bytes) else text.encode()
            archive.writestr(f"{folder}{name}{suffix}", pack(content))
    return path


def csv_folder(path, files=None):
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    for name, text in (CSV if files is None else files).items():
        (path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def npz(path, **changes):
    with open(path, "wb") as out:
        np.savez(out, **{k: v for k, v in (ARRAYS | changes).items() if v is not None})
    return path


def refused(call, *arguments, says=""):
    with pytest.raises(ValueError, match=says) as caught:
        call(*arguments)
    assert type(caught.value) is ValueError and str(caught.value).isprintable()
    return str(caught.value)


def read_or_one_line(path):
    try:
        assert isinstance(read_dataset(path).connectome, Connectome)
    except ValueError as error:
        assert type(error) is ValueError and str(error).isprintable()


# ---- good files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [hcp_aal2, gw_aal2, lambda: hcp_aal2(3, subcortex=True)])
def test_npz_round_trip(make, tmp_path):
    c = make()
    back = read(write_npz(c, tmp_path / "c.npz"))
    assert back == c and back.name == c.name and back.source == c.source


@st.composite
def connectomes(draw):
    n = draw(st.integers(1, 4))
    text = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)
    names = draw(st.lists(text, min_size=n, max_size=n, unique=True))
    number = st.floats(-200, 200)
    regions = tuple(
        Region(
            name,
            draw(st.sampled_from(["L", "R", "midline"])),
            draw(st.none() | st.tuples(number, number, number)),
            draw(st.none() | st.floats(0.1, 5)),
            draw(st.sampled_from(["cortex", "thalamus", "subcortical"]) | text),
            draw(text),
            draw(text),
        )
        for name in names
    )
    positive = st.floats(0, 1e300)
    weights = draw(arrays(np.float64, (n, n), elements=positive)) * (1 - np.eye(n))
    lengths = draw(st.none() | arrays(np.float64, (n, n), elements=st.floats(0.1, 300)))
    if lengths is not None:
        lengths = lengths * (1 - np.eye(n))
    return Connectome(draw(text), regions, weights, lengths, draw(text), directed=True)


@fuzzed
@given(connectomes())
def test_any_connectome_survives_npz(tmp_path, c):
    back = read(write_npz(c, tmp_path / "c.npz"))
    assert back == c and (back.name, back.source) == (c.name, c.source)


@pytest.mark.parametrize("folder", ["", "connectivity_3/"])
@pytest.mark.parametrize(("pack", "suffix"), [(lambda b: b, ""), (bz2.compress, ".bz2")])
def test_tvb(tmp_path, folder, pack, suffix):
    c = read(a_tvb_zip(tmp_path / "mine.zip", None, folder, pack, suffix))
    assert c.name == "mine" and c.names == ("lV1", "rV1", "lPFCM")
    assert c.weights.tolist() == WEIGHTS and c.lengths_mm is not None
    assert c.lengths_mm[2, 1] == 30 and c.regions[0].centroid_mm == (-1, -80, 5)
    assert [r.system for r in c.regions] == ["visual", "visual", "frontal"]
    assert [r.hemisphere for r in c.regions] == ["L", "R", "L"]


def test_tvb_states_hemispheres_and_cortex(tmp_path):
    members = TVB | {"hemispheres.txt": "1\n1\n0\n", "cortical.txt": "1 0 1"}
    c = read(a_tvb_zip(tmp_path / "mine.zip", members))
    assert [r.hemisphere for r in c.regions] == ["R", "R", "L"]
    assert [r.structure for r in c.regions] == ["cortex", "subcortical", "cortex"]


def test_tvb_without_lengths_has_none(tmp_path):
    members = {k: v for k, v in TVB.items() if k != "tract_lengths.txt"}
    assert read(a_tvb_zip(tmp_path / "mine.zip", members)).lengths_mm is None


def test_regions_that_share_a_centre(tmp_path):
    members = TVB | {
        "centres.txt": "lAD 1 1 1\nlAM 1 1 1\nlV1 2 2 2\n",
        "tract_lengths.txt": "0 0 20\n0 0 30\n20 30 0\n",
    }
    path = a_tvb_zip(tmp_path / "mine.zip", members)
    refused(read, path, says=r"lengths_mm\[0, 1\] = 0")
    c = tvb_zip.read(path, shared_centre_mm=5.0).connectome()
    assert c.lengths_mm is not None and c.lengths_mm[0, 1] == 5.0 and "5 mm" in c.source


def test_csv(tmp_path):
    c = read(csv_folder(tmp_path / "brain"))
    assert c.name == "brain" and c.weights.tolist() == WEIGHTS
    assert c.names == ("Calcarine_L", "Heschl_R", "Thalamus_L")
    assert c.regions[0] == Region(
        "Calcarine_L", "L", (-1, -80, 5), 2.0, "cortex", "occipital", "visual"
    )
    assert c.regions[1].t1w_t2w is None and c.regions[1].system == "auditory"
    assert c.regions[2].hemisphere == "L" and c.regions[2].structure == "thalamus"
    assert c.regions[2].centroid_mm is None


def test_csv_with_labels_in_the_matrix(tmp_path):
    labelled = "\ufeff,a,b,c\r\na,0,1,2\r\nb,3,0,4\r\nc,5,6,0\r\n"
    c = read(csv_folder(tmp_path / "brain", {"weights.csv": labelled}))
    assert c.names == ("a", "b", "c") and c.weights.tolist() == WEIGHTS and c.lengths_mm is None


def test_readers_drop_the_diagonal_and_say_so(tmp_path):
    weights = "7,1,2\n3,0,4\n5,6,7\n"
    with pytest.warns(UserWarning, match=r"brain: diagonal \(2 entries\) set to zero: what a"):
        c = read(csv_folder(tmp_path / "brain", CSV | {"weights.csv": weights}))
    assert c.weights.tolist() == WEIGHTS and "diagonal (2 entries) set to zero" in c.source


def test_names_stored_as_bytes_are_read_as_text(tmp_path):
    """They were read as "b'A_L'", on no side and in no system."""
    names, systems = np.array([b"A_L", b"B_L", b"\xc3\x84_R"]), np.array([b"visual", b"x", b"x"])
    c = read(npz(tmp_path / "c.npz", names=names, system=systems))
    assert [(r.name, r.hemisphere, r.system) for r in c.regions] == [
        ("A_L", "L", "visual"),
        ("B_L", "L", "x"),
        ("Ä_R", "R", "x"),
    ]


def test_one_triangle_is_read_where_it_is_said_to_be_directed(tmp_path):
    half = np.triu(WEIGHTS)
    path = npz(tmp_path / "c.npz", weights=half)
    assert read(path, directed=True).weights.tolist() == half.tolist() != WEIGHTS
    assert read(npz(tmp_path / "d.npz", weights=half, directed=True)).directed
    files = CSV | {"weights.csv": "0,1,2\n0,0,4\n0,0,0\n", "dataset.toml": "directed = true"}
    c = read(csv_folder(tmp_path / "brain", files))
    assert c.directed and read(write_npz(c, tmp_path / "e.npz")) == c


def test_mrtrix_text(tmp_path):
    """tck2connectome writes a comment, and spaces between numbers."""
    matrix = "# command_history: tck2connectome -symmetric\n0 1 2\n1 0 4\n2 4 0\n"
    files = {"weights.txt": matrix, "regions.tsv": "name\tlobe\na b\tx\nc\ty\nd\tz\n"}
    c = read(csv_folder(tmp_path / "brain", files | {"README.txt": "hello"}))
    assert c.names == ("a b", "c", "d") and c.weights[2, 1] == 4 and not c.directed
    bare = tmp_path / "connectome.csv"
    bare.write_text(matrix)
    refused(read, bare, says="has no labels; label its first row and column, or put it")
    bare.write_text("region a b c\na 0 1 2\nb 1 0 4\nc 2 4 0\n")
    assert read(bare).weights.tolist() == c.weights.tolist()


@pytest.mark.parametrize("cells", [True, False])
def test_mat(tmp_path, cells):
    names = ["Calcarine_L", "Heschl_R", "Thalamus_L"]
    variables = {
        "weights": np.array(WEIGHTS),
        "names": np.array(names, dtype=object) if cells else np.array(names),
        "t1w_t2w": [1.0, 2.0, np.nan],
        "source": "Me 2026",
        "map_thickness": [[2.0], [3.0], [2.5]],
    }
    scipy.io.savemat(tmp_path / "c.mat", variables)
    c = read(tmp_path / "c.mat")
    assert c.names == tuple(names) and c.weights.tolist() == WEIGHTS and c.source == "Me 2026"
    assert [r.structure for r in c.regions] == ["cortex", "cortex", "thalamus"]
    assert [r.t1w_t2w for r in c.regions] == [1.0, 2.0, None]
    assert read_dataset(tmp_path / "c.mat").maps["thickness"].tolist() == [2.0, 3.0, 2.5]


def test_bad_mat(tmp_path):
    path = tmp_path / "c.mat"
    for variables, says in (
        ({"SC": np.array(WEIGHTS)}, "no array 'weights'"),
        (ARRAYS | {"SC": np.array(WEIGHTS)}, "array 'SC' is unknown"),
        (ARRAYS | {"names": np.array([1.0, 2.0, 3.0])}, "names: 1.0 is no text"),
    ):
        scipy.io.savemat(path, variables)
        refused(read, path, says=says)
    path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600))
    refused(read, path, says="save it with -v7")
    path.write_bytes(b"hello")
    refused(read, path, says="cannot be read as a .mat")


# ---- datasets -----------------------------------------------------------------------------------

SCAN = "Thalamus_L,Calcarine_L,Heschl_R\n3,1,2\n6,2,4\n7,8,9\n"


def test_a_folder_has_fmri_by_label_and_maps(tmp_path):
    brain = csv_folder(tmp_path / "brain")
    (brain / "dataset.toml").write_text('name = "mine"\nsource = "Me 2026"\ntr_s = 2')
    (brain / "maps.csv").write_text("name,thickness\nCalcarine_L,2\nHeschl_R,3\nThalamus_L,\n")
    (brain / "fmri").mkdir()
    for subject in ("sub-02", "sub-01"):
        (brain / "fmri" / f"{subject}.csv").write_text(SCAN)
    d = read_dataset(brain)
    assert (d.name, d.subjects, d.tr_s) == ("mine", ("sub-01", "sub-02"), 2.0)
    assert d.fmri.dims == ("subject", "time_s", "region") and d.fmri.attrs["source"] == "Me 2026"
    assert d.fmri.sel(subject="sub-02", region="Heschl_R").values.tolist() == [2, 4, 9]
    assert d.fmri.time_s.values.tolist() == [0, 2, 4]
    assert d.maps["t1w_t2w"][0] == 2.0 and d.maps["thickness"][1] == 3.0
    assert np.isnan(d.maps["thickness"][2])
    assert d == read_dataset(brain) and d.connectome == read(brain)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"fmri.csv": SCAN}, "tr_s None: expected the time between volumes"),
        ({"dataset.toml": "tr_s = 2.0"}, "tr_s is 2, but there is no fmri"),
        ({"fmri.csv": SCAN.replace("Heschl", "Heschel")}, "3 labels .*'Heschel_R' is in one alone"),
        ({"fmri.csv": SCAN.replace("7,8,9", "7,8")}, "row 2 has 2 values"),
        ({"fmri.csv": SCAN.replace("7,8,9", "7,nan,9")}, "tr_s|is not finite in 'Calcarine_L'"),
        ({"maps.csv": "name,a\nHeschl_R,1\nCalcarine_L,1\nThalamus_L,1\n"}, "label 0 is 'Hesch"),
    ],
)
def test_bad_datasets(tmp_path, files, says):
    brain = csv_folder(tmp_path / "brain", CSV | files)
    refused(read_dataset, brain, says=says)
    if "fmri.csv" in files:
        (brain / "dataset.toml").write_text("tr_s = 1.0")
        (brain / "fmri.csv").write_text(files["fmri.csv"].replace("3,1,2", "1,2,1"))
    if files == {"fmri.csv": SCAN}:
        assert read_dataset(brain).subjects == ("0",)
        return
    refused(read_dataset, brain, says=says)


def test_an_npz_has_subjects(tmp_path):
    scan = np.random.default_rng(0).random((2, 5, 3))
    own = np.stack([WEIGHTS, 2 * np.array(WEIGHTS)])
    more = {"fmri": scan, "tr_s": np.array(0.72), "subjects": np.array(["x", "y"])}
    d = read_dataset(npz(tmp_path / "c.npz", subject_weights=own, **more))
    assert d.subjects == ("x", "y") and d.tr_s == 0.72 and (d.fmri.values == scan).all()
    assert d.individual[1].weights[2, 1] == 12 and d.individual[1].name == "c subject y"
    for changes, says in (
        ({"fmri": scan.swapaxes(1, 2)}, r"shape \(2, 3, 5\): .*\(subjects, volumes, regions\)"),
        ({"subjects": np.array(["x"])}, "number of subjects differs: 2 in fmri, 1 in subjects"),
        ({"subjects": np.array(["x", "x"])}, "each name once"),
        ({"fmri": np.ones((2, 5, 3))}, "fmri of subject 'x' never changes in 'a'"),
        ({"tr_s": np.array(-1.0)}, "tr_s -1.0"),
        ({"tr_s": np.array("x")}, "tr_s is 'x': expected a number"),
    ):
        refused(read_dataset, npz(tmp_path / "c.npz", **(more | changes)), says=says)


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_what_is_written_may_be_read_as_the_umask_says(tmp_path, umask):
    usual = os.umask(umask)
    try:
        path = write_npz(hcp_aal2(), tmp_path / "c.npz")
    finally:
        os.umask(usual)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_writing_is_whole_or_not_at_all(tmp_path, monkeypatch):
    c = hcp_aal2()
    path = write_npz(c, tmp_path / "c.npz")
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    refused(write_npz, c, path, says="No space left")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    refused(write_npz, c, tmp_path / "c.txt", says="ends in .npz")
    refused(write_npz, c, tmp_path / "no" / "c.npz", says="does not exist")


# ---- bad files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights.csv": None}, "has no weights.csv"),
        ({"regions.csv": None}, "has no labels; add regions.csv"),
        ({"weights.csv": "0,1\n2,0\n"}, r"shape \(2, 2\) for 3 region labels"),
        ({"weights.csv": "0,1,2\n3,0,4\n"}, r"weights.csv: has shape \(2, 3\): expected a square"),
        ({"lengths_mm.csv": "0,1\n"}, r"lengths_mm.csv: has shape \(1, 2\): expected a square"),
        ({"weights.csv": "0,1,2\n3,0\n5,6,0\n"}, "weights.csv: row 1 has 2 values, row 0 has 3"),
        ({"weights.csv": "0,1,2\n3,0,x\n5,6,0\n"}, "row 1, column 2: 'x' is not a number"),
        ({"weights.csv": "0,1,2\n3,0,\n5,6,0\n"}, "row 1, column 2: '' is not a number"),
        ({"weights.csv": "0,1,2\n3,0,nan\n5,6,0\n"}, r"weights\[1, 2\] = nan"),
        ({"weights.csv": "0,1,2\n3,0,-4\n5,6,0\n"}, r"weights\[1, 2\] = -4 .*negative"),
        ({"weights.csv": ""}, "weights.csv: is empty"),
        ({"weights.csv": b"\xff\xfe\x00"}, "not UTF-8"),
        ({"weights.csv": "0;0,5\n1,5;0"}, "has semicolons; write commas"),
        ({"weights.csv": "0,1_0,2\n3,0,4\n5,6,0\n"}, "'1_0' is not a number"),
        ({"weights.csv": "0,1,2\n0,0,4\n0,0,0\n"}, "brain: weights is a triangular matrix"),
        ({"weights.txt": "0 1 2\n3 0 4\n5 6 0\n"}, "both weights.csv and weights.txt; keep one"),
        ({"lengths.csv": "0,1\n1,0\n"}, "lengths.csv: is no part of a .*; nearest: lengths_mm"),
        ({"dataset.toml": "directed = 1"}, "directed = 1: expected bool"),
        ({"dataset.toml": "direct = true"}, "'direct' is unknown; nearest: directed"),
        ({"dataset.toml": "x"}, "is no TOML"),
        ({"lengths_mm.csv": "0,0,20\n10,0,30\n20,30,0\n"}, r"lengths_mm\[0, 1\] = 0"),
        ({"weights.csv": ",a,b,c\na,0,1,2\nb,3,0,4\nc,5,6,0\n"}, "label 0 is 'a', but regions.csv"),
        ({"weights.csv": ",a,b,c\nb,0,1,2\na,3,0,4\nc,5,6,0\n"}, "labels of the rows"),
        ({"regions.csv": "label\na\nb\nc\n"}, "no column 'name'"),
        ({"regions.csv": ""}, "no column 'name'"),
        ({"regions.csv": "name\na\na\nb\n"}, r"regions\[1\] = 'a' repeats"),
        ({"regions.csv": "name,size\na,1\nb,2\nc,3\n"}, "column 'size' is unknown"),
        ({"regions.csv": "name,x_mm\na,1\nb,2\nc,3\n"}, "x_mm alone"),
        ({"regions.csv": "name,lobe\na\nb\nc\n"}, "row 1 has 1 values for 2 columns"),
        ({"regions.csv": "name,hemisphere\na,left\nb,R\nc,L\n"}, "hemisphere 'left'"),
        ({"regions.csv": "name,cortical\na,maybe\nb,1\nc,0\n"}, "cortical 'maybe'"),
        (
            {"regions.csv": "name,cortical,structure\na,1,thalamus\nb,1,cortex\nc,0,x\n"},
            "'a' has structure 'thalamus' and cortical True",
        ),
        ({"regions.csv": "name,t1w_t2w\na,-1\nb,1\nc,1\n"}, "t1w_t2w -1.0"),
    ],
)
def test_bad_csv(tmp_path, changes, says):
    files = {k: v for k, v in (CSV | changes).items() if v is not None}
    message = refused(read, csv_folder(tmp_path / "brain", files), says=says)
    assert "brain" in message


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights.txt": None}, "has no weights.txt"),
        ({"centres.txt": None}, "has no centres.txt"),
        ({"centres.txt": "lV1 1 2\n"}, "row 0: expected a label without spaces, x, y and z"),
        ({"centres.txt": "lV1 1 2 z\n"}, "row 0: 'z' is not a number"),
        ({"centres.txt": "lV1 1 2 3\n"}, r"shape \(3, 3\) for 1 region labels"),
        ({"weights.txt": "0 1\n2 x\n"}, "weights.txt: row 1, column 1: 'x'"),
        ({"weights.txt": b"\xff\xff"}, "cannot be read as a TVB zip"),
        ({"cortical.txt": "1 1"}, "cortical.txt: expected 3 numbers"),
        ({"hemispheres.txt": "1 1 2"}, "hemispheres.txt: expected 3 numbers that are 0 or 1"),
        ({"centres.txt": "Left V1 1 2 3\n"}, "a label without spaces"),
        ({"centers.txt": TVB["centres.txt"]}, "it has centres.txt and centers.txt, keep one"),
        ({"a/weights.txt": "0"}, "it has weights.txt and a/weights.txt, keep one"),
        ({"tract_lengths.txt": "0 1\n1 0"}, r"lengths_mm has shape \(2, 2\)"),
    ],
)
def test_bad_tvb(tmp_path, changes, says):
    members = {k: v for k, v in (TVB | changes).items() if v is not None}
    refused(read, a_tvb_zip(tmp_path / "mine.zip", members), says=says)


def test_a_bz2_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tvb_zip, "MAX_BYTES", 1000)
    members = {"weights.txt.bz2": bz2.compress(b"0 " * 100_000), "centres.txt": "a 1 2 3"}
    refused(read, a_tvb_zip(tmp_path / "mine.zip", members), says="too large")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": None}, "no array 'weights'"),
        ({"names": None}, "no array 'names'"),
        ({"names": np.array(["a", "b"])}, "for 2 region labels"),
        ({"names": np.array(["a", "b", None])}, "cannot be read as an .npz"),
        ({"names": np.array([1, 2, 3])}, "names: 1 is no text"),
        ({"names": np.array([b"\xff", b"b", b"c"])}, "names: .* is no UTF-8"),
        ({"names": np.array([["a", "b", "c"]])}, r"names has shape \(1, 3\): expected one row"),
        ({"lengths": np.ones((3, 3))}, "array 'lengths' is unknown; nearest: lengths_mm"),
        ({"directed": np.array(2)}, "directed is 2: expected True or False"),
        ({"weights": np.triu(WEIGHTS)}, "triangular matrix"),
        ({"weights": np.array([["x"] * 3] * 3)}, "square matrix of real numbers"),
        ({"weights": np.arange(3.0)}, "expected a square matrix"),
        ({"weights": np.full((3, 3), np.inf)}, r"weights\[0, 1\] = inf"),
        ({"centroid_mm": np.zeros((2, 3))}, r"centroid_mm has shape \(2, 3\): expected \(3, 3\)"),
        ({"hemisphere": np.array(["L", "R", "?"])}, "hemisphere '\\?'"),
        ({"t1w_t2w": np.array(["a", "b", "c"])}, "expected numbers"),
        ({"cortical": np.array([0, 1, 2])}, "True or False"),
        ({"centroid_mm": np.array([[1, 2, np.nan]] * 3)}, "three finite numbers"),
    ],
)
def test_bad_npz(tmp_path, changes, says):
    refused(read, npz(tmp_path / "c.npz", **changes), says=says)


def test_wrong_files(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    refused(read, text, says="'hello' is not a number")
    text = tmp_path / "notes.doc"
    text.write_text("hello")
    refused(read, text, says="a TVB .zip.*not a file of type '.doc'")
    for name in ("a.zip", "b.npz"):
        path = tmp_path / name
        path.write_text("hello")
        refused(read, path, says="cannot be read as an? ")
        path.write_bytes(b"")
        refused(read, path, says="cannot be read as an? ")
    single = io.BytesIO()
    np.save(single, np.eye(3))
    (tmp_path / "c.npz").write_bytes(single.getvalue())
    refused(read, tmp_path / "c.npz", says="cannot be read as an .npz")
    refused(read, tmp_path / "nowhere.npz", says="no such file")
    refused(read, "two\nlines.npz", says="no such file")
    refused(folder.read, text, says="expected a folder")
    (tmp_path / "folder.zip").mkdir()
    refused(read, tmp_path / "folder.zip", says="has no weights.csv")
    assert not exists("\0") and not exists("x" * 5000) and exists(text)


def test_a_truncated_file_is_refused(tmp_path):
    whole = write_npz(replace(hcp_aal2(), source=""), tmp_path / "c.npz").read_bytes()
    zipped = a_tvb_zip(tmp_path / "c.zip").read_bytes()
    for suffix, content in (("npz", whole), ("zip", zipped)):
        cut = tmp_path / f"cut.{suffix}"
        for part in np.linspace(0, len(content) - 1, 25).astype(int):
            cut.write_bytes(content[:part])
            refused(read, cut, says="cannot be read")


@fuzzed
@given(data=st.data(), suffix=st.sampled_from(["npz", "zip"]))
def test_a_damaged_file_is_a_connectome_or_one_line(tmp_path, data, suffix):
    path = tmp_path / f"damaged.{suffix}"
    content = bytearray((npz(path) if suffix == "npz" else a_tvb_zip(path)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    read_or_one_line(path)


cells = st.sampled_from(["0", "1", "2.5", "-1", "nan", "inf", "x", "", "1e999", '"', "L", "name"])
tables = st.lists(st.lists(cells, max_size=4), max_size=4).map(
    lambda rows: "\n".join(",".join(row) for row in rows)
)
contents = (
    tables.map(str.encode)
    | st.binary(max_size=40)
    | st.text(max_size=40).map(lambda s: s.encode("utf-8", "surrogatepass"))
)


@fuzzed
@given(st.dictionaries(st.sampled_from(list(CSV)), contents))
def test_any_csv_is_a_connectome_or_one_line(tmp_path, changes):
    read_or_one_line(csv_folder(tmp_path / "brain", changes))
    read_or_one_line(csv_folder(tmp_path / "brain", CSV | changes))


@fuzzed
@given(
    st.dictionaries(
        st.sampled_from([*TVB, "cortical.txt", "hemispheres.txt", "weights.txt.bz2"]),
        contents | tables.map(lambda t: t.replace(",", " ").encode()),
    )
)
def test_any_tvb_zip_is_a_connectome_or_one_line(tmp_path, changes):
    read_or_one_line(a_tvb_zip(tmp_path / "mine.zip", TVB | changes))


kinds = st.sampled_from([np.float64, np.int64, np.bool_, np.str_, np.complex128, np.bytes_])
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
members = (
    "weights names lengths_mm hemisphere centroid_mm t1w_t2w structure cortical lobe system name "
    "source directed subjects subject_weights subject_lengths_mm fmri tr_s map_x"
).split()


@fuzzed
@given(
    st.dictionaries(
        st.sampled_from(members), st.tuples(kinds, shapes).flatmap(lambda k: arrays(*k))
    )
)
def test_any_npz_is_a_connectome_or_one_line(tmp_path, changes):
    read_or_one_line(npz(tmp_path / "c.npz", **changes))
