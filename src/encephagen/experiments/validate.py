"""Validate: what runs at rest and with stimuli come to beside people."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.experiments import study
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.recording import Recording
from encephagen.validation.evidence import evidence
from encephagen.validation.question import FIRST_SEED, Question, surrogate_maps, tested_on
from encephagen.validation.rest import recordings
from encephagen.validation.scorecard import Scorecard, scorecard
from encephagen.working_point.whole import bare_brain, whole_brain

if TYPE_CHECKING:
    import xarray as xr

STIMULI = ("visual", "auditory", "tactile")
"""What the study of propagation says of each stands at the top of the document too."""


WORKING_POINT = "working_point.toml"
"""Name of the file of a working point that was asked for, beside that of the recipe."""


@dataclass(frozen=True, eq=False)
class Answer:
    """All that was measured: for the table, the document, and the page."""

    question: Question
    connectome: Connectome
    tested_on: list[Any] | None
    card: Scorecard
    evidence: "xr.Dataset"
    spiking: tuple[Recording, ...]
    stopped: bool
    """Whether the engine ended any run at rest before its time."""
    propagation: Result | None
    provenance: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document: every figure by its name, the rows, and what made them."""
        q, card = self.question, self.card.as_dict()
        values, rows = card.pop("values"), card.pop("rows")
        travelled = self.propagation.values if self.propagation is not None else {}
        return {
            "dataset": q.dataset,
            "recipe": q.recipe.name,
            "working_point": self.provenance["working_point"],
            "minutes": q.minutes,
            "seeds": q.seeds,
            "brain_digest": self.provenance["brain_digest"],
            **card,
            **{name: travelled[name] for name in STIMULI if name in travelled},
            **values,
            "propagation": travelled,
            "rows": rows,
            "config": {
                **{f.name: getattr(q, f.name) for f in dataclasses.fields(q)},
                "recipe": q.recipe.as_dict(),
                "working_point": q.working_point.as_dict() if q.working_point else None,
                "spiking_s": q.spiking_s,
                "first_seed": FIRST_SEED,
                "tested_on": self.tested_on,
            },
            "provenance": self.provenance,
        }


def compare(
    question: Question,
    connectome: Connectome,
    people: "xr.DataArray",
    found: Sequence[dict[str, Any]],
    propagation: Result | None = None,
) -> Answer:
    """Return how runs `at_rest` stand beside fMRI (subject, time_s, region)."""
    pairs = [recordings(run, connectome) for run in found]
    long, spiking = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    maps, heldout = surrogate_maps(connectome), tested_on(question, people)
    card = scorecard(
        long,
        connectome,
        people,
        spiking=spiking,
        heldout=heldout,
        fitted_on=question.recipe.fitted_on,
        surrogate_maps=maps,
        brain=bare_brain(connectome, question.recipe),
        stimuli=() if propagation is None else propagation.rows,
    )
    seen = evidence(long, connectome, people, surrogate_maps=maps)
    stopped = any(recording.interrupted for recording in (*long, *spiking))
    brain = whole_brain(connectome, question.recipe, question.working_point)
    made = {
        "connectome": connectome.digest(),
        "brain_digest": brain.digest(),
        "versions": spiking[0].provenance["versions"],
        "working_point": spiking[0].provenance["working_point"],
    }
    return Answer(
        question, connectome, heldout, card, seen, tuple(spiking), stopped, propagation, made
    )


def travel(question: Question, recipe: Path, runner: Runner, **settings: Any) -> Result:
    """Return what the study of propagation finds of this brain, without null wirings.

    recipe: its file, beside which its working point is, if it has one of its own.
    ``settings`` change others of the study, which is else as long as ever.
    Raises ValueError if the file holds another recipe by now.
    """
    if Recipe.load(recipe).replace(name="") != question.recipe.replace(name=""):
        raise ValueError(
            f"{recipe} has changed since this began: does another command write to that folder? "
            "give each an --out of its own"
        )
    chosen = study.find("propagation")
    own = {
        "dataset": question.dataset,
        "recipe": str(recipe),
        "working_point": str(recipe.with_name(WORKING_POINT)) if question.working_point else None,
        "neurons_per_region": question.recipe.cortex.neurons_per_region,
        "seeds": question.seeds,
        "nulls": 0,
        "first_seed": FIRST_SEED,
    }
    return chosen.run(dataclasses.replace(chosen.config(), **{**own, **settings}), runner)
