"""Tape: what a probe keeps while a session runs."""

from typing import TYPE_CHECKING

import numpy as np

from encephagen.network.network import TILE
from encephagen.recording.alarms import Alarm
from encephagen.recording.assemble import assemble
from encephagen.recording.bins import bin_spikes, whole_steps
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.recording.stretch import Traces

if TYPE_CHECKING:
    from encephagen.engine.session import Session

SPIKE_ROOM = 1 << 18  # spikes that the kernel can leave before it must return


class Tape:
    """Spikes, or their counts, and traces of one recording, as they come out of the kernel."""

    def __init__(self, session: "Session", probe: Probe, n_steps: int) -> None:
        network = session.network
        n = network.n_neurons
        outside = [i for i in probe.voltage if i >= n]
        if outside:
            raise ValueError(f"voltage names neuron {outside[0]}; the network has {n:,} neurons")
        self.session, self.probe, self.start = session, probe, session.step
        self.ids = np.array(probe.voltage, np.int64)
        self.every = 1
        if probe.voltage:
            self.every = whole_steps("voltage_every_ms", probe.voltage_every_ms, network.dt_ms)
        room = max(SPIKE_ROOM, 2 * network.layout.n_tiles * TILE * network.min_delay_steps)
        self.ports = session.driven_ports()._replace(
            spike_step=np.empty(room, np.int64),
            spike_neuron=np.empty(room, np.int32),
            probe_at=session.V_at[self.ids],
            probe_shard=np.searchsorted(network.layout.shard_first, self.ids, side="right") - 1,
            probe_every=self.every,
        )
        self.steps: list[np.ndarray] = []
        self.neurons: list[np.ndarray] = []
        self.samples: list[np.ndarray] = []
        self.bin_steps = whole_steps("bin_ms", probe.bin_ms, network.dt_ms)
        self.group = network.neuron_region * len(network.populations) + network.neuron_population
        self.shape = network.region_size.shape
        self.count = np.zeros((-(-n_steps // self.bin_steps), *self.shape), np.int32)
        self.last_spikes = 0

    def run(self, n_steps: int) -> None:
        """Run ``n_steps`` and keep what comes."""
        session, end = self.session, self.session.step + n_steps
        self.last_spikes = 0
        while session.step < end:
            start = session.step
            rows = end // self.every - start // self.every
            ports = self.ports._replace(probe_out=np.empty((rows, len(self.ids)), np.float32))
            n = session.run_kernel(end - start, ports)
            self._keep(start, ports.spike_step[:n], ports.spike_neuron[:n])
            if len(self.ids):
                rows = session.step // self.every - start // self.every
                self.samples.append(ports.probe_out[:rows])
            self.last_spikes += n

    def _keep(self, start: int, steps: np.ndarray, neurons: np.ndarray) -> None:
        if self.probe.spikes:
            self.steps.append(steps.copy())
            self.neurons.append(neurons.copy())
            return
        first = (start - self.start) // self.bin_steps
        last = -(-(self.session.step - self.start) // self.bin_steps)
        self.count[first:last] += bin_spikes(
            steps - self.start - first * self.bin_steps,
            self.group[neurons],
            last - first,
            self.bin_steps,
            self.shape,
        )

    def assemble(self, interrupted: bool, alarms: list[Alarm]) -> Recording:
        """Return the recording of what was kept."""
        session, network = self.session, self.session.network
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
        if len(self.ids):
            first = self.start // self.every + 1
            samples = np.concatenate(self.samples or [np.empty((0, len(self.ids)), np.float32)])
            v_mV = samples + session.E_L_mV[self.ids]
            time_ms = (first + np.arange(len(v_mV))) * self.every * network.dt_ms
            traces = Traces(time_ms, self.ids, v_mV)
        steps = neurons = count = None
        if self.probe.spikes:
            steps = np.concatenate(self.steps or [np.empty(0, np.int64)])
            neurons = np.concatenate(self.neurons or [np.empty(0, np.int32)])
        else:
            count = self.count[: -(-(session.step - self.start) // self.bin_steps)]
        return assemble(
            steps,
            neurons,
            count=count,
            dt_ms=network.dt_ms,
            start_step=self.start,
            n_steps=session.step - self.start,
            regions=network.regions,
            populations=network.populations,
            excites=[p.excites for p in network.brain.populations],
            neuron_region=network.neuron_region,
            neuron_population=network.neuron_population,
            bin_ms=self.probe.bin_ms,
            traces=traces,
            provenance=session.provenance(),
            interrupted=interrupted,
            alarms=alarms,
        )
