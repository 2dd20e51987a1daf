"""Where the app prints, and how: consoles, a bar for what takes long, a word about compiling."""

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

BAR_AFTER_S = 0.4  # a bar appears then, if what it measures will take over TEDIOUS_S
TEDIOUS_S = 2.0
PATIENCE_S = 1.0
PIPE_WIDTH = 80
COMPILING = "preparing the kernel: compiled once, which takes up to 30 s ..."

Progress = Callable[[float, float], None]


def out() -> Console:
    """Return the console of answers, on stdout."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console of progress and errors, on stderr."""
    return _console(stderr=True)


def _console(stderr: bool) -> Console:
    stream: Any = sys.stderr if stderr else sys.stdout
    # Where the terminal cannot show a sign, a question mark is better than an exception.
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    # Into a pipe or a file lines have one width, whatever terminal there was before.
    width = None if stream.isatty() else PIPE_WIDTH
    # Names of regions and files are text: square brackets and colons in them mean nothing.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def complain(error: BaseException | str) -> None:
    """Print an error as one line on stderr."""
    _line(f"error: {one_line(error)}", "red")


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Print what a library function warns of as one line on stderr, without a line of code."""
    usual = warnings.showwarning

    def show(message: Any, category: Any, *where: Any, **more: Any) -> None:
        if category is UserWarning:
            _line(f"warning: {one_line(message)}", "yellow")
        else:
            usual(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _line(text: str, style: str) -> None:
    err().print(text, style=style, soft_wrap=True)


def one_line(error: BaseException | str) -> str:
    """Return an error as one line of text."""
    if isinstance(error, FileExistsError) and error.filename is not None:  # of making a folder
        return f"{error.filename} is no folder; give another name"
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return " ".join(f"{where}{error.strerror}".split())
    if isinstance(error, MemoryError) and not str(error):
        return "out of memory: ask for less, or close other programs"
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def bar(what: str) -> Iterator[Progress]:
    """Yield ``progress(done_ms, total_ms)``, which draws a bar on stderr if it takes over 2 s.

    Nothing is drawn where stderr is no terminal.
    """
    console = err()
    if not console.is_terminal:
        yield lambda done_ms, total_ms: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[brain]}", markup=False),
        TimeRemainingColumn(),
    )
    display = Progress(*columns, console=console, transient=True)
    started = time.perf_counter()
    task = None

    def progress(done_ms: float, total_ms: float) -> None:
        nonlocal task
        seconds = time.perf_counter() - started
        if task is None:
            if seconds < BAR_AFTER_S or seconds * total_ms < TEDIOUS_S * max(done_ms, 1e-9):
                return
            display.start()
            task = display.add_task(what, total=total_ms, brain="")
        brain = f"{done_ms / 1000:.1f} of {total_ms / 1000:.1f} s of brain time"
        display.update(task, completed=done_ms, total=total_ms, brain=brain)

    try:
        yield progress
    finally:
        display.stop()


@contextmanager
def calibrating() -> Iterator[Callable[[int, int], None]]:
    """Yield ``progress(done, total)`` of rounds of calibration, which says at first how many."""
    with bar("calibrating") as draw:

        def progress(done: int, total: int) -> None:
            from encephagen.working_point.calibration import SECONDS, SETTLE_S

            round_s = SETTLE_S + SECONDS
            if done == 0:
                long = f"{total} rounds of {round_s:g} s of brain time"
                err().print(f"calibrating: {long}; done once")
            draw(1000 * done * round_s, 1000 * total * round_s)

        yield progress


@contextmanager
def patience(message: str = COMPILING) -> Iterator[None]:
    """Say ``message`` on stderr if what is inside takes over a second."""
    console = err()
    status = console.status(Text(message)) if console.is_terminal else None

    def speak() -> None:
        if status is not None:
            status.start()
        else:
            console.print(message)

    timer = threading.Timer(PATIENCE_S, speak)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if status is not None:
            status.stop()
