"""Stimuli travel: reach, delay, selectivity and decay of visual, auditory and tactile pulses.

A pulse is a step of current into the excitatory neurons of primary cortex, on both sides. Pulses
of all kinds and amplitudes, and shams, come in random order; a run is one brain with its own wiring
and noise. A response is tested against the shams of the same brain, so that reach is what can be
seen in one brain; what is read off time courses (latency, attenuation) is of the mean over brains.
The figure of a stimulus is the worst over a threefold range of amplitudes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis import propagation
from encephagen.analysis.propagation import rank_correlation
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.experiments import design
from encephagen.experiments.brains import Values
from encephagen.experiments.design import REAL, Arm, Condition
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.prepare import chosen_recipe, chosen_working_point
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.studies.propagation.brain import BIN_MS, respond
from encephagen.experiments.studies.propagation.measures import Pulsed, decoding, worst_of
from encephagen.validation import targets
from encephagen.validation.targets import Row, judge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A visual stimulus raises visual cortex by 12 % and no other region at all: the human "
    "connectome traps stimuli, as its long-range connections are only excitatory (claim 30 of the "
    'first encephagen, "the fundamental dMRI wall").'
)
STIMULI = ("visual", "auditory", "tactile")
TREATED = "real wiring, treated as nulls"
"""Brains of the real wiring that are brought to a working point anew, as those of nulls are."""

FEWEST_TRIALS = 6
"""With so many, and three times as many shams, one region of 80 can be told to respond."""

TIMING = (
    "pulse_ms", "trials", "shams", "before_ms", "after_ms", "window_ms", "rest_ms", "settle_s",
)  # fmt: skip
NO_RESPONSE = targets.STIMULI["sham reach"]


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 50 minutes on two cores.

    dataset             connectome, by name or path
    seeds               brains with the real wiring, as the recipe has it
    first_seed          the seed of the first; the others follow
    nulls               brains of each of null_kinds, and as many of the real wiring that are
                        treated as they are: tuned anew, the lowest amplitude alone
    null_kinds          kinds of null wirings
    recipe              a TOML file; None is the shipped recipe
    working_point       a TOML file, for brains as the recipe has them; None is the one it keeps
    visual, auditory, tactile  where the pulse goes: regions or systems ("auditory" for all of it)
    amplitudes_pA       of pulses, from the least to three times it
    pulse_ms            how long a pulse lasts
    trials              of each pulse
    shams               trials without a pulse
    before_ms           of a trial before the onset
    after_ms            of a trial from the onset on
    window_ms           from the onset, in which a response is looked for
    rest_ms             at the end of a trial, in which rest is looked for
    settle_s            thrown away before the first trial
    maps                surrogate maps, as smooth as the conduction delay
    neurons_per_region  of every brain; the recipe's own unless given

    Raises ValueError for numbers of which nothing could be learned.
    """

    dataset: str = "hcp-aal2"
    seeds: int = 20
    first_seed: int = 0
    nulls: int = 6
    null_kinds: tuple[str, ...] = ("weight-shuffle", "strength")
    recipe: str | None = None
    working_point: str | None = None
    visual: tuple[str, ...] = ("Calcarine_L", "Calcarine_R")
    auditory: tuple[str, ...] = ("Heschl_L", "Heschl_R")
    tactile: tuple[str, ...] = ("Postcentral_L", "Postcentral_R")
    amplitudes_pA: tuple[float, ...] = (220.0, 381.0, 660.0)
    pulse_ms: float = 150.0
    trials: int = 20
    shams: int = 60
    before_ms: float = 200.0
    after_ms: float = 2500.0
    window_ms: float = 300.0
    rest_ms: float = 300.0
    settle_s: float = 3.0
    maps: int = 999
    neurons_per_region: int | None = None

    def __post_init__(self) -> None:
        if not self.amplitudes_pA or list(self.amplitudes_pA) != sorted(self.amplitudes_pA):
            raise ValueError(f"amplitudes_pA are {self.amplitudes_pA}; expected some, ascending")
        if self.trials < FEWEST_TRIALS or self.shams < 3 * FEWEST_TRIALS:
            raise ValueError(
                f"{self.trials} trials and {self.shams} shams; expected at least {FEWEST_TRIALS} "
                f"and {3 * FEWEST_TRIALS}, or no region can be told to respond"
            )
        if self.rest_ms > self.after_ms - max(self.pulse_ms, self.window_ms):
            raise ValueError(
                f"rest_ms is {self.rest_ms:g}, of {self.after_ms:g} ms from the onset; expected no "
                "overlap with the pulse and the response: raise after_ms"
            )

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        compared = 1 + len(self.null_kinds) if self.null_kinds else 0
        return self.seeds + self.nulls * compared

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(
            seeds=2,
            nulls=2,
            null_kinds=("weight-shuffle",),
            amplitudes_pA=(800.0,),
            trials=6,
            shams=18,
            before_ms=50.0,
            after_ms=350.0,
            rest_ms=50.0,
            settle_s=0.5,
            maps=99,
            neurons_per_region=25,
        )


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError if no brain of the real wiring can be measured."""
    connectome = load(config.dataset)
    sources = {name: connectome.indices(getattr(config, name)) for name in STIMULI}
    arms = _all_runs(config, runner)
    design.check_enough(arms[REAL], least=1)
    real = arms[REAL].measured
    conditions = _conditions(real, connectome, config, config.amplitudes_pA)
    against = {
        kind: _against(arms[TREATED], arms[kind], connectome, config)
        for kind in config.null_kinds
        if kind in arms
    }
    values: Values = {}
    for name, of_stimulus in zip(STIMULI, conditions, strict=True):
        figures = [condition.figures() for condition in of_stimulus]
        returned = np.all([condition.of("returned") for condition in of_stimulus], axis=0)
        survival = propagation.survival(returned)
        values[name] = {
            **worst_of(figures),
            "returned": survival.n_returned,
            "returned_interval": [survival.low, survival.high],
            "n_regions": of_stimulus[0].others.size,
            "n_lobes": len(of_stimulus[0].lobes()),
            "n_seeds": len(real),
            "amplitudes": figures,
            "nulls": {kind: found[name] for kind, found in against.items()},
        }
    sham = arms[REAL].column(lambda r: r["sham_reach"])
    values |= {
        "sham": {"reach": float(sham.mean()), "most": int(sham.max()), "n_seeds": sham.size},
        "decoding": decoding(real, config.amplitudes_pA, np.concatenate(list(sources.values()))),
        "rest_Hz": float(np.nanmean(arms[REAL].column(lambda r: r["rate_Hz"]))),
        "refused": {name: len(arm.runs) - arm.n for name, arm in arms.items()},
        "why": {name: arm.lost for name, arm in arms.items() if arm.lost},
    }
    return Result(
        values=values,
        verdict=verdict(values),
        rows=(
            *(row for name in STIMULI for row in _rows(name, values[name], config)),
            judge(NO_RESPONSE.name, float(sham.mean()), n=sham.size, target=NO_RESPONSE),
        ),
        data=_data(conditions, connectome, config),
    )


def _all_runs(config: Config, runner: Runner) -> dict[str, Arm]:
    """Return what each brain gave, of the real wiring and, treated alike, of what is compared."""
    same = {
        "dataset": config.dataset,
        "recipe": chosen_recipe(config.recipe, config.neurons_per_region, config.dataset).as_dict(),
        "working_point": chosen_working_point(config.working_point),
        "sites": [list(getattr(config, name)) for name in STIMULI],
        **{name: getattr(config, name) for name in TIMING},
    }

    def condition(name: str, n: int, null: str | None, anew: bool, label: str) -> Condition:
        amplitudes_pA = config.amplitudes_pA[:1] if anew else config.amplitudes_pA
        given = {"anew": anew, "amplitudes_pA": list(amplitudes_pA)}
        return Condition(name, n, null, given, label, config.first_seed)

    conditions = [condition(REAL, config.seeds, None, False, "real wiring")]
    if config.null_kinds and config.nulls:
        conditions.append(condition(TREATED, config.nulls, None, True, TREATED))
        conditions += [
            condition(kind, config.nulls, kind, True, kind) for kind in config.null_kinds
        ]
    return design.perform(runner, respond, conditions, **same)


def _conditions(
    runs: Sequence[Values],
    connectome: Connectome,
    config: Config,
    amplitudes_pA: Sequence[float],
) -> list[list[Pulsed]]:
    """Return all brains under each stimulus at each of these amplitudes."""
    how = {"before_ms": config.before_ms, "n_maps": config.maps}
    return [
        [
            Pulsed(runs, connectome, getattr(config, name), pA, (s, a), **how)
            for a, pA in enumerate(amplitudes_pA)
        ]
        for s, name in enumerate(STIMULI)
    ]


def _against(treated: Arm, nulls: Arm, connectome: Connectome, config: Config) -> dict[str, Values]:
    """Return for each stimulus how the real wiring compares, brain by brain, at the lowest pulse.

    All measures of all stimuli are one family; one that is not known in every brain is left out.
    """
    lowest = config.amplitudes_pA[:1]
    each = []
    for arm in (treated, nulls):
        found: dict[str, list[float]] = {}
        if arm.n:
            for name, (pulsed,) in zip(
                STIMULI, _conditions(arm.measured, connectome, config, lowest), strict=True
            ):
                for brain in range(arm.n):
                    for measure, value in pulsed.alone(brain).items():
                        found.setdefault(f"{name} {measure}", []).append(value)
        each.append(found)
    family = design.against(*each)
    return {
        name: {
            key.removeprefix(f"{name} "): comparison.as_dict()
            for key, comparison in family.items()
            if key.startswith(f"{name} ")
        }
        for name in STIMULI
    }


# ---- what is shown ------------------------------------------------------------------------------


def _rows(name: str, v: Values, config: Config) -> list[Row]:
    """Return the rows of one stimulus."""
    n = v["n_seeds"]
    worst = "worst of " + ", ".join(f"{a:g}" for a in config.amplitudes_pA) + " pA"

    def row(
        what: str,
        key: str,
        interval: Sequence[float] | None = None,
        note: str = "",
        n_of: int | None = None,
    ) -> Row:
        target = targets.STIMULI.get(what)
        if target is not None and n_of is not None:
            target = targets.of_all(target, n_of)
        known = interval is not None and np.isfinite(interval).all()
        bounds = (interval[0], interval[1]) if interval is not None and known else None
        title, unit = f"{name} {what}", "regions" if what == "strong reach" else ""
        return judge(
            title, v[key], interval=bounds, n=n, unit=unit, target=target, note=worst + note
        )

    share = [n * x for x in v["returned_interval"]]
    least, most = v["reach_range"]
    return [
        row("reach", "reach", note=f"; median of brains, {least} to {most} of {v['n_regions']}"),
        row("strong reach", "strong_reach",
            note="; response above one standard deviation of a single trial"),
        row("lobes", "lobes", n_of=v["n_lobes"]),
        row("latency rho", "latency_rho", v["latency_interval"]),
        row("latency rho, spatial p", "latency_spatial_p"),
        row("latency rho, given weight", "latency_given_weight_rho",
            note="; long fibres are thin, too: what is left once weight is taken out"),
        row("selectivity rho", "selectivity_rho", v["selectivity_interval"]),
        row("response, far third", "attenuation"),
        row("decoding", "decoding"),
        row("brains at rest again", "returned", share, n_of=n),
        row("rate at the end, over rest", "rest_ratio"),
        row("source peak", "source_peak_Hz"),
    ]  # fmt: skip


def verdict(values: Values) -> str:
    """Return what the figures come to."""
    reach = ", ".join(
        f"{name} {values[name]['reach']:g} of {values[name]['n_regions']} "
        f"({values[name]['lobes']} of {values[name]['n_lobes']} lobes)"
        for name in STIMULI
    )
    back = min(values[name]["returned"] for name in STIMULI)
    if NO_RESPONSE.holds(values["visual"]["reach"]):
        found = "Confirmed, stimuli are trapped"
    elif all(targets.STIMULI["reach"].holds(values[s]["reach"]) for s in STIMULI):
        found = "Refuted, stimuli travel"
    else:
        found = "Neither trapped nor far-reaching"
    return (
        f"{found}: other regions that answer a pulse, worst over the amplitudes, {reach}; "
        f"{back} of {values['visual']['n_seeds']} brains return to rest."
    )


def _data(
    conditions: Sequence[Sequence[Pulsed]], connectome: Connectome, config: Config
) -> dict[str, np.ndarray]:
    """Return what the pictures show; time courses and latencies of the middle amplitude."""
    middle = [of_stimulus[len(of_stimulus) // 2] for of_stimulus in conditions]
    relative = np.array([[c.fading.relative for c in of_stimulus] for of_stimulus in conditions])
    for s, condition in enumerate(middle):
        relative[s, :, condition.source] = np.nan
    delay_ms = np.array([c.way("direct_ms") for c in middle])
    course_Hz = np.array([c.of("course_Hz").mean(axis=0) for c in middle])
    return {
        "relative": relative,
        "delay_ms": delay_ms,
        "latency_ms": np.array([c.latency_ms for c in middle]),
        "latency_rho": np.array(
            [rank_correlation(c.latency_ms, c.way("direct_ms")) for c in middle]
        ),
        "course_Hz": course_Hz,
        "time_ms": np.arange(course_Hz.shape[1]) * BIN_MS - config.before_ms,
        "amplitudes_pA": np.array(config.amplitudes_pA),
        "distance_mm": np.array([c.distance_mm for c in middle]),
        "regions": np.array(connectome.names),
        "lobes": np.array([region.lobe for region in connectome.regions]),
    }


def figures(result: Result) -> "dict[str, Figure]":
    """Return how pulses fade, when they arrive, and the cortex after each."""
    import xarray as xr

    from encephagen.figures.propagation import arrivals, fading, filmstrip
    from encephagen.figures.surface import on_surface

    d = result.data
    regions = d["regions"].tolist()
    where = {"stimulus": list(STIMULI), "region": regions}
    lobes = d["lobes"].tolist()

    def by_region(name: str) -> xr.DataArray:
        return xr.DataArray(d[name], dims=("stimulus", "region"), coords=where)

    relative = xr.DataArray(
        d["relative"],
        dims=("stimulus", "amplitude_pA", "region"),
        coords={**where, "amplitude_pA": d["amplitudes_pA"]},
    )
    drawn = {
        "fading": fading(relative, by_region("distance_mm"), lobes),
        "arrivals": arrivals(
            by_region("latency_ms"), by_region("delay_ms"), lobes, d["latency_rho"].tolist()
        ),
    }
    if on_surface(regions):
        for name, course_Hz in zip(STIMULI, d["course_Hz"], strict=True):
            evoked_Hz = xr.DataArray(
                course_Hz,
                dims=("time_ms", "region"),
                coords={"time_ms": d["time_ms"], "region": regions},
            )
            drawn[name] = filmstrip(evoked_Hz, title=f"{name.capitalize()} pulse")
    return drawn
