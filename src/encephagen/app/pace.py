"""How many threads serve best, measured while a brain runs.

Threads meet once every millisecond of brain time. On a quiet machine two are faster than one; where
other programs want the same cores, each meeting waits for them, and two were seen to take ten times
as long as one. The spikes are the same for any number, so the choice may change as it goes.
"""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from encephagen.engine.session import Session

TRY_MS = 20.0  # brain time after which a number of threads is judged
AGAIN_S = 1.0  # until the other number is tried again; doubles while the choice stands
AGAIN_MAX_S = 30.0


class Pace:
    """Sets ``session.threads`` to one or to what the session came with, whichever runs faster."""

    def __init__(self, session: "Session"):
        self.session = session
        self.several = session.threads
        self._cost_s: dict[int, float] = {}  # seconds a step, when last measured
        self._best, self._again_s, self._again_at = 0, AGAIN_S, 0.0
        if self.several > 1:
            session.threads = 1
        self.start()

    def start(self) -> None:
        """Begin to measure: what passed since is not the brain's."""
        self._from_s, self._from_step = time.perf_counter(), self.session.step

    def tick(self) -> None:
        """Look at the clock; call it between runs of the brain."""
        if self.several < 2:
            return
        session, now_s = self.session, time.perf_counter()
        steps = session.step - self._from_step
        if steps < 0:  # the session went back to a snapshot
            self.start()
            return
        if steps * session.network.dt_ms < TRY_MS:
            return
        self._cost_s[session.threads] = (now_s - self._from_s) / steps
        other = self.several if session.threads == 1 else 1
        best = min(self._cost_s, key=lambda n: self._cost_s[n])
        if other not in self._cost_s:
            session.threads = other
        else:
            if best != self._best:
                self._best, self._again_s = best, AGAIN_S
                self._again_at = now_s + self._again_s
            session.threads = best
            if now_s >= self._again_at:
                session.threads = self.several if best == 1 else 1
                self._again_s = min(2 * self._again_s, AGAIN_MAX_S)
                self._again_at = now_s + self._again_s
        self.start()
