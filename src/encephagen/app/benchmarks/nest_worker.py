"""A network in NEST, run on request: a process of its own, which needs only NumPy and NEST.

    python nest_worker.py FOLDER MODEL THREADS

FOLDER holds what `against.export` wrote. One line of JSON is answered on standard output once the
network stands; then each line on standard input, a number of milliseconds, runs the network so long
and is answered by one line with the time it took and the spikes there were. NEST's own words go to
standard error.
"""

import importlib
import json
import os
import resource
import sys
import time
from typing import Any

import numpy as np

CHUNK = 4_000_000  # synapses handed to NEST at once: it copies what it is given


def main(folder: str, model: str, threads: int) -> None:
    """Build the network in ``folder`` and serve."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever NEST prints goes to standard error

    nest: Any = importlib.import_module("nest")  # prints as it is imported: not before
    nest.set_verbosity("M_ERROR")
    start = time.perf_counter()
    with open(os.path.join(folder, "network.json")) as file:
        network = json.load(file)
    build(nest, folder, network, model, threads)
    built = time.perf_counter() - start
    nest.Prepare()
    say = dict(
        version=nest.__version__,
        build_s=built,
        n_connections=int(nest.num_connections),
        min_delay_ms=float(nest.min_delay),
        memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    print(json.dumps(say), file=answers)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        nest.Run(float(line))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        spikes = int(nest.local_spike_counter)  # of this run: NEST begins anew at each
        print(json.dumps(dict(wall_s=wall, cpu_s=cpu, spikes=spikes)), file=answers)


def build(nest, folder: str, network: dict, model: str, threads: int) -> None:
    """Create neurons, background and every synapse."""
    nest.ResetKernel()
    nest.set(resolution=network["dt_ms"], local_num_threads=threads, rng_seed=1 + network["seed"])
    neurons = None
    for block in network["blocks"]:
        receptors = block["tau_syn_ms"]
        params = dict(block["neuron"])
        if model == "iaf_psc_exp":
            params["tau_syn_ex"], params["tau_syn_in"] = receptors
        else:
            params["tau_syn"] = receptors
        made = nest.Create(model, block["size"], params=params)
        neurons = made if neurons is None else neurons + made
    assert neurons is not None
    neurons.V_m = np.load(os.path.join(folder, "V_m.npy"))
    _background(nest, neurons, network, model)
    first = neurons[0].global_id
    load = {
        name: np.load(os.path.join(folder, f"{name}.npy"), mmap_mode="r")
        for name in ("source", "target", "weight_pA", "delay_ms", "channel")
    }
    for at in range(0, len(load["source"]), CHUNK):
        part = {name: np.array(array[at : at + CHUNK]) for name, array in load.items()}
        source, target = part["source"] + first, part["target"] + first
        for channel, jumps in enumerate(network["jump"]):
            mine = part["channel"] == channel
            if not mine.any():
                continue
            for receptor, jump in enumerate(jumps):
                if jump == 0:
                    continue
                synapse = {
                    "synapse_model": "static_synapse",
                    "weight": part["weight_pA"][mine] * jump * network["sign"][receptor],
                    "delay": part["delay_ms"][mine],
                }
                if model != "iaf_psc_exp":
                    synapse["receptor_type"] = np.full(int(mine.sum()), receptor + 1)
                nest.Connect(source[mine], target[mine], "one_to_one", synapse)


def _background(nest, neurons, network: dict, model: str) -> None:
    """Drive every neuron by an independent Poisson train of its block's rate.

    The delay of these connections is the network's shortest, so that NEST may communicate as
    seldom as the network allows.
    """
    at = 0
    sources: dict = {}
    for block in network["blocks"]:
        part = neurons[at : at + block["size"]]
        at += block["size"]
        key = (block["background_Hz"], block["background_pA"], block["background_receptor"])
        sources[key] = part if key not in sources else sources[key] + part
    for (rate_Hz, weight_pA, receptor), targets in sources.items():
        synapse = {"weight": weight_pA, "delay": network["min_delay_ms"]}
        if model != "iaf_psc_exp":
            synapse["receptor_type"] = receptor + 1
        generator = nest.Create("poisson_generator", params={"rate": rate_Hz})
        nest.Connect(generator, targets, "all_to_all", synapse)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
