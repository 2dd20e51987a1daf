"""The models that the study of tuning tunes: at one coupling, on one wiring; and their tuning."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis.haemodynamics import TRANSIENT_S, Haemodynamics, bold
from encephagen.analysis.rates import binned_rate
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import fmri, load
from encephagen.engine.regions import OrnsteinUhlenbeck, RegionNetwork, simulate_regions
from encephagen.experiments.brains import (
    Refused,
    Values,
    calibrated,
    healthy,
    rested,
    told,
    wired,
)
from encephagen.models.wilson_cowan import CORTICAL
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.validation import baselines
from encephagen.validation.evidence import Empirical, bold_runs
from encephagen.working_point.regions import placed

BIN_MS = 10.0


@told
def of_regions(
    dataset: str,
    null: str | None,
    seed: int,
    tested_on: list[str] | None,
    leading_per_ms: list[float],
    mean_E: float,
    minutes: float,
    noise_sd: float,
    noise_tau_ms: float,
) -> Values:
    """Run the region model on one wiring; ``seed`` is that of the null and of the noise.

    {"fc": upper triangle (coupling, pair), nan where no coupling is such, "linear": (2,) r of the
    linear network on this wiring in sample and held out}; refused where no coupling is such
    """
    connectome = wired(dataset, null, seed)
    people = Empirical.of(fmri(dataset), connectome, tested_on)
    fc = _region_fc(
        connectome, people, leading_per_ms, mean_E, minutes, noise_sd, noise_tau_ms, seed
    )
    linear = (
        baselines.fit_linear(connectome, people.group).r,
        baselines.linear_heldout(connectome, people.subjects, people.fold).mean(),
    )
    if not np.isfinite(fc).any():
        raise Refused("the region model reaches none of leading_per_ms: choose others")
    return {"fc": fc.astype(np.float32), "linear": np.array(linear), "alarms": []}


def _region_fc(
    connectome: Connectome,
    people: Empirical,
    leading_per_ms: list[float],
    mean_E: float,
    minutes: float,
    noise_sd: float,
    noise_tau_ms: float,
    seed: int,
) -> np.ndarray:
    """Return FC (coupling, pair) of the region model, nan where no coupling is such; in one call.

    All couplings have the same noise.
    """
    fc = np.array([unknown(people)] * len(leading_per_ms))
    found = {}
    for place, leading in enumerate(leading_per_ms):
        with suppress(ValueError):  # no coupling of this wiring has that eigenvalue
            found[place] = placed(
                RegionNetwork(connectome, CORTICAL), mean_E=mean_E, leading_per_ms=leading
            )
    if not found:
        return fc
    networks, points = zip(*found.values(), strict=True)
    activity = simulate_regions(
        networks,
        (TRANSIENT_S + 60.0 * minutes) * MS_PER_S,
        noise=OrnsteinUhlenbeck(noise_sd, noise_tau_ms),
        initial=(np.array([p.E for p in points]), np.array([p.I for p in points])),
        noise_seed=seed,
        dt_ms=networks[0].step_ms,
        bin_ms=BIN_MS,
    )["E"]
    for place, one in zip(found, activity, strict=True):
        signal = bold(one, people.tr_s).sel(region=list(people.regions))
        fc[place] = connectivity.upper(connectivity.fc(signal))
    return fc


@told
def of_spikes(
    dataset: str,
    factor: float,
    seed: int,
    recipe: Values,
    minutes: float,
    rounds: int,
    round_s: float,
    settle_s: float,
    short_s: float,
) -> Values:
    """Calibrate and run the brain of spikes at one coupling; ``seed``: wiring and noise.

    {"fc": upper triangle (pair,) after haemodynamics, "short": that of bins of 10 ms over seconds,
    "rate_Hz": mean of the excitatory neurons, "alarms"}
    """
    connectome, start = load(dataset), Recipe.from_dict(recipe)
    people = Empirical.of(fmri(dataset), connectome, None)
    start = start.replace(long_weight_pA=factor * start.cortex.long_weight_pA)
    brain, _ = calibrated(connectome, start, seed, rounds=rounds, seconds=round_s)
    probe = Probe(spikes=False, bin_ms=BIN_MS)
    minutes_ms = (TRANSIENT_S + 60.0 * minutes) * MS_PER_S
    rest = rested(brain, seed, settle_s).record(minutes_ms, probe=probe)
    alarms = healthy(rest)
    rate_Hz = binned_rate(rest, BIN_MS).sel(population="E", region=list(people.regions))
    rate_Hz = rate_Hz.transpose("time_ms", "region").values
    short = np.corrcoef(rate_Hz[: round(short_s * MS_PER_S / BIN_MS)].T)
    after = connectivity.group_fc(bold_runs([rest], people, Haemodynamics()))
    return {
        "fc": connectivity.upper(after).astype(np.float32),
        "short": short[np.triu_indices(len(short), 1)].astype(np.float32),
        "rate_Hz": float(rate_Hz.mean()),
        "alarms": alarms,
    }


def unknown(people: Empirical) -> np.ndarray:
    """Return FC (pair,) of a brain that is not there: nan."""
    n = len(people.regions)
    return np.full(n * (n - 1) // 2, np.nan)


@dataclass(frozen=True)
class Tuned:
    """A model at the coupling whose FC is nearest to that of people.

    each        r with the group at every coupling (coupling,), nan where there was none
    best        place of the chosen one
    in_sample   its r with the group it was chosen by
    heldout     r (person,) with people held out, of the one chosen without them
    """

    each: np.ndarray
    best: int
    in_sample: float
    heldout: np.ndarray


def tune(fc: np.ndarray, people: Empirical) -> Tuned:
    """Return the best of several couplings, FC (coupling, pair).

    Raises ValueError if there is no FC at any coupling.
    """
    each = correlations(fc, connectivity.upper(people.group))
    if not np.isfinite(each).any():
        raise ValueError("there is no functional connectivity at any coupling")
    best = int(np.nanargmax(each))
    folds = [[i] for i in range(people.n)] if people.fold is None else [people.fold]
    found = []
    for fold in folds:
        seen = [i for i in range(people.n) if i not in fold]
        training = connectivity.fisher_mean(people.subjects.isel(subject=seen))
        chosen = int(np.nanargmax(correlations(fc, connectivity.upper(training))))
        found += [
            correlations(fc[[chosen]], connectivity.upper(people.subjects.isel(subject=i)))[0]
            for i in fold
        ]
    return Tuned(each, best, float(each[best]), np.array(found))


def correlations(fc: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return Pearson's r (coupling,) of FC (coupling, pair) with a target (pair,)."""
    return np.array([np.corrcoef(row, target)[0, 1] for row in np.asarray(fc, float)])


def averaged(fc: np.ndarray) -> np.ndarray:
    """Return FC (coupling, pair) of all seeds (seed, coupling, pair) together, by Fisher's z.

    nan at a coupling that one of them lacks.
    """
    return np.tanh(np.arctanh(np.clip(fc, -1.0 + 1e-7, 1.0 - 1e-7)).mean(axis=0))
