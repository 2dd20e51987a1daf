"""Lines in the terminal, of Braille dots (two by four in a cell) or else of ASCII."""

import numpy as np
from numpy.typing import ArrayLike

# Bits of the dots of a Braille cell, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-:=+*#"


def line(
    values: ArrayLike, *, low: float, high: float, width: int, height: int, unicode: bool = True
) -> list[str]:
    """Return ``height`` lines of ``width`` signs that draw ``values`` (time,) from low to high.

    Neighbouring points are joined, so that a steep flank is a stroke. Without ``unicode`` the dots
    are asterisks, one a cell. Values outside are drawn at the edge; what is not finite, not at all.
    """
    columns, rows = (2 * width, 4 * height) if unicode else (width, height)
    values = np.asarray(values, float)
    grid = np.zeros((rows, columns), bool)
    if not values.size or not high > low:
        return [" " * width] * height
    sampled = np.interp(np.linspace(0, len(values) - 1, columns), np.arange(len(values)), values)
    level = (np.clip(sampled, low, high) - low) / (high - low) * (rows - 1)
    before = -1
    for column, y in enumerate(level):
        if not np.isfinite(y):
            before = -1
            continue
        here = rows - 1 - round(float(y))
        first, last = (here, here) if before < 0 else sorted((before, here))
        # The stroke starts beyond the dot that the last column has already.
        first, last = (first + (before < here and before >= 0), last - (before > here >= 0))
        grid[min(first, here) : max(last, here) + 1, column] = True
        before = here
    if not unicode:
        return ["".join("*" if dot else " " for dot in row) for row in grid]
    lines = []
    for r in range(height):
        cells = grid[4 * r : 4 * r + 4].reshape(4, width, 2)
        codes = sum(cells[i, :, j] * _DOTS[i][j] for i in range(4) for j in range(2))
        lines.append("".join(chr(0x2800 + int(code)) for code in np.asarray(codes)))
    return lines


def sparkline(
    values: ArrayLike, *, low: float, high: float, width: int, unicode: bool = True
) -> str:
    """Return one line of at most ``width`` signs, each the mean of a stretch, from low to high."""
    values = np.asarray(values, float)
    if not values.size:
        return ""
    parts = np.array_split(values, min(width, len(values)))
    means = np.nan_to_num([part.mean() for part in parts], nan=low)
    signs = _LEVELS if unicode else _ASCII_LEVELS
    share = np.clip((means - low) / (high - low), 0.0, 1.0) if high > low else 0.0 * means
    return "".join(signs[min(len(signs) - 1, int(v * len(signs)))] for v in share)
