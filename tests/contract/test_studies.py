"""Every study, tiny: it runs, with more than one seed or null; what it finds can be kept and drawn.

They run on a dataset in a file, of 26 regions, which is also how people run them on their own.

And its page in docs/experiments says what its result says.
"""

import ast
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

from encephagen.experiments import study
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.store import Store
from encephagen.report.study import renewed
from encephagen.validation.targets import Row

DOCS = Path(__file__).parents[2] / "docs" / "experiments"
NAMES = study.names()
TOGETHER = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES]
"""The tests of one study go to one process, which runs it once."""
OF_NUCLEI = {"nuclei"}
"""Studies of regions that the small dataset of the tests lacks: they run on their own."""


@pytest.fixture(scope="module", params=TOGETHER)
def done(request, people, tmp_path_factory):
    """A study, its tiny Config, the runner that ran it, and the result."""
    chosen = study.find(request.param)
    given = {} if request.param in OF_NUCLEI else {"dataset": people}
    config = dataclasses.replace(chosen.config.tiny(), **given)
    runner = Runner(Store(tmp_path_factory.mktemp(request.param)))
    return chosen, config, runner, chosen.run(config, runner)


def test_it_says_what_was_claimed_and_can_be_set(done):
    chosen, config, _, _ = done
    assert 10 <= len(chosen.title) <= 100 and "\n" not in chosen.title
    assert 20 <= len(chosen.module.CLAIM) <= 600
    assert dataclasses.is_dataclass(config) and type(config) is chosen.config
    has_brain = hasattr(config, "neurons_per_region")
    assert hasattr(chosen.module, "brain_digest") == has_brain, "say which brain it is of"
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seeds = 1
    assert json.loads(json.dumps(chosen.defaults)) == chosen.defaults
    untold = [setting.name for setting in chosen.settings if not setting.meaning]
    assert not untold, f"say in the docstring of Config what they are: {untold}"
    texts = {name: str(value) for name, value in chosen.defaults.items() if type(value) is int}
    assert chosen.configure(texts) == chosen.config()


def test_one_run_is_no_study(done):
    chosen, config, runner, _ = done
    tiny, full = (
        [getattr(c, name) for name in ("seeds", "nulls") if hasattr(c, name)]
        for c in (config, chosen.config())
    )
    assert max(tiny, default=0) >= 2, "give tiny() two seeds or nulls"
    assert max(full, default=0) >= 5, "a distribution needs more than a handful"
    assert runner.n_runs >= 2
    if hasattr(config, "n_runs"):
        assert config.n_runs == runner.n_runs


def test_what_it_finds_is_plain_and_complete(done, tmp_path):
    chosen, config, _, result = done
    document = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert chosen.module.verdict(document["values"]) == result.verdict
    assert document["study"] == chosen.name and document["claim"] == chosen.module.CLAIM
    assert document["values"] and result.rows and all(isinstance(r, Row) for r in result.rows)
    assert len({row.name for row in result.rows}) == len(result.rows)
    assert 20 <= len(result.verdict) and result.verdict.endswith(".")
    assert set(document["config"]) == {f.name for f in dataclasses.fields(config)}
    result.save(tmp_path)
    assert Result.load(tmp_path).as_dict() == document


def test_again_it_does_nothing_and_finds_the_same(done):
    chosen, config, runner, result = done
    again = Runner(runner.store)
    same = chosen.run(config, again)
    assert again.n_resumed == again.n_runs == runner.n_runs
    first, second = (r.as_dict() | {"provenance": None} for r in (result, same))
    assert first == second
    assert result.data.keys() == same.data.keys()
    for name, array in result.data.items():
        np.testing.assert_array_equal(array, same.data[name], err_msg=name)


def test_its_pictures_are_drawn_from_what_is_kept(done, tmp_path):
    chosen, _, _, result = done
    result.save(tmp_path)
    for stem, figure in chosen.figures(Result.load(tmp_path)).items():
        assert stem.isidentifier() or stem.replace("-", "_").isidentifier(), stem
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=40)
        assert buffer.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_it_stands_alone(name):
    """What a run depends on is told by its own file and the layers below, so no study is used."""
    own = f"encephagen.experiments.studies.{name.replace('-', '_')}"
    stem = study.FOLDER / name.replace("-", "_")
    files = sorted(stem.glob("*.py")) if stem.is_dir() else [stem.with_suffix(".py")]
    assert files
    for file in files:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 500, f"{file.name}: split it"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                shown = module.startswith(("encephagen.experiments.studies", "encephagen.app"))
                alone = not shown or module.startswith(f"{own}.")
                assert alone, f"{file.name} imports {module}: share through a layer below"


@pytest.mark.parametrize("name", NAMES)
def test_its_page_says_what_its_result_says(name):
    page, kept = DOCS / f"{name}.md", DOCS / f"{name}.json"
    assert page.exists(), f"write {page.name}: what was claimed, what we found, why they differ"
    if not kept.exists():  # then copy results/NAME/result.json there, once it has been
        assert "This study has not been run in full yet." in page.read_text(encoding="utf-8")
        return
    document = json.loads(kept.read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    if "by an earlier version of the study" not in text:
        assert document["verdict"] == study.find(name).module.verdict(document["values"])
    assert text == renewed(text, Result.from_dict(document)), "make docs"
    assert document["study"] == name
