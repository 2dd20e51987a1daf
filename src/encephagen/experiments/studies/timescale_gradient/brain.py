"""One brain of the study of timescales: calibrated, watched, and how long its signals last."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.rates import binned_rate
from encephagen.analysis.timescales import timescale
from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import load
from encephagen.engine.session import Session
from encephagen.experiments.brains import (
    RanAway,
    Values,
    calibrated,
    rested,
    told,
    wired,
    with_myelin,
)
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    import xarray as xr

SIGNALS = ("field", "shared", "counts")
FITTED = "field_fitted"
"""The field again, by the exponential that is fitted to counts."""

FIELD_MS = 2.0
"""Step of the field: a fifth of the shortest tau_m (free)."""
PIECE_MS = 2000.0
"""Brain time recorded at once, as potentials of all neurons are large (free)."""
LONGEST_MS = 200.0
"""Longest lag at which a potential may have decayed (free)."""


@told
def timescales(
    dataset: str,
    null: str | None,
    myelin: list[float] | None,
    recipe: Values,
    seed: int,
    rounds: int,
    round_s: float,
    seconds: float,
    settle_s: float,
) -> Values:
    """Calibrate and run one brain; return tau (region,) in ms of each signal, and its rates.

    ``myelin`` stands in for T1w/T2w; ``seed`` is that of null, wiring and noise.
    """
    connectome = wired(dataset, null, seed)
    if myelin is not None:
        connectome = with_myelin(connectome, myelin)
    original = None if null is None else load(dataset)
    brain, _ = calibrated(
        connectome,
        Recipe.from_dict(recipe),
        seed,
        original=original,
        rounds=rounds,
        seconds=round_s,
    )
    rate_Hz, halves_mV, alarms = _watch(rested(brain, seed, settle_s), seconds)
    field_mV = halves_mV.mean("half")
    return {
        "field": decay_ms(field_mV.values, field_mV.values, FIELD_MS),
        "shared": decay_ms(halves_mV.values[0], halves_mV.values[1], FIELD_MS),
        "counts": timescale(rate_Hz)["tau_ms"].values,
        FITTED: timescale(field_mV, bin_ms=FIELD_MS)["tau_ms"].values,
        "rate_Hz": rate_Hz.mean("time_ms").values,
        "alarms": alarms,
    }


def decay_ms(one: np.ndarray, other: np.ndarray, step_ms: float) -> np.ndarray:
    """Return the time (region,) in which the covariance of signals (time, region) falls to 1/e.

    Of a signal with itself, it is the signal's timescale. Of means over two halves of the neurons,
    it is that of what they share: what a neuron does alone is in one half and adds nothing on
    average, as in a mean over endlessly many. nan where it has not fallen within `LONGEST_MS`.
    """
    n, n_lags = len(one), round(LONGEST_MS / step_ms)
    a, b = (np.fft.rfft(x - x.mean(axis=0), 2 * n, axis=0) for x in (one, other))
    # The real part is the mean over positive and negative lags.
    products = np.fft.irfft((a * b.conj()).real, axis=0)[: n_lags + 1]
    covariance = products / (n - np.arange(len(products)))[:, None]
    tau_ms = np.full(one.shape[1], np.nan)
    for region, c in enumerate(covariance.T):
        fallen = np.flatnonzero(c < c[0] / np.e)
        if c[0] > 0 and fallen.size:
            k = fallen[0]
            tau_ms[region] = step_ms * (k - 1 + (c[k - 1] - c[0] / np.e) / (c[k - 1] - c[k]))
    return tau_ms


def _watch(session: Session, seconds: float) -> tuple["xr.DataArray", "xr.DataArray", list[str]]:
    """Return rates in Hz, potentials in mV, and alarms. Raises `RanAway` if the engine stops it.

    Rates (time_ms, region) and potentials (half, time_ms, region) are means over the excitatory
    neurons of a region; potentials over the even and over the odd ones.
    """
    import xarray as xr

    names = [region.name for region in session.network.regions]
    neurons = session.neurons(population="E")
    probe = Probe(spikes=False, voltage=tuple(neurons.tolist()), voltage_every_ms=FIELD_MS)
    rates, halves, alarms = [], [], []
    for _ in range(round(seconds * MS_PER_S / PIECE_MS)):
        piece = session.record(PIECE_MS, probe=probe)
        alarms += [str(alarm) for alarm in piece.alarms]
        if piece.interrupted:
            raise RanAway(list(dict.fromkeys(alarms)))
        rates.append(binned_rate(piece).sel(population="E", drop=True))
        # The neurons of a region stand together, as many in each.
        v_mV = piece.data["v_mV"].values.reshape(-1, len(names), neurons.size // len(names))
        halves.append(np.stack([v_mV[..., k::2].mean(axis=-1) for k in (0, 1)]))
    mean_mV = np.concatenate(halves, axis=1)
    time_ms = FIELD_MS * np.arange(mean_mV.shape[1])
    return (
        xr.concat(rates, "time_ms").transpose("time_ms", "region"),
        xr.DataArray(mean_mV, {"time_ms": time_ms, "region": names}, ("half", "time_ms", "region")),
        list(dict.fromkeys(alarms)),
    )
