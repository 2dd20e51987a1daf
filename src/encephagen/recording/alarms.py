"""Alarms: what is wrong with recorded activity, named with the region and the remedy.

A regime in which a brain is not a brain must never pass for a result: every Recording is checked
when it is made. Alike findings in many regions make one alarm, which counts them and names the
worst. The engine adds its own kinds ("inactive delays", "non-finite").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen.recording.bins import first_step, n_steps, spike_steps

if TYPE_CHECKING:
    import xarray as xr

TRANSIENT_MS = 200.0
"""Left out after time 0: the network still forgets its initial state (free; about ten tau_m)."""

SATURATED_E_HZ = 30.0
"""Mean rate that no population of cortical pyramidal cells sustains.

Their rates are lognormal, with means of 0.5-6 Hz, and single cells hardly pass 30 Hz (Buzsaki and
Mizuseki 2014, doi 10.1038/nrn3687); the energy of cortex allows a mean of a few Hz (Attwell and
Laughlin 2001, doi 10.1097/00004647-200110000-00001).
"""

SATURATED_I_HZ = 100.0
"""The same for interneurons, of which the fast-spiking sustain tens of Hz (free)."""

RATE_WINDOW_MS = 50.0
"""Saturation looks at the median of the rate in such windows: it must be too high for more than
half of the time, so that a strong but short stimulus raises no alarm (free)."""

SATURATED_MIN_WINDOWS = 4

SILENT_HZ = 0.05
"""A tenth of the 10th percentile of single cortical units, 0.5 Hz (free)."""

SILENT_MIN_MS = 1000.0
SILENT_MIN_EXPECTED = 100.0
"""Silence is judged only where a population at 1 Hz would have fired this often. A Poisson
population at 1 Hz then never shows less than `SILENT_HZ` (chance 1e-36), one at 0.2 Hz 7e-5."""

SYNCHRONY_BIN_MS = 5.0
SYNCHRONY_DETREND_MS = 105.0
SYNCHRONY_CHI = 0.3
"""Golomb's chi (doi 10.4249/scholarpedia.1347) runs from 0, asynchronous, to 1; see `synchrony`."""

SYNCHRONY_MAX_BIN_MS = 20.0
"""Without single spikes the bins of the recording serve, if they are not wider than this."""

SYNCHRONY_MIN_BINS = 60
SYNCHRONY_MIN_SPIKES = 100
SYNCHRONY_Z = 5.0
"""chi must pass its threshold by this many standard errors: guards very small populations."""


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
    count, width_ms = _judged_counts(data)
    per_window = max(1, round(RATE_WINDOW_MS / data.attrs["bin_ms"]))
    windows = _grouped(count, per_window)
    if len(windows) < SATURATED_MIN_WINDOWS:
        return ()
    size = data["region_size"].values
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.median(windows, axis=0) / size / (per_window * width_ms / 1000.0)
    excitatory = _excites(data)
    limit = np.where(excitatory, SATURATED_E_HZ, SATURATED_I_HZ)
    excess = np.where(size > 0, rate / limit, 0.0)
    worst_population = np.argmax(excess, axis=1)
    severity = excess.max(axis=1)

    def value(region: int) -> str:
        population = worst_population[region]
        name = data["population"].values[population]
        return f"{name} neurons fire at {rate[region, population]:.0f} Hz"

    return _one_alarm(
        "saturated",
        data,
        severity > 1.0,
        severity,
        value,
        f"under {SATURATED_E_HZ:g} Hz (E) and {SATURATED_I_HZ:g} Hz (I)",
        "lower the coupling, the background or the stimulus, or strengthen inhibition",
    )


def _silent(data: "xr.Dataset") -> tuple[Alarm, ...]:
    count, width_ms = _judged_counts(data)
    duration_ms = len(count) * width_ms
    excitatory = _excites(data)
    size = data["region_size"].values[:, excitatory].sum(axis=1)
    spikes = count[:, :, excitatory].sum(axis=(0, 2))
    at_1_Hz = size * duration_ms / 1000.0
    judged = (at_1_Hz >= SILENT_MIN_EXPECTED) & (duration_ms >= SILENT_MIN_MS)
    rate = spikes / np.maximum(at_1_Hz, 1e-9)
    return _one_alarm(
        "silent",
        data,
        judged & (rate < SILENT_HZ),
        -rate,
        lambda r: f"E neurons fire at {rate[r]:.3f} Hz, {spikes[r]} spikes in {duration_ms:g} ms",
        f"{SILENT_HZ:g} Hz or more",
        "raise the background or the coupling, weaken inhibition, or heal the lesion",
    )


def _synchronous(data: "xr.Dataset") -> tuple[Alarm, ...]:
    count, bin_ms, spikes = _fine_counts(data)
    if bin_ms > SYNCHRONY_MAX_BIN_MS or len(count) < SYNCHRONY_MIN_BINS:
        return ()
    excitatory = np.flatnonzero(_excites(data))
    member = np.isin(data["neuron_population"].values, excitatory)
    region = data["neuron_region"].values[member]
    n_regions = count.shape[1]
    size = np.bincount(region, minlength=n_regions)
    total = count.sum(axis=0)
    # A neuron that fires in a share p of short bins has variance p (1 - p). Without single spikes
    # all neurons of a region are taken to fire alike, which overstates the variance a little.
    share = (spikes[member] if spikes is not None else (total / np.maximum(size, 1))[region]) / len(
        count
    )
    p = np.clip(share, 0.0, 0.9)
    variance = np.bincount(region, weights=p * (1.0 - p), minlength=n_regions)
    detrend = max(5, round(SYNCHRONY_DETREND_MS / bin_ms) // 2 * 2 + 1)
    rho, error = synchrony(count, size, variance, detrend)
    judged = (size >= 2) & (total >= SYNCHRONY_MIN_SPIKES)
    too_fast = total / np.maximum(size, 1) / (len(count) * bin_ms / 1000.0) > SATURATED_E_HZ
    bad = judged & ~too_fast & (rho - SYNCHRONY_Z * error > SYNCHRONY_CHI**2)
    return _one_alarm(
        "synchronous",
        data,
        bad,
        np.nan_to_num(rho, nan=-1.0),
        lambda r: f"E neurons fire together, chi {np.sqrt(rho[r]):.2f} in bins of {bin_ms:g} ms",
        f"chi under {SYNCHRONY_CHI:g}",
        "lower the recurrent excitation, spread the delays, or raise the independent background",
    )


def _fine_counts(data: "xr.Dataset") -> tuple[np.ndarray, float, np.ndarray | None]:
    """Return counts of E spikes (time, region), their bin in ms, and spikes of each neuron."""
    excitatory = _excites(data)
    if "spike_neuron" not in data:
        count, _ = _judged_counts(data)
        return count[:, :, excitatory].sum(axis=2), data.attrs["bin_ms"], None
    dt_ms = data.attrs["dt_ms"]
    first = max(first_step(data), round(_judged_from_ms(data) / dt_ms))
    bin_steps = max(1, round(SYNCHRONY_BIN_MS / dt_ms))
    n_bins = max(0, first_step(data) + n_steps(data) - first) // bin_steps
    steps = spike_steps(data)
    part = slice(*np.searchsorted(steps, [first, first + n_bins * bin_steps]))
    neurons = data["spike_neuron"].values[part]
    n_regions, n_neurons = data.sizes["region"], data.sizes["neuron"]
    member = np.isin(data["neuron_population"].values, np.flatnonzero(excitatory))
    group = np.where(member, data["neuron_region"].values, n_regions)
    flat = (steps[part] - first) // bin_steps * (n_regions + 1) + group[neurons]
    count = np.bincount(flat, minlength=n_bins * (n_regions + 1)).reshape(n_bins, n_regions + 1)
    return count[:, :-1], bin_steps * dt_ms, np.bincount(neurons, minlength=n_neurons)


def _excites(data: "xr.Dataset") -> np.ndarray:
    return data["excites"].values.astype(bool)


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
    value: Callable[[int], str],
    expected: str,
    remedy: str,
) -> tuple[Alarm, ...]:
    """Return no alarm, or one that names the worst of the regions that are ``bad``."""
    n_bad = int(bad.sum())
    if not n_bad:
        return ()
    worst = int(np.argmax(np.where(bad, severity, -np.inf)))
    text = value(worst)
    if n_bad > 1:
        text += f" (the worst of {n_bad} such regions of {bad.size})"
    return (Alarm(kind, data["region"].values[worst], text, expected, remedy),)
