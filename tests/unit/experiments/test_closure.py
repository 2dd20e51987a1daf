"""A kept run is done again when what it can reach has changed, and only then."""

import sys

import pytest

from encephagen.experiments import closure
from encephagen.experiments.closure import ROOT, code_digest, reach
from encephagen.experiments.own import load
from encephagen.experiments.studies import rhythm, spiking_hierarchy
from encephagen.experiments.studies.propagation import brain as propagation

CACHED = (closure._read, closure._reach, closure._imported, closure.package_digest)


@pytest.fixture
def edited(monkeypatch):
    """A function that returns the code of a run as if some files of the package were edited."""
    read = closure._read

    def code_of(function, *names):
        def changed(file):
            inside = file.is_relative_to(ROOT) and file.relative_to(ROOT).as_posix() in names
            found, text = read(file)
            return ("changed" if inside else found), text

        closure.package_digest.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(closure, "_read", changed)
            found = code_digest(function)
        closure.package_digest.cache_clear()
        return found

    return code_of


@pytest.mark.parametrize("run", [rhythm.at_rest, spiking_hierarchy.rates, propagation.respond])
@pytest.mark.parametrize(
    "inside",
    [
        "engine/session.py",
        "connectome/nulls/strength.py",
        "connectome/data/hcp-aal2.npz",
        "brain/recipes/healthy_cortex.toml",
        "experiments/prepare.py",
        "rng.py",
        "models/receptors.py",
    ],
)
def test_what_a_run_can_reach_does_it_again(edited, run, inside):
    assert edited(run, inside) != edited(run)


@pytest.mark.parametrize("run", [rhythm.at_rest, spiking_hierarchy.rates, propagation.respond])
def test_pictures_pages_other_studies_and_what_keeps_results_do_nothing_again(edited, run):
    outside = [
        *(f.relative_to(ROOT).as_posix() for f in ROOT.rglob("figures/*.py")),
        *(f.relative_to(ROOT).as_posix() for f in ROOT.rglob("app/*.py")),
        "experiments/studies/fc_tuning.py",
        "experiments/fit.py",
        "experiments/search/theory.py",
        "experiments/runner.py",
        "experiments/store.py",
        "experiments/result.py",
        "experiments/design.py",
        "bodies/spinal.py",
    ]
    assert edited(run, *outside) == edited(run)


def test_only_some_studies_need_pulses(edited):
    assert edited(propagation.respond, "tasks/pulses.py") != edited(propagation.respond)
    assert edited(rhythm.at_rest, "tasks/pulses.py") == edited(rhythm.at_rest)


def test_versions_of_packages_count(monkeypatch):
    before = code_digest(rhythm.at_rest)
    monkeypatch.setattr(closure, "versions", lambda: {"numba": "9.9"})
    closure.package_digest.cache_clear()
    assert code_digest(rhythm.at_rest) != before
    closure.package_digest.cache_clear()


SOURCE = '''
"""A study."""
from typing import TYPE_CHECKING
import numpy as np
from encephagen.rng import stream
import beside

if TYPE_CHECKING:
    from encephagen.app import cli

GAIN = 2.0
TITLE = "of a picture"

def gained(x):
    return GAIN * x

def one(x):
    """A run, in which `run` is a local name."""
    from encephagen.analysis.spectra import peaks
    run = gained(x) + beside.shift
    return {"x": run}

def run(config, runner):
    from encephagen.engine.session import Session
    return draw(one(1))

def draw(x):
    from encephagen.figures import overview
    return TITLE
'''


def test_of_its_own_file_a_run_depends_on_what_it_reaches_by_name(tmp_path):
    file, other = tmp_path / "a_study.py", tmp_path / "beside.py"

    def code(source=SOURCE, beside="shift = 1\n"):
        file.write_text(source)
        other.write_text(beside)
        for cached in CACHED:
            cached.cache_clear()
        for name in ("a_study", "beside"):
            sys.modules.pop(name, None)
        function = load(file).one
        return reach(function), code_digest(function)

    found, before = code()
    assert found.modules == ("encephagen.analysis.spectra",)  # nothing of what `run` needs
    for same in (
        SOURCE.replace("of a picture", "of another"),
        SOURCE.replace("figures import overview", "figures import raster"),
        SOURCE.replace("draw(one(1))", "draw(one(2))"),
        f"# A remark.\n{SOURCE}",
    ):
        assert same != SOURCE and code(same)[1] == before
    for changed in (
        SOURCE.replace("GAIN = 2.0", "GAIN = 3.0"),
        SOURCE.replace("GAIN * x", "GAIN + x"),
        SOURCE.replace("spectra import peaks", "rates import binned_rate"),
    ):
        assert changed != SOURCE and code(changed)[1] != before
    assert code(beside="shift = 2\n")[1] != before
    sys.modules.pop("a_study", None)


TAKES = """
GAIN = 1
TABLE = {}
TABLE['a'] = [i for i in (1, 2)]
if __name__ == 'other':
    pass
else:
    GAIN = 2

def one(x):
    return {"x": GAIN * len(TABLE['a'])}
"""


@pytest.mark.parametrize(("old", "new"), [("(1, 2)", "(1, 3)"), ("GAIN = 2", "GAIN = 3")])
def test_what_changes_a_name_belongs_to_it(tmp_path, old, new):
    assert code_of(tmp_path / "a.py", TAKES) != code_of(tmp_path / "b.py", TAKES.replace(old, new))
    assert code_of(tmp_path / "c.py", TAKES) == code_of(tmp_path / "a.py", TAKES)


@pytest.mark.parametrize(
    ("how", "file"),
    [
        ("from helper_a import *", "helper_a.py"),
        ("from helper_b import gain", "helper_b/__init__.py"),
        ("from lib_c.helper import gain", "lib_c/helper.py"),
        ("from lib_d import helper", "lib_d/helper.py"),
    ],
)
def test_all_that_is_imported_from_beside_it_counts(tmp_path, monkeypatch, how, file):
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    seen = []
    for content in ("gain = 1", "gain = 2"):
        path.write_text(content)
        name = "gain" if how.endswith(("gain", "*")) else "helper.gain"
        text = f"{how}\n\ndef one(x):\n    return {{'x': {name} * x}}\n"
        seen.append(code_of(tmp_path / "a_study.py", text))
    assert seen[0] != seen[1]


def code_of(file, text):
    """Return the code of the run `one` of a file, as a new process would find it."""
    file.write_text(text)
    for cached in CACHED:
        cached.cache_clear()
    sys.modules.pop(file.stem, None)
    return code_digest(load(file).one)
