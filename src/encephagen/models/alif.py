"""Adaptive leaky integrate-and-fire neuron: its threshold rises with each spike."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from encephagen.models.lif import Membrane
from encephagen.models.model import positive
from encephagen.units import param

BELLEC = "Bellec et al. 2020, doi 10.1038/s41467-020-17236-y"


class State(NamedTuple):
    """Membrane potential above rest (mV), refractory steps that remain, threshold shift (mV)."""

    V_mV: float
    refractory: float
    adaptation_mV: float


class Constants(NamedTuple):
    """What `advance` needs; potentials above rest, times in steps."""

    decay: float
    threshold_mV: float
    reset_mV: float
    refractory: float
    one: float
    adaptation_decay: float
    adaptation_jump_mV: float
    zero: float


def advance(state, drive, constants):
    """Take one step; return the new state and whether the neuron spiked at its end."""
    clamped = state.refractory >= constants.one
    V_mV = constants.reset_mV if clamped else constants.decay * state.V_mV + drive
    adaptation_mV = constants.adaptation_decay * state.adaptation_mV
    spiked = V_mV >= constants.threshold_mV + adaptation_mV
    waited = state.refractory - constants.one if clamped else state.refractory
    jump_mV = constants.adaptation_jump_mV if spiked else constants.zero
    return (
        State(
            constants.reset_mV if spiked else V_mV,
            constants.refractory if spiked else waited,
            adaptation_mV + jump_mV,
        ),
        spiked,
    )


@dataclass(frozen=True)
class ALIF(Membrane):
    """Leaky integrate-and-fire neuron with an adaptive threshold, V_th + a.

    tau_adapt da/dt = -a, and a jumps by ``adaptation_mV`` at each spike: the ALIF neuron of Bellec
    et al. 2020 (doi 10.1038/s41467-020-17236-y), with reset to V_reset in place of subtraction.
    """

    tau_adapt_ms: float = positive(200.0, "ms", BELLEC)
    adaptation_mV: float = param(1.0, "mV", "free", low=0.0)

    State: ClassVar = State
    Constants: ClassVar = Constants
    advance: ClassVar = staticmethod(advance)

    def constants(self, dt_ms: float) -> tuple[float, ...]:
        """Return the constants of `advance` for steps of ``dt_ms``."""
        return Constants(
            *self.membrane_constants(dt_ms),
            adaptation_decay=math.exp(-dt_ms / self.tau_adapt_ms),
            adaptation_jump_mV=self.adaptation_mV,
            zero=0.0,
        )

    def initial(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return (3, n) initial states, without adaptation."""
        return np.concatenate([self.membrane_initial(rng, n), np.zeros((1, n))])
