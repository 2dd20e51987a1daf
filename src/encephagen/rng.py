"""Randomness: every draw comes from a named, independent, counter-based stream.

``stream(seed, "wiring", "E->E")`` gives the same numbers today and tomorrow, whatever was drawn
elsewhere. Compiled code, which draws millions of numbers a step, hashes a counter with `mix32` and
`mix64` instead, under a `key` of the same names: a draw is a pure function of where it is used, so
it depends neither on the order of execution nor on the number of threads, and needs no state.
"""

import hashlib

import numpy as np


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
