"""BOLD against neurolib's implementation of the same equations."""

import numpy as np
import pytest
from neurolib.models.bold.timeIntegration import simulateBOLD

from encephagen.analysis.haemodynamics import respond


@pytest.mark.parametrize(("divided", "tolerance"), [(1, 2e-2), (10, 2e-3), (40, 5e-4)])
def test_neurolib_converges_to_it(divided, tolerance):
    """neurolib takes Euler steps, so that its error falls with its step."""
    rng = np.random.default_rng(0)
    bin_s, tr_s, n_regions = 0.01, 0.72, 3
    drive = np.repeat(rng.normal(0.0, 0.1, (240, n_regions)), 50, axis=0)  # anew every 0.5 s
    bold, _ = respond(drive, bin_s, tr_s, transient_s=0.0)
    step_s = bin_s / divided
    rest = [np.full(n_regions, value) for value in (0.0, 1.0, 1.0, 1.0)]
    theirs, *_ = simulateBOLD(np.repeat(drive, divided, axis=0).T.copy(), step_s, None, *rest)
    after = step_s * np.arange(theirs.shape[1] + 1)
    at = tr_s * np.arange(len(bold))
    sampled = np.stack([np.interp(at, after, np.append(0.0, row)) for row in theirs], axis=1)
    assert np.abs(sampled - bold).max() < tolerance * np.ptp(bold)
    assert np.corrcoef(sampled.ravel(), bold.ravel())[0, 1] > 0.9999
