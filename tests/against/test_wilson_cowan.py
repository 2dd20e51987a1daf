"""Regions against neurolib's Wilson-Cowan model on a connectome."""

import numpy as np
import pytest
from neurolib.models.wc.loadDefaultParams import loadDefaultParams
from neurolib.models.wc.timeIntegration import timeIntegration

from encephagen.connectome.connectome import Connectome, Region
from encephagen.engine.regions import RegionNetwork, Stimulus, simulate_regions
from encephagen.models.wilson_cowan import WilsonCowan
from encephagen.rng import stream


def test_our_defaults_are_neurolibs():
    theirs, ours = loadDefaultParams(), WilsonCowan()
    assert (ours.tau_E_ms, ours.tau_I_ms) == (theirs.tau_exc, theirs.tau_inh)
    assert (ours.w_EE, ours.w_EI) == (theirs.c_excexc, theirs.c_inhexc)
    assert (ours.w_IE, ours.w_II) == (theirs.c_excinh, theirs.c_inhinh)
    assert (ours.gain_E, ours.gain_I) == (theirs.a_exc, theirs.a_inh)
    assert (ours.theta_E, ours.theta_I) == (theirs.mu_exc, theirs.mu_inh)


@pytest.mark.parametrize(("divided", "tolerance"), [(1, 0.1), (10, 0.01), (40, 3e-3)])
def test_neurolib_converges_to_it(divided, tolerance):
    """neurolib takes Euler steps, and hears a step later: its error falls with its step.

    Five regions with delays oscillate, and one gets a pulse.
    """
    n, dt_ms, duration_ms, velocity = 5, 0.1, 60.0, 10.0
    generator = stream(0, "against neurolib")
    weights = generator.uniform(0.2, 1.0, (n, n)) * (1 - np.eye(n))
    lengths = np.rint(generator.uniform(10, 60, (n, n))) * (1 - np.eye(n))
    regions = tuple(Region("ABCDE"[i], "L") for i in range(n))
    network = RegionNetwork(
        Connectome("five", regions, weights, lengths),
        WilsonCowan(drive_E=0.75),
        coupling=0.4,
        velocity_mm_per_ms=velocity,
    )
    start = np.full(n, 0.03), np.full(n, 0.02)
    run = simulate_regions(
        network, duration_ms, initial=start, dt_ms=dt_ms, stimuli=[Stimulus("A", 5.0, 15.0, 0.5)]
    )
    step_ms = dt_ms / divided
    params = loadDefaultParams(weights.copy(), lengths.copy(), seed=0)
    params.update(dt=step_ms, duration=duration_ms, signalV=velocity, K_gl=0.4, sigma_ou=0.0)
    params.update(exc_init=start[0][:, None], inh_init=start[1][:, None])
    longest = round(lengths.max() / velocity / step_ms) + 1
    n_steps = round(duration_ms / step_ms)
    drive = np.full((n, longest + n_steps), 0.75)
    pulse = longest - 1 + np.arange(round(5.0 / step_ms), round(15.0 / step_ms))
    drive[0, pulse] += 0.5
    params["exc_ext"] = drive
    _, E, I, *_ = timeIntegration(params)  # noqa: E741
    for ours, theirs in ((run["E"], E), (run["I"], I)):
        sampled = theirs[:, longest:][:, divided - 1 :: divided].T
        assert np.abs(sampled - ours.values).max() < tolerance * np.ptp(ours.values)
    assert np.ptp(run["E"].values[300:, 4]) > 0.05
