"""Timings of repeated short runs, on a machine that others may use at the same time."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Wall and CPU time (s) of the repetitions of one piece of work.

    The work is the same each time, so what differs is what the machine did meanwhile, and that
    only ever adds: the least is the best estimate of the cost.
    """

    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]

    @property
    def best_s(self) -> float:
        """Least wall time."""
        return min(self.wall_s)

    @property
    def median_s(self) -> float:
        """Median wall time."""
        return statistics.median(self.wall_s)

    @property
    def best_cpu_s(self) -> float:
        """Least CPU time."""
        return min(self.cpu_s)

    @property
    def spread(self) -> float:
        """How far the median lies over the least, as a fraction of it."""
        return self.median_s / self.best_s - 1.0


class Clock:
    """Gathers the timings of pieces of work that take turns."""

    def __init__(self) -> None:
        self._wall_s: dict[str, list[float]] = {}
        self._cpu_s: dict[str, list[float]] = {}

    def add(self, name: str, wall_s: float, cpu_s: float) -> None:
        """Keep one repetition of the work ``name``."""
        self._wall_s.setdefault(name, []).append(wall_s)
        self._cpu_s.setdefault(name, []).append(cpu_s)

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do the work ``name`` once and keep how long it took."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        work()
        self.add(name, time.perf_counter() - wall_s, time.process_time() - cpu_s)

    def __getitem__(self, name: str) -> Timing:
        return Timing(tuple(self._wall_s[name]), tuple(self._cpu_s[name]))

    def __contains__(self, name: str) -> bool:
        return name in self._wall_s


def load() -> float | None:
    """Return the load average of the last minute, where the system tells."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
