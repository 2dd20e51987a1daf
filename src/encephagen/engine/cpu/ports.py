"""Ports: what goes into and out of a call of the kernel, made of what a session gives and asks."""

import numba
import numpy as np

from encephagen.engine import tables
from encephagen.engine.cpu import kernel
from encephagen.engine.cpu.layout import Layout
from encephagen.engine.engine import Driven, Inputs, Watch
from encephagen.jit import njit
from encephagen.network.network import Network
from encephagen.units import MS_PER_S

SPIKE_ROOM = 1 << 18  # spikes that the kernel can leave before it must return
INFINITE = np.float32(np.inf)  # of the inputs' own precision


class PortMaker:
    """Makes the `kernel.Ports` of each call; those of the usual call are kept.

    ``counts`` (neuron,) is where the kernel counts spikes, ``V_at`` (neuron,) where potentials lie.
    """

    def __init__(
        self,
        network: Network,
        layout: Layout,
        noise_seed: int,
        counts: np.ndarray,
        V_at: np.ndarray,
    ) -> None:
        self._network, self._layout, self._noise_seed = network, layout, noise_seed
        self._keys = tables.noise_keys(noise_seed)
        self._counts, self._V_at = counts, V_at
        self._quiet = self._quiet_ports()
        self._usual: dict[tuple[bool, bool], kernel.Ports] = {}
        self._usual_pA: np.ndarray | None = None  # whose ports those are
        self._clean = True  # whether no lane has an injected current

    def make(self, inputs: Inputs, watch: Watch) -> kernel.Ports:
        """Return the ports of a call; ValueError for inputs that cannot be."""
        finite, injected, kicked = _look(inputs.current_pA, inputs.poisson_Hz)
        if not finite:
            neuron = int(np.argmin(np.isfinite(inputs.current_pA)))
            raise ValueError(
                f"current_pA of neuron {neuron} is {inputs.current_pA[neuron]:g}: must be finite; "
                "check what wrote it"
            )
        watched = kicked or len(watch.voltage) or inputs.driven
        injects = injected or bool(inputs.driven) or not self._clean
        clean = not injected and not inputs.driven
        if not watched:
            self._clean = clean
            return self._usual_ports(inputs.current_pA, injects, watch.spikes)
        ports = self._quiet
        if kicked:
            ports = self._kicked(ports, inputs.poisson_Hz)
        if inputs.driven:
            ports = self._driven(ports, inputs.driven)
        if watch.spikes:
            ports = ports._replace(**self._spike_room)
        if len(watch.voltage):
            ports = ports._replace(
                probe_at=self._V_at[watch.voltage],
                probe_shard=self._layout.shard_of(watch.voltage),
                probe_every=watch.every_steps,
            )
        self._clean = clean  # once nothing can be refused any more
        return ports._replace(current_pA=inputs.current_pA, injects=int(injects))

    def _usual_ports(self, current_pA: np.ndarray, injects: bool, spikes: bool) -> kernel.Ports:
        """Return ports for currents alone, kept from call to call: to make them takes 2 us."""
        if current_pA is not self._usual_pA:
            self._usual_pA, self._usual = current_pA, {}
        if (injects, spikes) not in self._usual:
            room = self._spike_room if spikes else {}
            self._usual[injects, spikes] = self._quiet._replace(
                current_pA=current_pA, injects=int(injects), **room
            )
        return self._usual[injects, spikes]

    @property
    def _spike_room(self) -> dict[str, np.ndarray]:
        if not hasattr(self, "_spikes"):
            room = max(SPIKE_ROOM, 2 * self._layout.n_lanes * self._network.min_delay_steps)
            self._spikes = {
                "spike_step": np.empty(room, np.int64),
                "spike_neuron": np.empty(room, np.int32),
            }
        return self._spikes

    def _kicked(self, ports: kernel.Ports, rate_Hz: np.ndarray) -> kernel.Ports:
        neuron = np.flatnonzero(rate_Hz)
        mean = rate_Hz[neuron].astype(np.float64) * self._network.dt_ms / MS_PER_S
        bad = ~((mean > 0) & (mean <= tables.MAX_BACKGROUND_PER_STEP))
        if bad.any():
            raise ValueError(
                f"poisson_Hz of neuron {neuron[bad][0]} is {rate_Hz[neuron[bad][0]]:g}: must be "
                f"finite, 0 or more, and at most {tables.MAX_BACKGROUND_PER_STEP:.0f} events a step"
            )
        return ports._replace(
            kick_neuron=neuron,
            kick_lane=self._layout.lane[neuron],
            kick_p0=np.exp(-mean),
            kick_mean=mean,
            kick_bounds=np.searchsorted(neuron, self._layout.shard_first),
        )

    def _driven(self, ports: kernel.Ports, driven: tuple[Driven, ...]) -> kernel.Ports:
        mean = np.array([d.Hz for d in driven]).T.copy() * self._network.dt_ms / MS_PER_S
        first = np.cumsum([0] + [len(d.neurons) for d in driven])
        neuron = np.concatenate([d.neurons for d in driven])
        bounds = [
            a + np.searchsorted(d.neurons, self._layout.shard_first)
            for a, d in zip(first, driven, strict=False)
        ]
        return ports._replace(
            drive_pA=np.array([d.pA for d in driven], np.float32).T.copy(),
            drive_p0=np.exp(-mean),
            drive_mean=mean,
            drive_key=np.array([tables.drive_key(self._noise_seed, d.number) for d in driven]),
            drive_neuron=neuron,
            drive_lane=self._layout.lane[neuron],
            drive_bounds=np.array(bounds, np.int64),
        )

    def _quiet_ports(self) -> kernel.Ports:
        """Return ports through which nothing comes in but currents, and only counts go out."""
        none, n_shards = np.empty(0, np.int64), self._layout.n_shards
        return kernel.Ports(
            current_pA=np.zeros(self._network.n_neurons, np.float32),
            injects=1,
            kick_neuron=none,
            kick_lane=none,
            kick_p0=np.empty(0),
            kick_mean=np.empty(0),
            kick_bounds=np.zeros(n_shards + 1, np.int64),
            kick_key=self._keys[2],
            drive_pA=np.empty((0, 0), np.float32),
            drive_p0=np.empty((0, 0)),
            drive_mean=np.empty((0, 0)),
            drive_key=np.empty(0, np.uint64),
            drive_neuron=none,
            drive_lane=none,
            drive_bounds=np.empty((0, n_shards + 1), np.int64),
            counts=self._counts,
            spike_step=none,
            spike_neuron=np.empty(0, np.int32),
            probe_at=none,
            probe_shard=none,
            probe_every=1,
            probe_out=np.empty((0, 0), np.float32),
            noise_key=self._keys[0],
        )


@njit
def _look(current_pA: np.ndarray, rate_Hz: np.ndarray) -> tuple[bool, bool, bool]:
    """Return whether all currents are finite, and whether any current, any rate is not 0.

    One pass of 1.4 us over 16,000 neurons, where NumPy takes 5: a closed loop looks at every step.
    """
    bad, injected, kicked = numba.int32(0), numba.int32(0), numba.int32(0)
    for i in range(current_pA.shape[0]):
        bad |= numba.int32(not abs(current_pA[i]) < INFINITE)
        injected |= numba.int32(current_pA[i] != 0)
        kicked |= numba.int32(rate_Hz[i] != 0)
    return bad == 0, injected != 0, kicked != 0
