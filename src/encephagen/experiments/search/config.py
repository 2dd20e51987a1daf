"""The numbers of a fit: what is free, and within which bounds; how long is searched, on whom."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.brain.recipe import Cortex
from encephagen.connectome.datasets import fmri

if TYPE_CHECKING:
    import xarray as xr

FREE = {
    "rate_exc_Hz": (2.0, 3.5),
    "weight_ee_pA": (15.0, 60.0),
    "weight_ei_pA": (5.0, 60.0),
    "weight_ie_pA": (50.0, 450.0),
    "weight_ii_pA": (50.0, 450.0),
    "long_weight_pA": (10.0, 42.0),
    "feedforward_inhibition": (0.5, 1.3),
    "strength_exponent": (0.01, 0.6),
    "nmda_fraction": (0.25, 0.5),
    "recurrent_gradient": (0.01, 1.0),
    "tau_gaba_ms": (4.0, 10.0),
    "background_weight_pA": (30.0, 80.0),
    "background_rate_Hz": (200.0, 3000.0),
}
"""The free parameters and where they are searched (on a logarithmic scale). Long-range synapses
stay under 42 pA and those of the background under 80: heavier ones are no diffusion any more, and
theory parts from spikes (long-range 82 pA: FC r 0.76 in theory, 0.27 in spikes; background 130 pA
with 5 % NMDA: 0.65 and 0.31)."""

LEAST_MINUTES = 1.0
"""Of a simulation: BOLD begins after half a minute (free)."""

WORST = -10.0
"""Score of a recipe without a fixed point at its rate."""


@dataclass(frozen=True)
class Config:
    """The numbers of a fit.

    ``train`` and ``test`` are subjects by their place in the data. ``start`` are the
    numbers of a cortex (those of `FREE` by name) around which is searched; without them, the best
    of ``starts`` all over the box.
    """

    dataset: str = "hcp-aal2"
    start: dict[str, float] | None = None
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
        _check_start(self.start)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a fit of seconds, whose result means nothing."""
        return cls(
            starts=8, generations=1, population=4, finalists=2, minutes=1.0,
            rounds=2, winners=1, long_minutes=1.0, seeds=1,
        )  # fmt: skip


def _check_start(start: dict[str, Any] | None) -> None:
    """Raise ValueError for a recipe around which this search cannot search."""
    if start is None:
        return
    usual = asdict(Cortex())
    for name, value in start.items():
        low, high = FREE.get(name, (0.0, 0.0))
        if name in FREE and not low <= value <= high:
            raise ValueError(
                f"start: {name} is {value:g}, the search goes from {low:g} to {high:g}; choose a "
                "start within"
            )
        if name not in FREE and value != usual.get(name):
            raise ValueError(
                f"start: {name} is {value!r}, no free parameter, and {usual.get(name)!r} in every "
                "recipe that is searched; choose a start with that"
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
