"""The parts of a brain, and the brain: frozen descriptions that `encephagen.network` builds."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from encephagen import names
from encephagen.brain.spread import Spread, deviates
from encephagen.connectome.connectome import Connectome
from encephagen.digest import digest
from encephagen.models.model import AbstractNeuron
from encephagen.models.receptors import Exponential, Transmitter


@dataclass(frozen=True)
class Poisson:
    """Independent background spikes onto every neuron: rate (Hz), weight (pA) and transmitter."""

    rate_Hz: float
    weight_pA: float
    transmitter: Transmitter

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate_Hz) and self.rate_Hz >= 0):
            raise ValueError(f"background rate_Hz = {self.rate_Hz}: must be finite and 0 or more")
        if not (math.isfinite(self.weight_pA) and self.weight_pA >= 0):
            raise ValueError(
                f"background weight_pA = {self.weight_pA}: must be finite and 0 or more; "
                "inhibition is the receptor's sign"
            )


@dataclass(frozen=True)
class RestingRate:
    """The range of mean rates (Hz) that is published of a nucleus in awake animals at rest."""

    low_Hz: float
    high_Hz: float
    source: str

    def __post_init__(self) -> None:
        if not 0 <= self.low_Hz < self.high_Hz < math.inf:
            raise ValueError(f"resting rate from {self.low_Hz} to {self.high_Hz} Hz: must rise")


@dataclass(frozen=True)
class Population:
    """One cell type, with ``size`` cells in each region ``where`` it lives (None: in every one).

    ``excites`` says what its synapses do to others: excite, or inhibit. ``by_region`` overrides
    parameters of ``neuron``, or ``rate_Hz`` of the background, with one value for each region where
    it lives, in the connectome's order. ``target_Hz`` is the rate at which a working point shall
    hold it in each region (None: it finds its own); cells do not know it, and digests neither.
    ``spread`` makes parameters of ``neuron`` differ from neuron to neuron, as in
    (("E_L_mV", Normal(1.7)),), around what they are in their region. A spread of E_L by s mV is one
    of a constant current by s / R_m: V_reset and V_th stay. ``at_rest`` is the range of rates of a
    nucleus that is not cortex: alarms and figures of cortex know by it whom they judge.
    """

    name: str
    size: int
    neuron: AbstractNeuron
    background: Poisson
    by_region: tuple[tuple[str, tuple[float, ...]], ...] = ()
    excites: bool = field(kw_only=True)
    where: tuple[str, ...] | None = field(default=None, kw_only=True)
    target_Hz: float | None = field(default=None, kw_only=True, metadata={"digest": False})
    spread: tuple[tuple[str, Spread], ...] | None = field(default=None, kw_only=True)
    at_rest: RestingRate | None = field(default=None, kw_only=True, metadata={"digest": False})

    def __post_init__(self) -> None:
        if not isinstance(self.excites, bool):
            raise ValueError(
                f"population {self.name!r} has excites = {self.excites!r}: say True or False"
            )
        if self.where is not None and not self.where:
            raise ValueError(
                f"population {self.name!r} lives in no region: name some, or None for all; "
                "those that are not cortical are in hcp_aal2(subcortex=True)"
            )
        if self.where is not None and len(set(self.where)) < len(self.where):
            raise ValueError(f"population {self.name!r} lives in {self.where!r}: name each once")
        if self.target_Hz is not None and not 0 < self.target_Hz < math.inf:
            raise ValueError(
                f"population {self.name!r} has target_Hz {self.target_Hz}: must be above 0, or None"
            )
        if not isinstance(self.size, (int, np.integer)) or self.size < 1:
            raise ValueError(
                f"population {self.name!r} has size {self.size!r}: must be a whole number over 0"
            )
        parameters = [f.name for f in dataclasses.fields(self.neuron)]  # type: ignore[arg-type]
        for known, given in ([*parameters, "rate_Hz"], self.by_region), (parameters, self.spread):
            told = [name for name, _ in given or ()]
            for name in told:
                if name not in known:
                    raise ValueError(
                        f"population {self.name!r} has no parameter {name!r}; "
                        f"{names.hint(name, known)}"
                    )
                if told.count(name) > 1:
                    raise ValueError(
                        f"population {self.name!r} has {name!r} {told.count(name)} times: give it "
                        "once"
                    )
        for name, spread in self.spread or ():
            if not isinstance(spread, Spread):
                raise ValueError(
                    f"population {self.name!r}, {name} spread by {spread!r}: give Normal(sd) or "
                    "Lognormal(sd)"
                )
            for value in spread.of(getattr(self.neuron, name), deviates(self.size))[[0, -1]]:
                try:
                    dataclasses.replace(self.neuron, **{name: float(value)})  # type: ignore[type-var]
                except ValueError as error:
                    raise ValueError(
                        f"population {self.name!r}, {name} spread by {spread}: {error}; spread it "
                        "less"
                    ) from None

    def cell(self, place: int) -> tuple[AbstractNeuron, Poisson]:
        """Return the neuron and the background in region number ``place`` of those it lives in."""
        values = {name: value[place] for name, value in self.by_region}
        background = self.background
        if "rate_Hz" in values:
            background = dataclasses.replace(background, rate_Hz=values.pop("rate_Hz"))
        neuron = dataclasses.replace(self.neuron, **values) if values else self.neuron  # type: ignore[type-var]
        return neuron, background


@dataclass(frozen=True)
class Within:
    """Connect inside each region: every pair with the same probability (no autapses)."""

    probability: float
    where: ClassVar[str] = "within"

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"connection probability {self.probability}: must be in [0, 1]")

    def mean_in_degree(self, n_sources: int) -> float:
        """Return the mean number of sources of a neuron that has ``n_sources`` to connect to."""
        return n_sources * self.probability


@dataclass(frozen=True)
class Chosen:
    """Connect inside each region: every target neuron to ``in_degree`` source neurons by chance.

    They differ from each other and from the target. By probability, in-degrees differ from neuron
    to neuron, and the mean of a region from one draw to the next, which near the edge of stability
    moves its rate.
    """

    in_degree: int
    where: ClassVar[str] = "within"

    def __post_init__(self) -> None:
        if not isinstance(self.in_degree, int | np.integer) or self.in_degree < 1:
            raise ValueError(f"in_degree = {self.in_degree!r}: must be a whole number over 0")

    def mean_in_degree(self, n_sources: int) -> float:
        """Return the number of sources of a neuron, as `Within.mean_in_degree`."""
        return float(self.in_degree)


@dataclass(frozen=True, eq=False)
class Between:
    """Connect regions: synapses of each target neuron are drawn in proportion to ``weights``.

    A neuron of region t receives ``in_degree`` times W[t].sum() over its mean across regions
    (fractions by chance), each from region s with probability W[t, s] / W[t].sum() and there from
    a random neuron. ``weights`` is (region, region), [target, source]; multapses may occur. Only
    regions where the target, or the source, lives count.
    """

    in_degree: float
    weights: np.ndarray
    where: ClassVar[str] = "between"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.in_degree) and self.in_degree >= 0):
            raise ValueError(f"in_degree = {self.in_degree}: must be finite and 0 or more")
        weights = np.array(self.weights, np.float64)
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise ValueError("weights between regions: must be finite and 0 or more")
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    def drawn(self, targets: np.ndarray, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return in-degrees (region,) and weights (region, region) between two populations.

        ``targets`` and ``sources`` are the regions where they live. In-degrees are the mean over
        neurons of a region, 0 where no target lives.
        """
        weights = np.zeros_like(self.weights)
        weights[np.ix_(targets, sources)] = self.weights[np.ix_(targets, sources)]
        total = weights.sum(axis=1)
        mean = total[targets].mean()
        in_degree = self.in_degree * total / mean if mean > 0 else np.zeros(len(total))
        return in_degree, weights


@dataclass(frozen=True)
class Uniform:
    """Delays drawn uniformly from [low_ms, high_ms], synapse by synapse."""

    low_ms: float
    high_ms: float

    def __post_init__(self) -> None:
        if not 0 < self.low_ms <= self.high_ms < math.inf:
            raise ValueError(
                f"delays from {self.low_ms} to {self.high_ms} ms: must be above 0, low to high"
            )


@dataclass(frozen=True, eq=False)
class Conduction:
    """Delays of conduction: fibre length over velocity, (region, region), [target, source]."""

    delay_ms: np.ndarray

    def __post_init__(self) -> None:
        delay_ms = np.array(self.delay_ms, np.float64)
        if delay_ms.ndim != 2 or not (np.isfinite(delay_ms).all() and (delay_ms >= 0).all()):
            raise ValueError(
                f"conduction delays of shape {delay_ms.shape}: must be (region, region), finite "
                "and 0 or more"
            )
        delay_ms.flags.writeable = False
        object.__setattr__(self, "delay_ms", delay_ms)

    @classmethod
    def along(cls, connectome: Connectome, velocity_mm_per_ms: float) -> "Conduction":
        """Return the delays of the connectome's fibres at a velocity (mm/ms, the same as m/s).

        Raises ValueError where the connectome has no lengths or the velocity is not positive.
        """
        if connectome.lengths_mm is None:
            raise ValueError(
                f"connectome {connectome.name!r} has no fibre lengths, so conduction delays cannot "
                "be: give lengths_mm, or say delay=Uniform(low_ms, high_ms) for all of them"
            )
        if not (math.isfinite(velocity_mm_per_ms) and velocity_mm_per_ms > 0):
            raise ValueError(f"velocity {velocity_mm_per_ms} mm/ms: must be finite and above 0")
        return cls(connectome.lengths_mm / velocity_mm_per_ms)


@dataclass(frozen=True)
class Weight:
    """Synaptic weights (pA): a mean, and a lognormal spread.

    ``spread`` is the standard deviation of the logarithm; the mean is kept (Song et al. 2005,
    doi 10.1371/journal.pbio.0030068, found lognormal weights). ``by_region`` multiplies the mean
    by one factor a target region.
    """

    mean_pA: float
    spread: float = 0.0
    by_region: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_pA) and self.mean_pA >= 0):
            raise ValueError(
                f"weight mean_pA = {self.mean_pA}: must be finite and 0 or more; inhibition is the "
                "receptor's sign"
            )
        if not 0 <= self.spread <= 2:
            raise ValueError(f"weight spread = {self.spread}: must be in [0, 2]")
        if any(not (math.isfinite(f) and f >= 0) for f in self.by_region):
            raise ValueError("weight by_region: factors must be finite and 0 or more")


@dataclass(frozen=True)
class Projection:
    """Synapses from one population to another, in or between all regions."""

    source: str
    target: str
    rule: Within | Chosen | Between
    weight: Weight
    delay: Uniform | Conduction
    transmitter: Transmitter

    @property
    def name(self) -> str:
        """Return "E->I within" or "E->I between"."""
        return f"{self.source}->{self.target} {self.rule.where}"


@dataclass(frozen=True)
class Port:
    """A named group of regions through which the world reaches the brain, or it the world."""

    name: str
    regions: tuple[str, ...]
    population: str


@dataclass(frozen=True)
class Brain:
    """What there is: a connectome, populations in its regions, projections, and ports.

    Fragments of a brain on one connectome are joined with ``+``. Frozen; brains are equal when
    their `digest` is. What it was made of is told beside that, and not part of it: the name of its
    ``recipe``, the digest of the recipe's ``numbers``, which ``working_point`` it has, and which
    regions have cells of another structure as ``stand_ins``.
    """

    connectome: Connectome
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    ports: tuple[Port, ...] = ()
    recipe: str = ""
    numbers: str = ""
    working_point: str = ""
    stand_ins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = [p.name for p in self.populations]
        if len(set(known)) != len(known):
            raise ValueError(f"populations {known}: names must differ")
        for population in self.populations:
            where = self.regions_of(population.name)
            for name, values in population.by_region:
                if len(values) != len(where):
                    raise ValueError(
                        f"population {population.name!r}: {name} has {len(values)} values for "
                        f"{len(where)} regions"
                    )
        n, sizes = self.connectome.n, {p.name: p.size for p in self.populations}
        for projection in self.projections:
            for end in (projection.source, projection.target):
                if end not in known:
                    raise ValueError(
                        f"projection {projection.name!r}: no population {end!r}; "
                        f"{names.hint(end, known)}"
                    )
            excites = self.populations[known.index(projection.source)].excites
            if any((r.sign > 0) != excites for r in projection.transmitter.receptors):
                raise ValueError(
                    f"projection {projection.name!r}: population {projection.source!r} "
                    f"{'excites' if excites else 'inhibits'}, and its transmitter opens a receptor "
                    "that does not: give another transmitter, or say what the population does"
                )
            if isinstance(projection.rule, Chosen):
                most = sizes[projection.source] - (projection.source == projection.target)
                if projection.rule.in_degree > most:
                    raise ValueError(
                        f"projection {projection.name!r}: in_degree {projection.rule.in_degree}, "
                        f"and a region has {most} neurons of {projection.source!r} to choose from"
                    )
            for what, matrix in _matrices(projection):
                if matrix.shape != (n, n):
                    raise ValueError(
                        f"projection {projection.name!r}: {what} have shape {matrix.shape}, the "
                        f"connectome has {n} regions"
                    )
            factors = projection.weight.by_region
            if factors and len(factors) != n:
                raise ValueError(
                    f"projection {projection.name!r}: {len(factors)} weight factors for {n} regions"
                )

    def regions_of(self, population: str) -> np.ndarray:
        """Return the positions (k,) of the regions where a population lives, in their order."""
        (found,) = (p for p in self.populations if p.name == population)
        if found.where is None:
            return np.arange(self.connectome.n)
        return np.sort([self.connectome.index(name) for name in found.where])

    def __add__(self, other: "Brain") -> "Brain":
        """Return the union of two fragments on the same connectome."""
        if self.connectome != other.connectome:
            raise ValueError(
                f"fragments on {self.connectome.name!r} and {other.connectome.name!r}: "
                "build both on one connectome"
            )
        return Brain(
            self.connectome,
            self.populations + other.populations,
            self.projections + other.projections,
            self.ports + other.ports,
            _both(self.recipe, other.recipe),
            _both(self.numbers, other.numbers),
            _both(self.working_point, other.working_point),
            self.stand_ins + other.stand_ins,
        )

    def __repr__(self) -> str:
        cells = ", ".join(p.name for p in self.populations)
        return (
            f"Brain {self.recipe or 'of no recipe'!r} on {self.connectome.name!r}: "
            f"{self.connectome.n} regions, populations {cells or 'none'}, {len(self.projections)} "
            f"projections, working point {self.working_point or 'none'}, digest "
            f"{self.digest()[:12]}"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Brain) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    @property
    def receptors(self) -> tuple[Exponential, ...]:
        """Return the distinct receptors, in order of appearance."""
        sources = [p.background.transmitter for p in self.populations]
        sources += [p.transmitter for p in self.projections]
        return tuple(dict.fromkeys(r for t in sources for r in t.receptors))

    def digest(self) -> str:
        """Return the SHA-256 of everything that this brain is."""
        return digest(self.connectome.digest(), self.populations, self.projections, self.ports)


def _matrices(projection: Projection) -> list[tuple[str, np.ndarray]]:
    """Return what of a projection is given for pairs of regions."""
    rule, delay = projection.rule, projection.delay
    found = [("weights", rule.weights)] if isinstance(rule, Between) else []
    return found + ([("delays", delay.delay_ms)] if isinstance(delay, Conduction) else [])


def _both(one: str, other: str) -> str:
    return " + ".join(dict.fromkeys(filter(None, [one, other])))
