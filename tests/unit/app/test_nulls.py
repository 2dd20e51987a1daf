"""The command `nulls` prints every proof, and every refusal with its reason."""

import json

import numpy as np
import pytest

from encephagen.app.nulls import nulls
from encephagen.connectome.datasets import hcp_aal2, load
from encephagen.connectome.nulls import NULLS
from encephagen.connectome.nulls.flat import homogeneous
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset

STEMS = (
    "Calcarine Cuneus Heschl Postcentral Precentral Frontal_Sup_2 Frontal_Mid_2 Parietal_Inf "
    "Angular Precuneus Temporal_Mid Cingulate_Ant"
).split()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A file with 24 regions, every pair of them connected."""
    names = [f"{stem}_{side}" for stem in STEMS for side in "LR"]
    return write_npz(subset(hcp_aal2(), names), tmp_path_factory.mktemp("data") / "small.npz")


def test_json_has_every_proof_and_the_reason_of_every_refusal(dataset, capsys):
    assert nulls(str(dataset), 0, None, True) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["nulls"]) == list(NULLS)
    for name, found in document["nulls"].items():
        assert found["made"] == (name != "degree-swaps")
        if found["made"]:
            assert found["proof"]["fraction_changed"] > 0.1
            assert found["proof"]["kept"]
    assert "none can be swapped" in document["nulls"]["degree-swaps"]["refused"]
    assert document["maps"]["t1w_t2w"]["proof"]["moran_error"] < 1e-9
    assert document["density"] == 1.0 and document["digest"] == load(dataset).digest()


def test_the_table_fits_and_explains(dataset, capsys, tmp_path):
    folder = tmp_path / "new" / "nulls"
    assert nulls(str(dataset), 1, folder, False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for name in NULLS:
        assert any(line.startswith(f"{name} ") for line in lines), name
        assert any(line.startswith(f"{name}: ") for line in lines), name
    assert any("refused: degree-swaps of" in line for line in lines)
    # what was written is what was proven, and can be loaded as a data set
    proofs = json.loads((folder / "proofs.json").read_text())["nulls"]
    written = {path.stem for path in folder.glob("*.npz")}
    assert written == set(NULLS) - {"degree-swaps"}
    for name in written:
        assert load(folder / f"{name}.npz").digest() == proofs[name]["proof"]["null"]


def test_where_no_null_can_be_made_the_status_says_so(dataset, capsys, tmp_path):
    flat = write_npz(homogeneous(load(dataset))[0], tmp_path / "flat.npz")
    assert nulls(str(flat), 0, None, False) == 1
    assert capsys.readouterr().out.count("refused: ") == len(NULLS)


def test_without_lengths_and_maps_the_rest_is_still_shown(dataset, capsys, tmp_path):
    bare = tmp_path / "bare.npz"
    with np.load(dataset) as archive:
        np.savez(bare, weights=archive["weights"], names=archive["names"])
    assert nulls(str(bare), 0, None, True) == 0
    document = json.loads(capsys.readouterr().out)
    assert "no lengths_mm" in document["nulls"]["length-binned"]["refused"]
    assert document["nulls"]["weight-shuffle"]["proof"]["weight_length"] is None
    assert not document["maps"]["t1w_t2w"]["made"]
    assert nulls(str(bare), 0, None, False) == 0
    assert "spatial nulls refused" in capsys.readouterr().out


def test_a_directed_connectome_that_is_not_strongly_connected_has_an_answer(capsys, tmp_path):
    """It hung for ever; four regions, of which two receive from one of the others alone."""
    weights = np.array([[0, 0, 3, 0], [0, 0, 7, 0], [9, 0, 0, 0], [0, 14, 0, 0]])
    bare = tmp_path / "directed.npz"
    np.savez(
        bare, weights=weights, names=["A_L", "A_R", "B_L", "B_R"], lengths_mm=50 * (weights > 0)
    )
    assert nulls(str(bare), 0, None, True) == 0
    found = json.loads(capsys.readouterr().out)["nulls"]["degree-swaps"]
    assert found["made"] and found["proof"]["degree_kept"]


def test_ctrl_c_keeps_what_was_made(dataset, capsys, tmp_path, monkeypatch):
    def interrupted(connectome, seed, **_):
        raise KeyboardInterrupt

    monkeypatch.setitem(NULLS, "strength", interrupted)
    for as_json in (False, True):
        with pytest.raises(KeyboardInterrupt):
            nulls(str(dataset), 1, tmp_path / "out", as_json)
        written = json.loads((tmp_path / "out" / "proofs.json").read_text())
        assert written["interrupted"]
        assert list(written["nulls"]) == ["weight-shuffle", "length-binned"]
        digest = written["nulls"]["weight-shuffle"]["proof"]["null"]
        assert load(tmp_path / "out" / "weight-shuffle.npz").digest() == digest
        shown = capsys.readouterr().out
        assert "weight-shuffle" in shown and "homogeneous" not in shown


def test_what_cannot_be_written_is_refused_before_the_run(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("encephagen.connectome.nulls.NULLS", {"never": None})
    (tmp_path / "proofs.json").mkdir()
    with pytest.raises(ValueError, match="proofs.json is a folder"):
        nulls(str(dataset), 0, tmp_path, False)


def test_names_with_brackets_and_dollars_pass(capsys, tmp_path):
    path, name = tmp_path / "c.npz", "[/red]$5^$x"
    weights = np.random.default_rng(0).random((12, 12)) * (1 - np.eye(12))
    np.savez(path, weights=weights, names=[f"[/b]{i}" for i in range(12)], name=name)
    assert nulls(str(path), 0, None, False) == 0
    assert "nulls of [/red]$5^$x: 12 regions" in capsys.readouterr().out
