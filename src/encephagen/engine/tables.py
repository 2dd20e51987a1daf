"""Numbers that every engine needs: constants of each block, background draws, initial states."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from encephagen.brain.blocks import cells
from encephagen.brain.spec import Poisson
from encephagen.models.model import AbstractNeuron, constant_current_gain
from encephagen.network.cells import neurons
from encephagen.network.network import Network
from encephagen.rng import key, stream
from encephagen.units import MS_PER_S

MAX_BACKGROUND_PER_STEP = 40.0
THRESHOLD_GROUP = 4


@dataclass(frozen=True, eq=False)
class Block:
    """A population in a region, in numbers that an engine needs.

    ``neuron`` and ``receptors`` are the models' constants; ``current_gain`` the mV that 1 pA adds
    in a step; ``jump`` (channel, receptor) the pA that one unit of a channel's weights adds;
    ``background_jump`` (receptor,) that of one background event. ``each`` has the same for every
    neuron, where they differ; the rest is then of the first.
    """

    model: type[AbstractNeuron]
    neuron: tuple
    receptors: tuple
    current_gain: float
    jump: np.ndarray
    background_jump: np.ndarray
    background_per_step: float
    each: tuple["Block", ...] = ()


def blocks(network: Network) -> list[Block]:
    """Return the blocks of a network, in its order; equal ones are the same object."""
    receptors = network.receptors
    jump = np.array(
        [
            [scale * c.jump(r) for r in receptors]
            for c, scale in zip(network.channels, network.weight_scale_pA, strict=True)
        ]
    ).reshape(len(network.channels), len(receptors))
    known: dict[tuple[AbstractNeuron, Poisson], Block] = {}

    def block(neuron: AbstractNeuron, background: Poisson) -> Block:
        if (neuron, background) not in known:
            known[neuron, background] = _block(neuron, background, network, jump)
        return known[neuron, background]

    found = []
    for own, background in neurons(network):
        every = tuple(block(neuron, background) for neuron in own)
        found.append(every[0] if len(every) == 1 else dataclasses.replace(every[0], each=every))
    return found


def _block(
    neuron: AbstractNeuron, background: Poisson, network: Network, jump: np.ndarray
) -> Block:
    dt_ms, receptors = network.dt_ms, network.receptors
    mean = background.rate_Hz * dt_ms / MS_PER_S
    if mean > MAX_BACKGROUND_PER_STEP:
        raise ValueError(
            f"background of {background.rate_Hz:g} Hz is {mean:.0f} events a step, over "
            f"{MAX_BACKGROUND_PER_STEP:.0f}; lower dt, or the rate (and raise the weight)"
        )
    return Block(
        model=type(neuron),
        neuron=tuple(neuron.constants(dt_ms)),
        receptors=tuple(r.constants(neuron, dt_ms) for r in receptors),
        current_gain=constant_current_gain(neuron, dt_ms),
        jump=jump,
        background_jump=np.array(
            [background.weight_pA * background.transmitter.jump(r) for r in receptors]
        ),
        background_per_step=mean,
    )


def thresholds(means: np.ndarray) -> np.ndarray:
    """Return (block, k) uint32 thresholds: a Poisson count is how many lie under 32 random bits.

    ``means`` (block,) are events a step; exact to 2^-32 in every probability. Their number is
    rounded up to whole groups, so that a change of rate or dt seldom asks for another kernel.
    """
    tables = []
    for mean in means:
        p = cumulative = math.exp(-mean)
        row, k = [], 0
        while 1 - cumulative > 2.0**-33 and k < 400:
            row.append(cumulative)
            k += 1
            p *= mean / k
            cumulative += p
        tables.append(row)
    width = -(-max(map(len, tables), default=0) // THRESHOLD_GROUP) * THRESHOLD_GROUP
    result = np.full((len(tables), width), 2**32 - 1, np.uint32)
    for i, row in enumerate(tables):
        result[i, : len(row)] = np.clip(np.floor(np.array(row) * 2.0**32) - 1, 0, 2**32 - 1)
    return result


def initial_states(network: Network, seed: int) -> list[np.ndarray]:
    """Return the initial (states, neurons) of every block, drawn under a seed."""
    result, blocks, brain = [], network.blocks, network.brain
    for (neuron, _), region, number in zip(
        cells(brain), blocks.region.tolist(), blocks.population.tolist(), strict=True
    ):
        population = brain.populations[number]
        rng = stream(seed, "initial state", network.regions[region].name, population.name)
        result.append(neuron.initial(rng, population.size))
    return result


def noise_keys(noise_seed: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Return the keys of the background's steps, of its neurons, and of extra Poisson input."""
    return (
        np.uint64(key(noise_seed, "background", "step")),
        np.uint64(key(noise_seed, "background", "neuron")),
        np.uint64(key(noise_seed, "extra input")),
    )


def drive_key(noise_seed: int, number: int) -> np.uint64:
    """Return the key of the events of drive ``number`` (see `Driven`)."""
    return np.uint64(key(noise_seed, "drive", number))
