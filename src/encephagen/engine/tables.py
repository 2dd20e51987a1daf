"""Numbers that every engine needs: constants of each block, background draws, initial states."""

import math
from dataclasses import dataclass

import numpy as np

from encephagen.brain.blocks import cells
from encephagen.models.model import AbstractNeuron, constant_current_gain
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
    ``background_jump`` (receptor,) that of one background event.
    """

    model: type[AbstractNeuron]
    neuron: tuple
    receptors: tuple
    current_gain: float
    jump: np.ndarray
    background_jump: np.ndarray
    background_per_step: float


def blocks(network: Network) -> list[Block]:
    """Return the blocks of a network, in its order; equal ones are the same object."""
    dt_ms, receptors = network.dt_ms, network.receptors
    jump = np.array(
        [
            [scale * c.jump(r) for r in receptors]
            for c, scale in zip(network.channels, network.weight_scale_pA, strict=True)
        ]
    ).reshape(len(network.channels), len(receptors))
    known: dict = {}
    for neuron, background in cells(network.brain):
        if (neuron, background) in known:
            continue
        mean = background.rate_Hz * dt_ms / MS_PER_S
        if mean > MAX_BACKGROUND_PER_STEP:
            raise ValueError(
                f"background of {background.rate_Hz:g} Hz is {mean:.0f} events a step, over "
                f"{MAX_BACKGROUND_PER_STEP:.0f}; lower dt, or the rate (and raise the weight)"
            )
        known[neuron, background] = Block(
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
    return [known[cell] for cell in cells(network.brain)]


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
