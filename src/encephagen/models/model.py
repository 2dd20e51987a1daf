"""What every model is: frozen parameters on one side, one scalar equation on the other.

A model's module holds a frozen dataclass of parameters, a ``State`` and a ``Constants`` (both
`typing.NamedTuple`), and a plain scalar function ``advance`` that takes one step of one cell. The
reference engine calls ``advance`` as it is; the compiled engine compiles the same function. It must
therefore stay branch-free where it can (``a if condition else b``), use no literals but those in
its constants (a literal is a float64, and would widen a float32 kernel), and import nothing that
Numba cannot compile.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from encephagen.units import param

Array = np.ndarray
SMALLEST, LARGEST = 1e-6, 1e9  # ms or MOhm, far beyond any cell: no ratio of two overflows


class AbstractNeuron(ABC):
    """A point neuron: parameters, and how they become the constants of ``advance``.

    ``advance(state, drive, constants) -> (state, spiked)`` takes one step. ``drive`` (mV) is what
    all currents add to the membrane in this step, already integrated exactly over it. The first
    state is the membrane potential, in mV above ``E_L_mV``.
    """

    State: ClassVar[Any]
    Constants: ClassVar[Any]
    advance: ClassVar[Callable]

    tau_m_ms: float
    R_m_MOhm: float
    E_L_mV: float

    @abstractmethod
    def constants(self, dt_ms: float) -> Any:
        """Return the ``Constants`` of ``advance`` for steps of ``dt_ms``."""

    @abstractmethod
    def initial(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(states, n)`` initial values, drawn from ``rng``."""


class AbstractReceptor(ABC):
    """A synaptic current: its kinetics, and what it adds to the membrane in a step.

    ``advance(current, jump, constants) -> (current, drive)``: the current (pA) at the start of the
    step drives the membrane (mV) through the step, then decays, then jumps by what arrives at its
    end. `R_m_MOhm` and `tau_m_ms` of the neuron enter the constants, for exact integration.
    """

    Constants: ClassVar[Any]
    advance: ClassVar[Callable]

    tau_syn_ms: float
    sign: float

    @abstractmethod
    def constants(self, neuron: AbstractNeuron, dt_ms: float) -> Any:
        """Return the ``Constants`` of ``advance`` on ``neuron`` for steps of ``dt_ms``."""


def positive(default: float, unit: str, source: str) -> Any:
    """Return a `param` that is positive, within reason."""
    return param(default, unit, source, low=SMALLEST, high=LARGEST)


def constant_current_gain(neuron: AbstractNeuron, dt_ms: float) -> float:
    """Return the mV that 1 pA, constant over a step, adds to the membrane in that step."""
    return -neuron.R_m_MOhm / 1000.0 * math.expm1(-dt_ms / neuron.tau_m_ms)
