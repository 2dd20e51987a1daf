"""The search in theory: thousands of recipes, each judged by the mean field."""

from typing import Any

import numpy as np

from encephagen import rng
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.experiments.runner import Runner
from encephagen.experiments.search.config import WORST, Config, match
from encephagen.extras import FIT
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.whole import bare_brain

EDGE = 1.14
"""Leading eigenvalue of theory above which a recipe is marked down (free): the stronger the
feedback, the stronger the slow fluctuations, and the less alike are the rates of regions. Spikes
have less of it (`MeanField.in_spikes`), and move it further."""

HIGH_HZ = (40.0, 60.0)
"""Where E or I start in the search for a second, ignited fixed point (free)."""

LEAST_SD_MV = 2.7
"""Standard deviation of the potential of E below which spiking would be too regular (free)."""

LEAST_INH_HZ = 2.5
"""Rate of I below which a recipe is marked down: interneurons of cortex fire no less than pyramidal
cells, and the few strong inhibitory events of a quiet I are no diffusion (six recipes with I at 1.2
to 1.8 Hz: mean FC 0.4 in theory, 0.08 to 0.23 in spikes)."""

LEAST_FC = 0.25
"""Mean functional connectivity below which a recipe is marked down in theory (free)."""

SITES = ("Calcarine", "Heschl", "Postcentral")

LEAST_RESPONSE = 0.04
"""Response of the median region, over that of the source, below which reach is poor (free)."""

SPREAD, NEAR = 0.2, 0.05
"""First spread of the search in the unit cube: from the best start, around a given one (free)."""


def judge_theory(dataset: str, recipe: dict[str, float], train: list[int]) -> dict[str, Any]:
    """Return what theory says of a recipe, and its score, higher is better."""
    connectome = load(dataset)
    brain = bare_brain(connectome, Recipe.from_dict({"cortex": recipe}))
    try:
        field, rate_Hz = MeanField.of(brain).balanced()
    except NoWorkingPoint as error:
        return {"score": WORST, "why": str(error)}
    spiking = field.in_spikes(rate_Hz)
    fc_r, fc_mean = match(spiking.correlation(rate_Hz), dataset, train)
    excites = field.excitatory.any(axis=0)
    high_Hz = spiking.fixed_point(np.where(excites, *HIGH_HZ), steps=300, rate=0.2)
    figures = {
        "fc_r": fc_r,
        "fc_mean": fc_mean,
        "eigenvalue": field.leading_eigenvalue(rate_Hz),
        "ignited": float(np.abs(np.log((high_Hz + 0.1) / (rate_Hz + 0.1)))[excites].max()),
        "rate_inh_Hz": float(rate_Hz[~excites].mean()),
        "input_sd_mV": float(np.sqrt(field.inputs(rate_Hz)[1][excites]).mean()),
        "response": min(_response(spiking, rate_Hz, connectome, site) for site in SITES),
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


def search(config: Config, runner: Runner) -> list[dict[str, Any]]:
    """Return every recipe that theory judged, best first."""
    cma = FIT.load("fit")
    from scipy.stats import qmc

    found: list[dict[str, Any]] = []

    def judged(points: np.ndarray, label: str) -> np.ndarray:
        recipes = [_recipe(point, config) for point in points]
        given = [
            {"dataset": config.dataset, "recipe": recipe, "train": list(config.train)}
            for recipe in recipes
        ]
        results = runner.map(judge_theory, given, label=label)
        for point, recipe, result in zip(points, recipes, results, strict=True):
            found.append({**result, "recipe": recipe, "point": np.asarray(point).tolist()})
        return np.array([result["score"] for result in results])

    stream = rng.stream(config.seed, "fit", "starts")
    if config.start is not None and not config.everywhere:
        starts, spread = _point(config.start, config)[None], NEAR
    else:
        starts = qmc.Sobol(len(config.free), rng=_seed(stream)).random(config.starts)
        spread = SPREAD
    scores = judged(starts, f"theory: {len(starts)} starts")
    strategy = cma.CMAEvolutionStrategy(
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
        points = np.clip(np.array(strategy.ask()), 0.0, 1.0)
        scores = judged(points, f"theory: generation {k + 1} of {config.generations}")
        strategy.tell(list(points), (-scores).tolist())
    return sorted(found, key=lambda one: -one["score"])


def _seed(stream: np.random.Generator) -> int:
    return int(stream.integers(1, 2**31))


def _recipe(point: np.ndarray, config: Config) -> dict[str, float]:
    """Return the numbers at a point of the unit cube, the free ones to four digits."""
    low, high = np.log(np.array(list(config.free.values()))).T
    values = np.exp(low + np.clip(point, 0.0, 1.0) * (high - low))
    found = zip(config.free, values, strict=True)
    return {**config.fixed, **{name: float(f"{value:.4g}") for name, value in found}}


def _point(recipe: dict[str, Any], config: Config) -> np.ndarray:
    """Return the point of the unit cube nearest to a recipe."""
    low, high = np.log(np.array(list(config.free.values()))).T
    values = np.log(np.maximum([recipe[name] for name in config.free], 1e-9))
    return np.clip((values - low) / (high - low), 0.0, 1.0)
