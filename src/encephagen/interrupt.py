"""Ctrl-C that waits for a safe moment, so that nothing which was computed is lost.

Three guards for three needs: within a shut `Latch` Ctrl-C takes effect at the end; within `gently`
where the program asks; within `counted` as usual, and once more at the end.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Handler = Callable[[int, Any], Any]


class Latch:
    """Holds Ctrl-C back while it is shut, so that what compiled code returns can be kept.

    Ctrl-C arrives while compiled code runs, and Python would raise it before the results are
    stored. A closed loop shuts the latch thousands of times a second: the handler is put in place
    once, by `place`, and shutting costs next to nothing. Where Ctrl-C is not ours to handle (see
    `_ours`) it does nothing.
    """

    def __init__(self) -> None:
        self._usual: Any = None
        self._shut = self._came = False

    def place(self) -> None:
        """Handle Ctrl-C from now on; as usual, while the latch is open."""
        if self._usual is None and _ours(usual := signal.getsignal(signal.SIGINT)):
            self._usual = usual
            signal.signal(signal.SIGINT, self._handle)

    def remove(self) -> None:
        """Leave Ctrl-C to whom it was left before."""
        if self._usual is not None and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._usual)
            self._usual = None

    def _handle(self, number: int, frame: Any) -> None:
        if self._shut:
            self._came = True
        else:
            self._usual(number, frame)

    def __enter__(self) -> None:
        self._shut = True

    def __exit__(self, *error: Any) -> None:
        self._shut = False
        if self._came:
            self._came = False
            self._usual(signal.SIGINT, None)


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

    with _handling(also):
        yield
    if came:
        raise KeyboardInterrupt


@contextmanager
def _handling(wrap: Callable[[Any], Handler]) -> Iterator[None]:
    """Handle SIGINT within by what ``wrap`` makes of the usual handler, where it is ours."""
    usual = signal.getsignal(signal.SIGINT)
    if not _ours(usual):
        yield
        return
    signal.signal(signal.SIGINT, wrap(usual))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def _ours(usual: Any) -> bool:
    """Whether Ctrl-C is ours to handle: not in another thread, nor in a shell's background job."""
    return callable(usual) and threading.current_thread() is threading.main_thread()
