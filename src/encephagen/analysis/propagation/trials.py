"""Trials: rates around the onsets of pulses, and of shams (trials without a pulse)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encephagen.analysis.rates import binned_rate, pool
from encephagen.recording import Recording
from encephagen.units import TOLERANCE


@dataclass(frozen=True, eq=False)
class Trials:
    """Rates (trial, time, region) in bins of ``bin_ms``, of which ``before_ms`` precede the onset.

    Rates are nan in regions where no such neuron lives. Raises ValueError for rates of another
    shape or not finite elsewhere, and an onset that is on no edge of a bin.
    """

    rate_Hz: np.ndarray
    bin_ms: float
    before_ms: float

    def __post_init__(self) -> None:
        if self.rate_Hz.ndim != 3 or not self.rate_Hz.size:
            raise ValueError(
                f"rates have shape {self.rate_Hz.shape}; expected (trial, time, region), none empty"
            )
        lost = ~np.isfinite(self.rate_Hz)
        partly = np.flatnonzero(lost.any(axis=(0, 1)) & ~np.isnan(self.rate_Hz).all(axis=(0, 1)))
        if partly.size:
            raise ValueError(
                f"rates of region {partly[0]} (of {lost.shape[2]}, from 0) are not finite in some "
                "bins; leave its trials out"
            )
        bins = self.before_ms / self.bin_ms
        if abs(bins - round(bins)) > TOLERANCE or not 0 <= round(bins) < self.rate_Hz.shape[1]:
            raise ValueError(
                f"onset {self.before_ms:g} ms after the start of a trial of "
                f"{self.rate_Hz.shape[1]} bins of {self.bin_ms:g} ms; expected an edge of a bin"
            )

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.rate_Hz)

    @property
    def time_ms(self) -> np.ndarray:
        """Middle of each bin (time,), from the onset (ms)."""
        return (np.arange(self.rate_Hz.shape[1]) + 0.5) * self.bin_ms - self.before_ms

    @property
    def stop_ms(self) -> float:
        """End of the trials, from the onset (ms)."""
        return self.rate_Hz.shape[1] * self.bin_ms - self.before_ms

    def mean(self, start_ms: float, stop_ms: float) -> np.ndarray:
        """Return mean rates (trial, region) from ``start_ms`` to ``stop_ms`` after the onset.

        Raises ValueError for a stretch that is empty, cuts a bin or lies outside the trial.
        """
        first, stop = (self._edge(t) for t in (start_ms, stop_ms))
        if not 0 <= first < stop <= self.rate_Hz.shape[1]:
            raise ValueError(
                f"{start_ms:g} to {stop_ms:g} ms from the onset is not in the trials, which last "
                f"from {-self.before_ms:g} to {self.stop_ms:g} ms; record more or ask for less"
            )
        return self.rate_Hz[:, first:stop].mean(axis=1)

    def _edge(self, time_ms: float) -> int:
        bins = (time_ms + self.before_ms) / self.bin_ms
        if not (np.isfinite(bins) and abs(bins - round(bins)) <= TOLERANCE):
            raise ValueError(
                f"{time_ms:g} ms from the onset is on no edge of a bin of {self.bin_ms:g} ms"
            )
        return round(bins)

    def take(self, which: slice | np.ndarray) -> "Trials":
        """Return some of the trials, by their places or as a mask."""
        return Trials(self.rate_Hz[which], self.bin_ms, self.before_ms)


def cut(
    recording: Recording,
    onsets_ms: Sequence[float],
    *,
    before_ms: float,
    after_ms: float,
    bin_ms: float = 5.0,
    population: str | None = None,
) -> Trials:
    """Cut trials around onsets (brain time) out of a recording; regions as in the recording.

    population: one by name, or None: the cells of cortex that excite.
    Raises ValueError for an onset that is on no edge of a bin, a trial of no whole bins, or one
    that is not all there.
    """
    rate = pool(binned_rate(recording, bin_ms), population)
    values = rate.transpose("time_ms", "region").values
    length = round((before_ms + after_ms) / bin_ms)
    if abs((before_ms + after_ms) / bin_ms - length) > TOLERANCE:
        raise ValueError(
            f"a trial of {before_ms + after_ms:g} ms is no whole number of bins of {bin_ms:g} ms"
        )
    parts = []
    for onset_ms in onsets_ms:
        first = (onset_ms - before_ms - recording.start_ms) / bin_ms
        if abs(first - round(first)) > TOLERANCE:
            raise ValueError(f"onset {onset_ms:g} ms is on no edge of a bin of {bin_ms:g} ms")
        if not 0 <= round(first) <= len(values) - length:
            raise ValueError(
                f"trial around {onset_ms:g} ms is not all in the recording, which lasts from "
                f"{recording.start_ms:g} to {recording.stop_ms:g} ms; leave it out"
            )
        parts.append(values[round(first) : round(first) + length])
    if not parts:
        raise ValueError("no onsets: give at least one")
    return Trials(np.array(parts), bin_ms, before_ms)


def course_Hz(pulses: Trials, shams: Trials) -> np.ndarray:
    """Return the evoked rate (time, region): mean of pulses less that of shams."""
    require_alike(pulses, shams)
    return pulses.rate_Hz.mean(axis=0) - shams.rate_Hz.mean(axis=0)


def require_alike(pulses: Trials, shams: Trials) -> None:
    """Raise ValueError unless pulses and shams are cut alike."""
    a, b = ((t.rate_Hz.shape[1:], t.bin_ms, t.before_ms) for t in (pulses, shams))
    if a != b:
        raise ValueError(
            f"pulses have {a[0][0]} bins of {a[1]:g} ms in {a[0][1]} regions, {a[2]:g} ms before "
            f"the onset, and shams {b[0][0]} of {b[1]:g} ms in {b[0][1]}, {b[2]:g} ms; expected "
            "the same: cut both alike"
        )
