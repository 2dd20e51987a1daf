"""Working point: a value and a file that fits its brain, or says in one line why it does not."""

import dataclasses
import json

import numpy as np
import pytest

from encephagen.brain.recipe import Cortex, Recipe, shipped_recipe
from encephagen.connectome.datasets import load
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.working_point.balance import balance
from encephagen.working_point.calibration import calibrate, calibrate_once
from encephagen.working_point.point import WorkingPoint, numbers, shipped, targets
from encephagen.working_point.whole import bare_brain, default_recipe, kept, whole_brain

RECIPE = Recipe(
    Cortex(
        neurons_per_region=100,
        weight_ee_pA=28.0,
        weight_ie_pA=400.0,
        weight_ii_pA=250.0,
        background_rate_Hz=860.0,
        background_weight_pA=75.0,
        rate_exc_Hz=3.0,
    ),
    name="mine",
)
BUNDLED = ("hcp-aal2", "gw-aal2", "hcp-aal2-94", "gw-aal2-94")


def rates_Hz(brain):
    return dict(brain.populations[0].by_region).get("rate_Hz")


@pytest.fixture(scope="module")
def point(connectome_of):
    return balance(bare_brain(connectome_of(), RECIPE))


def test_other_projections_or_fragments_are_another_brain(connectome_of, point, patchy):
    brain = bare_brain(connectome_of(), RECIPE)
    assert point.told(brain) == "theory for it" == point.told(point.applied(brain))
    fewer = dataclasses.replace(brain, projections=brain.projections[:-1])
    relay = next(p for p in patchy.populations if p.name == "relay")
    more = brain + dataclasses.replace(patchy, populations=(relay,), projections=())
    for other in (fewer, more):
        assert point.told(other) == "kept (theory for other cells or projections)"


def test_it_comes_back_from_a_file_and_from_json_to_the_bit(point, tmp_path):
    point.save(tmp_path / "p.toml", "found\n\nby theory")
    for again in (
        WorkingPoint.load(tmp_path / "p.toml"),
        WorkingPoint.from_dict(json.loads(json.dumps(point.as_dict()))),
    ):
        assert again == point and again.digest() == point.digest()
    assert (tmp_path / "p.toml").read_text().startswith("# found\n#\n# by theory\n\nhow = ")
    assert "\n" not in repr(point) and len(repr(point)) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks or misspells 'held'"),
        ("[cortex]\nweight_ee_pA = 3", "lacks or misspells 'held'"),
        ("= 3", "is not TOML"),
        ("how = 'guessed'", "found by 'guessed': expected calibrated or theory"),
        ("recipe = 3", "expected a working point"),
        ("A = -1.0", "rate -1.0 Hz: must be finite"),
        ("A = nan", "rate nan Hz"),
        ("A = 'x'", "'x' is no rate"),
        ("target_Hz = 0", "above 0"),
    ],
)
def test_a_file_that_is_none_is_one_line(point, tmp_path, text, message):
    file = tmp_path / "p.toml"
    point.save(file)
    name = text.partition(" =")[0]
    lines = [
        text if line.startswith(f"{name} =") else line for line in file.read_text().split("\n")
    ]
    file.write_text("\n".join(lines) if name.isidentifier() else text)
    if text.startswith("A"):
        file.write_text(file.read_text().replace('"A" =', "A =").replace(_line(point), text))
    with pytest.raises(ValueError, match=message) as error:
        WorkingPoint.load(file)
    assert "\n" not in str(error.value)


def _line(point):
    region, rate_Hz = point.held[0].background_Hz[0]
    return f"{region} = {rate_Hz!r}"


def test_a_brain_says_what_it_has(point, connectome_of):
    connectome = connectome_of()
    assert whole_brain(connectome, RECIPE).working_point == "theory for it"
    measured = dataclasses.replace(point, how="calibrated")
    assert whole_brain(connectome, RECIPE, measured).working_point == "calibrated for it"
    renamed = RECIPE.replace(name="other", fitted_on=("7",))
    assert whole_brain(connectome, renamed, measured).working_point == "calibrated for it"
    for other, told in (
        (RECIPE.replace(weight_ee_pA=29.0), "kept (calibrated for other numbers)"),
        (RECIPE.replace(rate_exc_Hz=3.5), "kept (calibrated for other numbers)"),
        (RECIPE.replace(rate_exc_Hz=0.0), "none (no target rate)"),
    ):
        assert whole_brain(connectome, other, measured).working_point == told
    elsewhere = dataclasses.replace(connectome, weights=connectome.weights * 2)
    told = whole_brain(elsewhere, RECIPE, measured).working_point
    assert told == "kept (calibrated for another connectome)"


def test_a_number_that_is_changed_changes_no_background(connectome_of):
    brain = whole_brain(connectome_of(), RECIPE)
    changed = whole_brain(connectome_of(), RECIPE.replace(long_weight_pA=60.0))
    assert rates_Hz(changed) == rates_Hz(brain)
    assert changed.working_point == "kept (theory for other numbers)"
    asked = balance(bare_brain(connectome_of(), RECIPE.replace(long_weight_pA=60.0)))
    assert dict(asked.held[0].background_Hz).values() != rates_Hz(brain)


def test_the_background_of_the_recipe_scales_that_of_the_working_point(connectome_of):
    brain = whole_brain(connectome_of(), RECIPE)
    double = whole_brain(connectome_of(), RECIPE.replace(background_rate_Hz=2 * 860.0))
    np.testing.assert_allclose(rates_Hz(double), 2 * np.array(rates_Hz(brain)), rtol=1e-12)
    assert (
        rates_Hz(whole_brain(connectome_of(), RECIPE.replace(background_rate_Hz=0.0))) == (0,) * 4
    )


def test_a_target_that_is_changed_and_not_asked_for_is_told(connectome_of):
    with pytest.warns(
        UserWarning, match="target of E is 5 Hz, and its working point is kept, of 3"
    ):
        whole_brain(connectome_of(), RECIPE.replace(rate_exc_Hz=5.0))


def test_it_fits_no_brain_of_other_regions_or_populations(point, connectome_of):
    with pytest.raises(ValueError, match="no background of E in region 'E': it was found on anoth"):
        whole_brain(connectome_of(5), RECIPE, point)
    held = dataclasses.replace(point.held[0], population="relay")
    with pytest.raises(ValueError, match="population 'relay', which the brain has not"):
        whole_brain(connectome_of(), RECIPE, dataclasses.replace(point, held=(held,)))


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.filterwarnings("ignore::encephagen.working_point.whole.StandIns")
def test_bundled_data_have_a_working_point_of_the_default_recipe(name):
    connectome = load(name)
    recipe = default_recipe(connectome)
    point, bare = kept(connectome, recipe), bare_brain(connectome, recipe)
    measured = name.startswith("hcp")
    assert point is not None and (point in shipped()) == measured
    assert point.how == ("calibrated" if measured else "theory")
    assert {held.population for held in point.held} == targets(bare).keys()
    for held, theory in zip(point.held, balance(bare).held, strict=True):
        of_theory = dict(theory.background_Hz)
        ratio = np.array([rate_Hz / of_theory[region] for region, rate_Hz in held.background_Hz])
        assert held.population == theory.population and ratio.size == len(of_theory)
        assert 0.9 < ratio.min() and ratio.max() < 1.1  # what theory misses


def test_a_sweep_of_the_coupling_rises_with_the_coupling():
    """With the background found anew for each, the order was the reverse: 4.25 to 1.90 Hz."""
    connectome = load("hcp-aal2")

    def rate_Hz(long_weight_pA):
        recipe = shipped_recipe("healthy_cortex").replace(long_weight_pA=long_weight_pA)
        session = Session(build(whole_brain(connectome, recipe)), threads=1)
        session.advance(13_000)
        return session.counts.mean() / 1.3

    found = [rate_Hz(pA) for pA in (33.0, 41.95, 50.0)]
    assert found[0] < found[1] < found[2] and found[2] > 2 * found[0]


def test_what_was_measured_is_kept_and_found_again(connectome_of, tmp_path):
    brain, options = bare_brain(connectome_of(), RECIPE), {"rounds": 1, "seconds": 0.5}
    rounds = []
    found = calibrate_once(brain, tmp_path / "new", progress=lambda *a: rounds.append(a), **options)
    assert found == calibrate(brain, **options) and rounds == [(0, 1), (1, 1)]
    again = calibrate_once(found.applied(brain), tmp_path / "new", progress=None, **options)
    (file,) = (tmp_path / "new").iterdir()
    assert again == found == WorkingPoint.load(file)
    file.write_text("half a f")
    assert calibrate_once(brain, tmp_path / "new", **options) == found
    other = bare_brain(connectome_of(), RECIPE.replace(rate_exc_Hz=3.1))
    calibrate_once(other, tmp_path / "new", **options)
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_a_brain_of_no_recipe_has_one_too(brain_of):
    brain = brain_of()
    populations = (dataclasses.replace(brain.populations[0], target_Hz=4.0), brain.populations[1])
    brain = dataclasses.replace(brain, populations=populations)
    point = balance(brain)
    assert point.applied(brain).working_point == "theory for it"
    assert numbers(point.applied(brain)) == numbers(brain)
