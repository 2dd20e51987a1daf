"""Ctrl-C that waits for a safe moment, so that nothing which was computed is lost.

Three guards for three needs: within a shut `Latch` Ctrl-C takes effect at the end; within `gently`
where the program asks; within `counted` as usual, and once more at the end.
"""

import _signal  # pyright: ignore[reportMissingImports]  its getsignal takes a hundredth of the time
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

Handler = Callable[[int, Any], Any]


class Latch:
    """Holds Ctrl-C back while it is shut, so that what compiled code returns can be kept.

    Ctrl-C arrives while compiled code runs, and Python would raise it before the results are
    stored. There is one, `LATCH`. A closed loop shuts it thousands of times a second, so its
    handler stays in place from `place` to `remove`; where others take it away, as Jupyter does
    before each cell, shutting puts it back. Where Ctrl-C is not ours to handle (see `_ours`), and
    in other threads, it does nothing.
    """

    def __init__(self) -> None:
        self._usual: Any = None
        self._shut = self._came = False
        self._users = 0
        self._handler = self._handle  # one object, to be known again

    def place(self) -> None:
        """Handle Ctrl-C until `remove` is called as often; as usual, while the latch is open."""
        self._users += 1
        self._hold()

    def remove(self) -> None:
        """Leave Ctrl-C to whom it was left before, once nobody needs the latch."""
        self._users = max(0, self._users - 1)
        self._let_go()

    def _let_go(self) -> None:
        if not self._users and signal.getsignal(signal.SIGINT) is self._handler:
            signal.signal(signal.SIGINT, self._usual)

    def _hold(self) -> None:
        """Put the handler in place, unless it is there, or is called by the one that is there."""
        there = usual = signal.getsignal(signal.SIGINT)
        while there is not self._handler:
            there = getattr(there, "__wrapped__", None)
            if there is None:
                if _ours(usual):
                    self._usual = usual
                    signal.signal(signal.SIGINT, self._handler)
                return

    def _handle(self, number: int, frame: Any) -> None:
        if self._shut:
            self._came = True
        else:
            self._usual(number, frame)

    def __enter__(self) -> None:
        if threading.get_ident() == threading.main_thread().ident:
            if _signal.getsignal(signal.SIGINT) is not self._handler:
                self._hold()
            self._shut = True

    def __exit__(self, *error: Any) -> None:
        if threading.get_ident() == threading.main_thread().ident:
            self._shut = False
            if not self._users:
                self._let_go()
            if self._came:
                self._came = False
                self._usual(signal.SIGINT, None)


LATCH = Latch()


@contextmanager
def gently() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt if Ctrl-C was pressed since.

    The first Ctrl-C is only noted; a second one is raised at once.
    """
    pressed = False

    def note(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    with _handling(lambda usual: note):
        yield check


@contextmanager
def counted() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end, too, if Ctrl-C came within.

    A session that is interrupted returns the recording so far; it must not pass for the whole.
    """
    came = False

    def also(usual: Handler) -> Handler:
        def note(number: int, frame: Any) -> None:
            nonlocal came
            came = True
            usual(number, frame)

        return note

    try:
        with _handling(also):
            yield
    finally:
        if came:  # also where the session's end made an error of it
            raise KeyboardInterrupt


@contextmanager
def _handling(wrap: Callable[[Any], Handler]) -> Iterator[None]:
    """Handle SIGINT within by what ``wrap`` makes of the usual handler, where it is ours."""
    usual = signal.getsignal(signal.SIGINT)
    if not _ours(usual):
        yield
        return
    handler = wrap(usual)
    functools.update_wrapper(handler, usual, assigned=(), updated=())  # `Latch` looks for its own
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _ours(usual: Any) -> TypeGuard[Handler]:
    """Whether Ctrl-C is ours to handle: not in another thread, nor in a shell's background job."""
    return callable(usual) and threading.current_thread() is threading.main_thread()
