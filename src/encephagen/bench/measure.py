"""Everything that is measured, as one document of plain values."""

import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from encephagen import __version__
from encephagen.bench.machine import versions
from encephagen.bench.networks import Size

LIKE_FOR_LIKE = ("default", "1e6")  # of their ratios to NEST, the lower counts
PACKAGES = ("numpy", "numba", "scipy", "neurolib")

Say = Callable[[str], None]


def measure(
    default: Size, sizes: tuple[Size, ...], *, quick: bool, nest: bool = True, say: Say
) -> dict[str, Any]:
    """Return everything that is measured, as one document; ``say`` hears of progress."""
    from encephagen.bench import costs, regions, start
    from encephagen.bench.gates import gates
    from encephagen.bench.running import in_process
    from encephagen.bench.timing import load

    started, load_before = time.perf_counter(), load()
    begins = {"start_cold_s": None, "start_warm_s": None}
    if not quick:
        say("a new process, without compiled code and with it")
        begins = start.measure()
    python, reason = find_nest(nest, say)
    measured, skipped = [in_process(default, quick, python, say)], {}
    for size in sizes:
        try:
            measured.append(in_process(size, quick, python, say))
        except ValueError as error:  # a network that this machine cannot hold is no end of it all
            skipped[size.name] = str(error)
            say(f"{size.name}: skipped: {error}")
    say("neurons, noise, calls, snapshots")
    cost = costs.measure(default, quick)
    say("rate regions and neurolib's in turns")
    rates = regions.measure(quick)
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
        "brain_digest": first["brain_digest"],
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
        "advance_recorder_us": cost["advance_recorder_us"],
        "regions_neurolib_ratio": rates["regions_neurolib_ratio"],
        "regions_batch_ratio": rates["regions_batch_ratio"],
        **begins,
        "sizes": measured,
        "skipped": skipped,
        "costs": cost,
        "regions": rates,
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


def machine(load_before: float | None) -> dict[str, Any]:
    """Return what was measured on: processor, cores, memory, and how busy others kept it."""
    import psutil

    from encephagen.bench.timing import load

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "memory_GiB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load": {"before": load_before, "after": load()},
    }


def find_nest(wanted: bool, say: Say) -> tuple[str | None, str | None]:
    """Return a Python that has NEST, or None and why."""
    if not wanted:
        return None, "it was not asked for"
    from encephagen.bench.install import python_with_nest
    from encephagen.engine.nest import Unavailable

    try:
        return python_with_nest(say), None
    except Unavailable as error:
        say(f"no comparison with NEST: {error}")
        return None, str(error)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
