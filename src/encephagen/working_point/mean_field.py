"""Mean field: what theory says of a brain before a spike is simulated.

Every population of every region is one unit with a rate. Its input is a diffusion (mean and
variance from all projections and the background) and its rate that of a leaky integrate-and-fire
neuron under coloured noise. From the fixed point follow gains, the leading eigenvalue (1 is the
edge of stability) and the covariance of slow fluctuations, hence a functional connectivity.

Fourcaud and Brunel 2002 (doi 10.1162/089976602320264015) for the rate; Grytskyy et al. 2013
(doi 10.3389/fncom.2013.00131) for the covariances. Receptors slower than the membrane drive it but
do not shake it: their variance is left out. Measured against the engine on the default brain, the
rates of regions agree within about a tenth.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import erfcx

from encephagen.brain.spec import Brain, Projection, Within
from encephagen.models.lif import LIF
from encephagen.units import MS_PER_S

SHIFT = 2.065 / 2  # |zeta(1/2)| sqrt(2) / 2: threshold shift of coloured noise, Fourcaud and Brunel
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(40)


def lif_rate_Hz(
    mean_mV: np.ndarray,
    sd_mV: np.ndarray,
    threshold_mV: np.ndarray,
    reset_mV: np.ndarray,
    tau_m_s: np.ndarray,
    tau_syn_s: np.ndarray,
    t_ref_s: np.ndarray,
) -> np.ndarray:
    """Return the stationary rate of LIF neurons under coloured noise (all arguments (unit,)).

    ``sd_mV`` is that of the white noise, sqrt(tau_m) times its strength; potentials above rest.
    """
    shift = np.sqrt(tau_syn_s / tau_m_s) * SHIFT
    high = np.clip((threshold_mV - mean_mV) / sd_mV + shift, -30.0, 11.0)
    low = np.clip((reset_mV - mean_mV) / sd_mV + shift, high - 60.0, high - 1e-9)
    middle, area = (low + high) / 2, 0.0
    for a, b in ((low, middle), (middle, high)):
        u = ((b - a)[:, None] * NODES + (a + b)[:, None]) / 2
        area = area + (erfcx(-u) @ NODE_WEIGHTS) * (b - a) / 2
    return 1.0 / (t_ref_s + tau_m_s * np.sqrt(np.pi) * area)


@dataclass(frozen=True, eq=False)
class MeanField:
    """The rate equations of a brain; unit = region * n_populations + population.

    ``mean`` (unit, unit) mV and ``variance`` (unit, unit) mV^2 s are what a rate of 1 Hz of one
    unit gives to another; ``background_mean`` and ``background_variance`` (unit,) the same for 1 Hz
    of background.
    """

    brain: Brain
    mean: np.ndarray
    variance: np.ndarray
    background_Hz: np.ndarray
    background_mean: np.ndarray
    background_variance: np.ndarray

    @classmethod
    def of(cls, brain: Brain) -> "MeanField":
        """Return the mean field of a brain; ValueError for neurons that are not `LIF`."""
        n, names = brain.connectome.n, [p.name for p in brain.populations]
        k = len(names)
        cells = [p.cell(r) for r in range(n) for p in brain.populations]
        for neuron, _ in cells:
            if not isinstance(neuron, LIF):
                raise ValueError(
                    f"mean field knows no rate of {type(neuron).__name__}: give a brain of LIF"
                )
        R = np.array([c.R_m_MOhm for c, _ in cells]) / MS_PER_S  # mV per pA
        tau_m_s = np.array([c.tau_m_ms for c, _ in cells]) / MS_PER_S
        mean, variance = np.zeros((n * k, n * k)), np.zeros((n * k, n * k))
        for p in brain.projections:
            t, s = names.index(p.target), names.index(p.source)
            degree = in_degrees(brain, p)
            first = p.transmitter.receptors[0]
            charge = first.sign * p.weight.mean_pA * first.tau_syn_ms / MS_PER_S
            factor = np.array(p.weight.by_region) if p.weight.by_region else np.ones(n)
            rows, columns = np.arange(n) * k + t, np.arange(n) * k + s
            at = np.ix_(rows, columns)
            unit = (R[rows] * factor * charge)[:, None]
            mean[at] += degree * unit
            second = np.exp(p.weight.spread**2)  # mean square of a lognormal weight over its mean^2
            for receptor, f in zip(p.transmitter.receptors, p.transmitter.fractions, strict=True):
                fast = receptor.tau_syn_ms / MS_PER_S <= tau_m_s[rows]
                variance[at] += degree * (unit * f) ** 2 * second * fast[:, None]
        background = [b for _, b in cells]
        charge = np.array(
            [
                b.transmitter.receptors[0].sign
                * b.weight_pA
                * b.transmitter.receptors[0].tau_syn_ms
                / MS_PER_S
                for b in background
            ]
        )
        fast = np.array([b.transmitter.fractions[0] for b in background])
        return cls(
            brain,
            mean,
            variance,
            np.array([b.rate_Hz for b in background]),
            R * charge,
            (R * charge * fast) ** 2,
        )

    @cached_property
    def _cells(self) -> dict[str, np.ndarray]:
        cells = [
            (p.cell(r)[0], p.background.transmitter.receptors[0].tau_syn_ms)
            for r in range(self.brain.connectome.n)
            for p in self.brain.populations
        ]
        rows = [
            (c.V_th_mV - c.E_L_mV, c.V_reset_mV - c.E_L_mV, c.tau_m_ms, tau_syn_ms, c.t_ref_ms)
            for c, tau_syn_ms in cells
            if isinstance(c, LIF)
        ]
        threshold, reset, tau_m, tau_syn, t_ref = np.array(rows).T
        return {
            "threshold_mV": threshold,
            "reset_mV": reset,
            "tau_m_s": tau_m / MS_PER_S,
            "tau_syn_s": tau_syn / MS_PER_S,
            "t_ref_s": t_ref / MS_PER_S,
        }

    @property
    def size(self) -> np.ndarray:
        """Neurons (unit,) of each unit."""
        return np.tile([p.size for p in self.brain.populations], self.brain.connectome.n)

    def units(self, population: str) -> np.ndarray:
        """Return the units (region,) of a population."""
        names = [p.name for p in self.brain.populations]
        return np.arange(self.brain.connectome.n) * len(names) + names.index(population)

    def inputs(self, rate_Hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation (unit,) of the input (mV) at given rates."""
        mean = self.mean @ rate_Hz + self.background_mean * self.background_Hz
        power = self.variance @ rate_Hz + self.background_variance * self.background_Hz
        return mean, np.sqrt(np.maximum(power, 1e-12) / self._cells["tau_m_s"])

    def respond(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return the rates (unit,) that units fire at when they receive given rates."""
        return lif_rate_Hz(*self.inputs(rate_Hz), **self._cells)

    def fixed_point(
        self, start_Hz: np.ndarray | float = 2.0, *, steps: int = 400, rate: float = 0.1
    ) -> np.ndarray:
        """Return the rates (unit,) that feed back into themselves, relaxed from ``start_Hz``.

        Where rates do not settle (no stable point, or ``steps`` too few) it returns where they
        were last: `residual_Hz` of the answer says which.
        """
        x = np.broadcast_to(np.asarray(start_Hz, float), self.size.shape).copy()
        for _ in range(steps):
            change = self.respond(x) - x
            x = np.clip(x + rate * change, 0.0, 500.0)
            if np.abs(change).max() < 1e-5:
                break
        return x

    def residual_Hz(self, rate_Hz: np.ndarray) -> float:
        """Return max |respond(rate) - rate| (Hz) over units; at a fixed point it is 0."""
        return float(np.abs(self.respond(rate_Hz) - rate_Hz).max())

    def balanced(
        self, rate_Hz: float, population: str = "E", *, steps: int = 200
    ) -> tuple["MeanField", np.ndarray]:
        """Return the mean field whose background makes all units of ``population`` fire alike.

        The other populations keep their background and find their own rates. Also returns the
        rates (unit,) at that point, which is a fixed point, stable or not. Raises ValueError when
        no such background is found within ``steps``.
        """
        units = self.units(population)
        others = np.setdiff1d(np.arange(self.size.size), units)
        x = self.fixed_point(rate_Hz, steps=50)
        x[units] = rate_Hz
        background_Hz = self.background_Hz.copy()
        field = self
        for _ in range(steps):
            field = MeanField(
                self.brain,
                self.mean,
                self.variance,
                background_Hz,
                self.background_mean,
                self.background_variance,
            )
            for _ in range(5):
                x[others] += 0.3 * (field.respond(x) - x)[others]
            error = np.log((field.respond(x) + 1e-3) / (x + 1e-3))  # x is rate_Hz at `units`
            if np.abs(error).max() < 1e-4:
                return field, x
            background_Hz = background_Hz.copy()
            background_Hz[units] *= np.exp(-0.05 * np.clip(error[units], -1, 1))
        raise ValueError(
            f"found no background that makes all {population} fire at {rate_Hz:g} Hz: after "
            f"{steps} steps rates are {field.residual_Hz(x):.2g} Hz off; give another rate, or "
            "more steps"
        )

    def feedback(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return d respond / d rate (unit, unit) at given rates: the linearised network."""
        by_mean, by_variance = self._slopes(rate_Hz)
        return by_mean[:, None] * self.mean + by_variance[:, None] * self.variance

    def background_gain(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return d respond / d background (unit,) at given rates."""
        by_mean, by_variance = self._slopes(rate_Hz)
        return by_mean * self.background_mean + by_variance * self.background_variance

    def _slopes(self, rate_Hz: np.ndarray, step_mV: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
        """Return how the response (unit,) changes with the mean and the variance of the input."""
        mean, sd = self.inputs(rate_Hz)
        cells = self._cells
        by_mean = (
            lif_rate_Hz(mean + step_mV, sd, **cells) - lif_rate_Hz(mean - step_mV, sd, **cells)
        ) / (2 * step_mV)
        by_sd = (
            lif_rate_Hz(mean, sd + step_mV, **cells) - lif_rate_Hz(mean, sd - step_mV, **cells)
        ) / (2 * step_mV)
        return by_mean, by_sd / (2 * sd * cells["tau_m_s"])

    def leading_eigenvalue(self, rate_Hz: np.ndarray) -> float:
        """Return the largest real part of the eigenvalues of `feedback`; 1 is instability."""
        return float(np.linalg.eigvals(self.feedback(rate_Hz)).real.max())

    def correlation(
        self, rate_Hz: np.ndarray, population: str = "E", *, feedback: float = 1.0
    ) -> np.ndarray:
        """Return the correlation (region, region) of slow fluctuations, from finite-size noise.

        C = K D K^T with K = (1 - f J)^-1, J the feedback of which only a part f counts, and D the
        shot noise, rate over number of neurons.
        """
        K = np.linalg.inv(np.eye(self.size.size) - feedback * self.feedback(rate_Hz))
        covariance = (K * (rate_Hz / self.size)) @ K.T
        units = self.units(population)
        covariance = covariance[np.ix_(units, units)]
        sd = np.sqrt(np.diag(covariance))
        return covariance / sd / sd[:, None]

    def response(self, rate_Hz: np.ndarray, source: int, population: str = "E") -> np.ndarray:
        """Return the linear response (region,) to a lasting push of a region, which is 1 there."""
        K = np.linalg.inv(np.eye(self.size.size) - self.feedback(rate_Hz))
        units = self.units(population)
        return K[units, units[source]] / K[units[source], units[source]]


def in_degrees(brain: Brain, projection: Projection) -> np.ndarray:
    """Return the mean synapses (region, region), [target, source], that a target neuron gets."""
    sizes = {p.name: p.size for p in brain.populations}
    if isinstance(projection.rule, Within):
        own = projection.source == projection.target
        n = (sizes[projection.source] - own) * projection.rule.probability
        return n * np.eye(brain.connectome.n)
    ends = (brain.regions_of(name) for name in (projection.target, projection.source))
    in_degree, weights = projection.rule.drawn(*ends)
    total = weights.sum(axis=1, keepdims=True)
    share = weights / np.where(total > 0, total, 1.0)
    return in_degree[:, None] * share
