"""`encephagen export`: a folder for another program, whole or not at all."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from encephagen.app.cli import app
from encephagen.app.export import _without_background
from encephagen.network.build import build


def call(*arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.fixture(scope="module")
def small(small_dataset):
    return "--dataset", small_dataset


@pytest.fixture(scope="module")
def exported(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "new" / "brain"
    run = call("nest", *small, "--recipe", "healthy_cortex", "--out", folder, "--json")
    assert run.exit_code == 0, run.output
    return folder, json.loads(run.stdout)


def test_json_tells_what_lies_there(exported):
    folder, told = exported
    assert told["run"] == str(folder / "run.py")
    assert told["n_synapses"] == len(np.load(folder / "source.npy"))
    assert told["bytes"] == sum(f.stat().st_size for f in folder.iterdir())
    with np.load(folder / "expected_spikes.npz") as expected:
        assert told["expected_spikes"] == len(expected["step"]) > 1000
        assert expected["seconds"] == 1.0
    assert (np.load(folder / "current_pA.npy") == told["current_pA"]).all()


def test_plain_nest_finds_the_same_spikes(exported):
    """Time for time in one second, by a Python that cannot see encephagen."""
    pytest.importorskip("nest")
    folder, told = exported
    command = [sys.executable, "-I", str(folder / "run.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True)
    n = f"{told['expected_spikes']:,}"
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{n} of {n} spikes are encephagen's; NEST has {n}" in run.stdout


def test_a_brain_without_background_has_the_same_synapses(brain_of):
    brain = brain_of()
    quiet = _without_background(brain)
    assert all(p.background.rate_Hz == 0 for p in quiet.populations)
    before, after = build(brain, seed=3).edges(), build(quiet, seed=3).edges()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values)


def test_sonata_says_how_to_read_it(small, tmp_path):
    run = call("sonata", *small, "--out", tmp_path / "s", "--seed", 3)
    assert run.exit_code == 0, run.output
    assert "synapses are in" in run.stdout
    assert str(tmp_path / "s" / "circuit_config.json") in run.stdout.replace("\n", "")


def test_a_folder_that_holds_something_is_left_alone(small, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for kind in ("nest", "sonata"):
        run = call(kind, *small, "--out", tmp_path)
        assert run.exit_code == 2 and "is not empty; give a new folder" in run.stderr
        run = call(kind, *small, "--out", tmp_path / "mine.txt")
        assert run.exit_code == 2 and "is no folder" in run.stderr
    assert [f.name for f in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dataset", "no-such"), "no-such"),
        (("--current-pA", "nan"), "--current-pA nan: give a finite current"),
        (("--current-pA", "1e5"), "the run was stopped after 50 ms"),
    ],
)
def test_nothing_is_left_of_what_failed(small, tmp_path, options, said):
    run = call("nest", *small, "--out", tmp_path / "new", *options)
    assert run.exit_code == 2, run.output
    assert said in run.stderr
    assert not (tmp_path / "new").exists()
