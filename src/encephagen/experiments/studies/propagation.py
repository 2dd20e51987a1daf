"""Stimuli travel: reach, delay, selectivity and decay of visual, auditory and tactile pulses.

A pulse is a step of current into the excitatory neurons of primary cortex, on both sides. Pulses
of all kinds and amplitudes, and shams, come in random order; a run is one brain with its own wiring
and noise. A response is tested against the shams of the same brain, so that reach is what can be
seen in one brain; what is read off time courses (latency, attenuation) is of the mean over brains.
The figure of a stimulus is the worst over a threefold range of amplitudes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis import propagation
from encephagen.analysis.propagation import Trials, rank_correlation
from encephagen.analysis.statistics import TIE, compare, joint_family
from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.transform import subset
from encephagen.experiments.prepare import chosen_recipe, chosen_working_point, tuned, wiring
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.network.build import build
from encephagen.tasks.pulses import Step, Timing, present_shuffled
from encephagen.units import MS_PER_S
from encephagen.validation import targets
from encephagen.validation.targets import Row, judge
from encephagen.working_point.calibration import FEEDBACK
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import WorkingPoint
from encephagen.working_point.whole import whole_brain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A visual stimulus raises visual cortex by 12 % and no other region at all: the human "
    "connectome traps stimuli, as its long-range connections are only excitatory (claim 30 of the "
    'first encephagen, "the fundamental dMRI wall").'
)
STIMULI = ("visual", "auditory", "tactile")
BIN_MS = 5.0
FEATURE_MS = 50.0
"""Width of the successive windows of a response whose rates decode it."""

PEAK_MS = 10.0
"""Width of the bins whose largest rate is the peak of the source."""

FEWEST_TRIALS = 6
"""With so many, and three times as many shams, one region of 80 can be told to respond."""

NO_RESPONSE = targets.STIMULI["sham reach"]

TIMING = (
    "pulse_ms", "trials", "shams", "before_ms", "after_ms", "window_ms", "rest_ms", "settle_s",
)  # fmt: skip
WORST: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "reach": (min, ("reach_range",)),
    "strong_reach": (min, ()),
    "lobes": (min, ("lobes_reached",)),
    "latency_rho": (min, ("latency_interval", "latency_p")),
    "latency_spatial_p": (max, ()),
    "latency_given_weight_rho": (min, ()),
    "selectivity_rho": (min, ("selectivity_interval",)),
    "selectivity_linear_rho": (min, ()),
    "attenuation": (min, ("attenuation_length_mm", "attenuation_rho")),
    "decoding": (min, ()),
    "source_peak_Hz": (max, ()),
    "rest_ratio": (max, ()),
}
"""Figures by which amplitudes are judged: what is worst, and what goes along with it."""


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 50 minutes on two cores.

    seeds                    brains with the real wiring, as the recipe has it
    first_seed               the seed of the first; the others follow
    nulls                    brains of each of null_kinds, and as many of the real wiring that are
                             treated as they are: tuned anew, the lowest amplitude alone
    recipe                   a TOML file; None is the shipped recipe
    working_point            of brains that are as the recipe has them; None is that which it keeps
    visual, auditory, tactile  where the pulse goes: regions or systems ("auditory" for all of it)
    amplitudes_pA            from the least to three times it
    trials, shams            of each pulse, and without
    before_ms, after_ms      of a trial, from the onset
    window_ms, rest_ms       where a response is looked for, and rest: at the end of a trial
    neurons_per_region       the recipe's own unless given

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
            neurons_per_region=20,
        )


# ---- one brain ----------------------------------------------------------------------------------


def respond(
    dataset: str,
    null: str | None,
    anew: bool,
    seed: int,
    recipe: dict[str, Any],
    working_point: dict[str, Any] | None,
    sites: list[list[str]],
    amplitudes_pA: list[float],
    pulse_ms: float,
    trials: int,
    shams: int,
    before_ms: float,
    after_ms: float,
    window_ms: float,
    rest_ms: float,
    settle_s: float,
) -> dict[str, Any]:
    """Stimulate one brain; ``seed`` is that of null, wiring, noise and order.

    ``anew``: it is brought to the recipe's working point (`tuned`), and not as the recipe has it.
    Returns arrays (stimulus, amplitude, ...), without amplitude for what it does not change.
    """
    connectome, numbers = wiring(dataset, null, seed), Recipe.from_dict(recipe)
    point = None if working_point is None else WorkingPoint.from_dict(working_point)
    if anew:
        numbers, point = tuned(connectome, numbers, seed, original=load(dataset))
    brain = whole_brain(connectome, numbers, point)
    shown = present_shuffled(
        build(brain, seed=seed),
        [Step(tuple(site), pA, pulse_ms) for site in sites for pA in amplitudes_pA],
        n_trials=trials,
        n_shams=shams,
        timing=Timing(before_ms, after_ms, settle_s * MS_PER_S, BIN_MS),
        seed=seed,
    )
    sources = [brain.connectome.indices(site) for site in sites]
    of_pulse = [source for source in sources for _ in amplitudes_pA]
    measured = [
        {
            **_response(p, shown.shams, source, pulse_ms, window_ms, seed),
            **_rest(p, shown.shams, rest_ms, stuck),
        }
        for p, source, stuck in zip(shown.pulses, of_pulse, shown.stuck, strict=True)
    ]
    n = len(amplitudes_pA)
    decoded = [_decoded(shown.pulses[a::n], window_ms, seed) for a in range(n)]
    ways = [_ways(brain, shown.rest_Hz, source, numbers) for source in sources]
    none = propagation.reach(
        shown.shams.take(np.arange(shams) % 3 == 0),
        shown.shams.take(np.arange(shams) % 3 > 0),
        [],
        window_ms=(0.0, window_ms),
        seed=seed,
    )
    return {
        **_stacked(measured, (len(sources), n)),
        **_stacked(decoded, (n,)),
        **_stacked(ways, (len(sources),)),
        "sham_reach": int(none.responded.sum() + none.suppressed.sum()),
        "rate_Hz": shown.shams.rate_Hz.mean(axis=(0, 1)),
        "velocity_mm_per_ms": numbers.cortex.velocity_mm_per_ms,
    }


def _response(
    pulses: Trials,
    shams: Trials,
    source: np.ndarray,
    pulse_ms: float,
    window_ms: float,
    seed: int,
) -> dict[str, Any]:
    """Return who answers a pulse, how strongly, and when."""
    found = propagation.reach(pulses, shams, source, window_ms=(0.0, window_ms), seed=seed)
    edges_ms = np.arange(0.0, pulse_ms - PEAK_MS + 1e-9, PEAK_MS)
    fired_Hz = [pulses.mean(t, t + PEAK_MS)[:, source].mean() for t in edges_ms]
    return {
        "responded": found.responded,
        "suppressed": found.suppressed,
        "change_Hz": found.change_Hz,
        "effect": found.effect,
        "course_Hz": propagation.course_Hz(pulses, shams).astype(np.float32),
        "source_peak_Hz": max(fired_Hz),
        "source_mean_Hz": np.mean(fired_Hz),
    }


def _rest(pulses: Trials, shams: Trials, rest_ms: float, stuck: np.ndarray) -> dict[str, Any]:
    """Return what is left at the end, and whether that is rest, after every trial."""
    left = propagation.rest(pulses, shams, rest_ms)
    return {"rest_ratio": left.ratio, "returned": left.returned and not stuck.any()}


def _decoded(pulses: Sequence[Trials], window_ms: float, seed: int) -> dict[str, Any]:
    """Return how well each region tells the stimuli of one amplitude apart."""
    edges_ms = np.arange(0.0, window_ms, FEATURE_MS)
    features = np.concatenate(
        [np.stack([p.mean(t, t + FEATURE_MS) for t in edges_ms], axis=2) for p in pulses]
    )
    labels = np.repeat(np.arange(len(pulses)), [p.n for p in pulses])
    found = propagation.decode(features, labels, seed=seed)
    decodes = found.p_corrected < propagation.ALPHA
    return {"recall": found.recall, "decodes": decodes, "chance": found.chance}


def _ways(brain: Brain, rest_Hz: np.ndarray, source: np.ndarray, recipe: Recipe) -> dict[str, Any]:
    """Return what joins each region (region,) to a source: weight, theory's gain, delays."""
    direct_ms, fastest_ms = propagation.tract_delay_ms(
        brain.connectome, source, recipe.cortex.velocity_mm_per_ms
    )
    return {
        "weight": brain.connectome.weights[:, source].sum(axis=1),
        "linear": _linear(brain, rest_Hz, source),
        "direct_ms": direct_ms,
        "fastest_ms": fastest_ms,
    }


def _linear(brain: Brain, rest_Hz: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return what theory adds to each region (region,) per Hz that the source is pushed by.

    All paths are counted: (1 - F)^-1, with F the linearised network at the rates measured, as far
    as spikes show it (`calibration.FEEDBACK`). nan where theory is unstable there.
    """
    field = MeanField.of(brain)
    feedback = FEEDBACK * field.feedback(rest_Hz.ravel())
    units = field.units("E")
    if np.linalg.eigvals(feedback).real.max() >= 1:
        return np.full(units.size, np.nan)
    push = np.isin(np.arange(field.size.size), units[source]).astype(float)
    return np.linalg.solve(np.eye(field.size.size) - feedback, push)[units]


def _stacked(found: Sequence[dict[str, Any]], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return dicts of equal names as arrays (*shape, ...)."""
    return {
        name: np.array([f[name] for f in found]).reshape(*shape, *np.shape(value))
        for name, value in found[0].items()
    }


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study."""
    connectome = load(config.dataset)
    sources = {name: connectome.indices(getattr(config, name)) for name in STIMULI}
    real, compared = _all_runs(config, runner)
    conditions = [
        [_Condition(real, connectome, config, s, a) for a in range(len(config.amplitudes_pA))]
        for s in range(len(STIMULI))
    ]
    against = {
        kind: _against(compared[None], nulls, connectome, config)
        for kind, nulls in compared.items()
        if kind is not None
    }
    values = {}
    for name, of_stimulus in zip(STIMULI, conditions, strict=True):
        figures = [condition.figures() for condition in of_stimulus]
        returned = np.all([condition.of("returned") for condition in of_stimulus], axis=0)
        survival = propagation.survival(returned)
        values[name] = {
            **_worst(figures),
            "returned": survival.n_returned,
            "returned_interval": [survival.low, survival.high],
            "n_regions": of_stimulus[0].others.size,
            "n_lobes": len(of_stimulus[0].lobes()),
            "n_seeds": config.seeds,
            "amplitudes": figures,
            "nulls": {kind: found[name] for kind, found in against.items()},
        }
    sham = np.array([r["sham_reach"] for r in real])
    return Result(
        values={
            **values,
            "sham": {"reach": float(sham.mean()), "most": int(sham.max()), "n_seeds": sham.size},
            "decoding": _decoding(real, config, np.concatenate(list(sources.values()))),
            "rest_Hz": float(np.mean([r["rate_Hz"] for r in real])),
        },
        verdict=_verdict(values),
        rows=(
            *(row for name in STIMULI for row in _rows(name, values[name], config)),
            judge(NO_RESPONSE.name, float(sham.mean()), n=sham.size, target=NO_RESPONSE),
        ),
        data=_data(conditions, connectome),
    )


def _all_runs(
    config: Config, runner: Runner
) -> tuple[list[dict[str, Any]], dict[str | None, list[dict[str, Any]]]]:
    """Return what each brain gave, of the real wiring and, treated alike, of what is compared.

    The second are by kind of null, None for the real wiring.
    """
    same = {
        "dataset": config.dataset,
        "recipe": chosen_recipe(config.recipe, config.neurons_per_region).as_dict(),
        "working_point": chosen_working_point(config.working_point),
        "sites": [list(getattr(config, name)) for name in STIMULI],
        **{name: getattr(config, name) for name in TIMING},
    }

    def runs(label: str, n: int, amplitudes_pA: Sequence[float], **own: Any) -> list[dict]:
        todo = [
            {"seed": config.first_seed + i, "amplitudes_pA": list(amplitudes_pA), **own, **same}
            for i in range(n)
        ]
        return runner.map(respond, todo, label=label)

    real = runs("real wiring", config.seeds, config.amplitudes_pA, null=None, anew=False)
    kinds = (None, *config.null_kinds) if config.null_kinds and config.nulls else ()
    return real, {
        kind: runs(
            kind or "real wiring, treated as nulls",
            config.nulls,
            config.amplitudes_pA[:1],
            null=kind,
            anew=True,
        )
        for kind in kinds
    }


class _Condition:
    """Stimulus ``s`` at amplitude ``a`` in all brains, and the figures of it."""

    def __init__(
        self,
        runs: Sequence[dict[str, Any]],
        connectome: Connectome,
        config: Config,
        s: int,
        a: int,
    ) -> None:
        self.connectome, self.config, self.runs, self.s, self.a = connectome, config, runs, s, a
        self.source = connectome.indices(getattr(config, STIMULI[s]))
        self.others = np.setdiff1d(np.arange(connectome.n), self.source)

    def of(self, name: str) -> np.ndarray:
        """Return what every brain gave (brain, ...)."""
        return np.array([run[name][self.s, self.a] for run in self.runs])

    def way(self, name: str) -> np.ndarray:
        """Return what joins the regions (region,) to the source, the mean over brains."""
        return np.mean([run[name][self.s] for run in self.runs], axis=0)

    @property
    def usual(self) -> np.ndarray:
        """Regions (region,) that respond in half of the brains or more."""
        return self.of("responded").mean(axis=0) >= 0.5

    @property
    def latency_ms(self) -> np.ndarray:
        """Latency (region,) of the mean over brains, nan where the usual brain does not respond."""
        course_Hz = self.of("course_Hz").mean(axis=0)
        found = propagation.latency_ms(course_Hz, BIN_MS, self.config.before_ms)
        return np.where(self.usual, found, np.nan)

    @property
    def distance_mm(self) -> np.ndarray:
        """Length (region,) of the fibre to the nearest source, nan where there is none."""
        return self.way("direct_ms") * self.runs[0]["velocity_mm_per_ms"]

    @property
    def fading(self) -> propagation.Attenuation:
        """How the response, the mean over brains, fades with the length of fibres.

        nan where the source does not respond, as it does not to a pulse of nothing.
        """
        change_Hz = self.of("change_Hz").mean(axis=0)
        if not change_Hz[self.source].mean() > 0:
            unknown = np.full(self.connectome.n, np.nan)
            return propagation.Attenuation(unknown, np.nan, np.nan, np.nan)
        return propagation.attenuation(change_Hz, self.source, self.distance_mm)

    def lobes(self) -> dict[str, float]:
        """Return for each lobe the share of brains in which any of its regions responds."""
        names = [region.lobe for region in self.connectome.regions]
        found = [propagation.by_lobe(r, names, self.source) for r in self.of("responded")]
        return {lobe: float(np.mean([f[lobe][0] > 0 for f in found])) for lobe in found[0]}

    def figures(self) -> dict[str, Any]:
        """Return all figures, plain."""
        reach = self.of("responded").sum(axis=1)
        lobes, fading = self.lobes(), self.fading
        return {
            "amplitude_pA": self.config.amplitudes_pA[self.a],
            "reach": float(np.median(reach)),
            "reach_range": [int(reach.min()), int(reach.max())],
            "strong_reach": float(np.median((self.of("effect")[:, self.others] > 1.0).sum(axis=1))),
            "suppressed": float(np.median(self.of("suppressed").sum(axis=1))),
            "lobes": sum(share >= 0.5 for share in lobes.values()),
            "lobes_reached": lobes,
            **self._latency(),
            **self._selectivity(),
            "attenuation": fading.far,
            "attenuation_length_mm": fading.length,
            "attenuation_rho": fading.rho,
            "decoding": float(
                np.mean([r["recall"][self.a, self.s, self.others].mean() for r in self.runs])
            ),
            "source_peak_Hz": float(self.of("source_peak_Hz").mean()),
            "source_mean_Hz": float(self.of("source_mean_Hz").mean()),
            "rest_ratio": float(self.of("rest_ratio").mean()),
            "returned": int(self.of("returned").sum()),
        }

    def _latency(self) -> dict[str, Any]:
        """Return how latency goes with conduction delay, over the regions that usually respond."""
        direct_ms, latency_ms = self.way("direct_ms"), self.latency_ms
        found = propagation.latency_correlation(
            self.of("course_Hz"), BIN_MS, self.config.before_ms, direct_ms, self.usual
        )
        use = np.isfinite(latency_ms)
        return {
            "latency_rho": found.rho,
            "latency_interval": [found.low, found.high],
            "latency_p": found.p,
            "latency_spatial_p": self._spatial_p(latency_ms, direct_ms),
            "latency_n": found.n,
            "latency_fastest_rho": rank_correlation(latency_ms, self.way("fastest_ms")),
            "latency_given_weight_rho": rank_correlation(
                latency_ms, direct_ms, given=self.way("weight")
            ),
            "latency_median_ms": float(np.median(latency_ms[use])) if use.any() else None,
            "delay_median_ms": float(np.median(direct_ms[use])) if use.any() else None,
        }

    def _spatial_p(self, latency_ms: np.ndarray, delay_ms: np.ndarray) -> float:
        """Return the p of their correlation among maps as smooth as the delay, nan without such."""
        use = self.others[np.isfinite(delay_ms[self.others])]
        part = subset(self.connectome, [self.connectome.names[i] for i in use])
        try:
            maps, _ = spatial_null(delay_ms[use], part, self.config.maps)
        except ValueError:  # a connectome without centroids, or a map that has no null
            return np.nan
        observed = rank_correlation(latency_ms, delay_ms)
        chance = np.array([rank_correlation(latency_ms[use], other) for other in maps])
        if np.isnan(observed):
            return np.nan
        return float((1 + np.sum(np.abs(chance) >= abs(observed) - TIE)) / (1 + chance.size))

    def _selectivity(self) -> dict[str, Any]:
        """Return how the response goes with connectivity, and with what linear theory says."""
        change_Hz, weight = self.of("change_Hz")[:, self.others], self.way("weight")[self.others]

        def rho(brains: np.ndarray) -> float:
            return rank_correlation(change_Hz[brains].mean(axis=0), weight)

        n = len(change_Hz)
        stream = rng.stream(0, "propagation", "selectivity")
        drawn = [rho(stream.integers(0, n, n)) for _ in range(propagation.N_BOOTSTRAP)]
        interval = np.percentile(drawn, (2.5, 97.5)) if n > 1 else np.full(2, np.nan)
        linear = self.way("linear")[self.others]
        return {
            "selectivity_rho": rho(np.arange(n)),
            "selectivity_interval": interval.tolist(),
            "selectivity_linear_rho": rank_correlation(change_Hz.mean(axis=0), linear),
        }


def _worst(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return figures where they are worst over the amplitudes; nan is worst of all."""
    found = {}
    for name, (worst, along) in WORST.items():
        unknown = [f for f in figures if np.isnan(f[name])]
        at = unknown[0] if unknown else worst(figures, key=itemgetter(name))
        found |= {key: at[key] for key in (name, *along)}
    return found


def _decoding(
    real: Sequence[dict[str, Any]], config: Config, sources: np.ndarray
) -> list[dict[str, Any]]:
    """Return, for each amplitude, how many regions outside all sources tell the stimuli apart."""
    others = np.setdiff1d(np.arange(real[0]["rate_Hz"].size), sources)
    found = []
    for a, amplitude_pA in enumerate(config.amplitudes_pA):
        accuracy = [r["recall"][a].mean(axis=0)[others].mean() for r in real]
        decodes = [r["decodes"][a, others].sum() for r in real]
        found.append(
            {
                "amplitude_pA": amplitude_pA,
                "accuracy": float(np.mean(accuracy)),
                "chance": float(real[0]["chance"][a]),
                "regions": float(np.median(decodes)),
                "n_regions": others.size,
            }
        )
    return found


def _against(
    real: Sequence[dict[str, Any]],
    nulls: Sequence[dict[str, Any]],
    connectome: Connectome,
    config: Config,
) -> dict[str, dict[str, Any]]:
    """Return for each stimulus how the real wiring compares, brain by brain, at the lowest pulse.

    All measures of all stimuli are one family; one that is not known in every brain is left out.
    """
    if len(nulls) < 2:
        return {name: {} for name in STIMULI}
    comparisons = {}
    for s, name in enumerate(STIMULI):
        a, b = (_Condition(runs, connectome, config, s, 0) for runs in (real, nulls))
        x, y = ([_alone(c, i) for i in range(len(c.runs))] for c in (a, b))
        for measure in x[0]:
            each = [[brain[measure] for brain in brains] for brains in (x, y)]
            if np.isfinite(np.concatenate(each)).all():
                comparisons[name, measure] = compare(*each)
    family = joint_family({" ".join(key): c for key, c in comparisons.items()})
    return {
        name: {
            measure: family[f"{stimulus} {measure}"].as_dict()
            for stimulus, measure in comparisons
            if stimulus == name
        }
        for name in STIMULI
    }


def _alone(condition: _Condition, brain: int) -> dict[str, float]:
    """Return the measures of one brain by itself, with its own connectome's weights and delays."""
    run, s = condition.runs[brain], condition.s
    responded, change_Hz = (condition.of(name)[brain] for name in ("responded", "change_Hz"))
    course_Hz, others = condition.of("course_Hz")[brain], condition.others
    latency_ms = propagation.latency_ms(course_Hz, BIN_MS, condition.config.before_ms)
    latency_ms = np.where(responded, latency_ms, np.nan)
    at_source = change_Hz[condition.source].mean()
    return {
        "reach": float(responded.sum()),
        "latency_rho": rank_correlation(latency_ms, run["direct_ms"][s]),
        "selectivity_rho": rank_correlation(change_Hz[others], run["weight"][s][others]),
        "response": float(change_Hz[others].mean() / at_source) if at_source > 0 else np.nan,
    }


# ---- what is shown ------------------------------------------------------------------------------


def _rows(name: str, v: dict[str, Any], config: Config) -> list[Row]:
    """Return the rows of one stimulus."""
    n = config.seeds
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


def _verdict(values: dict[str, Any]) -> str:
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
    conditions: Sequence[Sequence[_Condition]], connectome: Connectome
) -> dict[str, np.ndarray]:
    """Return what the pictures show; time courses and latencies of the middle amplitude."""
    middle = [of_stimulus[len(of_stimulus) // 2] for of_stimulus in conditions]
    relative = np.array([[c.fading.relative for c in of_stimulus] for of_stimulus in conditions])
    for s, condition in enumerate(middle):
        relative[s, :, condition.source] = np.nan
    config = middle[0].config
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
