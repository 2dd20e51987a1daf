"""NEST as an engine: the exported network, in a process of its own that runs when asked."""

import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encephagen.brain.blocks import Blocks, cells
from encephagen.engine import tables
from encephagen.engine.session import SPINS
from encephagen.network.network import Network

WORKER = Path(__file__).with_name("nest_worker.py")


class Unavailable(Exception):
    """NEST cannot be had here; the message says why."""


def initial_V_mV(network: Network, seed: int) -> np.ndarray:
    """Return the initial membrane potentials (neuron,) under a seed (mV), in float64."""
    above_rest = [states[0] for states in tables.initial_states(network, seed)]
    E_L_mV = np.array([neuron.E_L_mV for neuron, _ in cells(network.brain)])
    return np.concatenate(above_rest) + Blocks.of(network.brain).each_neuron(E_L_mV)


@dataclass(frozen=True)
class Stretch:
    """A stretch of brain time in NEST: what it took, and its spikes where they are recorded."""

    wall_s: float
    cpu_s: float
    n_spikes: int
    steps: np.ndarray | None = None
    neurons: np.ndarray | None = None
    V_mV: np.ndarray | None = None


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
