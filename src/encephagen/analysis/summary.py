"""Summary: one dictionary that says how a brain is doing."""

from typing import Any

import numpy as np

from encephagen.analysis import spectra, timescales
from encephagen.analysis.rates import chosen, neuron_rate, neurons_of, nucleus_rate, region_rate
from encephagen.analysis.spikes import (
    CORRELATION_WINDOW_MS,
    MIN_SPIKES,
    count_correlation,
    cv_isi,
    fano_factor,
    lvr,
)
from encephagen.recording import Recording
from encephagen.recording.alarms import TRANSIENT_MS

SILENT_HZ = 0.1
"""Rate under which a neuron counts as silent (free): no spike in ten seconds."""


def settled(recording: Recording) -> Recording:
    """Return the recording without the transient after time 0, or as it is if none remains."""
    edge_ms = np.ceil(TRANSIENT_MS / recording.bin_ms) * recording.bin_ms
    if recording.start_ms >= edge_ms or recording.stop_ms < 2 * edge_ms or recording.start_ms > 0:
        return recording
    return recording.window(edge_ms, recording.stop_ms)


def summary(recording: Recording) -> dict[str, Any]:
    """Return the figures that tell whether a cortex is healthy, as plain numbers.

    All but the digest and the alarms are taken after the transient (`settled`). A figure that the
    recording is too short for, or that needs single spikes it did not keep, is None.

    - duration_ms, n_neurons, n_spikes, alarms (texts), spike_digest: of the whole recording;
    - rate_exc_Hz, rate_inh_Hz, rate_inh_over_exc: mean rates of both kinds of neurons, the ratio;
    - nuclei: of each that is not cortex, by name, its rate_Hz and the published range, low_Hz to
      high_Hz; all other figures are of cortex;
    - rate_region_min_Hz, rate_region_max_Hz: of the neurons that excite, by region;
    - rate_neuron_p10_Hz, _median_Hz, _p90_Hz: percentiles over excitatory neurons; silent_share of
      them, under `SILENT_HZ`;
    - cv_isi (mean), cv_isi_p10, cv_isi_median, cv_isi_p90, lvr (mean): over the cv_n_neurons
      excitatory neurons with cv_min_spikes spikes or more (for the bias see `cv_isi`);
    - fano_factor (mean over excitatory neurons with spikes), count_correlation (pairs within a
      region), count_correlation_between (pairs of regions), in windows of count_window_ms;
    - spectral_slope, spectral_peak_Hz (None: no peak stands out): see `spectra`;
    - timescale_ms: median over the regions where one could be fitted.
    """
    part = settled(recording)
    rate = _mean_rates(part)
    result: dict[str, Any] = {
        "duration_ms": recording.duration_ms,
        "n_neurons": recording.n_neurons,
        "n_spikes": recording.n_spikes,
        **rate,
        **dict.fromkeys(_SPIKE_FIGURES),
        "cv_min_spikes": MIN_SPIKES,
        "count_window_ms": _count_window_ms(part),
        "spectral_slope": None,
        "spectral_peak_Hz": None,
        "timescale_ms": None,
        "nuclei": nucleus_rate(part),
        "alarms": [str(alarm) for alarm in recording.alarms],
        "spike_digest": recording.spike_digest() if recording.has_spikes else None,
    }
    if part.has_spikes:
        result |= _spike_figures(part)
    result |= _spectral_figures(part)
    if part.duration_ms >= 4 * timescales.MAX_LAG_MS and part.bin_ms <= timescales.BIN_MS:
        result["timescale_ms"] = _mean(timescales.timescale(part)["tau_ms"].values, np.median)
    return result


_SPIKE_FIGURES = (
    "rate_neuron_p10_Hz",
    "rate_neuron_median_Hz",
    "rate_neuron_p90_Hz",
    "silent_share",
    "cv_isi",
    "cv_isi_p10",
    "cv_isi_median",
    "cv_isi_p90",
    "cv_n_neurons",
    "lvr",
    "fano_factor",
    "count_correlation",
    "count_correlation_between",
)


def _mean_rates(part: Recording) -> dict[str, float | None]:
    rate = region_rate(part).values
    size = part.data["region_size"].values

    def pooled(kind: np.ndarray) -> tuple[float | None, np.ndarray]:
        neurons = size[:, kind].sum(axis=1)
        spikes = np.nan_to_num(rate[:, kind] * size[:, kind]).sum(axis=1)
        by_region = spikes[neurons > 0] / neurons[neurons > 0]
        return (float(spikes.sum() / neurons.sum()) if neurons.sum() else None), by_region

    exc, by_region = pooled(part.excites & ~part.nuclei)
    inh, _ = pooled(~part.excites & ~part.nuclei)
    return {
        "rate_exc_Hz": exc,
        "rate_inh_Hz": inh,
        "rate_inh_over_exc": inh / exc if exc and inh is not None else None,
        "rate_region_min_Hz": float(by_region.min()) if by_region.size else None,
        "rate_region_max_Hz": float(by_region.max()) if by_region.size else None,
    }


def _spike_figures(part: Recording) -> dict[str, Any]:
    excitatory = neurons_of(part)
    rate = neuron_rate(part).values[excitatory]
    cv = cv_isi(part).values[excitatory]
    result: dict[str, Any] = {
        "silent_share": _number((rate < SILENT_HZ).mean()) if rate.size else None,
        "cv_isi": _mean(cv),
        "cv_n_neurons": int(np.isfinite(cv).sum()),
        "lvr": _mean(lvr(part).values[excitatory]),
    }
    for percent, name in ((10, "p10"), (50, "median"), (90, "p90")):
        result[f"rate_neuron_{name}_Hz"] = _percentile(rate, percent)
        result[f"cv_isi_{name}"] = _percentile(cv, percent)
    window_ms = _count_window_ms(part)
    if part.duration_ms >= 2 * window_ms:
        result["fano_factor"] = _mean(fano_factor(part, window_ms).values[excitatory])
        correlation = count_correlation(part, window_ms)
        result["count_correlation"] = _number(correlation["within_mean"].item())
        result["count_correlation_between"] = _number(correlation["between"].item())
    return result


def _count_window_ms(part: Recording) -> float:
    """Return the window of counts, to the nearest step."""
    return max(1, round(CORRELATION_WINDOW_MS / part.dt_ms)) * part.dt_ms


def _spectral_figures(part: Recording) -> dict[str, Any]:
    # Below this the spectrum has fewer than 8 frequencies in the range of the fit.
    if (
        not len(chosen(part.data))
        or part.duration_ms < spectra.SEGMENT_MS
        or (not part.has_spikes and part.bin_ms > 1000.0 / (2 * spectra.SLOPE_RANGE_HZ[1]))
    ):
        return {}
    spectrum = spectra.power_spectrum(part)
    if not (spectrum["power"].values > 0).any():
        return {}
    found = spectra.peaks(spectrum)["frequency_Hz"].values
    return {
        "spectral_slope": _number(spectra.slope(spectrum)["slope"].item()),
        "spectral_peak_Hz": float(found[0]) if found.size else None,
    }


def _mean(values: np.ndarray, of: Any = np.mean) -> float | None:
    finite = values[np.isfinite(values)]
    return float(of(finite)) if finite.size else None


def _percentile(values: np.ndarray, percent: float) -> float | None:
    return _mean(values, lambda finite: np.percentile(finite, percent))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
