"""Recovery: whether activity is back at rest after a pulse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encephagen.analysis.propagation.trials import Trials, require_alike

REST_SD = 3.0
"""Standard deviations of single spontaneous windows within which a region is at rest."""

LEVEL = 0.95


@dataclass(frozen=True)
class Rest:
    """What is left at the end of trials: mean rate over that of shams, and the strangest region.

    ``worst`` is the largest distance of a region's mean from its spontaneous mean, in standard
    deviations of single spontaneous windows; ``returned`` says that it is within `REST_SD`.
    """

    ratio: float
    worst: float

    @property
    def returned(self) -> bool:
        """Whether every region is back."""
        return self.worst < REST_SD


def rest(pulses: Trials, shams: Trials, last_ms: float) -> Rest:
    """Return how far the last ``last_ms`` of trials with a pulse are from those of shams."""
    require_alike(pulses, shams)
    late, spontaneous = (t.mean(t.stop_ms - last_ms, t.stop_ms) for t in (pulses, shams))
    distance = np.abs(late.mean(axis=0) - spontaneous.mean(axis=0))
    spread = spontaneous.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = np.where(distance > 0, distance / spread, 0.0).max()
        return Rest(float(np.nanmean(late) / np.nanmean(spontaneous)), float(worst))


class Survival(NamedTuple):
    """How many of n brains are back at rest, with the exact (Clopper-Pearson) 95 % interval."""

    n_returned: int
    n: int
    low: float
    high: float


def survival(returned: Sequence[bool] | np.ndarray) -> Survival:
    """Return how many brains (seed,) came back to rest."""
    from scipy.stats import binomtest

    k, n = int(np.sum(returned)), len(returned)
    interval = binomtest(k, n).proportion_ci(LEVEL, method="exact")
    return Survival(k, n, float(interval.low), float(interval.high))
