"""A connectome: regions, the weights between them and the lengths of the fibres that carry them."""

import hashlib
import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from encephagen.connectome.atlas import CORTEX, UNASSIGNED, atlas_of, split_side, structure_of
from encephagen.names import hint

HEMISPHERES = ("L", "R", "midline")
SIDES = {"left": "L", "right": "R", "midline": "midline"}
SYMMETRY_RTOL = 1e-9
"""Relative difference of the two directions of a connection that is rounding (free)."""
NAMED = 5
"""Regions without connections that a warning names; more are counted (free)."""


@dataclass(frozen=True)
class Region:
    """One region of a parcellation.

    ``centroid_mm`` is (x, y, z), in MNI space for bundled data and as given for any other;
    ``t1w_t2w`` is the mean T1w/T2w ratio, a map of cortical myelin; both may be unknown (None).
    ``structure`` decides which cells a brain puts there ("cortex", "thalamus", "striatum", ...);
    it, ``lobe`` and ``system`` come from `encephagen.connectome.atlas`.

    Raises ValueError for an empty or multi-line name, an unknown hemisphere, a number that is not
    finite.
    """

    name: str
    hemisphere: str
    centroid_mm: tuple[float, float, float] | None = None
    t1w_t2w: float | None = None
    structure: str = CORTEX
    lobe: str = UNASSIGNED
    system: str = UNASSIGNED

    def __post_init__(self) -> None:
        for field in ("name", "structure", "lobe", "system"):
            text = getattr(self, field)
            if not isinstance(text, str) or not text.strip() or not text.isprintable():
                raise ValueError(
                    f"region {field} {text!r}: expected one line of printable text; rename it"
                )
            object.__setattr__(self, field, str(text))
        if self.hemisphere not in HEMISPHERES:
            raise ValueError(
                f"hemisphere {self.hemisphere!r} of region {self.name!r}: expected one of "
                f"{', '.join(HEMISPHERES)}; correct it"
            )
        object.__setattr__(self, "hemisphere", str(self.hemisphere))
        if self.centroid_mm is not None:
            object.__setattr__(self, "centroid_mm", self._three_numbers(self.centroid_mm))
        if self.t1w_t2w is not None:
            ratio = _number(self.t1w_t2w)
            if not (math.isfinite(ratio) and ratio > 0):
                raise ValueError(
                    f"t1w_t2w {self.t1w_t2w!r} of region {self.name!r}: expected a positive "
                    "number; use None where it is unknown"
                )
            object.__setattr__(self, "t1w_t2w", ratio)

    @property
    def cortical(self) -> bool:
        """Whether the region's structure is cortex."""
        return self.structure == CORTEX

    def _three_numbers(self, centroid: Any) -> tuple[float, float, float]:
        try:
            x, y, z = (_number(c) for c in centroid)
        except (TypeError, ValueError):
            x = y = z = math.nan
        if not all(map(math.isfinite, (x, y, z))):
            raise ValueError(
                f"centroid_mm {centroid!r} of region {self.name!r}: expected three finite numbers; "
                "use None where it is unknown"
            )
        return x + 0.0, y + 0.0, z + 0.0  # + 0.0 turns -0.0 into 0.0: one value, one digest


@dataclass(frozen=True, eq=False)
class Connectome:
    """Regions and the connections between them; compares and hashes by `digest`.

    weights     (n, n) float64, [target, source], non-negative, zero on the diagonal: what a region
                sends to itself is local circuitry, which is not the connectome's to say
    lengths_mm  (n, n) float64 or None where unknown; positive wherever the weight is positive
    source      where the data come from: citation and licence
    directed    whether weights differ by direction. This is read off the matrix, but for one case:
                a matrix of which only one triangle is filled is what half of the tools write of a
                symmetric one, and is refused unless ``directed`` is True

    Both arrays are copied and read-only. Warns of regions without connections. Raises ValueError,
    in one line, for anything else.
    """

    name: str
    regions: tuple[Region, ...]
    weights: np.ndarray
    lengths_mm: np.ndarray | None = None
    source: str = ""
    directed: bool = False

    def __post_init__(self) -> None:
        regions = _checked_regions(self.regions)
        names = tuple(r.name for r in regions)
        weights = _checked_matrix("weights", self.weights, names)
        own = np.flatnonzero(np.diagonal(weights))
        if own.size:
            raise ValueError(
                f"{_cell('weights', weights, own[0], own[0], names)}: expected a zero diagonal; "
                "set it to zero (local circuitry is the brain's, not the connectome's)"
            )
        lengths = None
        if self.lengths_mm is not None:
            lengths = _checked_matrix("lengths_mm", self.lengths_mm, names)
            missing = np.argwhere((weights > 0) & (lengths <= 0))
            if missing.size:
                i, j = missing[0]
                raise ValueError(
                    f"{_cell('lengths_mm', lengths, i, j, names)} where the weight is "
                    f"{weights[i, j]:g} ({len(missing)} such): expected a positive length; give "
                    "it, zero the weight, or pass lengths_mm=None"
                )
        for field in ("name", "source"):
            if not isinstance(getattr(self, field), str):
                raise ValueError(f"connectome {field} {getattr(self, field)!r}: expected text")
        object.__setattr__(self, "directed", _directed(weights, self.directed))
        object.__setattr__(self, "regions", regions)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "lengths_mm", lengths)
        alone = [names[i] for i in np.flatnonzero(~(weights.any(axis=0) | weights.any(axis=1)))]
        if alone and len(names) > 1:
            more = f" and {len(alone) - NAMED} more" if len(alone) > NAMED else ""
            warnings.warn(
                f"{self.name!r} has no connection to or from {', '.join(alone[:NAMED])}{more}: "
                "nothing of the brain reaches them; leave them out (transform.subset), or check "
                "the weights",
                stacklevel=3,
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Freeze the arrays again when the connectome comes out of a pickle."""
        self.__dict__.update(state)
        for array in (self.weights, self.lengths_mm):
            if array is not None:
                array.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, Connectome) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        return f"Connectome({self.name!r}, {self.n} regions, digest {self.digest()[:12]})"

    @property
    def n(self) -> int:
        """Number of regions."""
        return len(self.regions)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the regions, in the order of the matrices."""
        return tuple(r.name for r in self.regions)

    @cached_property
    def t1w_t2w(self) -> np.ndarray:
        """T1w/T2w (region,), nan where it is unknown; read-only."""
        ratio = np.array([np.nan if r.t1w_t2w is None else r.t1w_t2w for r in self.regions], float)
        ratio.setflags(write=False)
        return ratio

    def digest(self) -> str:
        """Return the SHA-256 of regions, weights and lengths (not of ``name`` and ``source``)."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        sha = hashlib.sha256(b"encephagen connectome 1\n")
        for r in self.regions:
            row = (r.name, r.hemisphere, r.centroid_mm, r.t1w_t2w, r.cortical, r.lobe, r.system)
            # A structure counts where it says more than "not cortex" and the name's atlas do.
            if not r.cortical and r.structure != structure_of(r.name):
                row = (*row, r.structure)
            sha.update(repr(row).encode())
        for matrix in (self.weights, self.lengths_mm):
            sha.update(b"none" if matrix is None else matrix.astype("<f8").tobytes())
        return sha.hexdigest()

    def index(self, name: str) -> int:
        """Return the position of region ``name``; case matters only where it tells regions apart.

        Raises ValueError with the nearest match for a region that is not here.
        """
        found = self._find(name)
        if found is None:
            raise ValueError(
                f"region {name!r} is not in {self.name!r}; {hint(name, self.names, n=3)}"
            )
        return found

    def indices(self, selector: str | Iterable[Any]) -> np.ndarray:
        """Return the positions that ``selector`` names, each once, as int64.

        A selector is a region ("Calcarine_L"), a system ("visual"), a lobe ("occipital"; say
        "frontal lobe" where a system has the name of the lobe), a side ("left", "right",
        "midline"), a region without its side ("Calcarine": on both, unless two regions of a side
        would have that name), a structure ("thalamus"), the usual name of an area that the atlas of
        these regions knows ("V1", "M1", of one side "V1_L"), or an iterable of selectors, whose
        order is kept.

        Raises ValueError with the nearest match for a name that selects nothing.
        """
        if not isinstance(selector, str):
            parts: list[Any] = list(selector) if isinstance(selector, Iterable) else []
            if not parts or not all(isinstance(p, (str, list, tuple, set)) for p in parts):
                raise ValueError(
                    f"selector {selector!r}: expected a region, a system, a lobe, a side, a "
                    f"structure, an area, or a list of these; for example {self.names[0]!r}"
                )
            found = [int(i) for p in parts for i in self.indices(p)]
            return np.array(list(dict.fromkeys(found)), dtype=np.int64)
        one = self._find(selector)
        if one is not None:
            return np.array([one], dtype=np.int64)
        key = selector.casefold().strip()
        for group in self._groups:
            if key in group:
                return group[key].copy()
        known = [*self.names, *(k for group in self._groups for k in group)]
        raise ValueError(
            f"{selector!r} is no region, system, lobe, side, structure or area of {self.name!r}; "
            f"{hint(selector, known, n=3)}"
        )

    def _find(self, name: object) -> int | None:
        """Return the position of a region by name, or None: exactly, then ignoring case."""
        if not isinstance(name, str):
            return None
        if name in self._position:
            return self._position[name]
        folded = [i for n, i in self._position.items() if n.casefold() == name.casefold().strip()]
        return folded[0] if len(folded) == 1 else None

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def _groups(self) -> tuple[dict[str, np.ndarray], ...]:
        """Sides, systems, "... lobe", lobes, pairs, structures, areas; looked up in this order."""
        side_of = {code: side for side, code in SIDES.items()}
        words = (
            [side_of[r.hemisphere] for r in self.regions],
            [r.system for r in self.regions],
            [f"{r.lobe} lobe" for r in self.regions],
            [r.lobe for r in self.regions],
            [r.structure for r in self.regions],
        )
        *named, structures = (_positions(column) for column in words)
        groups = (*named, self._pairs(), structures, self._sites())
        return tuple({k: np.array(v, dtype=np.int64) for k, v in group.items()} for group in groups)

    def _sites(self) -> dict[str, list[int]]:
        """Return the regions of each area that the atlas has a usual name for: "v1", "v1_l"."""
        atlas = atlas_of(self.names)
        sites: dict[str, list[int]] = {}
        for site in atlas.sites if atlas is not None else ():
            for i, r in enumerate(self.regions):
                if atlas is not None and atlas.is_site(site, r.name):
                    for key in (site, f"{site}_{r.hemisphere}"):
                        sites.setdefault(key.casefold(), []).append(i)
        return sites

    def _pairs(self) -> dict[str, list[int]]:
        """Return the regions of each name without its side, one a side."""
        pairs: dict[str, dict[str, list[int]]] = {}
        for i, name in enumerate(self.names):
            side, stem = split_side(name)
            if side != "midline":
                pairs.setdefault(stem.casefold(), {}).setdefault(side, []).append(i)
        return {
            stem: [i for (i,) in sides.values()]
            for stem, sides in pairs.items()
            if all(len(own) == 1 for own in sides.values())
        }


def symmetric(weights: np.ndarray) -> bool:
    """Tell whether a matrix equals its transpose, but for rounding."""
    return bool(np.allclose(weights, weights.T, rtol=SYMMETRY_RTOL, atol=0.0))


def _directed(weights: np.ndarray, said: Any) -> bool:
    """Return whether weights have a direction; ValueError for one triangle that is not said to."""
    if not isinstance(said, (bool, np.bool_)):
        raise ValueError(f"directed {said!r}: expected True or False")
    if said or symmetric(weights):
        return bool(said)
    upper, lower = np.triu(weights).any(), np.tril(weights).any()
    if upper != lower:
        raise ValueError(
            f"weights is a triangular matrix (nothing {'below' if upper else 'above'} the "
            "diagonal): tell the tool that wrote it to write both halves (tck2connectome "
            "-symmetric), or say that it is directed (directed=True)"
        )
    return True


def _positions(words: Iterable[str]) -> dict[str, list[int]]:
    """Return the positions at which each word stands, without regard to case."""
    positions: dict[str, list[int]] = {}
    for i, word in enumerate(words):
        positions.setdefault(word.casefold(), []).append(i)
    return positions


def _checked_regions(regions: Any) -> tuple[Region, ...]:
    try:
        regions = tuple(regions)
    except TypeError:
        raise ValueError(f"regions {regions!r}: expected a sequence of Region") from None
    if not regions:
        raise ValueError("regions are empty: expected at least one Region")
    seen: dict[str, int] = {}
    for i, r in enumerate(regions):
        if not isinstance(r, Region):
            raise ValueError(f"regions[{i}] = {r!r}: expected a Region; make one of each label")
        if r.name in seen:
            raise ValueError(
                f"regions[{i}] = {r.name!r} repeats regions[{seen[r.name]}]: expected unique "
                "labels; rename one"
            )
        seen[r.name] = i
    return regions


def _checked_matrix(what: str, values: Any, names: tuple[str, ...]) -> np.ndarray:
    """Return a read-only float64 copy, square, finite and non-negative, one row a name."""
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biuf":
            raise TypeError
        matrix = np.array(given, dtype=np.float64, order="C") + 0.0
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what}: expected a square matrix of real numbers; convert it") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{what} has shape {matrix.shape}: expected a square matrix")
    if matrix.shape[0] != len(names):
        raise ValueError(
            f"{what} has shape {matrix.shape} for {len(names)} region labels: expected "
            f"({len(names)}, {len(names)}); give one label a row"
        )
    bad = np.argwhere(~np.isfinite(matrix))
    if bad.size:
        i, j = bad[0]
        raise ValueError(
            f"{_cell(what, matrix, i, j, names)} ({len(bad)} such): expected finite numbers; "
            "use 0 where there is no connection"
        )
    bad = np.argwhere(matrix < 0)
    if bad.size:
        i, j = bad[0]
        raise ValueError(
            f"{_cell(what, matrix, i, j, names)} ({len(bad)} such): expected no negative "
            "number; take the absolute value or set it to 0"
        )
    matrix.setflags(write=False)
    return matrix


def _cell(what: str, matrix: np.ndarray, i: int, j: int, names: tuple[str, ...]) -> str:
    return f"{what}[{i}, {j}] = {matrix[i, j]:g} (to {names[i]!r} from {names[j]!r})"


def _number(value: Any) -> float:
    if isinstance(value, (bool, str, bytes, complex)):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
