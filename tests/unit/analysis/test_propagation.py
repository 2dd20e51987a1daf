"""Propagation: what is asked of trials, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from encephagen.analysis import propagation
from encephagen.analysis.propagation import Trials
from encephagen.connectome.connectome import Connectome, Region
from encephagen.recording import assemble

BIN_MS, BEFORE_MS = 10.0, 100.0


def trials(n=10, n_regions=6, rate_Hz=5.0, seed=0, stop_ms=400.0):
    rng = np.random.default_rng(seed)
    n_bins = round((BEFORE_MS + stop_ms) / BIN_MS)
    return Trials(rng.poisson(rate_Hz * 1.6, (n, n_bins, n_regions)) / 1.6, BIN_MS, BEFORE_MS)


def pulsed(added_Hz, n=10):
    """Return trials whose regions fire ``added_Hz`` (region,) more in the 300 ms from the onset."""
    quiet = trials(n, len(added_Hz), seed=1)
    rate_Hz = quiet.rate_Hz.copy()
    rate_Hz[:, 10:40] += np.asarray(added_Hz)
    return Trials(rate_Hz, BIN_MS, BEFORE_MS)


def test_reach_counts_what_rises_outside_the_source_and_tells_what_falls():
    found = propagation.reach(pulsed([50, 3, 3, 0, 0, -3]), trials(20), [0], n_permutations=999)
    assert found.responded.tolist() == [False, True, True, False, False, False]
    assert found.suppressed.tolist() == [False] * 5 + [True]
    assert np.isnan(found.p[0]) and found.change_Hz[0] == pytest.approx(50, abs=1.5)
    assert found.effect[1] > 3


def test_reach_refuses_trials_that_can_show_nothing():
    with pytest.raises(ValueError, match="2 pulses and 3 shams cannot tell one region of 6"):
        propagation.reach(pulsed([1] * 6, n=2), trials(3), [])
    with pytest.raises(ValueError, match="0 to 600 ms from the onset is not in the trials"):
        propagation.reach(trials(10), trials(10), [], window_ms=(0.0, 600.0))
    with pytest.raises(ValueError, match="expected the same: cut both alike"):
        propagation.reach(trials(10), trials(10, stop_ms=500.0), [])


def test_lobes_leave_the_source_out():
    responded = np.array([False, True, False, False])
    found = propagation.by_lobe(responded, ["occipital", "occipital", "frontal", "insular"], [0])
    assert found == {"occipital": (1, 1), "frontal": (0, 1), "insular": (0, 1)}
    assert "occipital" not in propagation.by_lobe(responded[1:], ["occipital", "x", "x"], [0])


def test_delay_is_direct_or_by_the_fastest_path():
    """From A to C: 90 mm directly, or 20 and 40 mm by B; none to D; against the arrow, none."""
    weights, lengths = np.zeros((4, 4)), np.zeros((4, 4))
    for target, source, mm in ((2, 0, 90.0), (1, 0, 20.0), (2, 1, 40.0), (0, 3, 10.0)):
        weights[target, source], lengths[target, source] = 1.0, mm
    regions = tuple(Region(name, "L") for name in "ABCD")
    chain = Connectome("chain", regions, weights, lengths)
    direct, fastest = propagation.tract_delay_ms(chain, [0], 10.0)
    np.testing.assert_allclose(direct, [0.0, 2.0, 9.0, np.nan])
    np.testing.assert_allclose(fastest, [0.0, 2.0, 6.0, np.nan])
    with pytest.raises(ValueError, match="has no fibre lengths"):
        propagation.tract_delay_ms(Connectome("chain", regions, weights), [0], 10.0)


def test_partial_rank_correlation_is_that_of_the_inverse_matrix():
    rng = np.random.default_rng(5)
    c = rng.normal(size=50)
    a, b = c + rng.normal(size=50), c + rng.normal(size=50)
    ranks = np.argsort(np.argsort([a, b, c], axis=1), axis=1)
    inverse = np.linalg.inv(np.corrcoef(ranks))
    expected = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
    assert propagation.rank_correlation(a, b, given=c) == pytest.approx(expected)
    assert abs(expected) < propagation.rank_correlation(a, b)
    assert np.isnan(propagation.rank_correlation(a[:4], b[:4]))
    assert propagation.rank_correlation(np.append(a, np.nan), np.append(b, 1.0)) == pytest.approx(
        propagation.rank_correlation(a, b)
    )


def test_a_region_that_stays_on_is_not_at_rest():
    shams = trials(30)
    late = trials(10, seed=2)
    assert propagation.rest(late, shams, 200.0).returned
    on = late.rate_Hz.copy()
    on[:, -10:, 3] = 300.0
    found = propagation.rest(Trials(on, BIN_MS, BEFORE_MS), shams, 200.0)
    assert not found.returned and found.ratio > 3
    off = late.rate_Hz.copy()
    off[:, -20:, 3] = 0.0
    assert not propagation.rest(Trials(off, BIN_MS, BEFORE_MS), shams, 200.0).returned


def test_attenuation_needs_a_source_that_answers():
    with pytest.raises(ValueError, match="response of the source is -1 Hz"):
        propagation.attenuation(np.array([-1.0, 2.0, 3.0]), [0], np.arange(3.0))


def test_decoding_refuses_what_cannot_be_left_out():
    with pytest.raises(ValueError, match=r"2 stimuli with \[5, 2\] trials; expected"):
        propagation.decode(np.zeros((7, 3, 2)), [0] * 5 + [1] * 2)


def test_trials_are_cut_out_of_a_recording_at_the_onsets():
    steps = np.array([5, 105, 110, 115, 305, 310])
    recording = assemble(
        steps,
        np.zeros(steps.size, int),
        dt_ms=1.0,
        start_step=0,
        n_steps=400,
        regions=[SimpleNamespace(name="R", hemisphere="L", lobe="x", system="x")],
        populations=["E"],
        excites=[True],
        neuron_region=np.zeros(4, int),
        neuron_population=np.zeros(4, int),
        bin_ms=5.0,
        provenance={},
    )
    found = propagation.cut(recording, [100.0, 300.0], before_ms=20.0, after_ms=40.0)
    assert (found.n, found.time_ms[0], found.stop_ms) == (2, -17.5, 40.0)
    np.testing.assert_allclose(found.rate_Hz[:, :, 0].sum(axis=1) * 4 * 5 / 1000, [3, 2])
    assert found.rate_Hz[0, :5, 0].sum() == 0
    with pytest.raises(ValueError, match="onset 101 ms is on no edge of a bin"):
        propagation.cut(recording, [101.0], before_ms=20.0, after_ms=40.0)
    with pytest.raises(ValueError, match="trial around 380 ms is not all in the recording"):
        propagation.cut(recording, [380.0], before_ms=20.0, after_ms=40.0)
