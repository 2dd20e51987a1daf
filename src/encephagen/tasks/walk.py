"""Walking: motor cortex drives a spinal pattern generator, in a closed loop of short periods.

In each period the brain runs, the rate r of motor cortex is read, smoothed with ``tau_drive_ms``,
and sets the tonic drive of the spinal generator on the other side of the body:

    drive = r / rate_full_Hz        (0 to ``drive_max``)

The rhythm and the alternation of the legs are the spine's; the brain sets their strength, and a
little of their speed. So that nobody need take our word for it, `walk` runs each walk with its
controls, from the same state of the brain and with the same noise: no command, motor cortex
silenced, and the spine alone under the constant mean drive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isfinite

import numpy as np
from numpy.typing import NDArray

from encephagen.bodies import spinal
from encephagen.engine.session import Session
from encephagen.tasks.stimulus import port
from encephagen.units import MS_PER_S, param

JOINTS = spinal.JOINTS
Array = NDArray[np.float64]
Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class WalkParams:
    """Constants of the walk.

    ``command_Hz`` are extra events per neuron per second onto motor cortex, as `Pulse` gives them,
    for as long as the command to walk lasts. Raises ValueError for numbers out of range.
    """

    duration_ms: float = param(7000.0, "ms", "free: five strides and the settling")
    settle_ms: float = param(1000.0, "ms", "free: a stride, left out of all measures")
    period_ms: float = param(10.0, "ms", "free: short against a stride")
    tau_drive_ms: float = param(100.0, "ms", "free: smooths the shot noise of some 1,000 neurons")
    rate_full_Hz: float = param(6.0, "Hz", "free: motor cortex at drive 1")
    drive_max: float = param(3.0, "1", "free: keeps the spine in its range")
    command_Hz: float = param(40.0, "Hz", "free: two hundredths of the background")

    def __post_init__(self) -> None:
        for name in ("duration_ms", "period_ms", "tau_drive_ms", "rate_full_Hz", "drive_max"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"walk {name} is {value}; expected finite and above 0")
        for name in ("settle_ms", "command_Hz"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"walk {name} is {value}; expected finite and 0 or more")
        if self.settle_ms + self.period_ms > self.duration_ms:
            raise ValueError(
                f"walk duration_ms is {self.duration_ms:g}; expected more than settle_ms "
                f"{self.settle_ms:g}"
            )


@dataclass(frozen=True, eq=False)
class Arm:
    """One way of walking. Rows are periods, after the time to settle.

    time_ms (time,) from the start of the walk; motor_Hz, drive (time, 2): rate of the left and the
    right motor cortex, drive of the left and the right leg; torque (time, 4), in order of `JOINTS`.
    """

    name: str
    time_ms: Array
    motor_Hz: Array
    drive: Array
    torque: Array
    gait: spinal.Gait

    @property
    def stride_cv(self) -> float:
        """Standard deviation of the stride's length over its mean; nan without a rhythm."""
        if not self.gait.rhythmic:
            return float("nan")
        times_ms = self.time_ms
        strides = [
            np.diff(spinal.upward_crossings_ms(self.torque[:, hip], times_ms[1] - times_ms[0]))
            for hip in (0, 1)
        ]
        pooled = np.concatenate([s / s.mean() for s in strides if len(s) > 1])
        return float(pooled.std(ddof=1)) if len(pooled) > 1 else float("nan")


@dataclass(frozen=True, eq=False)
class Walk:
    """A commanded walk and its controls."""

    commanded: Arm
    uncommanded: Arm
    silenced: Arm
    spine: Arm

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The walk, then its controls."""
        return (self.commanded, self.uncommanded, self.spine, self.silenced)


def walk(
    session: Session, params: WalkParams | None = None, *, progress: Progress | None = None
) -> Walk:
    """Walk, and return the walk with its controls.

    The session runs on by one walk, the commanded one; controls start from the same state and
    leave no trace. ``progress(done_ms, total_ms)`` is called after every period; if it raises, the
    session is as it was before, or somewhere in the commanded walk.

    Raises ValueError if the brain has no port "motor".
    """
    params = params or WalkParams()
    motor = _motor(session)
    start = session.snapshot()
    n = max(1, round(params.duration_ms / params.period_ms))
    total_ms, done = 3 * n * params.period_ms, 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done * params.period_ms, total_ms)

    try:
        uncommanded = _closed_loop(session, "no command", motor, 0.0, n, params, tick)
        session.restore(start)
        for region in port(session, "motor").regions:
            session.silence(region)
        silenced = _closed_loop(
            session, "motor cortex silenced", motor, params.command_Hz, n, params, tick
        )
    finally:
        session.restore(start)
    commanded = _closed_loop(session, "brain and spine", motor, params.command_Hz, n, params, tick)
    mean = commanded.drive.mean(axis=0)
    return Walk(commanded, uncommanded, silenced, _alone(mean, n, params))


def _motor(session: Session) -> tuple[NDArray, NDArray]:
    """Return the neurons of the left and the right motor cortex; all for a side that has none."""
    target = port(session, "motor")
    regions = session.network.regions
    side = {r.name: r.hemisphere for r in regions}
    both = session.neurons(target.regions, target.population)
    found = []
    for hemisphere in ("L", "R"):
        names = [name for name in target.regions if side[name] == hemisphere]
        found.append(session.neurons(names, target.population) if names else both)
    return found[0], found[1]


def _ready() -> spinal.SpinalState:
    """Return a spine that already walks at drive 1, so that no arm is measured while it starts."""
    state = spinal.initial()
    spinal.advance(state, 1.0, 4 * MS_PER_S)
    return state


def _closed_loop(
    session: Session,
    name: str,
    motor: tuple[NDArray, NDArray],
    command_Hz: float,
    n: int,
    params: WalkParams,
    tick: Callable[[], None],
) -> Arm:
    steps = max(1, round(params.period_ms / session.network.dt_ms))
    period_ms = steps * session.network.dt_ms
    keep = exp(-period_ms / params.tau_drive_ms)
    rate_Hz, drive, torque = np.empty((n, 2)), np.empty((n, 2)), np.empty((n, 4))
    state, smooth_Hz = _ready(), np.full(2, params.rate_full_Hz)
    before_Hz = session.poisson_Hz.copy()
    neurons = np.unique(np.concatenate(motor))
    session.poisson_Hz[neurons] += command_Hz
    try:
        for i in range(n):
            session.advance(steps)
            rate_Hz[i] = [session.counts[side].mean() / (period_ms / MS_PER_S) for side in motor]
            smooth_Hz = keep * smooth_Hz + (1.0 - keep) * rate_Hz[i]
            # The pyramidal tract crosses: left motor cortex drives the right leg.
            drive[i] = np.clip(smooth_Hz[::-1] / params.rate_full_Hz, 0.0, params.drive_max)
            torque[i] = spinal.advance(state, drive[i], period_ms)
            tick()
    finally:
        session.poisson_Hz[:] = before_Hz
    return _arm(name, rate_Hz, drive, torque, period_ms, params)


def _alone(mean_drive: Array, n: int, params: WalkParams) -> Arm:
    state = _ready()
    torque = np.array([spinal.advance(state, mean_drive, params.period_ms) for _ in range(n)])
    drive = np.broadcast_to(mean_drive, (n, 2))
    silent_Hz = np.full((n, 2), np.nan)
    return _arm("spine alone, mean drive", silent_Hz, drive, torque, params.period_ms, params)


def _arm(
    name: str, rate_Hz: Array, drive: Array, torque: Array, period_ms: float, params: WalkParams
) -> Arm:
    first = round(params.settle_ms / period_ms)
    time_ms = np.arange(1, len(torque) + 1, dtype=np.float64) * period_ms
    gait = spinal.gait(torque[first:], period_ms)
    return Arm(name, time_ms[first:], rate_Hz[first:], drive[first:], torque[first:], gait)
