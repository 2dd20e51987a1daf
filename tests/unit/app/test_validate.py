"""The command `validate`: the document it promises, the report, and what it refuses."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from encephagen.app import validate
from encephagen.app.cli import app
from encephagen.app.validate import subjects
from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import fmri, load
from encephagen.experiments import study
from encephagen.experiments.runner import Runner
from encephagen.experiments.store import Store
from encephagen.experiments.validate import compare, travel
from encephagen.figures import raster
from encephagen.report import validation
from encephagen.report.page import brain_digest_of
from encephagen.validation import question as questions
from encephagen.validation.question import Question
from encephagen.validation.rest import at_rest
from encephagen.validation.scorecard import Scorecard
from encephagen.working_point.choice import recipe_values
from encephagen.working_point.whole import default_recipe

DOCS = Path(__file__).parents[3] / "docs"
FIGURES = (
    "fc_group_r fc_heldout_r fc_change_if_doubled fcd_ks rate_exc_Hz rate_region_max_Hz cv_isi "
    "rate_neuron_p10_Hz rate_neuron_p90_Hz fc_group_over_linear_r fc_over_linear_r fc_mean "
    "rate_inh_over_exc fcd_over_linear_ks "
    "count_correlation log_weight_r linear_r linear_heldout_r ceiling_r timescale_r timescale_p"
).split()
NOT_JUDGED = {"fc_group_r", "fc_heldout_r", "fcd_ks"}
"""What a linear network reaches too: the difference to it is judged, not these."""

SMALL = ("--set", "neurons_per_region=25", "--no-propagation", "--seeds", "1", "--workers", "1")


def call(*args):
    return CliRunner().invoke(app, ["validate", *map(str, args)])


def complaint(result):
    """Return the one line that a refused command printed."""
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A command, its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("results") / "new" / "validate"
    return folder, call("--minutes", 0.5, *SMALL, "--out", folder, "--json")


def test_the_document_has_every_figure_at_its_top(answered):
    folder, result = answered
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    rows = {row["name"]: row for row in document["rows"]}
    assert set(FIGURES) <= set(document) and set(FIGURES) <= set(rows)
    for name in FIGURES:
        assert document[name] == rows[name]["value"]
        judged = rows[name]["verdict"] in ("pass", "fail", "undecided", "not measured")
        assert judged or rows[name]["verdict"] in ("baseline", "reported"), name
        assert rows[name]["source"] or not judged or name in NOT_JUDGED, name
    assert document["linear_r"] > document["log_weight_r"] and document["rate_exc_Hz"] > 0.1
    assert "record for longer" in rows["fcd_ks"]["note"] and document["fcd_ks"] is None
    assert document["passed"] is False and document["out"] == str(folder)
    assert all(rows[name]["range"] is None for name in NOT_JUDGED)
    assert document["rest"]["judged"] > document["rest"]["in_range"] > 0
    assert (
        document["stimuli"] is None
        and document["brain_digest"] == document["provenance"]["brain_digest"]
    )
    assert document["config"]["recipe"]["cortex"]["neurons_per_region"] == 25
    assert document["provenance"]["runs"] == 1


def test_the_folder_has_all_that_it_takes_to_do_it_again(answered):
    folder, result = answered
    document = json.loads(result.stdout)
    assert json.loads((folder / "validate.json").read_text()) == {
        name: value for name, value in document.items() if name != "out"
    }
    recipe = Recipe.load(folder / "recipe.toml")
    assert recipe.as_dict() | {"name": ""} == document["config"]["recipe"] | {"name": ""}
    with np.load(folder / "evidence.npz") as seen:
        pairs = np.triu_indices(80, 1)
        r = np.corrcoef(seen["fc_simulated"][pairs], seen["fc_group"][pairs])[0, 1]
        assert r == pytest.approx(document["fc_group_r"])
        assert seen["region"].tolist() == list(load("hcp-aal2").names)
    page = (folder / "report.html").read_text()
    pictures = sorted((folder / "figures").glob("*.png"))
    assert len(pictures) >= 7 and page.count("data:image/png;base64") == len(pictures)
    assert all(name in page for name in FIGURES)
    assert document["brain_digest"] in page
    assert {brain_digest_of(picture) for picture in pictures} == {document["brain_digest"]}
    assert len(list((folder / "runs").glob("*.npz"))) == 1


def planned(minutes, *settings, seeds=1, **options):
    """Return a question, its connectome, and the arguments of its runs."""
    recipe = Recipe.from_dict(recipe_values(None, list(settings)))
    question = Question("hcp-aal2", recipe, minutes, seeds, propagation=False, **options)
    connectome = load(question.dataset)
    return question, connectome, questions.planned(question, connectome)


def ask(question, connectome, arguments, travelled=None):
    """Return the answer, found in this process, beside people seen briefly."""
    found = Runner().map(at_rest, arguments, label="at rest")
    people = fmri("hcp-aal2").isel(time_s=slice(150))
    answer = compare(question, connectome, people, found, travelled)
    answer.provenance.update(command="", runs=1, resumed=0, notes=[], wall_s=0.0)
    return answer


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    """The answer on a brain that was seen for less than a second, and stimulated; its recipe."""
    plan = planned(0.01, "neurons_per_region=25", seeds=2, heldout=(1, 2))
    file = tmp_path_factory.mktemp("brief") / "recipe.toml"
    plan[0].recipe.save(file)
    few = dataclasses.asdict(study.find("propagation").config.tiny())
    own = ("dataset", "recipe", "seeds", "nulls", "neurons_per_region")
    short = {name: value for name, value in few.items() if name not in own}
    found = travel(plan[0], file, Runner(), **{**short, "amplitudes_pA": (400.0,)})
    return ask(*plan, found), file


def test_finished_runs_are_found_again(answered):
    folder, _ = answered
    runner = Runner(Store(folder / "runs"))
    _, _, arguments = planned(0.5, "neurons_per_region=25")
    runner.map(at_rest, arguments, label="at rest")
    assert runner.n_resumed == 1


def test_a_page_says_what_a_kept_document_says(answered):
    folder, result = answered
    document = json.loads((folder / "validate.json").read_text())
    page = "Before.\n<!-- result -->\n\nold\n\n<!-- /result -->\nAfter.\n"
    text = validation.renewed(page, document)
    assert text.startswith("Before.") and text.endswith("After.\n") and "old" not in text
    assert "| fc_group_r |" in text and document["provenance"]["command"] in text
    assert "**At rest: " in text and "**Stimuli" not in text
    assert document["brain_digest"][:12] in text and document["provenance"]["code"][:12] in text
    assert validation.renewed(text, document) == text
    with pytest.raises(ValueError, match="the page of validate lacks <!-- result -->"):
        validation.renewed("nothing", document)


def test_the_page_of_the_shipped_brain_is_of_the_shipped_brain():
    document = json.loads((DOCS / "validation.json").read_text(encoding="utf-8"))
    text = (DOCS / "validation.md").read_text(encoding="utf-8")
    assert text == validation.renewed(text, document), "make docs"
    assert Recipe.from_dict(document["config"]["recipe"]) == default_recipe()
    assert (document["config"]["first_seed"], document["seeds"]) == (questions.FIRST_SEED, 4)


def test_the_shipped_brain_falls_short_where_we_say_so():
    """Timescales of too few regions, and in fine bins no more than by chance along T1w/T2w."""
    document = json.loads((DOCS / "validation.json").read_text(encoding="utf-8"))
    card = Scorecard.from_rows(document["rows"])
    for name, value in (("timescale_50_regions", 0.85), ("timescale_p", 0.088)):
        assert card[name].verdict == "fail" and card[name].value == pytest.approx(value, abs=1e-3)
    assert (
        document["rest"] == card.as_dict()["rest"]
        and document["stimuli"] == card.as_dict()["stimuli"]
    )
    gain = card["fc_group_over_linear_r"]
    assert gain.value == pytest.approx(document["fc_group_r"] - document["linear_r"])
    assert gain.verdict == card["fc_over_linear_r"].verdict == "pass"


def test_stimuli_travel_through_the_same_brain(brief):
    answer, _ = brief
    found, document = answer.propagation, answer.as_dict()
    assert found.config["seeds"] == 2 and found.config["neurons_per_region"] == 25
    for name in ("visual", "auditory", "tactile"):
        assert document[name]["reach"] == document["propagation"][name]["reach"]
        assert answer.card[f"{name} reach"].value == document[name]["reach"]
    assert dict(validation.groups(answer.card))["stimuli that travel"] == list(found.rows)
    assert document["stimuli"]["judged"] == sum(row.target is not None for row in found.rows)
    assert {row["group"] for row in document["rows"]} == {"rest", "stimuli"}


def test_seconds_are_too_short_and_every_row_says_so(brief, capsys):
    answer, file = brief
    assert "too short for BOLD" in answer.card["fc_heldout_r"].note
    assert "too short" in answer.card["timescale_r"].note
    assert answer.card["ceiling_r"].n == 2
    assert json.dumps(answer.as_dict(), allow_nan=False)
    validate.show(answer, file.parent)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert all(any(name in line for line in lines) for name in FIGURES)
    assert any("Minxha" in line for line in lines)
    said = " ".join(lines)
    assert "At rest: " in said and "Stimuli: " in said and ", free" in said


def test_the_report_has_what_there_is_and_says_what_is_missing(brief, monkeypatch):
    answer, file = brief
    # What the study draws is its own affair, and takes its time.
    picture = raster(answer.spiking[0])
    monkeypatch.setattr(study.Study, "figures", lambda self, found: {"visual": picture})
    monkeypatch.setattr(validation, "_movies", lambda found: {"visual": "<p>a movie</p>"})
    validation.write(answer, file.parent)
    page = (file.parent / "report.html").read_text()
    assert "<p>a movie</p>" in page and answer.propagation.verdict in page
    assert "too short for BOLD" in page and "neurons_per_region = 25" in page
    assert "fc-matrices" not in page


def test_a_brain_that_runs_away_has_its_alarm_in_the_rows():
    loud = (
        "neurons_per_region=25",
        "background_rate_Hz=50000",
        "weight_ie_pA=0",
        "rate_exc_Hz=0",
        "rate_inh_Hz=0",
    )
    answer = ask(*planned(0.5, *loud))
    row = answer.card["alarms"]
    assert row.value >= 1 and row.verdict == "fail" and "250 Hz" in row.note
    assert answer.stopped and answer.card["fc_group_r"].value is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--dataset", "tvb-76"), "'tvb-76' comes without fMRI: expected one of hcp-aal2"),
        (("--dataset", "hcp-aal3"), "nearest: hcp-aal2"),
        (("--fmri", "tvb-66"), "'tvb-66' comes without fMRI"),
        (("--minutes", "0"), "--minutes 0: expected finite brain time"),
        (("--minutes", "inf"), "--minutes inf"),
        (("--heldout", "1,9"), "subject 9 has no fMRI: expected places from 0 to 6"),
        (("--heldout", "all"), "--heldout 'all': expected places of subjects"),
        (("--set", "no_such=1"), "no_such"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(arguments, words, tmp_path):
    assert words in complaint(call(*arguments, "--out", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_other_regions_are_refused_and_those_of_the_fmri_are_not(small_dataset, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "comes without fMRI" in complaint(call("--dataset", small_dataset, *out))
    mixed = complaint(call("--dataset", small_dataset, "--fmri", "hcp-aal2", *out))
    assert "parcellations differ: 70 of 80 regions" in mixed
    recipe = Recipe.from_dict(recipe_values(None, []))
    own = Question("hcp-aal2-94", recipe, 1.0, 1)
    connectome, people = questions.compared(own)
    assert connectome.n == 94 and people.sizes["region"] == 80


def test_who_was_fitted_on_is_not_tested_on():
    people = fmri("hcp-aal2")
    labels = people["subject"].values.tolist()

    def tested(fitted_on, heldout=None):
        recipe = Recipe(fitted_on=fitted_on)
        return questions.tested_on(Question("hcp-aal2", recipe, 1.0, 1, None, heldout), people)

    assert tested(()) is None and tested(("somebody else",)) is None
    assert tested(labels[:4]) == labels[4:]
    assert tested(labels[:4], (0, 5)) == [labels[0], labels[5]]
    with pytest.raises(ValueError, match="fitted on every subject"):
        tested(labels)
    assert subjects("4,5", "--train") == (4, 5) and subjects("", "--test") == ()
