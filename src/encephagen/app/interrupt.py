"""Ctrl-C that waits for a safe moment.

Within `gently` the first Ctrl-C is only noted, and raised where the program says that it is safe:
so what was recorded is also assembled and saved. A second one is raised at once.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def gently() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt if Ctrl-C was pressed since."""
    usual = signal.getsignal(signal.SIGINT)
    # Where Ctrl-C is not ours to handle (another thread, or a shell's background job), it is not.
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield lambda: None
        return
    pressed = False

    def note(number, frame) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, usual)
