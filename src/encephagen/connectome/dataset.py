"""A dataset: a connectome and what was measured in the same people; bundled ones and the user's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.digest import digest

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class Surface:
    """A cortical surface for drawing: both hemispheres, left first; arrays are read-only.

    vertices_mm  (v, 3) float32  midthickness, MNI mm
    inflated_mm  (v, 3) float32  the same vertices, inflated
    faces        (f, 3) int32    triangles, counter-clockwise from outside
    sulcal_mm    (v,) float32    sulcal depth: positive on gyri, negative in sulci
    region       (v,) str        AAL2 name, "" on the medial wall
    hemisphere   (v,) str        "L" or "R"

    Vertex i of the left hemisphere and vertex i of the right correspond.
    """

    vertices_mm: np.ndarray
    inflated_mm: np.ndarray
    faces: np.ndarray
    sulcal_mm: np.ndarray
    region: np.ndarray
    hemisphere: np.ndarray

    def region_index(self, names: tuple[str, ...]) -> np.ndarray:
        """Return, for each vertex, the position of its region in ``names``, or -1: (v,) int64."""
        position = {name: i for i, name in enumerate(names)}
        unique, inverse = np.unique(self.region, return_inverse=True)
        return np.array([position.get(str(u), -1) for u in unique], dtype=np.int64)[inverse]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A connectome with its subjects, resting fMRI, maps and surface; compares by `digest`.

    connectome  of the group
    subjects    names of the people, () where they are not known
    individual  a connectome for each subject, or () where there is the group's alone
    fmri        mean signal of each region, (subject, time_s, region), with attributes tr_s (s) and
                source, as `time_series` makes it; None where there is none
    maps        name -> (n,) float64, nan where unknown; "t1w_t2w" is added from the regions
    surface     to draw on; None where there is none

    Raises ValueError where parts do not fit the connectome or the subjects.
    """

    connectome: Connectome
    subjects: tuple[str, ...] = ()
    individual: tuple[Connectome, ...] = ()
    fmri: "xr.DataArray | None" = None
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    surface: Surface | None = None

    def __post_init__(self) -> None:
        c = self.connectome
        if len(set(self.subjects)) != len(self.subjects):
            raise ValueError(f"subjects of {c.name!r}: expected each name once; rename one")
        if self.individual and len(self.individual) != len(self.subjects):
            raise ValueError(
                f"{c.name!r} has {len(self.individual)} connectomes for {len(self.subjects)} "
                "subjects; give one each"
            )
        for own in self.individual:
            if own.names != c.names:
                raise ValueError(f"{own.name!r} has other regions than {c.name!r}; give the same")
        if self.fmri is not None:
            regions = tuple(self.fmri["region"].values.tolist())
            if self.fmri.dims != ("subject", "time_s", "region") or regions != c.names:
                raise ValueError(
                    f"fmri of {c.name!r} has dimensions {self.fmri.dims} and {len(regions)} "
                    "regions: expected (subject, time_s, region), and its regions in order"
                )
            if self.fmri.sizes["subject"] != len(self.subjects):
                raise ValueError(
                    f"fmri of {c.name!r} is of {self.fmri.sizes['subject']} subjects, not of "
                    f"{len(self.subjects)}; give one series each"
                )
            self.fmri.values.setflags(write=False)
        ratio = [math.nan if r.t1w_t2w is None else r.t1w_t2w for r in c.regions]
        maps = {"t1w_t2w": ratio} if not np.isnan(ratio).all() else {}
        checked = {str(k): _map(str(k), v, c) for k, v in {**maps, **self.maps}.items()}
        object.__setattr__(self, "maps", MappingProxyType(checked))

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, Dataset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        scan = "no fMRI"
        if self.fmri is not None:
            scan = f"fMRI of {self.fmri.sizes['time_s']} volumes, TR {self.tr_s:g} s"
        maps = ", ".join(self.maps) or "no maps"
        people = f"{len(self.subjects)} subjects" if self.subjects else "the group alone"
        return f"Dataset({self.connectome!r}, {people}, {scan}, {maps})"

    @property
    def name(self) -> str:
        """Name of the connectome."""
        return self.connectome.name

    @property
    def tr_s(self) -> float | None:
        """Time between volumes of the fMRI, s."""
        return None if self.fmri is None else float(self.fmri.attrs["tr_s"])

    def digest(self) -> str:
        """Return the SHA-256 of everything but names, sources and the surface."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        signal = None if self.fmri is None else np.asarray(self.fmri.values, dtype="<f8")
        own = tuple(c.digest() for c in self.individual)
        return digest(
            self.connectome.digest(), self.subjects, own, signal, self.tr_s, dict(self.maps)
        )


def time_series(
    values: Any, subjects: Sequence[str], regions: Sequence[str], tr_s: float | None, source: str
) -> "xr.DataArray":
    """Return fMRI as an array (subject, time_s, region) with attributes tr_s and source.

    ``values`` is (subjects, volumes, regions); ``tr_s`` the time between volumes, s. Raises
    ValueError for another shape, what is not finite, a region that never changes, and no TR.
    """
    import xarray as xr

    values = np.array(values)
    shape = (len(subjects), len(regions))
    if values.ndim != 3 or values.dtype.kind not in "iuf" or values.shape[::2] != shape:
        raise ValueError(
            f"fmri has shape {values.shape}: expected ({shape[0]}, volumes, {shape[1]}), that is "
            "(subjects, volumes, regions); turn it round"
        )
    if tr_s is None or not (0 < tr_s < math.inf):
        raise ValueError(f"tr_s {tr_s!r}: expected the time between volumes of the fmri, in s")
    if values.shape[1] < 2:
        raise ValueError(f"fmri has {values.shape[1]} volumes: expected at least two")
    values = values.astype(np.float64)
    for what, bad in (
        ("is not finite", ~np.isfinite(values).all(axis=1)),
        ("never changes", np.ptp(values, axis=1) == 0),
    ):
        if bad.any():
            s, r = np.argwhere(bad)[0]
            raise ValueError(
                f"fmri of subject {subjects[s]!r} {what} in {regions[r]!r} ({bad.sum()} such): "
                "correct it, or leave the region out"
            )
    coords = {
        "subject": list(subjects),
        "time_s": tr_s * np.arange(values.shape[1]),
        "region": list(regions),
    }
    dims = ("subject", "time_s", "region")
    return xr.DataArray(values, coords, dims, "fmri", {"tr_s": float(tr_s), "source": source})


def _map(name: str, values: Any, connectome: Connectome) -> np.ndarray:
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (connectome.n,) or np.isinf(found).any():
        raise ValueError(
            f"map {name!r}: expected {connectome.n} finite numbers, nan where unknown, one for "
            f"each region of {connectome.name!r}"
        )
    found.setflags(write=False)
    return found
