"""A run is done once, kept as it ends, and never taken for one that it is not."""

import signal
from pathlib import Path

import numpy as np
import pytest

from encephagen.experiments import runner as module
from encephagen.experiments.runner import Count, RunFailed, Runner
from encephagen.experiments.store import Store

calls = []
broken = set()


def square(x, how=None):
    """A run that notes that it was done."""
    calls.append(x)
    if x in broken:
        raise ZeroDivisionError(f"no root of {x}")
    return {"x": x, "square": np.array([x * x]), "pair": (x, x)}


def interrupted(x):
    """A run that returns what it has when Ctrl-C comes, as a session's record does."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return {"x": x, "so far": 0.1}
    return {"x": x}


def of_no_kind(x):
    """A run that returns what no file holds."""
    return {"x": {x}} if x else x


@pytest.fixture(autouse=True)
def clean():
    calls.clear()
    broken.clear()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def arguments(*xs):
    return [{"x": x} for x in xs]


def test_results_come_in_order_and_equal_runs_are_one():
    runner = Runner()
    found = runner.map(square, arguments(3, 1, 3, 2), label="squares")
    assert [r["square"].item() for r in found] == [9, 1, 9, 4]
    assert calls == [3, 1, 2] and runner.n_runs == 3 and runner.n_resumed == 0
    assert runner.map(square, [], label="none") == []


def test_what_is_kept_is_not_done_again(store):
    fresh = Runner(store).map(square, arguments(1, 2), label="squares")
    again = Runner(store)
    found = again.map(square, arguments(2, 3, 1), label="other words")
    assert calls == [1, 2, 3]
    assert (again.n_runs, again.n_resumed) == (3, 2)
    # also fresh ones are as the store gives them back: a tuple is a list
    assert fresh[0]["pair"] == found[2]["pair"] == [1, 1]
    assert fresh[1]["square"].dtype == found[0]["square"].dtype


def test_other_arguments_another_function_and_other_code_are_other_runs(store, monkeypatch):
    Runner(store).map(square, [{"x": 2}], label="squares")
    Runner(store).map(square, [{"x": 2.0}, {"x": 2, "how": None}], label="squares")
    assert len(calls) == 3
    monkeypatch.setattr(module, "code_digest", lambda function: "code of tomorrow")
    Runner(store).map(square, [{"x": 2}], label="squares")
    assert len(calls) == 4
    Runner(store).map(of_no_kind_but_plain, [{"x": 2}], label="squares")
    assert len(list(store.folder.iterdir())) == 5


def of_no_kind_but_plain(x):
    """Another function of the same arguments."""
    return {"x": x}


def test_a_dataset_of_one_s_own_counts_with_what_is_in_it(store, tmp_path, monkeypatch):
    file, folder = tmp_path / "mine.npz", tmp_path / "mine"
    folder.mkdir()
    for path, changing in ((file, file), (folder, folder / "weights.csv")):
        for content in (b"first", b"first", b"second"):
            changing.write_bytes(content)
            Runner(store).map(read, [{"dataset": str(path)}], label="own")
    assert calls == ["first", "second"] * 2
    (folder / "fmri").mkdir()  # a folder within, and the home folder by its sign
    monkeypatch.setenv("HOME", str(tmp_path))
    for content in (b"a scan", b"another"):
        (folder / "fmri" / "s1.csv").write_bytes(content)
        Runner(store).map(read, [{"dataset": "~/mine"}], label="own")
    assert len(calls) == 6


def read(dataset):
    """A run that depends on a file."""
    path = Path(dataset).expanduser()
    content = (path if path.is_file() else path / "weights.csv").read_text()
    calls.append(content)
    return {"content": content}


def test_a_damaged_file_is_done_again_and_noted(store):
    Runner(store).map(square, arguments(1, 2), label="squares")
    first = sorted(store.folder.iterdir())[0]
    first.write_bytes(first.read_bytes()[:100])
    runner = Runner(store)
    runner.map(square, arguments(1, 2), label="squares")
    assert len(calls) == 3 and runner.n_resumed == 1
    (note,) = runner.notes
    assert "done again: 'squares', x=" in note and "damaged" in note
    assert Runner(store).map(square, arguments(1, 2), label="squares") and len(calls) == 3


def test_a_failing_run_is_named_when_all_others_have_ended(store):
    broken.update({2, 4})
    counts = []
    with pytest.raises(RunFailed) as caught:
        Runner(store, progress=counts.append).map(square, arguments(1, 2, 3, 4), label="squares")
    assert calls == [1, 2, 3, 4]
    message = str(caught.value)
    assert message == (
        "run 1 of 'squares', x=2: ZeroDivisionError: no root of 2 (and 1 more runs failed)"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert counts[0] == Count("squares", total=4, done=0, resumed=0, failed=0)
    assert counts[-1] == Count("squares", total=4, done=2, resumed=0, failed=2)
    broken.clear()
    found = Runner(store).map(square, arguments(1, 2, 3, 4), label="squares")
    assert calls == [1, 2, 3, 4, 2, 4] and [r["x"] for r in found] == [1, 2, 3, 4]


def test_a_recording_that_ctrl_c_cut_short_is_not_kept_as_a_whole_one(store):
    with pytest.raises(KeyboardInterrupt):
        Runner(store).map(interrupted, arguments(1), label="cut")
    assert not store.folder.exists() or not list(store.folder.iterdir())


@pytest.mark.parametrize("given", [np.float64("nan"), {1}, np.ones(2), float("inf")])
def test_arguments_are_plain(given):
    with pytest.raises(ValueError, match=r"arguments of 'squares': .*; expected numbers"):
        Runner().map(square, [{"x": given}], label="squares")
    assert not calls


@pytest.mark.parametrize(("x", "message"), [(0, "returned a int"), (1, "is a set")])
def test_results_are_plain(x, message):
    with pytest.raises(RunFailed, match=f"run 0 of 'odd', x={x}: ValueError: .*{message}"):
        Runner().map(of_no_kind, arguments(x), label="odd")
