"""Fit: the free parameters of a recipe, searched against fMRI; theory first, then spikes.

1. *Theory.* CMA-ES (Hansen and Ostermeier 2001, doi 10.1162/106365601750190398; package `cma`)
   over thousands of recipes, each judged in a fraction of a second by the mean field: functional
   connectivity of the training subjects, distance from instability, one fixed point only, reach.
2. *Spikes.* The best recipes that differ are calibrated and simulated for minutes. Theory knows a
   recipe's shape better than how near the edge of stability it is: in a few rounds, local
   excitation grows or shrinks until functional connectivity is as strong as in the training
   subjects.
3. *Long.* The best few again, longer and on several seeds. The best of these is the result.

Test subjects are never looked at before the end, when the best recipe is held to them. Every
evaluation is a run of the `Runner`: kept as it ends, and a search that was killed finds all of them
again and goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.brain.recipe import Cortex, Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import fmri, load
from encephagen.experiments.runner import Runner
from encephagen.extras import FIT
from encephagen.units import MS_PER_S
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import NoWorkingPoint, WorkingPoint
from encephagen.working_point.whole import bare_brain

if TYPE_CHECKING:
    import xarray as xr

FREE = {
    "rate_exc_Hz": (2.0, 3.5),
    "weight_ee_pA": (15.0, 60.0),
    "weight_ei_pA": (5.0, 60.0),
    "weight_ie_pA": (50.0, 450.0),
    "weight_ii_pA": (50.0, 450.0),
    "long_weight_pA": (10.0, 42.0),
    "feedforward_inhibition": (0.5, 1.3),
    "strength_exponent": (0.01, 0.6),
    "nmda_fraction": (0.25, 0.5),
    "recurrent_gradient": (0.01, 1.0),
    "tau_gaba_ms": (4.0, 10.0),
    "background_weight_pA": (30.0, 80.0),
    "background_rate_Hz": (200.0, 3000.0),
}
"""The free parameters and where they are searched (on a logarithmic scale). Long-range synapses
stay under 42 pA and those of the background under 80: heavier ones are no diffusion any more, and
theory parts from spikes (long-range 82 pA: FC r 0.76 in theory, 0.27 in spikes; background 130 pA
with 5 % NMDA: 0.65 and 0.31)."""

FEEDBACK = 0.95
"""Part of theory's feedback with which its functional connectivity is as strong as that of spikes
(measured at leading eigenvalues 0.89, 0.93, 0.97, 1.01: mean FC 0.21, 0.32, 0.44, 0.58)."""

EDGE = 0.93
"""Leading eigenvalue above which a recipe is marked down (free): the nearer to 1, the stronger the
slow fluctuations, and the less alike are the rates of regions. Spikes move it further."""

HIGH_HZ = (40.0, 60.0)
"""Where E or I start in the search for a second, ignited fixed point (free)."""

LEAST_SD_MV = 4.5
"""Standard deviation of the input of E below which spiking would be too regular (free)."""

LEAST_INH_HZ = 2.5
"""Rate of I below which a recipe is marked down: interneurons of cortex fire no less than pyramidal
cells, and the few strong inhibitory events of a quiet I are no diffusion (six recipes with I at 1.2
to 1.8 Hz: mean FC 0.4 in theory, 0.08 to 0.23 in spikes)."""

LEAST_FC = 0.25
"""Mean functional connectivity below which a recipe is marked down in theory (free)."""

MOST_FCD_KS = 0.25
"""Distance of FC dynamics from people's above which spikes are marked down (free; mean-field fits
with cuBNM reach 0.17 to 0.19)."""

SITES = ("Calcarine", "Heschl", "Postcentral")
LEAST_RESPONSE = 0.08
"""Response of the median region, over that of the source, below which reach is poor (free)."""

STEEPNESS = 2.4
"""d log(mean FC) / d log(weight_ee_pA) (measured: 0.21, 0.32, 0.44, 0.58 at 28.6 to 46 pA)."""

LARGEST_FACTOR = 1.3
"""Largest factor by which local excitation changes in a round (free)."""

LEAST_MINUTES = 1.0
"""Of a simulation: BOLD begins after half a minute (free)."""

WORST = -10.0
"""Score of a recipe without a fixed point at its rate."""

MORE = "give more finalists, or search around another recipe with --start"

SPREAD, NEAR = 0.2, 0.05
"""First spread of the search in the unit cube: from the best start, around a given one (free)."""

APART = 0.05
"""Least distance, as root mean square over the unit cube, of two finalists (free)."""


@dataclass(frozen=True)
class Config:
    """The numbers of a fit.

    ``train`` and ``test`` are subjects by their place in the data. ``start`` are the
    numbers of a cortex (those of `FREE` by name) around which is searched; without them, the best
    of ``starts`` all over the box.
    """

    dataset: str = "hcp-aal2"
    start: dict[str, float] | None = None
    train: tuple[int, ...] = (0, 1, 2, 3)
    test: tuple[int, ...] = (4, 5, 6)
    starts: int = 512
    generations: int = 60
    population: int = 24
    finalists: int = 6
    rounds: int = 3
    minutes: float = 4.0
    winners: int = 2
    long_minutes: float = 12.0
    seeds: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise ValueError(f"subjects {both} are in train and test; a subject is in one of them")
        if not self.train or min(self.starts, self.population, self.finalists, self.winners) < 1:
            raise ValueError("a fit needs a training subject, starts, a population and finalists")
        for name in ("minutes", "long_minutes"):
            if not LEAST_MINUTES <= getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} {getattr(self, name):g}: expected {LEAST_MINUTES:g} or more, or there "
                    "is no functional connectivity to tell"
                )
        _check_start(self.start)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a fit of seconds, whose result means nothing."""
        return cls(
            starts=8, generations=1, population=4, finalists=2, minutes=1.0,
            rounds=2, winners=1, long_minutes=1.0, seeds=1,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit found.

    recipe, working_point: the best, and where calibration brought it
    theory, spikes, long: every evaluation of a stage, best first: {"score", "recipe", figures ...},
        "recipe" the numbers of `FREE`
    fc_test_r: FC r of the best with the test subjects, mean; None without any
    """

    config: Config
    recipe: Recipe
    working_point: WorkingPoint
    theory: list[dict[str, Any]]
    spikes: list[dict[str, Any]]
    long: list[dict[str, Any]]
    fc_test_r: float | None


def fit(config: Config, runner: Runner) -> Fit:
    """Search the recipe. Raises ValueError for a data set without fMRI or such subjects."""
    people(config.dataset, (*config.train, *config.test))
    theory = _theory_first(config, runner)
    chosen = _apart(theory, config.finalists)
    if not chosen:
        raise ValueError("theory found no recipe with a fixed point: give more --starts")
    spikes = []
    for k in range(config.rounds):
        label = f"spikes, round {k + 1} of {config.rounds}"
        tried = _simulated(config, runner, chosen, config.minutes, 1, label)
        chosen = [_nearer(one, config) for one in tried]
        spikes += tried
    spikes.sort(key=lambda one: -one["score"])
    best = _apart(spikes, config.winners)
    if not best:
        raise ValueError(f"every simulated recipe failed, the first: {_failure(spikes[0])}; {MORE}")
    long = _simulated(config, runner, best, config.long_minutes, config.seeds, "long")
    long.sort(key=lambda one: -one["score"])
    if long[0]["score"] <= WORST:
        raise ValueError(f"every long run failed, the first: {_failure(long[0])}; {MORE}")
    seen = people(config.dataset, config.train)["subject"].values
    recipe = Recipe.from_dict(
        {"name": "fit", "fitted_on": [str(s) for s in seen], "cortex": long[0]["recipe"]}
    )
    point = WorkingPoint.from_dict(long[0]["working_point"])
    fc_test_r = _match(long[0]["fc"], config.dataset, config.test)[0] if config.test else None
    return Fit(config, recipe, point, theory, spikes, long, fc_test_r)


def people(dataset: str, subjects: Sequence[int]) -> "xr.DataArray":
    """Return fMRI of some subjects; ValueError if the data set lacks fMRI or a subject."""
    data = fmri(dataset)
    n = data.sizes["subject"]
    missing = [s for s in subjects if not 0 <= s < n]
    if missing:
        raise ValueError(f"subject {missing[0]} of {dataset}: it has subjects 0 to {n - 1}")
    return data.isel(subject=list(subjects))


# ---- theory -------------------------------------------------------------------------------------


def judge_theory(dataset: str, recipe: dict[str, float], train: list[int]) -> dict[str, Any]:
    """Return what theory says of a recipe, and its score, higher is better."""
    connectome = load(dataset)
    brain = bare_brain(connectome, Recipe.from_dict({"cortex": recipe}))
    try:
        field, rate_Hz = MeanField.of(brain).balanced()
    except NoWorkingPoint as error:
        return {"score": WORST, "why": str(error)}
    held = np.isfinite(field.target_Hz)
    fc = field.correlation(rate_Hz, feedback=FEEDBACK)
    fc_r, fc_mean = _match(fc, dataset, train)
    start_Hz = np.where(held, *HIGH_HZ)
    high_Hz = field.fixed_point(start_Hz, steps=300)
    figures = {
        "fc_r": fc_r,
        "fc_mean": fc_mean,
        "eigenvalue": field.leading_eigenvalue(rate_Hz),
        "ignited": float(np.abs(np.log((high_Hz + 0.1) / (rate_Hz + 0.1)))[held].max()),
        "rate_inh_Hz": float(rate_Hz[~held].mean()),
        "input_sd_mV": float(field.inputs(rate_Hz)[1][held].mean()),
        "response": min(_response(field, rate_Hz, connectome, site) for site in SITES),
    }
    return {"score": theory_score(**figures), **figures}


def theory_score(
    fc_r: float,
    fc_mean: float,
    eigenvalue: float,
    ignited: float,
    rate_inh_Hz: float,
    input_sd_mV: float,
    response: float,
) -> float:
    """Return the score of a recipe in theory: FC fit, less what makes spikes differ from it."""
    return (
        fc_r
        - 2.0 * max(0.0, eigenvalue - EDGE)
        - 0.5 * max(0.0, ignited - 0.05)
        - 0.1 * max(0.0, LEAST_INH_HZ - rate_inh_Hz)
        - 0.1 * max(0.0, LEAST_SD_MV - input_sd_mV)
        - 0.5 * max(0.0, LEAST_FC - fc_mean)
        - 0.3 * max(0.0, LEAST_RESPONSE - response)
    )


def _response(field: MeanField, rate_Hz: np.ndarray, connectome: Connectome, site: str) -> float:
    """Return the median response of regions to a push of a site, averaged over its two sides."""
    sides = [i for i, name in enumerate(connectome.names) if name.startswith(site)]
    if not sides:
        return LEAST_RESPONSE
    return float(np.mean([np.median(field.response(rate_Hz, side)) for side in sides]))


def _theory_first(config: Config, runner: Runner) -> list[dict[str, Any]]:
    """Return every recipe that theory judged, best first."""
    from scipy.stats import qmc

    cma = FIT.load("fit")
    found: list[dict[str, Any]] = []

    def judged(points: np.ndarray, label: str) -> np.ndarray:
        recipes = [_recipe(point) for point in points]
        given = [
            {"dataset": config.dataset, "recipe": recipe, "train": list(config.train)}
            for recipe in recipes
        ]
        results = runner.map(judge_theory, given, label=label)
        for point, recipe, result in zip(points, recipes, results, strict=True):
            found.append({**result, "recipe": recipe, "point": np.asarray(point).tolist()})
        return np.array([result["score"] for result in results])

    stream = rng.stream(config.seed, "fit", "starts")
    if config.start is not None:
        starts, spread = _point(config.start)[None], NEAR
    else:
        starts = qmc.Sobol(len(FREE), rng=_seed(stream)).random(config.starts)
        spread = SPREAD
    scores = judged(starts, f"theory: {len(starts)} starts")
    search = cma.CMAEvolutionStrategy(
        starts[int(np.argmax(scores))],
        spread,
        {
            "bounds": [0.0, 1.0],
            "popsize": config.population,
            "seed": _seed(stream),
            "verbose": -9,
        },
    )
    for k in range(config.generations):
        points = np.clip(np.array(search.ask()), 0.0, 1.0)
        scores = judged(points, f"theory: generation {k + 1} of {config.generations}")
        search.tell(list(points), (-scores).tolist())
    return sorted(found, key=lambda one: -one["score"])


def _seed(stream: np.random.Generator) -> int:
    return int(stream.integers(1, 2**31))


def _recipe(point: np.ndarray) -> dict[str, float]:
    """Return the free parameters at a point of the unit cube, to four digits."""
    low, high = np.log(np.array(list(FREE.values()))).T
    values = np.exp(low + np.clip(point, 0.0, 1.0) * (high - low))
    return {name: float(f"{value:.4g}") for name, value in zip(FREE, values, strict=True)}


def _point(recipe: dict[str, Any]) -> np.ndarray:
    """Return the point of the unit cube nearest to a recipe."""
    low, high = np.log(np.array(list(FREE.values()))).T
    values = np.log(np.maximum([recipe[name] for name in FREE], 1e-9))
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _apart(found: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """Return up to ``n`` of the best recipes that lie `APART` from each other."""
    chosen: list[dict[str, Any]] = []
    for one in found:
        far = [
            np.sqrt(np.mean((np.array(one["point"]) - np.array(other["point"])) ** 2)) >= APART
            for other in chosen
        ]
        if all(far) and one["score"] > WORST:
            chosen.append(one)
        if len(chosen) == n:
            break
    return chosen


def _failure(one: dict[str, Any]) -> str:
    """Return why a simulated recipe has no figures."""
    return one.get("why") or "; ".join(one["alarms"]) or "it has no figures"


def _check_start(start: dict[str, Any] | None) -> None:
    """Raise ValueError for a recipe around which this search cannot search."""
    if start is None:
        return
    usual = asdict(Cortex())
    for name, value in start.items():
        low, high = FREE.get(name, (0.0, 0.0))
        if name in FREE and not low <= value <= high:
            raise ValueError(
                f"start: {name} is {value:g}, the search goes from {low:g} to {high:g}; choose a "
                "start within"
            )
        if name not in FREE and value != usual.get(name):
            raise ValueError(
                f"start: {name} is {value!r}, no free parameter, and {usual.get(name)!r} in every "
                "recipe that is searched; choose a start with that"
            )


# ---- spikes -------------------------------------------------------------------------------------


def calibrated(dataset: str, recipe: dict[str, float]) -> dict[str, Any]:
    """Return {"working_point": that of the recipe, measured}, or {None, "why"} if it has none."""
    from encephagen.working_point.calibration import calibrate

    try:
        found = calibrate(bare_brain(load(dataset), Recipe.from_dict({"cortex": recipe})))
    except NoWorkingPoint as error:
        return {"working_point": None, "why": str(error)}
    return {"working_point": found.as_dict()}


def judge_spikes(
    dataset: str, recipe: dict[str, float], working_point: dict[str, Any], minutes: float, seed: int
) -> dict[str, Any]:
    """Return what a simulation of a recipe gives: BOLD, and the statistics of spikes.

    {"bold" (time, region), "rate_Hz" (region,), "cv_isi", "count_correlation", "alarms"}; an empty
    bold, and ``why``, if the engine stopped the run or it has no BOLD.
    """
    from encephagen.analysis.haemodynamics import bold
    from encephagen.analysis.summary import summary
    from encephagen.validation.rest import at_rest, recordings

    connectome = load(dataset)
    values = Recipe.from_dict({"cortex": recipe}).as_dict()
    digest = connectome.digest()
    run = at_rest(dataset, digest, values, seed, minutes, 10.0, working_point=working_point)
    long, short = recordings(run, connectome)
    none = {"bold": np.zeros((0, connectome.n)), "alarms": [str(a) for a in long.alarms]}
    if long.interrupted:
        return {**none, "why": "the engine stopped it"}
    data = fmri(dataset)
    tr_s = float(data["time_s"].values[1] - data["time_s"].values[0])
    try:
        signal = bold(long, tr_s).values.astype(np.float32)
    except ValueError as error:  # a silent region, or blood flow that would fall below nothing
        return {**none, "why": str(error)}
    spiking = summary(short)
    excites = long.data["excites"].values
    count = long.data["count"].values[..., excites].sum(axis=-1)
    size = long.data["region_size"].values[..., excites].sum(axis=-1)
    return {
        "bold": signal,
        "rate_Hz": count.sum(axis=0) / size / (long.duration_ms / MS_PER_S),
        "cv_isi": spiking["cv_isi"],
        "count_correlation": spiking["count_correlation"],
        "alarms": [str(a) for a in (*long.alarms, *short.alarms)],
    }


def spikes_score(
    fc_r: float, fcd_ks: float, rate_max_Hz: float, cv_isi: float, alarms: Sequence[str]
) -> float:
    """Return the score of a recipe in spikes: FC fit, less what is out of its target."""
    from encephagen.validation.targets import TARGETS

    return (
        fc_r
        - 0.5 * max(0.0, fcd_ks - MOST_FCD_KS)
        - max(0.0, (TARGETS["cv_isi"].low or 0.0) - cv_isi)
        - 0.1 * max(0.0, rate_max_Hz - (TARGETS["rate_region_max_Hz"].high or 0.0))
        - 0.1 * len(alarms)
    )


def _simulated(
    config: Config,
    runner: Runner,
    candidates: list[dict[str, Any]],
    minutes: float,
    seeds: int,
    label: str,
) -> list[dict[str, Any]]:
    """Return candidates with what spikes say of them, in the same order."""
    given = [{"dataset": config.dataset, "recipe": one["recipe"]} for one in candidates]
    ready = runner.map(calibrated, given, label=f"{label}: calibration")
    plan = [
        {**one, "working_point": r["working_point"], "minutes": minutes, "seed": seed}
        for one, r in zip(given, ready, strict=True)
        if r["working_point"] is not None
        for seed in range(seeds)
    ]
    runs = iter(runner.map(judge_spikes, plan, label=f"{label}: {minutes:g} min"))
    judged = []
    for one, r in zip(candidates, ready, strict=True):
        theory = {name: one[name] for name in ("score", "fc_r", "eigenvalue") if name in one}
        same = {name: one[name] for name in ("recipe", "point")}
        same |= {"theory": one.get("theory", theory)}
        if r["working_point"] is None:
            judged.append({"score": WORST, "why": r["why"], **same})
        else:
            figures = _figures(config, [next(runs) for _ in range(seeds)])
            judged.append({**figures, "working_point": r["working_point"], **same})
    return judged


def _nearer(one: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return a recipe with the local excitation at which its FC should be as strong as people's.

    A recipe that ran away, or has no background to start from, steps back.
    """
    target = _strength(config)
    ratio = target / max(one.get("fc_mean", np.inf), 1e-3)
    factor = float(np.clip(ratio ** (1.0 / STEEPNESS), 1.0 / LARGEST_FACTOR, LARGEST_FACTOR))
    weight_pA = float(f"{one['recipe']['weight_ee_pA'] * factor:.4g}")
    return {**one, "recipe": {**one["recipe"], "weight_ee_pA": weight_pA}}


def _figures(config: Config, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one recipe over its seeds, with its FC (region, region)."""
    alarms = [alarm for run in runs for alarm in run["alarms"]]
    if any(not len(run["bold"]) for run in runs):
        why = next(run["why"] for run in runs if not len(run["bold"]))
        return {"score": WORST, "alarms": alarms, "why": why}
    fc = np.tanh(np.mean([np.arctanh(_fc(run["bold"])) for run in runs], axis=0))
    fc_r, fc_mean = _match(fc, config.dataset, config.train)
    figures = {
        "fc_r": fc_r,
        "fcd_ks": _fcd_ks([run["bold"] for run in runs], config),
        "rate_max_Hz": max(float(run["rate_Hz"].max()) for run in runs),
        "cv_isi": float(np.mean([run["cv_isi"] or 0.0 for run in runs])),
        "alarms": alarms,
    }
    return {
        "score": spikes_score(**figures),
        **figures,
        "fc": fc,
        "fc_mean": fc_mean,
        "rate_min_Hz": min(float(run["rate_Hz"].min()) for run in runs),
        "rate_exc_Hz": float(np.mean([run["rate_Hz"].mean() for run in runs])),
        "count_correlation": float(np.mean([run["count_correlation"] or 0.0 for run in runs])),
    }


def _strength(config: Config) -> float:
    """Return the mean functional connectivity of the training subjects.

    In the band of slow fluctuations: outside it the scanner's noise dilutes it.
    """
    from encephagen.analysis.functional_connectivity import bandpass, fc, upper

    signals = bandpass(people(config.dataset, config.train))
    return float(np.mean([upper(one).mean() for one in fc(signals)]))


def _fc(bold: np.ndarray) -> np.ndarray:
    fc = np.corrcoef(bold.T)
    return np.where(np.eye(len(fc)) > 0, 0.0, fc)


def _fcd_ks(bold: Sequence[np.ndarray], config: Config) -> float:
    """Return the distance of FC dynamics from those of the training subjects, as validate does."""
    import xarray as xr

    from encephagen.analysis.functional_connectivity import bandpass, fcd_ks
    from encephagen.validation.evidence import fcd_alike

    subjects = people(config.dataset, config.train)
    tr_s = float(subjects["time_s"].values[1] - subjects["time_s"].values[0])
    n = min(map(len, bold))
    runs = xr.DataArray(
        np.stack([signal[:n] for signal in bold]),
        {"time_s": tr_s * np.arange(n), "region": subjects["region"].values},
        ("run", "time_s", "region"),
    )
    try:
        own, others = fcd_alike(bandpass(runs), bandpass(subjects))
    except ValueError:
        return 1.0  # too short a run for windows: as far as can be
    return fcd_ks(np.concatenate(own), np.concatenate(others))


def _match(fc: np.ndarray, dataset: str, subjects: Sequence[int]) -> tuple[float, float]:
    """Return the mean correlation of an FC with those of subjects, and the mean of the FC."""
    from encephagen.analysis.functional_connectivity import fc as connectivity

    upper = np.triu_indices(len(fc), 1)
    own = fc[upper]
    others = connectivity(people(dataset, subjects)).values
    return (
        float(np.mean([np.corrcoef(own, other[upper])[0, 1] for other in others])),
        float(own.mean()),
    )


def as_dict(found: Fit) -> dict[str, Any]:
    """Return a fit as plain values, without the points of the search."""

    def plain(one: dict[str, Any], *hidden: str) -> dict[str, Any]:
        return {name: x for name, x in one.items() if name not in ("point", "fc", *hidden)}

    return {
        "config": asdict(found.config),
        "recipe": found.recipe.as_dict(),
        "working_point": found.working_point.as_dict(),
        "evaluated": len(found.theory),
        "best": {**plain(found.long[0], "recipe", "working_point"), "fc_test_r": found.fc_test_r},
        "theory": [plain(one) for one in found.theory],
        "spikes": [plain(one) for one in found.spikes],
        "long": [plain(one) for one in found.long],
    }
