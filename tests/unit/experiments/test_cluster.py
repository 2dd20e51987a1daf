"""Runs on other processes: one thread each, gone with their parent; kept runs outlive it."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import numba
import psutil
import pytest

from encephagen.experiments import closure
from encephagen.experiments import cluster as module
from encephagen.experiments import runner as runner_module
from encephagen.experiments.runner import RunFailed, Runner, cluster
from encephagen.experiments.store import Store

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

# A module of a user's own, which workers can import; test modules have no name of that kind.
RUNS = '''
import os, signal, time
from pathlib import Path

def noted(x, log, seconds):
    """Note the beginning and the end of a run that takes some time."""
    with open(log, "a") as file:
        file.write(f"begun {x}\\n")
    time.sleep(seconds)
    with open(log, "a") as file:
        file.write(f"ended {x}\\n")
    return {"x": x}

def about_here(x, once=None):
    """What this worker is like."""
    import numba
    return {"x": x, "pid": os.getpid(), "threads": numba.get_num_threads(),
            "blas": os.environ["OPENBLAS_NUM_THREADS"],
            "ctrl_c": signal.getsignal(signal.SIGINT) == signal.SIG_IGN}

def fatal(x, once):
    """Kill the process, the first time."""
    if x == 1 and not Path(once).exists():
        Path(once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"x": x}

def odd(x):
    """Fail for odd numbers."""
    if x % 2:
        raise ValueError(f"{x} is odd")
    return {"x": x}
'''
# What a script does: runs on two processes of this machine.
SCRIPT = """
import sys
import some_runs
from encephagen.experiments.runner import Runner, cluster
from encephagen.experiments.store import Store

if __name__ == "__main__":
    arguments = [{"x": x, "log": "log", "seconds": 0.3} for x in range(8)]
    with cluster(2) as client:
        Runner(Store("runs"), client).map(some_runs.noted, arguments, label="slow")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the runs in it, from which this process and its children import."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "some_runs.py").write_text(RUNS)
    (folder / "script.py").write_text(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield folder


@pytest.fixture(scope="module")
def client(folder):
    """Two processes of this machine."""
    with cluster(2) as found:
        yield found


@pytest.fixture(autouse=True)
def code_of_now():
    """Other processes read the code when they start; so does this one, in case it was edited."""
    for cached in (closure._read, closure._reach, closure._imported, closure.package_digest):
        cached.cache_clear()


def begun(log):
    return [] if not log.exists() else log.read_text().split("begun ")[1:]


def wait_for(condition, what, seconds=60.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)


def test_every_process_has_one_thread_and_leaves_ctrl_c_to_its_parent(client):
    import some_runs

    found = Runner(None, client).map(
        some_runs.about_here, [{"x": x} for x in range(8)], label="here"
    )
    assert [r["x"] for r in found] == list(range(8))
    assert os.getpid() not in {r["pid"] for r in found} and len({r["pid"] for r in found}) == 2
    assert {(r["threads"], r["blas"], r["ctrl_c"]) for r in found} == {(1, "1", True)}


def test_on_a_cluster_as_in_this_process(client, tmp_path):
    import some_runs

    runner = Runner(Store(tmp_path), client)
    arguments = [{"x": x} for x in range(4)]
    with pytest.raises(RunFailed, match=r"run 1 of 'odd', x=1: ValueError: 1 is odd \(and 1 more"):
        runner.map(some_runs.odd, arguments, label="odd")
    here = Runner(Store(tmp_path))
    assert here.map(some_runs.odd, arguments[::2], label="even") == [{"x": 0}, {"x": 2}]
    assert here.n_resumed == 2


@posix
def test_a_process_that_dies_takes_no_run_with_it(client, tmp_path):
    import some_runs

    arguments = [{"x": x, "once": str(tmp_path / "once")} for x in range(4)]
    found = Runner(None, client).map(some_runs.fatal, arguments, label="fatal")
    assert [r["x"] for r in found] == [0, 1, 2, 3]
    # Its successor has one thread as well, and this process as many as ever: it still compiles.
    after = Runner(None, client).map(some_runs.about_here, arguments, label="here")
    assert {(r["threads"], r["blas"]) for r in after} == {(1, "1")}
    assert os.environ["NUMBA_NUM_THREADS"] == str(numba.config.NUMBA_NUM_THREADS) != "1"


@posix
def test_kill_9_loses_no_finished_run_and_leaves_no_process(folder):
    import some_runs

    log, kept_in = folder / "log", Store(folder / "runs")
    process = subprocess.Popen(
        [sys.executable, "script.py"], cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True
    )

    def kept():
        return list(kept_in.folder.glob("*.npz"))

    wait_for(lambda: len(kept()) >= 3 or process.poll() is not None, "three finished runs")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert 3 <= len(kept()) < 8
    # multiprocessing's tracker of resources stays a while, to tidy up; nothing computes any more.
    workers = [p for p in children if "spawn_main" in " ".join(_command(p))]
    wait_for(lambda: not any(map(_alive, workers)), "the workers to end", seconds=20.0)
    n_kept, before = len(kept()), begun(log)
    runner = Runner(kept_in)
    arguments = [{"x": x, "log": "log", "seconds": 0.3} for x in range(8)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = runner.map(some_runs.noted, arguments, label="slow")
    assert [r["x"] for r in found] == list(range(8))
    assert runner.n_resumed == n_kept
    assert len(begun(log)) - len(before) == 8 - n_kept
    # two workers, each with the run it did and the next one: no more was under way
    assert len(before) - n_kept <= 4


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.fixture
def script(folder):
    """A function that starts a script which has no main guard; its process."""
    file = folder / "unguarded.py"

    def started(seconds):
        (folder / "log").unlink(missing_ok=True)
        file.write_text(UNGUARDED.format(seconds=seconds))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(folder / "scratch"))
            (folder / "scratch").mkdir(exist_ok=True)
            return subprocess.Popen(
                [sys.executable, file.name],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    return started


UNGUARDED = """
import os
from encephagen.experiments.runner import Runner, cluster
print("once")

def noted(x):
    import time
    with open("log", "a") as file:
        file.write(f"begun {{x}}\\n")
    time.sleep({seconds})
    return {{"x": x, "pid": os.getpid()}}

with cluster(2) as client:
    found = Runner(None, client).map(noted, [{{"x": x}} for x in range(4)], label="noted")
print([r["x"] for r in found], os.getpid() in [r["pid"] for r in found])
"""


def test_a_script_needs_no_main_guard_and_is_run_once(script):
    process = script(0.1)
    out, err = process.communicate(timeout=60)
    assert out.splitlines() == ["once", "[0, 1, 2, 3] False"] and err == ""


@posix
def test_a_script_that_is_ended_leaves_nothing_behind(script, folder):
    process = script(2.0)
    wait_for(lambda: begun(folder / "log") or process.poll() is not None, "the first run")
    assert list((folder / "scratch").iterdir())
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + 15 and err == ""  # no word of semaphores either
    assert not list((folder / "scratch").iterdir())


# ---- schedulers ---------------------------------------------------------------------------------


def dask(*words):
    """Start a command of dask."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@contextmanager
def listening():
    """A socket that takes calls and says nothing; its address."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield f"tcp://127.0.0.1:{silent.getsockname()[1]}"


def test_a_scheduler_that_does_not_answer_is_told_in_time(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)
    with listening() as busy:
        pass
    with listening() as silent:
        for address in (busy, silent, "nowhere", "what://is:1"):
            began_s = time.monotonic()
            with (
                pytest.raises(ValueError, match=f"no scheduler answers at '{address}'"),
                cluster(scheduler=address),
            ):
                pass
            assert time.monotonic() - began_s < 30.0


def refusal(address):
    """Return why a scheduler's cluster cannot be used, nothing if it can."""
    try:
        with cluster(scheduler=address):
            return ""
    except ValueError as error:
        return str(error)


@posix
@pytest.mark.parametrize(
    ("victim", "message"),
    [(0, "the scheduler went away: start it again"), (1, "no worker has been there for 1 s")],
)
def test_who_dies_is_told_and_finished_runs_are_kept(
    folder, tmp_path, monkeypatch, victim, message
):
    import some_runs

    monkeypatch.setattr(runner_module, "DESERTED_S", 1.0)
    with listening() as address:
        port = address.rpartition(":")[2]
    started = [dask("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")]
    try:
        wait_for(lambda: "has no workers: start some" in refusal(address), "the scheduler")
        started += [dask("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny")]
        wait_for(lambda: not refusal(address), "the worker")
        arguments = [{"x": x, "log": str(tmp_path / "log"), "seconds": 0.1} for x in range(50)]

        def kill_it(count):
            if count.done == 3:
                started[victim].kill()

        with cluster(scheduler=address) as client:
            runner = Runner(Store(tmp_path / "runs"), client, kill_it)
            with pytest.raises(ConnectionError, match=message):
                runner.map(some_runs.noted, arguments, label="slow")
        assert 3 <= len(list((tmp_path / "runs").iterdir())) < 50
    finally:
        for process in started:
            process.kill()
            process.wait()
