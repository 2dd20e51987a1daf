"""`encephagen bench`: speed and memory, beside real time and NEST, measured in one run."""

import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from encephagen import __version__
from encephagen.app import console
from encephagen.app.benchmarks.networks import DEFAULT, QUICK_DEFAULT, QUICK_SIZES, SIZES, Size
from encephagen.app.machine import versions

LIKE_FOR_LIKE = ("default", "1e6")  # of their ratios to NEST, the lower counts
PACKAGES = ("numpy", "numba", "scipy")


def bench(
    as_json: bool = False,
    *,
    quick: bool = False,
    out: Path | None = None,
    sizes: str | None = None,
    nest: bool = True,
) -> int:
    """Measure, print, write ``bench.md``, ``bench.png`` and ``bench.json``, and return 0.

    A gate that fails is printed as such; the exit status says only that it was measured. Files go
    into ``out``, or into ``docs`` of a source checkout, or nowhere. ``sizes`` picks from
    "1e6,1e7,1e8". ValueError for a size or a folder that there is not.
    """
    chosen = _chosen(QUICK_SIZES if quick else SIZES, sizes)
    if out is not None and not out.is_dir():
        raise ValueError(f"--out {out} is no folder: create it first")
    folder = out if out is not None or quick else docs_folder()
    default = QUICK_DEFAULT if quick else DEFAULT
    document = measure(default, chosen, quick=quick, nest=nest)
    if as_json:
        print(json.dumps(document, indent=2, allow_nan=False))
    else:
        from encephagen.app.benchmarks.report import show

        show(console.out(), document)
    if folder is not None:
        from encephagen.app.benchmarks.report import save

        for file in save(folder, document):
            say(f"wrote {file}")
    return 0


def measure(
    default: Size, sizes: tuple[Size, ...], *, quick: bool, nest: bool = True
) -> dict[str, Any]:
    """Return everything that is measured, as one document."""
    from encephagen.app.benchmarks import costs, start
    from encephagen.app.benchmarks.gates import gates
    from encephagen.app.benchmarks.running import in_process
    from encephagen.app.benchmarks.timing import load

    started, load_before = time.perf_counter(), load()
    begins = {"start_cold_s": None, "start_warm_s": None}
    if not quick:
        say("a new process, without compiled code and with it")
        begins = start.measure()
    python, reason = _nest(nest)
    measured, skipped = [in_process(default, quick, python)], {}
    for size in sizes:
        try:
            measured.append(in_process(size, quick, python))
        except ValueError as error:  # a network that this machine cannot hold is no end of it all
            skipped[size.name] = str(error)
            say(f"{size.name}: skipped: {error}")
    say("neurons, noise, calls, snapshots")
    cost = costs.measure(default, quick)
    # Two threads suffer from other programs, NEST's more than ours, CPU seconds on one do not: the
    # lower of both ratios is the one that nobody else's program made.
    ratios = {
        s["name"]: min(s["nest"]["ratio"], s["nest"]["ratio_cpu_1_thread"])
        for s in measured
        if s["nest"]
    }
    counted = [ratios[name] for name in LIKE_FOR_LIKE if name in ratios]
    if quick:
        counted = list(ratios.values())
    first = measured[0]
    largest = measured[-1]
    document: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "realtime_factor": first["realtime_factor"],
        "threads": first["threads"],
        "realtime_factor_by_threads": first["realtime_factor_by_threads"],
        "nest_ratio": min(counted, default=None),
        "nest_ratios": ratios,
        "nest_reason": reason or next((s["nest_reason"] for s in measured), None),
        "events_per_s_core": largest["events_per_s_core"],
        "bytes_per_synapse": largest["bytes_per_synapse"],
        "noise_ns_per_draw": cost["noise_ns_per_draw"],
        "advance_overhead_us": cost["advance_overhead_us"],
        **begins,
        "sizes": measured,
        "skipped": skipped,
        "costs": cost,
        "machine": machine(load_before),
        "versions": {
            "encephagen": __version__,
            "python": platform.python_version(),
            **versions(PACKAGES),
            "nest": next((s["nest"]["version"] for s in measured if s["nest"]), None),
        },
        "duration_s": round(time.perf_counter() - started, 1),
    }
    document["gates"] = [] if quick else [gate.to_dict() for gate in gates(document)]
    return document


def docs_folder() -> Path | None:
    """Return ``docs`` of the working folder where that is a source checkout of encephagen."""
    project = Path("pyproject.toml")
    if project.is_file() and 'name = "encephagen"' in project.read_text() and Path("docs").is_dir():
        return Path("docs")
    return None


def machine(load_before: float | None) -> dict[str, Any]:
    """Return what was measured on: processor, cores, memory, and how busy others kept it."""
    import psutil

    from encephagen.app.benchmarks.timing import load

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "memory_GiB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load": {"before": load_before, "after": load()},
    }


def say(text: str) -> None:
    """Print a line of progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _nest(wanted: bool) -> tuple[str | None, str | None]:
    """Return a Python that has NEST, or None and why."""
    if not wanted:
        return None, "it was not asked for"
    from encephagen.app.benchmarks.against import Unavailable
    from encephagen.app.benchmarks.install import python_with_nest

    try:
        return python_with_nest(), None
    except Unavailable as error:
        say(f"no comparison with NEST: {error}")
        return None, str(error)


def _chosen(sizes: tuple[Size, ...], names: str | None) -> tuple[Size, ...]:
    if names is None:
        return sizes
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {s.name: s for s in sizes}
    for name in wanted:
        if name not in known:
            raise ValueError(f"--sizes {name!r}: give some of {','.join(known)}")
    return tuple(known[name] for name in known if name in wanted)
