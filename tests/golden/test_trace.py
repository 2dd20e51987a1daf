"""Golden: the spikes of one tiny brain, dated; a change of any draw, rule or rounding shows here.

A change that is meant: put what the failing test printed into ``trace.json``, with the date and the
reason.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from encephagen.engine.cpu.engine import cpu
from encephagen.engine.session import Session
from encephagen.network.build import build

TRACE = json.loads((Path(__file__).parent / "trace.json").read_text())
DURATION_MS = 500.0


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_trace(brain_of, real):
    network = build(brain_of(), seed=1)
    session = Session(network, noise_seed=2, initial_seed=3, engine=cpu(1, real))
    recording = session.record(DURATION_MS)
    by_population = session.region_rate_Hz().mean(axis=0)
    edges = network.edges()
    found = {
        "n_synapses": network.n_synapses,
        "total_weight_pA": round(float(edges["weight_pA"].sum()), 3),
        "n_spikes": recording.n_spikes,
        "rate_Hz": dict(zip(network.populations, np.round(by_population, 3).tolist(), strict=True)),
        "first_spikes": [
            [int(step), int(neuron)]
            for step, neuron in zip(
                recording.spike_steps[:5], recording.spike_neurons[:5], strict=True
            )
        ],
        "spike_digest": recording.spike_digest(),
    }
    assert TRACE["reason"] and TRACE["date"]
    assert found == TRACE[real], f"\n{json.dumps({real: found}, indent=2)}"
