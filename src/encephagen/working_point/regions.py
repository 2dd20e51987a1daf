"""Working point: where a network of regions rests, and how far that is from instability.

Two wirings can be compared only if they are excited alike. Shuffle the weights, and the coupling
that kept the original calm may ignite the null. `placed` gives any wiring the same mean activity
and the same leading eigenvalue, by the two numbers that no connectome knows: drive and coupling.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from encephagen.engine.regions import RegionNetwork, simulate_regions
from encephagen.models.wilson_cowan import derivatives, slopes

TOLERANCE_PER_MS = 1e-11
"""Largest slope at a fixed point."""
NEWTON_STEPS = 60
LONGEST_MOVE = 0.1
"""Of any activity in a step of Newton's."""
SETTLE_MS, SETTLE_DT_MS = 2000.0, 0.1
N_MODES = 4
"""Modes without delays from which the leading one with delays is sought."""
COUPLING_STEP, MOST_STEPS = 0.1, 100
"""Steps in which the coupling grows, relative to that at which uncoupled regions would ignite."""
COUPLING_RTOL, LEADING_RTOL = 1e-7, 1e-3


@dataclass(frozen=True, eq=False)
class Linearised:
    """A network of regions near a fixed point E, I (region,): dx/dt = local x + far x(t - delay).

    x is (E, I), 2 n values; ``local`` and ``far`` are (2 n, 2 n), per ms, and ``delays_ms``
    (2 n, 2 n) those of far. ``by_drive`` (region,) is what a unit of drive adds to dE/dt.
    """

    E: np.ndarray
    I: np.ndarray  # noqa: E741
    local: np.ndarray
    far: np.ndarray
    delays_ms: np.ndarray
    by_drive: np.ndarray

    @cached_property
    def eigenvalues_per_ms(self) -> np.ndarray:
        """Eigenvalues without delays, the largest real part first."""
        values = np.linalg.eigvals(self.local + self.far)
        return values[np.argsort(-values.real)]

    @cached_property
    def leading_per_ms(self) -> complex:
        """Eigenvalue of the largest real part, delays included; of a pair that above the axis.

        It solves (local + far exp(-s delay)) v = s v, by Newton's method from the leading modes
        without delays. Of infinitely many solutions those that delays bring anew are not sought:
        at delays shorter than the time constants they decay faster.
        """
        eigen: Any = np.linalg.eig(self.local + self.far)
        values, vectors = eigen
        upper = np.flatnonzero(values.imag >= 0)
        first = upper[np.argsort(-values[upper].real)][:N_MODES]
        modes = [self._mode(complex(values[k]), vectors[:, k]) for k in first]
        found = [s for s in modes if s is not None]
        return max(found, key=lambda s: s.real) if found else complex(values[first[0]])

    def gain(self) -> np.ndarray:
        """Return how much a steady unit of drive to one region adds to E of each (to, from)."""
        n = self.E.size
        drive = np.zeros((2 * n, n))
        drive[np.arange(n), np.arange(n)] = self.by_drive
        return np.linalg.solve(-(self.local + self.far), drive)[:n]

    def _mode(self, s: complex, v: np.ndarray) -> complex | None:
        """Return the eigenvalue with delays that Newton's method reaches from one without."""
        size = v.size
        largest = int(np.abs(v).argmax())
        v = v / v[largest]
        for _ in range(NEWTON_STEPS):
            delayed = self.far * np.exp(-s * self.delays_ms)
            matrix = self.local + delayed - s * np.eye(size)
            bordered = np.zeros((size + 1, size + 1), complex)
            bordered[:size, :size] = matrix
            bordered[:size, size] = -(self.delays_ms * delayed) @ v - v
            bordered[size, largest] = 1.0  # v keeps its scale
            try:
                move = np.linalg.solve(bordered, np.append(-matrix @ v, 0.0))
            except np.linalg.LinAlgError:
                return None
            v, s = v + move[:size], s + move[size]
            if not np.isfinite(s):
                return None
            if abs(move[size]) < 1e-12:
                return complex(s.real, abs(s.imag))
        return None


def fixed_point(network: RegionNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Return E and I (region,) where nothing changes, the one reached from silence.

    Raises ValueError if there is none: where the activity oscillates, Newton's method from its mean
    may still find the unstable one.
    """
    run = simulate_regions(
        replace(network, velocity_mm_per_ms=np.inf),
        SETTLE_MS,
        dt_ms=SETTLE_DT_MS,
        bin_ms=SETTLE_MS / 2,
    )
    start = np.concatenate([run["E"].values[-1], run["I"].values[-1]])
    drive = np.array([m.drive_E for m in network.models])
    x, residual = start, np.inf
    for _ in range(NEWTON_STEPS):
        slope, jacobian, _ = _expanded(network, x, drive)
        residual = np.abs(slope).max()
        if residual < TOLERANCE_PER_MS:
            n = network.connectome.n
            return x[:n], x[n:]
        x = x + _damped(np.linalg.solve(jacobian, -slope))
    raise ValueError(
        f"no fixed point found for {network.connectome.name!r} (slopes of {residual:.2g} per ms "
        "remain): lower drive or coupling"
    )


def linearised(
    network: RegionNetwork, at: tuple[np.ndarray, np.ndarray] | None = None
) -> Linearised:
    """Return the network linearised at a fixed point, E and I (region,); None is `fixed_point`."""
    E, I = fixed_point(network) if at is None else at  # noqa: E741
    drive = np.array([m.drive_E for m in network.models])
    _, jacobian, by = _expanded(network, np.concatenate([E, I]), drive)
    n = network.connectome.n
    weights, far = network.coupling * network.connectome.weights, np.zeros((2 * n, 2 * n))
    far[:n, :n] = by[:, 2:3] * weights
    far[n:, :n] = network.onto_I * by[:, 5:] * weights
    return Linearised(E, I, jacobian - far, far, np.tile(network.delays_ms, (2, 2)), by[:, 2])


def placed(
    network: RegionNetwork, *, mean_E: float, leading_per_ms: float
) -> tuple[RegionNetwork, Linearised]:
    """Return the network at a working point, and itself linearised there.

    The same drive of E in all regions gives the mean activity ``mean_E``; the coupling grows from 0
    until the largest real part of all eigenvalues, delays included, is ``leading_per_ms`` (< 0).
    Only drive and coupling of the network change.

    Raises ValueError if it is less stable than that without coupling, or if no coupling reaches it.
    """
    if not leading_per_ms < 0:
        raise ValueError(f"leading_per_ms {leading_per_ms}: expected below 0, to be stable")
    low = _balanced(replace(network, coupling=0.0), mean_E, None)
    if low[1].leading_per_ms.real >= leading_per_ms:
        raise ValueError(
            f"mean_E {mean_E:g}: without coupling the leading eigenvalue is "
            f"{low[1].leading_per_ms.real:.3g} per ms, expected under {leading_per_ms:g}; choose "
            "another mean_E or a smaller distance from instability"
        )
    radius = float(np.abs(np.linalg.eigvals(network.connectome.weights)).max())
    if not radius > 0:
        raise ValueError(f"{network.connectome.name!r} has no loops: no coupling moves its modes")
    onset = 1.0 / (radius * np.diag(low[1].gain()).max())
    for k in range(1, MOST_STEPS + 1):
        high = _balanced(replace(network, coupling=k * COUPLING_STEP * onset), mean_E, low)
        if high[1].leading_per_ms.real >= leading_per_ms:
            return _between(low, high, mean_E, leading_per_ms)
        low = high
    raise ValueError(
        f"no coupling of {network.connectome.name!r} up to {low[0].coupling:.3g} brings the "
        f"leading eigenvalue to {leading_per_ms:g} per ms at mean_E {mean_E:g}; choose another"
    )


Placed = tuple[RegionNetwork, Linearised]


def _between(low: Placed, high: Placed, mean_E: float, leading_per_ms: float) -> Placed:
    """Return the network whose coupling, between two, gives the leading eigenvalue."""
    from scipy.optimize import brentq

    tried = {low[0].coupling: low, high[0].coupling: high}

    def excess(coupling: float) -> float:
        if coupling not in tried:
            near = max((c for c in tried if c < coupling), default=low[0].coupling)
            tried[coupling] = _balanced(replace(low[0], coupling=coupling), mean_E, tried[near])
        return tried[coupling][1].leading_per_ms.real - leading_per_ms

    xtol = COUPLING_RTOL * high[0].coupling
    found: Any = brentq(excess, low[0].coupling, high[0].coupling, xtol=xtol)
    if abs(excess(found)) > LEADING_RTOL * -leading_per_ms:
        raise ValueError(
            f"the leading eigenvalue of {low[0].connectome.name!r} jumps over {leading_per_ms:g} "
            f"per ms at mean_E {mean_E:g}, coupling {found:.4g}; choose another mean_E"
        )
    return tried[found]


def _balanced(network: RegionNetwork, mean_E: float, near: Placed | None) -> Placed:
    """Return the network with the drive that gives ``mean_E``, linearised, starting ``near``."""
    n = network.connectome.n
    x, drive = np.full(2 * n, mean_E), 0.0
    if near is not None:
        x, drive = np.concatenate([near[1].E, near[1].I]), near[0].models[0].drive_E
    residual = np.inf
    for _ in range(NEWTON_STEPS):
        slope, jacobian, by = _expanded(network, x, np.full(n, drive))
        lack = mean_E - x[:n].mean()
        residual = max(np.abs(slope).max(), abs(lack))
        if residual < TOLERANCE_PER_MS:
            found = network.driven(float(drive))
            return found, linearised(found, (x[:n], x[n:]))
        bordered = np.zeros((2 * n + 1, 2 * n + 1))
        bordered[:-1, :-1] = jacobian
        bordered[:n, -1] = by[:, 2]
        bordered[-1, :n] = 1.0 / n
        move = _damped(np.linalg.solve(bordered, np.append(-slope, lack)))
        x, drive = x + move[:-1], drive + move[-1]
    raise ValueError(
        f"no drive gives {network.connectome.name!r} a mean_E of {mean_E:g} at coupling "
        f"{network.coupling:.4g} ({residual:.2g} is left); choose another mean_E"
    )


def _expanded(
    network: RegionNetwork, x: np.ndarray, drive_E: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slopes (2 n,) at activities (2 n,), their Jacobian, and `derivatives` (region, 6)."""
    n = network.connectome.n
    weights = network.coupling * network.connectome.weights
    coupled = weights @ x[:n]
    drive_I = network.onto_I * coupled
    arguments = [
        (x[i], x[n + i], drive_E[i] + coupled[i], m.drive_I + drive_I[i], m.constants())
        for i, m in enumerate(network.models)
    ]
    try:
        slope = np.array([slopes(*a) for a in arguments]).T.ravel()
        by = np.array([derivatives(*a) for a in arguments])
    except OverflowError:
        raise ValueError(
            f"the inputs of {network.connectome.name!r} are beyond all numbers: lower weights, "
            "gains or drives"
        ) from None
    jacobian = np.block(
        [
            [np.diag(by[:, 0]) + by[:, 2:3] * weights, np.diag(by[:, 1])],
            [np.diag(by[:, 3]) + network.onto_I * by[:, 5:] * weights, np.diag(by[:, 4])],
        ]
    )
    return slope, jacobian, by


def _damped(move: np.ndarray) -> np.ndarray:
    return move * min(1.0, LONGEST_MOVE / np.abs(move).max())
