"""A network of regions that runs, and the plain way to run one, or many at once."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.engine.regions.kernel import (
    ALIVE,
    BASE_E,
    BASE_I,
    N_CONSTANTS,
    N_TRAFFIC,
    N_VALUES,
    NOW_E,
    NOW_I,
    ONTO_I,
    E,
    I,
    kernel,
)
from encephagen.engine.regions.network import RegionNetwork, Stimulus
from encephagen.engine.regions.noise import (
    N_DRIVES,
    N_KICKS,
    STIMULUS,
    OrnsteinUhlenbeck,
    Source,
    White,
)
from encephagen.engine.regions.vector import TILE, aligned
from encephagen.engine.regions.wires import LONGEST_SPAN, SPAN, Layout
from encephagen.interrupt import LATCH
from encephagen.recording.recording import whole_steps

if TYPE_CHECKING:
    import xarray as xr

CHUNK_STEPS = 2000
"""Steps of one call of the kernel: some hundred microseconds, and inputs that the cache holds."""
PIECE_STEPS = 10_000
"""Steps between looks at whether the activity is finite."""

Networks = RegionNetwork | Sequence[RegionNetwork]
Activity = tuple[np.ndarray, np.ndarray]


class RegionRun:
    """Networks of one connectome that run side by side, a set of parameters each.

    noise_seed: one for all sets, which then share their noise, or one a set. initial: E and I,
    (region,) or (set, region), held before the start too; None is silence. real: np.float32 is
    twice as fast as np.float64, and right to four digits or so.

    Raises ValueError if a delay rounds to no step, and for networks of different connectomes or
    velocities.
    """

    def __init__(
        self,
        networks: Networks,
        *,
        noise: OrnsteinUhlenbeck | White | None = None,
        noise_seed: int | Sequence[int] = 0,
        initial: Activity | None = None,
        dt_ms: float = 0.1,
        real: type = np.float64,
    ) -> None:
        self.networks = _alike(networks)
        self.connectome = self.networks[0].connectome
        self.dt_ms, self.step = dt_ms, 0
        n, n_sets = self.connectome.n, len(self.networks)
        couplings = np.array([network.coupling for network in self.networks])
        self._layout = Layout(self.networks[0], couplings, dt_ms, real)
        self._n_tiles = -(-n // TILE)
        width = self._n_tiles * TILE
        seeds = _seeds(noise_seed, n_sets)
        distinct = sorted(set(seeds)) if noise else [0]
        self._sources = [Source(noise, s, n, dt_ms) for s in distinct if noise]
        self._stream = np.array([distinct.index(s) if noise else 0 for s in seeds])
        self._values = aligned((n_sets, self._n_tiles, N_VALUES, TILE), real)
        self._write_parameters()
        # What stays the same has one step.
        coloured, white = isinstance(noise, OrnsteinUhlenbeck), isinstance(noise, White)
        self._drives = self._inputs(N_DRIVES, CHUNK_STEPS if coloured else 1)
        self._kicks = self._inputs(N_KICKS, CHUNK_STEPS if white else 1)
        self._now = self._layout.past - 1
        self._past = aligned((n_sets, width, self._layout.room), real)
        self._desk = (
            aligned((width * LONGEST_SPAN + SPAN,), real),
            aligned((SPAN * N_TRAFFIC * width,), real),
        )
        start = _initial(initial, n_sets, n)
        self._write(E, start[:, 0])
        self._write(I, start[:, 1])
        self._past[:, :n, : self._layout.past] = start[:, 0, :, None]
        self._hear()

    @property
    def activity(self) -> np.ndarray:
        """E and I now, (set, 2, region)."""
        return np.stack([self._read(E), self._read(I)], axis=1)

    def advance(
        self, n_steps: int, drive: np.ndarray | None = None, *, per_bin: int = 1
    ) -> np.ndarray:
        """Run ``n_steps`` steps; return E and I (set, bin, 2, region), means over bins of steps.

        drive: of E, on top of the models', (region,) or (step, region); per_bin: steps in a bin.
        """
        assert n_steps % per_bin == 0, (n_steps, per_bin)
        out = self.empty(n_steps // per_bin)
        self.fill(out, 0, n_steps, drive, per_bin=per_bin)
        return out

    def empty(self, n_bins: int) -> np.ndarray:
        """Return room for the means over bins, (set, bin, 2, region)."""
        return np.empty((len(self.networks), n_bins, 2, self.connectome.n), self._values.dtype.type)

    def fill(
        self, out: np.ndarray, filled: int, n_steps: int, drive: np.ndarray | None, *, per_bin: int
    ) -> None:
        """Run ``n_steps`` steps as `advance`, into ``out``, of which ``filled`` steps are there."""
        n_sets, n = len(self.networks), self.connectome.n
        real = self._values.dtype.type
        advance, _ = kernel()
        drives, kicks = self._drives, self._kicks
        if drive is not None and kicks.shape[1] == 1:
            kicks = self._inputs(N_KICKS, CHUNK_STEPS)
        try:
            for done in range(0, n_steps, CHUNK_STEPS):
                steps = min(CHUNK_STEPS, n_steps - done)
                if drive is not None:
                    part = drive if drive.ndim == 1 else drive[done : done + steps]
                    kicks[:, :steps, :, STIMULUS] = self._tiles(np.broadcast_to(part, (steps, n)))
                with LATCH:  # so that Ctrl-C does not part noise, activity and step
                    for k, source in enumerate(self._sources):
                        source.fill(self.step, steps, drives[k], kicks[k])
                    self._now = advance(
                        self._layout.classes,
                        self._values.reshape(n_sets, -1),
                        self._past.reshape(n_sets, -1),
                        (self._now, self._layout.past),
                        self._stream,
                        drives.reshape(len(drives), -1),
                        kicks.reshape(len(kicks), -1),
                        self._desk,
                        (steps, per_bin, filled + done),
                        out,
                        real(self.dt_ms),
                        real(self.dt_ms / 2),
                    )
                    self.step += steps
        finally:
            self._kicks[:, :, :, STIMULUS] = 0.0

    def lesion(self, silent: np.ndarray, cut: np.ndarray) -> int:
        """Set the masks of lesions; return how many connections are cut.

        silent (region,), its blocks: activity is zero at the end of the next step and stays so.
        cut (target, source): nothing arrives, what is under way included.
        """
        self._write(ALIVE, np.where(silent, 0.0, 1.0))
        self._layout.cut(cut)
        self._hear()
        return int((cut & (self.connectome.weights > 0)).sum())

    def finite(self) -> np.ndarray:
        """Return whether the activity of each region (region,) is finite, in all sets."""
        return np.asarray(np.isfinite(self.activity).all(axis=(0, 1)))

    def state(self) -> dict[str, np.ndarray]:
        """Return what changes: activity, the past, what is under way in it, and the noisy drive."""
        n, first = self.connectome.n, self._now + 1 - self._layout.past
        return {
            "activity": self.activity,
            "past": self._past[:, :n, first : self._now + 1].copy(),
            "fluctuation": np.array([s.fluctuation[:, :n] for s in self._sources]),
        }

    def restore(self, step: int, state: Mapping[str, np.ndarray]) -> None:
        """Go to a state that `state` gave; ValueError, before any change, if it does not fit."""
        for name, mine in self.state().items():
            if name not in state or state[name].shape != mine.shape:
                raise ValueError(f"this is no state of {self.connectome.name!r}: {name} differs")
        n = self.connectome.n
        self.step, self._now = step, self._layout.past - 1
        self._write(E, state["activity"][:, 0])
        self._write(I, state["activity"][:, 1])
        self._past[:, :n, : self._layout.past] = state["past"]
        for source, fluctuation in zip(self._sources, state["fluctuation"], strict=True):
            source.fluctuation[:, :n] = fluctuation
        self._hear()

    def _inputs(self, rows: int, steps: int) -> np.ndarray:
        """Return room for what reaches regions in some steps, (stream, step, tile, row, TILE)."""
        streams = max(len(self._sources), 1)
        return aligned((streams, steps, self._n_tiles, rows, TILE), self._values.dtype)

    def _write_parameters(self) -> None:
        rows = [*range(N_CONSTANTS), BASE_E, BASE_I]
        for k, network in enumerate(self.networks):
            own = isinstance(network.model, tuple)
            models = network.models if own else (network.models[0],)
            found = np.array([(*m.constants(), m.drive_E, m.drive_I) for m in models])
            spread = np.broadcast_to(found, (self.connectome.n, len(rows)))
            self._values[k][:, rows] = self._tiles(spread.T).swapaxes(0, 1)
        self._write(ONTO_I, np.array([[network.onto_I] for network in self.networks]))
        self._write(ALIVE, np.ones(1))

    def _hear(self) -> None:
        """Bring what follows from the past, the noise and the weights up to date."""
        n_sets = len(self.networks)
        if self._sources:
            drive = np.array([s.fluctuation for s in self._sources])[self._stream]
            self._write(NOW_E, drive[:, 0, : self.connectome.n])
            self._write(NOW_I, drive[:, 1, : self.connectome.n])
        _, hear = kernel()
        values, past = self._values.reshape(n_sets, -1), self._past.reshape(n_sets, -1)
        hear(self._layout.classes, values, past, self._now, self._desk[0])

    def _read(self, row: int) -> np.ndarray:
        """Return a row of values, (set, region)."""
        return self._values[:, :, row].reshape(len(self.networks), -1)[:, : self.connectome.n]

    def _write(self, row: int, values: np.ndarray) -> None:
        """Set a row of values, of a shape that fits (set, region)."""
        shape = len(self.networks), self.connectome.n
        self._values[:, :, row] = self._tiles(np.broadcast_to(values, shape))

    def _tiles(self, values: np.ndarray) -> np.ndarray:
        """Return values (:, region) in tiles (:, tile, TILE), the last filled up with zeros."""
        whole = np.zeros((len(values), self._n_tiles * TILE))
        whole[:, : self.connectome.n] = values
        return whole.reshape(len(values), self._n_tiles, TILE)


def simulate_regions(
    networks: Networks,
    duration_ms: float,
    *,
    noise: OrnsteinUhlenbeck | White | None = None,
    stimuli: Sequence[Stimulus] = (),
    initial: Activity | None = None,
    noise_seed: int | Sequence[int] = 0,
    dt_ms: float = 0.1,
    bin_ms: float | None = None,
    real: type = np.float64,
) -> "xr.Dataset":
    """Return the activity E and I (time_ms, region) of a network, as means over bins.

    Of a sequence of networks on one connectome, E and I (set, time_ms, region): all in one call,
    and each as it is alone. noise_seed, initial, real: as in `RegionRun`.

    bin_ms: width of the bins, whole steps (None: one step); time_ms are their left edges, and the
        value of a bin is the mean over the ends of its steps.

    Stochastic Heun: second order where there is no noise; noise is additive, so Ito and
    Stratonovich agree. Coupled input is known at both ends of a step, as no delay is shorter: it is
    gathered once. Delays are rounded to steps.

    Raises ValueError if a delay rounds to no step, and for activity that is no longer finite.
    """
    n_steps = whole_steps("duration_ms", duration_ms, dt_ms)
    per_bin = whole_steps("bin_ms", dt_ms if bin_ms is None else bin_ms, dt_ms)
    n_bins, over = divmod(n_steps, per_bin)
    if over or not n_bins:
        raise ValueError(
            f"duration of {duration_ms:g} ms is no whole number of bins of {bin_ms:g} ms: give one"
        )
    run = RegionRun(
        networks, noise=noise, noise_seed=noise_seed, initial=initial, dt_ms=dt_ms, real=real
    )
    activity, piece = run.empty(n_bins), max(1, PIECE_STEPS // per_bin) * per_bin
    for first in range(0, n_steps, piece):
        steps = min(piece, n_steps - first)
        drive = _stimulus(stimuli, run.connectome, first, steps, dt_ms)
        run.fill(activity, first, steps, drive, per_bin=per_bin)
        if not run.finite().all():
            raise ValueError(f"activity is not finite at {run.step * dt_ms:g} ms: lower dt_ms")
    time_ms = np.arange(n_bins) * per_bin * dt_ms
    return _dataset(run, activity, time_ms, isinstance(networks, RegionNetwork), noise, noise_seed)


def _dataset(
    run: RegionRun,
    activity: np.ndarray,
    time_ms: np.ndarray,
    alone: bool,
    noise: OrnsteinUhlenbeck | White | None,
    noise_seed: int | Sequence[int],
) -> "xr.Dataset":
    import xarray as xr

    digests = [network.digest() for network in run.networks]
    seeds = _seeds(noise_seed, len(digests))
    of_set = {"network": ("set", digests), "noise_seed": ("set", seeds)}
    dataset = xr.Dataset(
        {name: (("set", "time_ms", "region"), activity[:, :, k]) for k, name in enumerate("EI")},
        coords={
            "time_ms": ("time_ms", time_ms, {"units": "ms"}),
            "region": list(run.connectome.names),
            **({} if alone else of_set),
        },
        attrs={
            "connectome": run.connectome.digest(),
            "noise": repr(noise),
            "dt_ms": float(run.dt_ms),
        },
    )
    if alone:
        return dataset.isel(set=0).assign_attrs(network=digests[0], noise_seed=seeds[0])
    return dataset


def _alike(networks: Networks) -> tuple[RegionNetwork, ...]:
    """Return networks as a tuple; ValueError if they cannot share one layout."""
    found = (networks,) if isinstance(networks, RegionNetwork) else tuple(networks)
    if not found:
        raise ValueError("no network: give one at least")
    first = found[0]
    for network in found[1:]:
        same = network.connectome is first.connectome
        if not (same or network.connectome.digest() == first.connectome.digest()):
            raise ValueError(
                f"networks of {first.connectome.name!r} and {network.connectome.name!r} in one "
                "call: their connectomes differ, run them one by one"
            )
        if network.velocity_mm_per_ms != first.velocity_mm_per_ms:
            raise ValueError(
                f"networks with velocities {first.velocity_mm_per_ms:g} and "
                f"{network.velocity_mm_per_ms:g} mm/ms in one call: run them one by one"
            )
    return found


def _seeds(noise_seed: int | Sequence[int], n_sets: int) -> list[int]:
    seeds = list(noise_seed) if isinstance(noise_seed, Sequence) else [noise_seed] * n_sets
    if len(seeds) != n_sets:
        raise ValueError(f"{len(seeds)} noise seeds for {n_sets} networks: give one, or one each")
    return [int(seed) for seed in seeds]


def _initial(initial: Activity | None, n_sets: int, n: int) -> np.ndarray:
    """Return E and I (set, 2, region)."""
    if initial is None:
        return np.zeros((n_sets, 2, n))
    parts = [np.asarray(part, float) for part in initial]
    shapes = [part.shape for part in parts]
    fits = len(parts) == 2 and all(shape in ((n,), (n_sets, n)) for shape in shapes)
    if not fits or not all(np.isfinite(part).all() for part in parts):
        raise ValueError(
            f"initial of shapes {shapes}: expected E and I, finite, of {n} each, or of "
            f"{n_sets} x {n}"
        )
    return np.stack([np.broadcast_to(part, (n_sets, n)) for part in parts], axis=1)


def _stimulus(
    stimuli: Sequence[Stimulus], connectome: Connectome, first: int, steps: int, dt_ms: float
) -> np.ndarray | None:
    """Return the drive (step, region) that stimuli add to E; None if they add none."""
    now = [s for s in stimuli if s.start_ms < (first + steps) * dt_ms and s.stop_ms > first * dt_ms]
    if not now:
        return None
    middle_ms = (first + np.arange(steps) + 0.5) * dt_ms
    drive = np.zeros((steps, connectome.n))
    for s in now:
        values = np.atleast_1d(np.asarray(s.amplitude, float))
        inside = (middle_ms >= s.start_ms) & (middle_ms < s.stop_ms)
        share = (middle_ms[inside] - s.start_ms) / (s.stop_ms - s.start_ms)
        at = np.minimum((share * values.size).astype(np.int64), values.size - 1)
        drive[np.ix_(inside, connectome.indices(s.where))] += values[at][:, None]
    return drive
