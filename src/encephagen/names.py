"""Names: the nearest known one to what was typed."""

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.5
"""Similarity of two names (difflib's ratio) from which one may have been meant (free)."""
SHOWN = 6
"""Names that an error lists where none is near (free)."""


def nearest(name: object, known: Iterable[str], *, n: int = 1) -> list[str]:
    """Return up to ``n`` known names that ``name`` may have meant, the nearest first.

    Case does not count, and `_` is `-`; a name that begins with what was typed, or has it as a
    whole word (`coupling` in `long_coupling_pA`), is near.
    """
    wanted = _folded(name)
    folded = {_folded(k): k for k in known}
    begun = [k for k in folded if wanted and k.startswith(wanted)]
    held = [k for k in folded if wanted and wanted in k.split("-")]
    close = get_close_matches(wanted, folded, n=n, cutoff=CUTOFF)
    return [folded[k] for k in dict.fromkeys([*begun, *close, *held])][:n]


def hint(name: object, known: Iterable[str], *, n: int = 1) -> str:
    """Return "nearest: ..." for an error message, or the known names where none is near."""
    known = list(known)
    near = nearest(name, known, n=n)
    if near:
        return f"nearest: {', '.join(near)}"
    return f"known: {', '.join(known[:SHOWN])}{', ...' if len(known) > SHOWN else ''}"


def _folded(name: object) -> str:
    return str(name).strip().casefold().replace("_", "-")
