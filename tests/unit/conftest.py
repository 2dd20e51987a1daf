"""A small brain in a file, and a recording of one of two fragments, each with its own cells."""

from pathlib import Path

import numpy as np
import pytest

from encephagen.connectome.connectome import Region
from encephagen.connectome.datasets import hcp_aal2
from encephagen.connectome.readers import write_npz
from encephagen.connectome.transform import subset
from encephagen.recording import assemble
from encephagen.working_point.choice import Choice, recipe_values

STEMS = ("Calcarine", "Heschl", "Postcentral", "Precentral", "Frontal_Mid_2")
DT_MS = 0.5
REGIONS = (
    Region("Calcarine_L", "L", lobe="occipital", system="visual"),
    Region("Precentral_L", "L", lobe="frontal", system="motor"),
    Region("Thalamus_L", "L", lobe="subcortical", system="thalamus"),
    Region("Pallidum_L", "L", lobe="subcortical", system="basal ganglia"),
)
POPULATIONS = ("pyramidal", "Ibex", "relay", "Eager")
"""Cells of cortex, then of two nuclei; some first letters say the contrary of what they do."""
EXCITES = (True, True, True, False)
SIZE = np.array([[30, 10, 0, 0], [30, 10, 0, 0], [0, 0, 20, 0], [0, 0, 0, 16]])


def make_mixed(rate_Hz=5.0, duration_ms=2000.0, *, spikes=True, seed=0, bin_ms=10.0, **rest):
    """Return Poisson spikes; rate_Hz: one, or (region, population), read where cells live."""
    rate = np.broadcast_to(np.asarray(rate_Hz, float), SIZE.shape)
    region, population = (x.ravel() for x in np.indices(SIZE.shape))
    region, population = np.repeat(region, SIZE.ravel()), np.repeat(population, SIZE.ravel())
    n_steps, n = round(duration_ms / DT_MS), region.size
    chance = rate[region, population] * DT_MS / 1000.0
    steps, neurons = np.nonzero(np.random.default_rng(seed).random((n_steps, n)) < chance)
    made = assemble(
        steps,
        neurons,
        dt_ms=DT_MS,
        start_step=0,
        n_steps=n_steps,
        regions=REGIONS,
        populations=POPULATIONS,
        excites=EXCITES,
        neuron_region=region,
        neuron_population=population,
        bin_ms=bin_ms,
        **rest,
    )
    if spikes:
        return made
    return type(made)(made.data.drop_vars(["spike_time_ms", "spike_neuron"]))


@pytest.fixture(scope="session")
def mixed():
    """Return `make_mixed`."""
    return make_mixed


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory):
    """A file with ten regions: visual, auditory, somatosensory, motor and frontal cortex."""
    names = [f"{stem}_{side}" for stem in STEMS for side in "LR"]
    path = tmp_path_factory.mktemp("data") / "small.npz"
    return write_npz(subset(hcp_aal2(), names), path)


@pytest.fixture(scope="session")
def small_choice(small_dataset):
    """The brain of the small dataset."""
    return Choice(dataset=str(small_dataset), recipe=recipe_values(Path("healthy_cortex"), []))
