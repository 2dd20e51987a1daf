"""estimate: what a brain will cost on the CPU engine, before anything is built."""

from dataclasses import dataclass

import numpy as np
import psutil

from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Brain
from encephagen.engine.cpu.layout import n_shards
from encephagen.network.build import channels_of, expected_synapses

BYTES_PER_NEURON = 200  # state, input and output arrays, measured
BYTES_PER_SYNAPSE = 6


@dataclass(frozen=True)
class Estimate:
    """What a brain will take, before it is built (times on one core of a 2024 laptop, roughly)."""

    n_neurons: int
    n_synapses: int
    memory_bytes: int
    build_s: float
    seconds_per_second: float

    @property
    def fits(self) -> bool:
        """Whether the memory that is free now holds it."""
        return self.memory_bytes < 0.9 * psutil.virtual_memory().available

    def __str__(self) -> str:
        text = (
            f"{self.n_neurons:,} neurons, {self.n_synapses:,} synapses, "
            f"{self.memory_bytes / 2**20:,.0f} MiB, about {self.build_s:.1f} s to build and "
            f"{self.seconds_per_second:.2f} s a second of brain time"
        )
        return text if self.fits else f"{text}; {self.too_large()}"

    def too_large(self) -> str:
        """Return what to do with a network that does not fit."""
        free = psutil.virtual_memory().available
        return (
            f"needs {self.memory_bytes / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free: "
            "lower neurons_per_region or the connection probabilities, or run it on a larger "
            "machine or a cluster with NEST (`encephagen export nest`)"
        )


def estimate(brain: Brain, *, dt_ms: float = 0.1, rate_Hz: float = 3.0) -> Estimate:
    """Return memory and time of a brain at a mean rate, without building it."""
    blocks = Blocks.of(brain)
    n_neurons, n_synapses = blocks.n_neurons, expected_synapses(brain)
    # while it is packed a row has its start, its count and a cursor
    row_bytes = 3 * np.dtype(np.int64).itemsize
    rows = row_bytes * n_shards(blocks) * n_neurons * len(channels_of(brain))
    return Estimate(
        n_neurons=n_neurons,
        n_synapses=n_synapses,
        memory_bytes=int(n_synapses * BYTES_PER_SYNAPSE + rows + n_neurons * BYTES_PER_NEURON),
        build_s=0.02 + 100e-9 * n_synapses,
        seconds_per_second=1e-9 * n_neurons * 1000 / dt_ms + 4e-9 * n_synapses * rate_Hz,
    )
