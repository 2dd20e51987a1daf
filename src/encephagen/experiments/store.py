"""Store: what runs returned, one file a run, so that a study that was killed goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.files import whole

ARRAY = "__array__"
HEAD = "values"


class Store:
    """Results by key in a folder, a file each, written whole or not at all.

    Any number of processes may write to it: a key is a digest of all that makes its result.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the result kept under ``key``, None if there is none.

        Raises ValueError for a file that is damaged.
        """
        path = self._path(key)
        if not path.exists():
            return None
        arrays = read_arrays(path)
        try:
            return unpack(arrays.pop(HEAD).tobytes().decode(), arrays)
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path.name} is damaged: {error}") from error

    def put(self, key: str, values: dict[str, Any]) -> None:
        """Keep a result: a dict of plain values and arrays, nested as one likes."""
        text, arrays = pack(values)
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole(self._path(key)) as part, part.open("wb") as file:
            arrays[HEAD] = np.frombuffer(text.encode(), np.uint8)
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"


def pack(values: dict[str, Any]) -> tuple[str, dict[str, np.ndarray]]:
    """Return JSON text, in which arrays are references, and the arrays by name.

    Raises ValueError for what is neither plain (numbers, texts, None, lists, dicts) nor an array.
    """
    arrays: dict[str, np.ndarray] = {}

    def plain(value: Any, where: str) -> Any:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            arrays[name := f"array_{len(arrays)}"] = value
            return {ARRAY: name}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, dict) and all(isinstance(k, str) and k != ARRAY for k in value):
            return {key: plain(v, f"{where}[{key!r}]") for key, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ValueError(
            f"{where} is a {type(value).__name__}: expected numbers, texts, None, arrays of "
            f"numbers, and lists and dicts (with texts as keys, not {ARRAY}) of these; convert it"
        )

    return json.dumps(plain(values, "result")), arrays


def unpack(text: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what `pack` took: the same, but for tuples, which are lists now."""

    def restored(found: dict[str, Any]) -> Any:
        return arrays[found[ARRAY]] if found.keys() == {ARRAY} else found

    return json.loads(text, object_hook=restored)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz, each checked by its CRC; ValueError if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    except Exception as error:  # of a dozen kinds, as bytes may be wrong anywhere
        raise ValueError(f"{path.name} is damaged: {error}") from error
