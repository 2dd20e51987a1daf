"""Ctrl-C that waits for a safe moment, so that nothing which was computed is lost.

Three guards for three needs: within `held` Ctrl-C takes effect at the end; within `gently` where
the program asks; within `counted` as usual, and once more at the end.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Handler = Callable[[int, Any], Any]


@contextmanager
def held() -> Iterator[None]:
    """Hold Ctrl-C back until the block is done, so that what compiled code returns can be kept.

    It arrives while compiled code runs, and Python would raise it before the results are stored.
    """
    came = False

    def note(number: int, frame: Any) -> None:
        nonlocal came
        came = True

    with _handling(lambda usual: note, ignored=True):
        yield
    if came:
        signal.raise_signal(signal.SIGINT)


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
def _handling(wrap: Callable[[Any], Handler], *, ignored: bool = False) -> Iterator[None]:
    """Handle SIGINT within by what ``wrap`` makes of the usual handler.

    Where Ctrl-C is not ours to handle (another thread, or a shell's background job, whose SIGINT is
    ignored) it is not; ``ignored``: also where it is ignored or has its default.
    """
    usual = signal.getsignal(signal.SIGINT)
    ours = usual is not None if ignored else callable(usual)
    if not ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, wrap(usual))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
