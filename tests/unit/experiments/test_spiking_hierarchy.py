"""The hierarchy of rates on rates that were made: whose doing it is, and who is left out."""

import numpy as np
import pytest

from encephagen.connectome.datasets import hcp_aal2
from encephagen.experiments.studies import spiking_hierarchy as study
from encephagen.experiments.studies.spiking_hierarchy import ALIKE, REAL, SHIPPED, Config
from encephagen.rng import stream

CONFIG = Config(seeds=4, nulls=40, maps=99)
SENSORY = np.isin([region.system for region in hcp_aal2().regions], study.SENSORY)


WELL = {"outcome": "ok", "why": None, "alarms": []}
AWAY = {"outcome": "ran_away", "why": "saturated", "alarms": ["saturated"]}


class Made:
    """A runner that returns rates: 4 Hz, and sensory regions some times that."""

    def __init__(self, ratio, away=()):
        self.ratio, self.away = ratio, away

    def map(self, function, todo, label):
        generator = stream(0, "made", label)
        rate_Hz = np.where(SENSORY, 4.0 * self.ratio[label], 4.0)
        return [
            {
                "rate_Hz": rate_Hz * (1.0 + 0.02 * generator.normal(size=SENSORY.size)),
                **(AWAY if label in self.away and i % 2 == 0 else WELL),
            }
            for i, _ in enumerate(todo)
        ]


def found(real, nulls, strength, **more):
    ratio = {REAL: real, ALIKE: 1.2, SHIPPED: 1.0, "weight-shuffle": nulls, "strength": strength}
    return study.run(CONFIG, Made(ratio, **more))


def test_nulls_have_the_word_and_not_the_ratio_alone():
    assert found(3.0, 1.5, 1.8).verdict.startswith("Confirmed")
    assert found(3.0, 1.5, 3.0).verdict.startswith("There is such a hierarchy, and that this")
    assert found(0.8, 1.0, 1.0).verdict.startswith("Refuted")


def test_brains_that_ran_away_are_left_out_and_counted():
    result = found(3.0, 1.5, 1.8, away=("strength",))
    row = next(row for row in result.rows if row.name == "ratio, strength")
    assert row.n == 20 and "20 more ran away" in row.note
    assert result.values["ran_away"]["strength"] == 20
    assert result.values["alarms"]["strength"] == ["saturated"]
    assert "Left out, as they ran away or cannot be: 20 brains of strength." in result.verdict
    assert result.values["mean_rate_Hz"][REAL] == pytest.approx(
        4.0 + 8.0 * SENSORY.mean(), rel=0.02
    )


def test_a_null_that_always_runs_away_confirms_nothing():
    class Away(Made):
        def map(self, function, todo, label):
            found = super().map(None, todo, label)
            return [{**r, **(AWAY if label == "strength" else WELL)} for r in found]

    ratio = {REAL: 3.0, ALIKE: 1.2, SHIPPED: 1.0, "weight-shuffle": 1.5, "strength": 3.0}
    result = study.run(CONFIG, Away(ratio))
    assert result.verdict.startswith("There is such a hierarchy, and that this")
    assert "strength: not compared" in result.verdict


def test_if_every_real_brain_ran_away_it_says_so():
    class Away(Made):
        def map(self, function, todo, label):
            return [{**r, **AWAY} for r in super().map(function, todo, label)]

    ratio = dict.fromkeys((REAL, ALIKE, SHIPPED, "weight-shuffle", "strength"), 1.0)
    with pytest.raises(ValueError, match=r"0 of 4 runs of .* could be measured \(4 ran away\)"):
        study.run(CONFIG, Away(ratio))
