"""Snapshots: files whole or not at all, and every damaged or foreign one refused in one line."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encephagen.engine.session import Session
from encephagen.engine.snapshot import MAGIC, Snapshot
from encephagen.network.build import build


@pytest.fixture(scope="module")
def network(brain_of):
    """Coupled, with background."""
    return build(brain_of(), seed=1)


@pytest.fixture(scope="module")
def snapshot(network):
    """Of a session with a past, inputs and lesions."""
    session = Session(network, noise_seed=np.int64(2), initial_seed=3, threads=1)
    session.current_pA[3] = 50.0
    session.poisson_Hz[4] = 60.0
    session.silence("A")
    session.cut(np.array(["visual"]), "D")
    session.advance(500)
    return session.snapshot()


@pytest.fixture(scope="module")
def content(snapshot, tmp_path_factory):
    """The bytes of its file."""
    path = tmp_path_factory.mktemp("snapshot") / "file"
    snapshot.save(path)
    return path.read_bytes()


def assert_equal(a, b):
    for f in dataclasses.fields(Snapshot):
        if f.name != "arrays":
            assert repr(getattr(a, f.name)) == repr(getattr(b, f.name)), f.name
    assert a.arrays.keys() == b.arrays.keys()
    for name in a.arrays:
        assert a.arrays[name].dtype == b.arrays[name].dtype
        assert np.array_equal(a.arrays[name], b.arrays[name]), name


def refused(path, match):
    with pytest.raises(ValueError, match=match) as error:
        Snapshot.load(path)
    assert len(str(error.value).splitlines()) == 1 and str(path) in str(error.value)


def test_a_file_gives_back_every_field(snapshot, content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    assert_equal(Snapshot.load(tmp_path / "file"), snapshot)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "nothing else is left behind"


def test_the_arrays_of_a_snapshot_are_its_own(network, snapshot):
    session = Session(network, noise_seed=2, threads=1)
    session.restore(snapshot)
    before = {name: array.copy() for name, array in snapshot.arrays.items()}
    session.current_pA[:] = 1.0
    session.advance(100)
    assert all(np.array_equal(before[name], snapshot.arrays[name]) for name in before)


def test_an_interrupted_save_leaves_the_old_file(snapshot, content, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(content)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        snapshot.save(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_there(tmp_path):
    refused(tmp_path / "none", "no snapshot at .*: give a file that was saved")
    refused(tmp_path, "no snapshot at")


@pytest.mark.parametrize(
    "other", [b"", b"hello", b"PK\x03\x04", b"\x89HDF\r\n", MAGIC[:-2], b"encephagen snapshot 1\n"]
)
def test_a_foreign_file(tmp_path, other):
    (tmp_path / "file").write_bytes(other)
    refused(tmp_path / "file", "is not a snapshot of this version")


@given(st.data())
def test_any_damage_is_refused(content, tmp_path_factory, data):
    """Cut short, lengthened, or changed in any byte: one line, never another error."""
    path = tmp_path_factory.getbasetemp() / "damaged"
    kind = data.draw(st.sampled_from(["cut", "longer", "changed", "swapped"]))
    at = data.draw(st.integers(0, len(content) - 1))
    if kind == "cut":
        damaged = content[:at]
    elif kind == "longer":
        damaged = content + data.draw(st.binary(min_size=1))
    elif kind == "changed":
        value = data.draw(st.integers(1, 255))
        damaged = content[:at] + bytes([content[at] ^ value]) + content[at + 1 :]
    else:
        damaged = content[at:] + content[:at]
    if damaged == content:
        return
    path.write_bytes(damaged)
    refused(path, "is not a snapshot of this version|is truncated or damaged")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"network": "0" * 64}, "network"),
        ({"noise_seed": 3}, "noise seed"),
        ({"format": "cpu float64 16"}, "engine"),
        ({"format": "reference"}, "engine"),
    ],
)
def test_a_snapshot_of_something_else_changes_nothing(network, snapshot, change, what):
    session, untouched = (Session(network, noise_seed=2, threads=1) for _ in range(2))
    with pytest.raises(ValueError, match=f"the snapshot is of another {what} .*: build the same"):
        session.restore(dataclasses.replace(snapshot, **change))
    assert session.step == 0 and session.lesions == ()
    assert session.record(50.0).spike_digest() == untouched.record(50.0).spike_digest()


@pytest.mark.parametrize("name", ["values", "spikes", "current_pA", "poisson_Hz"])
def test_arrays_that_do_not_fit_change_nothing(network, snapshot, name):
    session = Session(network, noise_seed=2, threads=1)
    session.silence("C")
    arrays = snapshot.arrays | {name: np.ravel(snapshot.arrays[name])[:-1]}
    with pytest.raises(ValueError, match=f"the snapshot's {name} have shape"):
        session.restore(dataclasses.replace(snapshot, arrays=arrays))
    assert session.step == 0 and list(map(str, session.lesions)) == ["silenced C"]


def test_a_snapshot_of_another_wiring_seed_is_of_another_network(brain_of, snapshot):
    session = Session(build(brain_of(), seed=2), noise_seed=2, threads=1)
    with pytest.raises(ValueError, match="another network"):
        session.restore(snapshot)


def test_restoring_brings_back_inputs_lesions_and_clock(network, snapshot):
    session = Session(network, noise_seed=2, threads=1)
    session.silence("C")
    session.restore(snapshot)
    assert (session.step, session.initial_seed) == (500, 3)
    assert (session.current_pA[3], session.poisson_Hz[4]) == (50.0, 60.0)
    assert list(map(str, session.lesions)) == ["silenced A", "cut visual -> D"]
    assert session.lesions[1].n_synapses > 0
    assert_equal(session.snapshot(), snapshot)
