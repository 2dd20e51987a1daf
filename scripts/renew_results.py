"""Renew what pages in docs say of kept results: docs/experiments/NAME.md, and docs/validation.md.

    python scripts/renew_results.py

Each page has its result beside it: NAME.json is the result.json that `encephagen run NAME` wrote,
validation.json the validate.json of `encephagen validate`. A verdict follows from its figures, so a
study that words it otherwise has it renewed in NAME.json, too.
"""

import json
from pathlib import Path

from encephagen.app import experiments, validate
from encephagen.experiments import study
from encephagen.experiments.result import Result
from encephagen.files import to_json

EARLIER = "by an earlier version of the study"
"""What a page says whose figures are other ones than the study's of today."""

DOCS = Path(__file__).parents[1] / "docs"


def renewed(file: Path) -> str:
    """Return the text of the page beside a kept result, with what the result says now."""
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    document = json.loads(file.read_text(encoding="utf-8"))
    if file.parent == DOCS:
        return validate.renewed(text, document)
    if EARLIER not in text:
        document["verdict"] = study.find(document["study"]).module.verdict(document["values"])
        file.write_text(to_json(document) + "\n", encoding="utf-8")
    return experiments.renewed(text, Result.from_dict(document))


if __name__ == "__main__":
    for file in sorted([*DOCS.glob("validation.json"), *(DOCS / "experiments").glob("*.json")]):
        file.with_suffix(".md").write_text(renewed(file), encoding="utf-8")
        print(file.with_suffix(".md").relative_to(DOCS.parent))
