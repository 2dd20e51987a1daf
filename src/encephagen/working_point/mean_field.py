"""Mean field: what theory says of a brain before a spike is simulated.

Every population of every region is one unit with a rate. Its input is what Poisson trains of all
projections and of the background add up to, and its rate that of a leaky integrate-and-fire neuron
under it (`transfer`), averaged over its neurons: these differ, since their parameters, in-degrees
and sources do. From the fixed point follow gains, the leading eigenvalue (1 is the edge of
stability) and the covariance of slow fluctuations, hence a functional connectivity.

Roxin et al. 2011 (doi 10.1523/JNEUROSCI.1677-11.2011) for neurons that differ; Grytskyy et al. 2013
(doi 10.3389/fncom.2013.00131) for the covariances. Adaptation raises the threshold of all neurons
of a unit as the unit's mean rate asks for; its fluctuations are left out. Measured against the
engine on the default brain, the rates of regions agree within about a tenth.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from encephagen.brain.blocks import Blocks, cells
from encephagen.brain.spec import Brain, Population
from encephagen.brain.spread import Normal
from encephagen.models.alif import ALIF
from encephagen.models.lif import LIF, Membrane
from encephagen.models.model import AbstractNeuron
from encephagen.units import MS_PER_S
from encephagen.working_point.inputs import Drawn, received
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.transfer import Cells, cumulants_per_Hz, fire_Hz

MOST_HZ = 1e5
"""Background above which none is looked for (free): 10,000 synapses at 10 Hz."""
OTHERS_HZ = 2.0
"""Rate at which units without a target start (free)."""
HALVINGS = 60
"""Of the interval in which a background is: to the precision of a float."""
DEVIATES, SHARES = np.polynomial.hermite_e.hermegauss(16)
SHARES = SHARES / SHARES.sum()
"""Neurons that stand for all of a unit: standard normal deviates, and the share of each."""
SLOPE_MV = 1e-3
"""Step by which slopes are taken."""
SETTLING = 6
"""Rounds in which the spread of rates and that of inputs settle (free)."""

MOST_FEEDBACK, EDGE = 0.78, 0.87
"""Part of theory's feedback that spikes show, and the largest leading eigenvalue of that part.
Measured by a small lasting push of all E (docs/experiments/mean-field.md): six of eight recipes
respond as theory does with 0.76 to 0.79 of its feedback, one of fast interneurons with 0.84 and one
of slow recurrence with 0.95; their leading eigenvalues in spikes are at most 0.93. Noise that
neurons of a region share, and trains that are no Poisson process, are not in theory."""


class Slopes(NamedTuple):
    """How mean and variance of the rates of a unit's neurons change, all (..., 2, unit).

    With the cumulants of their potential (3, 2, unit), with their threshold, and with the variance
    of the mean input over them.
    """

    cumulants: np.ndarray
    threshold: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, eq=False)
class MeanField:
    """The rate equations of a brain; a unit is a block (`Blocks`), a population in a region.

    ``cumulants`` (3, unit, unit) are what a rate of 1 Hz of one unit gives to the potential of
    another: to its mean (mV), variance (mV^2) and third cumulant (mV^3; see `transfer`);
    ``background_cumulants`` (3, unit) the same for 1 Hz of background. ``adaptation_mV`` (unit,) is
    by how much a rate of 1 Hz of its own raises the threshold of a unit. Its neurons differ by
    their parameters, ``own_variance`` (unit,) of the mean (mV^2), and by what is ``drawn``.

    Of rates that differ from those it is ``weakened_at_Hz`` (unit,), only a ``part`` is felt.
    """

    brain: Brain
    blocks: Blocks
    cells: Cells
    cumulants: np.ndarray
    background_Hz: np.ndarray
    background_cumulants: np.ndarray
    adaptation_mV: np.ndarray
    own_variance: np.ndarray
    drawn: tuple[Drawn, ...]
    part: float = 1.0
    weakened_at_Hz: np.ndarray | float = 0.0

    @classmethod
    def of(cls, brain: Brain) -> "MeanField":
        """Return the mean field of a brain.

        Raises ValueError for neurons that are not `LIF` or `ALIF`, and for a spread of parameters
        other than E_L.
        """
        blocks, of_block = Blocks.of(brain), cells(brain)
        for population in brain.populations:
            _check_known(population)
        R = np.array([c.R_m_MOhm for c, _ in of_block]) / MS_PER_S  # mV per pA
        membranes = [c for c, _ in of_block if isinstance(c, Membrane)]
        cell = Cells(
            threshold_mV=np.array([c.V_th_mV - c.E_L_mV for c in membranes]),
            reset_mV=np.array([c.V_reset_mV - c.E_L_mV for c in membranes]),
            tau_m_s=np.array([c.tau_m_ms for c in membranes]) / MS_PER_S,
            tau_syn_s=np.array([b.transmitter.receptors[0].tau_syn_ms for _, b in of_block])
            / MS_PER_S,
            t_ref_s=np.array([c.t_ref_ms for c in membranes]) / MS_PER_S,
        )
        cumulants, drawn = received(brain, blocks, R, cell.tau_m_s)
        background = [b for _, b in of_block]
        of_background = [
            cumulants_per_Hz(b.transmitter, R[[u]], cell.tau_m_s[[u]])[:, 0]
            * b.weight_pA ** np.arange(1, 4)
            for u, b in enumerate(background)
        ]
        own = np.array([sum(s.sd**2 for _, s in p.spread or ()) for p in brain.populations])
        return cls(
            brain=brain,
            blocks=blocks,
            cells=cell,
            cumulants=cumulants,
            background_Hz=np.array([b.rate_Hz for b in background]),
            background_cumulants=np.array(of_background).T,
            adaptation_mV=np.array([_adaptation_mV_per_Hz(c) for c, _ in of_block]),
            own_variance=own[blocks.population],
            drawn=drawn,
        )

    @property
    def size(self) -> np.ndarray:
        """Neurons (unit,) of each unit."""
        return self.blocks.size

    def units(self, population: str) -> np.ndarray:
        """Return the units (k,) of a population, in the order of the regions where it lives."""
        return self.blocks.of_population([p.name for p in self.brain.populations].index(population))

    def by_unit(self, values: np.ndarray) -> np.ndarray:
        """Return values (unit,) from those of (region, population), as recordings have them."""
        return values[self.blocks.region, self.blocks.population]

    @cached_property
    def target_Hz(self) -> np.ndarray:
        """The rate (unit,) at which each unit shall be held, nan where it finds its own."""
        targets = np.array([p.target_Hz or np.nan for p in self.brain.populations], float)
        return targets[self.blocks.population]

    @cached_property
    def excitatory(self) -> np.ndarray:
        """The part (region, unit) of a region's excitatory neurons in each unit, 0 elsewhere.

        Nuclei that are not cortex are left out.
        """
        return self._parts([p.excites and p.at_rest is None for p in self.brain.populations])

    @cached_property
    def seen(self) -> np.ndarray:
        """The part (region, unit) in each unit of the neurons that drive a region's BOLD."""
        return self._parts([p.excites or p.at_rest is not None for p in self.brain.populations])

    def _parts(self, populations: Sequence[bool]) -> np.ndarray:
        """Return the part (region, unit) of a region's neurons of some populations in each unit."""
        chosen = np.array(populations)[self.blocks.population]
        neurons = np.zeros((self.blocks.n_regions, len(self.blocks)))
        neurons[self.blocks.region[chosen], np.flatnonzero(chosen)] = self.size[chosen]
        return neurons / np.maximum(neurons.sum(axis=1, keepdims=True), 1)

    def inputs(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return the cumulants (3, unit) of the potential without threshold, at given rates."""
        return self.cumulants @ rate_Hz + self.background_cumulants * self.background_Hz

    def respond(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return the rates (unit,) that units fire at when they receive given rates."""
        felt_Hz = self._felt(rate_Hz)
        return self._neurons(felt_Hz, self.spread_mV(felt_Hz)) @ SHARES

    def _felt(self, rate_Hz: np.ndarray) -> np.ndarray:
        return self.weakened_at_Hz + self.part * (rate_Hz - self.weakened_at_Hz)

    def spread_mV(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return the standard deviation (unit,) of the input over a unit's neurons (mV).

        Of the mean input, and of as much of it as another variance of the noise is worth: a neuron
        with more inhibition than others has a lower mean, and more noise, which makes up for part.
        Rates of neurons differ as their inputs do, and inputs as the rates of their sources.
        """
        by_rates, by_degrees = self._by_sources(rate_Hz)
        least = self.own_variance + by_degrees @ rate_Hz**2
        variance = least
        for _ in range(SETTLING):
            each = self._neurons(rate_Hz, np.sqrt(variance))
            of_rates = (each - (each @ SHARES)[:, None]) ** 2 @ SHARES
            variance = least + by_rates @ of_rates
        return np.sqrt(variance)

    def _by_sources(self, rate_Hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what variance of rates, and their square, add to that of inputs (unit, unit)."""
        by_rates, by_degrees = np.zeros((2, len(rate_Hz), len(rate_Hz)))
        worth = self._worth(rate_Hz)
        for p in self.drawn:
            of_one = (worth[:, p.rows] * p.synapse).sum(axis=0)
            squared = p.degree * (of_one**2)[:, None]
            by_rates[np.ix_(p.rows, p.columns)] += squared * p.by_rates
            by_degrees[np.ix_(p.rows, p.columns)] += squared * p.by_degrees
        return by_rates, by_degrees

    def _worth(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return how much of the mean input (3, unit) each cumulant is worth to a unit's rate."""
        inputs, raised_mV = self.inputs(rate_Hz), self.adaptation_mV * rate_Hz
        none, slopes = np.zeros(len(rate_Hz)), []
        for k in range(3):
            step = np.zeros((3, 1))
            step[k] = SLOPE_MV
            up, down = (
                self._fire(x, raised_mV, none, np.zeros(1)) for x in (inputs + step, inputs - step)
            )
            slopes.append((up - down)[:, 0])
        silent = np.array([[1.0], [0.0], [0.0]]) * np.ones(len(rate_Hz))  # nothing moves its rate
        return np.divide(slopes, slopes[0], out=silent, where=slopes[0] > 0)

    def quantiles_Hz(self, rate_Hz: np.ndarray, parts: Sequence[float]) -> np.ndarray:
        """Return the rates (unit, part) below which ``parts`` of a unit's neurons fire."""
        return self._neurons(rate_Hz, self.spread_mV(rate_Hz), ndtri(np.asarray(parts, float)))

    def _neurons(
        self, rate_Hz: np.ndarray, spread_mV: np.ndarray, z: np.ndarray = DEVIATES
    ) -> np.ndarray:
        """Return the rates (unit, z) of neurons whose mean input lies z spreads above the unit's.

        Their threshold is raised as the unit's rate ``rate_Hz`` asks for.
        """
        return self._fire(self.inputs(rate_Hz), self.adaptation_mV * rate_Hz, spread_mV, z)

    def _fire(
        self,
        cumulants: np.ndarray,
        raised_mV: np.ndarray,
        spread_mV: np.ndarray,
        z: np.ndarray = DEVIATES,
    ) -> np.ndarray:
        shape = (len(spread_mV), len(z))
        cells = self.cells._replace(threshold_mV=self.cells.threshold_mV + raised_mV)
        each = Cells(*(np.broadcast_to(x[:, None], shape).ravel() for x in cells))
        inputs = np.repeat(cumulants[:, :, None], len(z), axis=2)
        inputs[0] += spread_mV[:, None] * z
        return fire_Hz(inputs.reshape(3, -1), each).reshape(shape)

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
        # Whatever background they have, held units begin as if their sources fired alike.
        field = self._held_at(x, held, np.sqrt(self.own_variance))
        for _ in range(steps):
            x = field._others_settled(x, held, steps)
            before_Hz, field = field.background_Hz, field._held_at(x, held, field.spread_mV(x))
            if np.abs(field.background_Hz - before_Hz).max() < 1e-9 * MOST_HZ:
                self._check_reached(x, held)
                return field, x
        raise NoWorkingPoint(
            f"backgrounds of {self._named(held)} do not settle: how their neurons differ depends "
            "on them too much; give less of a spread"
        )

    def at_targets(self, *, steps: int = 500) -> np.ndarray:
        """Return rates (unit,) with units that have a target at it, where others find their own.

        Raises NoWorkingPoint where these do not settle within ``steps``.
        """
        held = np.isfinite(self.target_Hz)
        return self._others_settled(np.where(held, self.target_Hz, OTHERS_HZ), held, steps)

    def _others_settled(self, x: np.ndarray, held: np.ndarray, steps: int) -> np.ndarray:
        """Return the rates at which the units that are not held feed back into themselves."""
        for _ in range(steps):
            change = np.where(held, 0.0, self.respond(x) - x)
            x = x + 0.2 * change
            if np.abs(change).max() < 1e-6:
                return x
        raise NoWorkingPoint(
            f"with {self._named(held)} at the target, rates of {self._named(~held)} do not "
            f"settle: after {steps} steps they move by {np.abs(change).max():.2g} Hz"
        )

    def _held_at(self, x: np.ndarray, held: np.ndarray, spread_mV: np.ndarray) -> "MeanField":
        """Return the mean field in which held units fire at x, if their inputs differ by that."""
        low_Hz = np.where(held, 0.0, self.background_Hz)
        high_Hz = np.where(held, MOST_HZ, self.background_Hz)
        for _ in range(HALVINGS):
            middle_Hz = (low_Hz + high_Hz) / 2
            over = self.under(middle_Hz)._neurons(x, spread_mV) @ SHARES > x
            low_Hz, high_Hz = np.where(over, low_Hz, middle_Hz), np.where(over, middle_Hz, high_Hz)
        return self.under(np.where(held, (low_Hz + high_Hz) / 2, self.background_Hz))

    def _check_reached(self, x: np.ndarray, held: np.ndarray) -> None:
        """Raise NoWorkingPoint where a unit fires too much without background, or too little."""
        low_Hz = np.where(held, 0.0, self.background_Hz)
        high_Hz = np.where(held, MOST_HZ, self.background_Hz)
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
        """Return d respond / d rate (unit, unit) at given rates: the linearised network.

        What noise is worth against the mean input, in how neurons differ, is held: 2 % at most.
        """
        felt_Hz = self._felt(rate_Hz)
        slopes, (by_rates, by_degrees) = self._slopes(felt_Hz), self._by_sources(felt_Hz)
        # of the mean of the rates of a unit's neurons, and of their variance
        of_mean, of_variance = (
            np.einsum("cu,cuv->uv", slopes.cumulants[:, k], self.cumulants)
            + np.diag(slopes.threshold[k] * self.adaptation_mV)
            for k in range(2)
        )
        spread = np.linalg.solve(
            np.eye(len(rate_Hz)) - by_rates * slopes.spread[1],
            2 * by_degrees * felt_Hz + by_rates @ of_variance,
        )
        return self.part * (of_mean + slopes.spread[0][:, None] * spread)

    def background_gain(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return d respond / d background (unit,) at given rates, each unit's own."""
        slopes = self._slopes(self._felt(rate_Hz))
        return (slopes.cumulants[:, 0] * self.background_cumulants).sum(axis=0)

    def _slopes(self, rate_Hz: np.ndarray) -> Slopes:
        inputs, spread_mV = self.inputs(rate_Hz), self.spread_mV(rate_Hz)
        raised_mV, h = self.adaptation_mV * rate_Hz, SLOPE_MV

        def moments(inputs=inputs, raised_mV=raised_mV, spread_mV=spread_mV) -> np.ndarray:
            each = self._fire(inputs, raised_mV, spread_mV)
            rate = each @ SHARES
            return np.array([rate, (each - rate[:, None]) ** 2 @ SHARES])

        def by_cumulant(k: int) -> np.ndarray:
            step = np.zeros((3, 1))
            step[k] = h
            return (moments(inputs + step) - moments(inputs - step)) / (2 * h)

        higher, lower = moments(raised_mV=raised_mV + h), moments(raised_mV=raised_mV - h)
        wider = moments(spread_mV=np.sqrt(spread_mV**2 + h))
        return Slopes(
            cumulants=np.array([by_cumulant(k) for k in range(3)]),
            threshold=(higher - lower) / (2 * h),
            spread=(wider - moments()) / h,
        )

    def leading_eigenvalue(self, rate_Hz: np.ndarray) -> float:
        """Return the largest real part of the eigenvalues of `feedback`; 1 is instability."""
        return float(np.linalg.eigvals(self.feedback(rate_Hz)).real.max())

    def weakened(self, rate_Hz: np.ndarray, part: float) -> "MeanField":
        """Return the mean field that feels a ``part`` of how rates differ from given ones (unit,).

        At those rates it is as this one, and its `feedback` is that part of this one's.
        """
        return dataclasses.replace(self, part=part, weakened_at_Hz=rate_Hz)

    def in_spikes(self, rate_Hz: np.ndarray) -> "MeanField":
        """Return the mean field `weakened` to the feedback that spikes show around given rates."""
        leading = max(self.leading_eigenvalue(rate_Hz), EDGE / MOST_FEEDBACK)
        return self.weakened(rate_Hz, EDGE / leading)

    def correlation(self, rate_Hz: np.ndarray) -> np.ndarray:
        """Return the correlation (region, region) of slow fluctuations of what drives BOLD.

        C = K D K^T with K = (1 - J)^-1, J the feedback, and D the shot noise of finite size, rate
        over number of neurons. nan where nothing drives it.
        """
        K = np.linalg.inv(np.eye(self.size.size) - self.feedback(rate_Hz))
        covariance = (K * (rate_Hz / self.size)) @ K.T
        covariance = self.seen @ covariance @ self.seen.T
        sd = np.sqrt(np.where(np.diag(covariance) > 0, np.diag(covariance), np.nan))
        return covariance / sd / sd[:, None]

    def response(self, rate_Hz: np.ndarray, source: int) -> np.ndarray:
        """Return the linear response (region,) of excitatory rates to a lasting push of a region's.

        The response of the source itself is 1.
        """
        K = np.linalg.inv(np.eye(self.size.size) - self.feedback(rate_Hz))
        response = self.excitatory @ (K @ (self.excitatory[source] > 0))
        return response / response[source]


def _check_known(population: Population) -> None:
    """Raise ValueError for cells that theory does not know."""
    name = type(population.neuron).__name__
    if type(population.neuron) not in (LIF, ALIF):
        raise ValueError(
            f"mean field knows no rate of {name} (population {population.name!r}): give a brain of "
            "LIF or ALIF, or a working point that was measured"
        )
    for parameter, spread in population.spread or ():
        if parameter != "E_L_mV" or not isinstance(spread, Normal):
            raise ValueError(
                f"mean field knows no spread of {parameter} by {spread} (population "
                f"{population.name!r}): give a normal one of E_L_mV, or a working point that was "
                "measured"
            )


def _adaptation_mV_per_Hz(neuron: AbstractNeuron) -> float:
    """Return by how much a rate of 1 Hz raises the threshold of a neuron."""
    if not isinstance(neuron, ALIF):
        return 0.0
    return neuron.adaptation_mV * neuron.tau_adapt_ms / MS_PER_S
