"""Kernel: steps of stochastic Heun, of many regions at once.

Values of the regions lie in tiles of TILE: ``values[(tile * N_VALUES + row) * TILE + lane]``, so
that the compiler sees that rows do not overlap, and makes a vector of each.
"""

import hashlib
import inspect
from functools import cache
from typing import Any

import numba
from numba import int64, uint64

from encephagen.engine.regions import noise, vector, wires
from encephagen.engine.regions.noise import (
    DRIVE_E,
    DRIVE_I,
    N_DRIVES,
    N_KICKS,
    STIMULUS,
    WHITE_E,
    WHITE_I,
)
from encephagen.engine.regions.vector import GROUP, TILE, exp, fma, lagged, transpose
from encephagen.engine.regions.wires import LONG_SPAN, LONGEST_SPAN, SPAN, SPANS
from encephagen.jit import njit
from encephagen.models import wilson_cowan
from encephagen.models.wilson_cowan import Constants, slopes

N_CONSTANTS = len(Constants._fields)
(
    BASE_E,
    BASE_I,
    ONTO_I,
    ALIVE,
    E,
    I,  # noqa: E741
    NOW_E,
    NOW_I,
    COUPLED,
    SUM_E,
    SUM_I,
    GUESS_E,
    GUESS_I,
    HALF_E,
    HALF_I,
    N_VALUES,
) = range(N_CONSTANTS, N_CONSTANTS + 16)
"""Rows of values after the model's constants: drives, the share of the coupled input that I gets,
whether a region lives; activity; the noisy drive and the coupled input now; sums over a bin; of a
step half done, the guess of its end, and the activity with half of the slope at its start."""
HEARD, SAID, N_TRAFFIC = range(3)
"""Rows of traffic: the coupled input at the end of a step, and E then."""

_slopes = numba.njit(slopes, error_model="numpy")
_add_longest, _add_long, _add_short, _add_single = (lagged(span) for span in SPANS)


@numba.njit(error_model="numpy")
def _constants(values, j):
    v, n = values, uint64(TILE)
    return Constants(
        v[j],
        v[j + n],
        v[j + uint64(2) * n],
        v[j + uint64(3) * n],
        v[j + uint64(4) * n],
        v[j + uint64(5) * n],
        v[j + uint64(6) * n],
        v[j + uint64(7) * n],
        v[j + uint64(8) * n],
        v[j + uint64(9) * n],
        v[j + uint64(10) * n],
        v[j + uint64(11) * n],
        v[j + uint64(12) * n],
    )


@numba.njit(error_model="numpy")
def _report(values, n_tiles, per_bin, out):
    """Write the means over a bin into out (2, region) and begin the next."""
    n, count = out.shape[1], values.dtype.type(per_bin)
    for tile in range(n_tiles):
        first = tile * TILE
        for row in range(2):
            at = (tile * N_VALUES + SUM_E + row) * TILE
            for lane in range(min(TILE, n - first)):
                out[row, first + lane] = values[at + lane] / count
    for tile in range(n_tiles):
        for row in range(2):
            at = (tile * N_VALUES + SUM_E + row) * TILE
            for lane in range(TILE):
                values[at + lane] = 0


@numba.njit(error_model="numpy")
def _steps(values, drives, kicks, traffic, n_tiles, when, per_bin, out, dt_ms, half_ms):
    """Take some steps; fill the bins of out that end.

    when: the first step, counted in drives and kicks, how many, and steps done in bins before.
    Two passes: the second half of a step waits for the first, regions do not wait for each other.
    """
    start, n_steps, before = when
    # What has one step alone is the same in each.
    drive_step = (
        uint64(n_tiles * N_DRIVES * TILE) if drives.size > n_tiles * N_DRIVES * TILE else uint64(0)
    )
    kick_step = (
        uint64(n_tiles * N_KICKS * TILE) if kicks.size > n_tiles * N_KICKS * TILE else uint64(0)
    )
    for k in range(n_steps):
        for tile in range(n_tiles):
            a = uint64(tile) * uint64(N_VALUES * TILE)
            b = uint64(start + k) * kick_step + uint64(tile) * uint64(N_KICKS * TILE)
            for lane in range(TILE):
                j, i = a + uint64(lane), b + uint64(lane)
                c = _constants(values, j)
                e, s = values[j + uint64(E * TILE)], values[j + uint64(I * TILE)]
                u = values[j + uint64(COUPLED * TILE)]
                x = values[j + uint64(BASE_E * TILE)] + kicks[i + uint64(STIMULUS * TILE)]
                x += u + values[j + uint64(NOW_E * TILE)]
                y = fma(values[j + uint64(ONTO_I * TILE)], u, values[j + uint64(BASE_I * TILE)])
                y += values[j + uint64(NOW_I * TILE)]
                dE, dI = _slopes(e, s, x, y, c, exp)
                e += kicks[i + uint64(WHITE_E * TILE)]
                s += kicks[i + uint64(WHITE_I * TILE)]
                values[j + uint64(GUESS_E * TILE)] = fma(dt_ms, dE, e)
                values[j + uint64(GUESS_I * TILE)] = fma(dt_ms, dI, s)
                values[j + uint64(HALF_E * TILE)] = fma(half_ms, dE, e)
                values[j + uint64(HALF_I * TILE)] = fma(half_ms, dI, s)
        for tile in range(n_tiles):
            a = uint64(tile) * uint64(N_VALUES * TILE)
            b = uint64(start + k) * kick_step + uint64(tile) * uint64(N_KICKS * TILE)
            d = uint64(start + k) * drive_step + uint64(tile) * uint64(N_DRIVES * TILE)
            t = uint64(k * n_tiles + tile) * uint64(N_TRAFFIC * TILE)
            for lane in range(TILE):
                j, i, h = a + uint64(lane), b + uint64(lane), t + uint64(lane)
                f = d + uint64(lane)
                c = _constants(values, j)
                e, s = values[j + uint64(GUESS_E * TILE)], values[j + uint64(GUESS_I * TILE)]
                u = traffic[h + uint64(HEARD * TILE)]
                now_E = drives[f + uint64(DRIVE_E * TILE)]
                now_I = drives[f + uint64(DRIVE_I * TILE)]
                x = values[j + uint64(BASE_E * TILE)] + kicks[i + uint64(STIMULUS * TILE)]
                x += u + now_E
                y = fma(values[j + uint64(ONTO_I * TILE)], u, values[j + uint64(BASE_I * TILE)])
                y += now_I
                dE, dI = _slopes(e, s, x, y, c, exp)
                alive = values[j + uint64(ALIVE * TILE)]
                e = alive * fma(half_ms, dE, values[j + uint64(HALF_E * TILE)])
                s = alive * fma(half_ms, dI, values[j + uint64(HALF_I * TILE)])
                values[j + uint64(E * TILE)] = e
                values[j + uint64(I * TILE)] = s
                values[j + uint64(NOW_E * TILE)] = now_E
                values[j + uint64(NOW_I * TILE)] = now_I
                values[j + uint64(COUPLED * TILE)] = u
                values[j + uint64(SUM_E * TILE)] += e
                values[j + uint64(SUM_I * TILE)] += s
                traffic[h + uint64(SAID * TILE)] = e
        bin, past_it = divmod(before + k + 1, per_bin)
        if past_it == 0:
            _report(values, n_tiles, per_bin, out[bin - 1])


@numba.njit
def _longest(wires, weight, past, now, total):
    for g in range(wires.target.size):
        _add_longest(total, wires.target[g], past, now, wires.back, weight, int64(g * GROUP))


@numba.njit
def _long(wires, weight, past, now, total, shift):
    for g in range(wires.target.size):
        to = int64(wires.target[g] + shift)
        _add_long(total, to, past, now, wires.back, weight, int64(g * GROUP))


@numba.njit
def _short(wires, weight, past, now, total, shift):
    for g in range(wires.target.size):
        to = int64(wires.target[g] + shift)
        _add_short(total, to, past, now, wires.back, weight, int64(g * GROUP))


@numba.njit
def _single(wires, weight, past, now, total, shift):
    for g in range(wires.target.size):
        to = int64(wires.target[g] + shift)
        _add_single(total, to, past, now, wires.back, weight, int64(g * GROUP))


@numba.njit
def _hear(total, shift, n_tiles, n_steps, traffic):
    """Write the sums of up to ``n_steps`` steps where `_steps` reads them."""
    step = int64(N_TRAFFIC * TILE * n_tiles)
    for tile in range(n_tiles):
        for lane in range(0, TILE, 4):
            for k in range(0, n_steps, 4):
                start = int64((tile * TILE + lane) * LONGEST_SPAN + shift + k)
                to = int64(((k * n_tiles + tile) * N_TRAFFIC + HEARD) * TILE + lane)
                transpose(total, start, int64(LONGEST_SPAN), traffic, to, step)


@numba.njit
def _say(traffic, n_tiles, n_steps, past, room, after):
    """Write E of ``n_steps`` steps into the past, from place ``after`` of each region on."""
    step = int64(N_TRAFFIC * TILE * n_tiles)
    for tile in range(n_tiles):
        for lane in range(0, TILE, 4):
            for k in range(0, n_steps, 4):
                start = int64(((k * n_tiles + tile) * N_TRAFFIC + SAID) * TILE + lane)
                to = int64((tile * TILE + lane) * room + after + k)
                transpose(traffic, start, step, past, to, int64(room))


@numba.njit(error_model="numpy")
def _run(classes, lane, values, past, at, drives, kicks, total, traffic, bins, out, dt_ms, half_ms):
    """Advance one set of parameters; return where the present then stands in its past."""
    longest, long, short, single = classes
    n_tiles = values.size // (N_VALUES * TILE)
    width = n_tiles * TILE
    room = past.size // width
    now, kept = at
    n_steps, per_bin, before = bins
    done = 0
    while done < n_steps:
        if now + LONGEST_SPAN + SPAN > room:
            for i in range(width):
                latest = i * room + now + 1 - kept
                past[i * room : i * room + kept] = past[latest : latest + kept]
            now = kept - 1
        total[:] = 0
        _longest(longest, longest.weight[lane], past, int64(now + 1), total)
        end = min(n_steps - done, LONGEST_SPAN)
        for first in range(0, end, SPAN):
            last = min(first + SPAN, end)
            if first % LONG_SPAN == 0:
                _long(long, long.weight[lane], past, int64(now + 1), total, first)
            _short(short, short.weight[lane], past, int64(now + 1), total, first)
            at_once = 1 if single.target.size else last - first
            for k in range(first, last, at_once):
                _single(single, single.weight[lane], past, int64(now + 1), total, k)
                _hear(total, k, n_tiles, at_once, traffic)
                when = (done + k, at_once, before + done + k)
                _steps(values, drives, kicks, traffic, n_tiles, when, per_bin, out, dt_ms, half_ms)
                _say(traffic, n_tiles, at_once, past, room, now + 1)
                now += at_once
        done += end
    return now


# `jit.njit` does not see what an overload (`vector.exp`) is made of. So the kernel holds the digest
# of all its files, which becomes part of the key of its machine code.
_DIGEST = hashlib.sha256(
    "".join(inspect.getsource(m) for m in (wilson_cowan, vector, noise, wires)).encode()
).hexdigest()


@cache
def kernel() -> Any:
    """Return the compiled functions: ``advance`` all sets, and find what is ``heard`` now."""
    return _compiled(_DIGEST)


def _compiled(digest: str) -> Any:
    @njit(error_model="numpy", nogil=True)
    def advance(classes, values, past, at, stream, drives, kicks, desk, bins, out, dt_ms, half_ms):
        """Advance every set; return where the present then stands in the past.

        values (set, :) and past (set, :) are as in `_steps` and `_say`; drives and kicks (stream,
        :), and stream (set,) which of them a set has; at: where the present stands, and steps of
        the past that are kept; desk: room for the sums, and for the traffic, of a span; bins: steps
        to take, steps in a bin, and steps done in bins before; out (set, bin, 2, region).
        """
        _ = digest
        total, traffic = desk
        now = at[0]
        for lane in range(values.shape[0]):
            now = _run(
                classes,
                lane,
                values[lane],
                past[lane],
                at,
                drives[stream[lane]],
                kicks[stream[lane]],
                total,
                traffic,
                bins,
                out[lane],
                dt_ms,
                half_ms,
            )
        return now

    @njit(error_model="numpy")
    def hear(classes, values, past, now, total):
        """Set the coupled input of the present, as the past and the weights have it."""
        _ = digest
        width = values.shape[1] // N_VALUES
        for lane in range(values.shape[0]):
            total[:] = 0
            _longest(classes[0], classes[0].weight[lane], past[lane], int64(now), total)
            _long(classes[1], classes[1].weight[lane], past[lane], int64(now), total, 0)
            _short(classes[2], classes[2].weight[lane], past[lane], int64(now), total, 0)
            _single(classes[3], classes[3].weight[lane], past[lane], int64(now), total, 0)
            for i in range(width):
                at = (i // TILE) * N_VALUES * TILE + COUPLED * TILE + i % TILE
                values[lane, at] = total[i * LONGEST_SPAN]

    return advance, hear
