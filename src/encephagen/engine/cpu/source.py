"""The source of the compiled kernel: Numba over the models' own scalar functions.

For each composition of models, receptors and channels there is one small module (`load` writes and
imports it), in which the equations of a neuron and its receptors stand in one loop over lanes.
"""

from dataclasses import dataclass

import numpy as np

from encephagen.engine.cpu.layout import TILE
from encephagen.engine.tables import Block
from encephagen.models.model import AbstractNeuron
from encephagen.models.receptors import Exponential


@dataclass(frozen=True)
class Kind:
    """What blocks must share to run the same code: a model, and which terms are not zero."""

    model: type[AbstractNeuron]
    background: tuple[int, ...]  # receptors that the background reaches
    varied: tuple[int, ...] = ()  # constants in which neurons of a block differ


@dataclass(frozen=True)
class Composition:
    """What one compiled module is made for."""

    kinds: tuple[Kind, ...]
    receptors: tuple[type[Exponential], ...]
    terms: tuple[tuple[int, ...], ...]  # channels that reach each receptor
    n_channels: int
    n_thresholds: int
    real: str  # "float32" or "float64"


def compose(blocks: list[Block], receptors: tuple, n_thresholds: int, real: str):
    """Return the `Composition` of a network's blocks, and the kind (block,) of each."""
    kinds: dict[Kind, int] = {}
    of_block = []
    for b in blocks:
        varied = tuple(np.flatnonzero(np.ptp(each(b), axis=0)).tolist())
        kind = Kind(b.model, tuple(np.flatnonzero(b.background_jump).tolist()), varied)
        of_block.append(kinds.setdefault(kind, len(kinds)))
    jump = blocks[0].jump
    return (
        Composition(
            kinds=tuple(kinds),
            receptors=tuple(type(r) for r in receptors),
            terms=tuple(tuple(np.flatnonzero(column).tolist()) for column in jump.T),
            n_channels=len(jump),
            n_thresholds=n_thresholds,
            real=real,
        ),
        np.array(of_block, np.int64),
    )


def rows(composition: Composition, kind: Kind) -> int:
    """Return how many values each neuron of a kind keeps: its states, then its receptors."""
    return len(kind.model.State._fields) + len(composition.receptors)


def constants(block: Block) -> list[float]:
    """Return the constants of a block in the order that the compiled module reads them."""
    flat = [*block.neuron, block.current_gain]
    for r, receptor in enumerate(block.receptors):
        flat += [*receptor, *block.jump[:, r], block.background_jump[r]]
    return flat


def each(block: Block) -> np.ndarray:
    """Return the constants (neuron, constant) of a block, one row where all neurons are alike."""
    return np.array([constants(b) for b in block.each or (block,)])


def _block_source(composition: Composition, number: int) -> str:
    """Return the source of the function that advances a shard's blocks of one kind by a step."""
    kind = composition.kinds[number]
    states, fields = kind.model.State._fields, kind.model.Constants._fields
    n_states, n_channels = len(states), composition.n_channels
    at = 0

    def take(n: int) -> list[str]:
        nonlocal at
        at += n
        return [f"c_{i}" for i in range(at - n, at)]

    head = [f"cell = Constants_{number}({', '.join(take(len(fields)))})", f"gain = {take(1)[0]}"]
    body = ["drive = gain * real(current[a + j])"]
    tail = []
    for r, receptor in enumerate(composition.receptors):
        n = len(receptor.Constants._fields)
        head.append(f"receptor_{r} = ReceptorConstants_{r}({', '.join(take(n))})")
        weights, (background,) = take(n_channels), take(1)
        jump = []
        for channel in composition.terms[r]:
            head.append(f"weight_{r}_{channel} = {weights[channel]}")
            jump.append(f"weight_{r}_{channel} * arrival_{channel}")
        if r in kind.background:
            head.append(f"background_{r} = {background}")
            jump.append(f"background_{r} * events")
        row = TILE * (n_states + r)
        value = f"values[o + numba.uint64({row}) + j]"
        body.append(
            f"current_{r}, drive_{r} = receptor_advance_{r}({value}, "
            f"{' + '.join(jump) or 'zero'}, receptor_{r})"
        )
        body.append(f"drive = drive + drive_{r}")
        tail.append(f"{value} = current_{r}")
    alike = [f"c_{i} = c[{i}]" for i in range(at) if i not in kind.varied]
    differ = [f"c_{i} = own[p + numba.uint64({TILE * k}) + j]" for k, i in enumerate(kind.varied)]
    draws = [f"t_{k} = wiring.thresholds[block, {k}]" for k in range(composition.n_thresholds)]
    counts = [
        f"n = numba.int32(n + numba.int32(bits > t_{k}))" for k in range(composition.n_thresholds)
    ]
    loads = [f"values[o + numba.uint64({TILE * s}) + j]" for s in range(n_states)]
    arrivals = [f"arrivals[ao + numba.uint64({TILE * c}) + j]" for c in range(n_channels)]
    inner = [
        "j = numba.uint64(lane)",
        *differ,
        *head,
        "n = kicks[a + j]",
        *(["bits = mix32(numba.uint32(lane_key[a + j] + step_key))"] if counts else []),
        *counts,
        "events = real(n)",
        *(f"arrival_{c} = real({arrivals[c]})" for c in range(n_channels)),
        *body,
        f"state, spiked = advance_{number}(State_{number}({', '.join(loads)}), drive, cell)",
        *(f"{load} = state[{s}]" for s, load in enumerate(loads)),
        *tail,
        *(f"{arrivals[c]} = 0" for c in range(n_channels)),
        "kicks[a + j] = 0",
        "spike = numba.int32(spiked)",
        "spiked_lanes[a + j] = spike",
        "any_lane = numba.int32(any_lane | spike)",
    ]
    lines = [
        "@numba.njit(**INNER)",
        f"def advance_blocks_{number}(shard, step_key, wiring, cells, ports):",
        "    zero = real(0)",
        "    values, arrivals, kicks = cells.values, cells.arrivals, cells.kicks",
        "    spiked_lanes, lane_key = cells.spiked, wiring.lane_key",
        "    current, flags, own = cells.current_pA, cells.tile_flags, wiring.own",
        "    for block in range(wiring.shard_block[shard], wiring.shard_block[shard + 1]):",
        f"        if wiring.block_kind[block] != {number}:",
        "            continue",
        "        c = wiring.constants[block]",
        *(f"        {line}" for line in alike + draws),
        "        start = numba.uint64(wiring.block_tile[block])",
        "        offset = numba.uint64(wiring.block_cell[block])",
        "        any_tile = numba.int32(0)",
        "        for tile in range(start, numba.uint64(wiring.block_tile[block + 1])):",
        f"            o = offset + (tile - start) * numba.uint64({TILE * rows(composition, kind)})",
        f"            a = tile * numba.uint64({TILE})",
        f"            p = numba.uint64(wiring.block_own[block])"
        f" + (tile - start) * numba.uint64({TILE * len(kind.varied)})",
        f"            ao = tile * numba.uint64({TILE * n_channels})",
        "            any_lane = numba.int32(0)",
        f"            for lane in range({TILE}):",
        *(f"                {line}" for line in inner),
        "            flags[tile] = any_lane",
        "            any_tile = numba.int32(any_tile | any_lane)",
        "        cells.block_flags[block] = any_tile",
    ]
    return "\n".join(lines)


_STEPS = """
@numba.njit(**INNER)
def steps(shard, start, first, last, first_sample, wiring, cells, queue, ports):
    enqueue(shard, wiring, queue)
    for step in range(first, last):
        deliver(shard, step, wiring, cells, queue)
        kick(shard, step, cells, ports)
        if ports.drive_bounds.shape[0] > 0:
            drive(shard, step, step - start, cells, ports)
        step_key = numba.uint32(mix64(ports.noise_key, step) & numba.uint64(0xFFFFFFFF))
{advance}
        collect(shard, step, wiring, cells, ports)
        if ports.probe_at.shape[0] > 0 and (step + 1) % ports.probe_every == 0:
            sample(shard, step, cells, ports, first_sample)
"""

_RUN = """
@njit(nogil=True{options})
def run_{name}(start, n_steps, wiring, cells, queue, ports):
    step, end, n_spikes = start, start + n_steps, 0
    first_sample = start // ports.probe_every + 1
    if ports.injects:
        inject(wiring, cells, ports)
    n_shards = wiring.shard_block.shape[0] - 1
    recording = ports.spike_step.shape[0] > 0
    while step < end:
        forget(step, wiring, queue)
        if not has_room(wiring, cells, queue):
            return step, n_spikes, MORE_QUEUE
        room = ports.spike_step.shape[0] - n_spikes
        if recording and room < cells.spiked.shape[0] * wiring.window:
            return step, n_spikes, MORE_ROOM
        send(cells, queue)
        last = min(step + wiring.window, end)
        for shard in numba.prange(n_shards):
            # an index of prange is unsigned: as int64, both runners share what is compiled
            steps(numba.int64(shard), start, step, last, first_sample, wiring, cells, queue, ports)
        if recording:
            n_spikes = record(n_spikes, cells, ports)
        step = last
        cells.clock[0] = step
        cells.clock[1] += cells.n_unsent.sum()
    return step, n_spikes, DONE
"""


def source(composition: Composition) -> str:
    """Return the source of the module for a composition."""
    lines = [
        '"""Written by encephagen for one composition of models; safe to delete."""',
        "import numba",
        "from encephagen.engine.cpu.kernel import (",
        "    DONE, MORE_QUEUE, MORE_ROOM, collect, deliver, drive, enqueue, forget, has_room,",
        "    inject, kick, record, sample, send)",
        "from encephagen.jit import INNER, njit",
        "from encephagen.rng import mix32, mix64",
        f"real = numba.{composition.real}",
    ]
    for number, kind in enumerate(composition.kinds):
        lines += [
            f"from {kind.model.__module__} import {kind.model.__qualname__} as Model_{number}",
            f"State_{number}, Constants_{number} = Model_{number}.State, Model_{number}.Constants",
            f"advance_{number} = numba.njit(**INNER)(Model_{number}.advance)",
        ]
    for r, receptor in enumerate(composition.receptors):
        lines += [
            f"from {receptor.__module__} import {receptor.__qualname__} as Receptor_{r}",
            f"ReceptorConstants_{r} = Receptor_{r}.Constants",
            f"receptor_advance_{r} = numba.njit(**INNER)(Receptor_{r}.advance)",
        ]
    advance = [
        f"        advance_blocks_{number}(shard, step_key, wiring, cells, ports)"
        for number in range(len(composition.kinds))
    ]
    parts = ["\n".join(lines)]
    parts += [_block_source(composition, k) for k in range(len(composition.kinds))]
    parts.append(_STEPS.format(advance="\n".join(advance)))
    parts.append(_RUN.format(name="serial", options=""))
    parts.append(_RUN.format(name="parallel", options=", parallel=True"))
    return "\n\n".join(parts) + "\n"
