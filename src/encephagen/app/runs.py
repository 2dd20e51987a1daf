"""Runs on screen: a `Runner` on a cluster, with its progress on stderr."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from encephagen.app import console
from encephagen.report.text import duration

if TYPE_CHECKING:
    from encephagen.experiments.runner import Count, RunFailed, Runner

FAILED = 1
LINE_EVERY_S = 10.0
"""How often a line of progress is printed where stderr is no terminal."""

Show = Callable[["Count"], None]


@contextmanager
def runner(
    folder: Path, workers: int | None = None, scheduler: str | None = None
) -> Iterator["Runner"]:
    """Yield a runner that keeps its runs in ``folder``/runs and shows how far it is.

    It has ``workers`` processes of this machine, one a core if None, or those of the cluster at
    ``scheduler``. Whatever ends it early, Ctrl-C too, a line then says what is kept.

    Raises ValueError for both, and for a scheduler that does not answer.
    """
    from encephagen.experiments.runner import Runner, cluster
    from encephagen.experiments.store import Store

    if workers is not None and scheduler is not None:
        raise ValueError("--workers and --scheduler: a scheduler has its own workers; give one")
    last: Count | None = None
    with ExitStack() as stack:
        with console.patience("starting the workers ..."):
            client = stack.enter_context(cluster(workers, scheduler))
        show = stack.enter_context(shown())

        def progress(count: "Count") -> None:
            nonlocal last
            last = count
            show(count)

        made = Runner(Store(folder / "runs"), client, progress)
        try:
            yield made
        except BaseException:
            if last is not None:
                _say(
                    f"{last.done} of {last.total} runs of {last.label!r} are kept in {folder}; "
                    "the same command goes on from there"
                )
            raise
        finally:
            for note in made.notes:
                _say(f"note: {note}")


@contextmanager
def shown() -> Iterator[Show]:
    """Yield a function that shows a `Count`: a bar on a terminal, else a line now and then."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    screen, pace = console.err(), Pace()
    if not screen.is_terminal:

        def line(count: "Count") -> None:
            if pace.due(count):
                _say(f"{count.label}: {count.done} of {count.total} runs{pace.more(count)}")

        yield line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[more]}", style="dim"),
    )
    with Progress(*columns, console=screen) as bars:
        task = {}

        def bar(count: "Count") -> None:
            if count.label not in task:
                task[count.label] = bars.add_task(count.label, total=count.total, more="")
            more = pace.more(count).removeprefix(", ")
            bars.update(task[count.label], completed=count.done, total=count.total, more=more)

        yield bar


class Pace:
    """How fast the runs of one `Runner.map` after the other end, from its counts."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._label, self._began_s, self._spoke_s = "", 0.0, 0.0

    def due(self, count: "Count") -> bool:
        """Return whether to print a line: at the start, at the end, and now and then."""
        now_s = self._seen(count)
        ended = count.done + count.failed == count.total
        due = now_s == self._began_s or ended or now_s - self._spoke_s >= LINE_EVERY_S
        if due:
            self._spoke_s = now_s
        return due

    def more(self, count: "Count") -> str:
        """Return what to say beside done and total: resumed, failed, and the time left."""
        spent_s = self._seen(count) - self._began_s
        fresh = count.done + count.failed - count.resumed
        to_do = count.total - count.done - count.failed
        parts = [f"{count.resumed} kept from before"] if count.resumed else []
        parts += [f"{count.failed} failed"] if count.failed else []
        parts += [f"about {duration(spent_s / fresh * to_do)} left"] if fresh and to_do else []
        return "".join(f", {part}" for part in parts)

    def _seen(self, count: "Count") -> float:
        """Return the time now, which is the beginning if no run has ended yet."""
        now_s = self._now_s()
        if count.label != self._label or count.done + count.failed == count.resumed:
            self._label, self._began_s = count.label, now_s
        return now_s


def failed(error: "RunFailed") -> int:
    """Say that a run failed, and where, if it is no user's doing; return the exit status."""
    if not isinstance(error.__cause__, ValueError | OSError | MemoryError):  # a bug: where?
        where = "".join(traceback.format_exception(error.__cause__))
        console.err().print(where, markup=False, soft_wrap=True)
    console.complain(error)
    return FAILED


def _say(text: str) -> None:
    console.err().print(text, markup=False, soft_wrap=True)
