"""Drawing synapses: compiled functions that say what every synapse of a projection is.

The synapses of a target neuron are a pure function of (wiring key, projection, target neuron). So
they need no memory: whoever wants them, an engine or `Network.edges`, draws them in the form that
it needs, as often as it needs.
"""

from typing import NamedTuple

import numba
import numpy as np

from encephagen.jit import njit
from encephagen.rng import mix64, uniform


class Plan(NamedTuple):
    """One projection, ready to draw. Regions index the first axis of every table.

    ``source_first`` and ``target_first`` are the first neurons of the two populations, -1 where
    they do not live. ``probability`` is a threshold of 32 random bits for pairs within a region,
    and ``chosen`` the number of sources of each target there; both are 0 where another rule holds.
    ``in_degree`` (region,) and ``cumulative`` (region, region) say how many synapses a target
    neuron gets and from where. ``delay_steps`` is (region, region); ``delay_levels`` further steps
    are drawn uniformly on top of it. ``weight`` (region,) is the mean in units of the channel's
    scale.
    """

    key: np.uint64
    channel: int
    source_first: np.ndarray
    source_size: int
    target_first: np.ndarray
    target_size: int
    probability: int
    chosen: int
    in_degree: np.ndarray
    cumulative: np.ndarray
    delay_steps: np.ndarray
    delay_levels: int
    weight: np.ndarray
    spread: float


WEIGHT_MAX = 32767  # weights are int16 multiples of their channel's scale
SPREAD_CUT = 4.0  # lognormal weights are cut at this many standard deviations


def widest(plan: Plan) -> int:
    """Return the most synapses that a target neuron of a projection can have."""
    return max(int(plan.in_degree.max(initial=0.0)) + 2, plan.source_size)


@njit
def draw_sources(plan, region, target, sources, source_regions):
    """Fill the sources of one target neuron, and their regions; return how many."""
    key = mix64(plan.key, target)
    n = 0
    if plan.probability > 0:
        first = plan.source_first[region]
        for i in range(plan.source_size if first >= 0 else 0):
            if (mix64(key, i) >> numba.uint64(32)) < plan.probability and first + i != target:
                sources[n] = first + i
                source_regions[n] = region
                n += 1
        return n
    if plan.chosen > 0:
        return _choose(plan, region, target, key, sources, source_regions)
    mean = plan.in_degree[region]
    n = int(mean)
    if uniform(mix64(key, 0)) < mean - n:
        n += 1
    row = plan.cumulative[region]
    for k in range(n):
        bits = mix64(key, k + 1)
        u = uniform(bits) * row[-1]
        source_region = np.searchsorted(row, u, side="right")
        within = mix64(bits, 1) >> numba.uint64(32)
        sources[k] = plan.source_first[source_region] + int(
            (within * numba.uint64(plan.source_size)) >> numba.uint64(32)
        )
        source_regions[k] = source_region
    return n


@njit
def _choose(plan, region, target, key, sources, source_regions):
    """Fill ``plan.chosen`` different sources within a region; return how many.

    Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
    """
    n, first = 0, plan.source_first[region]
    own = first <= target and target < first + plan.source_size
    left = plan.source_size - int(own)
    for i in range(plan.source_size if first >= 0 else 0):
        if first + i == target:
            continue
        if uniform(mix64(key, i)) * left < plan.chosen - n:
            sources[n] = first + i
            source_regions[n] = region
            n += 1
        left -= 1
    return n


@njit
def draw_delay(plan, key, k, region, source_region):
    """Return the delay (steps) of synapse ``k`` of the target neuron whose `synapse_key` is key."""
    delay = plan.delay_steps[region, source_region]
    if plan.delay_levels > 1:
        bits = mix64(key, 2 * k) >> numba.uint64(32)
        delay += int((bits * numba.uint64(plan.delay_levels)) >> numba.uint64(32))
    return delay


@njit
def draw_weight(plan, key, k, region):
    """Return the weight of synapse ``k``, a whole number of its channel's scale."""
    weight = plan.weight[region]
    if plan.spread > 0:
        weight = weight * lognormal(mix64(key, 2 * k + 1), plan.spread)
    return min(WEIGHT_MAX, int(np.rint(weight)))


@njit
def synapse_key(plan, target):
    """Return the key under which delays and weights of a target neuron are drawn."""
    return mix64(~plan.key, target)


@njit
def lognormal(bits, spread):
    """Return a lognormal factor of mean 1 (Box and Muller 1958), cut at `SPREAD_CUT`."""
    radius = np.sqrt(-2.0 * np.log(uniform(bits)))
    z = radius * np.cos(2.0 * np.pi * uniform(mix64(bits, 1)))
    return np.exp(spread * min(z, SPREAD_CUT) - spread * spread / 2)


@njit
def count(plan, sources, source_regions):
    """Return the number of synapses of a projection."""
    n = 0
    for region in range(plan.target_first.shape[0]):
        first = plan.target_first[region]
        for target in range(first, first + (plan.target_size if first >= 0 else 0)):
            n += draw_sources(plan, region, target, sources, source_regions)
    return n


@njit
def list_edges(plan, sources, source_regions, source_out, target_out, weight_out, delay_out):
    """Fill source, target, weight and delay (synapse,) of every synapse of a projection."""
    n = 0
    for region in range(plan.target_first.shape[0]):
        first = plan.target_first[region]
        for target in range(first, first + (plan.target_size if first >= 0 else 0)):
            key = synapse_key(plan, target)
            for k in range(draw_sources(plan, region, target, sources, source_regions)):
                source_out[n], target_out[n] = sources[k], target
                weight_out[n] = draw_weight(plan, key, k, region)
                delay_out[n] = draw_delay(plan, key, k, region, source_regions[k])
                n += 1
    return n
