"""NEST as an engine: the exported network, in a process of its own that runs when asked."""

import os
import pickle
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.engine import tables
from encephagen.engine.cpu.engine import SPINS
from encephagen.engine.engine import Events, Inputs, Watch
from encephagen.extras import NEST as EXTRA
from encephagen.interrupt import LATCH
from encephagen.network.cells import each
from encephagen.network.export.nest import export_nest
from encephagen.network.network import Network

WORKER = Path(__file__).with_name("nest_worker.py")


class Unavailable(Exception):
    """NEST cannot be had here; the message says why."""


def initial_V_mV(network: Network, seed: int) -> np.ndarray:
    """Return the initial membrane potentials (neuron,) under a seed (mV), in float64."""
    above_rest = [states[0] for states in tables.initial_states(network, seed)]
    return np.concatenate(above_rest) + each(network, "E_L_mV")


@dataclass(frozen=True)
class NEST:
    """How to run a network in NEST; see `nest`."""

    threads: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.threads, int | np.integer) or self.threads < 1:
            raise ValueError(f"threads {self.threads!r}: give 1 or more")

    @property
    def real(self) -> str:
        """Precision of the state."""
        return "float64"

    def start(self, network: Network, *, noise_seed: int, initial_seed: int) -> "NESTRun":
        """Return a network that runs; ValueError for what NEST has no equal of, or without it."""
        return NESTRun(network, self, noise_seed, initial_seed)


def nest(threads: int = 1) -> NEST:
    """Return NEST as an engine: the same neurons and synapses, and a background of its own.

    Without background the spikes are those of `cpu(real="float64")`; with it, other spikes of the
    same statistics. Every call, and every change of input within one, costs NEST milliseconds. It
    has no lesions and no snapshots.
    """
    return NEST(threads)


class NESTRun:
    """A network that runs in NEST (see `Running` in `encephagen.engine.engine`)."""

    def __init__(self, network: Network, how: NEST, noise_seed: int, initial_seed: int) -> None:
        EXTRA.check("this engine")
        self.network, self.threads = network, how.threads
        self.counts = np.zeros(network.n_neurons, np.int32)
        self.step = self.n_spikes = 0
        with tempfile.TemporaryDirectory(prefix="encephagen-nest-") as folder:
            export_nest(network, folder, V_mV=initial_V_mV(network, initial_seed))
            seed = 1 + noise_seed % (2**31 - 1)  # NEST takes 1 to 2^31 - 1
            self._process = NestProcess(folder, threads=how.threads, seed=seed, record=True)
        self._current_pA = np.zeros(network.n_neurons)
        self._poisson_Hz = np.zeros(network.n_neurons)
        weakref.finalize(self, self._process.close)

    @property
    def format(self) -> str:
        """Name and version of the engine."""
        return f"NEST {self._process.version}"

    @property
    def V_mV(self) -> np.ndarray:
        """Membrane potential (neuron,) now (mV), float32; a copy."""
        return self._process.run(0, want_V_mV=True).V_mV.astype(np.float32)

    def advance(self, n_steps: int, inputs: Inputs, watch: Watch) -> Events:
        """Run ``n_steps`` steps, stretch by stretch of constant input and between samples."""
        for name in ("current_pA", "poisson_Hz"):
            values = getattr(inputs, name)
            if not np.isfinite(values).all():
                neuron = int(np.argmin(np.isfinite(values)))
                raise ValueError(
                    f"{name} of neuron {neuron} is {values[neuron]:g}: must be finite; check what "
                    "wrote it"
                )
        bounds = self._bounds(n_steps, inputs, watch)
        steps, neurons, samples = [], [], []
        for at, end in zip(bounds, bounds[1:], strict=False):
            sampled = bool(len(watch.voltage)) and (self.step + end - at) % watch.every_steps == 0
            current_pA, poisson_Hz = _onto_neurons(inputs, at)
            stretch = self._process.run(
                end - at,
                current_pA=None if np.array_equal(current_pA, self._current_pA) else current_pA,
                poisson_Hz=None if np.array_equal(poisson_Hz, self._poisson_Hz) else poisson_Hz,
                want_V_mV=sampled,
            )
            self._current_pA, self._poisson_Hz = current_pA, poisson_Hz
            self.step += end - at
            steps.append(stretch.steps)
            neurons.append(stretch.neurons)
            if sampled:
                samples.append(stretch.V_mV[watch.voltage])
        step, neuron = np.concatenate(steps), np.concatenate(neurons)
        self.counts += np.bincount(neuron, minlength=len(self.counts)).astype(np.int32)
        self.n_spikes += len(step)
        v_mV = np.array(samples, np.float32).reshape(len(samples), len(watch.voltage))
        return Events(step, neuron, v_mV)

    def _bounds(self, n_steps: int, inputs: Inputs, watch: Watch) -> list[int]:
        """Return where stretches of constant input begin and end, and where samples are taken."""
        bounds = {0, n_steps}
        for drive in inputs.driven:
            changes = (np.diff(drive.pA) != 0) | (np.diff(drive.Hz) != 0)
            bounds.update((np.flatnonzero(changes) + 1).tolist())
        if len(watch.voltage):
            first = -self.step % watch.every_steps
            bounds.update(range(first, n_steps, watch.every_steps))
        return sorted(bounds)

    def lesion(self, silent: np.ndarray, cut: np.ndarray) -> int:
        """Refuse masks: ValueError for any."""
        if silent.any() or cut.any():
            raise ValueError("NEST has no lesions: use engine=cpu(), or build a brain without")
        return 0

    def finite(self) -> np.ndarray:
        """Return whether the potential of each neuron (neuron,) is finite; empty if all are."""
        finite = np.isfinite(self.V_mV)
        return np.empty(0, bool) if finite.all() else finite

    def state(self) -> dict[str, np.ndarray]:
        """Refuse, by ValueError."""
        raise ValueError("NEST has no snapshots: use engine=cpu(), which has")

    def restore(self, step: int, state: Mapping[str, np.ndarray]) -> None:
        """Refuse, by ValueError."""
        raise ValueError("NEST has no snapshots: use engine=cpu(), which has")


def _onto_neurons(inputs: Inputs, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Return current (pA) and extra events a second (neuron,) in step ``at`` of a call."""
    current_pA, poisson_Hz = inputs.current_pA.copy(), inputs.poisson_Hz.astype(np.float64)
    for drive in inputs.driven:
        current_pA[drive.neurons] += drive.pA[at]
        poisson_Hz[drive.neurons] += drive.Hz[at]
    return current_pA.astype(np.float64), poisson_Hz


@dataclass(frozen=True)
class Stretch:
    """A stretch of brain time in NEST: what it took, and what was asked for.

    steps, neurons (spike,): spikes, where they are recorded; V_mV (neuron,): potentials at its end.
    """

    wall_s: float
    cpu_s: float
    n_spikes: int
    steps: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    neurons: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    V_mV: np.ndarray = field(default_factory=lambda: np.empty(0))


class NestProcess:
    """An exported network standing in NEST, in a process of its own, which runs when asked.

    ``python`` is one that has NEST; ``noise`` the background (else the constant current of the
    export); ``record`` keeps spikes, which costs NEST time. Raises `Unavailable` with NEST's last
    words where it ends before its time.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        python: str = sys.executable,
        threads: int = 1,
        seed: int = 1,
        noise: bool = True,
        record: bool = False,
    ) -> None:
        self.threads = threads
        self._log = tempfile.TemporaryFile("w+")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["PYNEST_QUIET"] = "1"
        if environment.get("GOMP_SPINCOUNT") == SPINS:  # ours; NEST runs best as it comes
            del environment["GOMP_SPINCOUNT"]
        # -P: the folder of the script, which holds modules of ours, is not searched.
        settings = [threads, seed, int(noise), int(record)]
        command = [python, "-P", str(WORKER), str(folder), *map(str, settings)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            process_group=0,  # Ctrl-C in a terminal is for us alone
        )
        said = self._answer()
        self.version: str = said["version"]
        self.build_s: float = said["build_s"]
        self.n_connections: int = said["n_connections"]
        self.min_delay_ms: float = said["min_delay_ms"]
        self.memory_bytes: int = said["memory_bytes"]

    def run(
        self,
        n_steps: int,
        *,
        current_pA: np.ndarray | None = None,
        poisson_Hz: np.ndarray | None = None,
        want_V_mV: bool = False,
    ) -> Stretch:
        """Run on for ``n_steps``.

        ``current_pA`` and ``poisson_Hz`` (neuron,), where given, are from now on the injected
        current and the extra events a second of the background's weight; ``want_V_mV`` asks for
        potentials at the end.
        """
        assert self._process.stdin is not None
        question = dict(
            n_steps=n_steps, current_pA=current_pA, poisson_Hz=poisson_Hz, want_V_mV=want_V_mV
        )
        with LATCH:  # so that Ctrl-C does not part a question from its answer
            try:
                pickle.dump(question, self._process.stdin)
                self._process.stdin.flush()
            except BrokenPipeError:
                pass
            return Stretch(**self._answer())

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        try:
            return pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            self._process.wait()
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise Unavailable(
                f"NEST ended with status {self._process.returncode}: {last[0]}"
            ) from None

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def __enter__(self) -> "NestProcess":
        return self

    def __exit__(self, *_) -> None:
        self.close()
