"""Cluster: where runs go; processes of this machine, or a Dask cluster that is already there."""

import asyncio
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import spawn
from typing import TYPE_CHECKING, Any

from encephagen.experiments.closure import package_digest, read_everything
from encephagen.interrupt import LATCH

if TYPE_CHECKING:
    from distributed import Client

PATIENCE_S = 10.0
"""How long a scheduler may take to answer."""
BLAS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ONE_BLAS_THREAD: dict[str, str] = dict.fromkeys(BLAS, "1")
ONE_NUMBA_THREAD = {"NUMBA_NUM_THREADS": "1"}
PUBLIC = ("encephagen",)
"""What is compared when a cluster is joined: all that the package's root offers, and below it."""


@contextmanager
def cluster(workers: int | None = None, scheduler: str | None = None) -> Iterator["Client"]:
    """Yield a Dask client of ``workers`` processes here, or of the cluster at ``scheduler``.

    Each process has one thread, of Numba and BLAS too; None is one process a core. They end with
    this process, however it ends; scratch files too, unless it is killed by `kill -9`.

    Raises ValueError for a scheduler that does not answer within `PATIENCE_S`, or whose cluster has
    no worker.
    """
    read_everything()
    from dask.system import CPU_COUNT  # of this process, which may own less than the machine

    with _connected(scheduler) if scheduler else _local(workers or CPU_COUNT) as client:
        with LATCH:
            _check_code(client)
        yield client


def _check_code(client: "Client") -> None:
    """Raise ValueError where workers lack encephagen, or have another version of it."""
    try:
        found: Any = client.run(package_digest, PUBLIC)
        theirs = set(found.values())
    except Exception as error:  # of whatever kind their import raised
        raise ValueError(
            f"a worker cannot import encephagen ({error}): install the version that runs here "
            "where the workers are, and start them again"
        ) from error
    if theirs - {package_digest(PUBLIC)}:
        raise ValueError(
            "a worker has another version of encephagen, or of a package it runs on: install the "
            "same ones, and start the workers again"
        )


@contextmanager
def _local(workers: int) -> Iterator["Client"]:
    import dask
    from distributed import Client, LocalCluster

    scratch = tempfile.TemporaryDirectory(prefix="encephagen-")
    settings = {
        "temporary-directory": scratch.name,
        "distributed.nanny.pre-spawn-environ": ONE_BLAS_THREAD,
        # Compiled code keeps a worker from answering for a while; that is no sign of its death.
        "distributed.scheduler.worker-ttl": None,
    }
    with ExitStack() as stack:
        stack.enter_context(_ended_in_order())
        stack.enter_context(scratch)
        stack.enter_context(dask.config.set(settings))
        # BLAS reads its variables when it is loaded, before a worker could set them: they are set
        # here, for all that is started from now on. Numba's would bind this process as well: it
        # reads them at every compilation, and refuses another number once its threads run.
        stack.enter_context(_environment(ONE_BLAS_THREAD))
        stack.enter_context(_script_left_alone())
        with LATCH:  # Ctrl-C within Dask's code may be lost, or break its start
            local = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                env=ONE_NUMBA_THREAD,
            )
            stack.enter_context(local)
            client = stack.enter_context(Client(local, set_as_default=False))
            client.run(_ignore_ctrl_c)
        yield client


@contextmanager
def _script_left_alone() -> Iterator[None]:
    """Let processes start without running the caller's script once more, as `spawn` would.

    A script needs no main guard then, nor does one that has none start a cluster in each process.
    What it defines travels by value.
    """
    usual = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        found = usual(name)
        return {key: value for key, value in found.items() if not key.startswith("init_main")}

    spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        spawn.get_preparation_data = usual


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM end this process by way of all `finally`, so that nothing is left behind."""
    usual = signal.getsignal(signal.SIGTERM)
    if usual is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one is at once
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started within."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _connected(scheduler: str) -> Iterator["Client"]:
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    threads = _workers(scheduler)
    if not threads:
        raise ValueError(
            f"the scheduler at {scheduler} has no workers: start some with "
            f"`dask worker {scheduler} --nthreads 1`"
        )
    if max(threads) > 1:
        raise ValueError(
            f"the scheduler at {scheduler} has workers with {max(threads)} threads: expected one a "
            "process; start them with --nthreads 1"
        )
    with Client(scheduler, timeout=PATIENCE_S, set_as_default=False) as client:
        yield client


def _workers(scheduler: str) -> list[int]:
    """Return the threads of each worker of a scheduler; ValueError if it does not answer.

    Asked before a client is made: one waits forever where something listens and says nothing.
    """
    from distributed import Security
    from distributed.core import rpc

    async def ask() -> list[int]:
        safety = Security().get_connection_args("client")
        async with rpc(scheduler, timeout=PATIENCE_S, connection_args=safety) as there:
            found: Any = await there.identity(n_workers=-1)
        return [worker["nthreads"] for worker in found["workers"].values()]

    async def answer() -> list[int]:
        return await asyncio.wait_for(ask(), PATIENCE_S)

    try:
        # In a thread of its own, as a notebook's has an event loop already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, answer()).result()
    except (OSError, ValueError, TypeError, KeyError, TimeoutError) as error:
        raise ValueError(
            f"no scheduler answers at {scheduler!r} within {PATIENCE_S:g} s: check the address "
            "(tcp://HOST:PORT), start one with `dask scheduler`, or leave it out to run here"
        ) from error


def _ignore_ctrl_c() -> None:
    """Leave Ctrl-C, which a terminal sends to workers too, to the process that started them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
