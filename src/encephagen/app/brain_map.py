"""The brain in a terminal: its regions from outside and inside, coloured by a value.

Both hemispheres are seen from the side and, where the cortical surface of the atlas is known, from
the middle; else regions are drawn around their centroids. In colour a sign shows two pixels, one
above the other; without, its density shows their mean. The colours are those of viridis, which
differ in lightness and for the colour-blind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.color import Color
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from encephagen.connectome.connectome import Region

OUTSIDE, BARE = -2, -1
"""Pixels beside the brain, and of the brain but of no region."""

VIRIDIS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")
BARE_COLOUR = Color.parse("#585858")
SHADES = ("·", "░▒▓█")
ASCII_SHADES = (".", ":-=+*#%@")
"""The sign of bare surface, then of values from low to high."""

REACH = 1.6
"""A pixel belongs to the nearest centroid within this many times the usual distance of two."""


@dataclass(frozen=True, eq=False)
class View:
    """A hemisphere from one side: the position of the region of each pixel (row, column)."""

    title: str
    region: np.ndarray


def views(regions: Sequence["Region"], width: int) -> tuple[View, ...]:
    """Return the views of a brain, each ``width`` pixels wide: four of a surface, two of centroids.

    Raises ValueError where neither is known.
    """
    from encephagen.connectome.datasets import surface

    mesh = surface()
    of_vertex = mesh.region_index(tuple(r.name for r in regions))
    if (of_vertex >= 0).any():
        return tuple(
            View(f"{side}, {name}", _mesh(mesh, of_vertex, side[0].upper(), from_x, width))
            for name in ("lateral", "medial")
            for side, from_x in (("left", -1), ("right", 1))
            for from_x in ((from_x if name == "lateral" else -from_x),)
        )
    known = [i for i, r in enumerate(regions) if r.centroid_mm is not None]
    if not known:
        raise ValueError(
            "where the regions lie is not known: give the data set centroids to see a picture; "
            "status lists rates"
        )
    x, y, z = np.array([regions[i].centroid_mm for i in known]).T
    scale = max(np.ptp(y), np.ptp(z), 1e-9) / width * 1.25
    found = []
    for side, other, from_x in (("left", "R", -1), ("right", "L", 1)):
        own = np.array([i for i, k in enumerate(known) if regions[k].hemisphere != other], int)
        if own.size:
            points = np.stack([from_x * y[own], z[own]], axis=1)
            found.append(View(f"{side}, lateral", _cells(points, np.array(known)[own], scale)))
    return tuple(found)


def _mesh(mesh, of_vertex: np.ndarray, hemisphere: str, from_x: int, width: int) -> np.ndarray:
    """Return the pixels of one hemisphere of a surface, seen from far out on one side of x."""
    own = mesh.hemisphere == hemisphere
    x, y, z = mesh.vertices_mm[own].T.astype(float)
    right, up, near = from_x * y, z, from_x * x
    scale = (np.ptp(right) + 1e-9) / width
    column = np.clip(((right - right.min()) / scale).astype(int), 0, width - 1)
    row = ((up.max() - up) / scale).astype(int)
    pixels = np.full((row.max() + 1 + (row.max() + 1) % 2, width), OUTSIDE)
    order = np.argsort(near)  # the nearest comes last, and stays
    pixels[row[order], column[order]] = of_vertex[own][order]
    return _filled(pixels)


def _filled(pixels: np.ndarray) -> np.ndarray:
    """Return pixels without the holes between vertices, each filled from one beside it."""
    filled = pixels.copy()
    for row in range(1, len(pixels) - 1):
        for column in range(1, pixels.shape[1] - 1):
            around = pixels[[row, row - 1, row, row + 1], [column - 1, column, column + 1, column]]
            if pixels[row, column] == OUTSIDE and (around != OUTSIDE).sum() >= 3:
                filled[row, column] = around[around != OUTSIDE][0]
    return filled


def _cells(points: np.ndarray, region: np.ndarray, scale: float) -> np.ndarray:
    """Return pixels that each belong to the nearest of some points (point, 2) within reach."""
    between = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    np.fill_diagonal(between, np.inf)
    usual = np.median(between.min(axis=1)) if len(points) > 1 else 5 * scale
    reach = max(REACH * usual, 3 * scale)
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    n_rows = int(np.ceil((high[1] - low[1]) / scale / 2)) * 2
    columns = low[0] + (np.arange(int(np.ceil((high[0] - low[0]) / scale))) + 0.5) * scale
    rows = high[1] - (np.arange(n_rows) + 0.5) * scale
    distance = np.hypot(columns[None, :, None] - points[:, 0], rows[:, None, None] - points[:, 1])
    return np.where(distance.min(axis=2) <= reach, region[distance.argmin(axis=2)], OUTSIDE)


@dataclass(frozen=True)
class Paint:
    """How values from 0 to ``top`` are shown: in colours or not, with signs of Unicode or not."""

    top: float
    colour: bool = True
    unicode: bool = True

    def view(self, view: View, values: np.ndarray) -> list[Text]:
        """Return a view as lines, half as many as its rows of pixels."""
        pixels = view.region
        return [
            Text.assemble(
                *map(self._cell, self._levels(upper, values), self._levels(lower, values))
            )
            for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)
        ]

    def block(self, value: float, width: int = 2) -> Text:
        """Return a value as a block of its colour."""
        level = float(np.clip(value / self.top, 0.0, 1.0)) if np.isfinite(value) else float(BARE)
        return Text.assemble(*[self._cell(level, level)] * width)

    def scale(self, width: int) -> Text:
        """Return all colours, from low to high."""
        levels = np.linspace(0.0, 1.0, width)
        return Text.assemble(*(self._cell(float(level), float(level)) for level in levels))

    def _levels(self, regions: np.ndarray, values: np.ndarray) -> list[float]:
        """Return, for each pixel, its value from 0 to 1, or `OUTSIDE` or `BARE`."""
        level = np.append(np.clip(values / self.top, 0.0, 1.0), [OUTSIDE, BARE])[regions]
        return np.where(np.isnan(level), BARE, level).tolist()

    def _cell(self, upper: float, lower: float) -> tuple[str, Style | str]:
        if upper == lower == OUTSIDE:
            return " ", ""
        if not self.colour or not self.unicode:
            shown = [level for level in (upper, lower) if level >= 0]
            level = sum(shown) / len(shown) if shown else float(BARE)
            bare, signs = SHADES if self.unicode else ASCII_SHADES
            sign = signs[min(int(level * len(signs)), len(signs) - 1)] if shown else bare
            return sign, Style(color=_colour(level)) if self.colour else ""
        if lower == OUTSIDE:
            return "▀", Style(color=_colour(upper))
        if upper == OUTSIDE:
            return "▄", Style(color=_colour(lower))
        return "▀", Style(color=_colour(upper), bgcolor=_colour(lower))


def _colour(level: float) -> Color:
    if level < 0:
        return BARE_COLOUR
    at = level * (len(VIRIDIS) - 1)
    low = min(int(at), len(VIRIDIS) - 2)
    ends = [[int(VIRIDIS[low + i][k : k + 2], 16) for k in (0, 2, 4)] for i in (0, 1)]
    return Color.from_rgb(*(round(a + (at - low) * (b - a)) for a, b in zip(*ends, strict=True)))
