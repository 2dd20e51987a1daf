"""Result: what a study found, as plain numbers, table rows and arrays that a file can hold."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.experiments.store import read_arrays
from encephagen.files import plain, to_json, whole
from encephagen.validation.targets import Row

JSON, ARRAYS = "result.json", "result.npz"
PROVENANCE = ("code", "n_runs", "resumed", "notes", "wall_s", "created", "versions")
"""What every kept result says of where it is from."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What a study found.

    values: figures by name, nested dicts of plain values; `--json` prints them at its top level too
    rows: the table for people
    data: arrays by name, for the pictures
    verdict: what it comes to, in one sentence

    `Study.run` adds the rest: ``study`` (its name), ``claim``, ``config``, ``provenance``. Numbers
    that are not finite become None. Raises ValueError for values that are not plain, or that have
    the name of another part of the result.
    """

    values: dict[str, Any]
    verdict: str
    rows: tuple[Row, ...] = ()
    data: dict[str, np.ndarray] = field(default_factory=dict)
    study: str = ""
    claim: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("values", "config", "provenance"):
            object.__setattr__(self, name, plain(getattr(self, name), name))
        object.__setattr__(self, "rows", tuple(self.rows))
        data = {name: np.array(array) for name, array in self.data.items()}
        for name, array in data.items():
            if array.dtype.hasobject:
                raise ValueError(f"data {name!r} has objects in it: expected numbers or texts")
            array.setflags(write=False)
        object.__setattr__(self, "data", data)
        taken = self.values.keys() & {*self.__dataclass_fields__, "out"}
        if taken:
            raise ValueError(f"values has {sorted(taken)[0]!r}, a part of every result: rename it")

    def as_dict(self) -> dict[str, Any]:
        """Return all but the arrays, fit for JSON."""
        return {
            "study": self.study,
            "claim": self.claim,
            "verdict": self.verdict,
            "config": self.config,
            "values": self.values,
            "rows": [plain(row.as_dict(), row.name) for row in self.rows],
            "provenance": self.provenance,
        }

    @classmethod
    def from_dict(
        cls, document: Mapping[str, Any], data: Mapping[str, np.ndarray] | None = None
    ) -> "Result":
        """Return the result that `as_dict` describes; ValueError if it is none."""
        try:
            rows = tuple(Row.from_dict(row) for row in document["rows"])
            names = ("study", "claim", "verdict", "config", "values", "provenance")
            lacking = [name for name in PROVENANCE if name not in document["provenance"]]
            if lacking:
                raise ValueError(f"this is no result of a study: its provenance lacks {lacking[0]}")
            return cls(rows=rows, data=dict(data or {}), **{n: document[n] for n in names})
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no result of a study ({error!r})") from error

    def save(self, folder: str | Path) -> None:
        """Write result.json and result.npz into a folder, which is made."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with whole(folder / ARRAYS) as part, part.open("wb") as file:
            np.savez_compressed(file, **self.data)  # type: ignore[arg-type]
        with whole(folder / JSON) as part:
            part.write_text(to_json(self.as_dict()) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> "Result":
        """Read what `save` wrote. Raises ValueError for a folder without a readable result."""
        folder = Path(folder)
        try:
            document = json.loads((folder / JSON).read_text(encoding="utf-8"))
            return cls.from_dict(document, read_arrays(folder / ARRAYS))
        except FileNotFoundError as error:
            raise ValueError(
                f"{folder} has no {Path(error.filename).name}: expected a folder that "
                "`encephagen run` wrote"
            ) from error
        except (ValueError, OSError) as error:
            raise ValueError(f"the result in {folder} cannot be read: {error}") from error
