"""NEST on the same network: exported once, run on request in a process of its own."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encephagen.engine import tables
from encephagen.engine.cpu.engine import SPINS
from encephagen.models.lif import LIF
from encephagen.network.network import Network

WORKER = Path(__file__).with_name("nest_worker.py")
PLAIN, GENERAL = "iaf_psc_exp", "iaf_psc_exp_multisynapse"
PF_PER_NF = 1000.0
INSTALL_S = 300


class Unavailable(Exception):
    """NEST cannot be had here; the message says why."""


@dataclass(frozen=True)
class Chunk:
    """One stretch of brain time in NEST."""

    wall_s: float
    cpu_s: float
    spikes: int


def receptors(network: Network) -> list:
    """Return the receptors of a network that anything reaches."""
    sources = [*network.channels, *(p.background.transmitter for p in network.brain.populations)]
    return [r for r in network.receptors if any(t.jump(r) for t in sources)]


def model(network: Network) -> str:
    """Return the plainest NEST model of the network's neurons: two receptors, or any number."""
    signs = [r.sign for r in receptors(network)]
    return PLAIN if signs == [1.0, -1.0] else GENERAL


def export(network: Network, folder: Path, seed: int = 0) -> None:
    """Write everything that `nest_worker.py` needs of a network into a folder."""
    used = receptors(network)
    blocks = []
    for region in range(len(network.regions)):
        for population in network.brain.populations:
            neuron, background = population.cell(region)
            if not isinstance(neuron, LIF):
                raise ValueError(
                    f"{population.name!r} is {type(neuron).__name__}: the comparison with NEST is "
                    "made for LIF"
                )
            reached = [r for r in used if background.transmitter.jump(r)]
            if len(reached) != 1:
                raise ValueError(
                    f"the background of {population.name!r} reaches {len(reached)} receptors: "
                    "the comparison with NEST is made for one"
                )
            jump = background.transmitter.jump(reached[0]) * reached[0].sign
            blocks.append(
                dict(
                    size=population.size,
                    neuron=dict(
                        tau_m=neuron.tau_m_ms,
                        C_m=PF_PER_NF * neuron.tau_m_ms / neuron.R_m_MOhm,
                        E_L=neuron.E_L_mV,
                        V_th=neuron.V_th_mV,
                        V_reset=neuron.V_reset_mV,
                        t_ref=neuron.t_ref_ms,
                    ),
                    tau_syn_ms=[r.tau_syn_ms for r in used],
                    background_Hz=background.rate_Hz,
                    background_pA=background.weight_pA * jump,
                    background_receptor=used.index(reached[0]),
                )
            )
    description = dict(
        dt_ms=network.dt_ms,
        seed=seed,
        min_delay_ms=network.min_delay_steps * network.dt_ms,
        sign=[r.sign for r in used],
        jump=[[c.jump(r) for r in used] for c in network.channels],
        blocks=blocks,
    )
    (folder / "network.json").write_text(json.dumps(description))
    offsets = [
        states[0] for states in tables.initial_states(network, seed)
    ]  # the membrane above rest comes first
    E_L_mV = np.repeat([b["neuron"]["E_L"] for b in blocks], [b["size"] for b in blocks])
    np.save(folder / "V_m.npy", np.concatenate(offsets) + E_L_mV)
    edges = network.edges()
    np.save(folder / "source.npy", edges["source"].astype(np.int32))
    np.save(folder / "target.npy", edges["target"].astype(np.int32))
    np.save(folder / "weight_pA.npy", np.abs(edges["weight_pA"]))
    np.save(folder / "delay_ms.npy", np.round(edges["delay_ms"], 6))
    np.save(folder / "channel.npy", edges["channel"].astype(np.int8))


class Nest:
    """A network standing in NEST, in a process of its own, which runs when asked."""

    def __init__(self, python: str, folder: Path, model: str, threads: int) -> None:
        self.model, self.threads = model, threads
        self._log = tempfile.TemporaryFile("w+")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        environment["PYNEST_QUIET"] = "1"
        if environment.get("GOMP_SPINCOUNT") == SPINS:  # ours; NEST runs best as it comes
            del environment["GOMP_SPINCOUNT"]
        # -P: the folder of the script, which holds modules of ours, is not searched.
        command = [python, "-P", str(WORKER), str(folder), model, str(threads)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        said = self._answer()
        self.version: str = said["version"]
        self.build_s: float = said["build_s"]
        self.n_connections: int = said["n_connections"]
        self.min_delay_ms: float = said["min_delay_ms"]
        self.memory_bytes: int = said["memory_bytes"]

    def run(self, duration_ms: float) -> Chunk:
        """Run the network on for ``duration_ms`` of brain time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{duration_ms}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        return Chunk(**self._answer())

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise Unavailable(f"NEST ended with status {self._process.returncode}: {last[0]}")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def __enter__(self) -> "Nest":
        return self

    def __exit__(self, *_) -> None:
        self.close()
