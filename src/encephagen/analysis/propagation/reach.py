"""Reach: which regions answer a pulse."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encephagen import rng
from encephagen.analysis.propagation.trials import Trials, require_alike
from encephagen.analysis.response import ALPHA, N_PERMUTATIONS, permutation_p, smallest_p
from encephagen.analysis.statistics import benjamini_hochberg

WINDOW_MS = (0.0, 300.0)
"""Where a response is looked for: a pulse of 150 ms, and as long again. Of windows that end 150 to
450 ms after the onset, those of 300 and more found most (default brain, 24 trials)."""


@dataclass(frozen=True, eq=False)
class Reach:
    """Which regions answer; everything (region,).

    p is nan in the source, and where no such neuron lives: they never count.

    change_Hz      mean of pulses less that of shams, at equal rates before the onset
    effect         change over the standard deviation of single shams
    p, p_corrected two-sided, and corrected over the regions
    """

    change_Hz: np.ndarray
    effect: np.ndarray
    p: np.ndarray
    p_corrected: np.ndarray
    alpha: float

    @property
    def responded(self) -> np.ndarray:
        """Regions (region,) whose rate rises, corrected."""
        return (self.p_corrected < self.alpha) & (self.change_Hz > 0)

    @property
    def suppressed(self) -> np.ndarray:
        """Regions (region,) whose rate falls, corrected."""
        return (self.p_corrected < self.alpha) & (self.change_Hz < 0)

    @property
    def n(self) -> int:
        """How many regions respond."""
        return int(self.responded.sum())


def reach(
    pulses: Trials,
    shams: Trials,
    source: Sequence[int] | np.ndarray,
    *,
    window_ms: tuple[float, float] = WINDOW_MS,
    alpha: float = ALPHA,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Reach:
    """Return which regions outside ``source`` (indices) answer a pulse.

    y is the mean rate of a trial in the window, x that before the onset; what x foretells is taken
    out, e = y - b x. For the test, b is by least squares over all trials, blind to which had a
    pulse; the difference of the means of e is then compared with that under random labels
    (two-sided, p = (1 + count) / (1 + n)), and the p-values are corrected over regions
    (Benjamini-Hochberg). For the change, b is that within pulses and within shams, which a strong
    response does not bend.

    Raises ValueError if too few trials are given for any region to reach alpha.
    """
    require_alike(pulses, shams)
    lives = np.isfinite(pulses.rate_Hz[0, 0]) & np.isfinite(shams.rate_Hz[0, 0])
    others = np.setdiff1d(np.flatnonzero(lives), source)
    least = smallest_p(pulses.n, shams.n, n_permutations)
    if least * others.size > alpha:
        raise ValueError(
            f"{pulses.n} pulses and {shams.n} shams cannot tell one region of {others.size} that "
            f"answers from chance (smallest p {least:.2g}); give more trials"
        )
    y, x = (
        np.concatenate([mean(pulses), mean(shams)])
        for mean in (lambda t: t.mean(*window_ms), _rate_before)
    )
    n = pulses.n
    blind = y - _slope(x - x.mean(axis=0), y) * x
    p, corrected = np.full(y.shape[1], np.nan), np.full(y.shape[1], np.nan)
    stream = rng.stream(seed, "propagation", "reach")
    p[others] = permutation_p(blind[:n, others], blind[n:, others], n_permutations, stream)
    corrected[others] = benjamini_hochberg(p[others])
    within = np.concatenate([part - part.mean(axis=0) for part in (x[:n], x[n:])])
    e = y - _slope(within, y) * x
    change, spread = e[:n].mean(axis=0) - e[n:].mean(axis=0), e[n:].std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Reach(change, change / spread, p, corrected, alpha)


def _rate_before(trials: Trials) -> np.ndarray:
    """Return the rates (trial, region) before the onset; 0 where nothing is recorded of it."""
    if trials.before_ms == 0:
        return np.zeros((trials.n, trials.rate_Hz.shape[2]))
    return trials.mean(-trials.before_ms, 0.0)


def _slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the slope (region,) of y on x, which has no mean, both (trial, region)."""
    power = (x**2).sum(axis=0)
    return (x * y).sum(axis=0) / np.where(power > 0, power, 1.0)


def by_lobe(
    responded: np.ndarray, lobes: Sequence[str], source: Sequence[int] | np.ndarray
) -> dict[str, tuple[int, int]]:
    """Return for each lobe how many of its regions respond, and of how many; source left out."""
    others = np.setdiff1d(np.arange(len(lobes)), source)
    lobe, answer = np.asarray(lobes)[others], responded[others]
    return {
        name: (int(answer[lobe == name].sum()), int((lobe == name).sum()))
        for name in dict.fromkeys(lobe.tolist())
    }
