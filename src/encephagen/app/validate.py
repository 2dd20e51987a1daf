"""`encephagen validate`: is the brain as people are? Every figure beside its range and source."""

import json
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from encephagen.app import console

if TYPE_CHECKING:
    from encephagen.experiments.validate import Answer
    from encephagen.validation.question import Question

UNHEALTHY = 1


def subjects(text: str, option: str) -> tuple[int, ...]:
    """Return subjects by their place, from texts as "4,5"; none for an empty text."""
    try:
        return tuple(int(part) for part in text.split(",") if text.strip())
    except ValueError:
        raise ValueError(f"{option} {text!r}: expected places of subjects, as in 4,5,6") from None


def validate(
    question: "Question", workers: int | None, scheduler: str | None, out: Path, as_json: bool
) -> int:
    """Measure, print, write the report into the folder ``out``; return the exit status.

    0 if it was measured, whatever the verdicts; 1 if the engine stopped a run, or a run failed.
    Raises ValueError for data without fMRI, regions that do not match, and what cannot be built.
    """
    from encephagen.app import runs
    from encephagen.experiments.closure import code_digest
    from encephagen.experiments.runner import RunFailed
    from encephagen.experiments.validate import WORKING_POINT, compare, travel
    from encephagen.files import whole
    from encephagen.report import validation
    from encephagen.validation.question import compared, planned
    from encephagen.validation.rest import at_rest

    connectome, people = compared(question)
    out.mkdir(parents=True, exist_ok=True)
    started_s = time.perf_counter()
    recipe = out / validation.RECIPE
    with whole(recipe) as part:
        question.recipe.save(part, "The recipe that encephagen validate has tested.")
    if question.working_point is not None:
        with whole(out / WORKING_POINT) as part:
            question.working_point.save(part, "The working point that it was tested at.")
    try:
        with runs.runner(out, workers, scheduler) as runner:
            found = runner.map(at_rest, planned(question, connectome), label="at rest")
            travelled = travel(question, recipe, runner) if question.propagation else None
    except RunFailed as error:
        return runs.failed(error)
    with console.patience("comparing ..."):
        answer = compare(question, connectome, people, found, travelled)
    answer.provenance.update(
        command=shlex.join(["encephagen", *sys.argv[1:]]),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code=code_digest(at_rest),
        runs=runner.n_runs,
        resumed=runner.n_resumed,
        notes=runner.notes,
        wall_s=round(time.perf_counter() - started_s, 3),
    )
    if travelled is not None:
        answer.provenance["code_of_stimuli"] = travelled.provenance["code"]
    with console.patience("drawing ..."):
        validation.write(answer, out)
    if as_json:
        document = {**answer.as_dict(), "out": str(out)}
        print(json.dumps(document, indent=2, allow_nan=False))
    else:
        show(answer, out)
    return UNHEALTHY if answer.stopped else 0


def show(answer: "Answer", out: Path) -> None:
    """Print the answer for people."""
    from rich.padding import Padding
    from rich.text import Text

    from encephagen.app import tables
    from encephagen.report import validation
    from encephagen.report.text import FREE_MEANS

    screen, q = console.out(), answer.question
    for title, group in validation.groups(answer.card):
        screen.print(tables.scores(title, group))
    screen.print("\nhow it was measured, and where the range is from", style="bold")
    screen.print(FREE_MEANS, style="dim", markup=False)
    for row in answer.card.rows:
        parts = (row.note, f"range: {row.target.source}" if row.target is not None else "")
        text = "; ".join(part for part in parts if part)
        screen.print(Padding(Text(f"{row.name}: {text}"), (0, 0, 0, 2)))
    screen.print()
    for line in validation.summary(answer.card):
        screen.print(line, markup=False, style="bold")
    screen.print(
        f"seeds: {q.seeds}, each {q.minutes:g} min; done in {answer.provenance['wall_s']:.0f} s; "
        f"the report is {out / validation.REPORT}",
        markup=False,
        soft_wrap=True,
    )
