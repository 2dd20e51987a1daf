"""NEST in a process of its own, which needs only NumPy and NEST: see `encephagen.engine.nest`.

    python nest_worker.py FOLDER THREADS SEED NOISE RECORD

FOLDER holds what `export_nest` wrote, NOISE and RECORD are 0 or 1. Questions come on standard input
and answers go to standard output, both as pickles; NEST's own words go to standard error.
"""

import importlib
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
    recorder = None
    if record:
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder)
    else:
        nest.Prepare()
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
        say(_answer(nest, neurons, recorder, **question))


def _answer(
    nest: Any,
    neurons: Any,
    recorder: Any,
    n_steps: int = 0,
    current_pA: np.ndarray | None = None,
    want_V_mV: bool = False,
) -> dict:
    """Set currents, run ``n_steps``, and return the spikes and what they took."""
    if current_pA is not None:
        neurons.I_e = current_pA
    answer: dict = dict(wall_s=0.0, cpu_s=0.0, n_spikes=0)
    if n_steps:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        # Between `Run`s, which come cheaper, no recorder can be emptied.
        run = nest.Run if recorder is None else nest.Simulate
        run(n_steps * nest.resolution)
        answer["wall_s"] = time.perf_counter() - wall_s
        answer["cpu_s"] = time.process_time() - cpu_s
        answer["n_spikes"] = int(nest.local_spike_counter)  # of this run: NEST begins anew at each
    if recorder is not None:
        # NEST stamps a spike with the end of its step.
        steps = np.rint(np.asarray(recorder.events["times"]) / nest.resolution).astype(np.int64) - 1
        ids = np.asarray(recorder.events["senders"], np.int64) - neurons.tolist()[0]
        order = np.lexsort((ids, steps))
        answer["steps"], answer["neurons"] = steps[order], ids[order].astype(np.int32)
        recorder.n_events = 0
    if want_V_mV:
        answer["V_mV"] = np.array(neurons.V_m)
    return answer


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1", sys.argv[5] == "1")
