"""Guard: what ends a run, looked for while it runs."""

import numpy as np

from encephagen.engine.engine import Running
from encephagen.recording.alarms import Alarm
from encephagen.units import MS_PER_S

EVERY_MS = 50.0  # of brain time between looks (free)
RUNAWAY_HZ = 250.0  # mean rate of a whole network above which a run is stopped (free)


class Stopped(RuntimeError):
    """A run that a guard has ended; ``alarm`` says why."""

    def __init__(self, alarm: Alarm) -> None:
        super().__init__(f"the run was stopped: {alarm}")
        self.alarm = alarm


class Guard:
    """Looks at a run every `EVERY_MS`, however time is cut into calls.

    ``steps_left`` until the next look is a plain number, which a closed loop asks for each step.
    """

    def __init__(self, run: Running) -> None:
        self._run = run
        self._every = max(1, round(EVERY_MS / run.network.dt_ms))
        self.start()

    def start(self) -> None:
        """Begin anew, from where the run is now."""
        self._step, self._spikes = self._run.step, self._run.n_spikes
        self.steps_left = self._every

    def after(self, n_steps: int) -> Alarm | None:
        """Take in that ``n_steps`` were done, at most those left; return what ends the run."""
        self.steps_left -= n_steps
        if self.steps_left > 0:
            return None
        # what Ctrl-C kept from being taken in was run all the same
        n_spikes, done = self._run.n_spikes - self._spikes, self._run.step - self._step
        self.start()
        return self.not_finite() or self._runaway(n_spikes, done)

    def not_finite(self) -> Alarm | None:
        """Return the alarm of values that are not finite, if there are any now."""
        finite = self._run.finite()
        if not len(finite):
            return None
        network = self._run.network
        broken = network.neuron_region[~finite]
        return Alarm(
            "non-finite",
            network.regions[broken[0]].name if len(broken) else "a receptor",
            f"the state of {len(broken)} neurons",
            "finite values",
            "check injected currents and weights for values that are not finite",
            at_ms=self._run.step * network.dt_ms,
        )

    def _runaway(self, n_spikes: int, n_steps: int) -> Alarm | None:
        network = self._run.network
        rate_Hz = n_spikes / network.n_neurons / (n_steps * network.dt_ms / MS_PER_S)
        if rate_Hz <= RUNAWAY_HZ:
            return None
        most = int(np.bincount(network.neuron_region, self._run.counts).argmax())
        return Alarm(
            "saturated",
            network.regions[most].name,
            f"{rate_Hz:.0f} Hz in all",
            f"under {RUNAWAY_HZ:.0f} Hz",
            "the run was stopped; lower the coupling, "
            "the background or the stimulus, or raise inhibition",
            at_ms=self._run.step * network.dt_ms,
        )
