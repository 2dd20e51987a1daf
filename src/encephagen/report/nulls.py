"""Proofs of nulls as people read them; see `encephagen.connectome.nulls.attempt`."""

from typing import Any

COLUMNS = ("changed", "r", "log r", "strength", "worst", "degree", "place")


def cells(proof: dict[str, Any]) -> list[str]:
    """Return the texts of a proof under `COLUMNS`."""
    relation = proof["weight_length"] or {}
    return [
        f"{100 * proof['fraction_changed']:.1f}%",
        _number(proof["correlation"]),
        _number(proof["log_correlation"]),
        _percent(proof["strength_error"]),
        _percent(proof["strength_error_max"]),
        "kept" if proof["degree_kept"] else "lost",
        _number(relation.get("rho_place")),
    ]


def legend(found: dict[str, dict[str, Any]]) -> str:
    """Return what the columns are; ``found`` are attempts by the name of the null."""
    relations = [f["proof"]["weight_length"] for f in found.values() if f["made"]]
    rho = [r["rho_before"] for r in relations if r is not None and r["rho_before"] is not None]
    original = f"; in the original {rho[0]:.2f}" if rho else ""
    return (
        "changed: of the weights. r, log r: correlation of weights, and of log weights, with the "
        "original. strength, worst: error of the strength of regions, on average and at worst. "
        f"place: rank correlation of weight with the length of the original's fibre there{original}"
    )


def of_map(name: str, found: dict[str, Any]) -> str:
    """Return what became of the spatial nulls of a map."""
    if not found["made"]:
        return f"map {name}: spatial nulls refused: {found['refused']}"
    p = found["proof"]
    sides = (
        ""
        if p["sides_before"] is None
        else f", left-right likeness {p['sides_before']:.2f} and {p['sides_after']:.2f}"
    )
    return (
        f"map {name}: {p['n']} spatial nulls; Moran's I {p['moran_before']:.3f} and "
        f"{p['moran_after']:.3f}, variogram off by {100 * p['variogram_error']:.0f} %{sides}, "
        f"mean |r| with the map {p['mean_correlation']:.2f}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f}"


def _percent(fraction: float | None) -> str:
    """Return a relative error, None for an infinite one, as text of 6 columns at most."""
    if fraction is None or fraction > 1:
        return ">100%"
    return "0%" if fraction == 0 else "<0.01%" if fraction < 1e-4 else f"{100 * fraction:.2g}%"
