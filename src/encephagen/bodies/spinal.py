"""A spinal pattern generator for walking: coupled half-centres, one pair a joint.

Each joint has a flexor and an extensor half-centre that inhibit each other and fatigue; the two
hips inhibit each other flexor to flexor and extensor to extensor, so left and right alternate; each
knee is slower than its hip and is inhibited by it, so it follows with a lag. For half-centre i

    tau_r_ms dx_i/dt = -x_i - sum_j W_ij y_j - beta v_i + c_i ,      y_i = max(0, x_i)
    tau_a_ms dv_i/dt = -v_i + y_i

where c_i is the tonic drive from the brain, and a joint's torque is y_flexor - y_extensor. Source:
Matsuoka 1985, doi 10.1007/BF00449593, who proves that the network has no stable resting point, so
must oscillate, if the inhibition within a pair exceeds 1 + tau_r/tau_a and the whole inhibition
onto any half-centre stays under 1 + beta. Above that a winner holds the other down for good (it
latches); below, both come to rest. `SpinalParams` refuses both.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from encephagen import rng
from encephagen.units import MS_PER_S, param

JOINTS = ("left hip", "right hip", "left knee", "right knee")
_LEFT = np.array([True, False, True, False])
_MIN_CYCLES = 3
_MAX_CV = 0.3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpinalParams:
    """Constants of the pattern generator.

    The time constants give one stride a second: people step at 2.0 Hz (SD 0.13), two steps a
    stride (MacDougall & Moore 2005, doi 10.1152/japplphysiol.00138.2005).

    Raises ValueError when a constant is out of range or the network could not oscillate.
    """

    tau_r_ms: float = param(34.0, "ms", "free: one stride a second at drive 1")
    tau_a_ms: float = param(408.0, "ms", "12 tau_r, Matsuoka 1985")
    beta: float = param(2.5, "1", "Matsuoka 1985")
    inhibition_pair: float = param(2.0, "1", "free: inside Matsuoka's condition")
    inhibition_hips: float = param(0.5, "1", "free: left and right alternate")
    inhibition_knee: float = param(1.0, "1", "free: the knee locks to its hip")
    knee_slowness: float = param(2.5, "1", "free: the knee lags by a tenth of a stride")
    tonic: float = param(1.6, "1", "free: torques peak near 1 at drive 1")
    speeding: float = param(0.15, "1", "free: drive raises step frequency mildly")
    max_step_ms: float = param(2.0, "ms", "numerical: a seventeenth of tau_r")

    def __post_init__(self) -> None:
        for name in ("tau_r_ms", "tau_a_ms", "knee_slowness", "tonic", "max_step_ms"):
            _require(name, getattr(self, name), above=0.0)
        for name in ("beta", "inhibition_pair", "inhibition_hips", "inhibition_knee"):
            _require(name, getattr(self, name), least=0.0)
        if not 0.0 <= self.speeding < 1.0:
            raise ValueError(f"speeding is {self.speeding}; expected 0 or more and below 1")
        floor, ceiling = 1.0 + self.tau_r_ms / self.tau_a_ms, 1.0 + self.beta
        whole = self.inhibition_pair + max(self.inhibition_hips, self.inhibition_knee)
        if self.inhibition_pair <= floor:
            raise ValueError(
                f"inhibition_pair {self.inhibition_pair:g} is not above 1 + tau_r/tau_a = "
                f"{floor:.3g}, so the half-centres come to rest; raise it"
            )
        if whole >= ceiling:
            raise ValueError(
                f"the inhibition onto one half-centre is {whole:g}, not below 1 + beta = "
                f"{ceiling:g}, so one side latches; lower inhibition_pair, or raise beta"
            )
        if self.max_step_ms > self.tau_r_ms / 4:
            raise ValueError(
                f"max_step_ms {self.max_step_ms:g} is over a quarter of tau_r_ms "
                f"{self.tau_r_ms:g}; lower it"
            )


@dataclass
class SpinalState:
    """What changes: ``x`` (8,) activation and ``v`` (8,) fatigue, flexor and extensor by joint."""

    x: Array
    v: Array

    def copy(self) -> "SpinalState":
        """Return an independent copy."""
        return SpinalState(self.x.copy(), self.v.copy())


@dataclass(frozen=True)
class Gait:
    """A measured rhythm; ``frequency_Hz`` and the phase are nan where there is none.

    left_right_phase: 0 together, 0.5 alternating, in cycles; nan unless both hips cycle.
    amplitude: half of peak to peak, mean of the two hips, in units of torque.
    alternating: phase within a tenth of a cycle of a half, and steady from stride to stride.
    n_cycles: complete cycles of the hip that was measured.
    """

    frequency_Hz: float
    left_right_phase: float
    amplitude: float
    alternating: bool
    n_cycles: int

    @property
    def rhythmic(self) -> bool:
        """Whether there was a rhythm at all."""
        return isfinite(self.frequency_Hz)

    def __str__(self) -> str:
        if not self.rhythmic:
            return f"no rhythm ({self.n_cycles} cycles; {_MIN_CYCLES} regular ones make a rhythm)"
        how = "alternating" if self.alternating else "not alternating"
        return (
            f"{self.frequency_Hz:.2f} Hz over {self.n_cycles} cycles, left-right phase "
            f"{self.left_right_phase:.2f} ({how}), amplitude {self.amplitude:.2f}"
        )


def initial(seed: int = 0) -> SpinalState:
    """Return a rested state: activations drawn below threshold from ``seed``, no fatigue.

    Below threshold, not at zero: from an exactly symmetric start nothing could alternate.
    """
    n = 2 * len(JOINTS)
    return SpinalState(x=-rng.stream(seed, "spinal").random(n), v=np.zeros(n))


def advance(
    state: SpinalState, drive: ArrayLike, dt_ms: float, params: SpinalParams | None = None
) -> Array:
    """Advance ``state`` in place by ``dt_ms`` and return the four torques, in order of `JOINTS`.

    drive: tonic input from the brain, >= 0, one number or (left, right); torques are proportional
        to it, and 0 without it. It also speeds the time constants up by 1 + speeding (drive - 1).
    dt_ms: any length; it is cut into equal steps of at most ``max_step_ms`` (Runge-Kutta 4).
    Returns (4,) torques, dimensionless, about -1 to 1 at drive 1; positive flexes.
    Raises ValueError for a negative or non-finite drive, or a dt_ms that is not positive.
    """
    params = params or SpinalParams()
    _require("dt_ms", dt_ms, above=0.0)
    left, right = _sides(drive)
    by_unit = np.repeat(np.where(_LEFT, left, right), 2)
    inhibition, slowness = _wiring(params)
    rate_per_ms = (1.0 + params.speeding * (by_unit - 1.0)) / slowness
    r_per_ms, a_per_ms = rate_per_ms / params.tau_r_ms, rate_per_ms / params.tau_a_ms
    tonic = params.tonic * by_unit

    def slope(x: Array, v: Array) -> tuple[Array, Array]:
        y = np.maximum(x, 0.0)
        return (tonic - x - inhibition @ y - params.beta * v) * r_per_ms, (y - v) * a_per_ms

    # A strong drive runs faster, so it gets shorter steps.
    fastest = max(1.0, float(rate_per_ms.max()))
    n_steps = ceil(dt_ms * fastest / params.max_step_ms)
    h, x, v = dt_ms / n_steps, state.x, state.v
    for _ in range(n_steps):
        x1, v1 = slope(x, v)
        x2, v2 = slope(x + h / 2 * x1, v + h / 2 * v1)
        x3, v3 = slope(x + h / 2 * x2, v + h / 2 * v2)
        x4, v4 = slope(x + h * x3, v + h * v3)
        x = x + h / 6 * (x1 + 2 * x2 + 2 * x3 + x4)
        v = v + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
    state.x, state.v = x, v
    y = np.maximum(x, 0.0)
    return y[0::2] - y[1::2]


def walk(
    drive: ArrayLike,
    duration_ms: float,
    dt_ms: float = 5.0,
    *,
    seed: int = 0,
    params: SpinalParams | None = None,
) -> Array:
    """Return the torques (time, 4) of ``duration_ms`` under constant ``drive``, from rest.

    Row k is the torque at (k + 1) dt_ms. Raises ValueError as `advance` does.
    """
    _require("dt_ms", dt_ms, above=0.0)
    _require("duration_ms", duration_ms, least=dt_ms)
    state = initial(seed)
    n = int(duration_ms / dt_ms + 1e-9)
    return np.array([advance(state, drive, dt_ms, params) for _ in range(n)])


def gait(torques: ArrayLike, dt_ms: float) -> Gait:
    """Measure frequency and left-right phase from zero crossings of the hip torques.

    Cycles run from one upward zero crossing to the next, interpolated, so that the answer has no
    spectral bins to fall into; a crossing counts only after the torque was a tenth of its largest
    size on either side, so noise about zero makes none. No mean is removed: a constant torque
    never crosses zero and has no rhythm. Nor have fewer than three cycles, or cycles whose
    length varies by more than 0.3 of its mean (people's vary by 0.02 to 0.03). Leave out the
    first strides, in which it settles.

    torques: (time, 4), in order of `JOINTS`. dt_ms: time between rows.
    The left hip gives the frequency, or the right where only that one cycles.
    Raises ValueError for another shape, non-finite torques or a dt_ms that is not positive.
    """
    torques = np.asarray(torques, float)
    _require("dt_ms", dt_ms, above=0.0)
    if torques.ndim != 2 or torques.shape[1] != len(JOINTS):
        raise ValueError(f"torques have shape {torques.shape}; expected (time, {len(JOINTS)})")
    if not np.isfinite(torques).all():
        raise ValueError("torques are not all finite; look for the step at which they grew")
    left, right = (upward_crossings_ms(torques[:, joint], dt_ms) for joint in (0, 1))
    measured = left if len(left) > _MIN_CYCLES else right
    n_cycles = max(0, len(measured) - 1)
    amplitude = float(np.ptp(torques[:, :2], axis=0).mean() / 2) if len(torques) else 0.0
    cycles_ms = np.diff(measured)
    if n_cycles < _MIN_CYCLES or cycles_ms.std() > _MAX_CV * cycles_ms.mean():
        return Gait(np.nan, np.nan, amplitude, False, n_cycles)
    frequency_Hz = MS_PER_S / float(cycles_ms.mean())
    phase, steadiness = phase_of(right, left)
    alternating = bool(abs(phase - 0.5) <= 0.1 and steadiness >= 0.9)
    return Gait(frequency_Hz, phase, amplitude, alternating, n_cycles)


def upward_crossings_ms(torque: ArrayLike, dt_ms: float) -> Array:
    """Return the times, in ms after the first sample, at which ``torque`` (time,) turns positive.

    Times are interpolated between samples. A crossing counts only between an excursion below
    minus a tenth of the largest size and the next one above plus a tenth of it.
    """
    torque = np.asarray(torque, float)
    if not len(torque):
        return np.empty(0)
    level = 0.1 * np.abs(torque).max()
    outside = np.flatnonzero(np.abs(torque) > level)
    positive = torque[outside] > 0
    turns = np.flatnonzero(~positive[:-1] & positive[1:])
    times_ms = []
    for low, high in zip(outside[turns], outside[turns + 1], strict=True):
        # The last sample at or below zero before the excursion upward.
        k = low + int(np.flatnonzero(torque[low:high] <= 0)[-1])
        times_ms.append((k + torque[k] / (torque[k] - torque[k + 1])) * dt_ms)
    return np.array(times_ms)


def phase_of(crossings_ms: ArrayLike, reference_ms: ArrayLike) -> tuple[float, float]:
    """Return the phase of one rhythm in another, in cycles from 0 to 1, and its steadiness.

    Each crossing is placed within the cycle of the reference that it falls in; the phase is their
    circular mean and the steadiness the length of the mean vector, 1 when all agree. Both are
    nan with fewer than three cycles or three crossings within them.
    """
    crossings, reference = np.asarray(crossings_ms, float), np.asarray(reference_ms, float)
    if len(reference) <= _MIN_CYCLES or len(crossings) <= _MIN_CYCLES:
        return np.nan, np.nan
    inside = crossings[(crossings >= reference[0]) & (crossings < reference[-1])]
    if len(inside) < _MIN_CYCLES:
        return np.nan, np.nan
    cycle = np.searchsorted(reference, inside, side="right") - 1
    phases = (inside - reference[cycle]) / np.diff(reference)[cycle]
    mean = np.exp(2j * np.pi * phases).mean()
    return float(np.angle(mean) / (2 * np.pi) % 1.0), float(abs(mean))


@lru_cache(maxsize=64)
def _wiring(params: SpinalParams) -> tuple[Array, Array]:
    """Return the inhibition (8, 8) [target, source] and the slowness (8,) of the half-centres."""
    inhibition = np.zeros((8, 8))
    for flexor in range(0, 8, 2):
        inhibition[flexor, flexor + 1] = inhibition[flexor + 1, flexor] = params.inhibition_pair
    for unit in (0, 1):
        inhibition[unit, unit + 2] = inhibition[unit + 2, unit] = params.inhibition_hips
    for hip in (0, 2):
        knee = hip + 4
        inhibition[knee + 1, hip] = inhibition[knee, hip + 1] = params.inhibition_knee
    slowness = np.repeat([1.0, 1.0, params.knee_slowness, params.knee_slowness], 2)
    for array in (inhibition, slowness):
        array.flags.writeable = False
    return inhibition, slowness


def _sides(drive: ArrayLike) -> tuple[float, float]:
    values = np.asarray(drive, float)
    if values.shape not in ((), (2,)):
        raise ValueError(f"drive has shape {values.shape}; expected one number or (left, right)")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"drive is {drive}; expected finite and 0 or more")
    left, right = np.broadcast_to(values, 2)
    return float(left), float(right)


def _require(
    name: str, value: float, *, above: float | None = None, least: float | None = None
) -> None:
    bad = not isfinite(value)
    bad = bad or (above is not None and value <= above) or (least is not None and value < least)
    if bad:
        wanted = f"above {above:g}" if above is not None else f"{least:g} or more"
        raise ValueError(f"{name} is {value}; expected finite and {wanted}")
