"""A network written for NEST: data, and one script that builds and runs it there."""

import json
import shutil
from pathlib import Path

import numpy as np

from encephagen.brain.blocks import Blocks, cells
from encephagen.brain.spec import Poisson
from encephagen.models.lif import LIF
from encephagen.models.model import AbstractNeuron
from encephagen.models.receptors import Exponential
from encephagen.network.network import Network

SCRIPT = Path(__file__).with_name("run_in_nest.py")
PLAIN, GENERAL = "iaf_psc_exp", "iaf_psc_exp_multisynapse"
PF_PER_NF = 1000.0
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

    Raises ValueError for what NEST has no equal of: neurons other than LIF, a step that is no
    multiple of 1 us, and a background that opens several receptors at once.
    """
    folder = Path(folder)
    (folder / "network.json").write_text(json.dumps(_description(network), indent=1) + "\n")
    edges, dt_ms = network.edges(), network.dt_ms
    arrays = {
        "source": edges["source"].astype(np.int32),
        "target": edges["target"].astype(np.int32),
        "weight_pA": edges["weight_pA"],
        "delay_steps": np.rint(edges["delay_ms"] / dt_ms).astype(np.uint16),
        "channel": edges["channel"].astype(np.int8),
        "V_mV": np.asarray(V_mV, np.float64),
        "current_pA": np.broadcast_to(np.asarray(current_pA, np.float64), network.n_neurons),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
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


def _description(network: Network) -> dict:
    steps = network.dt_ms / TIC_MS
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
        raise ValueError(
            f"dt {network.dt_ms} ms: NEST needs a multiple of {TIC_MS} ms; give another --dt-ms"
        )
    receptors, chosen = _receptors(network), model(network)
    brain, blocks = network.brain, Blocks.of(network.brain)
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
                "neuron": _neuron(neuron, receptors, chosen),
                "background": _background(
                    brain.populations[number].name, background, receptors, chosen
                ),
            }
            for region, number, size, (neuron, background) in zip(
                blocks.region, blocks.population, blocks.size, cells(brain), strict=True
            )
        ],
    }


def _port(receptor: int, chosen: str) -> int:
    """Return NEST's number of a receptor; 0 where the sign of the weight chooses it."""
    return 0 if chosen == PLAIN else receptor + 1


def _neuron(neuron: AbstractNeuron, receptors: list[Exponential], chosen: str) -> dict:
    if type(neuron) is not LIF:
        raise ValueError(
            f"{type(neuron).__name__} neurons have no equal in NEST: give populations of LIF"
        )
    tau_syn_ms = [r.tau_syn_ms for r in receptors]
    currents = {"tau_syn": tau_syn_ms}
    if chosen == PLAIN:
        currents = dict(zip(("tau_syn_ex", "tau_syn_in"), tau_syn_ms, strict=True))
    return {
        "tau_m": neuron.tau_m_ms,
        "C_m": PF_PER_NF * neuron.tau_m_ms / neuron.R_m_MOhm,  # ms / MOhm is nF
        "E_L": neuron.E_L_mV,
        "V_th": neuron.V_th_mV,
        "V_reset": neuron.V_reset_mV,
        "t_ref": neuron.t_ref_ms,
        **currents,
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
