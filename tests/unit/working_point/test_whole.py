"""The whole brain: populations, projections and ports as the recipe and the connectome say."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.cortex import strengths, tau_m_by_region_ms
from encephagen.brain.recipe import Cortex, Recipe
from encephagen.brain.spec import Between, Conduction, Within
from encephagen.working_point.whole import whole_brain


def test_what_a_recipe_says_is_in_the_brain(connectome_of):
    recipe = Recipe(Cortex(neurons_per_region=50, weight_ei_pA=11.0, long_weight_pA=20.0))
    brain = whole_brain(connectome_of(), recipe)
    assert [(p.name, p.size) for p in brain.populations] == [("E", 40), ("I", 10)]
    kinds = [(p.source, p.target, type(p.rule)) for p in brain.projections]
    assert kinds == [
        ("E", "E", Within),
        ("E", "I", Within),
        ("I", "E", Within),
        ("I", "I", Within),
        ("E", "E", Between),
        ("E", "I", Between),
    ]
    by_name = {p.name: p for p in brain.projections}
    assert by_name["E->I within"].weight.mean_pA == 11.0
    ratio = by_name["E->I between"].weight.mean_pA / by_name["E->E between"].weight.mean_pA
    assert ratio == pytest.approx(recipe.cortex.feedforward_inhibition)
    assert all(
        p.transmitter.receptors[0].sign == (1 if p.source == "E" else -1) for p in brain.projections
    )
    assert isinstance(by_name["E->E between"].delay, Conduction)
    assert brain.recipe == recipe.name


def test_ports_are_the_systems_that_there_are(connectome_of):
    brain = whole_brain(connectome_of())
    assert {p.name: p.regions for p in brain.ports} == {"visual": ("A", "B"), "motor": ("C", "D")}


def test_conduction_delays_need_lengths(connectome_of):
    with pytest.raises(ValueError, match="no fibre lengths"):
        whole_brain(dataclasses.replace(connectome_of(), lengths_mm=None))


def test_tau_m_runs_against_myelin(connectome_of):
    connectome, recipe = connectome_of(), Recipe(Cortex(tau_m_min_ms=10.0, tau_m_max_ms=30.0))
    assert np.allclose(tau_m_by_region_ms(connectome, recipe), [30.0, 70 / 3, 50 / 3, 10.0])
    regions = [dataclasses.replace(r, t1w_t2w=None) for r in connectome.regions]
    bare = dataclasses.replace(connectome, regions=tuple(regions))
    assert tau_m_by_region_ms(bare, recipe) == (20.0,) * 4
    regions[0], regions[1] = connectome.regions[0], connectome.regions[3]
    mixed = dataclasses.replace(
        connectome,
        regions=tuple(dataclasses.replace(r, name=n) for r, n in zip(regions, "ABCD", strict=True)),
    )
    assert tau_m_by_region_ms(mixed, recipe) == (30.0, 10.0, 20.0, 20.0)


def test_strength_exponent_runs_from_all_differences_to_none(connectome_of):
    connectome = connectome_of()
    assert np.array_equal(strengths(connectome, 0.0), connectome.weights)
    assert np.allclose(strengths(connectome, 1.0).sum(axis=1), 1.0)
    halfway = strengths(connectome, 0.5).sum(axis=1)
    assert np.ptp(np.log(halfway)) == pytest.approx(
        np.ptp(np.log(connectome.weights.sum(axis=1))) / 2
    )
