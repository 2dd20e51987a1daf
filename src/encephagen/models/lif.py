"""Leaky integrate-and-fire neuron."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from encephagen.models.model import AbstractNeuron, positive
from encephagen.units import check, param, whole_steps

POTJANS = "Potjans and Diesmann 2014, doi 10.1093/cercor/bhs358"
JOGLEKAR = "Joglekar et al. 2018, doi 10.1016/j.neuron.2018.02.031"


class State(NamedTuple):
    """Membrane potential above rest (mV) and refractory steps that remain."""

    V_mV: float
    refractory: float


class Constants(NamedTuple):
    """What `advance` needs; potentials above rest, times in steps."""

    decay: float
    threshold_mV: float
    reset_mV: float
    refractory: float
    one: float


def advance(state, drive, constants):
    """Take one step; return the new state and whether the neuron spiked at its end.

    While refractory, the membrane stays at reset and ``drive`` is lost (as in NEST).
    """
    clamped = state.refractory >= constants.one
    V_mV = constants.reset_mV if clamped else constants.decay * state.V_mV + drive
    spiked = V_mV >= constants.threshold_mV
    waited = state.refractory - constants.one if clamped else state.refractory
    return (
        State(
            constants.reset_mV if spiked else V_mV,
            constants.refractory if spiked else waited,
        ),
        spiked,
    )


@dataclass(frozen=True)
class Membrane(AbstractNeuron):
    """The parameters that every leaky integrate-and-fire neuron shares.

    Raises ValueError where a time or the resistance is not positive, or reset is not below
    threshold.
    """

    tau_m_ms: float = positive(20.0, "ms", JOGLEKAR)
    R_m_MOhm: float = positive(40.0, "MOhm", "C_m 250 pF at tau_m 10 ms; " + POTJANS)
    E_L_mV: float = param(-70.0, "mV", JOGLEKAR)
    V_th_mV: float = param(-50.0, "mV", JOGLEKAR)
    V_reset_mV: float = param(-70.0, "mV", "free; Joglekar et al. have -60")
    t_ref_ms: float = param(2.0, "ms", JOGLEKAR, low=0.0)

    def __post_init__(self) -> None:
        name = type(self).__name__
        check(self)
        if self.V_th_mV <= max(self.V_reset_mV, self.E_L_mV):
            raise ValueError(
                f"{name}.V_th_mV = {self.V_th_mV}: must lie above V_reset_mV = "
                f"{self.V_reset_mV} and E_L_mV = {self.E_L_mV}"
            )

    def membrane_constants(self, dt_ms: float) -> Constants:
        """Return the constants of the membrane for steps of ``dt_ms``.

        Raises ValueError where t_ref is no whole number of steps.
        """
        return Constants(
            decay=math.exp(-dt_ms / self.tau_m_ms),
            threshold_mV=self.V_th_mV - self.E_L_mV,
            reset_mV=self.V_reset_mV - self.E_L_mV,
            refractory=float(whole_steps("t_ref_ms", self.t_ref_ms, dt_ms, least=0)),
            one=1.0,
        )

    def membrane_initial(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return (2, n): potentials uniform between reset and threshold, none refractory."""
        V_mV = rng.uniform(self.V_reset_mV, self.V_th_mV, n) - self.E_L_mV
        return np.stack([V_mV, np.zeros(n)])


@dataclass(frozen=True)
class LIF(Membrane):
    """Leaky integrate-and-fire neuron, integrated exactly on the grid.

    tau_m dV/dt = -(V - E_L) + R_m I; at V >= V_th a spike, then V = V_reset for t_ref. The same
    as NEST's ``iaf_psc_exp`` with C_m = tau_m / R_m, spikes on the grid (Rotter and Diesmann 1999,
    doi 10.1007/s004220050570).
    """

    State: ClassVar = State
    Constants: ClassVar = Constants
    advance: ClassVar = staticmethod(advance)

    def constants(self, dt_ms: float) -> tuple[float, ...]:
        """Return the constants of `advance` for steps of ``dt_ms``."""
        return self.membrane_constants(dt_ms)

    def initial(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Return (2, n) initial states."""
        return self.membrane_initial(rng, n)
