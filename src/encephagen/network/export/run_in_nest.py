"""A network that encephagen wrote, in plain NEST: needs NEST 3.9 or newer and NumPy, nothing else.

    python run.py --seconds 10 --threads 2      with the background noise
    python run.py --seconds 1 --no-noise        with the constant current in its place
    python run.py --check                       the same, and are these encephagen's own spikes?
    mpirun -n 4 python run.py --seconds 10      on four processes, each of which keeps its neurons

Spikes go to spikes.npz beside this file (spikes-RANK.npz under MPI): ``time_ms``, the end of the
step of each spike, and ``neuron``, from 0. The files of the folder:

    network.json            step, receptors, blocks of neurons, as their first is, and background
    each.npz                parameters of every neuron (neuron,); empty where blocks are of equals
    source, target.npy      neuron numbers (synapse,)
    weight_pA.npy           weights with their sign (synapse,), as the first receptor sees them
    delay_steps.npy         delays in steps (synapse,)
    channel.npy             which receptors a synapse opens (synapse,): `channels` of network.json
    V_mV.npy                initial membrane potentials (neuron,)
    current_pA.npy          the constant current of --no-noise (neuron,)
    expected_spikes.npz     encephagen's own spikes under that current, where it was asked for them
"""

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

CHUNK = 4_000_000  # synapses handed to NEST at once: it copies what it is given
MPI_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")  # how Open MPI, and MPICH, say how many there are
SYNAPSES = ("source", "target", "weight_pA", "delay_steps", "channel")


def build(nest, folder, threads=1, seed=1, noise=True):
    """Create the neurons and every synapse; return the neurons (a NodeCollection).

    ``noise``: the Poisson background; else the constant current.
    """
    network = json.loads((Path(folder) / "network.json").read_text())
    nest.ResetKernel()
    nest.set(resolution=network["dt_ms"], local_num_threads=threads, rng_seed=seed)
    made = [
        nest.Create(network["model"], block["size"], params=block["neuron"])
        for block in network["blocks"]
    ]
    neurons = sum(made[1:], made[0])
    with np.load(Path(folder) / "each.npz") as each:
        if each.files:
            neurons.set({name: each[name].tolist() for name in each.files})
    neurons.V_m = np.load(Path(folder) / "V_mV.npy")
    if noise:
        connect_background(nest, neurons, network)
    else:
        neurons.I_e = np.load(Path(folder) / "current_pA.npy")
    connect_synapses(nest, neurons, network, folder)
    return neurons


def quieten(nest):
    """Let NEST speak of errors alone."""
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    else:  # before 3.10
        nest.set_verbosity("M_ERROR")


def connect_synapses(nest, neurons, network, folder):
    """Connect every synapse, once for each receptor that it opens."""
    arrays = [np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in SYNAPSES]
    first = neurons.tolist()[0]
    for at in range(0, len(arrays[0]), CHUNK):
        source, target, weight_pA, steps, channel = (a[at : at + CHUNK] for a in arrays)
        for number, receptors in enumerate(network["channels"]):
            mine = np.flatnonzero(channel == number)
            if not len(mine):
                continue
            for receptor in receptors:
                synapse = {
                    "synapse_model": "static_synapse",
                    "weight": weight_pA[mine] * receptor["factor"],
                    "delay": np.round(steps[mine] * network["dt_ms"], 9),
                }
                if receptor["port"]:
                    synapse["receptor_type"] = np.full(len(mine), receptor["port"])
                nest.Connect(
                    source[mine].astype(np.int64) + first,
                    target[mine].astype(np.int64) + first,
                    "one_to_one",
                    synapse,
                )


def connect_background(nest, neurons, network):
    """Drive every neuron by a Poisson train of its own, at the rate of its block.

    These connections have the shortest delay of the network: so NEST may communicate as seldom as
    the network allows.
    """
    at, targets = 0, {}
    for block in network["blocks"]:
        part = neurons[at : at + block["size"]]
        at += block["size"]
        train = tuple(block["background"][name] for name in ("rate_Hz", "weight_pA", "port"))
        targets[train] = targets[train] + part if train in targets else part
    for (rate_Hz, weight_pA, port), part in targets.items():
        if rate_Hz == 0:
            continue
        synapse = {"weight": weight_pA, "delay": network["min_delay_ms"]}
        if port:
            synapse["receptor_type"] = port
        generator = nest.Create("poisson_generator", params={"rate": rate_Hz})
        nest.Connect(generator, part, "all_to_all", synapse)


def check(nest, neurons, times_ms, numbers, expected):
    """Return how many spikes are encephagen's, and how many either has, of this process's neurons.

    A spike is the same where neuron and step are; NEST stamps it with the end of its step.
    """
    step, neuron = expected["step"], expected["neuron"]
    if nest.num_processes > 1:
        here = np.array(nest.GetLocalNodeCollection(neurons).tolist()) - neurons.tolist()[0]
        step, neuron = step[np.isin(neuron, here)], neuron[np.isin(neuron, here)]
    ours = {*zip(step.tolist(), neuron.tolist(), strict=True)}
    steps = np.rint(times_ms / nest.resolution).astype(int) - 1
    theirs = {*zip(steps.tolist(), numbers.tolist(), strict=True)}
    return len(ours & theirs), len(ours), len(theirs)


def choose(arguments, folder):
    """Return what the command line asks for, and the expected spikes where it asks for --check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="brain time")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument("--seed", type=int, default=1, help="of NEST's noise, 1 or more")
    parser.add_argument("--no-noise", action="store_true", help="the constant current in its place")
    parser.add_argument("--check", action="store_true", help="--no-noise, against expected spikes")
    parser.add_argument("--out", type=Path, help="the file of the spikes")
    chosen, expected = parser.parse_args(arguments), None
    if chosen.check:
        file = folder / "expected_spikes.npz"
        if not file.is_file():
            parser.error(f"there is no {file.name} here: export with a current, --current-pA 600")
        expected = np.load(file)
        chosen.seconds, chosen.no_noise = float(expected["seconds"]), True
    if not (chosen.seconds > 0 and chosen.threads > 0 and chosen.seed > 0):
        parser.error("--seconds, --threads and --seed: give numbers above 0")
    return chosen, expected


def load_nest():
    """Return the module ``nest``, quiet; exit where there is none, or none for MPI where asked."""
    try:
        nest = importlib.import_module("nest")  # says what it is as it is imported: not before
    except ModuleNotFoundError:
        sys.exit("this Python has no NEST: pip install nest-simulator (which is without MPI)")
    started_by_mpi = any(int(os.environ.get(name, 1)) > 1 for name in MPI_SIZES)
    if started_by_mpi and nest.num_processes == 1:
        sys.exit("this NEST was built without MPI: each process would run the whole network")
    quieten(nest)
    return nest


def save(nest, file, times_ms, neurons):
    """Write spikes, in order of time, then neuron; return the file, one for each process."""
    if nest.num_processes > 1:
        file = file.with_stem(f"{file.stem}-{nest.Rank()}")
    order = np.lexsort((neurons, times_ms))
    np.savez(file, time_ms=times_ms[order], neuron=neurons[order].astype(np.int32))
    return file


def main(arguments=None):
    """Run as the command line says; exit status 1 where --check finds a spike that differs."""
    folder = Path(__file__).resolve().parent
    chosen, expected = choose(arguments, folder)
    nest = load_nest()
    started = time.perf_counter()
    neurons = build(nest, folder, chosen.threads, chosen.seed, noise=not chosen.no_noise)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    built = time.perf_counter()
    nest.Simulate(round(1000 * chosen.seconds / nest.resolution) * nest.resolution)
    ran = time.perf_counter()
    times_ms = np.array(recorder.events["times"])
    numbers = np.array(recorder.events["senders"]) - neurons.tolist()[0]
    file = save(nest, chosen.out or folder / "spikes.npz", times_ms, numbers)
    sys.stdout.write(
        f"{len(neurons):,} neurons, {nest.num_connections:,} connections, built in "
        f"{built - started:.1f} s; {chosen.seconds:g} s of brain time in {ran - built:.1f} s; "
        f"{len(times_ms):,} spikes in {file}\n"
    )
    if expected is None:
        return 0
    same, ours, theirs = check(nest, neurons, times_ms, numbers, expected)
    sys.stdout.write(f"{same:,} of {ours:,} spikes are encephagen's; NEST has {theirs:,}\n")
    return 0 if same == ours == theirs else 1


if __name__ == "__main__":
    sys.exit(main())
