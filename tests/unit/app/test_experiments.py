"""`list`, `run` and `report`: what a study found, in files, on the screen, on a page."""

import dataclasses
import json
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
from typer.testing import CliRunner

from encephagen.app import experiments, runs
from encephagen.app.cli import app
from encephagen.app.runs import Pace
from encephagen.experiments import study
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Count, Runner
from encephagen.experiments.store import Store
from encephagen.report import study as pages
from encephagen.report.text import duration
from encephagen.validation.targets import judge


@dataclass(frozen=True)
class Config:
    """The numbers of a toy."""

    seeds: int = 3
    gain: float = 2.0
    null: str | None = "strength"
    gains: tuple[float, ...] = ()
    dataset: str = "toy"


def times(x, gain):
    """A run."""
    if gain < 0:
        raise ZeroDivisionError("no gain")
    return {"y": x * gain}


def toy_run(config, runner):
    """Multiply, and draw the products."""
    todo = [{"x": x, "gain": config.gain} for x in range(config.seeds)]
    y = np.array([r["y"] for r in runner.map(times, todo, label="times")])
    rows = (judge("rate_exc_Hz", float(y.mean()), n=len(y), note="<b>mean</b>"),)
    values = {"visual": {"reach": len(y)}, "mean": y.mean(), "nothing": np.nan}
    return Result(values=values, verdict="It <multiplies>.", rows=rows, data={"y": y})


def toy_figures(result):
    """Draw the products."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.0, 1.0))
    figure.subplots().plot(result.data["y"])
    return {"products": figure}


@pytest.fixture(autouse=True)
def toy(monkeypatch, tmp_path):
    """The one study there is, in an empty folder, without processes of its own."""
    module = ModuleType("encephagen.experiments.studies.a_toy", "A toy that multiplies.")
    module.Config, module.CLAIM = Config, "Products are larger."
    module.run, module.figures = toy_run, toy_figures
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(study, "names", lambda: ["a-toy"])

    @contextmanager
    def here(folder, workers, scheduler):
        yield Runner(Store(folder / "runs"))

    monkeypatch.setattr(runs, "runner", here)
    monkeypatch.chdir(tmp_path)
    return module


def call(*args):
    return CliRunner().invoke(app, [str(a) for a in args])


def test_json_is_one_document_with_the_figures_at_its_top(tmp_path):
    found = call("run", "a-toy", "--json", "--seeds", 4)
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["study"] == "a-toy" and document["config"]["seeds"] == 4
    assert document["visual"] == document["values"]["visual"] == {"reach": 4}
    assert document["mean"] == 3.0 and document["nothing"] is None
    assert document["claim"] == "Products are larger." and document["out"] == "results/a-toy"
    assert document["provenance"]["n_runs"] == 4 and document["provenance"]["resumed"] == 0
    folder = tmp_path / "results" / "a-toy"
    names = {"result.json", "result.npz", "products.png", "report.html", "runs"}
    assert {f.name for f in folder.iterdir()} == names
    assert (folder / "products.png").read_bytes().startswith(b"\x89PNG")
    again = json.loads(call("run", "a-toy", "--json", "--seeds", 5).stdout)
    assert again["provenance"]["n_runs"] == 5 and again["provenance"]["resumed"] == 4


def test_the_table_fits_and_the_page_says_it_all(tmp_path):
    found = call("run", "a-toy", "--set", "gain=0.5", "--out", tmp_path / "mine")
    assert found.exit_code == 0, found.output
    assert max(map(len, found.stdout.splitlines()[:-1])) <= 80
    for text in ("rate_exc_Hz", "0.5 Hz", "fail", "It <multiplies>.", "3 runs"):
        assert text in found.stdout
    page = (tmp_path / "mine" / "report.html").read_text()
    for text in ("A toy that multiplies", "Products are larger.", "It &lt;multiplies&gt;."):
        assert text in page
    assert "encephagen run a-toy --set gain=0.5" in page and "data:image/png" in page
    assert "&lt;b&gt;mean" in page and "<b>mean" not in page


def test_the_command_that_is_shown_makes_the_same_settings(toy):
    config = toy.Config(seeds=4, gain=0.5, null=None, gains=(1.0, 2.5), dataset="my data.npz")
    found = Result(
        values={}, verdict=".", study="a-toy", config=dataclasses.asdict(config), rows=()
    )
    words = shlex.split(pages.command(found))
    assert words[:3] == ["encephagen", "run", "a-toy"] and set(words[3::2]) == {"--set"}
    assert study.find("a-toy").configure(experiments._settings({}, words[4::2])) == config


def test_the_list_names_studies_and_results(tmp_path):
    first = json.loads(call("list", "--json").stdout)["studies"]
    assert [s["name"] for s in first] == ["a-toy"] and first[0]["result"] is None
    assert first[0]["title"] == "A toy that multiplies"
    call("run", "a-toy")
    (entry,) = json.loads(call("list", "--json").stdout)["studies"]
    assert entry["result"]["verdict"] == "It <multiplies>." and entry["result"]["current"]
    saved = Result.load(entry["result"]["folder"])
    old = saved.as_dict() | {"provenance": saved.provenance | {"code": "of yesterday"}}
    Result.from_dict(old, saved.data).save(entry["result"]["folder"])
    assert not json.loads(call("list", "--json").stdout)["studies"][0]["result"]["current"]
    shown = call("list").stdout
    assert "a-toy" in shown and " *" in shown
    assert max(map(len, shown.splitlines())) <= 80
    call("run", "a-toy", "--seeds", 2)
    (other,) = json.loads(call("list", "--json").stdout)["studies"]
    assert entry["result"]["full"] and not other["result"]["full"]
    assert " +" in call("list").stdout
    (tmp_path / "results" / "a-toy" / "result.npz").write_bytes(b"")
    assert "unreadable" in call("list").stdout
    assert "damaged" in json.loads(call("list", "--json").stdout)["studies"][0]["result"]["error"]


def test_a_report_of_several_results_draws_them_again(toy, tmp_path):
    call("run", "a-toy")
    call("run", "a-toy", "--out", "results/other", "--seeds", 2)
    found = call("report")
    assert found.exit_code == 0 and found.stdout == "results/studies.html\n"
    page = (tmp_path / "results" / "studies.html").read_text()
    assert page.count("data:image/png") == 2 and "Overview" in page
    toy.figures = lambda result: result.data["gone"]
    found = call("report", "results/other", "--out", "one.html")
    assert found.exit_code == 0 and "error: no pictures of a-toy" in found.stderr
    page = (tmp_path / "one.html").read_text()
    assert "data:image/png" not in page and "It &lt;multiplies&gt;" in page


def test_one_damaged_result_does_not_take_the_others_along(toy, tmp_path):
    call("run", "a-toy")
    call("run", "a-toy", "--out", "results/other", "--seeds", 2)
    file = tmp_path / "results" / "other" / "result.json"
    document = json.loads(file.read_text())
    del document["provenance"]["code"]
    file.write_text(json.dumps(document))
    found = call("report")
    assert found.exit_code == 0 and "its provenance lacks code" in found.stderr
    assert (tmp_path / "results" / "studies.html").exists()
    found = call("report", "--out", "no/such.html")
    assert found.exit_code == 2 and "no is no folder; make it" in found.stderr


def test_the_page_in_the_documents_is_renewed_between_its_marks():
    call("run", "a-toy")
    result = Result.load("results/a-toy")
    text = "# A toy\n\n<!-- result -->\nold\n<!-- /result -->\n\nMore.\n"
    new = pages.renewed(text, result)
    assert new.startswith("# A toy\n\n<!-- result -->\n\n**It <multiplies>.**")
    assert new.endswith("<!-- /result -->\n\nMore.\n") and "old" not in new
    assert "| rate_exc_Hz | 2 Hz |" in new and "```\nencephagen run a-toy\n```" in new
    assert pages.renewed(new, result) == new
    with pytest.raises(ValueError, match="lacks"):
        pages.renewed("# A toy", result)


def test_a_page_shows_the_rows_that_its_study_names(toy):
    call("run", "a-toy")
    result = Result.load("results/a-toy")
    (row,) = result.rows
    result = dataclasses.replace(result, rows=(row, dataclasses.replace(row, name="cv_isi, null")))
    page = "<!-- result -->\n<!-- /result -->\n"
    assert "| cv_isi, null |" in pages.renewed(page, result)
    toy.ON_PAGE = ("cv_isi",)
    new = pages.renewed(page, result)
    assert "| cv_isi, null |" in new and "| rate_exc_Hz |" not in new
    assert "More rows (1) are in [a-toy.json](a-toy.json)." in new


OWN = '''"""A study of mine."""
from dataclasses import dataclass

from encephagen.experiments.result import Result

CLAIM = "One is one."

@dataclass(frozen=True)
class Config:
    """Numbers.

    seeds   how many
    """

    seeds: int = 2

def one(seed):
    return {"seed": seed}

def run(config, runner):
    found = runner.map(one, [{"seed": seed} for seed in range(config.seeds)], label="ones")
    return Result(values={"sum": sum(r["seed"] for r in found)}, verdict="It is.")
'''


def test_a_study_of_one_s_own_runs_from_anywhere(tmp_path, monkeypatch):
    file = tmp_path / "far" / "my_study_here.py"
    file.parent.mkdir()
    file.write_text(OWN)
    found = call("run", file, "--seeds", 3, "--json")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert document["sum"] == 3 and document["out"] == "results/my-study-here"
    page = (tmp_path / "results" / "my-study-here" / "report.html").read_text()
    assert "A study of mine" in page and f"encephagen run {file} --set seeds=3" in page
    assert call("report").exit_code == 0
    assert "my-study" not in call("list", "--json").stdout
    told = json.loads(call("run", file, "--describe", "--json").stdout)
    assert told["settings"] == [{"name": "seeds", "default": 2, "meaning": "how many"}]
    file.unlink()  # what was found is still told
    sys.modules.pop("my_study_here")
    assert call("report").exit_code == 0 and "One is one." in page


def test_a_study_tells_its_settings(tmp_path):
    found = call("run", "a-toy", "--describe")
    assert found.exit_code == 0 and "Products are larger." in found.stdout
    assert [line.split() for line in found.stdout.splitlines() if "gain " in line] == [
        ["gain", "2.0"]
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("run", "mine.py"), "mine.py is not there"),
        (("run", "a-toi"), "is no study: nearest: a-toy"),
        (("run", "a-toy", "--nulls", 3), "study a-toy has no 'nulls'; nearest: null"),
        (("run", "a-toy", "--set", "gian=1"), "nearest: gain"),
        (("run", "a-toy", "--set", "gain"), "expected name=value"),
        (("run", "a-toy", "--set", "gain=much"), "gain=much: expected a number"),
        (("report",), "results has no result"),
        (("report", "nowhere"), "nowhere has no result"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, args, message):
    found = call(*args)
    assert found.exit_code == 2 and found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert line.startswith("error: ") and message in line
    assert not list(tmp_path.iterdir())


def test_a_run_that_fails_is_status_1(tmp_path):
    found = call("run", "a-toy", "--set", "gain=-1")
    assert found.exit_code == 1 and found.stdout == ""
    assert "error: run 0 of 'times', x=0, gain=-1.0: ZeroDivisionError: no gain" in found.stderr
    assert "in times" in found.stderr  # the place in the code, as it is no user's mistake
    assert not (tmp_path / "results" / "a-toy" / "result.json").exists()


# ---- progress -----------------------------------------------------------------------------------


def test_the_time_left_is_told_from_runs_that_were_done_not_from_those_kept():
    now_s = 100.0
    pace = Pace(lambda: now_s)
    assert pace.due(Count("rates", 10, 4, 4, 0))
    assert pace.more(Count("rates", 10, 4, 4, 0)) == ", 4 kept from before"
    now_s = 130.0
    count = Count("rates", 10, 6, 4, 1)
    assert pace.more(count) == ", 4 kept from before, 1 failed, about 30 s left"
    assert pace.due(count) and not pace.due(count)
    now_s = 131.0
    assert not pace.due(Count("rates", 10, 7, 4, 1))
    assert pace.due(Count("rates", 10, 9, 4, 1))
    assert pace.more(Count("other", 3, 0, 0, 0)) == ""
    assert [duration(s) for s in (5.2, 300.0, 9000.0)] == ["5 s", "5 min", "2.5 h"]


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    with runs.shown() as show:
        for done in range(4):
            show(Count("rates", 3, done, 0, 0))
    assert capsys.readouterr().err.splitlines() == ["rates: 0 of 3 runs", "rates: 3 of 3 runs"]


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    from io import StringIO

    from rich.console import Console

    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(runs.console, "err", lambda: console)
    with runs.shown() as show:
        for done in range(2, 4):
            show(Count("rates", 3, done, 2, 0))
    assert "rates" in screen.getvalue() and "3/3" in screen.getvalue()
    assert "2 kept from before" in screen.getvalue()
