"""The store gives back what it got, or says that it cannot; never anything else."""

import numpy as np
import pytest

from encephagen.experiments.store import Store, pack, unpack
from encephagen.files import whole

RESULT = {
    "rate_Hz": np.linspace(0.0, 9.0, 500),
    "counts": np.arange(6, dtype=np.int32).reshape(2, 3),
    "alarms": ["silent: V1"],
    "reach": {"visual": 40, "p": 0.25, "latency_ms": None, "curve": [np.ones(3), (1, 2)]},
    "r": float("nan"),
    "n": np.int64(7),
}


def test_what_comes_out_is_what_went_in(tmp_path):
    kept = Store(tmp_path / "runs")
    assert kept.get("a") is None
    kept.put("a", RESULT)
    found = kept.get("a")
    assert found["rate_Hz"].tolist() == RESULT["rate_Hz"].tolist()
    assert found["counts"].dtype == np.int32 and found["counts"].shape == (2, 3)
    assert found["alarms"] == ["silent: V1"] and found["n"] == 7
    assert found["reach"]["curve"][0].tolist() == [1.0, 1.0, 1.0]
    assert found["reach"]["curve"][1] == [1, 2]  # a tuple is a list now
    assert np.isnan(found["r"])
    assert [f.name for f in (tmp_path / "runs").iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"fc": {"matrix": {1, 2}}}, r"result\['fc'\]\['matrix'\] is a set"),
        ({"x": np.array([object()])}, r"result\['x'\] is a ndarray"),
        ({"x": {3: "number as key"}}, r"result\['x'\] is a dict"),
        ({"x": [1, b"bytes"]}, r"result\['x'\]\[1\] is a bytes"),
    ],
)
def test_what_no_file_could_hold_is_refused_by_name(value, named):
    with pytest.raises(ValueError, match=named):
        pack(value)


def test_a_result_that_looks_like_a_reference_is_no_array():
    with pytest.raises(ValueError, match="__array__"):
        pack({"x": {"__array__": "array_0"}})
    text, arrays = pack({"x": np.ones(2)})
    assert unpack(text, arrays)["x"].tolist() == [1.0, 1.0]


def test_damage_is_told_and_never_read(tmp_path):
    kept = Store(tmp_path)
    kept.put("a", RESULT)
    content = (tmp_path / "a.npz").read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "a.npz").write_bytes(content[:length])
        with pytest.raises(ValueError, match="a.npz is damaged"):
            kept.get("a")
    middle = content.index(b"array_0.npy") + 200  # within the numbers
    (tmp_path / "a.npz").write_bytes(
        content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
    )
    with pytest.raises(ValueError, match="a.npz is damaged"):
        kept.get("a")


def test_a_file_is_whole_or_not_there(tmp_path):
    file = tmp_path / "result.json"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole(file) as part:
        part.write_text("half of the ne")
        raise KeyboardInterrupt
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
