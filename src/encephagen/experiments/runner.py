"""Runner: independent runs of one function, each kept as it ends, here or on a cluster."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encephagen.digest import digest
from encephagen.experiments.closure import code_digest, name_of, package_digest, reach
from encephagen.experiments.cluster import cluster
from encephagen.experiments.own import shipped
from encephagen.experiments.store import Store, pack, unpack
from encephagen.interrupt import counted, gently

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Count", "RunFailed", "Runner", "cluster"]

IN_FLIGHT = 2
"""Runs sent ahead for each worker: the one that it does, and the next."""

DESERTED_S = 60.0
"""How long a cluster may be without any worker; one that died is replaced in seconds."""

POLL_S, LOOK_EVERY_S = 0.02, 1.0
"""How often to look for runs that ended, and for workers."""

Values = dict[str, Any]


class Count(NamedTuple):
    """How far a `Runner.map` is; ``done`` includes ``resumed``, which were kept before."""

    label: str
    total: int
    done: int
    resumed: int
    failed: int


class RunFailed(RuntimeError):
    """Some runs raised; the first of their errors is the cause. All others ended and are kept."""


class Runner:
    """Does the runs of a study, each once.

    store: where results are kept as they end, and found again; None keeps nothing.
    client: a Dask client (see `cluster`); None does everything in this process, in order.
    progress: called with a `Count` at the start of each `map` and as each run ends.

    ``n_runs`` and ``n_resumed`` count distinct runs; ``notes`` says what a reader should know.
    """

    def __init__(
        self,
        store: Store | None = None,
        client: "Client | None" = None,
        progress: Callable[[Count], None] | None = None,
    ) -> None:
        self.store, self.client = store, client
        self.n_runs = self.n_resumed = 0
        self.notes: list[str] = []
        self._progress = progress or (lambda count: None)

    def map(
        self, function: Callable[..., Values], arguments: Sequence[Values], *, label: str
    ) -> list[Values]:
        """Return ``function(**a)`` for each dict of arguments, in order; equal ones are one run.

        ``function`` is pure and of module level; it takes plain values (those of JSON), and returns
        a dict of plain values and arrays. A result is found again under the function's name, all
        code that it can reach (`closure`), the arguments, and what is in an argument ``dataset``
        that is a path.

        Raises ValueError for arguments that are not plain, `RunFailed` after all other runs have
        ended, ConnectionError if the scheduler goes away. What has ended is kept.
        """
        if not arguments:
            return []
        code = code_digest(function)
        runs: dict[str, Values] = {}
        keys: list[str] = []
        for given in arguments:
            keys.append(_key(function, code, given, label))
            runs[keys[-1]] = json.loads(json.dumps(given))
        found = self._kept(runs, label)
        resumed = len(found)
        failed: dict[str, Exception] = {}

        def tell() -> None:
            self._progress(Count(label, len(runs), len(found), resumed, len(failed)))

        self.n_runs += len(runs)
        self.n_resumed += resumed
        tell()
        missing = {key: given for key, given in runs.items() if key not in found}
        for key, outcome in self._outcomes(function, missing):
            if isinstance(outcome, Exception):
                failed[key] = outcome
            else:
                found[key] = outcome
                if self.store is not None:
                    self.store.put(key, outcome)
            tell()
        if failed:
            first = next(key for key in runs if key in failed)
            others = f" (and {len(failed) - 1} more runs failed)" if len(failed) > 1 else ""
            raise RunFailed(
                f"run {keys.index(first)} of {label!r}, {_words(runs[first])}: "
                f"{type(failed[first]).__name__}: {failed[first]}{others}"
            ) from failed[first]
        return [found[key] for key in keys]

    def _kept(self, runs: dict[str, Values], label: str) -> dict[str, Values]:
        """Return the results that the store has; a damaged one is noted, and not among them."""
        found = {}
        for key, given in runs.items() if self.store is not None else ():
            try:
                values = self.store.get(key)  # type: ignore[union-attr]
            except ValueError as error:
                self.notes.append(f"done again: {label!r}, {_words(given)}; {error}")
                continue
            if values is not None:
                found[key] = values
        return found

    def _outcomes(
        self, function: Callable[..., Values], runs: dict[str, Values]
    ) -> Iterator[tuple[str, Values | Exception]]:
        """Yield, as runs end, their keys and what they returned or raised."""
        if self.client is not None:
            yield from _on_cluster(self.client, function, runs)
            return
        for key, given in runs.items():
            try:
                with counted():
                    outcome = _run(function, given)
            except Exception as error:
                outcome = error
            yield key, outcome


def _on_cluster(
    client: "Client", function: Callable[..., Values], runs: dict[str, Values]
) -> Iterator[tuple[str, Values | Exception]]:
    """Yield outcomes from a cluster's workers, which have only few runs waiting at any time.

    Ctrl-C takes effect between looks at them: raised within Dask's code, it may be lost there.
    """
    with gently() as check:
        yield from _outcomes_of(client, function, runs, check)


def _outcomes_of(
    client: "Client",
    function: Callable[..., Values],
    runs: dict[str, Values],
    check: Callable[[], None],
) -> Iterator[tuple[str, Values | Exception]]:
    from distributed import KilledWorker, as_completed

    modules = reach(function).modules
    work = (shipped(function), modules, package_digest(modules))
    waiting = iter(runs.items())
    running: dict[Future, str] = {}
    ended = as_completed(loop=client.loop)

    def send() -> None:
        room = IN_FLIGHT * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        for key, given in islice(waiting, max(0, room - len(running))):
            future = client.submit(_on_worker, *work, given, pure=False)
            running[future] = key
            ended.add(future)

    try:
        send()
        while not ended.is_empty():
            future = _next(client, ended, check)
            if future.status == "cancelled":  # by the client itself, when its connection is lost
                raise OSError("connection lost")
            if future.status == "lost":  # with its worker, and done again elsewhere
                ended.add(future)
                continue
            error = future.exception()
            if isinstance(error, KilledWorker):
                error = MemoryError("the process it ran in died, four times: out of memory?")
            yield running.pop(future), future.result() if error is None else error
            send()
    except _Deserted as error:
        raise ConnectionError(
            f"no worker has been there for {DESERTED_S:g} s: start some and repeat the command; "
            "runs that had ended are kept"
        ) from error
    except OSError as error:
        raise ConnectionError(
            "the scheduler went away: start it again and repeat the command; runs that had ended "
            "are kept"
        ) from error
    finally:
        if running:
            with suppress(Exception):
                client.cancel(list(running))


class _Deserted(Exception):
    """A cluster has no worker that could end a run."""


def _next(client: "Client", ended: Any, check: Callable[[], None]) -> Any:
    """Return the next run that ends; raise `_Deserted` if nobody is there to end one."""
    seen_s = looked_s = time.monotonic()
    check()
    while not ended.has_ready():
        check()
        time.sleep(POLL_S)
        now_s = time.monotonic()
        if now_s - looked_s < LOOK_EVERY_S:
            continue
        looked_s = now_s
        if client.scheduler_info(n_workers=-1)["workers"]:
            seen_s = now_s
        elif now_s - seen_s > DESERTED_S:
            raise _Deserted
    return next(ended)


def _on_worker(
    function: Callable[..., Values], modules: tuple[str, ...], code: str, given: Values
) -> Values:
    """Do a run, unless the package is another than where it was asked for, at what it can reach."""
    if package_digest(modules) != code:
        raise ValueError(
            "the worker has another version of encephagen: install the same one, start it again"
        )
    return _run(function, given)


def _run(function: Callable[..., Values], given: Values) -> Values:
    """Return what a run returns, as a store would give it back."""
    values = function(**given)
    if not isinstance(values, dict):
        raise ValueError(f"the run returned a {type(values).__name__}: expected a dict")
    return unpack(*pack(values))


def _key(function: Callable[..., Values], code: str, given: Values, label: str) -> str:
    """Return the digest of a run: the function, all code that it can reach, and its arguments.

    With the content of a dataset of one's own. Raises ValueError for arguments that are not plain.
    """
    try:
        text = json.dumps(given, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"arguments of {label!r}: {error}; expected numbers, texts, None, lists and dicts: "
            f"{_words(given)}"
        ) from error
    return digest(name_of(function), code, text, _content(given.get("dataset")))


def _content(dataset: Any) -> str:
    """Return the digest of the files of a dataset that is a path, nothing if it is only a name."""
    path = Path(dataset).expanduser() if isinstance(dataset, str) else None
    if path is None or not path.exists():
        return ""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [(f.relative_to(path.parent).as_posix(), f.read_bytes()) for f in files if f.is_file()]
    return digest(found)


def _words(given: Values) -> str:
    """Return arguments in few words, for a message."""
    text = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return text if len(text) <= 200 else f"{text[:200]} ..."
