"""Inhibition between regions of cortex: which links inhibit, and their synapses.

Some neurons of cortex that inhibit reach other regions (Urrutia-Pinones et al. 2022,
doi 10.3389/fnsys.2022.841869), and tractography cannot see which fibres are theirs. So a share of
the links is estimated from people's fMRI: those pairs of regions, of all that a fibre joins, whose
partial correlation is the most negative. These inhibit beside what they excite.

A negative partial correlation is no proof of inhibition: two regions that both excite a third have
one too. The study `long-range-inhibition` therefore draws as many links by chance.

Links are a matrix beside the recipe, as weights are in a connectome. `of_people` is what a whole
brain has of a recipe with [long_range_inhibition]: it estimates them anew from the fMRI that comes
with the data set, so that a recipe alone gives a brain. Who has other people, or other links, joins
`long_range_inhibition` of them to a brain of a recipe without that table.
"""

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from encephagen.brain.cortex import strengths
from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Between, Brain, Conduction, Projection, Weight
from encephagen.brain.thalamus import cortical
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import catalogue, fmri
from encephagen.models.receptors import GABA_A, Transmitter

if TYPE_CHECKING:
    import xarray as xr

STRUCTURE = "cortex"


def of_people(cortex: Brain, recipe: Recipe) -> tuple[Projection, ...]:
    """Return the projections whose links are estimated from the people of the data set.

    Raises ValueError as `long_range_inhibition`, and for a connectome by whose name no fMRI comes.
    """
    numbers, connectome = recipe.long_range_inhibition, cortex.connectome
    if numbers is None:
        return long_range_inhibition(cortex, recipe, np.zeros((connectome.n,) * 2, bool))
    if connectome.name not in _with_fmri():
        raise ValueError(
            f"connectome {connectome.name!r} has no fMRI by which [long_range_inhibition] could "
            f"estimate its links (known: {', '.join(_with_fmri())}): take a recipe without that "
            "table, and join links of your own to its brain with "
            "encephagen.brain.long_range_inhibition.inhibited"
        )
    signal = fmri(connectome.name).isel(subject=slice(numbers.subjects_estimating))
    links = estimated_links(connectome, signal, numbers.share_inhibiting)
    return long_range_inhibition(cortex, recipe, links)


def inhibited(brain: Brain, recipe: Recipe, links: np.ndarray) -> Brain:
    """Return a brain before any working point, with its `long_range_inhibition`."""
    more = long_range_inhibition(brain, recipe, links)
    return dataclasses.replace(brain, projections=brain.projections + more, numbers=recipe.digest())


def long_range_inhibition(
    cortex: Brain, recipe: Recipe, links: np.ndarray
) -> tuple[Projection, ...]:
    """Return the projections from neurons of cortex that inhibit to those elsewhere that excite.

    links (region, region) bool, [target, source], say which regions inhibit which. In-degrees are
    in proportion to the connectome's weights of these alone, and delays are those of its fibres,
    both as long-range excitation has them. None where there is no link.

    Raises ValueError where the recipe has no [long_range_inhibition], or links are no such matrix.
    """
    numbers, connectome = recipe.long_range_inhibition, cortex.connectome
    if numbers is None:
        raise ValueError(
            f"recipe {recipe.name!r} has no [long_range_inhibition]: choose one that has it"
        )
    links, n = np.asarray(links), connectome.n
    if links.dtype != bool or links.shape != (n, n) or links.diagonal().any():
        raise ValueError(
            f"links are {links.dtype} of shape {links.shape}: expected bool ({n}, {n}), [target, "
            "source], with none from a region to itself"
        )
    if not links.any():
        return ()
    weights = np.where(links, strengths(connectome, recipe.cortex.strength_exponent), 0.0)
    exc, inh = cortical(cortex)
    return (
        Projection(
            inh,
            exc,
            Between(numbers.in_degree_inhibiting, weights),
            Weight(numbers.weight_inhibiting_pA, recipe.cortex.weight_spread),
            Conduction.along(connectome, recipe.cortex.velocity_mm_per_ms),
            Transmitter((GABA_A(recipe.cortex.tau_gaba_ms),)),
        ),
    )


def estimated_links(connectome: Connectome, signal: "xr.DataArray", share: float) -> np.ndarray:
    """Return which regions inhibit which, (region, region) bool: by fMRI, the same both ways.

    Of the pairs of cortical regions that a fibre joins, the ``share`` whose `partial_correlation`
    is the most negative. ``signal`` is (subject, time_s, region), of those who may be used.

    Raises ValueError for a share beyond 0 to 1, and where a cortical region has no signal.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share {share}: expected a part of the links, from 0 to 1")
    known, names = set(signal["region"].values.tolist()), connectome.names
    lacking = [r.name for r in connectome.regions if r.cortical and r.name not in known]
    if lacking:
        raise ValueError(
            f"signal lacks {lacking[0]!r} ({len(lacking)} such): give the fMRI of all regions of "
            f"{connectome.name!r} that are cortical"
        )
    target, source = pairs(connectome)
    here = [r.name for r in connectome.regions if r.cortical]
    place = np.array([here.index(name) if name in here else -1 for name in names])
    found = partial_correlation(signal.sel(region=here).transpose(..., "time_s", "region").values)
    order = np.argsort(found[place[target], place[source]], kind="stable")
    return both_ways(connectome, order[: round(share * order.size)])


def pairs(connectome: Connectome) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of cortical regions that a fibre joins: the first and the second (pair,)."""
    inside = np.array([r.cortical for r in connectome.regions])
    joined = (connectome.weights + connectome.weights.T > 0) & np.outer(inside, inside)
    first, second = np.nonzero(np.triu(joined, 1))
    return first, second


def both_ways(connectome: Connectome, chosen: np.ndarray) -> np.ndarray:
    """Return links (region, region) bool of some of the `pairs`, by their positions."""
    links = np.zeros((connectome.n, connectome.n), bool)
    first, second = (end[chosen] for end in pairs(connectome))
    links[first, second] = links[second, first] = True
    return links


def partial_correlation(values: np.ndarray) -> np.ndarray:
    """Return the correlation (region, region) of two regions, given all others; 1 with itself.

    ``values`` are (time, region), or (subject, time, region); each subject is brought to mean 0 and
    variance 1 before they are joined, n volumes x_k in all. With S the correlations and p regions,
    S* = (1 - a) S + a I is well conditioned (Ledoit and Wolf 2004,
    doi 10.1016/S0047-259X(03)00096-4), and P its inverse:

        r_ij = -P_ij / sqrt(P_ii P_jj),   a = min(1, sum_k |x_k x_k^T - S|^2 / (n^2 |S - I|^2))
    """
    deviation = values - values.mean(axis=-2, keepdims=True)
    deviation /= deviation.std(axis=-2, keepdims=True)
    x = deviation.reshape(-1, values.shape[-1])
    n, p = x.shape
    S = x.T @ x / n
    noise = (((x**2).sum(axis=1) ** 2).sum() / n - (S**2).sum()) / n
    spread = ((S - np.eye(p)) ** 2).sum()
    a = min(1.0, noise / spread) if spread > 0 else 1.0
    P = np.linalg.inv((1 - a) * S + a * np.eye(p))
    scale = np.sqrt(P.diagonal())
    return 2 * np.eye(p) - P / np.outer(scale, scale)


@cache
def _with_fmri() -> tuple[str, ...]:
    return tuple(entry.name for entry in catalogue() if entry.tr_s is not None)
