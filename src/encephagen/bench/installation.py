"""Installation: is everything here that a brain needs, and how to get what is not?"""

import dataclasses
import hashlib
import importlib
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from encephagen.extras import EXTRAS, Extra
from encephagen.working_point.choice import Choice, recipe_values

NEEDED = ("numpy", "numba", "scipy", "xarray", "h5netcdf", "matplotlib", "psutil")
OLDEST_PYTHON = (3, 11)
DISK_MIB = 200.0
MEMORY_MIB = 1000.0
TRY_MS = 50.0

GOOD, MISSING, BROKEN = "ok", "missing", "broken"


@dataclass(frozen=True)
class Finding:
    """One check: its state ("ok", "missing" for what one can do without, or "broken")."""

    what: str
    state: str
    detail: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Yield the finding of each check, in order, and what it warns of; none can stop the others."""
    yield from _packages()
    for what, check in _CHECKS:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = check(what)
            except Exception as error:  # whatever is wrong with an installation, say it
                text = f"{type(error).__name__}: {error}"
                found = Finding(what, BROKEN, text, _REMEDY)
        yield found
        for warning in told:
            if warning.category is UserWarning:  # ours: what it is, and after a colon what to do
                text, _, remedy = str(warning.message).partition(": ")
                yield Finding(what, MISSING, text, remedy)
    yield from map(_optional, EXTRAS)


def _python(what: str) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding(what, BROKEN, f"{version}; 3.11 or newer is needed", "install Python 3.11")
    return Finding(what, GOOD, version)


def _packages() -> Iterator[Finding]:
    yield _python("python")
    versions, broken = [], []
    for name in NEEDED:
        try:
            module = importlib.import_module(name)
            versions.append(f"{name} {getattr(module, '__version__', '?')}")
        except Exception as error:  # a broken binary raises all sorts
            broken.append((name, error))
    yield Finding("packages", BROKEN if broken else GOOD, ", ".join(versions) or "none")
    for name, error in broken:
        yield Finding(name, BROKEN, str(error), f"pip install {name}")


def _data(what: str) -> Finding:
    from encephagen.connectome.datasets import DATA

    sums = DATA / "SHA256SUMS"
    if not sums.is_file():
        return Finding(what, BROKEN, f"{sums.name} is not there", "install encephagen again")
    wrong, names = [], []
    for row in sums.read_text().splitlines():
        digest, name = row.split()
        file = DATA / name
        names.append(name)
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            wrong.append(name)
    if wrong:
        detail = f"{', '.join(wrong)}: missing, or not what was shipped"
        return Finding(what, BROKEN, detail, "install encephagen again")
    return Finding(what, GOOD, f"{', '.join(names)}: checksums agree")


def _cache(what: str) -> Finding:
    from encephagen.jit import cache_folder

    folder = cache_folder()
    remedy = "set ENCEPHAGEN_CACHE to a folder that you can write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        text = f"{folder}: {error.strerror}; every start compiles anew, which takes up to a minute"
        return Finding(what, MISSING, text, remedy)
    kernels = sum(1 for _ in folder.glob("kernel_*.py"))
    return Finding(what, GOOD, f"{folder}, {kernels} compiled kernels")


def _disk(what: str) -> Finding:
    from encephagen.jit import cache_folder

    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free_MiB = shutil.disk_usage(folder).free / 2**20
    if free_MiB < DISK_MIB:
        return Finding(
            what,
            BROKEN,
            f"{free_MiB:.0f} MiB free where kernels are kept",
            f"free {DISK_MIB:.0f} MiB, or set ENCEPHAGEN_CACHE to another disk",
        )
    return Finding(what, GOOD, f"{free_MiB / 1024:.1f} GiB free where kernels are kept")


def _memory(what: str) -> Finding:
    import psutil

    free_MiB = psutil.virtual_memory().available / 2**20
    if free_MiB < MEMORY_MIB:
        return Finding(
            what,
            BROKEN,
            f"{free_MiB:.0f} MiB free",
            f"close other programs: the default brain takes up to {MEMORY_MIB:.0f} MiB",
        )
    return Finding(what, GOOD, f"{free_MiB / 1024:.1f} GiB free")


def _terminal(what: str) -> Finding:
    encoding = sys.stdout.encoding or "none"
    if encoding.lower().replace("-", "") != "utf8":
        return Finding(
            what,
            MISSING,
            f"the encoding is {encoding}; plots are drawn in ASCII",
            "set PYTHONIOENCODING=utf-8, or LANG=C.UTF-8",
        )
    return Finding(what, GOOD, "UTF-8")


def _simulation(what: str) -> Finding:
    from encephagen.engine.cpu.engine import most_threads

    choice = Choice()
    choice = dataclasses.replace(choice, recipe=recipe_values(None, [], choice.connectome()))
    network = choice.network()
    choice.prepare(network, None)
    session = choice.session(network, 1)
    started = time.perf_counter()
    recording = session.record(TRY_MS)
    wall_s = time.perf_counter() - started
    if not recording.n_spikes or recording.interrupted:
        detail = f"{recording.n_spikes} spikes in {TRY_MS:g} ms" + "".join(
            f"; {alarm}" for alarm in recording.alarms
        )
        return Finding(what, BROKEN, detail, _REPORT)
    several = choice.session(network, most_threads(network))
    if several.threads > 1 and several.record(TRY_MS).spike_digest() != recording.spike_digest():
        return Finding(what, BROKEN, f"1 and {several.threads} threads disagree", _REPORT)
    return Finding(
        what,
        GOOD,
        f"{network.n_neurons:,} neurons, {recording.n_spikes:,} spikes in {TRY_MS:g} ms of brain "
        f"time, the same for 1 and {several.threads} threads; one thread ran it at "
        f"{TRY_MS / 1000 / wall_s:.1f} x real time",
    )


def _threads(what: str) -> Finding:
    import numba

    n = int(numba.config.NUMBA_NUM_THREADS)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        layer = numba.threading_layer()
    except ValueError:  # only one core, so nothing has started them
        return Finding(what, GOOD, f"{n} at most; not started")
    return Finding(what, GOOD, f"{layer}, {n} at most")


_REPORT = "report it with this output"
_REMEDY = (
    "set ENCEPHAGEN_CACHE to an empty folder and try again, for compiled code may be damaged; else "
    f"install encephagen again; if it stays, {_REPORT}"
)

_CHECKS: tuple[tuple[str, Callable[[str], Finding]], ...] = (
    ("terminal", _terminal),
    ("memory", _memory),
    ("kernel cache", _cache),
    ("disk", _disk),
    ("data", _data),
    ("simulation", _simulation),
    ("threads", _threads),
)


def _optional(extra: Extra) -> Finding:
    from encephagen.bench.machine import versions

    version = versions((extra.package,))[extra.package]
    if version is None:
        return Finding(extra.package, MISSING, f"needed only for {extra.purpose}", extra.remedy)
    return Finding(extra.package, GOOD, f"{version}, for {extra.purpose}")
