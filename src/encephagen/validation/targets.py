"""Targets: the range in which a figure of a healthy brain lies, and who says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

PRONOLD = "Pronold et al. 2024, doi 10.1093/cercor/bhae409"
MINXHA = f"human medial frontal cortex, Minxha et al. 2020, doi 10.1126/science.aba3313; {PRONOLD}"
COHEN = "Cohen and Kohn 2011, doi 10.1038/nn.2842"
SHINOMOTO = "Shinomoto et al. 2009, doi 10.1371/journal.pcbi.1000433"
BUZSAKI = "Buzsaki and Mizuseki 2014, doi 10.1038/nrn3687"
MURRAY = "Murray et al. 2014, doi 10.1038/nn.3862"


@dataclass(frozen=True)
class Target:
    """The range of a figure: ``low`` and ``high`` belong to it; None is no bound on that side.

    Raises ValueError for a range without any bound or upside down.
    """

    name: str
    low: float | None
    high: float | None
    unit: str
    source: str

    def __post_init__(self) -> None:
        bounds = [b for b in (self.low, self.high) if b is not None]
        if not bounds or not all(map(isfinite, bounds)) or bounds != sorted(bounds):
            raise ValueError(
                f"target {self.name}: range {self.low} to {self.high}; expected low <= high and at "
                "least one of them"
            )

    def holds(self, value: float) -> bool:
        """Return whether a value lies in the range; nan does not."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class Verdict(StrEnum):
    """What a figure says of a brain."""

    PASS = "pass"
    FAIL = "fail"
    BASELINE = "baseline"
    """No property of the brain: what others reach on the same data."""
    REPORTED = "reported"
    """Measured, but nobody knows the range."""
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """One figure of a scorecard.

    ``low`` and ``high`` are its 95 % interval, None where there is none; ``n`` counts what that
    interval is over, named by ``note``, which also tells why a figure was not measured.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    target: Target | None
    verdict: Verdict
    note: str = ""

    @property
    def certain(self) -> bool:
        """Whether the whole interval says the same as the value; False without an interval."""
        target, value, low, high = self.target, self.value, self.low, self.high
        if target is None or value is None or low is None or high is None:
            return False
        if target.holds(value):
            return target.holds(low) and target.holds(high)
        below = target.low is not None and high < target.low
        return below or (target.high is not None and low > target.high)

    def as_dict(self) -> dict[str, object]:
        """Return plain numbers and texts, fit for JSON."""
        target = self.target
        return {
            "name": self.name,
            "value": self.value,
            "interval": None if self.low is None else [self.low, self.high],
            "n": self.n,
            "unit": self.unit,
            "range": None if target is None else [target.low, target.high],
            "source": "" if target is None else target.source,
            "verdict": str(self.verdict),
            "certain": self.certain,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Row":
        """Return the row that `as_dict` describes; KeyError, TypeError, ValueError for none."""
        low, high = document["interval"] or (None, None)
        target = None
        if document["range"] is not None:
            lowest, highest = document["range"]
            target = Target(document["name"], lowest, highest, document["unit"], document["source"])
        return cls(
            document["name"],
            document["value"],
            low,
            high,
            document["n"],
            document["unit"],
            target,
            Verdict(document["verdict"]),
            document["note"],
        )


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("rate_exc_Hz", 1.0, 5.0, "Hz", f"free; mean 2.6 in {MINXHA}"),
        Target("rate_region_max_Hz", None, 20.0, "Hz", f"free; rates of cortex in {BUZSAKI}"),
        Target("rate_neuron_p10_Hz", 0.25, 1.0, "Hz", f"free; 0.5 in {MINXHA}"),
        Target("rate_neuron_median_Hz", 0.5, 3.0, "Hz", f"free; 1.5 in {MINXHA}"),
        Target("rate_neuron_p90_Hz", 3.0, 12.0, "Hz", f"free; 6 in {MINXHA}"),
        Target("cv_isi", 0.7, 1.2, "", f"free; 0.98, from 0.63 to 1.40, in {MINXHA}"),
        Target("lvr", 0.6, 1.2, "", f"free; 0.91 in {MINXHA}; 1 is random firing, {SHINOMOTO}"),
        Target("count_correlation", None, 0.1, "", f"free; 0.01 to 0.1; reviewed by {COHEN}"),
        Target("alarms", None, 0.0, "", "free; every alarm is a regime in which no figure counts"),
        Target("fc_group_r", 0.62, None, "", "free; nearly linear_r, of a linear network"),
        Target("fc_heldout_r", 0.54, None, "", "free; nearly linear_heldout_r, of the same"),
        Target("fc_over_linear_r", 0.0, None, "", "free; no less than a linear network"),
        Target("fc_change_if_doubled", None, 0.02, "", "free; long enough that FC r has settled"),
        Target("fcd_ks", None, 0.25, "", "free; mean-field fits with cuBNM reach 0.17 to 0.19"),
        Target("timescale_r", None, 0.0, "", f"longer up the hierarchy, less myelin: {MURRAY}"),
        Target("timescale_p", None, 0.01, "", "free; against maps with the same spatial memory"),
    )
}
"""Ranges by the name of the figure; bounds marked free are our own reading of the source."""


def judge(
    name: str,
    value: float | None,
    *,
    interval: tuple[float, float] | None = None,
    n: int = 1,
    unit: str = "",
    target: Target | None = None,
    otherwise: Verdict = Verdict.REPORTED,
    note: str = "",
) -> Row:
    """Return the row of a figure, judged by its target: the given one or that of `TARGETS`.

    None or nan is "not measured"; a figure without a target has the verdict ``otherwise``.
    """
    target = target or TARGETS.get(name)
    unit = target.unit if target else unit
    if value is None or not isfinite(value):
        return Row(name, None, None, None, n, unit, target, Verdict.NOT_MEASURED, note)
    verdict = otherwise
    if target:
        verdict = Verdict.PASS if target.holds(value) else Verdict.FAIL
    low, high = (None, None) if interval is None else (float(interval[0]), float(interval[1]))
    return Row(name, float(value), low, high, n, unit, target, verdict, note)


def passed(rows: Sequence[Row]) -> bool:
    """Return whether every row with a target passes; one that was not measured does not."""
    return all(row.verdict is Verdict.PASS for row in rows if row.target is not None)
