"""Layout: where neurons live in the memory of the CPU engine."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from encephagen.brain.blocks import Blocks

TILE = 16  # neurons updated side by side: one AVX-512 register of float32
SHARD_LANES = 65_536  # a target's lane in its shard is 16 bits


@dataclass(frozen=True, eq=False)
class Layout:
    """Tiles and shards of a network's blocks.

    Each block fills whole tiles of `TILE` lanes; shards are runs of whole regions, of at most
    `SHARD_LANES` lanes, and each is advanced by one thread at a time.

    block_first (block + 1,): first neuron; block_tile (block + 1,): first tile
    tile_first (tile,): first neuron; tile_valid (tile,): lanes in use
    shard_block (shard + 1,): first block
    """

    block_first: np.ndarray
    block_tile: np.ndarray
    tile_first: np.ndarray
    tile_valid: np.ndarray
    shard_block: np.ndarray

    @classmethod
    def of(cls, blocks: Blocks) -> "Layout":
        """Return the layout of blocks; ValueError where a region has more lanes than a shard."""
        size = blocks.size
        tiles = -(-size // TILE)
        block_tile = np.concatenate([[0], np.cumsum(tiles)])
        tile_block = np.repeat(np.arange(len(size)), tiles)
        position = np.arange(len(tile_block)) - block_tile[tile_block]
        made = cls(
            block_first=blocks.first,
            block_tile=block_tile.astype(np.int64),
            tile_first=(blocks.first[tile_block] + TILE * position).astype(np.int64),
            tile_valid=np.minimum(TILE, size[tile_block] - TILE * position).astype(np.int64),
            shard_block=_shard_blocks(blocks),
        )
        for array in vars(made).values():
            array.setflags(write=False)
        return made

    @cached_property
    def lane(self) -> np.ndarray:
        """Lane (neuron,) of each neuron: tile * TILE + position."""
        per_tile = [np.arange(v) + TILE * t for t, v in enumerate(self.tile_valid)]
        return np.concatenate(per_tile).astype(np.int64)

    @cached_property
    def lane_neuron(self) -> np.ndarray:
        """Neuron (lane,) of each lane, -1 where there is none."""
        neuron = np.full(self.n_lanes, -1, np.int64)
        neuron[self.lane] = np.arange(len(self.lane))
        return neuron

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return len(self.shard_block) - 1

    @property
    def n_tiles(self) -> int:
        """Number of tiles."""
        return int(self.block_tile[-1])

    @property
    def n_lanes(self) -> int:
        """Number of lanes."""
        return self.n_tiles * TILE

    @property
    def shard_tile(self) -> np.ndarray:
        """First tile (shard + 1,) of each shard."""
        return self.block_tile[self.shard_block]

    @property
    def shard_first(self) -> np.ndarray:
        """First neuron (shard + 1,) of each shard."""
        return self.block_first[self.shard_block]

    def shard_of(self, neuron: np.ndarray) -> np.ndarray:
        """Return the shard (k,) of neurons (k,)."""
        return np.searchsorted(self.shard_first, neuron, side="right") - 1


def n_shards(blocks: Blocks) -> int:
    """Return how many shards blocks need, or a few less where regions divide badly."""
    lanes = int(_lanes(blocks).sum())
    return min(blocks.n_regions, max(2, -(-lanes // SHARD_LANES)))


def _lanes(blocks: Blocks) -> np.ndarray:
    """Return the lanes (region,) that the blocks of each region take."""
    tiles = -(-blocks.size // TILE)
    return np.bincount(blocks.region, TILE * tiles, blocks.n_regions).astype(np.int64)


def _shard_blocks(blocks: Blocks) -> np.ndarray:
    """Return the first block (shard + 1,) of the fewest shards of whole regions that hold all."""
    lanes, n_regions = _lanes(blocks), blocks.n_regions
    if lanes.max() > SHARD_LANES:
        raise ValueError(
            f"{int(blocks.region_size.sum(axis=1).max()):,} neurons in a region: at most "
            f"{SHARD_LANES:,} are possible; divide the region"
        )
    total = np.concatenate([[0], np.cumsum(lanes)])
    bounds = np.arange(n_regions + 1)  # a region a shard, which always fits
    for number in range(n_shards(blocks), n_regions):
        tried = np.linspace(0, n_regions, number + 1).round().astype(np.int64)
        if np.diff(total[tried]).max() <= SHARD_LANES:
            bounds = tried
            break
    return np.searchsorted(blocks.region, bounds).astype(np.int64)
