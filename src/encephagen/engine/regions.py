"""Regions: a brain of one Wilson-Cowan unit a region, and its fast simulation.

    u_i(t) = coupling sum_j W_ij E_j(t - length_ij / velocity)      W the connectome's weights

joins the drive of E in region i, and ``onto_I`` times u_i that of I. A spiking brain of the same
connectome costs a hundred times as much; this one is its surrogate. `working_point` places it.
"""

import hashlib
import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.models import wilson_cowan
from encephagen.models.wilson_cowan import Constants, WilsonCowan, slopes
from encephagen.rng import stream
from encephagen.units import whole_steps

if TYPE_CHECKING:
    import xarray as xr

VELOCITY_MM_PER_MS = 6.0  # as in `Recipe`: Swadlow and Waxman 2012, Scholarpedia 7:1451
CHUNK_STEPS = 2000
LARGEST_COUPLING = 1e6
STEPS_MS = (1.0, 0.5, 0.25, 0.1)
"""Steps of a simulation that `RegionNetwork.step_ms` chooses from."""

_slopes = numba.njit(slopes)


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """A fluctuating drive of each E, and I, independent: tau dx = -x dt + sd sqrt(2 tau) dW."""

    sd_E: float
    tau_ms: float
    sd_I: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.tau_ms < math.inf and self.sd_E >= 0 and self.sd_I >= 0):
            raise ValueError(f"{self}: expected a positive tau_ms and sd of 0 or more")

    def per_step(self, dt_ms: float) -> "Noise":
        """Return what the kernel needs for steps of ``dt_ms``; exact for any."""
        decay = math.exp(-dt_ms / self.tau_ms)
        kick = math.sqrt(-math.expm1(-2.0 * dt_ms / self.tau_ms))
        return Noise(decay, kick * self.sd_E, kick * self.sd_I, 0.0, 0.0)


@dataclass(frozen=True)
class White:
    """White noise of the activity itself: dE = ... dt + sd_E dW; activity may fall below 0."""

    sd_E_per_sqrt_ms: float
    sd_I_per_sqrt_ms: float = 0.0

    def __post_init__(self) -> None:
        if not (self.sd_E_per_sqrt_ms >= 0 and self.sd_I_per_sqrt_ms >= 0):
            raise ValueError(f"{self}: expected sd of 0 or more")

    def per_step(self, dt_ms: float) -> "Noise":
        """Return what the kernel needs for steps of ``dt_ms``."""
        root = math.sqrt(dt_ms)
        return Noise(0.0, 0.0, 0.0, root * self.sd_E_per_sqrt_ms, root * self.sd_I_per_sqrt_ms)


class Noise(NamedTuple):
    """Noise of a step: an Ornstein-Uhlenbeck drive, and what is added to the activity."""

    decay: float
    drive_E: float
    drive_I: float
    white_E: float
    white_I: float


SILENT = Noise(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Stimulus:
    """A drive of E in some regions (see `Connectome.indices`), from ``start_ms`` to ``stop_ms``.

    ``amplitude`` is a number, or a sequence of any length, spread evenly over that time.
    """

    where: Any
    start_ms: float
    stop_ms: float
    amplitude: float | Sequence[float]

    def __post_init__(self) -> None:
        if not (0 <= self.start_ms < self.stop_ms < math.inf):
            raise ValueError(
                f"stimulus from {self.start_ms} to {self.stop_ms} ms: expected 0 <= start < stop"
            )
        values = np.atleast_1d(np.asarray(self.amplitude, float))
        if not (values.ndim == 1 and values.size and np.isfinite(values).all()):
            raise ValueError("stimulus amplitude: expected a finite number or a sequence of them")


@dataclass(frozen=True, eq=False)
class RegionNetwork:
    """A connectome of Wilson-Cowan units.

    model     the same in every region, or one a region
    coupling  of E in one region to the drive of E in another, times the weight
    onto_I    the same to the drive of I, relative to that of E
    velocity_mm_per_ms  of conduction; math.inf: every delay is one step

    Raises ValueError for a number of models that is not that of the regions, for numbers out of
    range, and for a finite velocity where fibre lengths are unknown.
    """

    connectome: Connectome
    model: WilsonCowan | tuple[WilsonCowan, ...] = WilsonCowan()
    coupling: float = 1.0
    onto_I: float = 0.0
    velocity_mm_per_ms: float = VELOCITY_MM_PER_MS

    def __post_init__(self) -> None:
        n = self.connectome.n
        if len(self.models) != n:
            raise ValueError(
                f"{len(self.models)} models for {n} regions: give one, or one a region"
            )
        for name in ("coupling", "onto_I"):
            if not 0 <= getattr(self, name) <= LARGEST_COUPLING:
                raise ValueError(
                    f"{name} {getattr(self, name)}: expected 0 to {LARGEST_COUPLING:g}"
                )
        if not self.velocity_mm_per_ms > 0:
            raise ValueError(f"velocity {self.velocity_mm_per_ms} mm/ms: expected above 0")
        if self.connectome.lengths_mm is None and math.isfinite(self.velocity_mm_per_ms):
            raise ValueError(
                f"connectome {self.connectome.name!r} has no fibre lengths: give lengths_mm, or "
                "velocity_mm_per_ms=math.inf for no conduction delay"
            )

    @property
    def models(self) -> tuple[WilsonCowan, ...]:
        """The model of each region."""
        return self.model if isinstance(self.model, tuple) else (self.model,) * self.connectome.n

    @property
    def delays_ms(self) -> np.ndarray:
        """Conduction delays (target, source)."""
        lengths = self.connectome.lengths_mm
        if lengths is None or math.isinf(self.velocity_mm_per_ms):
            return np.zeros_like(self.connectome.weights)
        return lengths / self.velocity_mm_per_ms

    @property
    def step_ms(self) -> float:
        """The longest step of a simulation that tells every delay from none."""
        shortest_ms = self.delays_ms[self.connectome.weights > 0].min(initial=math.inf)
        return next((step for step in STEPS_MS if step < 2.0 * shortest_ms), STEPS_MS[-1])

    def driven(self, drive_E: float) -> "RegionNetwork":
        """Return this network with the same ``drive_E`` in all regions."""
        models = tuple(replace(m, drive_E=drive_E) for m in self.models)
        return replace(self, model=models[0] if len(set(models)) == 1 else models)

    def digest(self) -> str:
        """Return the SHA-256 of all that a simulation depends on, but its seeds and its step."""
        sha = hashlib.sha256(b"encephagen regions 1\n" + self.connectome.digest().encode())
        sha.update(repr((self.models, self.coupling, self.onto_I)).encode())
        sha.update(repr(float(self.velocity_mm_per_ms)).encode())
        return sha.hexdigest()


# ---- simulation ---------------------------------------------------------------------------------


def simulate_regions(
    network: RegionNetwork,
    duration_ms: float,
    *,
    noise: OrnsteinUhlenbeck | White | None = None,
    stimuli: Sequence[Stimulus] = (),
    initial: tuple[np.ndarray, np.ndarray] | None = None,
    noise_seed: int = 0,
    dt_ms: float = 0.1,
    bin_ms: float | None = None,
) -> "xr.Dataset":
    """Return the activity E and I (time_ms, region) of a network, as means over bins.

    initial: E and I (region,), held before the start too; None is silence.
    bin_ms: width of the bins, whole steps (None: one step); time_ms are their left edges, and the
        value of a bin is the mean over the ends of its steps.

    Stochastic Heun: second order where there is no noise; noise is additive, so Ito and
    Stratonovich agree. Coupled input is known at both ends of a step, as no delay is shorter: it is
    gathered once. Delays are rounded to steps.

    Raises ValueError if a delay rounds to no step, and for activity that is no longer finite.
    """
    import xarray as xr

    n = network.connectome.n
    n_steps = whole_steps("duration_ms", duration_ms, dt_ms)
    per_bin = whole_steps("bin_ms", dt_ms if bin_ms is None else bin_ms, dt_ms)
    n_bins = n_steps // per_bin
    if not n_bins:
        raise ValueError(f"duration of {duration_ms:g} ms holds no bin of {bin_ms:g} ms")
    wires = _wires(network, dt_ms)
    state = _initial_state(network, wires, initial)
    fields = [(name, np.float64) for name in Constants._fields]
    constants = np.array([tuple(m.constants()) for m in network.models], fields)
    base = np.array([(m.drive_E, m.drive_I) for m in network.models]).T.copy()
    step_noise = SILENT if noise is None else noise.per_step(dt_ms)
    generator = stream(noise_seed, "noise of regions")
    if isinstance(noise, OrnsteinUhlenbeck):  # stationary from the start
        state.fluctuation[:] = np.array([[noise.sd_E], [noise.sd_I]]) * (
            stream(noise_seed, "initial noise of regions").standard_normal((2, n))
        )
    out = np.empty((n_bins, 2, n))
    run = _kernel(_MODEL_DIGEST)
    bins_per_chunk = max(1, CHUNK_STEPS // per_bin)
    for first in range(0, n_bins, bins_per_chunk):
        last = min(first + bins_per_chunk, n_bins)
        steps = (last - first) * per_bin
        random = generator.standard_normal((steps if noise else 0, 2, n))
        drive = _stimulus(stimuli, network.connectome, first * per_bin, steps, dt_ms)
        run(
            first * per_bin,
            per_bin,
            dt_ms,
            network.onto_I,
            wires,
            constants,
            base,
            step_noise,
            random,
            drive,
            state,
            out[first:last],
        )
        if not np.isfinite(state.activity).all():
            raise ValueError(
                f"activity is not finite at {last * per_bin * dt_ms:g} ms: lower dt_ms"
            )
    time_ms = np.arange(n_bins) * per_bin * dt_ms
    return xr.Dataset(
        {name: (("time_ms", "region"), out[:, k]) for k, name in enumerate("EI")},
        coords={
            "time_ms": ("time_ms", time_ms, {"units": "ms"}),
            "region": list(network.connectome.names),
        },
        attrs={
            "network": network.digest(),
            "connectome": network.connectome.digest(),
            "noise": repr(noise),
            "noise_seed": int(noise_seed),
            "dt_ms": float(dt_ms),
        },
    )


class _Wires(NamedTuple):
    """Connections by target; ``back`` is how far before the present its source's E stands."""

    start: np.ndarray  # (region + 1,)
    back: np.ndarray  # (connection,) positions in a ring of rows (region,)
    weight: np.ndarray  # (connection,) times the coupling
    length: int  # rows of the ring: the longest delay and one


class _State(NamedTuple):
    activity: np.ndarray  # (2, region)
    fluctuation: np.ndarray  # (2, region), the Ornstein-Uhlenbeck drive
    coupled: np.ndarray  # (region,), what other regions send at this time
    ring: np.ndarray  # (2 * length, region), E of the past, twice, so that none wraps around


def _wires(network: RegionNetwork, dt_ms: float) -> _Wires:
    weights = network.connectome.weights
    n = len(weights)
    steps = np.ones(weights.shape, np.int64)
    used = weights > 0
    if math.isfinite(network.velocity_mm_per_ms):
        steps = np.rint(network.delays_ms / dt_ms).astype(np.int64)
        if (steps[used] < 1).any():
            t, s = np.argwhere(used & (steps < 1))[0]
            names = network.connectome.names
            raise ValueError(
                f"delay {network.delays_ms[t, s]:.3g} ms from {names[s]} to {names[t]} is under "
                f"half a step of {dt_ms:g} ms; lower dt_ms or the velocity"
            )
    target, source = np.nonzero(used)
    return _Wires(
        start=np.concatenate([[0], np.cumsum(np.bincount(target, minlength=n))]),
        back=steps[used] * n - source,
        weight=network.coupling * weights[used],
        length=int(steps[used].max(initial=1)) + 1,
    )


def _initial_state(
    network: RegionNetwork, wires: _Wires, initial: tuple[np.ndarray, np.ndarray] | None
) -> _State:
    n = network.connectome.n
    activity = np.zeros((2, n)) if initial is None else np.array(initial, float)
    if activity.shape != (2, n) or not np.isfinite(activity).all():
        raise ValueError(
            f"initial of shape {activity.shape}: expected E and I, finite, of {n} each"
        )
    coupled = network.coupling * network.connectome.weights @ activity[0]
    ring = np.tile(activity[0], (2 * wires.length, 1))
    return _State(activity, np.zeros((2, n)), coupled, ring)


def _stimulus(
    stimuli: Sequence[Stimulus], connectome: Connectome, first: int, steps: int, dt_ms: float
) -> np.ndarray:
    """Return the drive (step, region) that stimuli add to E; no rows if they add none."""
    now = [s for s in stimuli if s.start_ms < (first + steps) * dt_ms and s.stop_ms > first * dt_ms]
    if not now:
        return np.zeros((0, connectome.n))
    middle_ms = (first + np.arange(steps) + 0.5) * dt_ms
    drive = np.zeros((steps, connectome.n))
    for s in now:
        values = np.atleast_1d(np.asarray(s.amplitude, float))
        inside = (middle_ms >= s.start_ms) & (middle_ms < s.stop_ms)
        share = (middle_ms[inside] - s.start_ms) / (s.stop_ms - s.start_ms)
        at = np.minimum((share * values.size).astype(np.int64), values.size - 1)
        drive[np.ix_(inside, connectome.indices(s.where))] += values[at][:, None]
    return drive


# Numba's cache looks at this file only. The kernel holds the digest of the model's source, which
# becomes part of the key under which its machine code is kept: a changed model is compiled anew.
_MODEL_DIGEST = hashlib.sha256(inspect.getsource(wilson_cowan).encode()).hexdigest()


@cache
def _kernel(model_digest: str) -> Any:
    @numba.njit(cache=True)
    def run(step, per_bin, dt_ms, onto_I, wires, constants, base, noise, random, drive, state, out):
        _ = model_digest
        E, I, fluctuation = state.activity[0], state.activity[1], state.fluctuation  # noqa: E741
        n, past = E.size, state.ring.ravel()
        after = np.empty(n)
        for b in range(out.shape[0]):
            out[b] = 0.0
            for k in range(b * per_bin, (b + 1) * per_bin):
                now = (step + k) % wires.length
                state.ring[now] = E
                state.ring[now + wires.length] = E
                # From the row that is next in the second copy every delay reaches back.
                ahead = (now + wires.length + 1) * n
                for i in range(n):
                    total = 0.0
                    for c in range(wires.start[i], wires.start[i + 1]):
                        total += wires.weight[c] * past[ahead - wires.back[c]]
                    after[i] = total
                for i in range(n):
                    c = constants[i]
                    x = base[0, i] + (drive[k, i] if drive.shape[0] else 0.0)
                    y = base[1, i]
                    before = state.coupled[i]
                    x0 = x + before + fluctuation[0, i]
                    y0 = y + onto_I * before + fluctuation[1, i]
                    dE, dI = _slopes(E[i], I[i], x0, y0, c)
                    added_E = added_I = 0.0
                    if random.shape[0]:
                        xi, eta = random[k, 0, i], random[k, 1, i]
                        fluctuation[0, i] = noise.decay * fluctuation[0, i] + noise.drive_E * xi
                        fluctuation[1, i] = noise.decay * fluctuation[1, i] + noise.drive_I * eta
                        added_E, added_I = noise.white_E * xi, noise.white_I * eta
                    x1 = x + after[i] + fluctuation[0, i]
                    y1 = y + onto_I * after[i] + fluctuation[1, i]
                    guess_E = E[i] + dt_ms * dE + added_E
                    guess_I = I[i] + dt_ms * dI + added_I
                    dE1, dI1 = _slopes(guess_E, guess_I, x1, y1, c)
                    E[i] += 0.5 * dt_ms * (dE + dE1) + added_E
                    I[i] += 0.5 * dt_ms * (dI + dI1) + added_I
                    state.coupled[i] = after[i]
                    out[b, 0, i] += E[i]
                    out[b, 1, i] += I[i]
            out[b] /= per_bin

    return run
