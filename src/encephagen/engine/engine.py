"""Engine: what a `Session` asks of whatever runs its network.

An engine is a value that says how to run: `cpu(threads=2)`, `reference()`. Its `start` gives a
`Running`: one network with its state, which advances and can be lesioned, kept and restored. Every
engine gives the spikes of the oracle, `reference`; the contract tests hold each to that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from encephagen.network.network import Network


@dataclass(frozen=True, eq=False)
class Driven:
    """What a function of time gives to neurons during the steps of one call.

    neurons (k,): whom; pA (step,) float32: a current onto each; Hz (step,) float64: background
    events a second onto each, drawn independently under drive number ``number``.
    """

    number: int
    neurons: np.ndarray
    pA: np.ndarray
    Hz: np.ndarray


@dataclass(frozen=True, eq=False)
class Inputs:
    """What reaches the neurons of a network from outside during one call.

    current_pA (neuron,) float32: an injected current; poisson_Hz (neuron,) float32: extra events a
    second of the background's weight; ``driven``: what changes from step to step.
    """

    current_pA: np.ndarray
    poisson_Hz: np.ndarray
    driven: tuple[Driven, ...] = ()


@dataclass(frozen=True, eq=False)
class Watch:
    """What one call shall report: spikes, and potentials of neurons (k,) every so many steps."""

    spikes: bool = False
    voltage: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    every_steps: int = 1


class Events(NamedTuple):
    """What happened in one call: (spike,) steps and neurons, and (sample, k) potentials in mV.

    The arrays may be the engine's own, and hold until its next call. Samples are of the end of
    every step whose number plus one is a multiple of ``every_steps``.
    """

    step: np.ndarray
    neuron: np.ndarray
    v_mV: np.ndarray


class Running(Protocol):
    """A network that runs. ``counts`` (neuron,) int32 adds up spikes until it is set to zero."""

    network: Network
    counts: np.ndarray

    @property
    def step(self) -> int:
        """Steps done."""
        ...

    @property
    def n_spikes(self) -> int:
        """Spikes since it was started."""
        ...

    @property
    def threads(self) -> int:
        """Threads that it runs on."""
        ...

    @property
    def format(self) -> str:
        """What `state` is made of; only a run of the same can be restored to it."""
        ...

    @property
    def V_mV(self) -> np.ndarray:
        """Membrane potential (neuron,) now (mV), float32; a copy."""
        ...

    def advance(self, n_steps: int, inputs: Inputs, watch: Watch) -> Events:
        """Run ``n_steps`` steps."""
        ...

    def lesion(self, silent: np.ndarray, cut: np.ndarray) -> int:
        """Set the masks of lesions; return how many synapses are cut.

        silent (block,) bool: neurons send no spikes. cut (region, region) bool, [target, source]:
        nothing arrives from source regions at target regions, spikes under way included.
        """
        ...

    def finite(self) -> np.ndarray:
        """Return whether the state of each neuron (neuron,) is finite; empty if that of all is."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Return the whole state, spikes under way included, as arrays of its own."""
        ...

    def restore(self, step: int, state: Mapping[str, np.ndarray]) -> None:
        """Go to a state that `state` gave; ValueError, before any change, if it does not fit."""
        ...


class Engine(Protocol):
    """How to run a network; a frozen value."""

    @property
    def real(self) -> str:
        """Precision of the state: "float32" or "float64"."""
        ...

    def start(self, network: Network, *, noise_seed: int, initial_seed: int) -> Running:
        """Return a network that runs, in its initial state."""
        ...
