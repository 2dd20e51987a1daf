"""Arithmetic that compilers vectorise, and that gives the same bits on any machine.

`exp` takes the place of the library's, whose calls stand in the way of vectors and whose last digit
differs from one system to the next. `add_lagged` and `transpose` are what LLVM does not find alone.
"""

import math
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

TILE = 16  # regions whose values lie side by side
GROUP = 8  # connections that `add_lagged` takes at once
VECTOR, LINE = 32, 64  # bytes
I64 = ir.IntType(64)
I32 = ir.IntType(32)
_compiled_only: Any = intrinsic  # the context that such a function gets is not for its callers


@_compiled_only
def fma(context, a, b, c):
    """Return a b + c, rounded once."""
    return a(a, a, a), lambda context, builder, signature, arguments: builder.fma(*arguments)


# ---- exponential --------------------------------------------------------------------------------

# exp(x) = 2^k exp(r), |r| <= ln(2)/2, by Taylor's series: to 1e-14 in float64, 2e-7 in float32.
# Adding 1.5 x 2^(digits of the mantissa) rounds to the nearest integer k and leaves it in the
# lowest bits. Shifted to where the exponent stands, and added to it, they multiply by 2^k.


def _constants(real: Any, integer: Any, digits: int, largest: float, terms: int) -> Any:
    shifter = real(1.5 * 2**digits)
    return (
        real(math.log2(math.e)),
        real(-math.log(2.0)),
        shifter,
        integer(digits),
        real(largest),
        tuple(real(1 / math.factorial(k)) for k in range(terms)),
    )


LOG2_E, MINUS_LN_2, SHIFTER, DIGITS, LARGEST, C = _constants(np.float64, np.int64, 52, 700.0, 12)
LOG2_E_32, MINUS_LN_2_32, SHIFTER_32, DIGITS_32, LARGEST_32, C_32 = _constants(
    np.float32, np.int32, 23, 87.0, 7
)


def _exp(x: float) -> float:
    raise NotImplementedError("compiled code only")


@overload(_exp)
def _exp_of(x):
    return _exp_32 if x == types.float32 else _exp_64


def _exp_64(x):
    x = min(max(x, -LARGEST), LARGEST)
    t = fma(x, LOG2_E, SHIFTER)
    r = fma(t - SHIFTER, MINUS_LN_2, x)
    # Estrin's scheme: short chains of operations that wait for each other
    s = r * r
    a, b, c = fma(r, C[1], C[0]), fma(r, C[3], C[2]), fma(r, C[5], C[4])
    d, e, f = fma(r, C[7], C[6]), fma(r, C[9], C[8]), fma(r, C[11], C[10])
    q = s * s
    p = fma(fma(fma(f, s, e), q, fma(d, s, c)), q, fma(b, s, a))
    k = np.float64(t).view(np.int64) << DIGITS
    return np.int64(np.float64(p).view(np.int64) + k).view(np.float64)


def _exp_32(x):
    x = min(max(x, -LARGEST_32), LARGEST_32)
    t = fma(x, LOG2_E_32, SHIFTER_32)
    r = fma(t - SHIFTER_32, MINUS_LN_2_32, x)
    s = r * r
    a, b, c = fma(r, C_32[1], C_32[0]), fma(r, C_32[3], C_32[2]), fma(r, C_32[5], C_32[4])
    p = fma(fma(fma(C_32[6], s, c), s, b), s, a)
    k = np.int32(np.float32(t).view(np.int32) << DIGITS_32)
    return np.int32(np.float32(p).view(np.int32) + k).view(np.float32)


@numba.njit(error_model="numpy")
def exp(x):
    """Return e^x of a float32 or float64; beyond +-87 and +-700 that of the bound."""
    return _exp(x)


# ---- vectors ------------------------------------------------------------------------------------


def aligned(shape: tuple[int, ...], real: Any) -> np.ndarray:
    """Return zeros that begin with a line of the cache: a vector on two lines costs twice."""
    size = math.prod(shape) * np.dtype(real).itemsize
    room = np.zeros(size + LINE, np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size].view(real).reshape(shape)


def _bytes(real: ir.Type) -> int:
    return 8 if isinstance(real, ir.DoubleType) else 4


def _place(builder: Any, array: Any, index: Any, vector: ir.Type) -> Any:
    return builder.bitcast(builder.gep(array, [index]), ir.PointerType(vector))


def lagged(span: int) -> Any:
    """Return a function that adds what a group of connections brings in ``span`` steps."""

    @_compiled_only
    def add_lagged(context, total, to, past, now, back, weight, first):
        """Do total[to + k] += weight[e] past[now - back[e] + k] for k < span, e of one GROUP."""

        def generate(context, builder, signature, arguments):
            def array(i):
                return context.make_array(signature.args[i])(context, builder, arguments[i]).data

            to, now, first = arguments[1], arguments[3], arguments[6]
            total, past, back, weight = array(0), array(2), array(4), array(5)
            real = context.get_value_type(signature.args[0].dtype)
            size = _bytes(real)
            width = min(span, VECTOR // size)
            vector = ir.VectorType(real, width)
            weights = builder.load(
                _place(builder, weight, first, ir.VectorType(real, GROUP)), align=size
            )
            kind = ir.FunctionType(vector, [vector] * 3)
            multiply_add = cgutils.get_or_insert_function(
                builder.module, kind, f"llvm.fma.v{width}f{8 * size}"
            )
            steps = [I64(k) for k in range(0, span, width)]
            sums = [_place(builder, total, builder.add(to, k), vector) for k in steps]
            values = [builder.load(p, align=size) for p in sums]
            for e in range(GROUP):
                lag = builder.load(builder.gep(back, [builder.add(first, I64(e))]))
                base = builder.sub(now, lag)
                pick = ir.Constant(ir.VectorType(I32, width), [e] * width)
                spread = builder.shuffle_vector(weights, weights, pick)
                for n, k in enumerate(steps):
                    place = _place(builder, past, builder.add(base, k), vector)
                    heard = builder.load(place, align=size)
                    values[n] = builder.call(multiply_add, [spread, heard, values[n]])
            for p, value in zip(sums, values, strict=True):
                builder.store(value, p, align=size)
            return context.get_dummy_value()

        return types.void(total, to, past, now, back, weight, first), generate

    return add_lagged


@_compiled_only
def transpose(context, source, start, row, target, to, column):
    """Do target[to + k column + j] = source[start + j row + k] for j, k < 4."""

    def generate(context, builder, signature, arguments):
        def array(i):
            return context.make_array(signature.args[i])(context, builder, arguments[i]).data

        start, row, to, column = (arguments[i] for i in (1, 2, 4, 5))
        source, target = array(0), array(3)
        real = context.get_value_type(signature.args[0].dtype)
        vector, size = ir.VectorType(real, 4), _bytes(real)

        def place(array, first, step, k):
            index = builder.add(first, builder.mul(step, I64(k)))
            return _place(builder, array, index, vector)

        def mix(x, y, *lanes):
            return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, 4), lanes))

        r = [builder.load(place(source, start, row, k), align=size) for k in range(4)]
        a, b = mix(r[0], r[1], 0, 4, 2, 6), mix(r[0], r[1], 1, 5, 3, 7)
        c, d = mix(r[2], r[3], 0, 4, 2, 6), mix(r[2], r[3], 1, 5, 3, 7)
        pairs = (
            (a, c, (0, 1, 4, 5)),
            (b, d, (0, 1, 4, 5)),
            (a, c, (2, 3, 6, 7)),
            (b, d, (2, 3, 6, 7)),
        )
        for k, (x, y, lanes) in enumerate(pairs):
            builder.store(mix(x, y, *lanes), place(target, to, column, k), align=size)
        return context.get_dummy_value()

    return types.void(source, start, row, target, to, column), generate
