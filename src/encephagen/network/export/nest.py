"""A network written for NEST: data, and one script that builds and runs it there."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from encephagen.brain.spec import Poisson
from encephagen.models.lif import LIF
from encephagen.models.model import AbstractNeuron
from encephagen.models.receptors import Exponential
from encephagen.network.cells import neurons
from encephagen.network.network import Network

SCRIPT = Path(__file__).with_name("run_in_nest.py")
PLAIN, GENERAL = "iaf_psc_exp", "iaf_psc_exp_multisynapse"
PF_PER_NF = 1000.0
SYNAPSES = {"source": "i4", "target": "i4", "weight_pA": "f8", "delay_steps": "u2", "channel": "i1"}
TIC_MS = 0.001  # NEST's clock: a step is a whole number of these


def export_nest(
    network: Network,
    folder: str | Path,
    *,
    V_mV: np.ndarray,
    current_pA: np.ndarray | float = 0.0,
    spikes: tuple[np.ndarray, np.ndarray] | None = None,
    seconds: float = 1.0,
) -> Path:
    """Write a network for NEST into a folder that is there; return the script that runs it.

    The folder needs NEST and NumPy, and nothing of encephagen: see the text of the script.

    V_mV (neuron,): initial membrane potentials (mV)
    current_pA (neuron,): constant current of a run without noise (pA)
    spikes: steps and neurons of our own run of ``seconds`` under that current, in float64, which
        the script compares with NEST's where it is asked to

    Takes memory for the synapses of one projection at a time. Raises ValueError for what NEST has
    no equal of: neurons other than LIF, a step that is no multiple of 1 us, and a background that
    opens several receptors at once.
    """
    folder = Path(folder)
    (folder / "network.json").write_text(json.dumps(_description(network), indent=1) + "\n")
    np.savez(folder / "each.npz", **_each(network))
    _write_synapses(network, folder)
    np.save(folder / "V_mV.npy", np.asarray(V_mV, np.float64))
    currents_pA = np.broadcast_to(np.asarray(current_pA, np.float64), network.n_neurons)
    np.save(folder / "current_pA.npy", currents_pA)
    (folder / "expected_spikes.npz").unlink(missing_ok=True)  # of what was here before
    if spikes is not None:
        np.savez(folder / "expected_spikes.npz", step=spikes[0], neuron=spikes[1], seconds=seconds)
    return Path(shutil.copyfile(SCRIPT, folder / "run.py"))


def model(network: Network) -> str:
    """Return the plainest NEST model of the network's neurons: two receptors, or any number."""
    signs = [r.sign for r in _receptors(network)]
    return PLAIN if signs == [1.0, -1.0] else GENERAL


def _receptors(network: Network) -> list[Exponential]:
    """Return the receptors of a network that anything reaches."""
    sources = [*network.channels, *(p.background.transmitter for p in network.brain.populations)]
    return [r for r in network.receptors if any(t.jump(r) for t in sources)]


def _each(network: Network) -> dict[str, Any]:
    """Return the parameters (neuron,) of each neuron by NEST's names; none if blocks are alike."""
    own = [own for own, _ in neurons(network)]
    if all(len(block) == 1 for block in own):
        return {}
    every = [
        _membrane(block[k % len(block)])
        for block, size in zip(own, network.blocks.size.tolist(), strict=True)
        for k in range(size)
    ]
    return {name: np.array([values[name] for values in every]) for name in every[0]}


def _write_synapses(network: Network, folder: Path) -> None:
    """Write the synapses, of which those of one projection are in memory at a time."""
    files = {
        name: open_memmap(folder / f"{name}.npy", "w+", kind, (network.n_synapses,))
        for name, kind in SYNAPSES.items()
    }
    first = 0
    for projection in range(len(network.brain.projections)):
        edges = network.edges([projection])
        last = first + len(edges["source"])
        for name, file in files.items():
            file[first:last] = edges[name]
        first = last


def _description(network: Network) -> dict:
    steps = network.dt_ms / TIC_MS
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
        raise ValueError(
            f"dt {network.dt_ms} ms: NEST needs a multiple of {TIC_MS} ms; give another --dt-ms"
        )
    receptors, chosen = _receptors(network), model(network)
    brain, blocks = network.brain, network.blocks
    return {
        "encephagen": {
            "connectome": brain.connectome.name,
            "recipe": brain.recipe,
            "brain_digest": brain.digest(),
            "network_digest": network.digest(),
        },
        "model": chosen,
        "dt_ms": network.dt_ms,
        "min_delay_ms": round(network.min_delay_steps * network.dt_ms, 9),
        "n_neurons": network.n_neurons,
        "n_synapses": network.n_synapses,
        "channels": [
            [
                {"port": _port(i, chosen), "factor": c.jump(r) * r.sign * c.receptors[0].sign}
                for i, r in enumerate(receptors)
                if c.jump(r)
            ]
            for c in network.channels
        ],
        "blocks": [
            {
                "region": brain.connectome.regions[region].name,
                "population": brain.populations[number].name,
                "size": int(size),
                "neuron": _neuron(own[0], receptors, chosen, network.dt_ms),
                "background": _background(
                    brain.populations[number].name, background, receptors, chosen
                ),
            }
            for region, number, size, (own, background) in zip(
                blocks.region, blocks.population, blocks.size, neurons(network), strict=True
            )
        ],
    }


def _port(receptor: int, chosen: str) -> int:
    """Return NEST's number of a receptor; 0 where the sign of the weight chooses it."""
    return 0 if chosen == PLAIN else receptor + 1


def _neuron(
    neuron: AbstractNeuron, receptors: list[Exponential], chosen: str, dt_ms: float
) -> dict:
    neuron.constants(dt_ms)  # refuses times that are no whole number of steps
    tau_syn_ms = [r.tau_syn_ms for r in receptors]
    currents = {"tau_syn": tau_syn_ms}
    if chosen == PLAIN:
        currents = dict(zip(("tau_syn_ex", "tau_syn_in"), tau_syn_ms, strict=True))
    return {**_membrane(neuron), **currents}


def _membrane(neuron: AbstractNeuron) -> dict[str, float]:
    if type(neuron) is not LIF:
        raise ValueError(
            f"{type(neuron).__name__} neurons have no equal in NEST: give populations of LIF "
            "(of a shipped recipe: --set adaptation_mV=0)"
        )
    return {
        "tau_m": neuron.tau_m_ms,
        "C_m": PF_PER_NF * neuron.tau_m_ms / neuron.R_m_MOhm,  # ms / MOhm is nF
        "E_L": neuron.E_L_mV,
        "V_th": neuron.V_th_mV,
        "V_reset": neuron.V_reset_mV,
        "t_ref": neuron.t_ref_ms,
    }


def _background(name: str, background: Poisson, receptors: list[Exponential], chosen: str) -> dict:
    reached = [i for i, r in enumerate(receptors) if background.transmitter.jump(r)]
    if len(reached) != 1:
        raise ValueError(
            f"the background of {name!r} opens {len(reached)} receptors with one event, and a "
            "Poisson generator of NEST draws for each: give it a transmitter of one receptor"
        )
    receptor = receptors[reached[0]]
    jump = background.transmitter.jump(receptor) * receptor.sign
    return {
        "rate_Hz": background.rate_Hz,
        "weight_pA": background.weight_pA * jump,
        "port": _port(reached[0], chosen),
    }
