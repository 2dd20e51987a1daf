"""Conduction takes the time that fibre length over velocity says: proven from spike times."""

import numpy as np
import pytest

from encephagen.connectome.connectome import Connectome, Region
from encephagen.engine.cpu.engine import cpu
from encephagen.engine.session import Session
from encephagen.network.build import build

# target, source: A reaches B and C, B reaches D, and C reaches D on a longer way
LENGTHS_MM = {(1, 0): 12.3, (2, 0): 47.0, (3, 1): 90.2, (3, 2): 81.7}


def connectome():
    weights, lengths_mm = np.zeros((4, 4)), np.zeros((4, 4))
    for pair, length_mm in LENGTHS_MM.items():
        weights[pair], lengths_mm[pair] = 1.0, length_mm
    regions = tuple(Region(n, "L") for n in "ABCD")
    return Connectome("fan", regions, weights, lengths_mm, directed=True)


def relayed(brain_of, velocity_mm_per_ms, dt_ms=0.1, lesion=None):
    """Spike times (ms after the volley of A) of "E" neurons of each region.

    All "E" neurons of A are driven over threshold in one step; a long-range spike is so strong that
    its target spikes in the step after it arrives.
    """
    brain = brain_of(
        connectome(),
        velocity_mm_per_ms=velocity_mm_per_ms,
        background_Hz=0.0,
        local=0.0,
        long_range=1e5,
        spread=0.0,
        t_ref_ms=200.0,
    )
    network = build(brain, dt_ms=dt_ms, seed=3)
    session = Session(network, engine=cpu(1, "float64"))
    session.advance(round(300.0 / dt_ms))  # spikes of the initial state pass by
    if lesion is not None:
        lesion(session)
    start_ms = session.time_ms
    session.current_pA[session.neurons("A", "E")] = 1e7
    volley = session.record(dt_ms)
    assert volley.n_spikes == 24
    session.current_pA[:] = 0.0
    recording = session.record(150.0)
    times_ms = recording.data["spike_time_ms"].values - start_ms - dt_ms
    neurons = recording.spike_neurons
    return {r: times_ms[np.isin(neurons, session.neurons(r, "E"))] for r in "ABCD"}


def delay_ms(target, source, velocity_mm_per_ms, dt_ms):
    """Conduction on the grid, and the one step in which the current charges the membrane."""
    length_mm = LENGTHS_MM["ABCD".index(target), "ABCD".index(source)]
    return (round(length_mm / velocity_mm_per_ms / dt_ms) + 1) * dt_ms


@pytest.mark.parametrize("velocity_mm_per_ms", [2.0, 6.0])
@pytest.mark.parametrize("dt_ms", [0.1, 0.05])
def test_spikes_arrive_after_length_over_velocity(brain_of, velocity_mm_per_ms, dt_ms):
    times_ms = relayed(brain_of, velocity_mm_per_ms, dt_ms)

    def after(target, source):
        return delay_ms(target, source, velocity_mm_per_ms, dt_ms)

    for region in "BC":
        assert len(times_ms[region]) == 24
        assert np.allclose(times_ms[region], after(region, "A"), atol=1e-6)
    by_b = after("B", "A") + after("D", "B")
    by_c = after("C", "A") + after("D", "C")
    # D is refractory after the first volley, which came by the shorter way
    assert by_b < by_c
    assert len(times_ms["D"]) == 24 and set(np.round(times_ms["D"] - by_b, 6)) <= {
        0.0,
        round(by_c - by_b, 6),
    }
    assert times_ms["D"].min() == pytest.approx(by_b, abs=1e-6)
    assert not len(times_ms["A"])


def test_a_cut_tract_carries_nothing_and_the_detour_takes_its_time(brain_of):
    times_ms = relayed(brain_of, 6.0, lesion=lambda session: session.cut("A", "B"))
    assert not len(times_ms["B"])
    by_c = delay_ms("C", "A", 6.0, 0.1) + delay_ms("D", "C", 6.0, 0.1)
    assert np.allclose(times_ms["D"], by_c, atol=1e-6) and len(times_ms["D"]) == 24


def test_a_silenced_region_passes_nothing_on(brain_of):
    times_ms = relayed(brain_of, 6.0, lesion=lambda session: session.silence("B"))
    assert not len(times_ms["B"])
    by_c = delay_ms("C", "A", 6.0, 0.1) + delay_ms("D", "C", 6.0, 0.1)
    assert times_ms["D"].min() == pytest.approx(by_c, abs=1e-6)
