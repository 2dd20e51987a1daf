"""The search in spikes: recipes are calibrated and simulated, each round nearer to people."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import fmri, load
from encephagen.experiments.runner import Runner
from encephagen.experiments.search.config import WORST, Config, match, people
from encephagen.working_point.point import NoWorkingPoint
from encephagen.working_point.whole import bare_brain

MOST_FCD_KS = 0.25
"""Distance of FC dynamics from people's above which spikes are marked down (free; mean-field fits
with cuBNM reach 0.17 to 0.19)."""

STEEPNESS = 2.4
"""d log(mean FC) / d log(weight_ee_pA) (measured: 0.21, 0.32, 0.44, 0.58 at 28.6 to 46 pA)."""

LARGEST_FACTOR = 1.3
"""Largest factor by which local excitation changes in a round (free)."""


def calibrated(dataset: str, recipe: dict[str, float]) -> dict[str, Any]:
    """Return {"working_point": that of the recipe, measured}, or {None, "why"} if it has none.

    It is that of one wiring; theory moves it to those of other seeds.
    """
    from encephagen.working_point.calibration import calibrate

    try:
        brain = bare_brain(load(dataset), Recipe.from_dict({"cortex": recipe}))
        found = calibrate(brain, wiring_seed=0)
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
    from encephagen.analysis.rates import pool, region_rate
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
    return {
        "bold": signal,
        "rate_Hz": pool(region_rate(long)).values,
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


def simulated(
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


def nearer(one: dict[str, Any], config: Config) -> dict[str, Any]:
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
    fc_r, fc_mean = match(fc, config.dataset, config.train)
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
