"""Settings of every test, and the tiny brains that many of them run.

No deadline, because the first call of a kernel compiles it; compiled kernels are kept in the
project's own ``.cache``, so that a second run of the tests starts at once. The tests of a file go
to one process, so that what they share is made, and compiled, once.
"""

import os
from pathlib import Path

# Before NumPy is loaded. Tests run side by side; BLAS threads of both would wait for each other (a
# working point of regions then takes a minute and not a second).
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

os.environ.setdefault("NUMBA_NUM_THREADS", "2")  # two threads also where there is one core
os.environ.setdefault("ENCEPHAGEN_CACHE", str(Path(__file__).parents[1] / ".cache" / "kernels"))
settings.register_profile("encephagen", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("encephagen")

from encephagen.brain.spec import (  # noqa: E402
    Between,
    Brain,
    Chosen,
    Conduction,
    Poisson,
    Population,
    Projection,
    Uniform,
    Weight,
    Within,
)
from encephagen.connectome.connectome import Connectome, Region  # noqa: E402
from encephagen.connectome.datasets import fmri, hcp_aal2  # noqa: E402
from encephagen.connectome.readers import write_npz  # noqa: E402
from encephagen.connectome.transform import subset  # noqa: E402
from encephagen.engine.session import Session  # noqa: E402
from encephagen.models import ALL  # noqa: E402
from encephagen.models.alif import ALIF  # noqa: E402
from encephagen.models.lif import LIF  # noqa: E402
from encephagen.models.model import AbstractNeuron, AbstractReceptor  # noqa: E402
from encephagen.models.receptors import AMPA, GABA_A, Transmitter  # noqa: E402
from encephagen.network.build import build  # noqa: E402
from encephagen.rng import stream  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests of a file together, unless a mark says what belongs together."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


FAST = Transmitter((AMPA(),))
GABA = Transmitter((GABA_A(),))


def tiny_connectome(n_regions=4):
    """Regions A, B, ... of the visual and the motor system, fibres of 8 to 60 mm, all to all."""
    rng = stream(0, "tiny connectome")
    weights = rng.uniform(0.2, 1.0, (n_regions, n_regions))
    lengths_mm = rng.uniform(8.0, 60.0, (n_regions, n_regions))
    for matrix in (weights, lengths_mm):
        np.fill_diagonal(matrix, 0.0)
    regions = tuple(
        Region(
            "ABCDEFGH"[i],
            "LR"[i % 2],
            t1w_t2w=1.2 + 0.1 * i,
            lobe="occipital" if i < n_regions // 2 else "frontal",
            system="visual" if i < n_regions // 2 else "motor",
        )
        for i in range(n_regions)
    )
    return Connectome("tiny", regions, weights, lengths_mm)


def tiny_brain(
    connectome=None,
    *,
    inh=None,
    glutamate=None,
    background_Hz=4000.0,
    local=1.0,
    long_range=1.0,
    spread=0.3,
    velocity_mm_per_ms=6.0,
    **membrane,
):
    """24 excitatory (LIF) and 9 inhibitory neurons a region, at some 15 Hz, all delays in use.

    Two receptors, unless ``glutamate`` has more, so that most tests share one compiled kernel.
    ``local`` and ``long_range`` scale weights; ``membrane`` overrides parameters of E neurons.
    """
    connectome = connectome or tiny_connectome()
    glutamate = glutamate or FAST
    background = Poisson(background_Hz, 65.0, FAST)
    gradient = ("tau_m_ms", tuple(np.linspace(10.0, 30.0, connectome.n).tolist()))
    nearby, fibres = Uniform(1.0, 2.5), Conduction.along(connectome, velocity_mm_per_ms)
    within, between = Within(0.3), Between(10.4, connectome.weights)

    def weight(mean_pA):
        return Weight(mean_pA, spread)

    return Brain(
        connectome,
        populations=(
            Population("E", 24, LIF(**membrane), background, (gradient,), excites=True),
            Population("I", 9, inh or LIF(tau_m_ms=10.0), background, excites=False),
        ),
        projections=(
            Projection("E", "E", within, weight(80.0 * local), nearby, glutamate),
            Projection("E", "I", within, weight(120.0 * local), nearby, glutamate),
            Projection("I", "E", within, weight(300.0 * local), nearby, GABA),
            Projection("I", "I", within, weight(200.0 * local), nearby, GABA),
            Projection("E", "E", between, weight(100.0 * long_range), fibres, glutamate),
            Projection("E", "I", between, weight(60.0 * long_range), fibres, glutamate),
        ),
    )


def brain_of_all_models():
    """Every neuron model as a population in every region, and every receptor in use."""
    neurons = {n: m for n, m in ALL.items() if issubclass(m, AbstractNeuron)}
    receptors = [m() for m in ALL.values() if issubclass(m, AbstractReceptor)]
    connectome = tiny_connectome()
    local, fibres = Uniform(1.0, 2.5), Conduction.along(connectome, 6.0)
    # one charge a spike for every receptor that excites, and four for those that inhibit
    transmitters = {Transmitter((r,)): (5 - 3 * r.sign) * 90.0 / r.tau_syn_ms for r in receptors}
    transmitters[Transmitter(tuple(receptors[:2]), (0.7, 0.3))] = 90.0
    populations = tuple(
        Population(
            f"{name} {'exc' if excites else 'inh'}",
            13 + 4 * i + 2 * excites,
            model(),
            Poisson(3000.0 + 500.0 * i, 80.0, FAST),
            excites=excites,
        )
        for i, (name, model) in enumerate(neurons.items())
        for excites in (True, False)
    )
    projections = []
    for transmitter, mean_pA in transmitters.items():
        weight = Weight(mean_pA, 0.5)
        rule = Within(0.1) if len(transmitter.receptors) == 1 else Chosen(2)
        own = [p.name for p in populations if p.excites == (transmitter.receptors[0].sign > 0)]
        projections += [
            Projection(source, target.name, rule, weight, local, transmitter)
            for source in own
            for target in populations
        ]
        projections += [
            Projection(name, name, Between(5.5, connectome.weights), weight, fibres, transmitter)
            for name in own
        ]
    return Brain(connectome, populations, tuple(projections))


def patchy_brain():
    """The tiny brain, and a nucleus with cells of its own in regions B and D only."""
    cortex = tiny_brain()
    connectome, nearby = cortex.connectome, Uniform(1.0, 2.5)
    fibres, between = Conduction.along(connectome, 6.0), Between(8.0, connectome.weights)
    relay = Population(
        "relay",
        19,
        LIF(t_ref_ms=1.0),
        Poisson(5000.0, 65.0, FAST),
        (("tau_m_ms", (12.0, 18.0)),),
        excites=True,
        where=("B", "D"),
    )
    gate = Population(
        "gate", 7, ALIF(), Poisson(5000.0, 65.0, FAST), excites=False, where=("D", "B")
    )
    nucleus = Brain(connectome, (relay, gate), ())
    joins = (
        Projection("relay", "gate", Within(0.4), Weight(90.0, 0.2), nearby, FAST),
        Projection("gate", "relay", Within(0.4), Weight(250.0), nearby, GABA),
        Projection("relay", "E", between, Weight(110.0), fibres, FAST),
        Projection("E", "relay", between, Weight(60.0, 0.3), fibres, FAST),
        Projection("gate", "I", Within(0.3), Weight(80.0), nearby, GABA),
    )
    whole = cortex + nucleus
    return Brain(connectome, whole.populations, whole.projections + joins)


def run_spikes(network, duration_ms, *, setup=None, **seeds):
    """Return the (step, neuron) of every spike of a new session, which ``setup`` may change."""
    session = Session(network, **seeds)
    if setup is not None:
        setup(session)
    recording = session.record(duration_ms)
    return list(zip(recording.spike_steps.tolist(), recording.spike_neurons.tolist(), strict=True))


@pytest.fixture(scope="session")
def connectome_of():
    """`tiny_connectome`."""
    return tiny_connectome


@pytest.fixture(scope="session")
def brain_of():
    """`tiny_brain`."""
    return tiny_brain


@pytest.fixture(scope="session")
def patchy():
    """`patchy_brain`."""
    return patchy_brain()


@pytest.fixture(scope="session")
def spikes_of():
    """`run_spikes`."""
    return run_spikes


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A file with 26 of the 80 regions, of every lobe and sense, and people's fMRI of them."""
    stems = (
        "Precentral Frontal_Mid_2 Frontal_Sup_Medial OFCmed Insula Cingulate_Mid Calcarine "
        "Occipital_Mid Fusiform Postcentral Precuneus Heschl Temporal_Mid"
    ).split()
    names = [f"{stem}_{side}" for stem in stems for side in "LR"]
    path = write_npz(subset(hcp_aal2(), names), tmp_path_factory.mktemp("data") / "people.npz")
    signal = fmri("hcp-aal2").sel(region=names).transpose("subject", "time_s", "region")
    with np.load(path) as connectome:
        np.savez(path, fmri=signal.values, tr_s=signal.attrs["tr_s"], **connectome)
    return str(path)


@pytest.fixture(scope="session")
def all_models():
    """A network of every neuron model and every receptor, all delays in use."""
    return build(brain_of_all_models(), seed=1)
