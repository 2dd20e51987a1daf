"""`encephagen validate`: is the brain as people are? Every figure beside its range and source."""

import dataclasses
import json
import math
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encephagen.app import console
from encephagen.app.choice import SUBCORTEX, portable

if TYPE_CHECKING:
    import xarray as xr

    from encephagen.brain.recipe import Recipe
    from encephagen.connectome.connectome import Connectome
    from encephagen.experiments.result import Result
    from encephagen.experiments.runner import Runner
    from encephagen.recording import Recording
    from encephagen.validation.scorecard import Scorecard
    from encephagen.validation.targets import Row
    from encephagen.working_point.point import WorkingPoint

SPIKING_S = 60.0
"""Single spikes are kept for so long, or for as long as the counts, if that is less (free)."""

FIRST_SEED = 100
"""The brains that are tested have seeds from here on: fits choose and calibrate on those from 0."""

N_MAPS = 9999
DOCUMENT, ARRAYS, REPORT = "validate.json", "evidence.npz", "report.html"
RECIPE, WORKING_POINT = "recipe.toml", "working_point.toml"
UNHEALTHY = 1

STIMULI = ("visual", "auditory", "tactile")
"""What the study of propagation says of each stands at the top of the document too."""

GROUPS = (
    ("spikes", ("rate_", "cv_", "lvr", "fano", "count_", "spectral_", "timescale_ms", "alarms")),
    (
        "functional connectivity",
        ("fc_", "log_weight_r", "linear_r", "linear_heldout_r", "ceiling_r"),
    ),
    ("dynamics of functional connectivity", ("fcd_", "linear_fcd", "ceiling_fcd")),
    ("timescales along T1w/T2w", ("timescale_",)),
    ("stimuli that travel", ("",)),
)
"""Titles of the groups of rows, and how the names of their rows begin; the first that fits."""


@dataclass(frozen=True)
class Question:
    """Which brain is held to which people, and for how long."""

    dataset: str
    recipe: "Recipe"
    minutes: float
    seeds: int
    fmri: str | None = None
    heldout: tuple[int, ...] | None = None
    propagation: bool = True
    working_point: "WorkingPoint | None" = None
    """None is that which `whole_brain` keeps."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise ValueError(f"--minutes {self.minutes:g}: expected finite brain time above 0")

    @property
    def spiking_s(self) -> float:
        """Seconds of single spikes."""
        return min(SPIKING_S, 60.0 * self.minutes)


def _values(point: "WorkingPoint | None") -> dict[str, Any] | None:
    return None if point is None else point.as_dict()


def subjects(text: str, option: str) -> tuple[int, ...]:
    """Return subjects by their place, from texts as "4,5"; none for an empty text."""
    try:
        return tuple(int(part) for part in text.split(",") if text.strip())
    except ValueError:
        raise ValueError(f"{option} {text!r}: expected places of subjects, as in 4,5,6") from None


@dataclass(frozen=True, eq=False)
class Answer:
    """All that was measured: for the table, the document, and the report."""

    question: Question
    connectome: "Connectome"
    tested_on: list[Any] | None
    card: "Scorecard"
    evidence: "xr.Dataset"
    spiking: "tuple[Recording, ...]"
    stopped: bool
    """Whether the engine ended any run at rest before its time."""
    propagation: "Result | None"
    provenance: dict[str, Any]

    def groups(self) -> "list[tuple[str, list[Row]]]":
        """Return the rows by group, with its title."""
        groups: list[tuple[str, list[Row]]] = [(title, []) for title, _ in GROUPS]
        for row in self.card.rows:
            found = (i for i, (_, starts) in enumerate(GROUPS) if row.name.startswith(starts))
            groups[next(found)][1].append(row)
        return [(title, rows) for title, rows in groups if rows]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document: every figure by its name, the rows, and what made them."""
        q = self.question
        values = self.card.as_dict()
        travelled = self.propagation.values if self.propagation is not None else {}
        stimuli = {name: travelled[name] for name in STIMULI if name in travelled}
        return {
            "dataset": q.dataset,
            "recipe": q.recipe.name,
            "working_point": self.provenance["working_point"],
            "minutes": q.minutes,
            "seeds": q.seeds,
            "passed": values["passed"],
            **stimuli,
            **values["values"],
            "propagation": travelled,
            "rows": values["rows"],
            "config": {
                **{f.name: getattr(q, f.name) for f in dataclasses.fields(q)},
                "recipe": q.recipe.as_dict(),
                "working_point": _values(q.working_point),
                "spiking_s": q.spiking_s,
                "first_seed": FIRST_SEED,
                "tested_on": self.tested_on,
            },
            "provenance": self.provenance,
        }


def validate(
    question: Question,
    workers: int | None,
    scheduler: str | None,
    out: Path,
    as_json: bool,
) -> int:
    """Measure, print, write the report into the folder ``out``; return the exit status.

    0 if it was measured, whatever the verdicts; 1 if the engine stopped a run, or a run failed.
    Raises ValueError for data without fMRI, regions that do not match, and what cannot be built.
    """
    from encephagen.app import runs, validation_report
    from encephagen.experiments.closure import code_digest
    from encephagen.experiments.runner import RunFailed
    from encephagen.files import whole
    from encephagen.validation.rest import at_rest
    from encephagen.working_point.whole import whole_brain

    connectome, people = compared(question)
    whole_brain(connectome, question.recipe, question.working_point)  # or it is refused here
    out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(["encephagen", *sys.argv[1:]])
    started_s = time.perf_counter()
    with whole(out / RECIPE) as part:
        question.recipe.save(part, "The recipe that encephagen validate has tested.")
    if question.working_point is not None:
        with whole(out / WORKING_POINT) as part:
            question.working_point.save(part, "The working point that it was tested at.")
    try:
        with runs.runner(out, workers, scheduler) as runner:
            found = runner.map(at_rest, planned(question, connectome), label="at rest")
            travelled = travel(question, out / RECIPE, runner) if question.propagation else None
    except RunFailed as error:
        return runs.failed(error)
    with console.patience("comparing ..."):
        answer = compare(question, connectome, people, found, travelled)
    answer.provenance.update(
        command=command,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code=code_digest(at_rest),
        runs=runner.n_runs,
        resumed=runner.n_resumed,
        notes=runner.notes,
        wall_s=round(time.perf_counter() - started_s, 3),
    )
    if travelled is not None:
        answer.provenance["code_of_stimuli"] = travelled.provenance["code"]
    _write(answer, out)
    with console.patience("drawing ..."):
        validation_report.write(answer, out / REPORT)
    document = answer.as_dict()
    if as_json:
        print(json.dumps({**document, "out": str(out)}, indent=2, allow_nan=False))
    else:
        show(answer, out)
    return UNHEALTHY if answer.stopped else 0


def compare(
    question: Question,
    connectome: "Connectome",
    people: "xr.DataArray",
    found: "Sequence[dict[str, Any]]",
    propagation: "Result | None" = None,
) -> Answer:
    """Return how runs `at_rest` stand beside fMRI (subject, time_s, region)."""
    from encephagen.validation.evidence import evidence
    from encephagen.validation.rest import recordings
    from encephagen.validation.scorecard import scorecard

    pairs = [recordings(run, connectome) for run in found]
    long, spiking = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    maps, heldout = _surrogates(connectome), tested_on(question, people)
    card = scorecard(
        long,
        connectome,
        people,
        spiking=spiking,
        heldout=heldout,
        fitted_on=question.recipe.fitted_on,
        surrogate_maps=maps,
        extra=() if propagation is None else propagation.rows,
    )
    seen = evidence(long, connectome, people, surrogate_maps=maps)
    made = {"connectome": connectome.digest()}
    made |= {name: spiking[0].provenance[name] for name in ("versions", "working_point")}
    stopped = any(recording.interrupted for recording in (*long, *spiking))
    return Answer(
        question, connectome, heldout, card, seen, tuple(spiking), stopped, propagation, made
    )


def travel(question: Question, recipe: Path, runner: "Runner", **settings: Any) -> "Result":
    """Return what the study of propagation finds of this brain, without null wirings.

    recipe: its file. ``settings`` change others of the study, which is else as long as ever.
    Raises ValueError if the file holds another recipe by now.
    """
    from encephagen.brain.recipe import Recipe
    from encephagen.experiments import study

    if Recipe.load(recipe).replace(name="") != question.recipe.replace(name=""):
        raise ValueError(
            f"{recipe} has changed since this began: does another command write to that folder? "
            "give each an --out of its own"
        )
    chosen = study.find("propagation")
    own = {
        "dataset": portable(question.dataset),
        "recipe": str(recipe),
        "working_point": None
        if question.working_point is None
        else str(recipe.with_name(WORKING_POINT)),
        "neurons_per_region": question.recipe.cortex.neurons_per_region,
        "seeds": question.seeds,
        "nulls": 0,
        "first_seed": FIRST_SEED,
    }
    return chosen.run(dataclasses.replace(chosen.config(), **{**own, **settings}), runner)


def planned(question: Question, connectome: "Connectome") -> list[dict[str, Any]]:
    """Return the arguments of `rest.at_rest`, a dict a seed."""
    return [
        {
            "dataset": portable(question.dataset),
            "digest": connectome.digest(),
            "recipe": question.recipe.as_dict(),
            "working_point": _values(question.working_point),
            "seed": seed,
            "minutes": question.minutes,
            "spiking_s": question.spiking_s,
        }
        for seed in range(FIRST_SEED, FIRST_SEED + question.seeds)
    ]


def compared(question: Question) -> tuple["Connectome", "xr.DataArray"]:
    """Return the connectome and the fMRI, checked against each other."""
    from encephagen.connectome.datasets import catalogue, fmri, load
    from encephagen.validation.evidence import Empirical

    cortical = {both: cortex for cortex, both in SUBCORTEX.items()}
    name = (question.fmri or question.dataset).strip().lower()
    name = cortical.get(name, name)
    known = {dataset.name: dataset.tr_s is not None for dataset in catalogue()}
    if name not in known and not question.fmri:
        load(question.dataset)  # tells what is near to the name, or that the file cannot be read
    if not known.get(name):
        raise ValueError(
            f"{question.fmri or question.dataset!r} comes without fMRI: expected one of "
            f"{', '.join(name for name, there in known.items() if there)}; for another connectome "
            "of their regions name it with --fmri"
        )
    connectome = load(question.dataset)
    people = fmri(name)
    Empirical.of(people, connectome, tested_on(question, people))
    return connectome, people


def tested_on(question: Question, people: "xr.DataArray") -> list[Any] | None:
    """Return the labels of the subjects to test on: those asked for, or not fitted on.

    None, each in turn, if the recipe was fitted on none of them. Raises ValueError for a subject
    that has no fMRI, and for a recipe that was fitted on all that have.
    """
    from encephagen.validation.evidence import not_fitted_on

    labels = people["subject"].values.tolist()
    if question.heldout is not None:
        missing = [place for place in question.heldout if not 0 <= place < len(labels)]
        if missing:
            raise ValueError(
                f"subject {missing[0]} has no fMRI: expected places from 0 to {len(labels) - 1}"
            )
        return [labels[place] for place in question.heldout]
    others = not_fitted_on(people, question.recipe.fitted_on)
    return others if len(others) < len(labels) else None


def _surrogates(connectome: "Connectome") -> Any:
    """Return maps (map, region) as smooth as T1w/T2w, 0 where it is not known; None without any."""
    import numpy as np

    from encephagen.connectome.nulls import spatial_null
    from encephagen.connectome.transform import subset

    known = [i for i, region in enumerate(connectome.regions) if region.t1w_t2w is not None]
    try:
        part = subset(connectome, [connectome.names[i] for i in known])
        values = [region.t1w_t2w for region in part.regions]
        maps = np.zeros((N_MAPS, connectome.n))
        maps[:, known] = spatial_null(values, part, N_MAPS)[0]
    except ValueError:
        return None  # too few regions, or all alike; the row says that it was not measured
    return maps


def _write(answer: Answer, out: Path) -> None:
    """Write the document and the arrays."""
    import numpy as np

    from encephagen.experiments.store import whole

    text = json.dumps(answer.as_dict(), indent=2, allow_nan=False)
    with whole(out / DOCUMENT) as part:
        part.write_text(text + "\n", encoding="utf-8")
    arrays = {str(name): variable.values for name, variable in answer.evidence.variables.items()}
    with whole(out / ARRAYS) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def renewed(text: str, document: dict[str, Any]) -> str:
    """Return the text of docs/validation.md with what a kept document says."""
    from encephagen.app import rows, runs
    from encephagen.validation.targets import Row

    scored, made = [Row.from_dict(row) for row in document["rows"]], document["provenance"]
    return rows.between_marks(
        text,
        "validate",
        f"**{summary(scored)}**",
        rows.markdown(scored),
        f"{document['seeds']} seeds of {document['minutes']:g} min, recipe {document['recipe']} "
        f"(working point: {document['working_point']}) on {document['dataset']}, "
        f"{runs.duration(made['wall_s'])}, {made['created'][:10]}, "
        f"encephagen {made['versions']['encephagen']}, code {made['code'][:12]}"
        + (f", of the stimuli {made['code_of_stimuli'][:12]}" if "code_of_stimuli" in made else ""),
        f"```\n{made['command']}\n```",
    )


# ---- the terminal -------------------------------------------------------------------------------


def show(answer: Answer, out: Path) -> None:
    """Print the answer for people."""
    from rich.padding import Padding
    from rich.text import Text

    from encephagen.app import rows

    screen, q = console.out(), answer.question
    for title, group in answer.groups():
        screen.print(rows.table(title, group))
    screen.print("\nhow it was measured, and where the range is from", style="bold")
    for row in answer.card.rows:
        parts = (row.note, f"range: {row.target.source}" if row.target is not None else "")
        text = "; ".join(part for part in parts if part)
        screen.print(Padding(Text(f"{row.name}: {text}"), (0, 0, 0, 2)))
    screen.print(f"\n{summary(answer.card.rows)}", markup=False, style="bold")
    screen.print(
        f"seeds: {q.seeds}, each {q.minutes:g} min; done in {answer.provenance['wall_s']:.0f} s; "
        f"the report is {out / REPORT}",
        markup=False,
        soft_wrap=True,
    )


def summary(scored: "Sequence[Row]") -> str:
    """Return in one sentence how many figures lie in their ranges, and which do not."""
    judged = [row for row in scored if row.target is not None]
    missed = [row.name for row in judged if row.verdict != "pass"]
    text = f"{len(judged) - len(missed)} of {len(judged)} figures lie in their ranges"
    return f"{text}; not {', '.join(missed)}." if missed else f"{text}."
