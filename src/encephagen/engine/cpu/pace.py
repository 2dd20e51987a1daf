"""How many threads serve best, measured while a brain runs.

Threads meet once per shortest delay, about every millisecond of brain time. On a quiet machine two
are faster than one; where other programs want the same cores, each meeting waits for them, and two
were seen to take ten times as long as one. The spikes are the same for any number, so the choice
may change as it goes.
"""

import time

TRY_STEPS = 200  # after which a number of threads is judged
AGAIN_S = 1.0  # until the other number is tried again; doubles while the choice stands
AGAIN_MAX_S = 30.0


class Pace:
    """One thread or ``several``, whichever was faster when last tried: ``threads``."""

    def __init__(self, several: int) -> None:
        self.several, self.threads = several, 1
        self._cost_s: dict[int, float] = {}  # seconds a step, when last measured
        self._steps, self._seconds = 0, 0.0
        self._warm: set[int] = set()  # whose first call, which may compile, is behind
        self._best, self._again_s, self._again_at = 0, AGAIN_S, 0.0

    def measure(self, n_steps: int, seconds: float) -> None:
        """Take in that ``n_steps`` took ``seconds`` with the present choice, and choose anew."""
        if self.several == 1:
            return
        if self.threads not in self._warm:
            self._warm.add(self.threads)
            return
        self._steps += n_steps
        self._seconds += seconds
        if self._steps < TRY_STEPS:
            return
        self._cost_s[self.threads] = self._seconds / self._steps
        self._steps, self._seconds = 0, 0.0
        other = self.several if self.threads == 1 else 1
        if other not in self._cost_s:
            self.threads = other
            return
        now_s, best = time.perf_counter(), min(self._cost_s, key=lambda n: self._cost_s[n])
        if best != self._best:
            self._best, self._again_s = best, AGAIN_S
            self._again_at = now_s + self._again_s
        self.threads = best
        if now_s >= self._again_at:
            self.threads = self.several if best == 1 else 1
            self._again_s = min(2 * self._again_s, AGAIN_MAX_S)
            self._again_at = now_s + self._again_s
