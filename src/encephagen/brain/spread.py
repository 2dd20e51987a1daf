"""Spread: how a parameter differs from neuron to neuron of a population, for good (quenched)."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from encephagen.rng import stream


@dataclass(frozen=True)
class Normal:
    """A parameter spread normally around its value, with standard deviation ``sd`` (its unit)."""

    sd: float

    def __post_init__(self) -> None:
        if not 0 <= self.sd < math.inf:
            raise ValueError(f"normal spread sd = {self.sd}: must be finite and 0 or more")

    def of(self, value: float, z: np.ndarray) -> np.ndarray:
        """Return the values (k,) at standard normal deviates (k,)."""
        return value + self.sd * z


@dataclass(frozen=True)
class Lognormal:
    """A parameter spread lognormally; its value is the mean, and ``sd`` that of its logarithm."""

    sd: float

    def __post_init__(self) -> None:
        if not 0 <= self.sd <= 2:
            raise ValueError(f"lognormal spread sd = {self.sd}: must be in [0, 2]")

    def of(self, value: float, z: np.ndarray) -> np.ndarray:
        """Return the values (k,) at standard normal deviates (k,); their mean is ``value``."""
        factor = np.exp(self.sd * z)
        return value * factor / factor.mean()


Spread = Normal | Lognormal


def deviates(n: int) -> np.ndarray:
    """Return ``n`` standard normal deviates (n,), stratified: of mean 0 and variance 1 exactly.

    They are the middle quantiles of ``n`` equal parts of the distribution. Drawn freely, those of a
    region of 160 neurons would have a mean of 0.08 standard deviations, and regions that shall be
    alike would not be.
    """
    z = ndtri((np.arange(n) + 0.5) / n)
    sd = z.std()
    return z / sd if sd > 0 else z


def drawn(spread: Spread, value: float, n: int, seed: int, *names: str | int) -> np.ndarray:
    """Return a value (n,) for each of ``n`` neurons; ``names`` are those of the random stream.

    Which neuron has which is drawn under ``seed``; what values there are is not.
    """
    return stream(seed, "spread", *names).permutation(spread.of(value, deviates(n)))
