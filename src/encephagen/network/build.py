"""build: from what a brain is to where each neuron and synapse lies; and what that will cost."""

import math
from dataclasses import dataclass

import numpy as np
import psutil

from encephagen.brain.spec import Between, Brain, Conduction, Projection, Within
from encephagen.models.receptors import Transmitter
from encephagen.network import wiring
from encephagen.network.network import TILE, Layout, Network, Synapses
from encephagen.rng import key

SHARD_LANES = 65_536  # a target's lane in its shard is 16 bits
# Synapses in a run of equal delay, from which on runs serve better than a delay for each synapse.
# Measured on 0.8 to 26 million synapses: at 5 both deliver 170 million events a second a core, in
# 6.2 bytes a synapse. At 3, delays for each are half as fast again; at 8 runs are, and at 19 runs
# are 2.5 times as fast, in 4.6 bytes.
SEGMENT_MIN_LENGTH = 5.0
MAX_DELAY_STEPS = 65_535
MAX_POPULATIONS = 127  # a neuron's population is 8 bits, in networks and recordings
BYTES_PER_NEURON = 200  # state, input and output arrays, measured


@dataclass(frozen=True)
class Estimate:
    """What a brain will take, before it is built (times on one core of a 2024 laptop, roughly)."""

    n_neurons: int
    n_synapses: int
    memory_bytes: int
    build_s: float
    seconds_per_second: float

    def __str__(self) -> str:
        return (
            f"{self.n_neurons:,} neurons, {self.n_synapses:,} synapses, "
            f"{self.memory_bytes / 2**20:,.0f} MiB, about {self.build_s:.1f} s to build and "
            f"{self.seconds_per_second:.2f} s a second of brain time"
        )


def estimate(brain: Brain, *, dt_ms: float = 0.1, rate_Hz: float = 3.0) -> Estimate:
    """Return memory and time of a brain at a mean rate, without building it."""
    n_regions = brain.connectome.n
    n_neurons = n_regions * sum(p.size for p in brain.populations)
    n_synapses = round(sum(_expected(brain, p) for p in brain.projections))
    # while it is built a row has its start, its count and a cursor, of 8 bytes each
    rows = 3 * 8 * _n_shards(brain) * n_neurons * len(_channels(brain))
    return Estimate(
        n_neurons=n_neurons,
        n_synapses=n_synapses,
        memory_bytes=int(n_synapses * 6 + rows + n_neurons * BYTES_PER_NEURON),
        build_s=0.02 + 100e-9 * n_synapses,
        seconds_per_second=1e-9 * n_neurons * 1000 / dt_ms + 4e-9 * n_synapses * rate_Hz,
    )


def build(brain: Brain, *, dt_ms: float = 0.1, seed: int = 0) -> Network:
    """Return the network of a brain for steps of ``dt_ms`` and a wiring seed.

    Raises ValueError where a delay is under dt, where there are no populations or over 127, or
    where the network exceeds free memory.
    """
    if not (math.isfinite(dt_ms) and dt_ms > 0):
        raise ValueError(f"dt {dt_ms} ms: must be finite and above 0")
    if not brain.populations:
        raise ValueError("the brain has no population: add fragments that have, as `cortex` does")
    if len(brain.populations) > MAX_POPULATIONS:
        raise ValueError(
            f"the brain has {len(brain.populations)} populations: at most {MAX_POPULATIONS} are "
            "possible; let parameters vary by region (Population.by_region) in place of more"
        )
    expected = estimate(brain, dt_ms=dt_ms)
    free = psutil.virtual_memory().available
    if expected.memory_bytes > 0.9 * free:
        raise ValueError(
            f"a network of {expected.n_neurons:,} neurons and {expected.n_synapses:,} synapses "
            f"needs {expected.memory_bytes / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free: "
            "lower neurons_per_region or the connection probabilities"
        )
    layout = _layout(brain)
    channels = _channels(brain)
    scale = _weight_scales(brain, channels)
    plans = [
        _plan(brain, p, i, channels, scale, layout, dt_ms, seed)
        for i, p in enumerate(brain.projections)
    ]
    sizes = np.diff(layout.block_first)
    n_populations = len(brain.populations)
    network = Network(
        brain=brain,
        dt_ms=float(dt_ms),
        seed=int(seed),
        layout=layout,
        channels=channels,
        weight_scale_pA=scale,
        synapses=_synapses(plans, layout, len(channels)),
        neuron_region=np.repeat(np.arange(len(sizes)) // n_populations, sizes).astype(np.int32),
        neuron_population=np.repeat(np.arange(len(sizes)) % n_populations, sizes).astype(np.int8),
        min_delay_steps=min((int(p.delay_steps.min()) for p in plans), default=1),
        max_delay_steps=max(
            (int(p.delay_steps.max()) + p.delay_levels - 1 for p in plans), default=1
        ),
    )
    for array in (
        *vars(layout).values(),
        *vars(network.synapses).values(),
        network.neuron_region,
        network.neuron_population,
        network.weight_scale_pA,
    ):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return network


def _expected(brain: Brain, projection: Projection) -> float:
    sizes = {p.name: p.size for p in brain.populations}
    source, target = sizes[projection.source], sizes[projection.target]
    sources, targets = brain.regions_of(projection.source), brain.regions_of(projection.target)
    if isinstance(projection.rule, Within):
        shared = len(np.intersect1d(sources, targets))
        return shared * source * target * projection.rule.probability
    return target * float(projection.rule.drawn(targets, sources)[0].sum())


def _channels(brain: Brain) -> tuple[Transmitter, ...]:
    # without projections one channel stays, unused: the kernel needs a calendar
    used = [p.transmitter for p in brain.projections]
    unused = [p.background.transmitter for p in brain.populations[:1]]
    return tuple(dict.fromkeys(used or unused))


def _weight_scales(brain: Brain, channels: tuple[Transmitter, ...]) -> np.ndarray:
    top = np.zeros(len(channels))
    for p in brain.projections:
        w = p.weight
        spread = math.exp(w.spread * wiring.SPREAD_CUT - w.spread**2 / 2) if w.spread else 1.0
        c = channels.index(p.transmitter)
        top[c] = max(top[c], w.mean_pA * max(w.by_region, default=1.0) * spread)
    return np.where(top > 1e-200, top, 1.0) / wiring.WEIGHT_MAX


def _region_lanes(brain: Brain) -> int:
    return TILE * sum(-(-p.size // TILE) for p in brain.populations)


def _n_shards(brain: Brain) -> int:
    n_regions, per_shard = brain.connectome.n, SHARD_LANES // max(1, _region_lanes(brain))
    return min(n_regions, max(2, -(-n_regions // max(1, per_shard))))


def _layout(brain: Brain) -> Layout:
    n_regions = brain.connectome.n
    size = np.tile([p.size for p in brain.populations], n_regions)
    tiles = -(-size // TILE)
    block_first = np.concatenate([[0], np.cumsum(size)])
    block_tile = np.concatenate([[0], np.cumsum(tiles)])
    tile_block = np.repeat(np.arange(len(size)), tiles)
    position = np.arange(len(tile_block)) - block_tile[tile_block]
    tile_valid = np.minimum(TILE, size[tile_block] - TILE * position)
    n_populations = len(brain.populations)
    if _region_lanes(brain) > SHARD_LANES:
        raise ValueError(
            f"{int(size[:n_populations].sum()):,} neurons in a region: at most "
            f"{SHARD_LANES:,} are possible; divide the region"
        )
    bounds = np.linspace(0, n_regions, _n_shards(brain) + 1).round().astype(np.int64)
    return Layout(
        block_first=block_first.astype(np.int64),
        block_tile=block_tile.astype(np.int64),
        tile_first=(block_first[tile_block] + TILE * position).astype(np.int64),
        tile_valid=tile_valid.astype(np.int64),
        shard_block=bounds * n_populations,
    )


def _plan(
    brain: Brain,
    projection: Projection,
    number: int,
    channels: tuple[Transmitter, ...],
    scale: np.ndarray,
    layout: Layout,
    dt_ms: float,
    seed: int,
) -> wiring.Plan:
    n = brain.connectome.n
    names = [p.name for p in brain.populations]
    source, target = names.index(projection.source), names.index(projection.target)
    first = layout.block_first[:-1].reshape(n, len(names))
    channel = channels.index(projection.transmitter)
    weight = projection.weight
    factors = np.array(weight.by_region) if weight.by_region else np.ones(n)
    in_degree, cumulative, probability = np.zeros(n), np.zeros((n, n)), 0
    if isinstance(projection.rule, Between):
        if projection.rule.weights.shape != (n, n):
            raise ValueError(
                f"projection {projection.name!r}: weights have shape "
                f"{projection.rule.weights.shape}, the connectome has {n} regions"
            )
        ends = (brain.regions_of(name) for name in (projection.target, projection.source))
        in_degree, weights = projection.rule.drawn(*ends)
        cumulative = np.cumsum(weights, axis=1)
    else:
        probability = round(projection.rule.probability * 2**32)
    delay_steps, delay_levels = _delays(projection, brain.connectome.names, dt_ms)
    return wiring.Plan(
        key=np.uint64(key(seed, "wiring", number, projection.name)),
        channel=channel,
        source_first=np.ascontiguousarray(first[:, source]),
        source_size=brain.populations[source].size,
        target_first=np.ascontiguousarray(first[:, target]),
        target_size=brain.populations[target].size,
        probability=probability,
        in_degree=in_degree,
        cumulative=cumulative,
        delay_steps=delay_steps,
        delay_levels=delay_levels,
        weight=weight.mean_pA * factors / scale[channel],
        spread=float(weight.spread),
    )


def _delays(
    projection: Projection, regions: tuple[str, ...], dt_ms: float
) -> tuple[np.ndarray, int]:
    """Return delays (region, region) in steps, and over how many steps they spread uniformly."""
    delay, levels, n = projection.delay, 1, len(regions)
    if isinstance(delay, Conduction):
        if delay.delay_ms.shape != (n, n):
            raise ValueError(
                f"projection {projection.name!r}: delays have shape {delay.delay_ms.shape}, the "
                f"connectome has {n} regions"
            )
        used = np.eye(n, dtype=bool)
        if isinstance(projection.rule, Between):
            used = projection.rule.weights > 0
        delay_ms = np.where(used, delay.delay_ms, np.inf)
        if used.any() and delay_ms.min() < dt_ms:
            t, s = np.unravel_index(np.argmin(delay_ms), delay_ms.shape)
            raise ValueError(
                f"projection {projection.name!r}: delay {delay_ms[t, s]:.3g} ms from {regions[s]} "
                f"to {regions[t]} is under dt {dt_ms} ms; lower dt or the conduction velocity"
            )
        unused_ms = np.max(delay.delay_ms, where=used, initial=dt_ms)
        steps = np.rint(np.where(used, delay.delay_ms, unused_ms) / dt_ms)
    else:
        if delay.low_ms < dt_ms:
            raise ValueError(
                f"projection {projection.name!r}: delay {delay.low_ms} ms is under dt {dt_ms} ms; "
                "lower dt or raise low_ms"
            )
        low, high = round(delay.low_ms / dt_ms), round(delay.high_ms / dt_ms)
        steps, levels = np.full((n, n), float(low)), high - low + 1
    longest = steps.max() + levels - 1
    if longest >= MAX_DELAY_STEPS:
        raise ValueError(
            f"projection {projection.name!r}: a delay of {longest * dt_ms:.0f} ms is over "
            f"{MAX_DELAY_STEPS} steps of {dt_ms} ms; raise dt or the conduction velocity"
        )
    return np.maximum(steps, 1).astype(np.int64), levels


def _synapses(plans: list[wiring.Plan], layout: Layout, n_channels: int) -> Synapses:
    n_neurons, n_shards = int(layout.block_first[-1]), layout.n_shards
    shard = np.repeat(np.arange(n_shards), np.diff(layout.shard_first)).astype(np.int32)
    address = (layout.lane - TILE * layout.shard_tile[shard]).astype(np.uint16)
    n_rows = n_shards * n_channels * n_neurons
    counts = np.zeros(n_rows + 1, np.int64)
    rows = wiring.Rows(counts, shard, address, n_channels)
    widest = max(
        [int(p.in_degree.max()) + 2 for p in plans] + [p.source_size for p in plans], default=1
    )
    sources, regions = np.empty(widest, np.int64), np.empty(widest, np.int64)
    for plan in plans:
        wiring.count(plan, rows, counts[1:], sources, regions)
    start = np.cumsum(counts)
    n = int(start[-1])
    packed, delay, cursor = np.empty(n, np.uint32), np.empty(n, np.uint16), start[:-1].copy()
    for plan in plans:
        wiring.place(plan, rows, cursor, packed, delay, sources, regions)
    wiring.sort_rows(start, packed, delay)
    n_segments = wiring.count_segments(start, delay)
    if n < SEGMENT_MIN_LENGTH * n_segments or n_segments == 0:
        return Synapses(start, packed, delay)
    segment_row = np.empty(n_rows + 1, np.int64)
    segment_start = np.empty(n_segments + 1, np.int64)
    segment_delay = np.empty(n_segments, np.uint16)
    wiring.find_segments(start, delay, segment_row, segment_start, segment_delay)
    return Synapses(start, packed, segment_delay, segment_row, segment_start)
