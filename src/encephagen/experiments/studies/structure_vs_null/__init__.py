"""The human wiring against null wirings: what structure gives before anything is learnt.

A run is one wiring, the real one or an instance of a null, with synapses and noise of its own. It
is brought to the same working point (as near to instability, and every region at the recipe's
rate), is left at rest for minutes, and then gets visual, auditory and tactile pulses. What it does
by itself is measured, and the real wiring is held against each rung of a ladder of nulls, which
keep ever more of it.

Each rung is a question of its own (is what it keeps enough?), and its four primary measures are one
family. Functional connectivity is compared with that of subjects whom the recipe was not fitted on;
but it was fitted on the real wiring, which is a head start that no working point takes away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.statistics import Comparison, Verdict
from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import catalogue, fmri, load
from encephagen.connectome.nulls import NULLS, find
from encephagen.experiments import design
from encephagen.experiments.brains import Ended, Values
from encephagen.experiments.design import REAL, Arm, Condition, joined
from encephagen.experiments.prepare import at_least, chosen_recipe
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.studies.structure_vs_null.wiring import COVARIATES, PROOF, innate
from encephagen.validation.evidence import not_fitted_on
from encephagen.validation.targets import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLAIM = (
    "The human connectome gives a brain no advantage over random wiring: differentiation, "
    "conditioning, discrimination and memory were mixed at first, then 0 of 4 (claims 21-24, 27 "
    "and 29 of the first encephagen, whose random wirings were the connectome itself)."
)
STIMULI = ("visual", "auditory", "tactile")
PRIMARY = {"dimension": "", "fc_r": "", "timescale_r": "", "reach": "regions"}
"""One measure, with its unit, for each question: differentiation, functional connectivity,
hierarchy of timescales, stimuli. They are one family in each rung; the verdict is theirs."""

SECONDARY = {
    "diversity": "",
    "decoding": "",
    "visual_reach": "regions",
    "auditory_reach": "regions",
    "tactile_reach": "regions",
    "response": "",
    "selectivity": "",
    "distance_mm": "mm",
}
"""What tells more of differentiation and stimuli; another family."""

BASELINES = {"log_weight_r": "", "linear_r": ""}
"""What the same wiring tells of functional connectivity without any spike."""

WORKING_POINT = {"rate_exc_Hz": "Hz", "rate_spread": "", "eigenvalue": "", "fc_mean": ""}
"""Where calibration brought a run."""

ON_PAGE = tuple(PRIMARY)
GROUPS = (PRIMARY, SECONDARY, BASELINES, WORKING_POINT)
UNITS = {name: unit for group in GROUPS for name, unit in group.items()}
PROTOCOL = (
    "rounds", "round_s", "settle_s", "spiking_s", "rest_s", "current_pA", "pulse_ms", "trials",
    "shams", "before_ms", "after_ms", "window_ms",
)  # fmt: skip
"""Fields of `Config` that every run is given."""

BASELINE_RUNGS = ("homogeneous",)
"""One wiring however often it is drawn, so no family of instances: told, and not compared."""

MARGIN = 0.6
"""Cliff's delta up to which the real wiring is no better than its nulls (free): at 0.6 one instance
in five surpasses it, which nobody would call an advantage. Of smaller margins, that of `compare`
would need more nulls: where all is alike it finds 20 % of four measures equivalent, this one 75 %
(20 nulls, 10 seeds, Holm)."""

FEWEST_NULLS, FEWEST_TRIALS = 2, 6
"""With fewer nothing can be compared. With so many trials, and twice as many shams, one region of
80 can be told to respond."""

MARKS: dict[str, str] = {
    Verdict.HIGHER: "+",
    Verdict.LOWER: "\N{MINUS SIGN}",
    Verdict.EQUIVALENT: "=",
}


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 75 minutes on two cores.

    dataset             connectome, by name or path
    seeds               brains with the real wiring
    nulls               brains of each rung, each another instance
    rungs               kinds of nulls; one that the data set does not admit is told
    recipe              a TOML file; None is the shipped recipe
    rounds, round_s     of the calibration: how many, and how long each
    settle_s            thrown away before a recording
    spiking_s           at rest, with single spikes
    rest_s              at rest, with counts alone
    visual, auditory, tactile  where the pulse goes: regions or systems ("auditory" for all of it)
    current_pA          of a pulse
    pulse_ms            how long a pulse lasts
    trials              of each pulse
    shams               trials without a pulse
    before_ms           of a trial before the onset
    after_ms            of a trial from the onset on
    window_ms           from the onset, in which a response is looked for
    margin              Cliff's delta up to which the real wiring is as good as a null
    neurons_per_region  of every brain
    """

    dataset: str = "hcp-aal2"
    seeds: int = 10
    nulls: int = 20
    rungs: tuple[str, ...] = tuple(NULLS)
    recipe: str | None = None
    rounds: int = 5
    round_s: float = 4.0
    settle_s: float = 3.0
    spiking_s: float = 10.0
    rest_s: float = 120.0
    visual: tuple[str, ...] = ("Calcarine_L", "Calcarine_R")
    auditory: tuple[str, ...] = ("auditory",)
    tactile: tuple[str, ...] = ("Postcentral_L", "Postcentral_R")
    current_pA: float = 250.0
    pulse_ms: float = 150.0
    trials: int = 12
    shams: int = 24
    before_ms: float = 100.0
    after_ms: float = 500.0
    window_ms: float = 300.0
    margin: float = MARGIN
    neurons_per_region: int = 200

    def __post_init__(self) -> None:
        for rung in self.rungs:
            find(rung)
        at_least(self, seeds=1, nulls=FEWEST_NULLS, trials=FEWEST_TRIALS, shams=2 * FEWEST_TRIALS)

    @property
    def n_runs(self) -> int:
        """Independent runs; those of a rung that the data set refuses end at once."""
        return self.seeds + self.nulls * len(self.rungs)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(
            seeds=2,
            nulls=2,
            rungs=("weight-shuffle", "degree-swaps"),
            rounds=1,
            round_s=0.5,
            settle_s=0.3,
            spiking_s=1.0,
            rest_s=30.0,
            trials=6,
            shams=12,
            before_ms=50.0,
            after_ms=350.0,
            neurons_per_region=25,
        )


# ---- all wirings --------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study.

    Raises ValueError for regions that are not there, and a recipe without a rate to calibrate to.
    """
    connectome = load(config.dataset)
    for name in STIMULI:
        connectome.indices(getattr(config, name))
    recipe = chosen_recipe(config.recipe, config.neurons_per_region, config.dataset)
    if not recipe.cortex.rate_exc_Hz > 0:
        raise ValueError(
            f"recipe {recipe.name!r} has no rate_exc_Hz: wirings cannot be brought to one working "
            "point; give a recipe with a target rate"
        )
    arms = _arms(config, recipe, runner)
    design.check_enough(arms[REAL], least=1)
    refused = {
        name: {"n": n, "why": next(r["why"] for r in arm.runs if r["outcome"] == Ended.REFUSED)}
        for name, arm in arms.items()
        if (n := arm.count(Ended.REFUSED))
    }
    arms = {
        name: arm
        for name, arm in arms.items()
        if name == REAL or len(arm.runs) - arm.count(Ended.REFUSED) >= FEWEST_NULLS
    }
    rungs = [arm for arm in arms if arm != REAL]
    compared = {
        rung: {} if rung in BASELINE_RUNGS else _against(arms[REAL], arms[rung], config.margin)
        for rung in rungs
    }
    told = {name: {rung: compared[rung].get(name) for rung in rungs} for name in UNITS}
    values = {
        **{name: _values(name, told[name], arms) for name in UNITS},
        "refused": refused,
        "proofs": {rung: _proof(arms[rung]) for rung in rungs},
        "health": {name: _health(arm) for name, arm in arms.items()},
        "recipe_fitted_on": list(recipe.fitted_on),
    }
    return Result(
        values=values,
        verdict=verdict(values),
        rows=tuple(row for name in UNITS for row in _rows(name, told[name], arms)),
        data=_data(told, arms),
    )


def _arms(config: Config, recipe: Recipe, runner: Runner) -> dict[str, Arm]:
    """Return the runs of the real wiring and of each rung."""
    same = {
        "dataset": config.dataset,
        "recipe": recipe.as_dict(),
        "unseen": _unseen(config.dataset, recipe),
        "sites": {name: list(getattr(config, name)) for name in STIMULI},
        **{name: getattr(config, name) for name in PROTOCOL},
    }
    conditions = [Condition(REAL, config.seeds)]
    conditions += [Condition(rung, config.nulls, rung) for rung in config.rungs]
    return design.perform(runner, innate, conditions, **same)


def _unseen(dataset: str, recipe: Recipe) -> list[str] | None:
    """Return the subjects that the recipe was not fitted on; None where there is no fMRI."""
    if not any(known.name == dataset and known.tr_s is not None for known in catalogue()):
        return None
    return not_fitted_on(fmri(dataset), recipe.fitted_on)


def _proof(arm: Arm) -> Values:
    """Return how the instances of a null differ from the real wiring, the mean over them."""
    return {name: _mean(arm.column(lambda r, name=name: r["proof"][name])) for name in PROOF}


def _against(real: Arm, nulls: Arm, margin: float) -> dict[str, Comparison]:
    """Return the comparisons of one rung by figure, corrected within each of `GROUPS`.

    Figures that are not defined in every run are left out.
    """
    found = {}
    for group in GROUPS:
        sides = []
        for arm in (real, nulls):
            runs = [run["found"] for run in arm.measured]
            known = [name for name in group if all(name in figures for figures in runs)]
            sides.append({name: [figures[name] for figures in runs] for name in known})
        found |= design.against(*sides, margin=margin)
    return found


def _column(name: str, arm: Arm) -> np.ndarray:
    """Return a figure of the runs in which it is defined."""
    return np.array([r["found"][name] for r in arm.measured if name in r["found"]])


def _values(name: str, told: Mapping[str, Comparison | None], arms: Mapping[str, Arm]) -> Values:
    """Return what is known of one figure, plain."""
    return {
        "verdict": _sentence(told),
        "mean": {arm: _mean(_column(name, runs)) for arm, runs in arms.items()},
        "rungs": {
            rung: {"missing": _why(name, rung, arms)} if c is None else c.as_dict()
            for rung, c in told.items()
        },
    }


def _why(name: str, rung: str, arms: Mapping[str, Arm]) -> str:
    """Return why a figure was not compared."""
    if rung in BASELINE_RUNGS:
        return "a baseline: one wiring, however often it is drawn"
    runs = (*arms[REAL].measured, *arms[rung].measured)
    reasons = [run["missing"][name] for run in runs if name in run["missing"]]
    return reasons[0] if reasons else "too few runs that did not run away"


def _health(arm: Arm) -> Values:
    """Return how many runs were out of order, and the means of their covariates."""
    kinds = [kind for run in arm.runs for kind in run["alarms"]]
    means = {
        name: _mean([v for run in arm.measured if (v := run["covariates"][name]) is not None])
        for name in COVARIATES
    }
    return {
        "n": len(arm.runs) - arm.count(Ended.REFUSED),
        "ran_away": arm.count(Ended.RAN_AWAY),
        "stuck_trials": sum(run["stuck"] for run in arm.measured),
        "alarms": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        **means,
    }


def _mean(x: Sequence[float] | np.ndarray) -> float | None:
    return float(np.mean(x)) if len(x) else None


# ---- what is shown ------------------------------------------------------------------------------


def _by_verdict(told: Mapping[str, Comparison | None]) -> dict[Verdict, list[str]]:
    """Return the rungs under each verdict."""
    found = {verdict: [] for verdict in Verdict}
    for rung, comparison in told.items():
        if comparison is not None:
            found[comparison.verdict].append(rung)
    return {verdict: rungs for verdict, rungs in found.items() if rungs}


def _sentence(told: Mapping[str, Comparison | None]) -> str:
    """Return the verdict of one figure over all rungs."""
    parts = [f"{verdict}: {', '.join(rungs)}" for verdict, rungs in _by_verdict(told).items()]
    return "; ".join(parts) or "not measured"


def verdict(values: Values) -> str:
    """Return what the primary measures come to, rung by rung: each is a question of its own."""
    sentences = []
    for rung in values[next(iter(PRIMARY))]["rungs"]:
        told = {name: values[name]["rungs"][rung].get("verdict") for name in PRIMARY}
        parts = [
            f"{found.removeprefix('real wiring ')}: {', '.join(names)}"
            for found in Verdict
            if (names := [name for name, own in told.items() if own == found])
        ]
        if parts:
            sentences.append(f"Beside {rung}, the real wiring is {'; '.join(parts)}.")
    return " ".join(sentences) or "Nothing was compared: too few nulls, or too few that can be."


def _rows(name: str, told: Mapping[str, Comparison | None], arms: Mapping[str, Arm]) -> list[Row]:
    """Return the rows of one figure: its mean in each arm, nulls with how they compare."""
    notes = {}
    for arm, runs in arms.items():
        away, n = runs.count(Ended.RAN_AWAY), len(runs.runs) - runs.count(Ended.REFUSED)
        c = told.get(arm)
        how = f"not compared: {_why(name, arm, arms)}" if c is None else _compared(c)
        lost = f"{away} of {n} ran away" if away else ""
        notes[arm] = joined(lost, "" if arm == REAL else how)
    columns = {arm: _column(name, runs) for arm, runs in arms.items()}
    return design.table(name, columns, unit=UNITS[name], notes=notes)


def _compared(c: Comparison) -> str:
    """Return a comparison in one line: verdict, effect, p corrected and not, what could be seen."""
    d, seen = c.delta, c.detectable
    power = f"seen from delta {seen.delta:.2f}, {seen.difference:.2g}"
    if np.isinf(seen.delta):
        power = f"{len(c.nulls)} nulls are too few to see anything"
    return (
        f"{c.verdict}: delta {d.value:.2f} ({d.low:.2f} to {d.high:.2f}), p {c.p:.2g} "
        f"(alone {c.uncorrected_p:.2g}), {power}"
    )


def _data(
    told: Mapping[str, Mapping[str, Comparison | None]], arms: Mapping[str, Arm]
) -> dict[str, np.ndarray]:
    """Return every figure of every run, by arm (run, figure), and the verdicts (figure, rung)."""
    verdicts = [
        ["" if c is None else str(c.verdict) for c in row.values()] for row in told.values()
    ]
    values = {
        name: arm.column(lambda r: [r["found"].get(figure, np.nan) for figure in UNITS]).reshape(
            -1, len(UNITS)
        )
        for name, arm in arms.items()
    }
    named = {"figures": np.array(list(UNITS)), "arms": np.array(list(arms))}
    return {**values, **named, "verdicts": np.array(verdicts)}


def figures(result: Result) -> "dict[str, Figure]":
    """Return a panel for each measure: the real wiring beside the cloud of each rung.

    Over a cloud stands + where the real wiring is higher, - where lower, = where equivalent.
    """
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    d = result.data
    arms, names = d["arms"].tolist(), d["figures"].tolist()
    shown = [*PRIMARY, *SECONDARY, "linear_r", "fc_mean", "eigenvalue"]
    with style.styled(7.2, 8.5) as figure:
        panels = figure.subplots(5, 3, sharex=True)
        for axes, name in zip(panels.flat, shown, strict=True):
            at = names.index(name)
            strip(axes, {arm: d[arm][:, at] for arm in arms})
            _mark(axes, d["verdicts"][at].tolist())
            axes.set_title(name.removesuffix("_mm").replace("_", " "), pad=12.0)  # over the marks
            axes.set_ylabel(UNITS[name])
        for axes in panels[-1]:
            axes.set_xticks(range(len(arms)), arms, rotation=90)
    return {"measures": figure}


def _mark(axes: "Axes", verdicts: Sequence[str]) -> None:
    """Mark, over each null, whether the real wiring is above it, below it or the same."""
    for at, verdict in enumerate(verdicts, start=1):
        mark = MARKS.get(verdict, "")
        axes.text(at, 1.0, mark, transform=axes.get_xaxis_transform(), ha="center", va="bottom")
