"""Baselines: how well functional connectivity (FC) is told without any spiking brain.

A model that does worse than the logarithm of the weights has learnt nothing from simulating; one
that does worse than a linear network has learnt nothing from spikes. One subject's FC against that
of the others is what a perfect model of the group would reach. All FC matrices are those of
`analysis.functional_connectivity`; all r are over the upper triangle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from encephagen import rng
from encephagen.analysis.functional_connectivity import fc_correlation, fisher_mean, upper
from encephagen.analysis.haemodynamics import Haemodynamics, transfer
from encephagen.analysis.statistics import t_interval
from encephagen.connectome.connectome import Connectome

if TYPE_CHECKING:
    import xarray as xr

COUPLINGS = tuple(round(0.01 * i, 2) for i in range(2, 100))
"""Couplings that a fit tries, relative to the onset of instability."""

EXPONENTS = (0.5, 0.75, 1.0)
"""Powers of the weights that a fit tries. 1 is best for streamline counts (hcp-aal2), 0.5 for
probabilistic tractography (gw-aal2); weights have six orders of magnitude, and what fibres there
are on that scale depends on the method."""


@dataclass(frozen=True)
class LinearNetwork:
    """Regions x that drive each other and are driven by independent slow noise.

        tau dx/dt = -x + g A x + noise,    A = W^p over its spectral radius
        covariance = (I - g A)^-1 (I - g A)^-T

    W is [target, source]; g is ``coupling``, under 1, and p ``exponent``. Slow noise, slower than
    tau, is what BOLD sees; white noise gives (I - g A)^-1 for symmetric W, and tells FC less well.
    """

    coupling: float
    exponent: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.coupling < 1:
            raise ValueError(f"coupling {self.coupling}: expected 0 to under 1, to be stable")
        if not self.exponent > 0:
            raise ValueError(f"exponent {self.exponent}: expected a positive number")

    def fc(self, connectome: Connectome) -> "xr.DataArray":
        """Return FC (region, region_2) of the stationary state.

        Raises ValueError for a connectome without loops, where no coupling is strong.
        """
        import xarray as xr

        scaled = _scaled(connectome, self.exponent)
        r = _covariance_to_r(_covariance(scaled, self.coupling))
        names = list(connectome.names)
        return xr.DataArray(r, {"region": names, "region_2": names}, ("region", "region_2"), "fc")


@dataclass(frozen=True)
class LinearFit:
    """The network that tells an FC best, and the r that it reaches there, in sample."""

    network: LinearNetwork
    r: float


def log_weight_r(connectome: Connectome, fc: "xr.DataArray") -> float:
    """Return r between FC (region, region_2) and the logarithm of the weights.

    Weights are averaged over both directions; pairs without any are left out. Raises ValueError if
    a region of the FC is not in the connectome, or fewer than 3 pairs have a weight.
    """
    weights = part_of(connectome, fc).weights
    pairs = np.triu_indices(len(weights), 1)
    both = ((weights + weights.T) / 2.0)[pairs]
    known = both > 0
    if known.sum() < 3 or np.ptp(both[known]) == 0:
        raise ValueError(
            f"{connectome.name!r}: {int(known.sum())} pairs of regions have a weight, of "
            f"{np.unique(both[known]).size} values; expected 3 or more that differ"
        )
    return float(np.corrcoef(np.log(both[known]), upper(fc)[known])[0, 1])


def fit_linear(
    connectome: Connectome,
    fc: "xr.DataArray",
    couplings: Sequence[float] = COUPLINGS,
    exponents: Sequence[float] = EXPONENTS,
) -> LinearFit:
    """Return the linear network whose FC has the highest r with ``fc`` (region, region_2)."""
    networks, predictions = _candidates(part_of(connectome, fc), tuple(couplings), tuple(exponents))
    r = _each_r(predictions, upper(fc))
    best = int(np.argmax(r))
    return LinearFit(networks[best], float(r[best]))


def linear_heldout(
    connectome: Connectome,
    subjects_fc: "xr.DataArray",
    heldout: Sequence[int] | None = None,
    couplings: Sequence[float] = COUPLINGS,
    exponents: Sequence[float] = EXPONENTS,
) -> np.ndarray:
    """Return r (heldout) of linear networks with the FC of subjects that they were not fitted on.

    subjects_fc (subject, region, region_2). heldout: positions of subjects; one network is fitted
        on the Fisher mean of all others. None holds out each subject in turn.
    Only coupling and exponent are fitted; the weights are those of the connectome for all, and
    those of a group hold every subject's tracts.

    Raises ValueError if no subject is left to fit on.
    """
    group = _subjects(subjects_fc)
    _, predictions = _candidates(part_of(connectome, group), tuple(couplings), tuple(exponents))
    folds = [[i] for i in range(len(group))] if heldout is None else [list(heldout)]
    result = []
    for fold in folds:
        training = [i for i in range(len(group)) if i not in fold]
        if not training:
            raise ValueError(
                f"{len(group)} subjects, {len(fold)} of them held out: none is left to fit on"
            )
        target = upper(fisher_mean(group.isel(subject=training)))
        chosen = predictions[int(np.argmax(_each_r(predictions, target)))][None]
        result += [float(_each_r(chosen, upper(group.isel(subject=i)))[0]) for i in fold]
    return np.array(result)


def ceiling(subjects_fc: "xr.DataArray") -> np.ndarray:
    """Return r (subject) of each subject's FC with the Fisher mean of all the others.

    subjects_fc (subject, region, region_2); ValueError for fewer than two subjects.
    """
    group = _subjects(subjects_fc)
    if len(group) < 2:
        raise ValueError(f"{len(group)} subject: expected two or more to compare")
    return np.array(
        [
            fc_correlation(
                group.isel(subject=i),
                fisher_mean(group.isel(subject=[j for j in range(len(group)) if j != i])),
            )
            for i in range(len(group))
        ]
    )


def subject_r(fc: "xr.DataArray", subjects_fc: "xr.DataArray") -> np.ndarray:
    """Return r (subject) of one FC (region, region_2) with that of each subject."""
    group = _subjects(subjects_fc)
    return np.array([fc_correlation(fc, group.isel(subject=i)) for i in range(len(group))])


def stationary_bold(
    fc: "xr.DataArray",
    n_volumes: int,
    tr_s: float,
    *,
    n_runs: int = 1,
    model: Haemodynamics | None = None,
    seed: int = 0,
) -> "xr.DataArray":
    """Return Gaussian signals (run, time_s, region) with an FC (region, region_2) and no dynamics.

    White noise through the haemodynamic filter (`transfer`), mixed so that its FC is as given for
    ever: what sliding windows show of it is sampling noise. A model's FC dynamics mean something
    where they are nearer to those of people than this. Unit variance.

    Raises ValueError if the FC is no correlation matrix.
    """
    import xarray as xr

    names = [str(name) for name in fc["region"].values.tolist()]
    values, vectors = np.linalg.eigh(fc.transpose("region", "region_2").values)
    if not values.min() > -1e-6 * len(names):
        raise ValueError(f"FC has an eigenvalue of {values.min():.2g}: expected none below 0")
    mix = vectors * np.sqrt(np.maximum(values, 0.0))
    n = 2 * n_volumes  # the filter is circular, so half is thrown away
    response = np.abs(transfer(np.fft.rfftfreq(n, tr_s), model))
    response[0] = 0.0
    white = rng.stream(seed, "stationary BOLD").standard_normal((n_runs, n, len(names)))
    filtered = np.fft.irfft(np.fft.rfft(white, axis=1) * response[:, None], n, axis=1)
    signal = (filtered / filtered.std())[:, :n_volumes] @ mix.T
    coords = {"run": np.arange(n_runs), "time_s": tr_s * np.arange(n_volumes), "region": names}
    return xr.DataArray(signal, coords, ("run", "time_s", "region"), "bold")


def fisher_interval(r: np.ndarray) -> tuple[float, float] | None:
    """Return the interval of a mean correlation over subjects, by Student's t of Fisher's z."""
    interval = t_interval(np.arctanh(np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12)))
    return None if interval is None else (float(np.tanh(interval[0])), float(np.tanh(interval[1])))


def part_of(connectome: Connectome, fc: "xr.DataArray") -> Connectome:
    """Return the part of the connectome that FC knows, in the order of FC.

    Raises ValueError, naming them, for regions that the connectome lacks.
    """
    from encephagen.connectome.transform import subset

    names = [str(name) for name in fc["region"].values.tolist()]
    if tuple(names) == tuple(connectome.names):
        return connectome
    known = set(connectome.names)
    lacking = [name for name in names if name not in known]
    if lacking:
        raise ValueError(
            f"{connectome.name!r} lacks {len(lacking)} of {len(names)} regions of the functional "
            f"connectivity, first {lacking[0]!r}; compare data of one parcellation"
        )
    return subset(connectome, names)


def _subjects(subjects_fc: "xr.DataArray") -> "xr.DataArray":
    if "subject" not in subjects_fc.dims:
        raise ValueError(
            f"functional connectivity has dimensions {tuple(map(str, subjects_fc.dims))}: expected "
            "subject, region, region_2"
        )
    return subjects_fc.transpose("subject", "region", "region_2")


@lru_cache(maxsize=4)
def _candidates(
    connectome: Connectome, couplings: tuple[float, ...], exponents: tuple[float, ...]
) -> tuple[tuple[LinearNetwork, ...], np.ndarray]:
    """Return networks and the upper triangles of their FC (network, pair), read-only."""
    pairs = np.triu_indices(connectome.n, 1)
    networks, rows = [], []
    for exponent in exponents:
        scaled = _scaled(connectome, exponent)
        for coupling in couplings:
            networks.append(LinearNetwork(coupling, exponent))
            rows.append(_covariance_to_r(_covariance(scaled, coupling))[pairs])
    if not networks:
        raise ValueError("no coupling or no exponent to try; give at least one of each")
    predictions = np.array(rows)
    predictions.setflags(write=False)
    return tuple(networks), predictions


def _scaled(connectome: Connectome, exponent: float) -> np.ndarray:
    powered = np.where(connectome.weights > 0, connectome.weights, 0.0)
    powered = np.power(powered / (powered.max() or 1.0), exponent)
    radius = float(np.abs(np.linalg.eigvals(powered)).max())
    if not radius > 1e-6:  # rounding gives a network without loops up to eps^(1/n)
        raise ValueError(f"{connectome.name!r} has no loops: no linear network to couple")
    return powered / radius


def _covariance(scaled: np.ndarray, coupling: float) -> np.ndarray:
    response = np.linalg.inv(np.eye(len(scaled)) - coupling * scaled)
    return response @ response.T


def _covariance_to_r(covariance: np.ndarray) -> np.ndarray:
    spread = np.sqrt(np.diag(covariance))
    return covariance / np.outer(spread, spread)


def _each_r(rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return Pearson's r of each row with the target; -1 for a row without variance."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    target = target - target.mean()
    norm = np.linalg.norm(rows, axis=1) * np.linalg.norm(target)
    return np.where(norm > 0, rows @ target / np.where(norm > 0, norm, 1.0), -1.0)
