"""Snapshot: the whole state of a running brain, and its file."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encephagen.files import whole

MAGIC = b"encephagen snapshot 2\n"  # then the SHA-256 of the rest; the number is the layout's too


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that a session needs to go on, to the bit, as if it had not been stopped.

    ``arrays`` holds the state of the cells, spikes under way and input, in the ``format`` of an
    engine; the network itself is not in it, only its ``network`` digest. Functions of time that
    drive a session are not in it either.
    """

    network: str
    step: int
    noise_seed: int
    initial_seed: int
    format: str
    lesions: tuple[list, ...]
    arrays: dict[str, np.ndarray]

    def save(self, path: str | Path) -> None:
        """Write the snapshot to a file, whole or not at all."""
        header = {name: getattr(self, name) for name in _HEADER}
        buffer = io.BytesIO()
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez_compressed(buffer, header=text, **self.arrays)  # type: ignore[arg-type]
        content = buffer.getvalue()
        with whole(path) as part:
            part.write_bytes(MAGIC + hashlib.sha256(content).digest() + content)

    @classmethod
    def load(cls, path: str | Path) -> "Snapshot":
        """Read a snapshot; ValueError where the file is missing, truncated or something else."""
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"no snapshot at {path}: give a file that was saved by `save`")
        data = path.read_bytes()
        if not data.startswith(MAGIC):
            raise ValueError(
                f"{path} is not a snapshot of this version: give a file that was saved by `save`"
            )
        digest, content = data[len(MAGIC) :][:32], data[len(MAGIC) + 32 :]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"{path} is truncated or damaged: give another copy of the snapshot")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays.pop("header").tobytes())
        header["lesions"] = tuple(header["lesions"])
        return cls(arrays=arrays, **header)


_HEADER = ("network", "step", "noise_seed", "initial_seed", "format", "lesions")
