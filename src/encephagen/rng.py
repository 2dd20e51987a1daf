"""Randomness: every draw comes from a named, independent, counter-based stream.

``stream(seed, "wiring", "E->E")`` gives the same numbers today and tomorrow, whatever was drawn
elsewhere. Compiled code, which draws millions of numbers a step, hashes a counter with `mix32` and
`mix64` instead, under a `key` of the same names: a draw is a pure function of where it is used, so
it depends neither on the order of execution nor on the number of threads, and needs no state.
"""

import hashlib

import numba
import numpy as np

from encephagen.jit import njit


def key(seed: int, *names: str | int) -> int:
    """Return the 64-bit key of the stream ``names`` under ``seed`` (a non-negative integer)."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed {seed!r} is not a non-negative integer")
    text = "\x1f".join([str(int(seed)), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the stream ``names`` under ``seed``.

    Philox is counter-based (Salmon et al. 2011, doi 10.1145/2063384.2063405).
    """
    return np.random.Generator(np.random.Philox(key=key(seed, *names)))


@njit
def mix32(x):
    """Return a 32-bit hash of a 32-bit word, as numpy.uint32 (a bijection, near-ideal avalanche).

    The constants are the public-domain ``lowbias32`` of C. Wellons (hash-prospector). Numba widens
    uint32 products to 64 bits, so each step casts back; else the loop would not vectorise.
    """
    x = numba.uint32(x ^ numba.uint32(x >> numba.uint32(16)))
    x = numba.uint32(x * numba.uint32(0x7FEB352D))
    x = numba.uint32(x ^ numba.uint32(x >> numba.uint32(15)))
    x = numba.uint32(x * numba.uint32(0x846CA68B))
    return numba.uint32(x ^ numba.uint32(x >> numba.uint32(16)))


@njit
def mix64(key, counter):
    """Return draw number ``counter`` of the stream ``key``, as numpy.uint64.

    The output function of SplitMix64 (Steele et al. 2014, doi 10.1145/2714064.2660195).
    """
    z = numba.uint64(key) + numba.uint64(counter) * numba.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numba.uint64(30))) * numba.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numba.uint64(27))) * numba.uint64(0x94D049BB133111EB)
    return z ^ (z >> numba.uint64(31))


@njit
def uniform(bits):
    """Return a float64 in (0, 1) from 64 random bits."""
    # 52 bits: with 53 the highest would round up to 1
    return (numba.float64(bits >> numba.uint64(12)) + 0.5) * 2.220446049250313e-16
