"""A study in a file of one's own: loaded by its path, shipped to workers that lack it."""

import os
import subprocess
import sys

import pytest

from encephagen.experiments import own, study
from encephagen.experiments.own import Shipped, load, shipped
from encephagen.experiments.runner import Runner
from encephagen.experiments.store import Store

MINE = '''
"""Twice as much: a study of mine."""
import os
from dataclasses import dataclass
from aside_of_mine import twice
from encephagen.experiments.result import Result

CLAIM = "Twice is more."

@dataclass(frozen=True)
class Config:
    """The numbers.

    seeds   how many
    gain, loss   what each is multiplied by,
                 and divided
    """

    seeds: int = 3
    gain: float = 2.0
    loss: float = 1.0

def one(seed, gain):
    return {"y": twice(seed) * gain, "pid": os.getpid()}

def run(config, runner):
    todo = [{"seed": seed, "gain": config.gain} for seed in range(config.seeds)]
    found = runner.map(one, todo, label="ones")
    return Result(values={"y": [r["y"] for r in found], "pids": len({r["pid"] for r in found})},
                  verdict="It is more.")
'''


@pytest.fixture
def mine(tmp_path):
    """A file with a study, which imports another beside it."""
    file = tmp_path / "my-own_study.py"
    file.write_text(MINE)
    (tmp_path / "aside_of_mine.py").write_text("def twice(x):\n    return 2 * x\n")
    yield file
    for name in ("my-own_study", "aside_of_mine"):
        sys.modules.pop(name, None)
    sys.path[:] = [p for p in sys.path if p != str(tmp_path)]


def test_it_is_a_study_like_another(mine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = study.find("my-own_study.py")
    assert chosen.name == "my-own-study" and chosen.title == "Twice as much: a study of mine"
    assert [s.meaning for s in chosen.settings] == [
        "how many",
        *["what each is multiplied by, and divided"] * 2,
    ]
    runner = Runner(Store(tmp_path / "runs"))
    result = chosen.run(chosen.configure({"seeds": "2"}), runner)
    assert result.values["y"] == [0.0, 4.0] and result.provenance["file"] == str(mine)
    again = Runner(Store(tmp_path / "runs"))
    chosen.run(chosen.configure({}), again)
    assert (again.n_runs, again.n_resumed) == (3, 2)
    assert "my-own-study" not in study.names()


def test_a_copy_elsewhere_is_the_same_study(mine, tmp_path):
    runner = Runner(Store(tmp_path / "runs"))
    study.find(str(mine)).run(load(mine).Config(), runner)
    there = tmp_path / "there"
    there.mkdir()
    for file in (mine, tmp_path / "aside_of_mine.py"):
        (there / file.name).write_text(file.read_text())
    moved = Runner(Store(tmp_path / "runs"))
    chosen = study.find(str(there / mine.name))
    chosen.run(chosen.config(), moved)
    assert moved.n_resumed == moved.n_runs == 3


def test_a_process_without_the_file_gets_it(mine, tmp_path):
    import cloudpickle

    sent = shipped(load(mine).one)
    assert isinstance(sent, Shipped) and shipped(len) is len
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(sent))
    mine.unlink()
    (tmp_path / "aside_of_mine.py").unlink()
    code = (
        "import pickle, sys\n"
        "f = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(f(seed=2, gain=3)['y'], f(seed=1, gain=1)['y'])\n"
        "print(sys.modules['my-own_study'].__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "sent"], capture_output=True, text=True, check=True
    )
    twelve, two, where = done.stdout.split()
    assert (twelve, two) == ("12", "2") and not os.path.exists(where)  # removed at the end


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = (", "cannot be loaded, line 1: '(' was never closed; mend it"),
        ("\n\n1 / 0\n", "cannot be loaded, line 3: ZeroDivisionError: division by zero; mend it"),
        ("import sys\nsys.exit(1)", "cannot be loaded, line 2: SystemExit: 1; mend it"),
        ("import no_such_thing", "line 1: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("x = 1", "has no CLAIM, so it is no study: add what is claimed"),
        ("CLAIM = ''", "has no Config, so it is no study: add a frozen dataclass Config"),
        ("CLAIM = Config = ''", "has no run, so it is no study: add run(config, runner)"),
        ("CLAIM = Config = run = ''", "is no dataclass: write @dataclass over it"),
    ],
)
def test_a_file_that_is_no_study_says_what_to_do(tmp_path, source, words):
    file = tmp_path / "no_study.py"
    file.write_text(source)
    sys.modules.pop("no_study", None)
    with pytest.raises(ValueError) as caught:
        study.find(str(file)).module  # noqa: B018
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_that_hides_another_module_is_refused(tmp_path):
    for name in ("random.py", "numpy.py", "pytest.py"):
        (tmp_path / name).write_text("x = 1")
        with pytest.raises(ValueError, match="has the name of another module.*rename the file"):
            own.load(tmp_path / name)
    with pytest.raises(ValueError, match=r"nowhere.py is not there"):
        study.find("nowhere.py")
