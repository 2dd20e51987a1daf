"""Session: a network that runs. `simulate` for one stretch, `Session.advance` for closed loops."""

import math
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from encephagen import __version__
from encephagen.brain.spec import Port
from encephagen.engine import lesions as kinds
from encephagen.engine.cpu.engine import cpu
from encephagen.engine.drive import Drive, Function
from encephagen.engine.engine import Engine, Events, Inputs, Watch
from encephagen.engine.guard import Guard, Stopped
from encephagen.engine.lesions import Cut, Lesion, Selector, Silenced
from encephagen.engine.recorder import Recorder
from encephagen.engine.snapshot import Snapshot
from encephagen.interrupt import LATCH
from encephagen.network.network import Network
from encephagen.recording.alarms import Alarm
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.units import MS_PER_S, whole_steps

CHUNK_MS = 50.0  # brain time between looks at progress, at Ctrl-C and at functions of time (free)

Progress = Callable[[float, float], None]


class Session:
    """A brain alive: clock, input, recorders and lesions of a running network.

    Between calls of `advance`, ``current_pA`` and ``poisson_Hz`` (neuron,) may be written in place:
    an injected current, and extra Poisson events per second of the background's weight.
    ``counts`` (neuron,) holds the spikes of the last call. The same network and seeds give the
    same spikes, bit for bit, whatever the number of threads and however time is cut into calls.

    ``engine`` says how to run: `cpu()` unless given, of which ``threads`` is the number of threads.
    Raises ValueError for seeds or threads that cannot be, and for a network that does not fit.
    """

    def __init__(
        self,
        network: Network,
        *,
        noise_seed: int = 0,
        initial_seed: int = 0,
        threads: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        if engine is not None and threads is not None:
            raise ValueError(f"threads {threads} and engine {engine}: say threads in the engine")
        self.network = network
        self.engine = cpu(threads) if engine is None else engine
        self.run = self.engine.start(network, noise_seed=noise_seed, initial_seed=initial_seed)
        self.noise_seed, self.initial_seed = int(noise_seed), int(initial_seed)  # now checked
        self._current_pA = np.zeros(network.n_neurons, np.float32)
        self._poisson_Hz = np.zeros(network.n_neurons, np.float32)
        self._inputs = Inputs(self._current_pA, self._poisson_Hz)
        self._last_steps = 0
        self._lesions: list[Lesion] = []
        self._n_cut = 0  # synapses that are cut by all lesions together
        self._recorders: list[Recorder] = []
        self._drives: list[Drive] = []
        self._n_drives = 0
        self._watch = Watch()
        self._guard = Guard(self.run)

    # -- input and output -----------------------------------------------------------------------

    @property
    def current_pA(self) -> np.ndarray:
        """Injected current (neuron,) float32, to be written in place or assigned."""
        return self._current_pA

    @current_pA.setter
    def current_pA(self, value: np.ndarray | float) -> None:
        self._current_pA[:] = value

    @property
    def poisson_Hz(self) -> np.ndarray:
        """Extra background events per second (neuron,) float32, written in place or assigned."""
        return self._poisson_Hz

    @poisson_Hz.setter
    def poisson_Hz(self, value: np.ndarray | float) -> None:
        self._poisson_Hz[:] = value

    @property
    def counts(self) -> np.ndarray:
        """Spikes (neuron,) int32 of the last `advance` or `record`; the same array every time."""
        return self.run.counts

    @property
    def V_mV(self) -> np.ndarray:
        """Membrane potential (neuron,) now (mV); a copy."""
        return self.run.V_mV

    def drive(
        self,
        where: Selector | Port,
        current_pA: Function | None = None,
        *,
        poisson_Hz: Function | None = None,
        population: str | None = None,
    ) -> Drive:
        """Drive neurons by functions of brain time (ms), until `stop` is given what this returns.

        where, population: whom, as for `neurons`; a `Port` has its own population.
        current_pA, poisson_Hz: functions that take times (k,) in ms and return values (k,), or one:
        a current onto each neuron, and extra background events a second, drawn independently. They
        add to the arrays of the same names, and are called once a `CHUNK_MS`, with the middle of
        each step. They stand in the provenance of recordings. A snapshot does not hold them.

        Raises ValueError for neurons that are not there, or if there is no function.
        """
        if current_pA is None and poisson_Hz is None:
            raise ValueError("a drive needs a function of time: give current_pA or poisson_Hz")
        if isinstance(where, Port):
            where, population = where.regions, population or where.population
        text = kinds.words(kinds.plain(where)) + (f", {population}" if population else "")
        neurons = np.sort(self.neurons(where, population))
        made = Drive(self._n_drives, neurons, text, self.step, current_pA, poisson_Hz)
        self._n_drives += 1
        self._drives.append(made)
        return made

    def stop(self, drive: Drive) -> None:
        """Stop a drive; ValueError for one that is not on."""
        if drive not in self._drives:
            raise ValueError(f"the drive onto {drive.where} is not on: give what `drive` returned")
        self._drives.remove(drive)

    def attach(self, probe: Probe) -> Recorder:
        """Return a recorder of what a probe asks for, from now on, under `advance` as well.

        `detach` ends it.
        """
        recorder = Recorder(self.network, probe, self.step)
        self._recorders.append(recorder)
        self._rewatch()
        LATCH.place()
        return recorder

    def detach(self, recorder: Recorder) -> None:
        """End a recorder; what it has kept stays in it."""
        self._recorders.remove(recorder)
        self._rewatch()
        LATCH.remove()

    def _rewatch(self) -> None:
        """Ask the engine for all that any recorder wants."""
        watches = [r.watch for r in self._recorders]
        wanted = [w for w in watches if len(w.voltage)]
        self._watch = Watch(
            spikes=bool(watches),
            voltage=np.unique(np.concatenate([w.voltage for w in wanted] or [np.empty(0, int)])),
            every_steps=math.gcd(*(w.every_steps for w in wanted)) if wanted else 1,
        )

    def recording(self, recorder: Recorder) -> Recording:
        """Return what an attached recorder has seen so far as a `Recording`."""
        return recorder.recording(self.provenance())

    # -- running --------------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """Steps done since the session began."""
        return self.run.step

    @property
    def time_ms(self) -> float:
        """Brain time since the session began (ms)."""
        return self.step * self.network.dt_ms

    @property
    def threads(self) -> int:
        """Threads that it runs on: as given, or whatever has lately been fastest."""
        return self.run.threads

    def advance(self, n_steps: int) -> None:
        """Run ``n_steps`` steps; ``counts`` then holds the spikes of each neuron.

        Raises ValueError, before the first step, for inputs that are not finite, and `Stopped` for
        values that are not finite and for runaway activity.
        """
        if n_steps < 1 or n_steps != int(n_steps):
            raise ValueError(f"advance({n_steps}): give a whole number of steps, at least one")
        self.counts.fill(0)
        self._last_steps, left = 0, int(n_steps)
        while left:
            chunk = min(left, self._guard.steps_left)
            alarm = self._advance(chunk)
            left -= chunk
            self._last_steps += chunk
            if alarm is not None:
                raise Stopped(alarm)

    def _advance(self, n_steps: int) -> Alarm | None:
        """Run steps, at most until the guard wants a look; return what ends the run."""
        inputs = self._inputs
        if self._drives:
            inputs = self._driven_inputs(n_steps)
        if not self._recorders:
            self.run.advance(n_steps, inputs, self._watch)
        else:
            with LATCH:  # so that Ctrl-C takes no spikes from a recorder
                events = self.run.advance(n_steps, inputs, self._watch)
                for recorder in self._recorders:
                    recorder.take(events, n_steps, self._seen_by(recorder, n_steps, events))
        return self._guard.after(n_steps)

    def _driven_inputs(self, n_steps: int) -> Inputs:
        dt_ms = self.network.dt_ms
        driven = tuple(d.during(self.step, n_steps, dt_ms) for d in self._drives)
        return Inputs(self._current_pA, self._poisson_Hz, driven)

    def _seen_by(self, recorder: Recorder, n_steps: int, events: Events) -> np.ndarray:
        """Return the potentials (sample, k) that a recorder asked for, out of all that came."""
        if not recorder.probe.voltage:
            return events.v_mV
        first = self.step - n_steps
        mine, every = recorder.watch, self._watch.every_steps
        step = (first // every + 1 + np.arange(len(events.v_mV))) * every
        columns = np.searchsorted(self._watch.voltage, mine.voltage)
        return events.v_mV[step % mine.every_steps == 0][:, columns]

    def region_rate_Hz(self) -> np.ndarray:
        """Return the mean rate (region, population) in the last `advance` (Hz).

        nan where a population does not live.
        """
        blocks, seconds = self.network.blocks, self._last_steps * self.network.dt_ms / MS_PER_S
        rate_Hz = np.full(self.network.region_size.shape, np.nan)
        total = np.add.reduceat(self.counts, blocks.first[:-1])
        rate_Hz[blocks.region, blocks.population] = total / blocks.size / max(seconds, 1e-300)
        return rate_Hz

    def neurons(self, regions: Selector | None = None, population: str | None = None) -> np.ndarray:
        """Return the numbers of the neurons in regions (any selector of `Connectome.indices`).

        Raises ValueError for names that are not there, and where no neuron is meant.
        """
        network = self.network
        hit = np.ones(network.n_neurons, bool)
        if regions is not None:
            hit &= np.isin(network.neuron_region, network.brain.connectome.indices(regions))
        if population is not None:
            if population not in network.populations:
                raise ValueError(f"no population {population!r}: give one of {network.populations}")
            hit &= network.neuron_population == network.populations.index(population)
        if not hit.any():
            raise ValueError(f"population {population!r} does not live in {kinds.words(regions)}")
        return np.flatnonzero(hit)

    # -- lesions --------------------------------------------------------------------------------

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """What is lesioned, in the order in which it was done."""
        return tuple(self._lesions)

    def silence(self, regions: Selector | None = None, population: str | None = None) -> Silenced:
        """Silence regions: their neurons send no spikes; return the lesion, for `heal`.

        With a ``population`` only its neurons there are silenced, or all of them where no regions
        are given. Raises ValueError for names that are not there, and where nothing is named.
        """
        if regions is None and population is None:
            raise ValueError("silence: name regions, a population, or both")
        lesion = Silenced(None if regions is None else kinds.plain(regions), population)
        self._set_lesions([*self._lesions, lesion])
        return lesion

    def cut(self, source: Selector, target: Selector) -> Cut:
        """Cut all synapses between regions ``source`` and ``target``; return the lesion.

        It says how many synapses are cut that were not before. The synapses of a region onto itself
        stay, also where source and target share it. Spikes under way are lost.
        """
        lesion, before = Cut(kinds.plain(source), kinds.plain(target)), self._n_cut
        self._set_lesions([*self._lesions, lesion])
        self._lesions[-1] = Cut(lesion.source, lesion.target, self._n_cut - before)
        return self._lesions[-1]  # type: ignore[return-value]

    def heal(self, lesion: Lesion | None = None) -> None:
        """Undo one lesion, or every one; ValueError for one that is not there."""
        if lesion is not None and lesion not in self._lesions:
            raise ValueError(f"there is no lesion {lesion}: give one of `lesions`")
        left = list(self._lesions)
        if lesion is not None:
            left.remove(lesion)
        self._set_lesions(left if lesion is not None else [])

    def _set_lesions(self, lesions: list[Lesion]) -> None:
        silent, cut = kinds.masks(lesions, self.network.brain)
        self._n_cut = self.run.lesion(silent, cut)
        self._lesions = lesions

    # -- keeping --------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the whole state, from which `restore` goes on to the bit."""
        inputs = {"current_pA": self.current_pA.copy(), "poisson_Hz": self.poisson_Hz.copy()}
        return Snapshot(
            network=self.network.digest(),
            step=self.step,
            noise_seed=self.noise_seed,
            initial_seed=self.initial_seed,
            format=self.run.format,
            lesions=tuple(map(kinds.to_list, self._lesions)),
            arrays={**self.run.state(), **inputs},
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back, or on, to a snapshot of the same network.

        Raises ValueError for a snapshot of another network, seed or engine, or with arrays that do
        not fit, and while a recorder is attached; the session is then as it was.
        """
        if self._recorders:
            raise ValueError(
                "a recorder is attached, and a recording has no gaps: detach it, restore, and "
                "attach another"
            )
        names = ("network", "noise seed", "engine")
        mine = (self.network.digest(), self.noise_seed, self.run.format)
        theirs = (snapshot.network, snapshot.noise_seed, snapshot.format)
        for what, a, b in zip(names, mine, theirs, strict=True):
            if a != b:
                raise ValueError(
                    f"the snapshot is of another {what} ({str(b)[:20]}, this session has "
                    f"{str(a)[:20]}): build the same brain, with the same seeds and engine, for it"
                )
        for name in ("current_pA", "poisson_Hz"):
            if snapshot.arrays[name].shape != self.current_pA.shape:
                raise ValueError(
                    f"the snapshot's {name} have shape {snapshot.arrays[name].shape}, expected "
                    f"{self.current_pA.shape}: give one that `snapshot` made"
                )
        self.run.restore(snapshot.step, snapshot.arrays)
        self._set_lesions([kinds.from_list(kept) for kept in snapshot.lesions])
        self.current_pA = snapshot.arrays["current_pA"]
        self.poisson_Hz = snapshot.arrays["poisson_Hz"]
        self.initial_seed = snapshot.initial_seed
        self.counts.fill(0)
        self._guard.start()

    # -- recording ------------------------------------------------------------------------------

    def record(
        self, duration_ms: float, *, probe: Probe | None = None, progress: Progress | None = None
    ) -> Recording:
        """Run for ``duration_ms`` of brain time and return what the probe saw.

        ``progress(done_ms, total_ms)`` is called between chunks. Ctrl-C, runaway activity and
        values that are not finite end the run early: the recording then holds what there was,
        with ``interrupted`` set, and an alarm that says why. Raises ValueError for a duration that
        is no whole number of steps.
        """
        dt_ms = self.network.dt_ms
        n_steps = whole_steps("duration_ms", duration_ms, dt_ms)
        start, alarm, interrupted = self.step, None, False
        recorder = self.attach(probe or Probe())
        self.counts.fill(0)
        try:
            while self.step < start + n_steps and alarm is None:
                left = start + n_steps - self.step
                alarm = self._advance(min(left, self._guard.steps_left))
                if progress is not None:
                    progress((self.step - start) * dt_ms, n_steps * dt_ms)
            alarm = alarm or self._guard.not_finite()
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self.detach(recorder)
        self._last_steps = max(1, self.step - start)
        return recorder.recording(
            self.provenance(),
            interrupted=interrupted or alarm is not None,
            alarms=[] if alarm is None else [alarm],
        )

    def provenance(self) -> dict[str, Any]:
        """Return what made a recording: brain, digests, seeds, stimuli, lesions, versions."""
        import numba

        network = self.network
        return {
            "connectome": network.brain.connectome.name,
            "recipe": network.brain.recipe,
            "working_point": network.brain.working_point,
            "stand_ins": list(network.brain.stand_ins),
            "spread": {
                p.name: {name: str(spread) for name, spread in p.spread}
                for p in network.brain.populations
                if p.spread
            },
            "brain_digest": network.brain.digest(),
            "network_digest": network.digest(),
            "wiring_seed": network.seed,
            "noise_seed": self.noise_seed,
            "initial_seed": self.initial_seed,
            "engine": self.run.format,
            "threads": self.threads,
            "lesions": list(map(str, self._lesions)),
            "drives": [d.as_dict(network.dt_ms) for d in self._drives],
            "versions": {
                "encephagen": __version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "numba": numba.__version__,
            },
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def simulate(
    network: Network,
    duration_ms: float,
    *,
    probe: Probe | None = None,
    noise_seed: int = 0,
    initial_seed: int = 0,
    threads: int | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Recording:
    """Run a network from its initial state for ``duration_ms`` and return the recording.

    Parameters and errors are those of `Session` and `Session.record`.
    """
    session = Session(
        network, noise_seed=noise_seed, initial_seed=initial_seed, threads=threads, engine=engine
    )
    return session.record(duration_ms, probe=probe, progress=progress)
