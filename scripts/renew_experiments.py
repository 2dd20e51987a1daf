"""Renew what the pages in docs/experiments say of their results: NAME.md from NAME.json.

    python scripts/renew_experiments.py

NAME.json is the result.json that `encephagen run NAME` wrote, copied there.
"""

import json
from pathlib import Path

from encephagen.app.experiments import renewed
from encephagen.experiments.result import Result

FOLDER = Path(__file__).parents[1] / "docs" / "experiments"

if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.json")):
        result = Result.from_dict(json.loads(file.read_text(encoding="utf-8")))
        page = file.with_suffix(".md")
        page.write_text(renewed(page.read_text(encoding="utf-8"), result), encoding="utf-8")
        print(page.relative_to(FOLDER.parents[1]))
