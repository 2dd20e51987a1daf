"""A Python that has NEST: this one, or one made for the purpose."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from encephagen.engine.nest import Unavailable
from encephagen.jit import cache_folder

PACKAGES = ("nest-simulator>=3.9", "numpy")
TIMEOUT_S = 400


def python_with_nest(say: Callable[[str], None]) -> str:
    """Return the path of a Python that can import NEST; Unavailable says why there is none.

    Where this Python has none, NEST is installed, once, into an environment of its own in the
    user's cache folder, so that nothing of the user's changes.
    """
    if _has_nest(sys.executable):
        return sys.executable
    folder = cache_folder() / f"nest-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    if _has_nest(str(python)):
        return str(python)
    say(f"NEST is not installed here; installing it into {folder} (once)")
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], "making an environment")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _run([*pip, "--only-binary", ":all:", *PACKAGES], "installing NEST")
    if not _has_nest(str(python)):
        raise Unavailable(f"NEST was installed into {folder}, and cannot be imported there")
    return str(python)


def _has_nest(python: str) -> bool:
    if not Path(python).is_file():
        return False
    try:
        done = subprocess.run(
            [python, "-P", "-c", "import nest"], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what} failed: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no reason given"]
        raise Unavailable(f"{what} failed: {last[0]}")
