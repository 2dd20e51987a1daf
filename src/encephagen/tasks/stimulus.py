"""Stimuli: pulses into a port of the brain or into any regions, in repeated trials.

Each trial leaves room for what `encephagen.analysis.response` compares: spontaneous activity as
long as two pulses, away from any pulse (the sham of the trial); the baseline; the pulse; and time
to settle.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import numpy as np

from encephagen import names
from encephagen.analysis.response import GUARD_MS, SETTLE_MS
from encephagen.brain.spec import Port
from encephagen.engine.lesions import words
from encephagen.engine.session import Session
from encephagen.recording import Recording, concatenate
from encephagen.units import param

Progress = Callable[[float, float], None]


class Stimulus(Protocol):
    """What `present` can present: it lasts, and is on within ``on``."""

    @property
    def duration_ms(self) -> float:
        """How long a pulse lasts (ms)."""
        ...

    @contextmanager
    def on(self, session: Session) -> Iterator[None]:
        """Change the session's input within, and leave it as it was."""
        ...


@dataclass(frozen=True)
class Pulse:
    """A volley of spikes that reaches every excitatory neuron of a port, or of some regions.

    where: the name of a port, or a tuple of selectors of `Connectome.indices`. Each neuron receives
    independent Poisson events of the background's synaptic weight, at ``afferents`` times
    ``afferent_rate_Hz``, on top of its background. Raises ValueError for numbers that are not
    finite and positive.
    """

    where: str | tuple[str, ...]
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

    @contextmanager
    def on(self, session: Session) -> Iterator[None]:
        """Add the events within; ValueError for a port or a region that the brain lacks."""
        if isinstance(self.where, str):
            into = port(session, self.where)
            neurons = session.neurons(into.regions, into.population)
        else:
            neurons = excitatory(session, self.where)
        with _added(session.poisson_Hz, neurons, self.events_Hz):
            yield


@dataclass(frozen=True)
class Step:
    """A step of current into every excitatory neuron of some regions.

    regions: any selectors of `Connectome.indices`. Raises ValueError for a current that is not
    finite, or a duration that is not positive.
    """

    regions: tuple[str, ...]
    current_pA: float
    duration_ms: float = param(150.0, "ms", "free: the pulse of Joglekar et al. 2018 is 250 ms")

    def __post_init__(self) -> None:
        if not isfinite(self.current_pA):
            raise ValueError(f"step of {self.current_pA} pA; expected a finite current")
        if not (isfinite(self.duration_ms) and self.duration_ms > 0):
            raise ValueError(f"step of {self.duration_ms} ms; expected a duration above 0")

    @contextmanager
    def on(self, session: Session) -> Iterator[None]:
        """Add the current within; ValueError for a region that the brain lacks."""
        with _added(session.current_pA, excitatory(session, self.regions), self.current_pA):
            yield


@dataclass(frozen=True, eq=False)
class Trials:
    """What happened: one recording that holds all trials, and when the pulses were (ms)."""

    pulse: Stimulus
    recording: Recording
    pulses_ms: tuple[tuple[float, float], ...]


def excitatory(session: Session, regions: Sequence[str]) -> np.ndarray:
    """Return the numbers of all neurons of regions whose population excites, nuclei included.

    Raises ValueError where none does: a stimulus there would reach nobody.
    """
    neurons = session.neurons(regions)
    excites = np.array([p.excites for p in session.network.brain.populations])
    found = neurons[excites[session.network.neuron_population[neurons]]]
    if not len(found):
        raise ValueError(
            f"no neuron of {words(regions)} excites, so a stimulus there reaches nobody: name "
            "other regions"
        )
    return found


def port(session: Session, name: str) -> Port:
    """Return a port of the session's brain by name; ValueError if it has none of that name."""
    ports = {p.name: p for p in session.network.brain.ports}
    if name not in ports:
        raise ValueError(
            f"brain of {session.network.brain.connectome.name!r} has no port {name!r}: "
            + (
                names.hint(name, ports)
                if ports
                else "its regions belong to no known system; name the regions themselves"
            )
        )
    return ports[name]


def trial_ms(pulse: Stimulus) -> tuple[float, float]:
    """Return how long a trial lasts before and after the onset of its pulse (ms)."""
    length = pulse.duration_ms
    return 3 * length + GUARD_MS, max(SETTLE_MS, length) + length


def present(
    session: Session, pulse: Stimulus, *, n_trials: int = 8, progress: Progress | None = None
) -> Trials:
    """Present a pulse ``n_trials`` times and return the recording of all of it.

    The session runs on from where it is, and its inputs are left as they were. Trials are
    evenly spaced, which is fair as a spontaneous brain does not know when they come.
    ``progress(done_ms, total_ms)`` is called on the way; what it raises ends the presentation.

    Raises ValueError for a port or a region that the brain lacks, fewer than one trial, or a run
    that the engine stopped (saturated or non-finite activity).
    """
    if n_trials < 1:
        raise ValueError(f"n_trials is {n_trials}; expected 1 or more")
    with pulse.on(session):  # what it cannot find, it says before any time has passed
        pass
    before_ms, after_ms = trial_ms(pulse)
    total_ms = n_trials * (before_ms + after_ms)
    start_ms = session.time_ms
    parts: list[Recording] = []
    onsets_ms: list[float] = []

    def run(duration_ms: float) -> None:
        parts.append(_record(session, duration_ms, start_ms, total_ms, progress))

    for _ in range(n_trials):
        run(before_ms)
        onsets_ms.append(session.time_ms)
        with pulse.on(session):
            run(pulse.duration_ms)
        run(after_ms - pulse.duration_ms)
    length_ms = round(pulse.duration_ms / session.network.dt_ms) * session.network.dt_ms
    return Trials(pulse, concatenate(parts), tuple((t, t + length_ms) for t in onsets_ms))


@contextmanager
def _added(inputs: np.ndarray, neurons: np.ndarray, amount: float) -> Iterator[None]:
    """Add to the inputs (neuron,) of some neurons within, and leave them as they were."""
    before = inputs[neurons]
    inputs[neurons] += amount
    try:
        yield
    finally:
        inputs[neurons] = before


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
