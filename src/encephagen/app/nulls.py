"""`encephagen nulls`: the null connectomes of a data set, each with its proof of difference."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.app import console
from encephagen.files import check_writable, to_json, whole


def nulls(dataset: str, seed: int, out: Path | None, as_json: bool) -> int:
    """Make every null of ``dataset``, print the proofs, and return 0, or 1 if none could be made.

    A null that this connectome does not admit is listed with the reason. With ``out``, a folder,
    each null is written there as .npz, and the proofs as proofs.json. Ctrl-C ends it early: what
    was made until then is written and printed.

    Raises ValueError for a data set that is none, and a folder that cannot be written.
    """
    from encephagen.connectome.datasets import load
    from encephagen.connectome.nulls import NULLS
    from encephagen.connectome.nulls.attempt import attempt, attempt_maps

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
                document["nulls"][name] = attempt(connectome, name, seed, out, progress)
            _write(document, out)
        document["maps"]["t1w_t2w"] = attempt_maps(connectome, seed)
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


def _first_line(make: Any) -> str:
    return (inspect.getdoc(make) or "").split("\n", 1)[0]


def _show(document: dict[str, Any], about: dict[str, str]) -> None:
    from rich.text import Text

    from encephagen.app import tables
    from encephagen.report import nulls as report

    out = console.out()
    title = (
        f"nulls of {document['dataset']}: {document['n_regions']} regions, density "
        f"{100 * document['density']:.1f} %, seed {document['seed']}"
    )
    made = tables.table("", "<null", *report.COLUMNS)
    made.title = Text(title)  # a name may hold what Rich would take for markup
    for name, found in document["nulls"].items():
        made.add_row(name, *(report.cells(found["proof"]) if found["made"] else ["refused"]))
    out.print(made)
    out.print(report.legend(document["nulls"]), style="dim")
    out.print()
    for name, sentence in about.items():
        found = document["nulls"].get(name)
        if found is None:
            continue
        out.print(f"{name}: {sentence}", markup=False)
        if not found["made"]:
            out.print(f"  refused: {found['refused']}", markup=False, style="yellow")
    for name, found in document["maps"].items():
        out.print(f"\n{report.of_map(name, found)}", markup=False)
