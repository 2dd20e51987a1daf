"""Alarms: what is wrong with recorded activity, named with the region and the remedy.

A regime in which a brain is not a brain must never pass for a result: every Recording is checked
when it is made. Alike findings in many regions make one alarm, which counts them and names the
worst. The engine adds its own kinds ("inactive delays", "non-finite").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen.recording.bins import bin_spikes, first_step, n_steps, spike_steps

if TYPE_CHECKING:
    import xarray as xr

TRANSIENT_MS = 200.0
"""Left out after time 0: the network still forgets its initial state (free; about ten tau_m)."""


@dataclass(frozen=True)
class Limits:
    """What a population in a region may do; ``why`` says from where."""

    saturated_Hz: float
    silent_Hz: float
    synchrony_chi: float
    why: str


LIMITS: dict[bool, Limits] = {
    True: Limits(
        saturated_Hz=30.0,
        silent_Hz=0.05,
        synchrony_chi=0.3,
        why="""Rates of cortical pyramidal cells are lognormal, with means of 0.5-6 Hz, and single
        cells hardly pass 30 Hz (Buzsaki and Mizuseki 2014, doi 10.1038/nrn3687); the energy of
        cortex allows a mean of a few Hz (Attwell and Laughlin 2001,
        doi 10.1097/00004647-200110000-00001). 0.05 Hz is a tenth of the 10th percentile of single
        cortical units, 0.5 Hz (free). For chi see `synchrony`.""",
    ),
    False: Limits(
        saturated_Hz=100.0,
        silent_Hz=0.0,
        synchrony_chi=math.inf,
        why="Fast-spiking interneurons sustain tens of Hz (free); the rest is not judged.",
    ),
}
"""By whether a population of cortex excites."""

RANGE_COORDS = ("rest_low_Hz", "rest_high_Hz")
"""Ends of the published rate (population,) of a nucleus in a recording, nan for cortex; a recording
of cortex alone has none. `OF_NUCLEI`: a nucleus is silent, or saturated, beyond these times that
much (free)."""
OF_NUCLEI = {"silent_Hz": ("rest_low_Hz", 0.1), "saturated_Hz": ("rest_high_Hz", 2.0)}

RATE_WINDOW_MS = 50.0
"""Saturation looks at the median of the rate in such windows: it must be too high for more than
half of the time, so that a strong but short stimulus raises no alarm (free)."""

SATURATED_MIN_WINDOWS = 4

SILENT_MIN_MS = 750.0  # (free): a recording of 1 s, less its start, is judged
SILENT_MIN_EXPECTED = 100.0
"""Silence is judged only where a population at 1 Hz would have fired this often. A Poisson
population at 1 Hz then never shows less than 0.05 Hz (chance 1e-36), one at 0.2 Hz 7e-5."""

SYNCHRONY_BIN_MS = 5.0
SYNCHRONY_DETREND_MS = 105.0

SYNCHRONY_MAX_BIN_MS = 20.0
"""Without single spikes the bins of the recording serve, if they are not wider than this."""

SYNCHRONY_MIN_BINS = 60
SYNCHRONY_MIN_SPIKES = 100
SYNCHRONY_Z = 5.0
"""chi must pass its limit by this many standard errors: guards very small populations."""


@dataclass(frozen=True)
class Alarm:
    """One finding: its kind, the region ("" if none), and three short texts.

    at_ms: brain time at which an engine found it, None where the whole stretch is meant.
    """

    kind: str
    region: str
    value: str
    expected: str
    remedy: str
    at_ms: float | None = None

    def __str__(self) -> str:
        where = f" {self.region}:" if self.region else ""
        return f"{self.kind}:{where} {self.value}; expected {self.expected}; {self.remedy}"


def check(data: "xr.Dataset") -> tuple[Alarm, ...]:
    """Return the alarms of the data of a Recording: non-finite, saturated, silent, synchronous.

    The first `TRANSIENT_MS` after time 0 are left out. A recording that is too short for a
    judgement raises no alarm of that kind.
    """
    return (
        *_non_finite(data),
        *_saturated(data),
        *_silent(data),
        *_synchronous(data),
    )


def nuclei(data: "xr.Dataset | xr.DataArray") -> np.ndarray:
    """Return which populations (population,) are of a nucleus that is not cortex."""
    if RANGE_COORDS[0] not in data.coords:
        return np.zeros(data.sizes["population"], bool)
    return np.isfinite(data[RANGE_COORDS[0]].values)


def synchrony(
    count: np.ndarray, size: np.ndarray, variance: np.ndarray, detrend_bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean pairwise correlation rho of counts in populations, and its standard error.

    count (time, group): population counts K in short bins; size (group,): neurons N; variance
    (group,): sum over neurons of the variance of their counts in a bin; detrend_bins: odd.

    Golomb's chi^2 = Var_t[K / N] / <Var_t[n_i]>_i is 1/N in an asynchronous population and 1 in a
    fully synchronous one. Without its finite-size part it is the mean pairwise correlation,
    rho = (Var[K] / sum_i Var[n_i] - 1) / (N - 1), so chi = sqrt(rho).

    Two choices make it robust for 160 neurons at 1-5 Hz. Bins are short: a common slow modulation
    m(t) of the rate adds rho = r w Var[m], at r = 5 Hz, w = 5 ms and Var[m] = 1 only 0.025. And
    the running mean over ``detrend_bins`` is subtracted (a white count keeps 1 - 1/detrend_bins of
    its variance, which is given back), so a stimulus or an up state of over 100 ms adds little.
    Pairwise correlations of 0.01-0.2 in cortex are those of windows of 100 ms and more; they shrink
    with the window (Cohen and Kohn 2011, doi 10.1038/nn.2842), so rho = 0.09 in 5 ms, chi = 0.3, is
    out of the healthy range. The standard error is that of Poisson counts,
    sqrt((2 + 1/mean) / bins) / (N - 1): 0.0009 for 160 neurons at 1 Hz in 1 s.
    """
    n_bins, half = count.shape[0], detrend_bins // 2
    total = np.concatenate([np.zeros((1, count.shape[1])), np.cumsum(count, axis=0, dtype=float)])
    running = (total[detrend_bins:] - total[:-detrend_bins]) / detrend_bins
    residual = count[half : n_bins - half] - running
    observed = (residual**2).mean(axis=0) / (1.0 - 1.0 / detrend_bins)
    pairs = np.where(size > 1, size - 1.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = (observed / variance - 1.0) / pairs
        error = np.sqrt((2.0 + 1.0 / count.mean(axis=0)) / residual.shape[0]) / pairs
    return rho, error


def _non_finite(data: "xr.Dataset") -> tuple[Alarm, ...]:
    if "v_mV" not in data:
        return ()
    finite = np.isfinite(data["v_mV"].values).all(axis=0)
    if finite.all():
        return ()
    ids = data["trace_neuron"].values[~finite]
    region = data["region"].values[int(data["neuron_region"].values[ids[0]])]
    return (
        Alarm(
            "non-finite",
            region,
            f"the membrane potential of {ids.size} traced neurons is not finite, first {ids[0]}",
            "finite potentials",
            "lower dt or the weights, and check the injected currents",
        ),
    )


def _saturated(data: "xr.Dataset") -> tuple[Alarm, ...]:
    count, bin_ms = _judged_counts(data)
    per_window = max(1, round(RATE_WINDOW_MS / bin_ms))
    windows = _grouped(count, per_window)
    if len(windows) < SATURATED_MIN_WINDOWS:
        return ()
    size = data["region_size"].values
    rate = np.median(windows, axis=0) / np.maximum(size, 1) / (per_window * bin_ms / 1000.0)
    limit = _limit(data, "saturated_Hz")
    return _one_alarm(
        "saturated",
        data,
        rate > limit,
        rate / limit,
        lambda r, p: f"{_name(data, p)} neurons fire at {rate[r, p]:.3g} Hz",
        lambda p: f"under {limit[p]:g} Hz",
        "lower the coupling, the background or the stimulus, or strengthen inhibition",
    )


def _silent(data: "xr.Dataset") -> tuple[Alarm, ...]:
    count, bin_ms = _judged_counts(data)
    duration_ms = len(count) * bin_ms
    spikes = count.sum(axis=0)
    at_1_Hz = data["region_size"].values * duration_ms / 1000.0
    judged = (at_1_Hz >= SILENT_MIN_EXPECTED) & (duration_ms >= SILENT_MIN_MS)
    rate = spikes / np.maximum(at_1_Hz, 1e-9)
    limit = _limit(data, "silent_Hz")

    def value(r: int, p: int) -> str:
        fire = f"{_name(data, p)} neurons fire at {rate[r, p]:.3f} Hz"
        return f"{fire}, {spikes[r, p]} spikes in {duration_ms:g} ms"

    return _one_alarm(
        "silent",
        data,
        judged & (rate < limit),
        -rate,
        value,
        lambda p: f"{limit[p]:g} Hz or more",
        "raise the background or the coupling, weaken inhibition, or heal the lesion",
    )


def _synchronous(data: "xr.Dataset") -> tuple[Alarm, ...]:
    count, bin_ms, spikes = _fine_counts(data)
    if bin_ms > SYNCHRONY_MAX_BIN_MS or len(count) < SYNCHRONY_MIN_BINS:
        return ()
    shape, group = count.shape[1:], _group(data)
    count = count.reshape(len(count), -1)
    size, total = np.bincount(group, minlength=count.shape[1]), count.sum(axis=0)
    # A neuron that fires in a share p of short bins has variance p (1 - p). Without single spikes
    # all neurons of a block are taken to fire alike, which overstates the variance a little.
    share = (spikes if spikes is not None else (total / np.maximum(size, 1))[group]) / len(count)
    p = np.clip(share, 0.0, 0.9)
    variance = np.bincount(group, weights=p * (1.0 - p), minlength=count.shape[1])
    detrend = max(5, round(SYNCHRONY_DETREND_MS / bin_ms) // 2 * 2 + 1)
    rho, error = (x.reshape(shape) for x in synchrony(count, size, variance, detrend))
    size, total = size.reshape(shape), total.reshape(shape)
    limit, too_fast_Hz = _limit(data, "synchrony_chi"), _limit(data, "saturated_Hz")
    rate = total / np.maximum(size, 1) / (len(count) * bin_ms / 1000.0)
    judged = (size >= 2) & (total >= SYNCHRONY_MIN_SPIKES) & (rate <= too_fast_Hz)

    def value(r: int, p: int) -> str:
        together = f"{_name(data, p)} neurons fire together"
        return f"{together}, chi {np.sqrt(rho[r, p]):.2f} in bins of {bin_ms:g} ms"

    return _one_alarm(
        "synchronous",
        data,
        judged & (rho - SYNCHRONY_Z * error > limit**2),
        np.nan_to_num(rho, nan=-1.0),
        value,
        lambda p: f"chi under {limit[p]:g}",
        "lower the recurrent excitation, spread the delays, or raise the independent background",
    )


def _fine_counts(data: "xr.Dataset") -> tuple[np.ndarray, float, np.ndarray | None]:
    """Return counts (time, region, population), their bin in ms, and spikes of each neuron."""
    if "spike_neuron" not in data:
        return *_judged_counts(data), None
    dt_ms = data.attrs["dt_ms"]
    first = max(first_step(data), round(_judged_from_ms(data) / dt_ms))
    bin_steps = max(1, round(SYNCHRONY_BIN_MS / dt_ms))
    n_bins = max(0, first_step(data) + n_steps(data) - first) // bin_steps
    steps = spike_steps(data)
    part = slice(*np.searchsorted(steps, [first, first + n_bins * bin_steps]))
    neurons = data["spike_neuron"].values[part]
    count = bin_spikes(
        steps[part] - first, _group(data)[neurons], n_bins, bin_steps, data["region_size"].shape
    )
    return count, bin_steps * dt_ms, np.bincount(neurons, minlength=data.sizes["neuron"])


def _group(data: "xr.Dataset") -> np.ndarray:
    """Return the flat index (neuron,) of each neuron in (region, population)."""
    n_populations = data.sizes["population"]
    return data["neuron_region"].values * n_populations + data["neuron_population"].values


def _limit(data: "xr.Dataset", name: str) -> np.ndarray:
    """Return one of the `Limits` for each population (population,)."""
    limit = np.array([getattr(LIMITS[bool(e)], name) for e in data["excites"].values], float)
    if name not in OF_NUCLEI or not nuclei(data).any():
        return limit
    coordinate, factor = OF_NUCLEI[name]
    own = data[coordinate].values * factor
    return np.where(np.isfinite(own), own, limit)


def _name(data: "xr.Dataset", population: int) -> str:
    return data["population"].values[population]


def _judged_from_ms(data: "xr.Dataset") -> float:
    """Return the time from which activity is judged: after the transient that follows time 0."""
    return max(data.attrs["start_ms"], TRANSIENT_MS)


def _judged_counts(data: "xr.Dataset") -> tuple[np.ndarray, float]:
    """Return the counts (time, region, population) of the whole, judged bins, and their width."""
    time = data["time_ms"].values
    width = data["bin_width_ms"].values
    bin_ms, from_ms = data.attrs["bin_ms"], _judged_from_ms(data)
    keep = (time >= from_ms - 1e-6 * bin_ms) & (width > (1.0 - 1e-6) * bin_ms)
    return data["count"].values[keep], bin_ms


def _grouped(count: np.ndarray, n: int) -> np.ndarray:
    """Return the sums of n successive bins along the first axis; a rest is dropped."""
    whole = count.shape[0] // n * n
    return count[:whole].reshape(-1, n, *count.shape[1:]).sum(axis=1)


def _one_alarm(
    kind: str,
    data: "xr.Dataset",
    bad: np.ndarray,
    severity: np.ndarray,
    value: Callable[[int, int], str],
    expected: Callable[[int], str],
    remedy: str,
) -> tuple[Alarm, ...]:
    """Return no alarm, or one that names the worst population in a region (both 2d) of ``bad``."""
    bad = bad & (data["region_size"].values > 0)
    if not bad.any():
        return ()
    region, population = np.unravel_index(np.argmax(np.where(bad, severity, -np.inf)), bad.shape)
    text, n_bad = value(int(region), int(population)), int(bad.any(axis=1).sum())
    if n_bad > 1:
        text += f" (the worst of {n_bad} such regions of {len(bad)})"
    name = data["region"].values[region]
    return (Alarm(kind, name, text, expected(int(population)), remedy),)
