"""Synaptic receptors with exponential currents, and the transmitters that open them together."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from encephagen.models.model import AbstractNeuron, AbstractReceptor, positive
from encephagen.units import check, param


class Constants(NamedTuple):
    """What `advance` needs: decay of the current over a step, and mV a pA adds in it."""

    decay: float
    gain_mV_per_pA: float
    negligible_pA: float
    zero: float


NEGLIGIBLE_PA = 1e-12  # below it a current is nothing; subnormal numbers would slow the kernel


def advance(current_pA, jump_pA, constants):
    """Take one step; return the new current (pA) and the membrane drive (mV) of the old one."""
    decayed = constants.decay * current_pA
    left = constants.zero if decayed < constants.negligible_pA else decayed
    return left + jump_pA, constants.gain_mV_per_pA * current_pA


def propagator(neuron: AbstractNeuron, tau_syn_ms: float, dt_ms: float) -> float:
    """Return the mV that an exponential current, 1 pA at the start of a step, adds in the step.

    R e^(-dt/tau_m) (dt/tau_m) expm1(x)/x with x = dt/tau_m - dt/tau_syn: the propagator P21 of
    Rotter and Diesmann 1999 (doi 10.1007/s004220050570), written so that tau_m -> tau_syn is safe,
    and so that neither e^-x nor e^x can overflow.
    """
    step, x = dt_ms / neuron.tau_m_ms, dt_ms / neuron.tau_m_ms - dt_ms / tau_syn_ms
    growth = -math.expm1(-abs(x)) / abs(x) if x else 1.0
    slower = min(step, dt_ms / tau_syn_ms)
    return neuron.R_m_MOhm / 1000.0 * math.exp(-slower) * step * growth


@dataclass(frozen=True)
class Exponential(AbstractReceptor):
    """A current that jumps at a spike and decays: dI/dt = -I / tau_syn.

    Current-based: the driving force is constant, and NMDA has no voltage dependence; a departure
    from biophysics that Potjans and Diesmann 2014 (doi 10.1093/cercor/bhs358) also make.
    """

    tau_syn_ms: float = positive(5.0, "ms", "free")
    sign: float = param(1.0, "", "+1 excites, -1 inhibits")

    Constants: ClassVar = Constants
    advance: ClassVar = staticmethod(advance)

    def __post_init__(self) -> None:
        check(self)
        if self.sign not in (1.0, -1.0):
            raise ValueError(f"{type(self).__name__}.sign = {self.sign}: must be 1 or -1")

    def constants(self, neuron: AbstractNeuron, dt_ms: float) -> tuple[float, ...]:
        """Return the constants of `advance` on ``neuron`` for steps of ``dt_ms``."""
        gain = self.sign * propagator(neuron, self.tau_syn_ms, dt_ms)
        return Constants(math.exp(-dt_ms / self.tau_syn_ms), gain, NEGLIGIBLE_PA, 0.0)


WANG = "Wang 2002, doi 10.1016/S0896-6273(02)01092-9"


@dataclass(frozen=True)
class AMPA(Exponential):
    """Fast excitation."""

    tau_syn_ms: float = positive(2.0, "ms", WANG)


@dataclass(frozen=True)
class NMDA(Exponential):
    """Slow excitation."""

    tau_syn_ms: float = positive(100.0, "ms", WANG)


@dataclass(frozen=True)
class GABA_A(Exponential):
    """Fast inhibition."""

    tau_syn_ms: float = positive(5.0, "ms", WANG)
    sign: float = param(-1.0, "", "inhibits")


@dataclass(frozen=True)
class Transmitter:
    """What one spike releases: receptors, and the fraction of the charge that each carries.

    A synapse of weight w (pA) carries the charge of a current jump w at the first receptor,
    w tau_0; receptor r jumps by w f_r tau_0 / tau_r. So a change of the fractions moves charge
    between fast and slow currents and leaves the mean drive as it is.
    """

    receptors: tuple[Exponential, ...]
    fractions: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if len(self.receptors) != len(self.fractions) or not self.receptors:
            raise ValueError(
                f"transmitter has {len(self.receptors)} receptors and {len(self.fractions)} "
                "fractions: give one fraction a receptor"
            )
        if min(self.fractions) < 0 or not math.isclose(sum(self.fractions), 1.0, abs_tol=1e-9):
            raise ValueError(
                f"transmitter fractions {self.fractions}: must be 0 or more and sum to 1"
            )

    def jump(self, receptor: Exponential) -> float:
        """Return the jump of ``receptor``'s current for a weight of 1 pA (0 where it has none)."""
        first = self.receptors[0].tau_syn_ms
        return sum(
            f * first / r.tau_syn_ms
            for r, f in zip(self.receptors, self.fractions, strict=True)
            if r == receptor
        )
