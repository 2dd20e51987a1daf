"""Noise of regions: what drives them, and normal numbers that are a function of seed and step.

A draw hashes the step and the region, so that it does not depend on how time is cut into calls, nor
on which sets of parameters run beside each other.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np

from encephagen.engine.regions.vector import TILE, fma
from encephagen.jit import njit
from encephagen.rng import key, mix32, mix64, stream

DRIVE_E, DRIVE_I, N_DRIVES = range(3)
"""Rows of drives (step, tile, N_DRIVES, TILE): the fluctuating drive at the end of a step."""
WHITE_E, WHITE_I, STIMULUS, N_KICKS = range(4)
"""Rows of kicks (step, tile, N_KICKS, TILE): what noise adds to the activity, and the drive of
stimuli."""


class Noise(NamedTuple):
    """Noise of a step: an Ornstein-Uhlenbeck drive, and what is added to the activity."""

    decay: float
    drive_E: float
    drive_I: float
    white_E: float
    white_I: float


UNIT = Noise(0.0, 0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """A fluctuating drive of each E, and I, independent: tau dx = -x dt + sd sqrt(2 tau) dW."""

    sd_E: float
    tau_ms: float
    sd_I: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.tau_ms < math.inf and self.sd_E >= 0 and self.sd_I >= 0):
            raise ValueError(f"{self}: expected a positive tau_ms and sd of 0 or more")

    def per_step(self, dt_ms: float) -> Noise:
        """Return what the kernel needs for steps of ``dt_ms``; exact for any."""
        decay = math.exp(-dt_ms / self.tau_ms)
        kick = math.sqrt(-math.expm1(-2.0 * dt_ms / self.tau_ms))
        return Noise(decay, kick * self.sd_E, kick * self.sd_I, 0.0, 0.0)

    def initial(self, seed: int, n: int) -> np.ndarray:
        """Return the drive (2, region) at the start: stationary."""
        draws = stream(seed, "initial noise of regions").standard_normal((2, n))
        return np.array([[self.sd_E], [self.sd_I]]) * draws


@dataclass(frozen=True)
class White:
    """White noise of the activity itself: dE = ... dt + sd_E dW; activity may fall below 0."""

    sd_E_per_sqrt_ms: float
    sd_I_per_sqrt_ms: float = 0.0

    def __post_init__(self) -> None:
        if not (self.sd_E_per_sqrt_ms >= 0 and self.sd_I_per_sqrt_ms >= 0):
            raise ValueError(f"{self}: expected sd of 0 or more")

    def per_step(self, dt_ms: float) -> Noise:
        """Return what the kernel needs for steps of ``dt_ms``."""
        root = math.sqrt(dt_ms)
        return Noise(0.0, 0.0, 0.0, root * self.sd_E_per_sqrt_ms, root * self.sd_I_per_sqrt_ms)

    def initial(self, seed: int, n: int) -> np.ndarray:
        """Return the drive (2, region) at the start: none."""
        return np.zeros((2, n))


class Source:
    """The noise of one seed: ``fluctuation`` (2, region) is its drive now."""

    def __init__(self, noise: OrnsteinUhlenbeck | White, seed: int, n: int, dt_ms: float) -> None:
        self.fluctuation = np.zeros((2, -(-n // TILE) * TILE))
        self.fluctuation[:, :n] = noise.initial(seed, n)
        self._noise = noise.per_step(dt_ms)
        self._keys = _keys(seed, n)

    def fill(self, first_step: int, n_steps: int, drives: np.ndarray, kicks: np.ndarray) -> None:
        """Write the noise of steps from ``first_step`` on, where there is room for all of them."""
        _fill(self._noise, *self._keys, first_step, n_steps, self.fluctuation, drives, kicks)


def normals(seed: int, first_step: int, n_steps: int, n: int) -> np.ndarray:
    """Return the standard normal numbers (step, 2, region) of E and I from ``first_step`` on."""
    step_key, region_key = _keys(seed, n)
    n_tiles = region_key.shape[1] // TILE
    drives, kicks = (
        np.zeros((1, n_tiles, N_DRIVES, TILE)),
        np.zeros((n_steps, n_tiles, N_KICKS, TILE)),
    )
    none = np.zeros(region_key.shape)
    _fill(UNIT, step_key, region_key, first_step, n_steps, none, drives, kicks)
    white = kicks[:, :, [WHITE_E, WHITE_I]].swapaxes(1, 2)
    return white.reshape(n_steps, 2, -1)[:, :, :n]


def _keys(seed: int, n: int) -> tuple[np.uint64, np.ndarray]:
    regions = np.zeros((2, -(-n // TILE) * TILE), np.uint32)
    draws = stream(seed, "noise of regions").integers(0, 2**32, (n, 2), np.uint32)
    regions[:, :n] = draws.T
    return np.uint64(key(seed, "noise of regions", "step")), regions


# ---- compiled -----------------------------------------------------------------------------------

LN_2, HALF_BIT, OF_32_BITS = math.log(2.0), 0.5, 2.0**-32
SHIFTER = 1.5 * 2.0**52
SHIFTER_BITS = np.int64(np.float64(SHIFTER).view(np.int64))
ROOT_HALF_BITS = np.int64(np.float64(math.sqrt(0.5)).view(np.int64))
EXPONENT = np.int64(52)
ATANH = tuple(2.0 / (2 * k + 1) for k in range(7))
COS = tuple((-1) ** k / math.factorial(2 * k) for k in range(8))
SIN = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(8))


@numba.njit(error_model="numpy")
def _series(z, c):
    s = z * z
    low = fma(fma(z, c[3], c[2]), s, fma(z, c[1], c[0]))
    high = fma(fma(z, c[7], c[6]), s, fma(z, c[5], c[4]))
    return fma(high, s * s, low)


@numba.njit(error_model="numpy")
def _normal_pair(a, b) -> Any:
    """Return two normal numbers of two uint32 words (Box and Muller 1958), to 1e-10."""
    u = (numba.float64(a) + HALF_BIT) * OF_32_BITS
    # log(u): u = m 2^k, m around 1, and log m = 2 atanh((m - 1)/(m + 1))
    bits = np.float64(u).view(np.int64)
    k = (bits - ROOT_HALF_BITS) >> EXPONENT
    m = np.int64(bits - (k << EXPONENT)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = fma(fma(fma(z, ATANH[6], ATANH[5]), z, ATANH[4]), z, ATANH[3])
    series = fma(fma(fma(series, z, ATANH[2]), z, ATANH[1]), z, ATANH[0])
    whole = np.int64(k + SHIFTER_BITS).view(np.float64) - SHIFTER
    radius = math.sqrt(-2.0 * fma(whole, LN_2, s * series))
    # The angle from half of it, which stays within a right angle of zero.
    half = math.pi * ((numba.float64(b) + HALF_BIT) * OF_32_BITS - 0.5)
    z = half * half
    cosine, sine = _series(z, COS), half * _series(z, SIN)
    return radius * fma(cosine, cosine, -sine * sine), radius * (2.0 * sine * cosine)


@njit(error_model="numpy")
def _fill(noise, step_key, region_key, first_step, n_steps, fluctuation, drives, kicks):
    """Write the noise of steps into drives and kicks; move the fluctuation on."""
    width = fluctuation.shape[1]
    xi, eta = np.empty(width), np.empty(width)
    for k in range(n_steps):
        word = mix64(step_key, first_step + k)
        high, low = numba.uint32(word >> numba.uint64(32)), numba.uint32(word)
        for i in range(width):
            a = mix32(numba.uint32(high ^ region_key[0, i]))
            b = mix32(numba.uint32(low ^ region_key[1, i]))
            xi[i], eta[i] = _normal_pair(a, b)
        for i in range(width):
            fluctuation[0, i] = noise.decay * fluctuation[0, i] + noise.drive_E * xi[i]
            fluctuation[1, i] = noise.decay * fluctuation[1, i] + noise.drive_I * eta[i]
        for tile in range(width // TILE):
            for lane in range(TILE):
                i = tile * TILE + lane
                if drives.shape[0] > k:
                    drives[k, tile, DRIVE_E, lane] = fluctuation[0, i]
                    drives[k, tile, DRIVE_I, lane] = fluctuation[1, i]
                if kicks.shape[0] > k:
                    kicks[k, tile, WHITE_E, lane] = noise.white_E * xi[i]
                    kicks[k, tile, WHITE_I, lane] = noise.white_I * eta[i]
