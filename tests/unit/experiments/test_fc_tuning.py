"""Tuning on FC that was made to know the answer: what is chosen, and by whom."""

import numpy as np
import pytest
import xarray as xr

from encephagen.connectome.datasets import fmri, hcp_aal2
from encephagen.experiments.studies.fc_tuning import Config
from encephagen.experiments.studies.fc_tuning.models import (
    averaged,
    correlations,
    of_regions,
    tune,
)
from encephagen.rng import stream
from encephagen.validation.evidence import Empirical


@pytest.fixture(scope="module")
def people():
    return Empirical.of(fmri("hcp-aal2"), hcp_aal2(), None)


@pytest.fixture(scope="module")
def split(people):
    labels = people.fmri["subject"].values.tolist()
    return Empirical.of(people.fmri, hcp_aal2(), labels[4:])


def upper(matrix: xr.DataArray) -> np.ndarray:
    return matrix.values[np.triu_indices(len(matrix), 1)]


def test_the_nearest_coupling_is_chosen_and_told_both_ways(people):
    noise = stream(0, "fc").normal(size=(3, upper(people.group).size))
    fc = upper(people.group) + np.array([[0.5], [0.1], [0.3]]) * noise
    found = tune(fc, people)
    assert found.best == 1 and found.in_sample == found.each.max() == found.each[1]
    each = [correlations(fc[[1]], upper(one))[0] for one in people.subjects]
    assert found.heldout == pytest.approx(each) and found.heldout.mean() < found.in_sample


def test_people_held_out_choose_nothing(split):
    # One coupling is the very FC of a person who is tested on: only who trains may choose it.
    seen = split.subjects.isel(subject=[0, 1, 2, 3]).mean("subject")
    fc = np.stack([upper(split.subjects.isel(subject=5)), upper(seen)])
    found = tune(fc, split)
    each = [correlations(fc[[1]], upper(split.subjects.isel(subject=i)))[0] for i in (4, 5, 6)]
    assert found.heldout == pytest.approx(each)


def test_a_coupling_that_is_not_there_is_left_out(people):
    fc = np.stack([np.full(upper(people.group).size, np.nan), upper(people.group)])
    found = tune(fc, people)
    assert found.best == 1 and np.isnan(found.each[0]) and found.in_sample == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no functional connectivity at any coupling"):
        tune(fc[:1], people)


def test_averaging_seeds_takes_noise_away(people):
    noise = stream(1, "fc").normal(size=(8, 1, upper(people.group).size))
    fc = np.clip(upper(people.group) + 0.2 * noise, -0.99, 0.99)
    single = np.mean([tune(one, people).in_sample for one in fc])
    assert tune(averaged(fc), people).in_sample > single + 0.1


def test_of_one_run_or_no_coupling_nothing_is_learned():
    with pytest.raises(ValueError, match="nulls 1: expected 2 or more"):
        Config(nulls=1)
    with pytest.raises(ValueError, match="no factors: expected one or more"):
        Config(factors=())


def test_a_wiring_that_no_coupling_suits_is_refused_and_says_why():
    found = of_regions("hcp-aal2", None, 0, None, [-1e-9], 0.5, 0.1, 0.05, 100.0)
    assert found["outcome"] == "refused" and "reaches none of leading_per_ms" in found["why"]
