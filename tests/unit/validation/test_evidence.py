"""Evidence: what pictures show is what the rows are judged by."""

import numpy as np
import pytest

from encephagen.analysis.functional_connectivity import fc_correlation, fcd_ks
from encephagen.connectome.datasets import fmri, hcp_aal2
from encephagen.connectome.transform import subset
from encephagen.recording import assemble
from encephagen.validation.baselines import LinearNetwork, stationary_bold
from encephagen.validation.evidence import evidence
from encephagen.validation.scorecard import scorecard

WHOLE = subset(hcp_aal2(), ["occipital", "parietal"])
PEOPLE = fmri("hcp-aal2").sel(region=list(WHOLE.names[:16]))


def recording(minutes, seed=0):
    """Counts of 40 E and 10 I neurons a region in 50 ms bins, following a linear network."""
    n = round(minutes * 1200)
    slow = stationary_bold(LinearNetwork(0.9).fc(WHOLE), n, 0.05, seed=seed).values[0]
    rate = 3.0 * np.maximum(0.0, 1.0 + 0.2 * slow)
    count = np.random.default_rng(seed).poisson(rate[:, :, None] * np.array([40, 10]) * 0.05)
    return assemble(
        None,
        None,
        dt_ms=1.0,
        start_step=0,
        n_steps=50 * n,
        regions=WHOLE.regions,
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=np.repeat(np.arange(WHOLE.n), 50),
        neuron_population=np.tile(np.r_[np.zeros(40), np.ones(10)], WHOLE.n),
        bin_ms=50.0,
        count=count,
    )


@pytest.fixture(scope="module")
def measured():
    runs = [recording(8, seed) for seed in (0, 1)]
    maps = np.random.default_rng(0).standard_normal((99, WHOLE.n))
    card = scorecard(runs, WHOLE, PEOPLE, surrogate_maps=maps)
    return card, evidence(runs, WHOLE, PEOPLE, surrogate_maps=maps)


def test_pictures_show_what_the_rows_say(measured):
    card, seen = measured
    r = fc_correlation(seen["fc_simulated"], seen["fc_group"])
    assert r == pytest.approx(card["fc_group_r"].value)
    linear = fc_correlation(seen["fc_linear"], seen["fc_group"])
    assert linear == pytest.approx(card["linear_r"].value)
    ks = fcd_ks(seen["fcd_simulated"].values, seen["fcd_people"].values)
    assert ks == pytest.approx(card["fcd_ks"].value)
    assert seen["growth_r"].values[-1] < r + 0.05
    assert np.all(np.diff(seen["growth_r"]["duration_s"]) > 0)


def test_regions_are_those_of_the_fmri_and_nothing_is_missing(measured):
    _, seen = measured
    assert seen["region"].values.tolist() == list(WHOLE.names[:16])
    for name in ("fc_simulated", "fc_group", "bold", "bold_power", "fmri_power", "t1w_t2w"):
        assert np.isfinite(seen[name].values).all(), name
    shares = seen["bold_power"].sum("frequency_Hz") * seen["frequency_Hz"].values[0]
    assert np.allclose(shares, 1.0)


def test_a_brief_run_leaves_people_alone():
    seen = evidence([recording(0.2)], WHOLE, PEOPLE)
    assert "fc_group" in seen and "fmri_power" in seen
    assert not {"bold", "fc_simulated", "fcd_simulated", "chance_r"} & set(seen.data_vars)
