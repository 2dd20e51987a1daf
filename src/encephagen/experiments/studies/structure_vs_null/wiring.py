"""One wiring of the study of structure: what it does at rest, and when it is stimulated."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis import propagation
from encephagen.analysis.haemodynamics import Haemodynamics
from encephagen.analysis.propagation import rank_correlation
from encephagen.analysis.rates import binned_rate, region_rate
from encephagen.analysis.summary import summary
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import fmri, load
from encephagen.connectome.nulls import find
from encephagen.experiments.brains import Values, calibrated, healthy, refusing, rested, told
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.tasks.pulses import Presented, Step, Timing, present_shuffled
from encephagen.units import MS_PER_S
from encephagen.validation import baselines
from encephagen.validation.evidence import Empirical, along_map, bold_runs, region_timescales
from encephagen.working_point.mean_field import MeanField

COVARIATES = (
    "rate_inh_Hz", "cv_isi", "lvr", "count_correlation", "spectral_slope", "timescale_ms",
    "long_in_degree",
)  # fmt: skip
"""Figures of `analysis.summary` that say whether a run was healthy, and the coupling that brought
it to the working point; not compared."""

PROOF = ("fraction_changed", "log_correlation", "strength_error")
"""What is kept of the proof of each null."""

BIN_MS = 10.0
SLOW_MS = 1000.0
"""Bins in which activity is slow: as BOLD, and nearly without the shot noise of spikes (free)."""

Figures = dict[str, Callable[[], Any]]


@told
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
    connectivity counts. {"proof": how the null differs, "found": figure by name, "missing": why by
    name, "covariates", "alarms", "stuck": trials that it did not end}
    """
    original = connectome = load(dataset)
    proof = {}
    if null is not None:
        with refusing():
            connectome, proved = find(null)(original, seed)
        proof = {name: getattr(proved, name) for name in PROOF}
    brain, numbers = calibrated(
        connectome,
        Recipe.from_dict(recipe),
        seed,
        original=original,
        rounds=rounds,
        seconds=round_s,
    )
    session = rested(brain, seed, settle_s)
    spiking = session.record(spiking_s * MS_PER_S, probe=Probe(bin_ms=BIN_MS))
    healthy(spiking)
    rest = session.record(rest_s * MS_PER_S, probe=Probe(spikes=False, bin_ms=BIN_MS))
    alarms = healthy(spiking, rest)
    with refusing():  # a brain that is silent
        shown = present_shuffled(
            session.network,
            [Step(tuple(site), current_pA, pulse_ms) for site in sites.values()],
            n_trials=trials,
            n_shams=shams,
            timing=Timing(before_ms, after_ms, settle_s * MS_PER_S),
            seed=seed,
        )
    sources = {name: connectome.indices(site) for name, site in sites.items()}
    found, missing = _measured(
        {
            **_figures_at_rest(rest, brain.connectome, dataset, unseen),
            **_working_point(rest, MeanField.of(brain)),
            **_figures_of_pulses(shown, connectome, sources, window_ms, seed),
        }
    )
    health = {**summary(spiking), "long_in_degree": numbers.cortex.long_in_degree}
    return {
        "proof": proof,
        "found": found,
        "missing": missing,
        "covariates": {name: health[name] for name in COVARIATES},
        "alarms": alarms,
        "stuck": int(sum(late.sum() for late in shown.stuck)),
    }


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
    each_Hz = field.by_unit(rate_Hz)
    exc_Hz = each_Hz[field.units("E")]
    return {
        "rate_exc_Hz": exc_Hz.mean,
        "rate_spread": lambda: exc_Hz.std(ddof=1) / exc_Hz.mean(),
        "eigenvalue": lambda: field.leading_eigenvalue(each_Hz),
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
