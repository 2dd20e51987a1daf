"""Statistics of single spike trains and of pairs of them.

They are vectorised over neurons, since they run live; the tests hold them against Elephant.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis.rates import neurons_of
from encephagen.extras import NEO
from encephagen.recording import Recording
from encephagen.units import whole_steps

if TYPE_CHECKING:
    import xarray as xr

MIN_SPIKES = 10
"""Spikes a neuron needs for statistics of its intervals; see `cv_isi` for the bias that is left."""

REFRACTORINESS_MS = 5.0
"""R of LvR (Shinomoto et al. 2009, doi 10.1371/journal.pcbi.1000433)."""

CORRELATION_WINDOW_MS = 100.0


def cv_isi(recording: Recording, min_spikes: int = MIN_SPIKES) -> "xr.DataArray":
    """Return the coefficient of variation of inter-spike intervals (neuron); nan under min_spikes.

    CV = sd / mean, with the unbiased variance (n - 1). In a recording of length T the long
    intervals are the ones that do not fit, so CV is biased downward in neurons of few spikes: of
    Poisson neurons (true CV 1) with 10, 20, 30 and 50 expected spikes, those with at least 10 show
    0.93, 0.95, 0.97 and 0.98; with at least 5 spikes and 5 expected, 0.88 (0.79 with the biased
    variance), which is why 10 are asked for. Gamma neurons of CV 0.5 show 0.48 to 0.50.
    """
    return _per_neuron(recording, _cv(*_intervals(recording), min_spikes)).rename("cv_isi")


def lvr(recording: Recording, min_spikes: int = MIN_SPIKES) -> "xr.DataArray":
    """Return the revised local variation LvR (neuron); nan under min_spikes.

    LvR = 3/(n-1) sum_i (1 - 4 I_i I_i+1 / (I_i + I_i+1)^2) (1 + 4 R / (I_i + I_i+1)), over n
    intervals I and with refractoriness R (Shinomoto et al. 2009, doi 10.1371/journal.pcbi.1000433).
    It does not change with slow changes of the rate; 1 for a Poisson neuron with R = 0.
    """
    intervals, neurons, spikes = _intervals(recording)
    follows = neurons[1:] == neurons[:-1]
    first, second = intervals[:-1][follows], intervals[1:][follows]
    total = first + second
    term = (1.0 - 4.0 * first * second / total**2) * (1.0 + 4.0 * REFRACTORINESS_MS / total)
    owner = neurons[1:][follows]
    summed = np.bincount(owner, weights=term, minlength=spikes.size)
    pairs = np.maximum(spikes - 2, 1)
    value = np.where(spikes >= max(min_spikes, 3), 3.0 * summed / pairs, np.nan)
    return _per_neuron(recording, value).rename("lvr")


def fano_factor(recording: Recording, window_ms: float = CORRELATION_WINDOW_MS) -> "xr.DataArray":
    """Return variance over mean of the spike counts of each neuron (neuron); nan without spikes.

    Raises ValueError if fewer than two whole windows were recorded.
    """
    window_steps, n_windows = _windows(recording, window_ms)
    steps = recording.spike_steps - recording.start_step
    inside = steps < n_windows * window_steps
    flat = recording.spike_neurons[inside].astype(np.int64) * n_windows
    flat += steps[inside] // window_steps
    # Counts are sparse: only the windows that hold spikes are listed.
    flat.sort()
    first = np.flatnonzero(np.diff(flat, prepend=-1))
    cells, counts = flat[first], np.diff(first, append=flat.size)
    owner = cells // n_windows
    total = np.bincount(owner, weights=counts, minlength=recording.n_neurons)
    square = np.bincount(owner, weights=counts.astype(float) ** 2, minlength=recording.n_neurons)
    mean = total / n_windows
    variance = (square - n_windows * mean**2) / (n_windows - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(total > 0, variance / mean, np.nan)
    return _per_neuron(recording, value).rename("fano_factor").assign_attrs(window_ms=window_ms)


def count_correlation(
    recording: Recording,
    window_ms: float = CORRELATION_WINDOW_MS,
    *,
    population: str | None = None,
    per_region: int = 20,
    min_spikes: int = MIN_SPIKES,
    seed: int = 0,
) -> "xr.Dataset":
    """Return the mean pairwise correlation of spike counts among neurons.

    population: one by name, or None: the cells of cortex that excite.

    From each region up to ``per_region`` neurons with ``min_spikes`` or more are drawn. The dataset
    holds ``within`` (region), the mean over pairs of a region (nan with fewer than two neurons),
    and the scalars ``within_mean`` (over all pairs within regions) and ``between`` (over all pairs
    of different regions), with ``n_neurons`` as attribute. Independent neurons average to 0,
    however few their spikes. Raises ValueError if fewer than two whole windows were recorded.
    """
    import xarray as xr

    window_steps, n_windows = _windows(recording, window_ms)
    chosen = _draw(recording, population, per_region, min_spikes, seed)
    region = recording.data["neuron_region"].values[chosen]
    rank = np.full(recording.n_neurons, -1)
    rank[chosen] = np.arange(chosen.size)
    steps = recording.spike_steps - recording.start_step
    row = rank[recording.spike_neurons]
    keep = (row >= 0) & (steps < n_windows * window_steps)
    flat = row[keep] * n_windows + steps[keep] // window_steps
    counts = np.bincount(flat, minlength=chosen.size * n_windows).reshape(chosen.size, n_windows)
    deviation = counts - counts.mean(axis=1, keepdims=True)
    norm = np.sqrt((deviation**2).sum(axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.nan_to_num(deviation / norm)
    # Sums of correlations over pairs follow from sums of unit vectors, without the pairs.
    n_regions = len(recording.regions)
    by_region = np.zeros((n_regions, n_windows))
    np.add.at(by_region, region, unit)
    own = np.bincount(region, weights=(unit**2).sum(axis=1), minlength=n_regions)
    n = np.bincount(region[norm[:, 0] > 0], minlength=n_regions).astype(float)
    summed = (by_region**2).sum(axis=1) - own
    pairs = n * (n - 1.0)
    total = float((by_region.sum(axis=0) ** 2).sum())
    between_pairs = n.sum() ** 2 - (n**2).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        within = summed / pairs
        within_mean = summed.sum() / np.float64(pairs.sum())
        between = (total - (by_region**2).sum()) / np.float64(between_pairs)
    return xr.Dataset(
        {
            "within": ("region", within),
            "within_mean": within_mean,
            "between": between,
        },
        coords={"region": list(recording.regions)},
        attrs={"units": "1", "window_ms": window_ms, "n_neurons": int(chosen.size)},
    )


def spike_trains(recording: Recording, neurons: Sequence[int]) -> list[Any]:
    """Return neo.SpikeTrain objects of some neurons, for the rest of what Elephant can do.

    Raises ValueError if neo is not installed.
    """
    neo = NEO.load("spike_trains")
    steps, who = recording.spike_steps, recording.spike_neurons
    start_ms, stop_ms, dt_ms = recording.start_ms, recording.stop_ms, recording.dt_ms
    return [
        neo.SpikeTrain(
            np.minimum((steps[who == neuron] + 1) * dt_ms, stop_ms),
            units="ms",
            t_start=start_ms,  # in these units
            t_stop=stop_ms,
        )
        for neuron in neurons
    ]


def _intervals(recording: Recording) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return intervals (interval) in ms, their neurons (interval), and spikes (neuron).

    Intervals are ordered by neuron, then by time.
    """
    span = recording.n_steps
    joint = recording.spike_neurons.astype(np.int64) * span
    joint += recording.spike_steps - recording.start_step
    # Sorting a joint key is several times faster than a stable argsort of 10^7 spikes.
    joint.sort()
    neurons = (joint // max(span, 1)).astype(np.int32)
    same = neurons[1:] == neurons[:-1]
    intervals = np.diff(joint)[same] * recording.dt_ms
    return intervals, neurons[1:][same], np.bincount(neurons, minlength=recording.n_neurons)


def _cv(
    intervals: np.ndarray, neurons: np.ndarray, spikes: np.ndarray, min_spikes: int
) -> np.ndarray:
    n = np.maximum(spikes - 1, 1)
    mean = np.bincount(neurons, weights=intervals, minlength=spikes.size) / n
    square = np.bincount(neurons, weights=(intervals - mean[neurons]) ** 2, minlength=spikes.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        cv = np.sqrt(square / np.maximum(n - 1, 1)) / mean
    return np.where(spikes >= max(min_spikes, 3), cv, np.nan)


def _draw(
    recording: Recording, population: str | None, per_region: int, min_spikes: int, seed: int
) -> np.ndarray:
    """Return the ids of up to ``per_region`` active neurons of each region, in order."""
    if per_region < 2:
        raise ValueError(f"per_region is {per_region}; a pair needs 2 neurons or more")
    spikes = np.bincount(recording.spike_neurons, minlength=recording.n_neurons)
    candidates = np.flatnonzero(neurons_of(recording, population) & (spikes >= min_spikes))
    shuffled = rng.stream(seed, "count correlation").permutation(candidates)
    region = recording.data["neuron_region"].values[shuffled]
    order = np.argsort(region, kind="stable")
    starts = np.searchsorted(region[order], np.arange(len(recording.regions)))
    place = np.arange(order.size) - starts[region[order]]
    return np.sort(shuffled[order[place < per_region]])


def _windows(recording: Recording, window_ms: float) -> tuple[int, int]:
    """Return the steps of a window and the number of whole windows.

    Raises ValueError for a window that is no whole number of steps, and for fewer than two.
    """
    window_steps = whole_steps("window_ms", window_ms, recording.dt_ms)
    n_windows = recording.n_steps // window_steps
    if n_windows < 2:
        raise ValueError(
            f"recording of {recording.duration_ms:g} ms holds {n_windows} windows of "
            f"{window_ms:g} ms; at least 2 are needed: record for longer"
        )
    return window_steps, n_windows


def _per_neuron(recording: Recording, values: np.ndarray) -> "xr.DataArray":
    import xarray as xr

    return xr.DataArray(
        values,
        dims="neuron",
        coords={n: recording.data[n] for n in ("neuron_region", "neuron_population")},
        attrs={"units": "1"},
    )
