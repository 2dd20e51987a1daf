"""Long-range inhibition: which links are estimated, whom they reach, and what is refused."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from encephagen import rng
from encephagen.brain.long_range_inhibition import (
    both_ways,
    estimated_links,
    inhibited,
    long_range_inhibition,
    pairs,
    partial_correlation,
)
from encephagen.brain.recipe import LongRangeInhibition, Recipe, shipped_recipe
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import fmri, hcp_aal2
from encephagen.network.build import build
from encephagen.working_point.whole import bare_brain, whole_brain

RECIPE = dataclasses.replace(
    shipped_recipe("resting_cortex"), long_range_inhibition=LongRangeInhibition()
)
NAMES = ("A", "B", "C", "D", "nucleus")
FIBRES = [("A", "B"), ("A", "C"), ("B", "C"), ("C", "D"), ("A", "nucleus")]
PRECISION = {("A", "B"): -0.3, ("A", "C"): 0.35, ("B", "C"): 0.1, ("B", "D"): 0.5}
PRECISION |= {("A", "nucleus"): 0.45, ("C", "D"): -0.2}
"""Of signals: where it is positive, two regions repel each other once all others are known."""


@pytest.fixture
def five():
    """Four regions of cortex and a nucleus; no fibre joins B and D."""
    regions = [Region(n, "L", structure="cortex") for n in NAMES[:4]]
    regions.append(Region("nucleus", "L", structure="thalamus"))
    weights, lengths = np.zeros((5, 5)), np.zeros((5, 5))
    for k, (a, b) in enumerate(FIBRES):
        i, j = NAMES.index(a), NAMES.index(b)
        weights[i, j] = weights[j, i] = 1.0 + k
        lengths[i, j] = lengths[j, i] = 20.0 + 10.0 * k
    return Connectome("five", tuple(regions), weights, lengths)


def precision():
    P = np.eye(5)
    for (a, b), value in PRECISION.items():
        i, j = NAMES.index(a), NAMES.index(b)
        P[i, j] = P[j, i] = value
    return P


@pytest.fixture
def signal():
    """Three subjects whose signals have that precision, each of a mean and a scale of its own."""
    root = np.linalg.cholesky(np.linalg.inv(precision()))
    x = rng.stream(1, "signals").normal(size=(3, 20_000, 5)) @ root.T
    x = x * np.array([1.0, 3.0, 0.2])[:, None, None] + np.arange(3.0)[:, None, None]
    return xr.DataArray(x, dims=("subject", "time_s", "region"), coords={"region": list(NAMES)})


def names_of(links):
    return {(NAMES[t], NAMES[s]) for t, s in np.argwhere(links)}


def test_partial_correlation_is_that_of_the_precision(signal):
    P = precision()
    expected = 2 * np.eye(5) - P  # its diagonal is 1
    np.testing.assert_allclose(partial_correlation(signal.values), expected, atol=0.015)


def test_few_volumes_are_shrunk_and_not_inverted_as_they_are():
    few = rng.stream(2, "few").normal(size=(8, 20))
    found = partial_correlation(few)
    assert np.isfinite(found).all() and np.abs(found - np.eye(20)).max() < 0.5


def test_those_that_repel_each_other_inhibit_where_there_is_a_fibre(five, signal):
    """B and D, and A and the nucleus, repel each other more: no fibre, and no cortex."""
    assert names_of(estimated_links(five, signal, 0.25)) == {("A", "C"), ("C", "A")}
    two = names_of(estimated_links(five, signal, 0.5))
    assert two == {("A", "C"), ("C", "A"), ("B", "C"), ("C", "B")}


def test_a_share_is_a_part_of_the_links(five, signal):
    assert pairs(five)[0].size == 4
    assert not estimated_links(five, signal, 0.0).any()
    all_of_them = estimated_links(five, signal, 1.0)
    np.testing.assert_array_equal(all_of_them, both_ways(five, np.arange(4)))
    for share in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"expected a part of the links, from 0 to 1"):
            estimated_links(five, signal, share)
    with pytest.raises(ValueError, match="share_inhibiting = 1.5: must be from 0 to 1"):
        LongRangeInhibition(share_inhibiting=1.5)


def test_signals_of_other_regions_are_refused(five, signal):
    with pytest.raises(ValueError, match=r"lacks 'C' \(1 such\)"):
        estimated_links(five, signal.sel(region=["A", "B", "D"]), 0.3)


def small(connectome, **numbers):
    """Return recipes of small regions, without and with long-range inhibition of these numbers."""
    recipe = Recipe().replace(neurons_per_region=50, weight_spread=0.0)
    plain = dataclasses.replace(recipe, base=None)
    return plain, dataclasses.replace(plain, long_range_inhibition=LongRangeInhibition(**numbers))


@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
def test_synapses_are_of_the_links_alone_and_as_the_fibres_say(five):
    plain, recipe = small(five, in_degree_inhibiting=12.0, weight_inhibiting_pA=7.0)
    links = both_ways(five, np.array([0, 2]))  # A and B, B and C
    brain = inhibited(bare_brain(five, plain), recipe, links)
    network = build(brain, seed=0)
    edges = network.edges()
    own = edges["projection"] == len(brain.projections) - 1
    target, source = (network.neuron_region[edges[end][own]] for end in ("target", "source"))
    assert {(t, s) for t, s in zip(target, source, strict=True)} == set(
        map(tuple, np.argwhere(links))
    )
    np.testing.assert_allclose(edges["weight_pA"][own], -7.0, rtol=1e-3)  # they are integers
    for end, excites in (("source", False), ("target", True)):
        lives = np.unique(network.neuron_population[edges[end][own]])
        assert [brain.populations[k].excites for k in lives] == [excites]
    (projection,) = brain.projections[len(bare_brain(five, plain).projections) :]
    delays = five.lengths_mm / recipe.cortex.velocity_mm_per_ms
    np.testing.assert_allclose(projection.delay.delay_ms, delays)
    reached = np.bincount(target, minlength=5) / recipe.cortex.n_exc
    assert reached.sum() / 5 == pytest.approx(12.0, rel=0.02)
    assert reached[3] == reached[4] == 0


def test_a_recipe_alone_gives_a_brain_again():
    human = hcp_aal2()
    brain = bare_brain(human, RECIPE)
    assert brain == bare_brain(human, Recipe.from_dict(RECIPE.as_dict()))
    assert brain != bare_brain(human, shipped_recipe("resting_cortex"))
    assert RECIPE.digest() != shipped_recipe("resting_cortex").digest()
    people = fmri("hcp-aal2")[:4]
    links = estimated_links(human, people, 0.3)
    assert links.sum() == 2 * round(0.3 * pairs(human)[0].size)
    assert brain == inhibited(bare_brain(human, shipped_recipe("resting_cortex")), RECIPE, links)
    fewer = RECIPE.replace(subjects_estimating=2)
    assert bare_brain(human, fewer) != brain
    assert whole_brain(human, RECIPE).working_point == "theory for it"


def test_no_link_is_no_change():
    human = hcp_aal2()
    none = bare_brain(human, RECIPE.replace(share_inhibiting=0.0))
    assert none.digest() == bare_brain(human, shipped_recipe("resting_cortex")).digest()


@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
def test_regions_that_are_not_cortex_have_no_links():
    whole = hcp_aal2(subcortex=True)
    rule = bare_brain(whole, RECIPE).projections[-1].rule
    others = [not r.cortical for r in whole.regions]
    assert rule.weights.any() and not rule.weights[others].any()
    assert not rule.weights[:, others].any()


def test_what_is_lacking_is_said(five):
    human = hcp_aal2()
    cortex = bare_brain(human, shipped_recipe("resting_cortex"))
    none = np.zeros((human.n, human.n), bool)
    with pytest.raises(ValueError, match=r"has no \[long_range_inhibition\]"):
        long_range_inhibition(cortex, shipped_recipe("resting_cortex"), none)
    for wrong in (none[1:], none.astype(float), none | np.eye(human.n, dtype=bool)):
        with pytest.raises(ValueError, match=r"expected bool \(80, 80\)"):
            long_range_inhibition(cortex, RECIPE, wrong)
    unknown = dataclasses.replace(five, regions=(*five.regions[:4], Region("E", "L")))
    with pytest.raises(ValueError, match=r"'five' has no fMRI .*known: hcp-aal2, .*inhibited"):
        bare_brain(unknown, RECIPE)
