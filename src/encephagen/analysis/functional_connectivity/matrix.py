"""FC matrices: Pearson's r of every two regions, and what is done with such a matrix.

A matrix has the dimensions region and region_2, each with its coordinate: the same names, in any
order of either.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.signals import even_step, require_array, some, time_series

if TYPE_CHECKING:
    import xarray as xr

MIN_VOLUMES = 10
"""Fewest volumes, of a run or of a window, from which a correlation is taken (free)."""

ASYMMETRY = 1e-5
"""Difference of r between two regions and the same two in turn that float32 may make (free)."""


def fc(x: "xr.DataArray") -> "xr.DataArray":
    """Return functional connectivity (..., region, region_2): Pearson's r, 1 on the diagonal.

    Raises ValueError for fewer than `MIN_VOLUMES` volumes, or a region that never changes.
    """
    values, _, regions = series(x)
    _require_change(values, regions)
    return _labelled(correlation(values), regions, run_coords(x))


def fisher_mean(matrices: "xr.DataArray") -> "xr.DataArray":
    """Return the mean FC (region, region_2) over all other dimensions: tanh of the mean arctanh.

    Raises ValueError as `aligned`, and for r beyond -1 to 1.
    """
    matrices = aligned(matrices)
    regions, values = names(matrices), matrices.values
    beyond = np.argwhere((np.abs(values) > 1.0 + 1e-9) & _off_diagonal(values))
    if beyond.size:
        a, b = (regions[i] for i in beyond[0, -2:].tolist())
        raise ValueError(f"FC of {a} with {b} is beyond -1 to 1: expected correlations")
    each = to_z(values).reshape(-1, len(regions), len(regions)).mean(axis=0)
    return _labelled(np.tanh(each) + np.eye(len(regions)), regions)


def group_fc(x: "xr.DataArray") -> "xr.DataArray":
    """Return the FC (region, region_2) of a group: the Fisher mean over its runs."""
    return fisher_mean(fc(x))


def fc_correlation(a: "xr.DataArray", b: "xr.DataArray") -> float:
    """Return Pearson's r between the upper triangles of two FC matrices (region, region_2).

    Regions are matched by name, in rows and in columns. Raises ValueError, naming them, if they are
    not the same, or where a value is not finite.
    """
    a = aligned(a)
    return pearson(upper(a), upper(matched(b, names(a))))


def upper(matrix: "xr.DataArray") -> np.ndarray:
    """Return the upper triangle (pair) of a matrix (region, region_2), without the diagonal.

    Pairs stand in the order of ``region``. Raises ValueError as `aligned`, and for more dimensions.
    """
    values = aligned(matrix).values
    if values.ndim != 2:
        raise ValueError(
            f"matrix has dimensions {tuple(map(str, matrix.dims))}: expected region and region_2 "
            "alone; take one run, or the fisher_mean of all"
        )
    return values[np.triu_indices(values.shape[0], 1)]


def aligned(matrix: "xr.DataArray") -> "xr.DataArray":
    """Return the matrix (..., region, region_2) with its columns in the order of its rows.

    Raises ValueError, naming the regions, if columns and rows are not of the same regions, if a
    value off the diagonal is not finite, or if r of two regions depends on their order.
    """
    coords = '{"region": names, "region_2": names}, ("region", "region_2")'
    require_array(matrix, "matrix", coords)
    missing = {"region", "region_2"} - set(matrix.dims)
    if missing:
        raise ValueError(
            f"matrix has dimensions {tuple(map(str, matrix.dims))}: expected region and region_2"
        )
    if not {"region", "region_2"} <= set(matrix.coords):
        raise ValueError("matrix lacks names of region or region_2; give both as coordinates")
    rows, columns = names(matrix), names(matrix, "region_2")
    if len(set(rows)) != len(rows):
        twice = next(name for name in rows if rows.count(name) > 1)
        raise ValueError(f"two regions are named {twice}: expected different names")
    _require_same(rows, columns, "rows", "columns")
    matrix = matrix.transpose(..., "region", "region_2")
    if rows != columns:
        matrix = matrix.isel(region_2=[columns.index(name) for name in rows])
    _require_values(matrix.values, rows)
    return matrix


def matched(matrix: "xr.DataArray", regions: Sequence[str]) -> "xr.DataArray":
    """Return the matrix in the order of regions; ValueError, naming them, if they differ."""
    matrix = aligned(matrix)
    own = names(matrix)
    if own == tuple(regions):
        return matrix
    _require_same(tuple(regions), own, "the first", "the second")
    order = [own.index(name) for name in regions]
    return matrix.isel(region=order, region_2=order)


def names(matrix: "xr.DataArray", dim: str = "region") -> tuple[str, ...]:
    """Return the names of the regions of a matrix."""
    return tuple(map(str, matrix[dim].values.tolist()))


# ---- arrays, for the rest of this folder --------------------------------------------------------


def series(x: "xr.DataArray") -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Return values (..., time, region), the step in s and the regions of a signal, checked."""
    values, time_s, regions = time_series(x)
    if values.shape[-2] < MIN_VOLUMES:
        raise ValueError(
            f"{values.shape[-2]} volumes are too few for functional connectivity: expected at "
            f"least {MIN_VOLUMES}; record for longer"
        )
    if len(regions) < 2:
        raise ValueError(f"{len(regions)} regions: expected two or more")
    return values, even_step(time_s), regions


def runs_of(x: "xr.DataArray") -> tuple[np.ndarray, float, tuple[str, ...]]:
    """Return values (run, time, region), the step in s and the regions, checked."""
    values, step_s, regions = series(x)
    values = values.reshape(-1, *values.shape[-2:])
    _require_change(values, regions)
    return values, step_s, regions


def _require_change(values: np.ndarray, regions: Sequence[str]) -> None:
    """Raise ValueError, naming it, if a region of values (..., time, region) never changes."""
    # Not by its variance: the mean of equal numbers is rounded, so that would not be quite 0.
    still = np.ptp(values, axis=-2) == 0
    if still.any():
        where = np.argwhere(still)[0]
        run = f" of run {where[0]}" if values.ndim > 2 else ""
        raise ValueError(
            f"the signal of {regions[where[-1]]}{run} never changes ({int(still.sum())} such in "
            "all), so it correlates with nothing; leave it out or record for longer"
        )


def correlation(values: np.ndarray) -> np.ndarray:
    """Return correlations (..., region, region) of values (..., time, region)."""
    deviation = values - values.mean(axis=-2, keepdims=True)
    deviation /= np.sqrt((deviation**2).sum(axis=-2))[..., None, :]
    r = np.clip(np.swapaxes(deviation, -1, -2) @ deviation, -1.0, 1.0)
    r[..., np.arange(r.shape[-1]), np.arange(r.shape[-1])] = 1.0
    return r


def to_z(r: np.ndarray) -> np.ndarray:
    """Return Fisher's z, with 0 on the diagonal; copies of one signal stay finite."""
    inside = np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12)
    return np.where(_off_diagonal(r), np.arctanh(inside), 0.0)


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's r; ValueError where one of them never changes."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("all pairs have the same value: r is not defined; expected them to differ")
    return float(np.corrcoef(a, b)[0, 1])


def run_coords(x: "xr.DataArray") -> dict[str, Any]:
    """Return the coordinates of the dimensions of x that are neither region nor time."""
    dims = [d for d in x.dims if d != "region" and not str(d).startswith("time_")]
    return {str(d): x[d].values for d in dims}


def _labelled(
    values: np.ndarray, regions: Sequence[str], runs: dict[str, Any] | None = None
) -> "xr.DataArray":
    import xarray as xr

    coords = {**(runs or {}), "region": list(regions), "region_2": list(regions)}
    return xr.DataArray(values, coords, tuple(coords), "fc")


def _off_diagonal(values: np.ndarray) -> np.ndarray:
    return ~np.eye(values.shape[-1], dtype=bool)


def _require_same(first: Sequence[str], second: Sequence[str], a: str, b: str) -> None:
    only_first = [r for r in first if r not in set(second)]
    only_second = [r for r in second if r not in set(first)]
    if only_first or only_second or len(first) != len(second):
        raise ValueError(
            f"parcellations differ: {some(only_first)} only in {a}, {some(only_second)} only in "
            f"{b}; compare data of one parcellation"
        )


def _require_values(values: np.ndarray, regions: Sequence[str]) -> None:
    """Raise ValueError unless values (..., region, region) are finite and symmetric."""
    lost = ~np.isfinite(values) & _off_diagonal(values)
    if lost.any():
        pairs = lost.reshape(-1, *lost.shape[-2:]).any(axis=0)
        each = (pairs | pairs.T).sum(axis=0)
        raise ValueError(
            f"FC of {regions[int(each.argmax())]} is not finite with {each.max()} of "
            f"{len(regions) - 1} regions: leave it out by x.sel(region=[...], region_2=[...])"
        )
    values = np.where(_off_diagonal(values), values, 0.0)
    difference = np.abs(values - np.swapaxes(values, -1, -2))
    if difference.max(initial=0.0) > ASYMMETRY:
        place = np.unravel_index(int(difference.argmax()), difference.shape)
        a, b = (regions[int(i)] for i in place[-2:])
        raise ValueError(
            f"FC of {a} with {b} is not that of {b} with {a}: expected a symmetric "
            "matrix, with the names of its columns in region_2"
        )
