"""Values of regions on the cortical surface, seen from four sides.

The mesh is projected without perspective, sorted by depth and lit from the upper right. Matplotlib
alone does it, alike on every machine.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.figures import style
from encephagen.recording import Recording

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure, SubFigure

VIEWS = (
    ("left, lateral", "L", -1),
    ("right, lateral", "R", +1),
    ("left, medial", "L", +1),
    ("right, medial", "R", -1),
)
"""Title, hemisphere, and the side of x from which it is seen."""

BARE = (0.80, 0.80, 0.80)
"""Colour of surface that belongs to no region of the values."""

LIGHT = (0.35, 0.5, 0.8)
"""Direction of the light: to the right, up, toward the viewer."""

AMBIENT = 0.5
RELIEF = 0.12
BORDER = 0.6
"""Share of light without direction; how much sulci darken; how much borders of regions darken."""


def surface(
    values: "xr.DataArray",
    *,
    title: str = "",
    label: str = "",
    limits: tuple[float, float] | None = None,
    colour_map: str = style.RATE_MAP,
) -> "Figure":
    """Return values (region) on the cortical surface of AAL2, from four sides.

    limits: values at the ends of the colour bar; from 0 (or the least value, if that is negative)
    to the greatest if None. Regions that the surface does not have, such as nuclei, are not drawn.
    Raises ValueError if it has none of them or if no value is finite.
    """
    with style.styled(6.4, 4.2) as figure:
        draw(figure, values, title=title, label=label, limits=limits, colour_map=colour_map)
        return figure


def activity(recording: Recording) -> "Figure":
    """Return the mean excitatory rate of each region on the cortical surface."""
    values, title = mean_rate(recording)
    return surface(values, title=title, label="rate (Hz)", limits=rate_limits(values))


def mean_rate(recording: Recording) -> tuple["xr.DataArray", str]:
    """Return the mean rate of the neurons that excite (region), nan without any, and a title."""
    from encephagen.analysis import pool, region_rate, settled

    part = settled(recording)
    values = pool(region_rate(part))
    return values, f"Excitatory rate, mean of {part.duration_ms / 1000:g} s"


def rate_limits(values: "xr.DataArray") -> tuple[float, float]:
    """Return the ends of a scale of rates: 0, and what all but a few regions stay below."""
    finite = values.values[np.isfinite(values.values)]
    return 0.0, max(float(np.percentile(finite, 97.0)), 0.5) if finite.size else 0.5


def on_surface(names: Sequence[str]) -> bool:
    """Return whether the bundled surface has any of the regions."""
    from encephagen.connectome.datasets import surface as mesh

    return bool((mesh().region_index(tuple(names)) >= 0).any())


def draw(
    figure: "Figure | SubFigure",
    values: "xr.DataArray",
    *,
    title: str = "",
    label: str = "",
    limits: tuple[float, float] | None = None,
    colour_map: str = style.RATE_MAP,
    gamma: float = 1.0,
) -> Callable[[np.ndarray], None]:
    """Draw the four views and a colour bar into a figure or a part of one.

    gamma: power of the scale of colours; under 1 it shows small values beside large ones.
    Returns what paints the views again with other values of the same regions.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import PowerNorm

    from encephagen.connectome.datasets import surface as load_mesh

    mesh = load_mesh()
    names = tuple(str(n) for n in values["region"].values)
    vertex_region = mesh.region_index(names)
    if not (vertex_region >= 0).any():
        raise ValueError(
            f"none of the {len(names)} regions ({names[0]}, ...) is on the AAL2 surface; "
            "use regions of an aal2 dataset"
        )
    numbers = np.asarray(values.values, dtype=float)
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        raise ValueError("no value is finite; nothing can be drawn on the surface")
    if limits is None:
        limits = (min(0.0, float(finite.min())), float(finite.max()) or 1.0)
    scale = ScalarMappable(PowerNorm(gamma, *limits), colour_map)
    axes = figure.subplots(2, 2, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    views = []
    for panel, (name, hemisphere, side) in zip(axes.flat, VIEWS, strict=True):
        views.append(draw_view(panel, mesh, vertex_region, hemisphere, side))
        panel.set_title(name, fontsize=7.0, fontweight="normal", loc="center", pad=1.0)

    def paint(numbers: np.ndarray) -> None:
        for view in views:
            view(colours(numbers, scale))

    paint(numbers)
    extend = "max" if np.nanmax(numbers) > limits[1] * (1 + 1e-9) else "neither"
    bar = figure.colorbar(scale, ax=axes, shrink=0.55, aspect=22, pad=0.01, extend=extend)
    bar.outline.set_visible(False)
    bar.set_label(style.verbatim(label))
    if title:
        figure.suptitle(style.verbatim(title), fontsize=9.0, fontweight="bold", x=0.02, ha="left")
    return paint


def colours(numbers: np.ndarray, scale: "ScalarMappable") -> np.ndarray:
    """Return the colours (region + 1, rgb) of values (region,); the last is bare surface."""
    found = np.append(scale.to_rgba(numbers)[:, :3], [BARE], axis=0)
    found[:-1][~np.isfinite(numbers)] = BARE
    return found


def draw_view(
    axes: "Axes", mesh: Any, vertex_region: np.ndarray, hemisphere: str, side: int
) -> Callable[[np.ndarray], None]:
    """Draw one hemisphere as seen from far out on the side of x that ``side`` (-1 or 1) names.

    vertex_region (vertex,): index of the region, -1 for none. Returns what paints the view, with
    what `colours` returns; bare until then.
    """
    from matplotlib.collections import PolyCollection

    # To the viewer's right lies y from the right side of the head and -y from the left.
    x, y, z = mesh.vertices_mm.T.astype(float)
    points = np.stack([side * y, z, side * x], axis=1)
    normals = _vertex_normals(points, mesh.faces)
    faces = mesh.faces[mesh.hemisphere[mesh.faces[:, 0]] == hemisphere]
    faces = faces[normals[faces].mean(axis=1)[:, 2] > -0.05]
    light = np.asarray(LIGHT) / np.linalg.norm(LIGHT)
    lambert = np.clip(normals[faces].mean(axis=1) @ light, 0.0, 1.0)
    relief = 1.0 + RELIEF * np.clip(mesh.sulcal_mm[faces].mean(axis=1), -1.0, 1.0)
    brightness = (AMBIENT + (1.0 - AMBIENT) * lambert) * relief
    patches, face, region, is_border = _patches(points[faces], vertex_region[faces])
    # A border lies a little nearer than the patches that it parts.
    order = np.argsort(points[faces, 2].mean(axis=1)[face] + 0.5 * is_border, kind="stable")
    drawn = PolyCollection(
        [patches[i][:, :2] for i in order],
        linewidths=np.where(is_border, 0.5, 0.25)[order],
        rasterized=True,
    )
    axes.add_collection(drawn)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.axis("off")

    def paint(colours: np.ndarray) -> None:
        colour = colours[region] * brightness[face, None]
        colour[is_border] *= BORDER
        shaded = np.clip(colour, 0.0, 1.0)[order]
        drawn.set_facecolor(shaded)
        drawn.set_edgecolor(shaded)

    paint(np.tile(BARE, (int(region.max()) + 2, 1)))
    return paint


def _patches(
    corners: np.ndarray, regions: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Cut the faces that several regions share into a patch for each corner, and line the cuts.

    corners (face, 3, xyz), regions (face, 3). Returns patches (corner, xyz), and for each patch its
    face, its region and whether it is a line on a border.
    """
    whole = (regions == regions[:, :1]).all(axis=1)
    patches = list(corners[whole])
    face = list(np.flatnonzero(whole))
    region = list(regions[whole, 0])
    is_border = [False] * len(patches)
    for index in np.flatnonzero(~whole):
        triangle = corners[index]
        centre = triangle.mean(axis=0)
        middle = 0.5 * (triangle + np.roll(triangle, -1, axis=0))  # of corners i and i + 1
        for i in range(3):
            patches.append(np.array([triangle[i], middle[i], centre, middle[i - 1]]))
            face.append(index)
            region.append(regions[index, i])
            is_border.append(False)
            if regions[index, i] != regions[index, (i + 1) % 3]:
                patches.append(np.array([middle[i], centre]))
                face.append(index)
                region.append(regions[index, i])
                is_border.append(True)
    return patches, np.array(face), np.array(region), np.array(is_border)


def _vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals (vertex, 3): the mean of those of its faces, weighted by area."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
