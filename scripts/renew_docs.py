"""Renew what the documents show and say, where it is cheap; `make docs` runs this.

    python scripts/renew_docs.py

- docs/overview.png: what `encephagen simulate --seconds 10 --out run.nc; encephagen plot run.nc`
  draws, with the digest of its brain in it; drawn anew where that is another.
- docs/validation.md and docs/experiments/NAME.md: what they say of the result that is kept beside
  them. NAME.json is the result.json that `encephagen run NAME` wrote, validation.json the
  validate.json of `encephagen validate`. A verdict follows from its figures, so a study that words
  it otherwise has it renewed in NAME.json, too.
"""

import json
from pathlib import Path

from encephagen import hcp_aal2, whole_brain
from encephagen.engine.session import simulate
from encephagen.experiments.result import Result
from encephagen.experiments.study import find
from encephagen.figures import overview
from encephagen.files import to_json, whole
from encephagen.network.build import build
from encephagen.report import study, validation
from encephagen.report.page import brain_digest_of, png

DOCS = Path(__file__).parents[1] / "docs"
PICTURE = DOCS / "overview.png"
SECONDS = 10.0
EARLIER = "by an earlier version of the study"
"""What a page says whose figures are other ones than the study's of today."""


def draw_overview(file: Path) -> bool:
    """Draw a run of the shipped brain, all seeds 0, unless the picture is of it; return whether."""
    brain = whole_brain(hcp_aal2())
    if file.exists() and brain_digest_of(file) == brain.digest():
        return False
    recording = simulate(build(brain, seed=0), 1000.0 * SECONDS)
    picture = png(overview(recording), brain.digest())
    with whole(file) as part:
        part.write_bytes(picture)
    return True


def renewed(file: Path) -> str:
    """Return the text of the page beside a kept result, with what the result says now."""
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    document = json.loads(file.read_text(encoding="utf-8"))
    if file.parent == DOCS:
        return validation.renewed(text, document)
    if EARLIER not in text:
        document["verdict"] = find(document["study"]).module.verdict(document["values"])
        file.write_text(to_json(document) + "\n", encoding="utf-8")
    return study.renewed(text, Result.from_dict(document))


if __name__ == "__main__":
    if draw_overview(PICTURE):
        print(PICTURE.relative_to(DOCS.parent))
    for file in sorted([*DOCS.glob("validation.json"), *(DOCS / "experiments").glob("*.json")]):
        page = file.with_suffix(".md")
        page.write_text(renewed(file), encoding="utf-8")
        print(page.relative_to(DOCS.parent))
