"""Wilson-Cowan: the activity of an excitatory and an inhibitory population of one region."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from encephagen.models.model import positive
from encephagen.units import check, param

PAPADOPOULOS = "Papadopoulos et al. 2020, doi 10.1371/journal.pcbi.1008144"
WILSON = "Wilson and Cowan 1972, doi 10.1016/S0006-3495(72)86068-5; " + PAPADOPOULOS


class Constants(NamedTuple):
    """What `slopes` and `derivatives` need; rates per ms."""

    rate_E: float
    rate_I: float
    w_EE: float
    w_EI: float
    w_IE: float
    w_II: float
    gain_E: float
    gain_I: float
    theta_E: float
    theta_I: float
    refractory_E: float
    refractory_I: float
    one: float


def slopes(E, I, drive_E, drive_I, constants, exp=math.exp):  # noqa: E741
    """Return dE/dt and dI/dt per ms, under the drives that reach the two populations."""
    c = constants
    S_E = c.one / (c.one + exp(c.gain_E * (c.theta_E - (c.w_EE * E - c.w_EI * I + drive_E))))
    S_I = c.one / (c.one + exp(c.gain_I * (c.theta_I - (c.w_IE * E - c.w_II * I + drive_I))))
    return (
        c.rate_E * ((c.one - c.refractory_E * E) * S_E - E),
        c.rate_I * ((c.one - c.refractory_I * I) * S_I - I),
    )


def derivatives(E, I, drive_E, drive_I, constants):  # noqa: E741
    """Return the derivatives of `slopes`: of dE/dt by E, I, drive_E, of dI/dt by E, I, drive_I."""
    c = constants
    S_E = c.one / (c.one + math.exp(-c.gain_E * (c.w_EE * E - c.w_EI * I + drive_E - c.theta_E)))
    S_I = c.one / (c.one + math.exp(-c.gain_I * (c.w_IE * E - c.w_II * I + drive_I - c.theta_I)))
    by_drive_E = c.rate_E * (c.one - c.refractory_E * E) * c.gain_E * S_E * (c.one - S_E)
    by_drive_I = c.rate_I * (c.one - c.refractory_I * I) * c.gain_I * S_I * (c.one - S_I)
    return (
        by_drive_E * c.w_EE - c.rate_E * (c.one + c.refractory_E * S_E),
        -by_drive_E * c.w_EI,
        by_drive_E,
        by_drive_I * c.w_IE,
        -by_drive_I * c.w_II - c.rate_I * (c.one + c.refractory_I * S_I),
        by_drive_I,
    )


@dataclass(frozen=True)
class WilsonCowan:
    """Two populations of a region, each a fraction active in unit time.

        tau_E dE/dt = -E + (1 - r_E E) S_E(w_EE E - w_EI I + drive_E)
        tau_I dI/dt = -I + (1 - r_I I) S_I(w_IE E - w_II I + drive_I)
        S(x) = 1 / (1 + exp(-gain (x - theta)))

    A drive is ``drive_E``, or ``drive_I``, and what comes from other regions, stimuli and noise.
    w_EI is onto E, from I. Without input, and at any drive, E stays between 0 and 1/(1 + r_E).
    Wilson and Cowan shift S so that S(0) = 0; we, as most who followed, do not.

    Raises ValueError for a time or gain that is not positive, for a weight or r that is negative,
    and for what is not finite.
    """

    tau_E_ms: float = positive(2.5, "ms", PAPADOPOULOS)
    tau_I_ms: float = positive(3.75, "ms", PAPADOPOULOS)
    w_EE: float = param(16.0, "", WILSON, low=0.0)
    w_EI: float = param(12.0, "", WILSON + "; onto E, from I", low=0.0)
    w_IE: float = param(15.0, "", WILSON, low=0.0)
    w_II: float = param(3.0, "", WILSON, low=0.0)
    gain_E: float = positive(1.5, "", PAPADOPOULOS)
    gain_I: float = positive(1.5, "", PAPADOPOULOS)
    theta_E: float = param(3.0, "", PAPADOPOULOS)
    theta_I: float = param(3.0, "", PAPADOPOULOS)
    refractory_E: float = param(1.0, "", WILSON, low=0.0)
    refractory_I: float = param(1.0, "", WILSON, low=0.0)
    drive_E: float = param(0.0, "", "free")
    drive_I: float = param(0.0, "", "free")

    def __post_init__(self) -> None:
        check(self)

    def constants(self) -> Constants:
        """Return the constants of `slopes` and `derivatives`."""
        return Constants(
            rate_E=1.0 / self.tau_E_ms,
            rate_I=1.0 / self.tau_I_ms,
            w_EE=self.w_EE,
            w_EI=self.w_EI,
            w_IE=self.w_IE,
            w_II=self.w_II,
            gain_E=self.gain_E,
            gain_I=self.gain_I,
            theta_E=self.theta_E,
            theta_I=self.theta_I,
            refractory_E=self.refractory_E,
            refractory_I=self.refractory_I,
            one=1.0,
        )


CORTICAL = WilsonCowan(tau_E_ms=20.0, tau_I_ms=10.0)
"""A region of cortex with the time constants of Joglekar et al. 2018 (doi
10.1016/j.neuron.2018.02.031), as in the spiking brain. With those of Papadopoulos et al. 2020 each
region rings at 40 Hz long before slow modes of the network come near instability."""
