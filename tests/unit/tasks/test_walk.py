"""Walking: the spine makes the rhythm, motor cortex its strength, and the controls tell."""

import numpy as np
import pytest

from encephagen.tasks.walk import WalkParams, walk

SHORT = WalkParams(duration_ms=5500.0, settle_ms=500.0)


@pytest.fixture(scope="module")
def walked(small_network):
    from encephagen.engine.session import Session

    session = Session(small_network, noise_seed=3, threads=1)
    session.advance(3000)
    return walk(session, SHORT), session


def test_the_legs_alternate_and_the_numbers_agree(walked):
    arm = walked[0].commanded
    assert arm.gait.alternating
    assert 0.7 < arm.gait.frequency_Hz < 1.6
    assert len(arm.time_ms) == len(arm.torque) == len(arm.drive) == len(arm.motor_Hz) == 500
    assert arm.time_ms[0] == pytest.approx(510.0)
    assert 0 < arm.stride_cv < 0.3, "the brain's noise is in the stride"


def test_the_controls_tell_what_the_brain_contributes(walked):
    result = walked[0]
    assert result.commanded.motor_Hz.mean() > 1.3 * result.uncommanded.motor_Hz.mean()
    assert result.commanded.gait.amplitude > 1.3 * result.uncommanded.gait.amplitude
    assert (result.silenced.motor_Hz == 0).all()
    assert not result.silenced.gait.rhythmic
    assert result.silenced.gait.amplitude < 0.01
    spine = result.spine
    assert spine.drive == pytest.approx(
        np.broadcast_to(result.commanded.drive.mean(axis=0), spine.drive.shape), rel=0.1
    )
    assert spine.gait.frequency_Hz == pytest.approx(result.commanded.gait.frequency_Hz, rel=0.15)
    assert spine.stride_cv < result.commanded.stride_cv


def test_only_the_walk_itself_leaves_a_trace(small_network, walked):
    """The brain goes on as if it had walked alone: the same spikes, and no lesion or input left."""
    from encephagen.engine.session import Session

    session = walked[1]
    assert session.time_ms == pytest.approx(300.0 + SHORT.duration_ms)
    assert session.lesions == ()
    assert not session.poisson_Hz.any()
    alone = Session(small_network, noise_seed=3, threads=1)
    alone.advance(3000)
    alone.poisson_Hz[alone.neurons("motor", "E")] = SHORT.command_Hz
    alone.advance(round(SHORT.duration_ms / small_network.dt_ms))
    assert np.array_equal(alone.V_mV, session.V_mV)


def test_the_pyramidal_tract_crosses(session):
    session.silence("Precentral_L")
    arm = walk(session, WalkParams(duration_ms=2000.0, settle_ms=1000.0)).commanded
    assert (arm.motor_Hz[:, 0] == 0).all()
    assert arm.motor_Hz[:, 1].mean() > 1
    left, right = arm.drive.mean(axis=0)
    assert right < 0.01 < left
    assert list(map(str, session.lesions)) == ["silenced Precentral_L"]


def test_an_interrupted_control_leaves_the_brain_as_it_was(session):
    step, V_mV = session.step, session.V_mV

    def stop(done_ms, total_ms):
        if done_ms > 300.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk(session, WalkParams(duration_ms=200.0, settle_ms=0.0), progress=stop)
    assert session.step == step
    assert np.array_equal(session.V_mV, V_mV)
    assert session.lesions == ()
    assert not session.poisson_Hz.any()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"period_ms": 0.0}, "period_ms"),
        ({"command_Hz": -1.0}, "command_Hz"),
        ({"duration_ms": float("nan")}, "duration_ms"),
        ({"duration_ms": 900.0}, "more than settle_ms"),
    ],
)
def test_a_walk_that_cannot_be_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        WalkParams(**values)
