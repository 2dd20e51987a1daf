"""The slow, plain oracle: what every engine must compute, one neuron at a time in Python floats.

It shares the models' own `advance`, the network's list of synapses and the definition of the noise
with the compiled engine, and nothing else: no tiles, no shards, no calendar.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from encephagen.engine import tables
from encephagen.models.model import constant_current_gain
from encephagen.network.network import Network
from encephagen.rng import mix32, mix64, uniform
from encephagen.units import MS_PER_S

LOW_32 = 0xFFFFFFFF


class Synapse(NamedTuple):
    """One synapse of a source; ``weight`` is a whole number of its channel's scale."""

    source: int
    target: int
    channel: int
    weight: int
    delay_steps: int


class Receptor(NamedTuple):
    """One current of one cell, and the pA that a unit of each channel, or an event, adds to it."""

    advance: Callable
    constants: tuple
    channel_jump_pA: tuple[float, ...]
    background_jump_pA: float


class Cell(NamedTuple):
    """What of a neuron stays as it is."""

    region: int
    E_L_mV: float
    advance: Callable
    constants: tuple
    current_gain: float
    receptors: tuple[Receptor, ...]
    thresholds: list[int]
    key: int


class Reference:
    """A running network, as `Session`, in float64 and without hurry (about 10 us a neuron step).

    ``current_pA`` and ``poisson_Hz`` (neuron,) may be written between calls. ``spikes`` lists
    (step, neuron) since the start; ``states`` and ``currents_pA`` hold what each neuron is in now.
    """

    def __init__(self, network: Network, *, noise_seed: int = 0, initial_seed: int = 0) -> None:
        self.network = network
        self.step = 0
        self.current_pA = np.zeros(network.n_neurons, np.float32)
        self.poisson_Hz = np.zeros(network.n_neurons, np.float32)
        self.spikes: list[tuple[int, int]] = []
        self._step_key, neuron_key, self._extra_key = tables.noise_keys(noise_seed)
        self._cells = _cells(network, neuron_key)
        self.states = _initial_states(network, initial_seed)
        self.currents_pA = [[0.0] * len(cell.receptors) for cell in self._cells]
        self._outgoing = _outgoing(network)
        self._under_way: dict[int, list[Synapse]] = defaultdict(list)  # by step of arrival
        self._silent: set[int] = set()
        self._cuts: list[tuple[set[int], set[int], bool]] = []

    @property
    def V_mV(self) -> np.ndarray:
        """Membrane potential (neuron,) now (mV), float64."""
        return np.array([s[0] + c.E_L_mV for s, c in zip(self.states, self._cells, strict=True)])

    def advance(self, n_steps: int) -> None:
        """Run ``n_steps`` steps."""
        for _ in range(n_steps):
            self._advance_one()
            self.step += 1

    def _advance_one(self) -> None:
        n_channels = len(self.network.channels)
        arrived = [[0] * n_channels for _ in self._cells]
        for synapse in self._under_way.pop(self.step, []):
            if self._passes(synapse, at_arrival=True):
                arrived[synapse.target][synapse.channel] += synapse.weight
        step_key = mix64(self._step_key, self.step) & LOW_32
        extra_key = np.uint64(mix64(self._extra_key, self.step))
        for i, cell in enumerate(self._cells):
            bits = mix32(np.uint32((cell.key + step_key) & LOW_32))
            events = sum(bits > threshold for threshold in cell.thresholds)
            if self.poisson_Hz[i]:
                mean = float(self.poisson_Hz[i]) * self.network.dt_ms / MS_PER_S
                events += _poisson(mean, uniform(np.uint64(mix64(extra_key, i))))
            drive_mV = cell.current_gain * float(self.current_pA[i])
            for r, receptor in enumerate(cell.receptors):
                self.currents_pA[i][r], added_mV = receptor.advance(
                    self.currents_pA[i][r],
                    _jump_pA(receptor, arrived[i], events),
                    receptor.constants,
                )
                drive_mV = drive_mV + added_mV
            self.states[i], spiked = cell.advance(self.states[i], drive_mV, cell.constants)
            if spiked and cell.region not in self._silent:
                self.spikes.append((self.step, i))
                for synapse in self._outgoing[i]:
                    if self._passes(synapse, at_arrival=False):
                        self._under_way[self.step + synapse.delay_steps].append(synapse)

    def silence(self, regions: str) -> None:
        """Silence regions: their neurons send no spikes."""
        self._silent.update(self.network.brain.connectome.indices(regions).tolist())

    def cut(self, source: str, target: str, *, at_arrival: bool = False) -> None:
        """Cut the synapses from regions to others: where spikes leave, or ``at_arrival``."""
        indices = self.network.brain.connectome.indices
        ends = set(indices(source).tolist()), set(indices(target).tolist())
        self._cuts.append((*ends, at_arrival))

    def heal(self) -> None:
        """Undo every lesion."""
        self._silent.clear()
        self._cuts.clear()

    def _passes(self, synapse: Synapse, at_arrival: bool) -> bool:
        source = self._cells[synapse.source].region
        target = self._cells[synapse.target].region
        return source == target or not any(
            source in sources and target in targets and where == at_arrival
            for sources, targets, where in self._cuts
        )


def _jump_pA(receptor: Receptor, arrived: list[int], events: int) -> float:
    """Return what arrives at a receptor: channels in order, then the background."""
    terms = [j * n for j, n in zip(receptor.channel_jump_pA, arrived, strict=True) if j != 0]
    if receptor.background_jump_pA != 0:
        terms.append(receptor.background_jump_pA * events)
    jump_pA = 0.0
    for term in terms:
        jump_pA += term
    return jump_pA


def _poisson(mean: float, u: float) -> int:
    """Return the Poisson count whose cumulative distribution first exceeds ``u``."""
    n, p = 0, math.exp(-mean)
    cumulative = p
    while u >= cumulative:
        n += 1
        p *= mean / n
        cumulative += p
    return n


def _cells(network: Network, neuron_key: np.uint64) -> list[Cell]:
    cells: list[Cell] = []
    for region in range(len(network.regions)):
        for population in network.brain.populations:
            neuron, background = population.cell(region)
            receptors = tuple(
                Receptor(
                    advance=r.advance,
                    constants=r.constants(neuron, network.dt_ms),
                    channel_jump_pA=tuple(
                        float(scale) * channel.jump(r)
                        for channel, scale in zip(
                            network.channels, network.weight_scale_pA, strict=True
                        )
                    ),
                    background_jump_pA=background.weight_pA * background.transmitter.jump(r),
                )
                for r in network.receptors
            )
            mean = np.array([background.rate_Hz * network.dt_ms / MS_PER_S])
            for _ in range(population.size):
                cells.append(
                    Cell(
                        region=region,
                        E_L_mV=neuron.E_L_mV,
                        advance=type(neuron).advance,
                        constants=neuron.constants(network.dt_ms),
                        current_gain=constant_current_gain(neuron, network.dt_ms),
                        receptors=receptors,
                        thresholds=tables.thresholds(mean)[0].tolist(),
                        key=mix64(neuron_key, len(cells)) & LOW_32,
                    )
                )
    return cells


def _initial_states(network: Network, seed: int) -> list[tuple]:
    models = [type(p.neuron) for _ in network.regions for p in network.brain.populations]
    return [
        model.State(*values)
        for model, block in zip(models, tables.initial_states(network, seed), strict=True)
        for values in block.T.tolist()
    ]


def _outgoing(network: Network) -> list[list[Synapse]]:
    """Return the synapses of every source neuron."""
    edges = network.edges()
    sign = np.array([channel.receptors[0].sign for channel in network.channels])
    unit_pA = (network.weight_scale_pA * sign)[edges["channel"]]
    weight = np.rint(edges["weight_pA"] / unit_pA).astype(int)
    delay_steps = np.rint(edges["delay_ms"] / network.dt_ms).astype(int)
    columns = (edges["source"], edges["target"], edges["channel"], weight, delay_steps)
    outgoing: list[list[Synapse]] = [[] for _ in range(network.n_neurons)]
    for values in zip(*(column.tolist() for column in columns), strict=True):
        outgoing[values[0]].append(Synapse(*values))
    return outgoing
