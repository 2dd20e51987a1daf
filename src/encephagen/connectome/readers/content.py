"""What a file holds, before it is a connectome or a dataset; and how every reader complains."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.connectome import atlas
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.dataset import Dataset, time_series

MAX_BYTES = 2**29  # of one member or file: 8,000 regions in text; guards against zip bombs
TEXTS = ("hemisphere", "structure", "lobe", "system")
"""Fields of a Region that are text."""
_LOCAL = "what a region sends to itself is the brain's to say, not the connectome's"
_ENOUGH = "the file is damaged, or is something else; export it again"


@dataclass
class Content:
    """What a reader found: arrays and texts as they stand in the file, not yet checked.

    columns  fields of Region and ``cortical``, a value for each label, None where it is not stated
    subject_weights, subject_lengths_mm  (subjects, n, n)
    fmri     (subjects, volumes, n)
    maps     name -> (n,)
    """

    path: Path
    labels: list[str]
    weights: np.ndarray
    lengths_mm: np.ndarray | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)
    name: str | None = None
    source: str = ""
    directed: bool = False
    subjects: list[str] | None = None
    subject_weights: np.ndarray | None = None
    subject_lengths_mm: np.ndarray | None = None
    fmri: np.ndarray | None = None
    tr_s: float | None = None
    maps: dict[str, np.ndarray] = field(default_factory=dict)

    def connectome(self, name: str | None = None, directed: bool = False) -> Connectome:
        """Return the connectome. Raises ValueError, with the path, for anything wrong with it."""
        with self._named():
            regions = self._regions()
            weights, dropped = _without_diagonal(self.weights)
            note = f"diagonal ({dropped} entries) set to zero" if dropped else ""
            source = "; ".join(filter(None, (self.source, note))) or f"read from {self.path.name}"
            lengths = None if self.lengths_mm is None else _without_diagonal(self.lengths_mm)[0]
            name = name or self.name or self.path.stem
            made = Connectome(name, regions, weights, lengths, source, directed or self.directed)
        if note:
            warnings.warn(f"{self.path}: {note}: {_LOCAL}", stacklevel=4)
        return made

    def dataset(self, name: str | None = None, directed: bool = False) -> Dataset:
        """Return the connectome and what else the file holds. Raises ValueError likewise."""
        group = self.connectome(name, directed)
        with self._named():
            if self.fmri is None and self.tr_s is not None:
                raise ValueError(f"tr_s is {self.tr_s:g}, but there is no fmri; give both")
            subjects = self._subjects()
            signal = None
            if self.fmri is not None:
                tr_s, source = self.tr_s, group.source
                signal = time_series(self.fmri, subjects, group.names, tr_s, source)
            own = []
            for s, subject in enumerate(subjects if self.subject_weights is not None else ()):
                weights, _ = _without_diagonal(np.asarray(self.subject_weights)[s])
                lengths = self.subject_lengths_mm
                if lengths is not None:
                    lengths, _ = _without_diagonal(lengths[s])
                title = f"{group.name} subject {subject}"
                own.append(
                    Connectome(title, group.regions, weights, lengths, group.source, group.directed)
                )
            return Dataset(group, tuple(subjects), tuple(own), signal, self.maps)

    def _subjects(self) -> list[str]:
        """Return the names of the subjects; what comes a subject must agree on their number."""
        parts = ("subject_weights", "subject_lengths_mm", "fmri")
        counts = {p: len(a) for p in parts if (a := getattr(self, p)) is not None and np.ndim(a)}
        if self.subjects is not None:
            counts["subjects"] = len(self.subjects)
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{n} in {part}" for part, n in counts.items())
            raise ValueError(f"the number of subjects differs: {told}; give the same in each")
        if self.subjects is not None:
            return self.subjects
        return [str(s) for s in range(next(iter(counts.values()), 0))]

    def _regions(self) -> tuple[Region, ...]:
        found = atlas.places(self.labels)
        regions = []
        for i, (label, place) in enumerate(zip(self.labels, found, strict=True)):
            stated = {k: v[i] for k, v in self.columns.items() if v[i] is not None}
            fields = {key: getattr(place, key) for key in TEXTS} | stated
            fields["structure"] = _structure(label, fields, "structure" in stated)
            regions.append(Region(label, **fields))
        return tuple(regions)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever zipfile, zlib, bz2, numpy and scipy raise on a damaged file into a ValueError.

    They raise nearly anything (zlib.error, EOFError, struct.error, NotImplementedError, ...).
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{path}: cannot be read as {what} ({reason}): {_ENOUGH}") from None


def as_text(where: str, values: Any) -> list[str]:
    """Return an array as a list of text; bytes are read as UTF-8.

    Raises ValueError for numbers, and for bytes that are no UTF-8.
    """
    found = []
    for value in np.asarray(values).ravel().tolist():
        if isinstance(value, bytes):
            try:
                value = value.decode("utf-8")
            except UnicodeDecodeError:
                raise ValueError(
                    f"{where}: {value[:20]!r} is no UTF-8; store the names as text"
                ) from None
        if not isinstance(value, str):
            raise ValueError(f"{where}: {value!r} is no text; store it as text")
        found.append(value.strip())
    return found


def _structure(label: str, fields: dict[str, Any], stated: bool) -> str:
    """Return the structure of a region, after what the file says of it: structure, cortical."""
    structure, cortical = fields["structure"], fields.pop("cortical", None)
    if cortical is None or cortical == (structure == atlas.CORTEX):
        return structure
    if stated:
        raise ValueError(
            f"region {label!r} has structure {structure!r} and cortical {cortical}; correct one"
        )
    return atlas.CORTEX if cortical else atlas.SUBCORTICAL


def _without_diagonal(matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a copy with a zero diagonal and how many of its entries were not zero."""
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        return matrix, 0  # not a matrix: Connectome says what is wrong
    matrix = matrix.copy()
    m = min(matrix.shape)
    dropped = int(np.count_nonzero(matrix[range(m), range(m)]))
    matrix[range(m), range(m)] = 0
    return matrix, dropped


def same_labels(where: str, labels: Sequence[str], expected: Sequence[str], source: str) -> None:
    """Raise ValueError, with the first that differs, unless labels are those expected, in order."""
    if list(labels) == list(expected):
        return
    pairs = enumerate(zip(labels, expected, strict=False))
    i = next((i for i, (a, b) in pairs if a != b), None)
    found = f"{len(labels)} labels" if i is None else f"label {i} is {labels[i]!r}"
    wanted = f"{len(expected)}" if i is None else repr(expected[i])
    raise ValueError(f"{where}: {found}, but {source} has {wanted}; list the regions in one order")
