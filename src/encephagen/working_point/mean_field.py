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

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import erfcx

from encephagen.brain.blocks import Blocks, cells
from encephagen.brain.spec import Between, Brain, Projection
from encephagen.models.lif import LIF
from encephagen.units import MS_PER_S
from encephagen.working_point.point import NoWorkingPoint

SHIFT = 2.065 / 2  # |zeta(1/2)| sqrt(2) / 2: threshold shift of coloured noise, Fourcaud and Brunel
MOST_HZ = 1e5
"""Background above which none is looked for (free): 10,000 synapses at 10 Hz."""
OTHERS_HZ = 2.0
"""Rate at which units without a target start (free)."""
HALVINGS = 60
"""Of the interval in which a background is: to the precision of a float."""
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
    """The rate equations of a brain; a unit is a block (`Blocks`), a population in a region.

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
        """Return the mean field of a brain; ValueError for neurons not `LIF`, or that differ."""
        blocks, of_block = Blocks.of(brain), cells(brain)
        names = [p.name for p in brain.populations]
        for number, (neuron, _) in zip(blocks.population, of_block, strict=True):
            if not isinstance(neuron, LIF):
                raise ValueError(
                    f"mean field knows no rate of {type(neuron).__name__} (population "
                    f"{names[number]!r}): give a brain of LIF, or a working point that was "
                    "measured"
                )
        for population in brain.populations:
            for name, _ in population.spread or ():
                raise ValueError(
                    f"mean field knows no neurons that differ (population {population.name!r} "
                    f"spreads {name}): give a brain without a spread, or a background of your own"
                )
        R = np.array([c.R_m_MOhm for c, _ in of_block]) / MS_PER_S  # mV per pA
        tau_m_s = np.array([c.tau_m_ms for c, _ in of_block]) / MS_PER_S
        mean, variance = (np.zeros((len(blocks), len(blocks))) for _ in range(2))
        for p in brain.projections:
            rows, columns = (blocks.of_population(names.index(x)) for x in (p.target, p.source))
            to, since = blocks.region[rows], blocks.region[columns]
            degree = in_degrees(brain, p)[np.ix_(to, since)]
            first = p.transmitter.receptors[0]
            charge = first.sign * p.weight.mean_pA * first.tau_syn_ms / MS_PER_S
            factor = np.array(p.weight.by_region)[to] if p.weight.by_region else np.ones(len(to))
            at = np.ix_(rows, columns)
            unit = (R[rows] * factor * charge)[:, None]
            mean[at] += degree * unit
            second = np.exp(p.weight.spread**2)  # mean square of a lognormal weight over its mean^2
            for receptor, f in zip(p.transmitter.receptors, p.transmitter.fractions, strict=True):
                fast = receptor.tau_syn_ms / MS_PER_S <= tau_m_s[rows]
                variance[at] += degree * (unit * f) ** 2 * second * fast[:, None]
        background = [b for _, b in of_block]
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
    def blocks(self) -> Blocks:
        """Who the units are."""
        return Blocks.of(self.brain)

    @cached_property
    def _cells(self) -> dict[str, np.ndarray]:
        rows = [
            (
                c.V_th_mV - c.E_L_mV,
                c.V_reset_mV - c.E_L_mV,
                c.tau_m_ms,
                b.transmitter.receptors[0].tau_syn_ms,
                c.t_ref_ms,
            )
            for c, b in cells(self.brain)
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
        return self.blocks.size

    def units(self, population: str) -> np.ndarray:
        """Return the units (k,) of a population, in the order of the regions where it lives."""
        return self.blocks.of_population([p.name for p in self.brain.populations].index(population))

    @cached_property
    def target_Hz(self) -> np.ndarray:
        """The rate (unit,) at which each unit shall be held, nan where it finds its own."""
        targets = np.array([p.target_Hz or np.nan for p in self.brain.populations], float)
        return targets[self.blocks.population]

    @cached_property
    def excitatory(self) -> np.ndarray:
        """The part (region, unit) of a region's excitatory neurons in each unit, 0 elsewhere."""
        excites = np.array([p.excites for p in self.brain.populations])[self.blocks.population]
        neurons = np.zeros((self.blocks.n_regions, len(self.blocks)))
        neurons[self.blocks.region[excites], np.flatnonzero(excites)] = self.size[excites]
        return neurons / np.maximum(neurons.sum(axis=1, keepdims=True), 1)

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

    def balanced(self, *, steps: int = 500) -> tuple["MeanField", np.ndarray]:
        """Return the mean field whose background makes every unit with a target fire at it.

        Others keep their background and find their own rates, which those with a target, held
        there, give them. Also returns the rates (unit,) at that point, which is a fixed point,
        stable or not. Raises NoWorkingPoint for a brain without targets, where the others do not
        settle within ``steps``, and where no background from 0 to `MOST_HZ` gives the target.
        """
        held = np.isfinite(self.target_Hz)
        if not held.any():
            raise NoWorkingPoint("no population has a target rate: give a recipe with rate_exc_Hz")
        x = np.where(held, self.target_Hz, OTHERS_HZ)
        for _ in range(steps):
            change = np.where(held, 0.0, self.respond(x) - x)
            x = x + 0.2 * change
            if np.abs(change).max() < 1e-6:
                break
        else:
            raise NoWorkingPoint(
                f"with {self._named(held)} at the target, rates of {self._named(~held)} do not "
                f"settle: after {steps} steps they move by {np.abs(change).max():.2g} Hz"
            )
        low_Hz, high_Hz = np.where(held, 0.0, self.background_Hz), self.background_Hz.copy()
        high_Hz[held] = MOST_HZ
        self._check_reached(x, low_Hz, high_Hz, held)
        for _ in range(HALVINGS):
            middle_Hz = (low_Hz + high_Hz) / 2
            over = self.under(middle_Hz).respond(x) > x
            low_Hz, high_Hz = np.where(over, low_Hz, middle_Hz), np.where(over, middle_Hz, high_Hz)
        return self.under(np.where(held, (low_Hz + high_Hz) / 2, self.background_Hz)), x

    def _check_reached(
        self, x: np.ndarray, low_Hz: np.ndarray, high_Hz: np.ndarray, held: np.ndarray
    ) -> None:
        """Raise NoWorkingPoint where a unit fires too much without background, or too little."""
        least_Hz, most_Hz = self.under(low_Hz).respond(x), self.under(high_Hz).respond(x)
        over = held & ~(least_Hz <= x)  # also what is no number
        if over.any():
            worst = int(np.argmax(np.where(over, least_Hz / x, 0.0)))
            raise NoWorkingPoint(
                f"found no background for {self._named(over)}: without any it fires at "
                f"{least_Hz[worst]:.3g} Hz in region "
                f"{self.brain.connectome.names[self.blocks.region[worst]]!r}, its target is "
                f"{x[worst]:g} Hz, so strong are its connections; divide strengths out (--balance "
                "--set strength_exponent=0.5)"
            )
        under = held & ~(most_Hz >= x)
        if under.any():
            raise NoWorkingPoint(
                f"found no background for {self._named(under)}: under {MOST_HZ:g} Hz it fires at "
                f"{most_Hz[under].min():.3g} Hz, its target is {x[under].max():g} Hz; give a lower "
                "target, or background_weight_pA a larger value"
            )

    def _named(self, units: np.ndarray) -> str:
        """Return units (a mask) as text: their populations, and in how many regions."""
        populations = [
            self.brain.populations[i].name for i in np.unique(self.blocks.population[units])
        ]
        n = len(np.unique(self.blocks.region[units]))
        return f"{' and '.join(populations)} in {n} of {self.brain.connectome.n} regions"

    def under(self, background_Hz: np.ndarray) -> "MeanField":
        """Return the same mean field under another background (unit,)."""
        return dataclasses.replace(self, background_Hz=background_Hz)

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

    def correlation(self, rate_Hz: np.ndarray, *, feedback: float = 1.0) -> np.ndarray:
        """Return the correlation (region, region) of slow fluctuations of excitatory rates.

        C = K D K^T with K = (1 - f J)^-1, J the feedback of which only a part f counts, and D the
        shot noise of finite size, rate over number of neurons. nan where nothing excites.
        """
        K = np.linalg.inv(np.eye(self.size.size) - feedback * self.feedback(rate_Hz))
        covariance = (K * (rate_Hz / self.size)) @ K.T
        covariance = self.excitatory @ covariance @ self.excitatory.T
        sd = np.sqrt(np.where(np.diag(covariance) > 0, np.diag(covariance), np.nan))
        return covariance / sd / sd[:, None]

    def response(self, rate_Hz: np.ndarray, source: int) -> np.ndarray:
        """Return the linear response (region,) of excitatory rates to a lasting push of a region's.

        The response of the source itself is 1.
        """
        K = np.linalg.inv(np.eye(self.size.size) - self.feedback(rate_Hz))
        response = self.excitatory @ (K @ (self.excitatory[source] > 0))
        return response / response[source]


def in_degrees(brain: Brain, projection: Projection) -> np.ndarray:
    """Return the mean synapses (region, region), [target, source], that a target neuron gets."""
    sizes = {p.name: p.size for p in brain.populations}
    if not isinstance(projection.rule, Between):
        own = projection.source == projection.target
        n = projection.rule.mean_in_degree(sizes[projection.source] - own)
        return n * np.eye(brain.connectome.n)
    ends = (brain.regions_of(name) for name in (projection.target, projection.source))
    in_degree, weights = projection.rule.drawn(*ends)
    total = weights.sum(axis=1, keepdims=True)
    share = weights / np.where(total > 0, total, 1.0)
    return in_degree[:, None] * share
