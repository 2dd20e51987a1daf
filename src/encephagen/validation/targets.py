"""Targets: the range in which a figure of a healthy brain lies, and who says so.

Every range by which a brain is judged stands here, once: in `TARGETS` those of a brain at rest, in
`STIMULI` those of what a stimulus does to it. What a study asks of a claim stands in the study.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PRONOLD = "Pronold et al. 2024, doi 10.1093/cercor/bhae409"
MINXHA = f"human medial frontal cortex, Minxha et al. 2020, doi 10.1126/science.aba3313; {PRONOLD}"
COHEN = "Cohen and Kohn 2011, doi 10.1038/nn.2842"
SHINOMOTO = "Shinomoto et al. 2009, doi 10.1371/journal.pcbi.1000433"
BUZSAKI = "Buzsaki and Mizuseki 2014, doi 10.1038/nrn3687"
MURRAY = "Murray et al. 2014, doi 10.1038/nn.3862"
PEYRACHE = "human neocortex, Peyrache et al. 2012, doi 10.1073/pnas.1109895109"
VIJAYAN = "awake rats, Vijayan et al. 2010, doi 10.1152/jn.00474.2009"
FREE = "free"


@dataclass(frozen=True)
class Target:
    """The range of a figure: ``low`` and ``high`` belong to it; None is no bound on that side.

    source: who says so; it begins with "free" where the bounds are our own reading of it.
    whole: the whole interval of a figure must lie in the range, not its value alone; for what is
        compared with something that has an error of its own.

    Raises ValueError for a range without any bound or upside down.
    """

    name: str
    low: float | None
    high: float | None
    unit: str
    source: str
    whole: bool = False

    def __post_init__(self) -> None:
        bounds = [b for b in (self.low, self.high) if b is not None]
        if not bounds or not all(map(math.isfinite, bounds)) or bounds != sorted(bounds):
            raise ValueError(
                f"target {self.name}: range {self.low} to {self.high}; expected low <= high and at "
                "least one of them"
            )

    @property
    def free(self) -> bool:
        """Whether the bounds are our own reading of the source, not the source's own."""
        return self.source.startswith(FREE)

    def holds(self, value: float) -> bool:
        """Return whether a value lies in the range; nan does not."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def verdict(self, value: float, interval: tuple[float, float] | None = None) -> "Verdict":
        """Return what a value says, and its interval where the whole of it must lie in the range.

        It is undecided then where the interval is on both sides of a bound, or is not known.
        """
        known = interval is not None or not self.whole
        held = {self.holds(x) for x in (value, *((interval or ()) if self.whole else ()))}
        if not known or len(held) == 2:
            return Verdict.UNDECIDED
        return Verdict.PASS if held.pop() else Verdict.FAIL


class Verdict(StrEnum):
    """What a figure says of a brain."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"
    """The interval lies on both sides of the bound, or is not known: nothing is shown."""
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
            "free": target is not None and target.free,
            "whole": target is not None and target.whole,
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
            target = Target(
                document["name"],
                lowest,
                highest,
                document["unit"],
                document["source"],
                document.get("whole", False),
            )
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


def _by_name(*targets: Target) -> dict[str, Target]:
    return {target.name: target for target in targets}


TARGETS: dict[str, Target] = _by_name(
    Target("rate_exc_Hz", 1.0, 5.0, "Hz", f"free; mean 2.6 in {MINXHA}"),
    Target(
        "rate_inh_over_exc", 2.0, 4.0, "",
        f"free; interneurons fire more than pyramidal cells: {PEYRACHE}; {VIJAYAN}",
    ),
    Target("rate_region_max_Hz", None, 20.0, "Hz", f"free; rates of cortex in {BUZSAKI}"),
    Target("rate_neuron_p10_Hz", 0.25, 1.0, "Hz", f"free; 0.5 in {MINXHA}"),
    Target("rate_neuron_median_Hz", 0.5, 3.0, "Hz", f"free; 1.5 in {MINXHA}"),
    Target("rate_neuron_p90_Hz", 3.0, 12.0, "Hz", f"free; 6 in {MINXHA}"),
    Target("silent_share", None, 0.05, "", f"free; few neurons hardly fire in {MINXHA}"),
    Target("rate_over_seeds", None, 0.1, "", "free; a draw of synapses is no other brain"),
    Target("high_branch", None, 1.25, "", "free; rest is the only state"),
    Target("fc_mean_least", 0.3, None, "", "free; 0.23 to 0.49 in the subjects of hcp-aal2"),
    Target("fc_mean_most", None, 0.45, "", "free; 0.23 to 0.49 in the subjects of hcp-aal2"),
    Target("cv_isi", 0.7, 1.2, "", f"free; 0.98, from 0.63 to 1.40, in {MINXHA}"),
    Target("lvr", 0.6, 1.2, "", f"free; 0.91 in {MINXHA}; 1 is random firing, {SHINOMOTO}"),
    Target("count_correlation", None, 0.1, "", f"free; 0.01 to 0.1; reviewed by {COHEN}"),
    Target("alarms", None, 0.0, "", "free; every alarm is a regime in which no figure counts"),
    Target(
        "fc_group_over_linear_r", 0.0, None, "",
        "free; no less than a linear network on the same wiring", whole=True,
    ),
    Target(
        "fc_over_linear_r", 0.0, None, "",
        "free; no less than that network on people whom nobody has seen", whole=True,
    ),
    Target("fc_change_if_doubled", None, 0.02, "", "free; long enough that FC r has settled"),
    Target(
        "fcd_over_linear_ks", None, 0.0, "",
        "free; no further from people than a network whose FC never changes", whole=True,
    ),
    Target("timescale_r", None, 0.0, "", f"longer up the hierarchy, less myelin: {MURRAY}"),
    Target("timescale_p", None, 0.01, "", "free; against maps with the same spatial memory"),
    Target("timescale_ratio", 2.0, None, "", f"free; association over sensory: {MURRAY}"),
    Target("timescale_50_r", None, -0.5, "", f"free; longer up the hierarchy: {MURRAY}"),
    Target("timescale_50_regions", 0.875, None, "", "free; share of regions that have one"),
    Target("timescale_50_sensory_ms", 50.0, 150.0, "ms", f"free; sensory areas in {MURRAY}"),
    Target("timescale_50_association_ms", 200.0, 400.0, "ms", f"free; prefrontal in {MURRAY}"),
    Target("timescale_50_ratio", 2.0, None, "", f"free; association over sensory: {MURRAY}"),
)  # fmt: skip
"""Ranges of a brain at rest, by the name of the figure."""

STIMULI: dict[str, Target] = _by_name(
    Target("reach", 40.0, None, "regions", "free; half of the 80 regions of hcp-aal2 and gw-aal2"),
    Target("lobes", 1.0, None, "", "free; share of the lobes, each in half of the brains"),
    Target("latency rho", 0.0, None, "", "free; later where fibres are longer"),
    Target("latency rho, spatial p", None, 0.05, "", "free; maps as smooth as the delay"),
    Target("selectivity rho", 0.5, None, "", "free; stronger where connected"),
    Target("brains at rest again", 0.95, None, "", "free; share of the brains"),
    Target("rate at the end, over rest", None, 1.1, "", "free; nothing is left"),
    Target("source peak", None, 150.0, "Hz", "free; what cortex can fire"),
    Target("sham reach", None, 0.5, "regions", "free; no stimulus, no response"),
)
"""Ranges of what a stimulus does, by the name of the figure without that of the stimulus."""


def among_people(name: str, values: Sequence[float], unit: str = "") -> Target | None:
    """Return the range of a figure that was measured in people, one value each; None for one."""
    if len(values) < 2:
        return None
    source = f"the least and the most of the {len(values)} subjects that it is compared with"
    return Target(name, float(min(values)), float(max(values)), unit, source)


def of_all(share: Target, n: int) -> Target:
    """Return a target for counts out of ``n``, from one for their share."""
    low = None if share.low is None else math.ceil(share.low * n - 1e-9)
    high = None if share.high is None else math.floor(share.high * n + 1e-9)
    return dataclasses.replace(share, low=low, high=high)


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
    if value is None or not math.isfinite(value):
        return Row(name, None, None, None, n, unit, target, Verdict.NOT_MEASURED, note)
    if interval is not None:
        interval = float(interval[0]), float(interval[1])
    verdict = target.verdict(value, interval) if target else otherwise
    low, high = interval or (None, None)
    return Row(name, float(value), low, high, n, unit, target, verdict, note)


@dataclass(frozen=True)
class Tally:
    """How many figures are judged, and which of them are not in their range."""

    judged: int
    missed: tuple[str, ...]

    @staticmethod
    def of(rows: Sequence[Row]) -> "Tally":
        """Return the tally of rows; what was not measured or is undecided is not in its range."""
        judged = [row for row in rows if row.target is not None]
        missed = tuple(row.name for row in judged if row.verdict is not Verdict.PASS)
        return Tally(len(judged), missed)

    @property
    def in_range(self) -> int:
        """How many figures lie in their ranges."""
        return self.judged - len(self.missed)

    def as_dict(self) -> dict[str, object]:
        """Return plain numbers and names, fit for JSON."""
        return {
            "judged": self.judged,
            "in_range": self.in_range,
            "missed": list(self.missed),
            "passed": not self.missed,
        }
