"""A result says the same when it is loaded as when it was found."""

import json

import numpy as np
import pytest

from encephagen.experiments.result import PROVENANCE, Result
from encephagen.validation.targets import Target, Verdict, judge

ROWS = (
    judge("rate_exc_Hz", 2.5, interval=(2.0, 3.0), n=4, note="over seeds"),
    judge("ratio", 0.5, target=Target("ratio", 1.0, None, "", "claimed")),
    judge("linear_r", 0.6, otherwise=Verdict.BASELINE),
    judge("reach", float("nan"), unit="regions"),
)


def result(**changes):
    given = {
        "values": {"visual": {"reach": np.int64(40), "p": np.float32(0.5)}, "r": (0.5, np.nan)},
        "verdict": "It holds.",
        "rows": ROWS,
        "data": {"rate_Hz": np.arange(3.0), "names": np.array(["V1", "M1"])},
        "study": "a-study",
        "claim": "It was claimed.",
        "config": {"seeds": 3, "durations": (1.0, 2.0)},
        "provenance": {**dict.fromkeys(PROVENANCE, "x"), "n_runs": 3},
    }
    return Result(**(given | changes))


def test_saved_and_loaded_it_is_the_same(tmp_path):
    made = result()
    made.save(tmp_path / "new" / "folder")
    loaded = Result.load(tmp_path / "new" / "folder")
    assert loaded.as_dict() == made.as_dict()
    assert [row.as_dict() for row in loaded.rows] == [row.as_dict() for row in ROWS]
    assert [row.certain for row in loaded.rows] == [True, False, False, False]
    assert loaded.data["rate_Hz"].tolist() == [0.0, 1.0, 2.0]
    assert loaded.data["names"].tolist() == ["V1", "M1"]


def test_it_is_plain_json_and_what_is_not_finite_is_none():
    document = json.loads(json.dumps(result().as_dict(), allow_nan=False))
    assert document["values"] == {"visual": {"reach": 40, "p": 0.5}, "r": [0.5, None]}
    assert document["config"]["durations"] == [1.0, 2.0]
    assert document["rows"][3]["verdict"] == "not measured"


def test_its_arrays_are_its_own():
    rate_Hz = np.arange(3.0)
    made = result(data={"rate_Hz": rate_Hz})
    rate_Hz[0] = 9.0
    assert made.data["rate_Hz"][0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        made.data["rate_Hz"][0] = 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": {"fc": np.ones(2)}}, "values.fc is a ndarray"),
        ({"values": {"verdict": "mine"}}, "values has 'verdict', a part of every result"),
        ({"values": {"out": 1}}, "values has 'out'"),
        ({"data": {"x": np.array([object()])}}, "data 'x' has objects"),
    ],
)
def test_what_no_file_could_say_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        result(**changes)


def test_what_is_no_result_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"has no result\.json: expected a folder that"):
        Result.load(tmp_path)
    result().save(tmp_path)
    (tmp_path / "result.npz").write_bytes(b"PK but no archive")
    with pytest.raises(ValueError, match="cannot be read: .*damaged"):
        Result.load(tmp_path)
    (tmp_path / "result.json").write_text('{"study": "x"}')
    with pytest.raises(ValueError, match="cannot be read"):
        Result.load(tmp_path)
    (tmp_path / "result.npz").unlink()
    with pytest.raises(ValueError, match=r"cannot be read|no result\.npz"):
        Result.load(tmp_path)
