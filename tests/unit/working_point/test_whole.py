"""The whole brain: what recipe and connectome say, with cells in every region."""

import dataclasses

import numpy as np
import pytest

from encephagen.brain.cortex import cortex, strengths, tau_m_by_region_ms
from encephagen.brain.recipe import Cortex, Recipe, shipped_recipe
from encephagen.brain.spec import Between, Brain, Conduction, Population, Within
from encephagen.connectome.datasets import load
from encephagen.connectome.transform import subset
from encephagen.working_point.coupling import leading_eigenvalue
from encephagen.working_point.whole import (
    EIGENVALUES,
    bare_brain,
    default_recipe,
    joined,
    whole_brain,
)


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


def with_nuclei(connectome):
    """Return the connectome with its last two regions of the thalamus."""
    regions = [
        dataclasses.replace(r, structure="cortex" if i < connectome.n - 2 else "thalamus")
        for i, r in enumerate(connectome.regions)
    ]
    return dataclasses.replace(connectome, regions=tuple(regions))


def relay_cells(connectome, *where):
    """Return a fragment of its own cells in some regions."""
    like = cortex(connectome, Recipe()).populations[0]
    relay = Population("relay", 30, like.neuron, like.background, excites=True, where=where)
    return Brain(connectome, (relay,), (), recipe="nuclei")


def test_cortex_fills_its_regions_and_no_others(connectome_of):
    whole, part = connectome_of(), with_nuclei(connectome_of())
    assert [p.where for p in cortex(whole, Recipe()).populations] == [None, None]
    brain = cortex(part, Recipe())
    assert [p.where for p in brain.populations] == [("A", "B")] * 2
    assert brain.stand_ins == ()
    assert (
        dict(brain.populations[0].by_region)["tau_m_ms"]
        == (dict(cortex(whole, Recipe()).populations[0].by_region)["tau_m_ms"][:2])
    )
    none = dataclasses.replace(
        whole, regions=tuple(dataclasses.replace(r, structure="thalamus") for r in whole.regions)
    )
    with pytest.raises(ValueError, match="no cortical region"):
        cortex(none, Recipe())


def test_stand_ins_are_told_in_a_line_and_kept_with_the_brain(connectome_of):
    with pytest.warns(UserWarning, match=r"^2 regions of tiny .* as stand-ins: thalamus 2$"):
        brain = bare_brain(with_nuclei(connectome_of()), Recipe())
    assert brain.stand_ins == ("C", "D")
    assert brain.populations == bare_brain(connectome_of(), Recipe()).populations


@pytest.mark.filterwarnings("error")
def test_own_fragments_take_the_place_of_stand_ins(connectome_of):
    connectome = with_nuclei(connectome_of())
    brain = whole_brain(connectome, Recipe(), fragments=[relay_cells(connectome, "C", "D")])
    assert brain.stand_ins == ()
    assert [(p.name, p.where) for p in brain.populations] == [
        ("E", ("A", "B")), ("I", ("A", "B")), ("relay", ("C", "D"))
    ]  # fmt: skip
    assert {p.name: p.regions for p in brain.ports} == {"visual": ("A", "B")}


def test_a_region_without_cells_is_named(connectome_of):
    connectome = with_nuclei(connectome_of())
    with pytest.raises(ValueError, match="region 'D' has no cells: no fragment fills it"):
        joined(cortex(connectome, Recipe()), relay_cells(connectome, "C"))


def test_a_brain_is_shown_in_a_line(connectome_of):
    assert (
        "\n" not in repr(whole_brain(connectome_of()))
        and len(repr(whole_brain(connectome_of()))) < 300
    )


@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
@pytest.mark.parametrize(
    ("name", "home", "other"),
    [("resting_cortex", "hcp-aal2", "gw-aal2"), ("resting_brain", "hcp-aal2-94", "gw-aal2-94")],
)
def test_the_default_is_at_rest_and_as_near_to_the_edge_on_any_connectome(name, home, other):
    recipe = default_recipe(load(home))
    assert recipe == shipped_recipe(name) and whole_brain(load(home)).recipe == name
    assert leading_eigenvalue(bare_brain(load(home), recipe)) == pytest.approx(
        EIGENVALUES[name], abs=1e-3
    )
    coupled = default_recipe(load(other))
    assert coupled.name == f"{name} (coupled)" and coupled.base is None
    number = recipe.cortex.long_in_degree
    assert coupled.replace(long_in_degree=number, name=name) == recipe
    found = leading_eigenvalue(bare_brain(load(other), coupled))
    assert found == pytest.approx(EIGENVALUES[name], abs=0.01)


def test_the_default_has_nuclei_only_where_all_of_them_fit():
    connectome = load("hcp-aal2-94")
    cortical = [r.name for r in connectome.regions if r.cortical]
    assert default_recipe() == default_recipe(load("hcp-aal2")) == shipped_recipe("resting_cortex")
    assert default_recipe(subset(connectome, cortical)).tables == ("cortex",)
    without = [r.name for r in connectome.regions if r.structure != "pallidum"]
    assert default_recipe(subset(connectome, without)).tables == ("cortex",)


def test_a_connectome_that_cannot_be_coupled_has_the_shipped_numbers():
    alone = subset(load("hcp-aal2"), ["Calcarine_L"])
    assert default_recipe(alone) == shipped_recipe("resting_cortex")
