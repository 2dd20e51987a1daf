"""Inputs: what units of a brain give each other, on the mean, and by how much neurons differ."""

from typing import NamedTuple

import numpy as np

from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Between, Brain, Chosen, Projection
from encephagen.working_point.transfer import cumulants_per_Hz


class Drawn(NamedTuple):
    """How neurons of units differ in what they get by one projection, for good.

    rows, columns: targets (k,) and sources (m,), units. degree (k, m): synapses of a neuron.
    synapse (3, k): cumulants of 1 Hz of one. by_rates, by_degrees: the variance of their number,
    over it, if sources differ in rate, and if all fire alike.
    """

    rows: np.ndarray
    columns: np.ndarray
    degree: np.ndarray
    synapse: np.ndarray
    by_rates: float
    by_degrees: float


def received(
    brain: Brain, blocks: Blocks, R_mV: np.ndarray, tau_m_s: np.ndarray
) -> tuple[np.ndarray, tuple[Drawn, ...]]:
    """Return what 1 Hz of a unit adds to the potential of another, and how neurons differ in it.

    The first are cumulants (3, target, source) of the mean neuron of a unit, a block of ``blocks``
    (mV, mV^2, mV^3; see `transfer`), the second one entry a projection. R_mV (unit,) is in mV per
    pA, tau_m_s (unit,) that of the cells.
    """
    names = [p.name for p in brain.populations]
    cumulants = np.zeros((3, len(blocks), len(blocks)))
    drawn = []
    for p in brain.projections:
        rows, columns = (blocks.of_population(names.index(x)) for x in (p.target, p.source))
        to, since = blocks.region[rows], blocks.region[columns]
        degree = in_degrees(brain, p)[np.ix_(to, since)]
        factor = np.array(p.weight.by_region)[to] if p.weight.by_region else np.ones(len(to))
        weight_pA = p.weight.mean_pA * factor
        # a lognormal weight's k-th moment is the k-th power of its mean, times that of 1
        moment = np.exp([k * (k - 1) / 2 * p.weight.spread**2 for k in (1, 2, 3)])
        synapse = cumulants_per_Hz(p.transmitter, R_mV[rows], tau_m_s[rows]) * np.array(
            [m * weight_pA**k for k, m in enumerate(moment, 1)]
        )
        for k in range(3):
            cumulants[k][np.ix_(rows, columns)] += degree * synapse[k][:, None]
        by_rates, by_degrees = (moment[1] - 1 + d for d in _differences(brain, p))
        drawn.append(Drawn(rows, columns, degree, synapse, by_rates, by_degrees))
    return cumulants, tuple(drawn)


def _differences(brain: Brain, projection: Projection) -> tuple[float, float]:
    """Return by what sources that neurons draw differ, over the in-degree: rates, and degrees.

    Neurons that connect by probability p draw a number of sources of variance K (1 - p), and so
    many of those that fire fast; those that choose K of n draw K, without putting back. Between
    regions K are drawn; how they fall on regions is left out, as these fire alike.
    """
    n = next(p.size for p in brain.populations if p.name == projection.source)
    rule = projection.rule
    if isinstance(rule, Chosen):
        return 1.0 - rule.in_degree / n, 0.0
    if isinstance(rule, Between):
        return 1.0, 0.0
    return 1.0 - rule.probability, 1.0 - rule.probability


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
