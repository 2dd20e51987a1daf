"""Network: a brain with every synapse determined; what is drawn, not how it lies in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Region
from encephagen.digest import digest
from encephagen.models.receptors import Exponential, Transmitter
from encephagen.network import wiring

WIRING_VERSION = 1  # part of every digest: another way to draw is another network


@dataclass(frozen=True, eq=False)
class Network:
    """A brain built for one step size and one wiring seed; read-only.

    ``blocks`` numbers its neurons. A channel is a transmitter as the network's synapses use it;
    every channel has a weight scale (pA per unit of the int16 weights). ``plans`` draw the synapses
    of each projection. Networks are equal when their `digest` is.
    """

    brain: Brain
    dt_ms: float
    seed: int
    blocks: Blocks
    channels: tuple[Transmitter, ...]
    weight_scale_pA: np.ndarray
    plans: tuple[wiring.Plan, ...]
    min_delay_steps: int
    max_delay_steps: int

    def __repr__(self) -> str:
        return (
            f"Network({self.brain!r}, {self.n_neurons:,} neurons, dt {self.dt_ms:g} ms, "
            f"seed {self.seed}, digest {self.digest()[:12]})"
        )

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return self.blocks.n_neurons

    @cached_property
    def n_synapses(self) -> int:
        """Number of synapses, counted by drawing them."""
        return sum(self._n_synapses)

    @cached_property
    def _n_synapses(self) -> list[int]:
        return [wiring.count(plan, *_room(plan)) for plan in self.plans]

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
        """Distinct receptors, in the order of appearance."""
        return self.brain.receptors

    @property
    def region_size(self) -> np.ndarray:
        """Number of neurons (region, population), 0 where a population does not live."""
        return self.blocks.region_size

    @cached_property
    def neuron_region(self) -> np.ndarray:
        """Region (neuron,) int32 of each neuron."""
        return _read_only(self.blocks.each_neuron(self.blocks.region).astype(np.int32))

    @cached_property
    def neuron_population(self) -> np.ndarray:
        """Population (neuron,) int8 of each neuron."""
        return _read_only(self.blocks.each_neuron(self.blocks.population).astype(np.int8))

    @property
    def delays_active(self) -> bool:
        """Whether conduction between regions takes different times."""
        return self.max_delay_steps > self.min_delay_steps

    def digest(self) -> str:
        """Return the SHA-256 of what determines this network."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return digest(self.brain.digest(), float(self.dt_ms), self.seed, WIRING_VERSION)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.digest() == other.digest()

    def __hash__(self) -> int:
        return hash(self.digest())

    def edges(self, projections: Iterable[int] | None = None) -> dict[str, np.ndarray]:
        """Return every synapse, each (synapse,), projection after projection.

        ``projections``: only those of some, by their positions in the brain.

        source, target (neuron numbers, int32); weight_pA (float64, with the sign of the channel's
        first receptor); delay_ms (float64); channel (int8); projection (int16, its position in the
        brain); weight (int16, in units of the channel's scale) and delay_steps (uint16). About 32
        bytes a synapse.
        """
        chosen = range(len(self.plans)) if projections is None else list(projections)
        n = sum(self._n_synapses[number] for number in chosen)
        kinds = {"source": np.int32, "target": np.int32, "weight": np.int16}
        kinds |= {"delay_steps": np.uint16, "channel": np.int8, "projection": np.int16}
        edges: dict[str, Any] = {name: np.empty(n, kind) for name, kind in kinds.items()}
        first = 0
        for number in chosen:
            plan, size = self.plans[number], self._n_synapses[number]
            part = slice(first, first + size)
            columns = (edges[k][part] for k in ("source", "target", "weight", "delay_steps"))
            wiring.list_edges(plan, *_room(plan), *columns)
            edges["channel"][part], edges["projection"][part] = plan.channel, number
            first += size
        sign = np.array([c.receptors[0].sign for c in self.channels])
        edges["weight_pA"] = edges["weight"] * (self.weight_scale_pA * sign)[edges["channel"]]
        edges["delay_ms"] = edges["delay_steps"] * self.dt_ms
        return edges


def _room(plan: wiring.Plan) -> tuple[np.ndarray, np.ndarray]:
    """Return scratch for the sources of a target neuron, and their regions."""
    n = wiring.widest(plan)
    return np.empty(n, np.int64), np.empty(n, np.int64)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
