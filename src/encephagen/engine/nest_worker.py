"""NEST in a process of its own, which needs only NumPy and NEST: see `encephagen.engine.nest`.

    python nest_worker.py FOLDER THREADS SEED NOISE RECORD

FOLDER holds what `export_nest` wrote, NOISE and RECORD are 0 or 1. Questions come on standard input
and answers go to standard output, both as pickles; NEST's own words go to standard error.
"""

import importlib
import json
import os
import pickle
import resource
import runpy
import sys
import time
from typing import Any

import numpy as np


def main(folder: str, threads: int, seed: int, noise: bool, record: bool) -> None:
    """Build the network in ``folder``, say so, and answer until there are no more questions."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever NEST prints goes to standard error

    def say(answer: dict) -> None:
        pickle.dump(answer, answers)
        answers.flush()

    script = runpy.run_path(os.path.join(folder, "run.py"))
    nest: Any = importlib.import_module("nest")  # prints as it is imported: not before
    script["quieten"](nest)
    start = time.perf_counter()
    neurons = script["build"](nest, folder, threads, seed, noise)
    with open(os.path.join(folder, "network.json")) as file:
        standing = Standing(nest, neurons, json.load(file), record)
    say(
        dict(
            version=nest.__version__,
            build_s=time.perf_counter() - start,
            n_connections=int(nest.num_connections),
            min_delay_ms=float(nest.min_delay),
            memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
    )
    while True:
        try:
            question = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        say(standing.answer(**question))


class Standing:
    """A network that stands in NEST; ``network`` is what network.json says of it."""

    def __init__(self, nest: Any, neurons: Any, network: dict, record: bool) -> None:
        self.nest, self.neurons, self.network = nest, neurons, network
        self.recorder = self.extra = None
        if record:
            self.recorder = nest.Create("spike_recorder")
            nest.Connect(neurons, self.recorder)
        else:
            nest.Prepare()

    def answer(
        self,
        n_steps: int,
        current_pA: np.ndarray | None,
        poisson_Hz: np.ndarray | None,
        want_V_mV: bool,
    ) -> dict:
        """Set inputs, run ``n_steps``, and return the spikes and what they took."""
        if current_pA is not None:
            self.neurons.I_e = current_pA
        if poisson_Hz is not None:
            self._set_extra(poisson_Hz)
        said: dict = dict(wall_s=0.0, cpu_s=0.0, n_spikes=0)
        if n_steps:
            # Between `Run`s, which come cheaper, no recorder can be emptied.
            run = self.nest.Run if self.recorder is None else self.nest.Simulate
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            run(n_steps * self.nest.resolution)
            said["wall_s"] = time.perf_counter() - wall_s
            said["cpu_s"] = time.process_time() - cpu_s
            said["n_spikes"] = int(self.nest.local_spike_counter)  # NEST begins anew at each run
        if self.recorder is not None:
            said["steps"], said["neurons"] = self._spikes()
        if want_V_mV:
            said["V_mV"] = np.array(self.neurons.V_m)
        return said

    def _spikes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and neurons of what was recorded since last asked."""
        recorder: Any = self.recorder
        events = recorder.events
        ends = np.rint(np.asarray(events["times"]) / self.nest.resolution).astype(np.int64)
        neurons = np.asarray(events["senders"], np.int64) - self.neurons.tolist()[0]
        recorder.n_events = 0
        order = np.lexsort((neurons, ends))
        return ends[order] - 1, neurons[order].astype(np.int32)

    def _set_extra(self, poisson_Hz: np.ndarray) -> None:
        """Give each neuron a Poisson generator of its own, of the background's weight."""
        if self.extra is None:
            blocks = self.network["blocks"]
            sizes = [block["size"] for block in blocks]
            weight_pA = np.repeat([b["background"]["weight_pA"] for b in blocks], sizes)
            port = np.repeat([b["background"]["port"] for b in blocks], sizes)
            synapse = {"weight": weight_pA}
            synapse["delay"] = np.full(len(weight_pA), self.network["min_delay_ms"])
            if port[0]:
                synapse["receptor_type"] = port
            self.extra = self.nest.Create("poisson_generator", len(weight_pA))
            self.nest.Connect(self.extra, self.neurons, "one_to_one", synapse)
        self.extra.rate = poisson_Hz


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1", sys.argv[5] == "1")
