"""Pulses in random order: what is given, when, and to whom; a brain that gets stuck is replaced."""

import numpy as np
import pytest

from encephagen.tasks import pulses
from encephagen.tasks.pulses import Step, Timing, present_shuffled

SHORT = Timing(before_ms=50.0, after_ms=150.0, settle_ms=200.0)
CALCARINE = ("Calcarine_L", "Calcarine_R")


@pytest.fixture(scope="module")
def presented(small_network):
    """Visual pulses of two sizes, and shams."""
    steps = [Step(CALCARINE, 300.0, 50.0), Step(CALCARINE, 900.0, 50.0)]
    return present_shuffled(small_network, steps, n_trials=4, n_shams=6, timing=SHORT, seed=3)


def test_the_pulse_is_where_and_when_it_should_be(presented, small_network):
    source = small_network.brain.connectome.indices(list(CALCARINE))
    weak, strong = (p.rate_Hz[:, :, source].mean(axis=(0, 2)) for p in presented.pulses)
    sham = presented.shams.rate_Hz[:, :, source].mean(axis=(0, 2))
    on = (presented.shams.time_ms > 10.0) & (presented.shams.time_ms < 50.0)
    assert (strong[on] > weak[on]).mean() > 0.9
    assert weak[on].mean() > 3 * sham[on].mean()
    assert weak[:10].mean() < 2 * sham.mean() + 2 and strong[-10:].mean() < 2 * sham.mean() + 2
    far = small_network.brain.connectome.indices("Frontal_Mid_2_L")
    assert strong[on].mean() > 5 * presented.pulses[1].rate_Hz[:, :, far].mean()


def test_every_trial_is_there_and_the_order_is_drawn(presented, small_network):
    assert [p.n for p in presented.pulses] == [4, 4] and presented.shams.n == 6
    assert presented.shams.rate_Hz.shape == (6, 40, 10)
    assert not np.concatenate(presented.stuck).any()
    steps = [Step(CALCARINE, 300.0, 50.0)]
    one, same, other = (
        present_shuffled(small_network, steps, n_trials=2, n_shams=2, timing=SHORT, seed=seed)
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(one.shams.rate_Hz, same.shams.rate_Hz)
    assert (one.shams.rate_Hz != other.shams.rate_Hz).any()


def test_a_stuck_brain_is_told_and_replaced(small_network, monkeypatch):
    """A pulse that lasts to the end of the trial leaves all regions firing."""
    monkeypatch.setattr(pulses, "STUCK", 1.2)
    everywhere = Step(tuple(r.name for r in small_network.regions), 900.0, 145.0)
    found = present_shuffled(
        small_network, [everywhere], n_trials=2, n_shams=4, timing=SHORT, seed=1
    )
    assert found.stuck[0].all()
    calm = found.shams.rate_Hz[:, :10].mean(axis=(1, 2))
    assert calm.max() < 3 * found.rest_Hz[:, 0].mean()


def test_what_cannot_be_presented_is_refused(small_network):
    step = Step(CALCARINE, 300.0, 50.0)
    with pytest.raises(ValueError, match="0 trials and 3 shams; expected 1 or more"):
        present_shuffled(small_network, [step], n_trials=0, n_shams=3, timing=SHORT)
    with pytest.raises(ValueError, match="a pulse of 52 ms; expected a multiple of 5 ms below"):
        present_shuffled(
            small_network, [Step(CALCARINE, 1.0, 52.0)], n_trials=1, n_shams=1, timing=SHORT
        )
    with pytest.raises(ValueError, match="step of nan pA; expected a finite current"):
        Step(CALCARINE, float("nan"))
    with pytest.raises(ValueError, match=r"before_ms is 0\.0; expected a multiple of the bins"):
        Timing(before_ms=0.0)
