"""Recorder: what a probe keeps while a session runs, under `record` and under `advance` alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encephagen.engine.engine import Events, Watch
from encephagen.jit import njit
from encephagen.network.network import Network
from encephagen.recording.alarms import Alarm
from encephagen.recording.assemble import assemble
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.recording.stretch import Traces
from encephagen.units import whole_steps

FIRST_BINS = 64


class Recorder:
    """Spikes, or their counts, and potentials since it was attached.

    `new_counts` and `new_spikes` cost a closed loop microseconds; `recording` makes a `Recording`
    of all so far. Raises ValueError for intervals that are no whole number of steps, and for
    neurons that are not there.
    """

    def __init__(self, network: Network, probe: Probe, start_step: int) -> None:
        n, dt_ms = network.n_neurons, network.dt_ms
        outside = [i for i in probe.voltage if i >= n]
        if outside:
            raise ValueError(f"voltage names neuron {outside[0]}; the network has {n:,} neurons")
        self.network, self.probe = network, probe
        self.start = self.stop = start_step
        every = 1
        if probe.voltage:
            every = whole_steps("voltage_every_ms", probe.voltage_every_ms, dt_ms)
        self.watch = Watch(True, np.array(probe.voltage, np.int64), every)
        self._bin_steps = whole_steps("bin_ms", probe.bin_ms, dt_ms)
        self._shape = network.region_size.shape
        self._group = network.neuron_region * self._shape[1] + network.neuron_population
        n_groups = int(np.prod(self._shape))
        self._count = np.zeros((FIRST_BINS, n_groups), np.int32)
        self._fresh = np.zeros(n_groups, np.int32)
        self._steps: list[np.ndarray] = []
        self._neurons: list[np.ndarray] = []
        self._samples: list[np.ndarray] = []
        self._read = 0  # of the pieces of spikes, by `new_spikes`

    def take(self, events: Events, n_steps: int, v_mV: np.ndarray) -> None:
        """Take in what happened in the next ``n_steps``; v_mV (sample, k) of its own neurons."""
        self.stop += n_steps
        n_bins = -(-(self.stop - self.start) // self._bin_steps)
        if n_bins > len(self._count):
            more = np.zeros((max(n_bins, 2 * len(self._count)), self._count.shape[1]), np.int32)
            more[: len(self._count)] = self._count
            self._count = more
        _tally(
            events.step, events.neuron, self._group, self.start, self._bin_steps,
            self._count, self._fresh,
        )  # fmt: skip
        if self.probe.spikes and len(events.step):
            self._steps.append(events.step.copy())
            self._neurons.append(events.neuron.copy())
        if self.probe.voltage:
            self._samples.append(v_mV.copy())

    def new_counts(self) -> np.ndarray:
        """Return the spikes (region, population) int32 since this was last asked."""
        counts = self._fresh.reshape(self._shape).copy()
        self._fresh.fill(0)
        return counts

    def new_spikes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return time_ms (spike,) and neuron (spike,) of the spikes since this was last asked.

        In the order of time, then neuron.

        Raises ValueError if the probe keeps no spikes.
        """
        if not self.probe.spikes:
            raise ValueError("this recorder keeps counts but no spikes: attach Probe(spikes=True)")
        steps = _joined(self._steps[self._read :], np.int64)
        neurons = _joined(self._neurons[self._read :], np.int32)
        self._read = len(self._steps)
        order = np.lexsort((neurons, steps))
        return (steps[order] + 1) * self.network.dt_ms, neurons[order]

    def recording(
        self,
        provenance: Mapping[str, Any],
        *,
        interrupted: bool = False,
        alarms: Sequence[Alarm] = (),
    ) -> Recording:
        """Return all so far as a `Recording`; ``alarms`` are what the engine found."""
        network, watch, dt_ms = self.network, self.watch, self.network.dt_ms
        if not network.delays_active:
            silent_delays = Alarm(
                "inactive delays",
                "",
                f"every delay is {network.min_delay_steps} steps",
                "delays that differ",
                "give fibre lengths and a conduction velocity",
            )
            alarms = [*alarms, silent_delays]
        traces = None
        if len(watch.voltage):
            v_mV = np.concatenate(self._samples or [np.empty((0, len(watch.voltage)), np.float32)])
            first = self.start // watch.every_steps + 1
            time_ms = (first + np.arange(len(v_mV))) * watch.every_steps * dt_ms
            traces = Traces(time_ms, watch.voltage, v_mV)
        steps = neurons = count = None
        if self.probe.spikes:
            steps, neurons = _joined(self._steps, np.int64), _joined(self._neurons, np.int32)
        else:
            n_bins = -(-(self.stop - self.start) // self._bin_steps)
            count = self._count[:n_bins].reshape(n_bins, *self._shape)
        return assemble(
            steps,
            neurons,
            count=count,
            dt_ms=dt_ms,
            start_step=self.start,
            n_steps=self.stop - self.start,
            regions=network.regions,
            populations=network.populations,
            excites=[p.excites for p in network.brain.populations],
            at_rest_Hz=[
                p.at_rest and (p.at_rest.low_Hz, p.at_rest.high_Hz)
                for p in network.brain.populations
            ],
            neuron_region=network.neuron_region,
            neuron_population=network.neuron_population,
            bin_ms=self.probe.bin_ms,
            traces=traces,
            provenance=provenance,
            interrupted=interrupted,
            alarms=alarms,
        )


def _joined(pieces: list[np.ndarray], kind: Any) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.empty(0, kind)


@njit
def _tally(steps, neurons, group, start, bin_steps, count, fresh):
    """Add spikes to the counts of their bins (bin, group), and to those not yet read (group,)."""
    for k in range(steps.shape[0]):
        g = group[neurons[k]]
        bin = (steps[k] - start) // bin_steps
        assert 0 <= bin < count.shape[0]
        count[bin, g] += 1
        fresh[g] += 1
