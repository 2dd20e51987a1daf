"""The slow, plain oracle: what every engine must compute, one neuron at a time in Python floats.

It shares the models' own `advance`, the network's list of synapses and the definition of the noise
with the compiled engine, and nothing else: no tiles, no shards, no calendar.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encephagen.brain.blocks import cells as cells_of
from encephagen.brain.spec import Poisson
from encephagen.engine import tables
from encephagen.engine.engine import Events, Inputs, Watch
from encephagen.models.model import AbstractNeuron, constant_current_gain
from encephagen.network.cells import neurons
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


@dataclass(frozen=True)
class Reference:
    """How to run a network as the oracle; see `reference`."""

    real: str = "float64"

    def start(self, network: Network, *, noise_seed: int, initial_seed: int) -> "ReferenceRun":
        """Return a network that runs."""
        return ReferenceRun(network, noise_seed=noise_seed, initial_seed=initial_seed)


def reference() -> Reference:
    """Return the oracle as an engine: in float64 and without hurry, about 10 us a neuron step."""
    return Reference()


class ReferenceRun:
    """A network that runs (see `Running` in `encephagen.engine.engine`), to be looked into.

    ``states`` and ``currents_pA`` hold what each neuron is in now.
    """

    threads = 1
    format = "reference"

    def __init__(self, network: Network, *, noise_seed: int = 0, initial_seed: int = 0) -> None:
        self.network = network
        self.step = self.n_spikes = 0
        self.counts = np.zeros(network.n_neurons, np.int32)
        self._noise_seed = noise_seed
        self._step_key, neuron_key, self._extra_key = tables.noise_keys(noise_seed)
        self._cells = _cells(network, neuron_key)
        self.states = _initial_states(network, initial_seed)
        self.currents_pA = [[0.0] * len(cell.receptors) for cell in self._cells]
        self._outgoing = _outgoing(network)
        self._under_way: dict[int, list[Synapse]] = defaultdict(list)  # by step of arrival
        self._recent: list[tuple[int, int]] = []  # step and neuron of what may be under way
        n = len(network.regions)
        self._silent, self._cut = np.zeros(network.n_neurons, bool), np.zeros((n, n), bool)

    @property
    def V_mV(self) -> np.ndarray:
        """Membrane potential (neuron,) now (mV), float64."""
        return np.array([s[0] + c.E_L_mV for s, c in zip(self.states, self._cells, strict=True)])

    def advance(self, n_steps: int, inputs: Inputs, watch: Watch) -> Events:
        """Run ``n_steps`` steps."""
        spikes: list[tuple[int, int]] = []
        samples: list[np.ndarray] = []
        for row in range(n_steps):
            for neuron in self._advance_one(inputs, row):
                spikes.append((self.step, neuron))
            self.step += 1
            if len(watch.voltage) and self.step % watch.every_steps == 0:
                samples.append(self.V_mV[watch.voltage].astype(np.float32))
        steps, neurons = np.array(spikes, np.int64).reshape(-1, 2).T
        v_mV = np.array(samples, np.float32).reshape(len(samples), len(watch.voltage))
        return Events(steps, neurons.astype(np.int32), v_mV)

    def _advance_one(self, inputs: Inputs, row: int) -> list[int]:
        """Take a step, which is number ``row`` of this call; return who spiked."""
        n_channels = len(self.network.channels)
        arrived = [[0] * n_channels for _ in self._cells]
        for synapse in self._under_way.pop(self.step, []):
            if self._passes(synapse):
                arrived[synapse.target][synapse.channel] += synapse.weight
        step_key = mix64(self._step_key, self.step) & LOW_32
        current_pA, extra = self._from_outside(inputs, row)
        spiking = []
        for i, cell in enumerate(self._cells):
            bits = mix32(np.uint32((cell.key + step_key) & LOW_32))
            events = sum(bits > threshold for threshold in cell.thresholds) + extra[i]
            drive_mV = cell.current_gain * float(current_pA[i])
            for r, receptor in enumerate(cell.receptors):
                self.currents_pA[i][r], added_mV = receptor.advance(
                    self.currents_pA[i][r],
                    _jump_pA(receptor, arrived[i], events),
                    receptor.constants,
                )
                drive_mV = drive_mV + added_mV
            self.states[i], spiked = cell.advance(self.states[i], drive_mV, cell.constants)
            if spiked and not self._silent[i]:
                spiking.append(i)
                self._send(self.step, i)
        return spiking

    def _from_outside(self, inputs: Inputs, row: int) -> tuple[np.ndarray, list[int]]:
        """Return the current (neuron,) and the number of extra events (neuron,) of a step."""
        dt_ms, current_pA = self.network.dt_ms, inputs.current_pA.copy()
        extra = [0] * self.network.n_neurons
        key = np.uint64(mix64(self._extra_key, self.step))
        for i in np.flatnonzero(inputs.poisson_Hz).tolist():
            mean = float(inputs.poisson_Hz[i]) * dt_ms / MS_PER_S
            extra[i] += _poisson(mean, uniform(np.uint64(mix64(key, i))))
        for driven in inputs.driven:
            current_pA[driven.neurons] += np.float32(driven.pA[row])
            mean = float(driven.Hz[row]) * dt_ms / MS_PER_S
            key = np.uint64(mix64(tables.drive_key(self._noise_seed, driven.number), self.step))
            for i in driven.neurons.tolist() if mean > 0 else ():
                extra[i] += _poisson(mean, uniform(np.uint64(mix64(key, i))))
        return current_pA, extra

    def _send(self, step: int, neuron: int) -> None:
        """Put a spike on its way."""
        self.counts[neuron] += 1
        self.n_spikes += 1
        oldest = step - self.network.max_delay_steps
        self._recent = [(s, i) for s, i in self._recent if s >= oldest] + [(step, neuron)]
        for synapse in self._outgoing[neuron]:
            self._under_way[step + synapse.delay_steps].append(synapse)

    def lesion(self, silent: np.ndarray, cut: np.ndarray) -> int:
        """Set the masks of lesions; return how many synapses are cut (see `Running.lesion`)."""
        self._silent, self._cut = self.network.blocks.each_neuron(silent), cut.copy()
        every = (synapse for synapses in self._outgoing for synapse in synapses)
        return sum(synapse.weight != 0 and not self._passes(synapse) for synapse in every)

    def _passes(self, synapse: Synapse) -> bool:
        source, target = (self._cells[i].region for i in synapse[:2])
        return not self._cut[target, source]

    def finite(self) -> np.ndarray:
        """Return whether the state of each neuron (neuron,) is finite; empty if that of all is."""
        values = [(*s, *c) for s, c in zip(self.states, self.currents_pA, strict=True)]
        finite = np.array([all(map(math.isfinite, row)) for row in values])
        return np.empty(0, bool) if finite.all() else finite

    def state(self) -> dict[str, np.ndarray]:
        """Return the whole state as arrays of its own."""
        values = [v for s, c in zip(self.states, self.currents_pA, strict=True) for v in (*s, *c)]
        return {"values": np.array(values), "spikes": np.array(self._recent).reshape(-1, 2)}

    def restore(self, step: int, state: Mapping[str, np.ndarray]) -> None:
        """Go to a state that `state` gave; ValueError, before any change, if it does not fit."""
        values = state["values"].tolist()
        if len(values) != sum(map(len, [*self.states, *self.currents_pA])):
            raise ValueError(
                f"the snapshot's values have shape {state['values'].shape}: give one that "
                "`snapshot` made"
            )
        at = iter(values)
        self.states = [type(s)(*(next(at) for _ in s)) for s in self.states]
        self.currents_pA = [[next(at) for _ in c] for c in self.currents_pA]
        self.step, self.counts[:] = step, 0
        self._recent = [(s, i) for s, i in state["spikes"].tolist()]
        self._under_way.clear()
        for spiked, neuron in self._recent:
            for synapse in self._outgoing[neuron]:
                if spiked + synapse.delay_steps >= step:
                    self._under_way[spiked + synapse.delay_steps].append(synapse)


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
    found: list[Cell] = []
    blocks = network.blocks
    for b, (own, background) in enumerate(neurons(network)):
        mean = np.array([background.rate_Hz * network.dt_ms / MS_PER_S])
        receptors = [_receptors(network, neuron, background) for neuron in own]
        for k in range(blocks.size[b]):
            neuron = own[k % len(own)]
            found.append(
                Cell(
                    region=int(blocks.region[b]),
                    E_L_mV=neuron.E_L_mV,
                    advance=type(neuron).advance,
                    constants=neuron.constants(network.dt_ms),
                    current_gain=constant_current_gain(neuron, network.dt_ms),
                    receptors=receptors[k % len(own)],
                    thresholds=tables.thresholds(mean)[0].tolist(),
                    key=mix64(neuron_key, len(found)) & LOW_32,
                )
            )
    return found


def _receptors(
    network: Network, neuron: AbstractNeuron, background: Poisson
) -> tuple[Receptor, ...]:
    return tuple(
        Receptor(
            advance=r.advance,
            constants=r.constants(neuron, network.dt_ms),
            channel_jump_pA=tuple(
                float(scale) * channel.jump(r)
                for channel, scale in zip(network.channels, network.weight_scale_pA, strict=True)
            ),
            background_jump_pA=background.weight_pA * background.transmitter.jump(r),
        )
        for r in network.receptors
    )


def _initial_states(network: Network, seed: int) -> list[tuple]:
    models = [type(neuron) for neuron, _ in cells_of(network.brain)]
    return [
        model.State(*values)
        for model, block in zip(models, tables.initial_states(network, seed), strict=True)
        for values in block.T.tolist()
    ]


def _outgoing(network: Network) -> list[list[Synapse]]:
    """Return the synapses of every source neuron."""
    edges = network.edges()
    names = ("source", "target", "channel", "weight", "delay_steps")
    outgoing: list[list[Synapse]] = [[] for _ in range(network.n_neurons)]
    for values in zip(*(edges[name].tolist() for name in names), strict=True):
        outgoing[values[0]].append(Synapse(*values))
    return outgoing
