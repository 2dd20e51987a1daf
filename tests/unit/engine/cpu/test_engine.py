"""The CPU engine among other threads and processes, and what it takes of memory."""

import os
import subprocess
import sys

import pytest

from encephagen.engine.cpu.engine import cpu
from encephagen.engine.cpu.pack import packed
from encephagen.engine.session import Session
from encephagen.network.build import build

BRAIN = """
import numpy as np
import encephagen as en
from encephagen.brain.spec import Brain, Poisson, Population, Projection, Uniform, Weight, Within
from encephagen.connectome.connectome import Connectome, Region
from encephagen.models import AMPA, LIF
from encephagen.models.receptors import Transmitter

fast = Transmitter((AMPA(),))
pair = Connectome("pair", (Region("A", "L"), Region("B", "R")), np.zeros((2, 2)))
cells = Population("X", 40, LIF(), Poisson(8000.0, 65.0, fast), excites=True)
within = Projection("X", "X", Within(0.2), Weight(40.0), Uniform(1.0, 2.0), fast)
network = en.build(Brain(pair, (cells,), (within,)), seed=0)


def spikes(seed):
    return en.simulate(network, 200.0, noise_seed=seed, threads=2).spike_digest()
"""

FORKED = (
    BRAIN
    + """
import multiprocessing
here = [spikes(0), spikes(1)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(spikes, [0, 1]) == here
print("alike")
"""
)

THREADS = (
    BRAIN
    + """
from concurrent.futures import ThreadPoolExecutor
here = [spikes(seed) for seed in range(6)]
with ThreadPoolExecutor(3) as pool:
    assert list(pool.map(spikes, range(6))) == here
print("alike")
"""
)


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NUMBA_NUM_THREADS": "2", **environment},
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_forked_after_a_run_on_two_threads_runs():
    done = run(FORKED)
    assert (done.returncode, done.stdout) == (0, "alike\n"), done.stderr


@pytest.mark.parametrize("layer", ["workqueue", "default"])
def test_threads_of_python_may_run_at_once(layer):
    done = run(THREADS, NUMBA_THREADING_LAYER=layer)
    assert (done.returncode, done.stdout) == (0, "alike\n"), done.stderr


def test_the_compiled_runner_releases_the_interpreter(brain_of):
    run = Session(build(brain_of()), engine=cpu(threads=1)).run
    for runner in (run._module.run_serial, run._module.run_parallel):
        assert runner.targetoptions["nogil"]


def test_the_engine_tells_what_it_takes_of_memory(brain_of):
    network = build(brain_of())
    run = Session(network, threads=1).run
    assert run.nbytes > packed(network).synapses.nbytes > 4 * network.n_synapses


def test_an_engine_is_a_value():
    assert cpu() == cpu(None, "float32") and cpu(2) != cpu(1)
    assert repr(cpu(2)) == "CPU(threads=2, real='float32')"
