"""Cells: the neurons of a network one by one, where populations spread their parameters."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from encephagen.brain.blocks import cells
from encephagen.brain.spec import Poisson
from encephagen.brain.spread import drawn
from encephagen.models.model import AbstractNeuron
from encephagen.network.network import Network

Neurons = tuple[AbstractNeuron, ...]


def neurons(network: Network) -> list[tuple[Neurons, Poisson]]:
    """Return, for each block, its neurons (one where all are alike, else each), and background.

    Which neuron of a block has which of the spread values is drawn under the network's seed.
    Raises ValueError for a value that the model refuses.
    """
    blocks, brain, found = network.blocks, network.brain, []
    for (neuron, background), region, number in zip(
        cells(brain), blocks.region.tolist(), blocks.population.tolist(), strict=True
    ):
        population, place = brain.populations[number], network.regions[region].name
        values = {
            name: drawn(
                spread,
                getattr(neuron, name),
                population.size,
                network.seed,
                place,
                population.name,
                name,
            ).tolist()
            for name, spread in population.spread or ()
        }
        own = [neuron]
        if values:
            rows = (
                dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
            )
            try:
                own = [dataclasses.replace(neuron, **row) for row in rows]  # type: ignore[type-var]
            except ValueError as error:
                raise ValueError(
                    f"population {population.name!r} in region {place!r}: {error}; spread it less"
                ) from None
        found.append((tuple(own), background))
    return found


def each(network: Network, parameter: str) -> np.ndarray:
    """Return a parameter (neuron,) of every neuron, as float64; nan for models without it."""
    return each_of(network, [parameter])[parameter]


def each_of(network: Network, parameters: Sequence[str]) -> dict[str, np.ndarray]:
    """Return some parameters of every neuron, by name; see `each`."""
    found, sizes = neurons(network), network.blocks.size

    def values(parameter: str) -> np.ndarray:
        by_block = ([float(getattr(n, parameter, np.nan)) for n in own] for own, _ in found)
        return np.concatenate(
            [np.broadcast_to(v, size) for v, size in zip(by_block, sizes, strict=True)]
        )

    return {parameter: values(parameter) for parameter in parameters}
