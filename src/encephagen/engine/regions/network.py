"""Network of regions: a connectome of Wilson-Cowan units, and what stimulates it."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.models.wilson_cowan import WilsonCowan

VELOCITY_MM_PER_MS = 6.0  # as in `Recipe`: Swadlow and Waxman 2012, Scholarpedia 7:1451
LARGEST_COUPLING = 1e6
STEPS_MS = (1.0, 0.5, 0.25, 0.1)
"""Steps of a simulation that `RegionNetwork.step_ms` chooses from."""


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

    def delay_steps(self, dt_ms: float) -> np.ndarray:
        """Return delays (target, source) in whole steps, at least one.

        Raises ValueError if that of a connection rounds to none.
        """
        if not math.isfinite(self.velocity_mm_per_ms):
            return np.ones(self.connectome.weights.shape, np.int64)
        steps = np.rint(self.delays_ms / dt_ms).astype(np.int64)
        short = (self.connectome.weights > 0) & (steps < 1)
        if short.any():
            (t, s), names = np.argwhere(short)[0], self.connectome.names
            raise ValueError(
                f"delay {self.delays_ms[t, s]:.3g} ms from {names[s]} to {names[t]} is under "
                f"half a step of {dt_ms:g} ms; lower dt_ms or the velocity"
            )
        return np.maximum(steps, 1)

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
        # the text of `models`, of which a tuple of the same one is long to write
        one = None if isinstance(self.model, tuple) else repr(self.model)
        models = repr(self.models) if one is None else _repeated(one, self.connectome.n)
        sha.update(f"({models}, {self.coupling!r}, {self.onto_I!r})".encode())
        sha.update(repr(float(self.velocity_mm_per_ms)).encode())
        return sha.hexdigest()


def _repeated(text: str, n: int) -> str:
    """Return how a tuple of ``n`` values, each of which prints as ``text``, prints."""
    return f"({text},)" if n == 1 else f"({', '.join([text] * n)})"
