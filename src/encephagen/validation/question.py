"""A question to people: which brain is held to whose fMRI, for how long, in which seeds."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import catalogue, fmri, load
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.transform import subset
from encephagen.validation.evidence import Empirical, not_fitted_on
from encephagen.working_point.point import WorkingPoint
from encephagen.working_point.whole import whole_brain

if TYPE_CHECKING:
    import xarray as xr

SPIKING_S = 60.0
"""Single spikes are kept for so long, or for as long as the counts, if that is less (free)."""

FIRST_SEED = 100
"""The brains that are tested have seeds from here on: fits choose and calibrate on those from 0."""

N_MAPS = 9999


@dataclass(frozen=True)
class Question:
    """Which brain is held to which people, and for how long.

    dataset: as `datasets.load` takes it; minutes: of counts a seed; fmri: the data set whose fMRI
    it is held to, its own if None; heldout: subjects to test on, by their place, those that the
    recipe was not fitted on if None; propagation: whether it is stimulated as well;
    working_point: that which `whole_brain` keeps if None.

    Raises ValueError for a stretch that is not finite or not above 0.
    """

    dataset: str
    recipe: Recipe
    minutes: float
    seeds: int
    fmri: str | None = None
    heldout: tuple[int, ...] | None = None
    propagation: bool = True
    working_point: WorkingPoint | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise ValueError(f"--minutes {self.minutes:g}: expected finite brain time above 0")

    @property
    def spiking_s(self) -> float:
        """Seconds of single spikes."""
        return min(SPIKING_S, 60.0 * self.minutes)


def with_fmri(dataset: str, fmri: str | None = None) -> str:
    """Return the name of the data whose fMRI a dataset is compared with: its own, or ``fmri``.

    Raises ValueError for data without fMRI.
    """
    name = (fmri or dataset).strip().lower()
    known = {one.name: one.tr_s is not None for one in catalogue()}
    if name not in known and not fmri:
        load(dataset)  # tells what is near to the name, or that the file cannot be read
    if not known.get(name):
        raise ValueError(
            f"{fmri or dataset!r} comes without fMRI: expected one of "
            f"{', '.join(name for name, there in known.items() if there)}; for another connectome "
            "of their regions name it with --fmri"
        )
    return name


def compared(question: Question) -> tuple[Connectome, "xr.DataArray"]:
    """Return the connectome and the fMRI (subject, time_s, region) of cortex.

    Raises ValueError for data without fMRI, regions that do not match, a brain that cannot be
    built, and as `tested_on`.
    """
    name = with_fmri(question.dataset, question.fmri)
    connectome = load(question.dataset)
    cortex = [region.name for region in load(name).regions if region.cortical]
    people = fmri(name).sel(region=cortex)
    Empirical.of(people, connectome, tested_on(question, people))
    whole_brain(connectome, question.recipe, question.working_point)  # or it is refused here
    return connectome, people


def tested_on(question: Question, people: "xr.DataArray") -> list[Any] | None:
    """Return the labels of the subjects to test on: those asked for, or not fitted on.

    None, each in turn, if the recipe was fitted on none of them. Raises ValueError for a subject
    that has no fMRI, and for a recipe that was fitted on all that have.
    """
    labels = people["subject"].values.tolist()
    if question.heldout is not None:
        missing = [place for place in question.heldout if not 0 <= place < len(labels)]
        if missing:
            raise ValueError(
                f"subject {missing[0]} has no fMRI: expected places from 0 to {len(labels) - 1}"
            )
        return [labels[place] for place in question.heldout]
    others = not_fitted_on(people, question.recipe.fitted_on)
    return others if len(others) < len(labels) else None


def planned(question: Question, connectome: Connectome) -> list[dict[str, Any]]:
    """Return the arguments of `rest.at_rest`, a dict a seed."""
    point = question.working_point
    return [
        {
            "dataset": question.dataset,
            "digest": connectome.digest(),
            "recipe": question.recipe.as_dict(),
            "working_point": point.as_dict() if point else None,
            "seed": seed,
            "minutes": question.minutes,
            "spiking_s": question.spiking_s,
        }
        for seed in range(FIRST_SEED, FIRST_SEED + question.seeds)
    ]


def surrogate_maps(connectome: Connectome) -> np.ndarray | None:
    """Return maps (map, region) as smooth as T1w/T2w, 0 where it is not known; None without any."""
    known = [i for i, region in enumerate(connectome.regions) if region.t1w_t2w is not None]
    try:
        part = subset(connectome, [connectome.names[i] for i in known])
        values = [region.t1w_t2w for region in part.regions]
        maps = np.zeros((N_MAPS, connectome.n))
        maps[:, known] = spatial_null(values, part, N_MAPS)[0]
    except ValueError:
        return None  # too few regions, or all alike; the row says that it was not measured
    return maps
