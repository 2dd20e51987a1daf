"""Network: a brain made concrete, every neuron and synapse in its place; read-only."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Region
from encephagen.models.receptors import Exponential, Transmitter

TILE = 16  # neurons updated side by side: one AVX-512 register of float32
WIRING_VERSION = 1  # part of every digest: another way to draw is another network


@dataclass(frozen=True, eq=False)
class Layout:
    """Where neurons live in the engine's memory.

    A block is a population in a region; neurons are numbered block after block (regions first).
    Each block fills whole tiles of `TILE` lanes; shards are runs of whole regions, of at most
    65,536 lanes, and each is advanced by one thread at a time.
    """

    block_first: np.ndarray  # (block + 1,) first neuron
    block_tile: np.ndarray  # (block + 1,) first tile
    tile_first: np.ndarray  # (tile,) first neuron
    tile_valid: np.ndarray  # (tile,) lanes in use
    shard_block: np.ndarray  # (shard + 1,) first block

    @cached_property
    def lane(self) -> np.ndarray:
        """Lane (neuron,) of each neuron: tile * TILE + position."""
        per_tile = [np.arange(v) + TILE * t for t, v in enumerate(self.tile_valid)]
        return np.concatenate(per_tile).astype(np.int64)

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return len(self.shard_block) - 1

    @property
    def n_tiles(self) -> int:
        """Number of tiles."""
        return int(self.block_tile[-1])

    @property
    def shard_tile(self) -> np.ndarray:
        """First tile (shard + 1,) of each shard."""
        return self.block_tile[self.shard_block]

    @property
    def shard_first(self) -> np.ndarray:
        """First neuron (shard + 1,) of each shard."""
        return self.block_first[self.shard_block]


@dataclass(frozen=True, eq=False)
class Synapses:
    """Every synapse, in rows by (shard of the target, channel, source), sorted by delay.

    ``row_start`` (row + 1,) bounds the rows. A synapse is ``packed`` (uint32): its target (lane
    within the shard, 16 bits) and its weight (15 bits, times the channel's scale, pA). Delays
    (steps) belong either to each synapse (``delay``, uint16; ``segment_start`` is None) or to runs
    of equal delay within a row: segment k spans ``segment_start[k]`` to ``[k + 1]``, and rows bound
    segments in ``segment_row``. Which of the two is chosen from the network: see `build`.
    """

    row_start: np.ndarray
    packed: np.ndarray
    delay: np.ndarray
    segment_row: np.ndarray | None = None
    segment_start: np.ndarray | None = None

    @property
    def target(self) -> np.ndarray:
        """Target (synapse,): its lane within the shard."""
        return (self.packed >> 16).astype(np.uint16)

    @property
    def weight(self) -> np.ndarray:
        """Weight (synapse,) in units of the channel's scale."""
        return (self.packed & 0xFFFF).astype(np.int16)

    @property
    def segmented(self) -> bool:
        """Whether delays belong to segments."""
        return self.segment_start is not None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        arrays = (getattr(self, name) for name in self.__dataclass_fields__)
        return sum(a.nbytes for a in arrays if a is not None)


@dataclass(frozen=True, eq=False)
class Network:
    """A brain built for one step size and one wiring seed; read-only.

    A channel is a transmitter as the network's synapses use it; every channel has a weight scale
    (pA per unit of the int16 weights). Networks are equal when their `digest` is.
    """

    brain: Brain
    dt_ms: float
    seed: int
    layout: Layout
    channels: tuple[Transmitter, ...]
    weight_scale_pA: np.ndarray
    synapses: Synapses
    neuron_region: np.ndarray
    neuron_population: np.ndarray
    min_delay_steps: int
    max_delay_steps: int

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return len(self.neuron_region)

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return len(self.synapses.packed)

    @property
    def regions(self) -> tuple[Region, ...]:
        """Regions, in the connectome's order."""
        return self.brain.connectome.regions

    @property
    def populations(self) -> tuple[str, ...]:
        """Names of the populations, in the brain's order."""
        return tuple(p.name for p in self.brain.populations)

    @property
    def receptors(self) -> tuple[Exponential, ...]:
        """Distinct receptors, in the order of the engine's memory."""
        return self.brain.receptors

    @property
    def region_size(self) -> np.ndarray:
        """Number of neurons (region, population)."""
        sizes = np.array([p.size for p in self.brain.populations])
        return np.tile(sizes, (len(self.regions), 1))

    @property
    def nbytes(self) -> int:
        """Bytes that the synapses take."""
        return self.synapses.nbytes

    @property
    def delays_active(self) -> bool:
        """Whether conduction between regions takes different times."""
        return self.max_delay_steps > self.min_delay_steps

    def digest(self) -> str:
        """Return the SHA-256 of what determines this network."""
        parts = (self.brain.digest(), repr(float(self.dt_ms)), str(self.seed), str(WIRING_VERSION))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def edges(self) -> dict[str, np.ndarray]:
        """Return every synapse in plain form: source, target (neuron numbers), weight_pA (with the
        sign of the first receptor), delay_ms and channel, each (synapse,).
        """
        s, n_channels = self.synapses, len(self.channels)
        row = np.repeat(np.arange(len(s.row_start) - 1), np.diff(s.row_start))
        shard_channel, source = np.divmod(row, self.n_neurons)
        shard, channel = np.divmod(shard_channel, n_channels)
        neuron_at = np.full(self.layout.n_tiles * TILE, -1)
        neuron_at[self.layout.lane] = np.arange(self.n_neurons)
        target = neuron_at[self.layout.shard_tile[shard] * TILE + s.target]
        delay = s.delay
        if s.segment_start is not None:
            delay = np.repeat(s.delay, np.diff(s.segment_start))
        sign = np.array([c.receptors[0].sign for c in self.channels])
        return {
            "source": source,
            "target": target,
            "weight_pA": s.weight * (self.weight_scale_pA * sign)[channel],
            "delay_ms": delay * self.dt_ms,
            "channel": channel,
        }
