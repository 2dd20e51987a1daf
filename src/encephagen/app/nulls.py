"""`encephagen nulls`: the null connectomes of a data set, each with its proof of difference."""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.app import console
from encephagen.files import check_writable, to_json, whole

N_MAPS = 1000


def nulls(dataset: str, seed: int, out: Path | None, as_json: bool) -> int:
    """Make every null of ``dataset``, print the proofs, and return 0, or 1 if none could be made.

    A null that this connectome does not admit is listed with the reason. With ``out``, a folder,
    each null is written there as .npz, and the proofs as proofs.json. Ctrl-C ends it early: what
    was made until then is written and printed.

    Raises ValueError for a data set that is none, and a folder that cannot be written.
    """
    from encephagen.connectome.datasets import load
    from encephagen.connectome.nulls import NULLS

    connectome = load(dataset)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("proofs.json", *(f"{name}.npz" for name in NULLS)):
            check_writable(out / name)
    n_pairs = max(connectome.n * (connectome.n - 1), 1)
    document: dict[str, Any] = {
        "dataset": connectome.name,
        "digest": connectome.digest(),
        "n_regions": connectome.n,
        "density": np.count_nonzero(connectome.weights) / n_pairs,
        "seed": seed,
        "nulls": {},
        "maps": {},
        "interrupted": False,
    }
    try:
        for place, name in enumerate(NULLS, 1):
            with _watching(f"{name} ({place} of {len(NULLS)})") as progress:
                document["nulls"][name] = _null(connectome, name, seed, out, progress)
            _write(document, out)
        document["maps"]["t1w_t2w"] = _map_null(connectome, seed)
    except KeyboardInterrupt:
        document["interrupted"] = True
    _write(document, out)
    if as_json:
        print(to_json(document))
    else:
        _show(document, {name: _first_line(make) for name, make in NULLS.items()})
        if out is not None:
            console.out().print(f"written to {out}", markup=False, soft_wrap=True)
    if document["interrupted"]:
        raise KeyboardInterrupt
    return 0 if any(found["made"] for found in document["nulls"].values()) else 1


def _null(
    connectome: Any, name: str, seed: int, out: Path | None, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Make one null, write it, and return its proof, or why there is none."""
    from encephagen.connectome.nulls import ANNEALED, NULLS
    from encephagen.connectome.readers import write_npz

    started = time.perf_counter()
    try:
        watched = {"progress": progress} if name in ANNEALED else {}
        null, proof = NULLS[name](connectome, seed, **watched)
    except ValueError as error:
        return {"made": False, "refused": console.one_line(error)}
    wall_s = round(time.perf_counter() - started, 3)
    if out is not None:
        write_npz(null, out / f"{name}.npz")
    return {"made": True, "proof": proof.as_dict(), "wall_s": wall_s}


def _write(document: dict[str, Any], out: Path | None) -> None:
    if out is not None:
        with whole(out / "proofs.json") as part:
            part.write_text(to_json(document) + "\n", encoding="utf-8")


@contextmanager
def _watching(what: str) -> Iterator[Callable[[float], None]]:
    """Yield a function that shows, on stderr, the fraction done of what takes over a second."""
    terminal = console.err()
    if not terminal.is_terminal:
        with console.patience(f"{what}: this one takes a while ..."):
            yield lambda fraction: None
        return
    with terminal.status(f"{what} ...") as status:
        yield lambda fraction: status.update(f"{what}: {100 * fraction:.0f} % ...")


def _map_null(connectome: Any, seed: int) -> dict[str, Any]:
    """Return the proof of spatial nulls of T1w/T2w, where it is known, or why there are none."""
    from encephagen.connectome.nulls import spatial_null
    from encephagen.connectome.transform import subset

    known = [r.name for r in connectome.regions if r.t1w_t2w is not None]
    try:
        mapped = subset(connectome, known) if known else connectome
        _, proof = spatial_null(mapped.t1w_t2w, mapped, N_MAPS, seed)
    except ValueError as error:
        return {"made": False, "refused": console.one_line(error)}
    return {"made": True, "proof": proof.as_dict()}


def _first_line(make: Any) -> str:
    return (inspect.getdoc(make) or "").split("\n", 1)[0]


def _show(document: dict[str, Any], about: dict[str, str]) -> None:
    from rich.text import Text

    from encephagen.app import tables

    out = console.out()
    title = (
        f"nulls of {document['dataset']}: {document['n_regions']} regions, density "
        f"{100 * document['density']:.1f} %, seed {document['seed']}"
    )
    columns = ("changed", "r", "log r", "strength", "worst", "degree", "place")
    made = tables.table("", "<null", *columns)
    made.title = Text(title)  # a name may hold what Rich would take for markup
    for name, found in document["nulls"].items():
        made.add_row(name, *(_cells(found["proof"]) if found["made"] else ["refused"]))
    out.print(made)
    out.print(_legend(document), style="dim")
    out.print()
    for name, sentence in about.items():
        found = document["nulls"].get(name)
        if found is None:
            continue
        out.print(f"{name}: {sentence}", markup=False)
        if not found["made"]:
            out.print(f"  refused: {found['refused']}", markup=False, style="yellow")
    for name, found in document["maps"].items():
        out.print(f"\n{_map_text(name, found)}", markup=False)


def _cells(proof: dict[str, Any]) -> list[str]:
    from encephagen.app.tables import number

    relation = proof["weight_length"] or {}
    return [
        f"{100 * proof['fraction_changed']:.1f}%",
        number(proof["correlation"]),
        number(proof["log_correlation"]),
        _percent(proof["strength_error"]),
        _percent(proof["strength_error_max"]),
        "kept" if proof["degree_kept"] else "lost",
        number(relation.get("rho_place")),
    ]


def _percent(fraction: float | None) -> str:
    """Return a relative error, None for an infinite one, as text of 6 columns at most."""
    if fraction is None or fraction > 1:
        return ">100%"
    return "0%" if fraction == 0 else "<0.01%" if fraction < 1e-4 else f"{100 * fraction:.2g}%"


def _legend(document: dict[str, Any]) -> str:
    found = [f["proof"]["weight_length"] for f in document["nulls"].values() if f["made"]]
    rho = [f["rho_before"] for f in found if f is not None and f["rho_before"] is not None]
    original = f"; in the original {rho[0]:.2f}" if rho else ""
    return (
        "changed: of the weights. r, log r: correlation of weights, and of log weights, with the "
        "original. strength, worst: error of the strength of regions, on average and at worst. "
        f"place: rank correlation of weight with the length of the original's fibre there{original}"
    )


def _map_text(name: str, found: dict[str, Any]) -> str:
    if not found["made"]:
        return f"map {name}: spatial nulls refused: {found['refused']}"
    p = found["proof"]
    sides = (
        ""
        if p["sides_before"] is None
        else (f", left-right likeness {p['sides_before']:.2f} and {p['sides_after']:.2f}")
    )
    return (
        f"map {name}: {p['n']} spatial nulls; Moran's I {p['moran_before']:.3f} and "
        f"{p['moran_after']:.3f}, variogram off by {100 * p['variogram_error']:.0f} %{sides}, "
        f"mean |r| with the map {p['mean_correlation']:.2f}"
    )
