"""Blocks: the one table of who lives where. A block is a population in a region."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from encephagen.brain.spec import Brain, Poisson
from encephagen.models.model import AbstractNeuron

NOWHERE = -1


@dataclass(frozen=True, eq=False)
class Blocks:
    """Populations in regions, region after region, in each in the brain's order.

    region (block,): position of the region in the connectome
    population (block,): position of the population in the brain
    first (block + 1,): number of the first neuron, and of all neurons; neurons are numbered block
        after block
    """

    n_regions: int
    n_populations: int
    region: np.ndarray
    population: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, brain: Brain) -> "Blocks":
        """Return the blocks of a brain."""
        n, k = brain.connectome.n, len(brain.populations)
        lives = np.zeros((n, k), bool)
        for number, population in enumerate(brain.populations):
            lives[brain.regions_of(population.name), number] = True
        region, population = np.nonzero(lives)
        size = np.array([p.size for p in brain.populations], np.int64)[population]
        return cls(n, k, region, population, np.concatenate([[0], np.cumsum(size)]))

    def __post_init__(self) -> None:
        for name in ("region", "population", "first"):
            array = np.array(getattr(self, name), np.int64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.region)

    @property
    def size(self) -> np.ndarray:
        """Neurons (block,) of each block."""
        return np.diff(self.first)

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return int(self.first[-1])

    @cached_property
    def at(self) -> np.ndarray:
        """Block (region, population), `NOWHERE` (-1) where the population does not live."""
        table = np.full((self.n_regions, self.n_populations), NOWHERE)
        table[self.region, self.population] = np.arange(len(self))
        table.setflags(write=False)
        return table

    def of_population(self, population: int) -> np.ndarray:
        """Return the blocks (k,) of a population, in the order of the regions where it lives."""
        return np.flatnonzero(self.population == population)

    def first_in(self, population: int) -> np.ndarray:
        """Return the first neuron (region,) of a population, `NOWHERE` where it does not live."""
        at = self.at[:, population]
        return np.where(at == NOWHERE, NOWHERE, self.first[at])

    @cached_property
    def region_size(self) -> np.ndarray:
        """Neurons (region, population) of each population in each region, 0 where it is not."""
        table = np.zeros((self.n_regions, self.n_populations), np.int64)
        table[self.region, self.population] = self.size
        table.setflags(write=False)
        return table

    def each_neuron(self, of_block: np.ndarray) -> np.ndarray:
        """Return a value (neuron,) for each neuron from one (block,) for each block."""
        return np.repeat(of_block, self.size)


def cells(brain: Brain) -> list[tuple[AbstractNeuron, Poisson]]:
    """Return the neuron and the background of every block of a brain, in the order of `Blocks`."""
    blocks = Blocks.of(brain)
    place = np.zeros(blocks.n_populations, np.int64)
    found = []
    for number in blocks.population.tolist():
        found.append(brain.populations[number].cell(int(place[number])))
        place[number] += 1
    return found
