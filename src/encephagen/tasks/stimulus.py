"""A stimulus: pulses of afferent spikes into a port of the brain, in repeated trials.

Each trial leaves room for what `encephagen.analysis.response` compares: spontaneous activity as
long as two pulses, away from any pulse (the sham of the trial); the baseline; the pulse; and time
to settle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from encephagen.analysis.response import GUARD_MS, SETTLE_MS
from encephagen.brain.spec import Port
from encephagen.engine.session import Session
from encephagen.recording import Recording, concatenate
from encephagen.units import param

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Pulse:
    """A volley of spikes that reaches every excitatory neuron of a port.

    Each neuron receives independent Poisson events of the background's synaptic weight, at
    ``afferents`` times ``afferent_rate_Hz``, on top of its background. Raises ValueError for
    numbers that are not finite and positive.
    """

    port: str
    duration_ms: float = param(150.0, "ms", "free: the pulse of Joglekar et al. 2018 is 250 ms")
    afferents: float = param(85.0, "1", "Bruno and Sakmann 2006, doi 10.1126/science.1124593")
    afferent_rate_Hz: float = param(3.0, "Hz", "free: what a thalamic cell adds to its rate")

    def __post_init__(self) -> None:
        for name in ("duration_ms", "afferents", "afferent_rate_Hz"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"pulse {name} is {value}; expected finite and above 0")

    @property
    def events_Hz(self) -> float:
        """Extra events per neuron per second."""
        return self.afferents * self.afferent_rate_Hz


@dataclass(frozen=True, eq=False)
class Trials:
    """What happened: one recording that holds all trials, and when the pulses were (ms)."""

    pulse: Pulse
    recording: Recording
    pulses_ms: tuple[tuple[float, float], ...]


def port(session: Session, name: str) -> Port:
    """Return a port of the session's brain by name; ValueError if it has none of that name."""
    ports = {p.name: p for p in session.network.brain.ports}
    if name not in ports:
        raise ValueError(
            f"brain of {session.network.brain.connectome.name!r} has no port {name!r}: "
            + (f"it has {', '.join(ports)}" if ports else "its regions belong to no known system")
        )
    return ports[name]


def trial_ms(pulse: Pulse) -> tuple[float, float]:
    """Return how long a trial lasts before and after the onset of its pulse (ms)."""
    length = pulse.duration_ms
    return 3 * length + GUARD_MS, max(SETTLE_MS, length) + length


def present(
    session: Session, pulse: Pulse, *, n_trials: int = 8, progress: Progress | None = None
) -> Trials:
    """Present a pulse ``n_trials`` times and return the recording of all of it.

    The session runs on from where it is, and its ``poisson_Hz`` is left as it was. Trials are
    evenly spaced, which is fair as a spontaneous brain does not know when they come.
    ``progress(done_ms, total_ms)`` is called on the way; what it raises ends the presentation.

    Raises ValueError for a port that the brain lacks, fewer than one trial, or a run that the
    engine stopped (saturated or non-finite activity).
    """
    if n_trials < 1:
        raise ValueError(f"n_trials is {n_trials}; expected 1 or more")
    target = port(session, pulse.port)
    neurons = session.neurons(target.regions, target.population)
    before_ms, after_ms = trial_ms(pulse)
    total_ms = n_trials * (before_ms + after_ms)
    extra_Hz = session.poisson_Hz.copy()
    extra_Hz[neurons] += pulse.events_Hz
    start_ms = session.time_ms
    parts: list[Recording] = []
    onsets_ms: list[float] = []

    def run(duration_ms: float) -> None:
        parts.append(_record(session, duration_ms, start_ms, total_ms, progress))

    for _ in range(n_trials):
        run(before_ms)
        onsets_ms.append(session.time_ms)
        spontaneous_Hz = session.poisson_Hz.copy()
        session.poisson_Hz[:] = extra_Hz
        try:
            run(pulse.duration_ms)
        finally:
            session.poisson_Hz[:] = spontaneous_Hz
        run(after_ms - pulse.duration_ms)
    length_ms = round(pulse.duration_ms / session.network.dt_ms) * session.network.dt_ms
    return Trials(pulse, concatenate(parts), tuple((t, t + length_ms) for t in onsets_ms))


def _record(
    session: Session,
    duration_ms: float,
    start_ms: float,
    total_ms: float,
    progress: Progress | None,
) -> Recording:
    """Record a stretch; what ends it early is raised, never swallowed."""
    offset_ms = session.time_ms - start_ms

    def tell(done_ms: float, _: float) -> None:
        if progress is not None:
            progress(min(offset_ms + done_ms, total_ms), total_ms)

    part = session.record(duration_ms, progress=tell)
    if part.interrupted:
        stopped = [a for a in part.alarms if a.kind in ("saturated", "non-finite")]
        if stopped:
            raise ValueError(f"the run was stopped: {stopped[-1]}")
        raise KeyboardInterrupt
    return part
