"""Studies are found by their files, and a command line's texts become what their Config says."""

import dataclasses
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from encephagen.experiments import study
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.study import Study


@dataclass(frozen=True)
class Config:
    """One field of each type."""

    dataset: str = "hcp-aal2"
    seeds: int = 3
    seconds: float = 2.0
    spikes: bool = False
    gains: tuple[float, ...] = (1.0, 2.0)
    null: str | None = "strength"
    level: float | None = None
    recipe: dict[str, float] = dataclasses.field(default_factory=dict)
    where: object = None

    @property
    def n_runs(self):
        """Runs."""
        return self.seeds


def double(x):
    """A run."""
    return {"x": 2 * x}


@pytest.fixture
def toy(monkeypatch):
    """A study in memory."""
    module = ModuleType("encephagen.experiments.studies.a_toy", "A toy.\n\nMore of it.")
    module.Config, module.CLAIM = Config, "All doubles are even."

    def run(config, runner):
        found = runner.map(double, [{"x": i} for i in range(config.seeds)], label="doubles")
        return Result(values={"sum": sum(r["x"] for r in found)}, verdict="Even.")

    module.run = run
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return Study("a-toy")


def test_every_file_of_the_folder_is_a_study():
    names = study.names()
    assert "spiking-hierarchy" in names and names == sorted(names)
    assert not [name for name in names if "_" in name]
    assert study.find(" Spiking_Hierarchy").name == "spiking-hierarchy"
    with pytest.raises(ValueError, match=r"'spiking-hierachy' is no study: nearest: spiking-h"):
        study.find("spiking-hierachy")
    with pytest.raises(ValueError, match="is no study: known: fc-tuning, .*propagation"):
        study.find("?")


def test_a_result_says_who_made_it(toy):
    runner = Runner()
    result = toy.run(Config(seeds=4), runner)
    assert result.values == {"sum": 12} and result.claim == "All doubles are even."
    assert result.study == "a-toy" and result.config["seeds"] == 4
    made = result.provenance
    assert made["n_runs"] == 4 and made["resumed"] == 0 and made["code"] == toy.code
    assert {"encephagen", "python", "numpy", "numba"} <= set(made["versions"])
    assert toy.title == "A toy" and toy.n_runs == 3 and toy.figures(result) == {}
    assert toy.defaults["gains"] == [1.0, 2.0]


def test_texts_become_values_of_the_field_s_type(toy):
    config = toy.configure(
        {
            "dataset": "gw-aal2",
            "seeds": "5",
            "seconds": "3",
            "spikes": "True",
            "gains": "0.5, 2,3",
            "null": "None",
            "level": "0.1",
            "recipe": '{"weight_ee_pA": 20}',
        }
    )
    wanted = Config("gw-aal2", 5, 3.0, True, (0.5, 2.0, 3.0), None, 0.1, {"weight_ee_pA": 20})
    assert config == wanted
    assert type(config.seconds) is float and config.gains == (0.5, 2.0, 3.0)
    assert toy.configure({"seeds": "1e1"}).seeds == 10
    assert toy.configure({"seeds": 7, "null": "boundary"}) == Config(seeds=7, null="boundary")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sedes": "5"}, "study a-toy has no 'sedes'; nearest: seeds; it has dataset, seeds"),
        ({"seconds": "-1"}, "seconds -1.0: expected a finite time, 0 or more"),
        ({"nulls": 5}, "study a-toy has no 'nulls'; nearest: null"),
        ({"xyzzy": "5"}, "it has dataset, seeds"),
        ({"seeds": "2.5"}, "seeds=2.5: expected a whole number"),
        ({"seeds": "true"}, "seeds=true: expected a whole number"),
        ({"seconds": "soon"}, "seconds=soon: expected a number"),
        ({"seconds": "NaN"}, "seconds=NaN: expected a number"),
        ({"spikes": "1"}, "spikes=1: expected true or false"),
        ({"gains": "1,x"}, "gains=x: expected a number"),
        ({"recipe": "tau_m_min_ms=3"}, "recipe=tau_m_min_ms=3: expected a JSON object"),
        ({"where": "here"}, "where is a object: it cannot be set"),
    ],
)
def test_what_cannot_be_set_is_told(toy, settings, message):
    with pytest.raises(ValueError, match=message):
        toy.configure(settings)


def test_a_null_that_there_is_not_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="foo"):
        study.find("rhythm").configure({"null_kinds": "foo"})
