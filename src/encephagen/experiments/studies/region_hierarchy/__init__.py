"""Identical regions on the connectome: what do strengths set, and what the wiring?

Every region is the same Wilson-Cowan unit; only its connections differ. Two kinds of measures are
taken of each wiring: of regions (how active, how variable, how slow which systems are) and of the
network (functional connectivity, the way of a pulse). Nulls then say what made them. A weight
shuffle keeps neither strengths nor wiring; a strength-preserving null keeps strengths alone; one
that also keeps how weight falls with distance says whether geometry would do.

All wirings stand at one working point (mean activity, leading eigenvalue), which one coupling for
all would not give them. For a measure that sets the real wiring apart from shuffles, the share that
strengths explain is 1 where the strength-preserving null has all of the real value, and 0 where it
has that of a shuffle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.statistics import (
    LEVEL,
    N_BOOTSTRAP,
    Comparison,
    benjamini_hochberg,
    compare,
    family,
)
from encephagen.analysis.statistics import Verdict as Found
from encephagen.experiments import design
from encephagen.experiments.brains import Values
from encephagen.experiments.design import REAL, Arm, joined
from encephagen.experiments.prepare import at_least
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.studies.region_hierarchy.wiring import FIT, measures
from encephagen.rng import stream
from encephagen.validation.targets import Row, Verdict, judge

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLAIM = (
    "Identical Wilson-Cowan regions on the human connectome: degree sets the hierarchy of regions "
    "(24 measures driven by degree), specific wiring sets functional connectivity (11 measures "
    "driven by wiring, all of them connectivity); claims 1-4 of the first encephagen."
)
CLAIMED = {"degree": 24, "wiring": 11}

DECOY = "decoy"
SHUFFLE, STRENGTH, GEOMETRY = NULLS = ("shuffle", "strength", "geometry")
"""What a null is for: it keeps nothing, strengths, or strengths and the fall with distance."""

HALF = 0.5
REGIONAL = ("activity", "variance", "timescale")
KINDS = ("region", "network")


class Class(StrEnum):
    """What makes a measure what it is."""

    STRENGTH = "strength"
    """Shuffles lose it, and strengths alone keep most of it."""
    BOTH = "strength and wiring"
    """Strengths keep most of it, and yet the real wiring stands apart from its strengths."""
    WIRING = "wiring"
    """The real wiring stands apart from its strengths, which keep less than half of it.

    Or undo what shuffles have as well.
    """
    ANY = "any"
    """Shuffles have it too."""
    UNDECIDED = "undecided"


ON_PAGE = (
    *(f"{kind} measures set by {found}" for kind in KINDS for found in Class),
    *CLAIMED,
    DECOY,
    *REGIONAL,
    *(f"{name} along T1w/T2w" for name in REGIONAL),
    FIT,
    "pulse",
)


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 25 minutes on two cores.

    dataset             connectome, and fMRI where there is, by name or path
    seeds               runs of the real wiring
    nulls               instances of each null
    shuffle             kind of null that keeps nothing (see `connectome.nulls`)
    strength            kind of null that keeps strengths
    geometry            kind of null that keeps strengths and the fall with distance
    seconds             of activity in each run
    mean_E              mean activity of all wirings
    leading_per_ms      leading eigenvalue of all wirings
    noise_sd, noise_tau_ms  of the drive of each region
    """

    dataset: str = "hcp-aal2"
    seeds: int = 10
    nulls: int = 200
    shuffle: str = "weight-shuffle"
    strength: str = "strength"
    geometry: str = "length-and-strength"
    seconds: float = 120.0
    mean_E: float = 0.06
    leading_per_ms: float = -0.002
    noise_sd: float = 0.05
    noise_tau_ms: float = 100.0

    def __post_init__(self) -> None:
        at_least(self, seeds=2, nulls=2)

    @property
    def n_runs(self) -> int:
        """Independent runs: seeds of the real wiring, the decoy, and the nulls."""
        return self.seeds + 1 + len(NULLS) * self.nulls

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, by nulls that cost none, whose figures mean nothing."""
        return cls(seeds=2, nulls=2, strength="length-binned", geometry="boundary", seconds=10.0)


# ---- all wirings -------------------------------------------------------------------------------


def kind(measure: str) -> str:
    """Return whether a measure is of regions or of the network."""
    return KINDS[0] if measure.startswith(REGIONAL) else KINDS[1]


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError for too few wirings that have such a working point."""
    runs_of = _arms(config, runner)
    for name, arm in runs_of.items():
        design.check_enough(arm, least=1 if name == DECOY else design.FEWEST)
    arms = {name: arm.measured for name, arm in runs_of.items()}
    every = {
        arm: {n: np.concatenate([r["measures"][n] for r in runs]) for n in runs[0]["measures"]}
        for arm, runs in arms.items()
    }
    names = [n for n in every[REAL] if all(np.isfinite(x[n]).all() for x in every.values())]
    table = {arm: {n: x[n] for n in names} for arm, x in every.items()}
    against = {null: _family(table[REAL], table[null]) for null in NULLS}
    shares = {null: {n: _share(table, null, n) for n in names} for null in (STRENGTH, GEOMETRY)}
    classes = {
        n: classify(against[SHUFFLE][n], against[STRENGTH][n], shares[STRENGTH][n]) for n in names
    }
    counts = {k: {c: sum(kind(n) == k and x == c for n, x in classes.items()) for c in Class}
              for k in KINDS}  # fmt: skip
    theirs = {arm: _by_their_rule(table, arm) for arm in (REAL, DECOY)}
    decoy = _family(table[DECOY], table[STRENGTH])
    values = {
        "n_measures": {k: sum(kind(n) == k for n in names) for k in KINDS},
        "not_defined": sorted(set(every[REAL]) - set(names)),
        "classes": counts,
        "claimed": CLAIMED,
        "by_their_rule": theirs[REAL],
        "decoy": {
            "by_their_rule": theirs[DECOY]["wiring"],
            "by_instances": sum(c.uncorrected_p <= c.alpha for c in decoy.values()),  # type: ignore[operator]
            "by_instances_corrected": sum(c.p <= c.alpha for c in decoy.values()),
        },
        "geometry_keeps": {
            k: sum(kind(n) == k and shares[GEOMETRY][n][1] > HALF for n in _set_by_wiring(classes))
            for k in KINDS
        },
        "measures": {n: _values(n, classes[n], table, against, shares) for n in names},
        "working_point": {
            arm: {
                what: np.quantile(np.hstack([r[what] for r in runs]), [0.0, 0.5, 1.0]).tolist()
                for what in ("coupling", "drive", "mean_E")
            }
            for arm, runs in arms.items()
        },
        **design.lost(runs_of),
    }
    lost = joined(*(f"{name}: {arm.lost}" for name, arm in runs_of.items() if arm.lost))
    return Result(
        values=values,
        verdict=verdict(values),
        rows=_rows(values, table, against, shares, classes, lost),
        data={
            "names": np.array(names),
            "classes": np.array([str(classes[n]) for n in names]),
            "share": np.array([shares[STRENGTH][n] for n in names]),
            **{arm: np.array([x[n] for n in names]) for arm, x in table.items()},
        },
    )


def _arms(config: Config, runner: Runner) -> dict[str, Arm]:
    """Return the runs of the real wiring, of the decoy and of each null.

    The decoy is one more strength-preserving null, run with seeds as if it were the real wiring.
    """
    same = {
        name: getattr(config, name)
        for name in ("dataset", "seconds", "mean_E", "leading_per_ms", "noise_sd", "noise_tau_ms")
    }
    todo = {
        REAL: [(None, 0, [seed]) for seed in range(config.seeds)],
        DECOY: [(config.strength, config.nulls, list(range(config.seeds)))],
        **{null: [(getattr(config, null), i, [i]) for i in range(config.nulls)] for null in NULLS},
    }
    return {
        arm: Arm(
            arm,
            runner.map(
                measures,
                [
                    {"null": null, "null_seed": i, "noise_seeds": seeds, **same}
                    for null, i, seeds in each
                ],
                label=arm,
            ),
        )
        for arm, each in todo.items()
    }


def _family(
    real: Mapping[str, np.ndarray], nulls: Mapping[str, np.ndarray]
) -> dict[str, Comparison]:
    """Return all measures against one null, corrected for the rate of false discoveries.

    With n nulls no p is under 1/(1 + n), and of K measures K/(0.05 (1 + n)) must be so small before
    any counts: 37 of 76 with 40 nulls, 8 with 200. (`joint_family` has no such threshold, but sees
    only what no null comes near in any of 76 measures.)
    """
    alone = {n: compare(x.tolist(), nulls[n].tolist()) for n, x in real.items()}
    return family(alone, benjamini_hochberg)


def _share(
    table: Mapping[str, Mapping[str, np.ndarray]], null: str, name: str
) -> tuple[float, float, float]:
    """Return the share of a measure that a null keeps, (null - shuffle)/(real - shuffle).

    Of medians, with the percentile bootstrap interval over seeds and instances; nan where the real
    wiring may be a shuffle.
    """
    generator = stream(0, "share", null, name)
    drawn = []
    for x in (table[REAL][name], table[SHUFFLE][name], table[null][name]):
        index = generator.integers(x.size, size=(N_BOOTSTRAP, x.size))
        drawn.append(np.append(np.median(x), np.median(x[index], axis=1)))
    real, shuffle, kept = drawn
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (kept - shuffle) / (real - shuffle)
    if not np.isfinite(share).all():
        return float("nan"), float("nan"), float("nan")
    low, high = np.quantile(share[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(share[0]), float(low), float(high)


def classify(shuffle: Comparison, strength: Comparison, share: tuple[float, float, float]) -> Class:
    """Return what makes a measure, from its comparisons with both nulls and the share kept."""
    lost_by_shuffle, lost_by_strength = (c.verdict in (Found.HIGHER, Found.LOWER)
                                         for c in (shuffle, strength))  # fmt: skip
    kept_by_shuffle = shuffle.verdict in (Found.EQUIVALENT, Found.CONSTANT)
    _, low, high = share
    if lost_by_strength and (kept_by_shuffle or (lost_by_shuffle and high < HALF)):
        return Class.WIRING
    if lost_by_shuffle and low > HALF:
        return Class.BOTH if lost_by_strength else Class.STRENGTH
    return Class.ANY if kept_by_shuffle else Class.UNDECIDED


def _set_by_wiring(classes: Mapping[str, Class]) -> list[str]:
    return [n for n, c in classes.items() if c in (Class.WIRING, Class.BOTH)]


def _by_their_rule(table: Mapping[str, Mapping[str, np.ndarray]], real: str) -> dict[str, int]:
    """Return the counts that the first encephagen's rule gives: Mann and Whitney's test, p < 0.05.

    Degree: strength nulls against shuffles. Wiring: seeds of one wiring against strength nulls, as
    if a seed were a connectome. Nothing is corrected.
    """
    from scipy.stats import mannwhitneyu

    def differ(a: str, b: str) -> int:
        return sum(
            np.ptp([*x, *table[b][n]]) > 0 and mannwhitneyu(x, table[b][n]).pvalue < 0.05
            for n, x in table[a].items()
        )

    return {"degree": int(differ(STRENGTH, SHUFFLE)), "wiring": int(differ(real, STRENGTH))}


# ---- what is shown ------------------------------------------------------------------------------


def _values(
    name: str,
    found: Class,
    table: Mapping[str, Mapping[str, np.ndarray]],
    against: Mapping[str, Mapping[str, Comparison]],
    shares: Mapping[str, Mapping[str, tuple[float, float, float]]],
) -> Values:
    """Return what is known of one measure; the values of single runs are in the data."""
    compared = {null: comparisons[name].as_dict() for null, comparisons in against.items()}
    for comparison in compared.values():
        del comparison["real"], comparison["nulls"]
    return {
        "kind": kind(name),
        "class": str(found),
        "median": {arm: float(np.median(x[name])) for arm, x in table.items()},
        "share_kept": {null: list(x[name]) for null, x in shares.items()},
        "against": compared,
    }


def _rows(
    values: Values,
    table: Mapping[str, Mapping[str, np.ndarray]],
    against: Mapping[str, Mapping[str, Comparison]],
    shares: Mapping[str, Mapping[str, tuple[float, float, float]]],
    classes: Mapping[str, Class],
    lost: str,
) -> tuple[Row, ...]:
    """Return counts, checks, then every measure with what keeps it; ``lost`` are runs left out."""
    rows = []
    for k in KINDS:
        n = values["n_measures"][k]
        rows += [
            judge(
                f"{k} measures set by {c}",
                float(count),
                n=n,
                note=joined(Class(c).name.lower(), lost),
            )
            for c, count in values["classes"][k].items()
        ]
    for what, count in values["by_their_rule"].items():
        note = f"claimed: {CLAIMED[what]}; seeds taken for connectomes, nothing corrected"
        rows.append(_baseline(f"{what}, by the claim's rule", count, len(classes), note))
    decoy = values["decoy"]
    note = "a strength null in place of the real wiring; 5 % would be chance"
    rows.append(_baseline("decoy, by the claim's rule", decoy["by_their_rule"], len(classes), note))
    rows.append(_baseline("decoy, by instances", decoy["by_instances"], len(classes), note))
    for name, x in table[REAL].items():
        share, low, high = shares[STRENGTH][name]
        kept = f"strengths keep {share:.2f} ({low:.2f} to {high:.2f}); "
        apart = against[SHUFFLE][name].verdict in (Found.HIGHER, Found.LOWER)
        rows.append(
            judge(
                name,
                float(np.median(x)),
                n=x.size,
                note=f"{classes[name]}: {kept if apart else ''}beside strength nulls "
                f"{against[STRENGTH][name].sentence}",
            )
        )
    return tuple(rows)


def _baseline(name: str, count: int, n: int, note: str) -> Row:
    return judge(name, float(count), n=n, otherwise=Verdict.BASELINE, note=note)


def verdict(values: Values) -> str:
    """Return what the figures come to; nothing is set by wiring where that could not be seen."""
    parts = []
    for k in KINDS:
        n, c = values["n_measures"][k], values["classes"][k]
        parts.append(
            f"of {n} {k} measures strengths set {c[Class.STRENGTH]}, wiring {c[Class.WIRING]}, "
            f"both {c[Class.BOTH]}; any wiring has {c[Class.ANY]} ({c[Class.UNDECIDED]} undecided)"
        )
    found = "; ".join(parts)
    beside = [m["against"][STRENGTH] for m in values["measures"].values()]
    blind = ""
    if all(c["smallest_p"] > c["alpha"] for c in beside):
        blind = (
            " What wiring sets could not be seen: corrected, no p beside strength nulls can be "
            f"under {min(c['smallest_p'] for c in beside):.2g} with so few of them."
        )
    decoy, n = values["decoy"], sum(values["n_measures"].values())
    return (
        f"{found[0].upper()}{found[1:]}.{blind} Claimed were {CLAIMED['degree']} by degree and "
        f"{CLAIMED['wiring']} by wiring; by that rule wiring sets {decoy['by_their_rule']} of {n} "
        "measures of a decoy, which is one more strength null."
    )


def figures(result: Result) -> "dict[str, Figure]":
    """Return the share that strengths keep of every measure, and some measures beside nulls."""
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    d = result.data
    names = d["names"].tolist()
    with style.styled(7.2, 0.8 + 0.12 * len(names)) as shares:
        for axes, k in zip(shares.subplots(1, 2), KINDS, strict=True):
            _share_panel(axes, k, d)
    shown = [n for n in SHOWN if n in names]
    with style.styled(7.2, 2.6) as beside:
        panels = np.atleast_1d(beside.subplots(1, len(shown)))  # type: ignore[arg-type]
        for axes, name in zip(panels, shown, strict=True):
            arms = {arm: d[arm][names.index(name)] for arm in (REAL, *NULLS)}
            strip(axes, arms)
            axes.tick_params(axis="x", rotation=40)
            axes.set_title(fill(name, 20))
    return {"shares": shares, "measures": beside}


SHOWN = ("activity spread", "timescale, prefrontal over sensory", "fc mean", FIT)


def _share_panel(axes: "Axes", of: str, d: Mapping[str, np.ndarray]) -> None:
    """Draw the share of each measure of a kind, by class, in order."""
    from encephagen.figures import style

    colour = {
        Class.STRENGTH: style.INHIBITORY,
        Class.BOTH: "#CC79A7",
        Class.WIRING: style.EXCITATORY,
        Class.ANY: "0.75",
        Class.UNDECIDED: "0.5",
    }
    rows = [i for i, name in enumerate(d["names"].tolist()) if kind(name) == of]
    rows.sort(key=lambda i: (list(Class).index(Class(str(d["classes"][i]))), -d["share"][i, 0]))
    for at, i in enumerate(rows):
        share, low, high = np.clip(d["share"][i], -0.5, 1.5)
        c = colour[Class(str(d["classes"][i]))]
        axes.plot([low, high], [-at, -at], color=c, linewidth=0.8)
        axes.plot(share, -at, ".", color=c)
    for level in (0.0, 0.5, 1.0):
        axes.axvline(level, color="0.85", linewidth=0.6, zorder=0)
    axes.set_yticks([-at for at in range(len(rows))], [str(d["names"][i]) for i in rows])
    axes.tick_params(axis="y", labelsize=5.0)
    axes.set_xlabel("share that strengths keep")
    axes.set_title(f"Measures of the {of}" + ("s" if of == KINDS[0] else ""))
