"""Recipes: any numbers, names and files either make a brain or say in one line why not."""

import dataclasses
import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encephagen.brain.recipe import (
    TABLES,
    BasalGanglia,
    Cortex,
    Recipe,
    Thalamus,
    shipped_recipe,
    shipped_recipes,
)
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import load
from encephagen.engine import tables
from encephagen.engine.estimate import estimate
from encephagen.network.build import build
from encephagen.units import table
from encephagen.working_point.whole import default_recipe, whole_brain

NUMBERS = [name for name, *_ in table(Cortex)]
ANY_NUMBER = st.one_of(
    st.floats(), st.integers(), st.floats(0, 300), st.sampled_from([0, 1, 0.5, 10**400, -0.0])
)
ANYTHING = st.one_of(ANY_NUMBER, st.text(max_size=5), st.none(), st.booleans(), st.lists(st.none()))


def triangle():
    weights = np.array([[0, 1, 2], [1, 0, 0], [0.5, 3, 0]])
    regions = tuple(Region(n, "L") for n in "ABC")
    return Connectome("triangle", regions, weights, np.where(weights > 0, 20.0 + weights, 0.0))


def test_every_number_has_unit_and_source():
    for numbers in TABLES.values():
        assert [f.name for f in dataclasses.fields(numbers)] == [n for n, *_ in table(numbers)]
        assert all(source for *_, source in table(numbers))


@given(st.dictionaries(st.sampled_from(NUMBERS), ANY_NUMBER, max_size=4))
def test_any_numbers_make_a_network_or_one_line(values):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            recipe = Recipe(Cortex(**{"neurons_per_region": 20, "long_in_degree": 5, **values}))
            brain = whole_brain(triangle(), recipe)
            expected = estimate(brain)
            if 10_000 < expected.n_synapses < 2**33:
                return  # would take long; what exceeds memory is refused at once
            network = build(brain)
            blocks = tables.blocks(network)
    except ValueError as error:
        assert "\n" not in str(error) and str(error)
        return
    assert network.n_neurons == 3 * recipe.cortex.neurons_per_region
    assert len(blocks) == 6
    for block in blocks:
        assert all(map(math.isfinite, [*block.neuron, block.current_gain, *block.jump.ravel()]))


@given(st.dictionaries(st.sampled_from(["name", *NUMBERS]), ANYTHING, min_size=1, max_size=3))
def test_anything_is_a_recipe_or_one_line(values):
    try:
        recipe = Recipe().replace(**values)
    except ValueError as error:
        assert "recipe" in str(error) and len(str(error).splitlines()) == 1
        return
    for name, value in values.items():
        assert getattr(recipe if name == "name" else recipe.cortex, name) == value


@given(st.one_of(st.text(), st.binary()))
def test_any_file_is_a_recipe_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))
    try:
        Recipe.load(path)
    except ValueError as error:
        assert "recipe" in str(error) and len(str(error).splitlines()) == 1


def test_a_file_has_names_and_the_rest_defaults(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("# a comment\n[cortex]\nneurons_per_region = 50.0\nweight_ee_pA = 12\n")
    recipe = Recipe.load(path)
    assert recipe == Recipe(Cortex(neurons_per_region=50, weight_ee_pA=12), name="mine")
    assert isinstance(recipe.cortex.neurons_per_region, int)
    assert (recipe.cortex.n_exc, recipe.cortex.n_inh) == (40, 10)


def test_a_saved_recipe_comes_back(tmp_path):
    recipe = Recipe(Cortex(weight_ee_pA=1 / 3), name="mine", fitted_on=("7", "8"))
    recipe.save(tmp_path / "mine.toml", "found by hand\n\non a Monday")
    assert Recipe.load(tmp_path / "mine.toml") == recipe
    assert (tmp_path / "mine.toml").read_text().startswith("# found by hand\n#\n# on a Monday\n")
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_a_changed_recipe_comes_back_with_what_it_was_changed_from(tmp_path):
    first = default_recipe()
    recipe = first.replace(weight_ee_pA=30.0).replace(t_ref_ms=3.0, name="mine")
    assert recipe.base == first and recipe.replace(name="other").base == first
    recipe.save(tmp_path / "mine.toml")
    for again in (Recipe.load(tmp_path / "mine.toml"), Recipe.from_dict(recipe.as_dict())):
        assert again == recipe and again.base == first and again.base.name == first.name
    assert first.replace(name="mine").base is None


def test_the_digest_is_that_of_the_numbers():
    recipe = shipped_recipe("healthy_cortex")
    assert recipe.replace(name="mine", fitted_on=()).digest() == recipe.digest()
    same = recipe.replace(t_ref_ms=3.0).replace(t_ref_ms=recipe.cortex.t_ref_ms)
    assert same.digest() == recipe.digest()
    whole = {f.name for f in dataclasses.fields(Cortex) if isinstance(f.default, int)}
    other = {name: 3 if name in whole else 0.35 for name in NUMBERS[1:]}
    digests = {recipe.replace(**{name: value}).digest() for name, value in other.items()}
    assert len(digests | {recipe.digest()}) == len(NUMBERS)


def test_a_recipe_is_shown_in_a_line():
    recipe = default_recipe()
    for shown in (recipe, recipe.replace(long_weight_pA=50)):
        assert len(repr(shown)) < 200 and "\n" not in repr(shown)
    assert "long_weight_pA=50" in repr(recipe.replace(long_weight_pA=50))


def test_numbers_are_named_alone_or_with_their_table():
    recipe = default_recipe()
    by_table = recipe.replace(**{"cortex.long_weight_pA": 30})
    assert by_table == recipe.replace(long_weight_pA=30.0)
    assert by_table.cortex == dataclasses.replace(recipe.cortex, long_weight_pA=30.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coupling", "nearest: long_weight_pA"),
        ("tau_m", "nearest: tau_m_min_ms"),
        ("thalamus", r"numbers of thalamus stand in table \[thalamus\]: n_relay"),
        ("striatum_size", r"numbers of striatum stand in table \[basal_ganglia\]: n_striatal"),
        ("rate_subthalamus_Hz", r"stand in table \[basal_ganglia\]"),
        ("hippocampus", "no fragment fills hippocampus; tables: cortex, thalamus, basal_ganglia"),
        ("thalamus.weight_ee_pA", "weight_ee_pA stands in table .cortex."),
        ("cortx.weight_ee_pA", "weight_ee_pA stands in table .cortex."),
        ("cortex.weight", "nearest: weight_"),
    ],
)
def test_what_is_missing_is_answered_with_what_may_be_meant(name, message):
    with pytest.raises(ValueError, match=f"no parameter {name!r}; .*{message}"):
        default_recipe().replace(**{name: 1.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[cortex]\nbackground_rate_hz = 1", "nearest: background_rate_Hz"),
        ("[cortex]\nweight_EE_pA = 1", "nearest: weight_"),
        ("[cortex]\nzzz = 1", "known: neurons_per_region"),
        ("zzz = 1", "no table 'zzz'; tables: cortex"),
        ("weight_ee_pA = 1", r"weight_ee_pA stands in table \[cortex\]"),
        ("cortex = 1", "cortex = 1: expected a table"),
        ("[cortex]\nweight_ee_pA = nan", "weight_ee_pA = nan: must be from 0"),
        ("[cortex]\nweight_ee_pA = -1", "weight_ee_pA = -1: must be from 0"),
        ('[cortex]\nweight_ee_pA = "1"', "must be a number"),
        ("name = 3", "must be text"),
        ("fitted_on = '7'", "must be labels of subjects"),
        ("fitted_on = 7", "must be labels of subjects"),
        ("[cortex]\nneurons_per_region = 20.5", "whole number"),
        ("[cortex]\nneurons_per_region = 1", "no excitatory or no inhibitory"),
        ("[cortex]\nfraction_exc = 1.0", "no excitatory or no inhibitory"),
        ("weight_ee_pA = ", "not TOML"),
    ],
)
def test_what_a_file_may_not_say(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Recipe.load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="cannot read recipe .*: No such file"):
        Recipe.load(tmp_path / "none.toml")


def test_replace_names_what_it_changed():
    recipe = default_recipe()
    assert recipe.replace(weight_spread=0.1).name == f"{recipe.name} (changed)"
    assert recipe.replace(name="mine", weight_spread=0.1).name == "mine"
    with pytest.raises(ValueError, match="nearest: weight_spread"):
        recipe.replace(weight_spraed=0.1)


def test_a_shipped_recipe_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "healthy_cortex").mkdir()  # of results, say
    assert Recipe.load("healthy_cortex") == shipped_recipe("healthy_cortex")
    assert [Recipe.load(name).name for name in shipped_recipes()] == list(shipped_recipes())
    with pytest.raises(ValueError, match="name of a shipped recipe: healthy_cortex"):
        Recipe.load("sick_cortex")


def test_no_two_tables_have_a_number_of_the_same_name():
    names = [name for table in TABLES for name in dataclasses.asdict(TABLES[table]())]
    assert len(set(names)) == len(names)


def test_nuclei_are_in_a_recipe_or_not(tmp_path):
    cortex = default_recipe()
    both = dataclasses.replace(cortex, thalamus=Thalamus(), basal_ganglia=BasalGanglia())
    assert cortex.tables == ("cortex",)
    assert both.tables == ("cortex", "thalamus", "basal_ganglia")
    assert len({cortex.digest(), both.digest(), both.replace(rate_gpi_Hz=70.0).digest()}) == 3
    both.save(tmp_path / "both.toml")
    assert Recipe.load(tmp_path / "both.toml") == dataclasses.replace(both, name="both")
    with pytest.raises(ValueError, match=r"has no \[thalamus\], where n_relay stands"):
        cortex.replace(n_relay=10)
    with pytest.raises(ValueError, match=r"\[basal_ganglia\] and no \[thalamus\]"):
        dataclasses.replace(cortex, basal_ganglia=BasalGanglia())
    with pytest.raises(ValueError, match="n_relay = 0: must be from 1"):
        both.replace(n_relay=0)


@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
@pytest.mark.parametrize(
    ("name", "dataset"), [("resting_cortex", "hcp-aal2"), ("resting_brain", "hcp-aal2-94")]
)
def test_recipes_at_rest_come_with_the_working_point_of_one_wiring(name, dataset):
    brain = whole_brain(load(dataset), shipped_recipe(name))
    assert brain.working_point == "calibrated for it"
