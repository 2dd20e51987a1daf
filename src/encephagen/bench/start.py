"""How long a new process takes to its first result, with and without compiled code on disk."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from encephagen.bench.running import child_environment

FIRST_RESULT = """
import encephagen as en
recording = en.simulate(en.build(en.whole_brain(en.hcp_aal2())), 10.0)
assert recording.duration_ms == 10.0
"""
WARM_REPEATS = 3


def measure() -> dict[str, Any]:
    """Return the seconds to the first 10 ms of the default brain: cold, then warm (the least).

    Cold means that no compiled code is on disk (``ENCEPHAGEN_CACHE``).
    """
    with tempfile.TemporaryDirectory(prefix="encephagen-bench-") as folder:
        environment = {**child_environment(), "ENCEPHAGEN_CACHE": str(Path(folder) / "cache")}
        cold_s, cold_cpu_s = _start(environment, folder)
        warm = [_start(environment, folder) for _ in range(WARM_REPEATS)]
    return {
        "start_cold_s": cold_s,
        "start_cold_cpu_s": cold_cpu_s,
        "start_warm_s": min(wall_s for wall_s, _ in warm),
        "start_warm_cpu_s": min(cpu_s for _, cpu_s in warm),
    }


def _start(environment: dict[str, str], folder: str) -> tuple[float, float]:
    """Return wall and CPU seconds of one new process."""
    before, start_s = _children_cpu_s(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", FIRST_RESULT],
        env=environment,
        cwd=folder,
        check=True,
        start_new_session=True,
    )
    wall_s = time.perf_counter() - start_s
    after = _children_cpu_s()
    return wall_s, after - before


def _children_cpu_s() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system
