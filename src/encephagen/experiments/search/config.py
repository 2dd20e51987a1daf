"""The numbers of a fit: what is free, and within which bounds; how long is searched, on whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import fmri

if TYPE_CHECKING:
    import xarray as xr

FREE = {
    "rate_exc_Hz": (2.0, 3.5),
    "weight_ee_pA": (15.0, 60.0),
    "weight_ei_pA": (5.0, 100.0),
    "weight_ie_pA": (50.0, 450.0),
    "weight_ii_pA": (50.0, 450.0),
    "long_weight_pA": (10.0, 62.0),
    "feedforward_inhibition": (0.5, 1.3),
    "strength_exponent": (0.01, 0.6),
    "nmda_fraction": (0.25, 0.5),
    "recurrent_gradient": (0.01, 1.0),
    "tau_gaba_ms": (4.0, 10.0),
    "background_weight_pA": (30.0, 85.0),
    "background_rate_Hz": (200.0, 3000.0),
}
"""The free parameters and where they are searched (on a logarithmic scale). Long-range synapses
stay under 62 pA and those of the background under 85: of heavier ones, few make a spike, and theory
parts from spikes (long-range 82 pA: FC r 0.76 in theory, 0.27 in spikes; background 130 pA with 5 %
NMDA: 0.65 and 0.31)."""

LEAST_MINUTES = 1.0
"""Of a simulation: BOLD begins after half a minute (free)."""

WORST = -10.0
"""Score of a recipe without a fixed point at its rate."""


@dataclass(frozen=True)
class Config:
    """The numbers of a fit.

    ``train`` and ``test`` are subjects by their place in the data. ``start`` are the numbers of a
    cortex around which is searched, or, with ``everywhere``, whose numbers are kept but for those
    that are searched. ``hold`` names some of `FREE` that are not. Without a start, and everywhere,
    the search begins at the best of ``starts`` all over the box.
    """

    dataset: str = "hcp-aal2"
    start: dict[str, float] | None = None
    everywhere: bool = False
    hold: tuple[str, ...] = ()
    train: tuple[int, ...] = (0, 1, 2, 3)
    test: tuple[int, ...] = (4, 5, 6)
    starts: int = 512
    generations: int = 60
    population: int = 24
    finalists: int = 6
    rounds: int = 3
    minutes: float = 4.0
    winners: int = 2
    long_minutes: float = 12.0
    seeds: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise ValueError(f"subjects {both} are in train and test; a subject is in one of them")
        if not self.train or min(self.starts, self.population, self.finalists, self.winners) < 1:
            raise ValueError("a fit needs a training subject, starts, a population and finalists")
        for name in ("minutes", "long_minutes"):
            if not LEAST_MINUTES <= getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} {getattr(self, name):g}: expected {LEAST_MINUTES:g} or more, or there "
                    "is no functional connectivity to tell"
                )
        _check_start(self)

    @property
    def free(self) -> dict[str, tuple[float, float]]:
        """What is searched of `FREE`: not what is held, and not what is absent (0) in a start."""
        start = self.start or {}
        return {n: b for n, b in FREE.items() if n not in self.hold and start.get(n, b[0]) != 0}

    @property
    def fixed(self) -> dict[str, float]:
        """The numbers of the start that are not searched."""
        return {n: x for n, x in (self.start or {}).items() if n not in self.free}

    @classmethod
    def tiny(cls) -> "Config":
        """Return a fit of seconds, whose result means nothing."""
        return cls(
            starts=8, generations=1, population=4, finalists=2, minutes=1.0,
            rounds=2, winners=1, long_minutes=1.0, seeds=1,
        )  # fmt: skip


def _check_start(config: Config) -> None:
    """Raise ValueError for a start around which this search cannot search, and what it lacks."""
    for name in config.hold:
        if name not in FREE or config.start is None:
            raise ValueError(
                f"--hold {name}: expected numbers that are searched ({', '.join(FREE)}), and a "
                "--start that has them"
            )
    if config.start is None:
        if config.everywhere:
            raise ValueError("--everywhere: needs a --start, whose other numbers are kept")
        return
    Recipe.from_dict({"cortex": config.start})
    missing = [name for name in FREE if name not in config.start]
    if missing:
        raise ValueError(f"start: lacks {', '.join(missing)}")
    for name, (low, high) in config.free.items():
        value = config.start[name]
        if not config.everywhere and not low <= value <= high:
            raise ValueError(
                f"start: {name} is {value:g}, the search goes from {low:g} to {high:g}; choose a "
                "start within, or search --everywhere"
            )


def people(dataset: str, subjects: Sequence[int]) -> "xr.DataArray":
    """Return fMRI of some subjects; ValueError if the data set lacks fMRI or a subject."""
    data = fmri(dataset)
    n = data.sizes["subject"]
    missing = [s for s in subjects if not 0 <= s < n]
    if missing:
        raise ValueError(f"subject {missing[0]} of {dataset}: it has subjects 0 to {n - 1}")
    return data.isel(subject=list(subjects))


def match(fc: np.ndarray, dataset: str, subjects: Sequence[int]) -> tuple[float, float]:
    """Return the mean correlation of an FC with those of subjects, and the mean of the FC."""
    from encephagen.analysis.functional_connectivity import fc as connectivity

    upper = np.triu_indices(len(fc), 1)
    own = fc[upper]
    others = connectivity(people(dataset, subjects)).values
    return (
        float(np.mean([np.corrcoef(own, other[upper])[0, 1] for other in others])),
        float(own.mean()),
    )
