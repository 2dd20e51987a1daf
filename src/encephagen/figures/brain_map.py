"""The brain in a terminal: its regions from outside and inside, coloured by a value.

Both hemispheres are seen from the side and, where the cortical surface of the atlas is known, from
the middle; else regions are drawn around their centroids. In colour a sign shows two pixels, one
above the other; without, its density shows their mean. The colours are those of viridis, which
differ in lightness and for the colour-blind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from rich.color import Color
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from encephagen.connectome.connectome import Region
    from encephagen.connectome.datasets import Surface

OUTSIDE, BARE = -2, -1
"""Pixels beside the brain, and of the brain but of no region."""

VIRIDIS = ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725")
BARE_COLOUR = Color.parse("#585858")
SHADES = ("·", "░▒▓█")
ASCII_SHADES = (".", ":-=+*#%@")
"""The sign of bare surface, then of values from low to high."""

VIEWS = (
    ("left, lateral", "L", -1),
    ("right, lateral", "R", 1),
    ("left, medial", "L", 1),
    ("right, medial", "R", -1),
)
"""Title, hemisphere, and the side of x from which it is seen."""

LEGEND_WIDTH = 24
LEAST_ACROSS = 12
N_LISTED = 5
LEAST_RANGE = 0.1

ASPECT = 0.75
"""Height of a hemisphere over its length."""

REACH = 1.6
"""A pixel belongs to the nearest centroid within this many times the usual distance of two."""


SAMPLES = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
"""Points of a triangle, as shares of its corners: so close that no pixel is missed."""


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
            View(title, _mesh(mesh, of_vertex, hemisphere, from_x, width))
            for title, hemisphere, from_x in VIEWS
        )
    known = [i for i, r in enumerate(regions) if r.centroid_mm is not None]
    if not known:
        raise ValueError(
            "where the regions lie is not known: give the data set centroids to see a picture; "
            "status lists rates"
        )
    x, y, z = np.array([regions[i].centroid_mm for i in known]).T
    found = []
    for side, other, from_x in (("left", "R", -1), ("right", "L", 1)):
        own = np.array([i for i, k in enumerate(known) if regions[k].hemisphere != other], int)
        if own.size:
            points = np.stack([from_x * y[own], z[own]], axis=1)
            found.append(View(f"{side}, lateral", _cells(points, np.array(known)[own], width)))
    return tuple(found)


def _mesh(
    mesh: "Surface", of_vertex: np.ndarray, hemisphere: str, from_x: int, width: int
) -> np.ndarray:
    """Return the pixels of one hemisphere of a surface, seen from far out on one side of x."""
    faces = mesh.faces[mesh.hemisphere[mesh.faces[:, 0]] == hemisphere]
    x, y, z = mesh.vertices_mm.T.astype(float)
    points = np.stack([from_x * y, z, from_x * x], axis=1)[faces]
    corner = np.argmax(SAMPLES, axis=1)
    dense = np.einsum("sc,fcd->fsd", SAMPLES, points).reshape(-1, 3)
    region = of_vertex[faces][:, corner].ravel()
    low, high = dense.min(axis=0), dense.max(axis=0)
    scale = (high[0] - low[0]) * (1 + 1e-9) / width
    column = ((dense[:, 0] - low[0]) / scale).astype(int)
    row = ((high[1] - dense[:, 1]) / scale).astype(int)
    pixels = np.full((2 * (row.max() // 2 + 1), width), OUTSIDE)
    order = np.argsort(dense[:, 2])  # the nearest comes last, and stays
    pixels[row[order], column[order]] = region[order]
    return pixels


def _cells(points: np.ndarray, region: np.ndarray, width: int) -> np.ndarray:
    """Return pixels that each belong to the nearest of some points (point, 2) within reach."""
    between = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    np.fill_diagonal(between, np.inf)
    usual = np.median(between.min(axis=1)) if len(points) > 1 else 1.0
    reach = max(REACH * usual, np.ptp(points) / width)
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    scale = (high[0] - low[0]) / width
    n_rows = 2 * int(np.ceil((high[1] - low[1]) / scale / 2))
    columns = low[0] + (np.arange(width) + 0.5) * scale
    rows = high[1] - (np.arange(n_rows) + 0.5) * scale
    distance = np.hypot(columns[None, :, None] - points[:, 0], rows[:, None, None] - points[:, 1])
    return np.where(distance.min(axis=2) <= reach, region[distance.argmin(axis=2)], OUTSIDE)


def picture(
    regions: Sequence["Region"],
    values: np.ndarray,
    *,
    width: int = 80,
    height: int = 21,
    colour: bool = True,
    unicode: bool = True,
) -> list[Text]:
    """Return the brain as lines that fill ``width`` by ``height`` signs, with a legend beside it.

    values (region,), nan where there is none. Colours run from the least to what all but a few
    regions stay below. Raises ValueError as `views`.
    """
    finite = values[np.isfinite(values)] if np.isfinite(values).any() else np.zeros(1)
    low, high = float(finite.min()), float(np.percentile(finite, 97.0))
    paint = Paint(low, max(high, low + LEAST_RANGE), colour, unicode)
    # Two views stand one above the other, each with a title, and as high as `ASPECT` says.
    across = int(min((width - LEGEND_WIDTH) // 2 - 2, (height // 2 - 1) * 2 / ASPECT))
    across = max(across, LEAST_ACROSS)
    seen = views(regions, across)
    left: list[Text] = []
    for pair in zip_longest(seen[::2], seen[1::2]):
        there = [view for view in pair if view is not None]
        lines = zip_longest(*(paint.view(v, values) for v in there), fillvalue=Text())
        left.append(Text("  ").join(_wide(Text(v.title, style="dim"), across) for v in there))
        left += [Text("  ").join(_wide(line, across) for line in row) for row in lines]
    shown = np.unique(np.concatenate([view.region.ravel() for view in seen]))
    legend = _legend(regions, values, paint, set(shown.tolist()))
    blank = Text(" " * (2 * across + 2))
    legend = legend[: max(len(left), height)]
    rows = [Text("  ").join(row) for row in zip_longest(left, legend, fillvalue=blank)]
    for row in rows:
        row.rstrip()
    return rows


def _legend(
    regions: Sequence["Region"], values: np.ndarray, paint: "Paint", shown: set[int]
) -> list[Text]:
    """Return the scale, the most and the least active regions, and those that no view shows."""
    low, high = f"{paint.low:.1f} ", f" {paint.high:.1f} Hz"
    scale = paint.scale(LEGEND_WIDTH - len(low + high))
    lines = [Text.assemble(low, scale, high), Text()]
    order = [int(i) for i in np.argsort(-values) if np.isfinite(values[i])]
    hidden = [i for i in range(len(regions)) if i not in shown]
    for title, some in (
        ("most active", order[:N_LISTED]),
        ("least active", order[::-1][:N_LISTED]),
        ("not in view", sorted(hidden, key=lambda i: -values[i])),
    ):
        if some:
            lines.append(Text(title, style="dim"))
            for i in some:
                name, room = regions[i].name, LEGEND_WIDTH - 8
                if len(name) > room:  # the end of a name says its side
                    name = f"{name[: room - 4]}..{name[-2:]}"
                figure = f" {name:{room}}{values[i]:5.1f}"
                lines.append(Text.assemble(paint.block(values[i]), figure))
    return lines


def _wide(line: Text, width: int) -> Text:
    """Return a line filled with spaces to a width."""
    wide = line.copy()
    wide.pad_right(max(0, width - wide.cell_len))
    return wide


@dataclass(frozen=True)
class Paint:
    """How values from low to high are shown: in colours or not, with signs of Unicode or not."""

    low: float
    high: float
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
        (level,) = self._levels(np.zeros(1, int), np.array([value]))
        return Text.assemble(*[self._cell(level, level)] * width)

    def scale(self, width: int) -> Text:
        """Return all colours, from low to high."""
        levels = np.linspace(0.0, 1.0, width)
        return Text.assemble(*(self._cell(float(level), float(level)) for level in levels))

    def _levels(self, regions: np.ndarray, values: np.ndarray) -> list[float]:
        """Return, for each pixel, its value from 0 to 1, or `OUTSIDE` or `BARE`."""
        level = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        level = np.append(level, [OUTSIDE, BARE])[regions]
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
