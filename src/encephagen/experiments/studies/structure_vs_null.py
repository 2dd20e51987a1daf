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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis import propagation
from encephagen.analysis.haemodynamics import Haemodynamics
from encephagen.analysis.propagation import rank_correlation
from encephagen.analysis.rates import binned_rate, region_rate
from encephagen.analysis.statistics import (
    Comparison,
    Verdict,
    compare,
    joint_family,
    t_interval,
)
from encephagen.analysis.summary import summary
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import catalogue, fmri, load
from encephagen.connectome.nulls import NULLS, find
from encephagen.engine.session import Session
from encephagen.experiments.prepare import at_least, chosen_recipe, tuned
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.tasks.pulses import Presented, Step, Timing, present_shuffled
from encephagen.units import MS_PER_S
from encephagen.validation import baselines
from encephagen.validation.evidence import (
    Empirical,
    along_map,
    bold_runs,
    not_fitted_on,
    region_timescales,
)
from encephagen.validation.targets import Row, judge
from encephagen.validation.targets import Verdict as RowVerdict
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.whole import whole_brain

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

GROUPS = (PRIMARY, SECONDARY, BASELINES, WORKING_POINT)
UNITS = {name: unit for group in GROUPS for name, unit in group.items()}
COVARIATES = (
    "rate_inh_Hz", "cv_isi", "lvr", "count_correlation", "spectral_slope", "timescale_ms",
    "long_in_degree",
)  # fmt: skip
"""Figures of `analysis.summary` that say whether a run was healthy, and the coupling that brought
it to the working point; not compared."""

PROOF = ("fraction_changed", "log_correlation", "strength_error")
"""What is kept of the proof of each null."""

REAL = "real"
BIN_MS = 10.0
SLOW_MS = 1000.0
"""Bins in which activity is slow: as BOLD, and nearly without the shot noise of spikes (free)."""

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

Values = dict[str, Any]
Figures = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 75 minutes on two cores.

    seeds                      brains with the real wiring
    nulls                      brains of each rung, each another instance
    rungs                      kinds of nulls; one that the data set does not admit is told
    recipe                     a TOML file; None is the shipped recipe
    rounds, round_s, settle_s  of the calibration, and what is thrown away before a recording
    spiking_s, rest_s          at rest, with single spikes and with counts alone
    visual, auditory, tactile  where the pulse goes: regions or systems ("auditory" for all of it)
    trials, shams              of each pulse, and without
    before_ms, after_ms        of a trial, from the onset; window_ms: where a response is looked for
    margin                     Cliff's delta up to which the real wiring is as good as a null
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
            neurons_per_region=20,
        )


# ---- one wiring ---------------------------------------------------------------------------------


def innate(
    dataset: str,
    null: str | None,
    seed: int,
    recipe: Values,
    unseen: list[str] | None,
    rounds: int,
    round_s: float,
    settle_s: float,
    spiking_s: float,
    rest_s: float,
    sites: dict[str, list[str]],
    current_pA: float,
    pulse_ms: float,
    trials: int,
    shams: int,
    before_ms: float,
    after_ms: float,
    window_ms: float,
) -> Values:
    """Bring one wiring to its working point; return what it does at rest and when stimulated.

    ``seed`` is that of null, wiring and noise; ``unseen`` are the subjects whose functional
    connectivity counts. {"refused": why there is no such null, "proof": how
    the null differs, "found": figure by name, "missing": why by name, "covariates", "alarms",
    "ran_away": whether the engine had to stop it at rest, "stuck": trials that it did not end}
    """
    original = connectome = load(dataset)
    proof = {}
    try:
        if null is not None:
            connectome, proved = find(null)(original, seed)
            proof = {name: getattr(proved, name) for name in PROOF}
        numbers, point = tuned(
            connectome,
            Recipe.from_dict(recipe),
            seed,
            original=original,
            rounds=rounds,
            seconds=round_s,
        )
    except ValueError as error:  # no such null of it, or no such working point
        return {"refused": str(error)}
    network = build(whole_brain(connectome, numbers, point), seed=seed)
    session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
    session.advance(round(settle_s * MS_PER_S / network.dt_ms))
    spiking = session.record(spiking_s * MS_PER_S, probe=Probe(bin_ms=BIN_MS))
    probe = Probe(spikes=False, bin_ms=BIN_MS)
    rest = spiking if spiking.interrupted else session.record(rest_s * MS_PER_S, probe=probe)
    healthy = {**summary(spiking), "long_in_degree": numbers.cortex.long_in_degree}
    result = {
        "refused": None,
        "proof": proof,
        "covariates": {name: healthy[name] for name in COVARIATES},
        "alarms": sorted({alarm.kind for part in (spiking, rest) for alarm in part.alarms}),
        "ran_away": rest.interrupted,
    }
    if rest.interrupted:
        return {"found": {}, "missing": {}, "stuck": 0, **result}
    shown = present_shuffled(
        network,
        [Step(tuple(site), current_pA, pulse_ms) for site in sites.values()],
        n_trials=trials,
        n_shams=shams,
        timing=Timing(before_ms, after_ms, settle_s * MS_PER_S),
        seed=seed,
    )
    sources = {name: connectome.indices(site) for name, site in sites.items()}
    found, missing = _measured(
        {
            **_figures_at_rest(rest, network.brain.connectome, dataset, unseen),
            **_working_point(rest, MeanField.of(network.brain)),
            **_figures_of_pulses(shown, connectome, sources, window_ms, seed),
        }
    )
    stuck = int(sum(late.sum() for late in shown.stuck))
    return {"found": found, "missing": missing, "stuck": stuck, **result}


def _measured(figures: Figures) -> tuple[Values, dict[str, str]]:
    """Return the figures that there are, and why the others are not."""
    found: Values = {}
    missing: dict[str, str] = {}
    for name, figure in figures.items():
        try:
            value = float(figure())
        except ValueError as error:
            missing[name] = str(error)
            continue
        if np.isfinite(value):
            found[name] = value
        else:
            missing[name] = "not defined in this wiring"
    return found, missing


def _figures_at_rest(
    rest: Recording, connectome: Connectome, dataset: str, unseen: list[str] | None
) -> Figures:
    """Return what is measured of activity at rest, and what the weights alone tell."""
    slow_Hz = binned_rate(rest, SLOW_MS).sel(population="E").transpose("time_ms", "region").values

    def people() -> Empirical:
        of_all = fmri(dataset)
        return Empirical.of(of_all.sel(subject=unseen or slice(None)), connectome, None)

    def simulated_fc() -> Any:
        return connectivity.group_fc(bold_runs([rest], people(), Haemodynamics()))

    return {
        "dimension": lambda: dimension(slow_Hz),
        "diversity": lambda: diversity(slow_Hz),
        "fc_r": lambda: connectivity.fc_correlation(simulated_fc(), people().group),
        "fc_mean": lambda: connectivity.upper(simulated_fc()).mean(),
        "timescale_r": lambda: along_map(region_timescales([rest]), connectome, None).r,
        "log_weight_r": lambda: baselines.log_weight_r(connectome, people().group),
        "linear_r": lambda: _linear_r(connectome, people()),
    }


def dimension(activity: np.ndarray) -> float:
    """Return how many independent modes activity (time, region) has: n^2 / sum of r^2.

    The participation ratio of the eigenvalues of the correlation matrix: n where nothing goes
    together, 1 where all does. r^2 is adjusted for what chance adds in a finite time,
    r^2 - (1 - r^2)/(bins - 2), so that a longer recording gives the same.
    """
    n_bins, n = activity.shape
    r2 = np.corrcoef(activity.T)[np.triu_indices(n, 1)] ** 2
    return n**2 / (n + 2.0 * (r2 - (1.0 - r2) / (n_bins - 2)).sum())


def diversity(activity: np.ndarray) -> float:
    """Return how unlike regions are in how much they fluctuate, of activity (time, region).

    The standard deviation over regions of ln(variance / mean); chance adds sqrt(2 / (bins - 1)) to
    it, in quadrature.
    """
    mean, variance = activity.mean(axis=0), activity.var(axis=0, ddof=1)
    if not (mean.min() > 0 and variance.min() > 0):
        raise ValueError("a region is silent: how much it fluctuates is not defined")
    return float(np.log(variance / mean).std(ddof=1))


def _linear_r(connectome: Connectome, people: Empirical) -> float:
    """Return the r of the linear network that tells the group's FC best, in sample."""
    fit = baselines.fit_linear(connectome, people.group)
    if np.ptp(connectivity.upper(fit.network.fc(connectome))) < 1e-9:
        raise ValueError("a linear network of equal weights tells no pair from another")
    return fit.r


def _working_point(rest: Recording, field: MeanField) -> Figures:
    """Return where a brain works: rate, its spread over regions, and how near to instability."""
    rate_Hz = region_rate(rest).transpose("region", "population").values
    exc_Hz = rate_Hz.ravel()[field.units("E")]
    return {
        "rate_exc_Hz": exc_Hz.mean,
        "rate_spread": lambda: exc_Hz.std(ddof=1) / exc_Hz.mean(),
        "eigenvalue": lambda: field.leading_eigenvalue(rate_Hz.ravel()),
    }


def _figures_of_pulses(
    shown: Presented,
    connectome: Connectome,
    sources: dict[str, np.ndarray],
    window_ms: float,
    seed: int,
) -> Figures:
    """Return what is measured of the responses; means over stimuli but for the reach of each."""
    window = (0.0, window_ms)
    reached = [
        propagation.reach(pulses, shown.shams, source, window_ms=window, seed=seed)
        for pulses, source in zip(shown.pulses, sources.values(), strict=True)
    ]
    both = list(zip(reached, sources.values(), strict=True))
    return {
        **{f"{name}_reach": (lambda r=r: r.n) for name, r in zip(sources, reached, strict=True)},
        "reach": lambda: np.mean([r.n for r in reached]),
        "response": lambda: np.mean([_response(r, s) for r, s in both]),
        "selectivity": lambda: np.mean([_selectivity(r, connectome, s) for r, s in both]),
        "distance_mm": lambda: np.mean([_distance_mm(r, connectome, s) for r, s in both]),
        "decoding": lambda: _decoding(shown, list(sources.values()), window, seed),
    }


def _response(reach: propagation.Reach, source: np.ndarray) -> float:
    """Return the mean response of the other regions over that of the source."""
    return np.delete(reach.change_Hz, source).mean() / reach.change_Hz[source].mean()


def _selectivity(reach: propagation.Reach, connectome: Connectome, source: np.ndarray) -> float:
    """Return the rank correlation of response and weight from the source, over the others."""
    others = np.setdiff1d(np.arange(connectome.n), source)
    weight = connectome.weights[:, source].sum(axis=1)
    return rank_correlation(reach.change_Hz[others], weight[others])


def _distance_mm(reach: propagation.Reach, connectome: Connectome, source: np.ndarray) -> float:
    """Return how far a response travels: distance from the source, the mean weighted by response.

    In a straight line between the centres of regions, which are where they are in every null; over
    the regions that respond, 0 if none does.
    """
    at = np.array([r.centroid_mm or (np.nan,) * 3 for r in connectome.regions], float)
    far_mm = np.linalg.norm(at[:, None] - at[None, source], axis=2).min(axis=1)
    if not reach.n:
        return 0.0
    answer = reach.responded
    return float(np.average(far_mm[answer], weights=reach.change_Hz[answer]))


def _decoding(
    shown: Presented, sources: Sequence[np.ndarray], window: tuple[float, float], seed: int
) -> float:
    """Return how often a region outside all sources tells, by its rate, which stimulus came."""
    rate_Hz = np.concatenate([pulses.mean(*window) for pulses in shown.pulses])
    label = np.repeat(np.arange(len(shown.pulses)), [pulses.n for pulses in shown.pulses])
    found = propagation.decode(rate_Hz[:, :, None], label, n_shuffles=0, seed=seed)
    return float(np.delete(found.accuracy, np.concatenate(sources)).mean())


# ---- all wirings --------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study.

    Raises ValueError for regions that are not there, and a recipe without a rate to calibrate to.
    """
    connectome = load(config.dataset)
    for name in STIMULI:
        connectome.indices(getattr(config, name))
    recipe = chosen_recipe(config.recipe, config.neurons_per_region)
    if not recipe.cortex.rate_exc_Hz > 0:
        raise ValueError(
            f"recipe {recipe.name!r} has no rate_exc_Hz: wirings cannot be brought to one working "
            "point; give a recipe with a target rate"
        )
    arms, refused = _arms(config, recipe, runner)
    rungs = [arm for arm in arms if arm != REAL]
    comparisons = {
        rung: {} if rung in BASELINE_RUNGS else _against(arms[REAL], arms[rung], config.margin)
        for rung in rungs
    }
    told = {name: {rung: comparisons[rung].get(name) for rung in rungs} for name in UNITS}
    return Result(
        values={
            **{name: _values(name, told[name], arms) for name in UNITS},
            "refused": refused,
            "proofs": {rung: _proof(arms[rung]) for rung in rungs},
            "health": {arm: _health(runs) for arm, runs in arms.items()},
            "recipe_fitted_on": list(recipe.fitted_on),
        },
        verdict=_verdict({name: told[name] for name in PRIMARY}),
        rows=tuple(row for name in UNITS for row in _rows(name, told[name], arms)),
        data=_data(told, arms),
    )


def _arms(config: Config, recipe: Recipe, runner: Runner) -> tuple[dict[str, list[Values]], Values]:
    """Return the runs of the real wiring and of each rung, and which nulls were refused, and why.

    With fewer than `FEWEST_NULLS` instances a rung is left out.
    """
    same = {
        "dataset": config.dataset,
        "recipe": recipe.as_dict(),
        "unseen": _unseen(config.dataset, recipe),
        "sites": {name: list(getattr(config, name)) for name in STIMULI},
        **{name: getattr(config, name) for name in PROTOCOL},
    }
    numbers = {REAL: config.seeds, **dict.fromkeys(config.rungs, config.nulls)}
    todo = [
        {"null": None if arm == REAL else arm, "seed": seed, **same}
        for arm, n in numbers.items()
        for seed in range(n)
    ]
    found = iter(runner.map(innate, todo, label="wirings"))
    arms, refused = {}, {}
    for arm, n in numbers.items():
        runs = list(islice(found, n))
        made = [run for run in runs if run["refused"] is None]
        if len(made) < n:
            why = next(run["refused"] for run in runs if run["refused"] is not None)
            refused[arm] = {"n": n - len(made), "why": why}
        if arm == REAL or len(made) >= FEWEST_NULLS:
            arms[arm] = made
    return arms, refused


def _unseen(dataset: str, recipe: Recipe) -> list[str] | None:
    """Return the subjects that the recipe was not fitted on; None where there is no fMRI."""
    if not any(known.name == dataset and known.tr_s is not None for known in catalogue()):
        return None
    return not_fitted_on(fmri(dataset), recipe.fitted_on)


def _proof(runs: Sequence[Values]) -> Values:
    """Return how the instances of a null differ from the real wiring, the mean over them."""
    return {name: _mean([run["proof"][name] for run in runs]) for name in PROOF}


def _against(
    real: Sequence[Values], nulls: Sequence[Values], margin: float
) -> dict[str, Comparison]:
    """Return the comparisons of one rung by figure, corrected within each of `GROUPS`.

    Runs that ran away are left out, and figures that are not defined in every other run.
    """
    result: dict[str, Comparison] = {}
    a, b = _usable(real), _usable(nulls)
    if not a or len(b) < FEWEST_NULLS:
        return result
    for group in GROUPS:
        alone = {
            name: compare(_column(name, a), _column(name, b), margin=margin)
            for name in group
            if all(name in found for found in (*a, *b))
        }
        result |= joint_family(alone) if alone else {}
    return result


def _usable(runs: Iterable[Values]) -> list[dict[str, float]]:
    return [run["found"] for run in runs if not run["ran_away"]]


def _column(name: str, found: Iterable[Mapping[str, float]]) -> list[float]:
    return [figures[name] for figures in found if name in figures]


def _values(
    name: str, told: Mapping[str, Comparison | None], arms: Mapping[str, Sequence[Values]]
) -> Values:
    """Return what is known of one figure, plain."""
    return {
        "verdict": _sentence(told),
        "mean": {arm: _mean(_column(name, _usable(runs))) for arm, runs in arms.items()},
        "rungs": {
            rung: {"missing": _why(name, rung, arms)} if c is None else c.as_dict()
            for rung, c in told.items()
        },
    }


def _why(name: str, rung: str, arms: Mapping[str, Sequence[Values]]) -> str:
    """Return why a figure was not compared."""
    if rung in BASELINE_RUNGS:
        return "a baseline: one wiring, however often it is drawn"
    runs = (*arms[REAL], *arms[rung])
    reasons = [run["missing"][name] for run in runs if name in run["missing"]]
    return reasons[0] if reasons else "too few runs that did not run away"


def _health(runs: Sequence[Values]) -> Values:
    """Return how many runs were out of order, and the means of their covariates."""
    alarms = [kind for run in runs for kind in run["alarms"]]
    means = {
        name: _mean([v for run in runs if (v := run["covariates"][name]) is not None])
        for name in COVARIATES
    }
    return {
        "n": len(runs),
        "ran_away": sum(run["ran_away"] for run in runs),
        "stuck_trials": sum(run["stuck"] for run in runs),
        "alarms": {kind: alarms.count(kind) for kind in sorted(set(alarms))},
        **means,
    }


def _mean(x: Sequence[float]) -> float | None:
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


def _verdict(told: Mapping[str, Mapping[str, Comparison | None]]) -> str:
    """Return what the primary measures come to, rung by rung: each is a question of its own."""
    rungs = list(next(iter(told.values())))
    sentences = []
    for rung in rungs:
        found = {name: comparisons[rung] for name, comparisons in told.items()}
        known = {name: c for name, c in found.items() if c is not None}
        if not known:
            continue
        parts = [
            f"{verdict.removeprefix('real wiring ')}: {', '.join(names)}"
            for verdict in Verdict
            if (names := [name for name, c in known.items() if c.verdict is verdict])
        ]
        sentences.append(f"Beside {rung}, the real wiring is {'; '.join(parts)}.")
    return " ".join(sentences) or "Nothing was compared: too few nulls, or too few that can be."


def _rows(
    name: str, told: Mapping[str, Comparison | None], arms: Mapping[str, Sequence[Values]]
) -> list[Row]:
    """Return the rows of one figure: its mean in each arm, nulls with how they compare."""
    rows = []
    for arm, runs in arms.items():
        x, comparison = np.array(_column(name, _usable(runs))), told.get(arm)
        away = sum(run["ran_away"] for run in runs)
        notes = [f"{away} of {len(runs)} ran away"] if away else []
        if arm != REAL:
            why = f"not compared: {_why(name, arm, arms)}"
            notes.append(why if comparison is None else _compared(comparison))
        rows.append(
            judge(
                name if arm == REAL else f"{name}, {arm}",
                float(x.mean()) if x.size else None,
                interval=t_interval(x),
                n=x.size,
                unit=UNITS[name],
                otherwise=RowVerdict.REPORTED if arm == REAL else RowVerdict.BASELINE,
                note="; ".join(notes),
            )
        )
    return rows


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
    told: Mapping[str, Mapping[str, Comparison | None]], arms: Mapping[str, Sequence[Values]]
) -> dict[str, np.ndarray]:
    """Return every figure of every run, by arm (run, figure), and the verdicts (figure, rung)."""
    verdicts = [
        ["" if c is None else str(c.verdict) for c in row.values()] for row in told.values()
    ]
    values = {
        arm: np.array([[run["found"].get(name, np.nan) for name in UNITS] for run in runs])
        for arm, runs in arms.items()
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
