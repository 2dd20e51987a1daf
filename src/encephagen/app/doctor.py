"""`encephagen doctor`: what was found of this installation, check by check."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from rich.text import Text

from encephagen.app import console
from encephagen.bench.installation import BROKEN, GOOD, MISSING, Finding, examine

WIDTH = 71


def doctor(as_json: bool) -> int:
    """Run every check, print what was found, and return 1 if something needed is broken, else 0."""
    out = console.out()
    found: list[Finding] = []
    colours = {GOOD: "green", MISSING: "yellow", BROKEN: "red"}
    for finding in _told():
        found.append(finding)
        if as_json:
            continue
        lines = textwrap.wrap(f"{finding.what}: {finding.detail}", WIDTH) or [""]
        lines += textwrap.wrap(finding.remedy, WIDTH)
        out.print(Text.assemble((f"{finding.state:8s} ", colours[finding.state]), lines[0]))
        for line in lines[1:]:
            out.print(Text(f"{'':8s} {line}"))
    n_broken = sum(f.state == BROKEN for f in found)
    if as_json:
        document = {"healthy": not n_broken, "checks": [asdict(f) for f in found]}
        print(json.dumps(document, indent=2))
    elif n_broken:
        out.print(f"{n_broken} of {len(found)} checks failed", style="bold red")
    else:
        out.print("all that is needed is here", style="bold green")
    return 1 if n_broken else 0


def _told() -> Iterator[Finding]:
    """Yield the findings, with a word where one takes long: it is the kernel that is compiled."""
    findings = examine()
    while True:
        with console.patience():
            finding = next(findings, None)
        if finding is None:
            return
        yield finding
