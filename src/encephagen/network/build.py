"""build: from what a brain is to what each neuron and synapse is."""

import math

import numpy as np

from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Between, Brain, Chosen, Conduction, Projection, Uniform
from encephagen.models.receptors import Transmitter
from encephagen.network import wiring
from encephagen.network.network import Network
from encephagen.rng import key
from encephagen.units import TOLERANCE

MAX_DELAY_STEPS = 65_535  # a delay is 16 bits
MAX_POPULATIONS = 127  # a neuron's population is 8 bits, in networks and recordings


def build(brain: Brain, *, dt_ms: float = 0.1, seed: int = 0) -> Network:
    """Return the network of a brain for steps of ``dt_ms`` and a wiring seed.

    Takes next to no time and memory: synapses are determined here, and drawn by whoever runs them.
    Raises ValueError where a delay is under dt, and where there are no populations or over 127.
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
    blocks, channels = Blocks.of(brain), channels_of(brain)
    scale = _weight_scales(brain, channels)
    scale.setflags(write=False)
    plans = tuple(
        _plan(brain, p, i, channels, scale, blocks, dt_ms, seed)
        for i, p in enumerate(brain.projections)
    )
    return Network(
        brain=brain,
        dt_ms=float(dt_ms),
        seed=int(seed),
        blocks=blocks,
        channels=channels,
        weight_scale_pA=scale,
        plans=plans,
        min_delay_steps=min((int(p.delay_steps.min()) for p in plans), default=1),
        max_delay_steps=max(
            (int(p.delay_steps.max()) + p.delay_levels - 1 for p in plans), default=1
        ),
    )


def channels_of(brain: Brain) -> tuple[Transmitter, ...]:
    """Return the distinct transmitters of a brain's synapses, in order of appearance."""
    # without projections one channel stays, unused: an engine needs a calendar
    used = [p.transmitter for p in brain.projections]
    unused = [p.background.transmitter for p in brain.populations[:1]]
    return tuple(dict.fromkeys(used or unused))


def expected_synapses(brain: Brain) -> int:
    """Return the number of synapses that a brain will have, but for chance."""
    return round(sum(_expected(brain, p) for p in brain.projections))


def _expected(brain: Brain, projection: Projection) -> float:
    sizes = {p.name: p.size for p in brain.populations}
    source, target = sizes[projection.source], sizes[projection.target]
    sources, targets = brain.regions_of(projection.source), brain.regions_of(projection.target)
    if isinstance(projection.rule, Between):
        return target * float(projection.rule.drawn(targets, sources)[0].sum())
    shared = len(np.intersect1d(sources, targets))
    return shared * target * projection.rule.mean_in_degree(source)


def _weight_scales(brain: Brain, channels: tuple[Transmitter, ...]) -> np.ndarray:
    top = np.zeros(len(channels))
    for p in brain.projections:
        w = p.weight
        spread = math.exp(w.spread * wiring.SPREAD_CUT - w.spread**2 / 2) if w.spread else 1.0
        c = channels.index(p.transmitter)
        top[c] = max(top[c], w.mean_pA * max(w.by_region, default=1.0) * spread)
    return np.where(top > 1e-200, top, 1.0) / wiring.WEIGHT_MAX


def _plan(
    brain: Brain,
    projection: Projection,
    number: int,
    channels: tuple[Transmitter, ...],
    scale: np.ndarray,
    blocks: Blocks,
    dt_ms: float,
    seed: int,
) -> wiring.Plan:
    n = brain.connectome.n
    names = [p.name for p in brain.populations]
    source, target = names.index(projection.source), names.index(projection.target)
    channel = channels.index(projection.transmitter)
    weight = projection.weight
    factors = np.array(weight.by_region) if weight.by_region else np.ones(n)
    in_degree, cumulative, probability, chosen = np.zeros(n), np.zeros((n, n)), 0, 0
    sources, targets = brain.regions_of(projection.source), brain.regions_of(projection.target)
    if isinstance(projection.rule, Between):
        in_degree, weights = projection.rule.drawn(targets, sources)
        cumulative, used = np.cumsum(weights, axis=1), weights > 0
    else:
        if isinstance(projection.rule, Chosen):
            chosen = int(projection.rule.in_degree)
        else:
            probability = round(projection.rule.probability * 2**32)
        used = np.zeros((n, n), bool)
        shared = np.intersect1d(sources, targets)
        used[shared, shared] = True
    delay_steps, delay_levels = _delays(projection, used, brain.connectome.names, dt_ms)
    return wiring.Plan(
        key=np.uint64(key(seed, "wiring", number, projection.name)),
        channel=channel,
        source_first=blocks.first_in(source),
        source_size=brain.populations[source].size,
        target_first=blocks.first_in(target),
        target_size=brain.populations[target].size,
        probability=probability,
        chosen=chosen,
        in_degree=in_degree,
        cumulative=cumulative,
        delay_steps=delay_steps,
        delay_levels=delay_levels,
        weight=weight.mean_pA * factors / scale[channel],
        spread=float(weight.spread),
    )


def _delays(
    projection: Projection, used: np.ndarray, regions: tuple[str, ...], dt_ms: float
) -> tuple[np.ndarray, int]:
    """Return delays (region, region) in steps, and over how many steps they spread uniformly.

    ``used`` (region, region) says between which regions there are synapses. Conduction delays are
    rounded to steps, since fibres have any length; delays that were given as numbers are not.
    """
    delay, levels, n = projection.delay, 1, len(regions)
    if isinstance(delay, Conduction):
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
        low, levels = _uniform(projection, delay, dt_ms)
        steps = np.full((n, n), float(low))
    longest = steps.max() + levels - 1
    if longest >= MAX_DELAY_STEPS:
        raise ValueError(
            f"projection {projection.name!r}: a delay of {longest * dt_ms:.0f} ms is over "
            f"{MAX_DELAY_STEPS} steps of {dt_ms} ms; raise dt or the conduction velocity"
        )
    return np.maximum(steps, 1).astype(np.int64), levels


def _uniform(projection: Projection, delay: Uniform, dt_ms: float) -> tuple[int, int]:
    """Return the first of the whole steps that lie in a range of delays, and how many do."""
    if delay.low_ms < dt_ms * (1 - TOLERANCE):
        raise ValueError(
            f"projection {projection.name!r}: delay {delay.low_ms} ms is under dt {dt_ms} ms; "
            "lower dt or raise low_ms"
        )
    low = math.ceil(delay.low_ms / dt_ms - TOLERANCE)
    high = math.floor(delay.high_ms / dt_ms + TOLERANCE)
    if high < low:
        raise ValueError(
            f"projection {projection.name!r}: no whole step of {dt_ms:g} ms lies in delays from "
            f"{delay.low_ms:g} to {delay.high_ms:g} ms; choose {high * dt_ms:g} or "
            f"{low * dt_ms:g}, or another dt"
        )
    return low, high - low + 1
