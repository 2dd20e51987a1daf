"""Contract: a user's own neuron takes one file, runs on both engines, and starts fast again."""

import os
import subprocess
import sys

MODEL = '''
import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from encephagen.models.model import AbstractNeuron, positive
from encephagen.units import check, param


class State(NamedTuple):
    V_mV: float
    w_mV: float
    scale: float  # never 0, also not where the kernel has room for cells that are not there


class Constants(NamedTuple):
    decay: float
    w_decay: float
    w_gain: float
    sharpness: float
    threshold_mV: float
    reset_mV: float
    jump_mV: float
    zero: float


def advance(state, drive, constants):
    """A quadratic upstroke, and a current that both follows the membrane and jumps at a spike."""
    V_mV = constants.decay * state.V_mV + drive / state.scale - state.w_mV
    V_mV = V_mV + constants.sharpness * V_mV * V_mV
    spiked = V_mV >= constants.threshold_mV
    w_mV = constants.w_decay * state.w_mV + constants.w_gain * V_mV
    jump_mV = constants.jump_mV if spiked else constants.zero
    V_mV = constants.reset_mV if spiked else V_mV
    return State(V_mV, w_mV + jump_mV, state.scale), spiked


@dataclass(frozen=True)
class Mine(AbstractNeuron):
    tau_m_ms: float = positive(15.0, "ms", "free")
    R_m_MOhm: float = positive(40.0, "MOhm", "free")
    E_L_mV: float = param(-65.0, "mV", "free")
    tau_w_ms: float = positive(120.0, "ms", "free")

    State: ClassVar = State
    Constants: ClassVar = Constants
    advance: ClassVar = staticmethod(advance)

    def __post_init__(self):
        check(self)

    def constants(self, dt_ms):
        return Constants(math.exp(-dt_ms / self.tau_m_ms), math.exp(-dt_ms / self.tau_w_ms),
                         1e-6, 1e-5, 25.0, 0.0, 0.02, 0.0)

    def initial(self, rng, n):
        return np.stack([rng.uniform(0.0, 20.0, n), np.zeros(n), np.ones(n)])
'''

USE = """
import numpy as np
from encephagen.brain.spec import Brain, Poisson, Population, Projection, Uniform, Weight, Within
from encephagen.connectome.connectome import Connectome, Region
from encephagen.engine.cpu.engine import cpu
from encephagen.engine.reference import reference
from encephagen.engine.session import Session
from encephagen.models.receptors import AMPA, Transmitter
from encephagen.network.build import build

fast = Transmitter((AMPA(),))
brain = Brain(
    Connectome("one", (Region("A", "L"),), np.zeros((1, 1))),
    (Population("X", 20, Mine(), Poisson(5000.0, 90.0, fast), excites=True),),
    (Projection("X", "X", Within(0.2), Weight(80.0), Uniform(1.0, 2.0), fast),),
)
network = build(brain)
fast, slow = (Session(network, engine=engine) for engine in (cpu(real="float64"), reference()))
ours, theirs = fast.record(100.0), slow.record(100.0)
assert ours.spike_digest() == theirs.spike_digest() and ours.n_spikes > 30
assert np.allclose(fast.V_mV, slow.V_mV, rtol=0, atol=1e-5)
print("agrees")
"""


def files(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.rglob("*") if p.suffix != ".pyc"}


def run(folder):
    return subprocess.run(
        [sys.executable, "main.py"],
        cwd=folder,
        env={**os.environ, "ENCEPHAGEN_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
    )


def test_a_model_in_one_file(tmp_path):
    """Twice: the second process finds the compiled code of the first."""
    (tmp_path / "main.py").write_text(MODEL + USE)
    seen = []
    for _ in range(2):
        result = run(tmp_path)
        assert result.stdout == "agrees\n", result.stderr
        seen.append(files(tmp_path / "cache"))
    assert any(name.endswith(".nbc") for name in seen[0])
    assert seen[0] == seen[1], "the second process compiled again"


def test_another_version_of_the_model_is_another_kernel(tmp_path):
    """A model that changed must not run old code: the kernel's name carries its digest."""
    names = []
    for threshold in ("25.0", "26.0"):
        (tmp_path / "main.py").write_text(
            MODEL.replace("25.0", threshold).replace(
                "drive / state", f"drive * {threshold} / state"
            )
            + """
from encephagen.engine.cpu.load import load
from encephagen.engine.cpu.source import Composition, Kind
composition = Composition((Kind(Mine, ()),), (), (), 1, 0, "float64")
print(load(composition).__name__)
"""
        )
        result = run(tmp_path)
        assert not result.stderr, result.stderr
        names.append(result.stdout)
    assert names[0] != names[1]
