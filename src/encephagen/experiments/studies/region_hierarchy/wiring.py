"""One wiring of the study of region hierarchy: at its working point, and what is measured of it."""

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis.haemodynamics import TRANSIENT_S, bold
from encephagen.analysis.timescales import timescale
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import catalogue, fmri
from encephagen.connectome.nulls.proof import spearman
from encephagen.engine.regions import (
    OrnsteinUhlenbeck,
    RegionNetwork,
    Stimulus,
    simulate_regions,
)
from encephagen.experiments.brains import Values, refusing, told, wired
from encephagen.models.wilson_cowan import CORTICAL
from encephagen.units import MS_PER_S
from encephagen.validation.evidence import MIN_REGIONS
from encephagen.working_point.regions import Linearised, placed

if TYPE_CHECKING:
    import xarray as xr

BIN_MS = 10.0
TR_S = 0.72
"""Of data without fMRI (that of hcp-aal2)."""

PULSE_BIN_MS = 1.0
SENSORY, PREFRONTAL = ("visual", "auditory", "somatosensory"), "frontal"
SOURCE = "visual"
PULSE_MS, PULSE, LISTEN_MS = 150.0, 0.5, 600.0
REACHED = 0.05
"""Of the source's own response, from which on a region counts as reached (free)."""
HALF = 0.5
"""Of the own peak, at which a pulse has arrived."""
FIT = "fc fit to people"


@told
def measures(
    dataset: str,
    null: str | None,
    null_seed: int,
    noise_seeds: list[int],
    seconds: float,
    mean_E: float,
    leading_per_ms: float,
    noise_sd: float,
    noise_tau_ms: float,
) -> Values:
    """Place one wiring at the working point and run it with each seed; return what was measured.

    {"measures": values (seed,) by name, nan where one is not defined, "mean_E": (seed,) as run,
    "coupling", "drive"}
    """
    connectome = wired(dataset, null, null_seed)
    with refusing():
        network, point = placed(
            RegionNetwork(connectome, CORTICAL), mean_E=mean_E, leading_per_ms=leading_per_ms
        )
    people, tr_s = measured_fc(dataset)
    pulse = _of_a_pulse(network, point)
    every = simulate_regions(
        [network] * len(noise_seeds),
        (TRANSIENT_S + seconds) * MS_PER_S,
        noise=OrnsteinUhlenbeck(noise_sd, noise_tau_ms),
        initial=(point.E, point.I),
        noise_seed=noise_seeds,
        dt_ms=network.step_ms,
        bin_ms=BIN_MS,
    )["E"]
    runs, active = [], []
    for activity in every:
        settled = activity.isel(time_ms=slice(round(TRANSIENT_S * MS_PER_S / BIN_MS), None))
        matrix = connectivity.fc(bold(activity, tr_s))
        fit = {} if people is None else {FIT: connectivity.fc_correlation(matrix, people)}
        found = {**_of_regions(settled, connectome), **_of_connectivity(matrix, connectome)}
        runs.append({**found, **fit, **pulse})
        active.append(float(settled.mean()))
    return {
        "measures": {name: np.array([run[name] for run in runs], float) for name in runs[0]},
        "mean_E": np.array(active),
        "coupling": network.coupling,
        "drive": network.models[0].drive_E,
        "alarms": [],
    }


def _of_regions(activity: "xr.DataArray", connectome: Connectome) -> dict[str, float]:
    """Return how active, variable and slow systems are, relative to the mean of all regions."""
    values = activity.values
    maps = {
        "activity": values.mean(axis=0),
        "variance": values.var(axis=0),
        "timescale": timescale(activity, bin_ms=BIN_MS)["tau_ms"].values,
    }
    members = _systems(connectome)
    myelin = connectome.t1w_t2w
    found = {}
    for what, x in maps.items():
        mean = np.nanmean(x)
        found[f"{what} spread"] = np.nanstd(x) / mean
        for system, inside in members.items():
            found[f"{what} of {system}"] = _mean(x[inside]) / mean
        if np.isfinite(myelin).all():
            known = np.isfinite(x)  # a region may be too steady to have a timescale
            enough = known.sum() >= MIN_REGIONS
            found[f"{what} along T1w/T2w"] = spearman(x[known], myelin[known]) if enough else np.nan
        sensory = [i for s in SENSORY for i in members.get(s, ())]
        if sensory and PREFRONTAL in members:
            ratio = _mean(x[members[PREFRONTAL]]) / _mean(x[sensory])
            found[f"{what}, prefrontal over sensory"] = ratio
    return found


def _of_connectivity(matrix: "xr.DataArray", connectome: Connectome) -> dict[str, float]:
    """Return FC within and between systems, less the level; level, spread, fall with distance.

    From two minutes the level of all pairs is noisy, but what stands out of it much less so.
    """
    r, members = matrix.values, _systems(connectome)
    pairs = connectivity.upper(matrix)
    level = pairs.mean()
    found = {"fc mean": level, "fc spread": pairs.std()}
    for system, inside in members.items():
        if len(inside) > 1:
            block = r[np.ix_(inside, inside)]
            found[f"fc within {system}"] = block[np.triu_indices(len(inside), 1)].mean() - level
    for a, b in combinations(members, 2):
        found[f"fc of {a} and {b}"] = r[np.ix_(members[a], members[b])].mean() - level
    centroids = [r.centroid_mm for r in connectome.regions]
    if None not in centroids:
        distance = np.linalg.norm(np.array(centroids)[:, None] - np.array(centroids), axis=-1)
        found["fc along distance"] = spearman(pairs, distance[np.triu_indices(len(r), 1)])
    return found


def _of_a_pulse(network: RegionNetwork, point: Linearised) -> dict[str, float]:
    """Return how a pulse into the source spreads: how strongly, how far, how late."""
    members = _systems(network.connectome)
    if SOURCE not in members or PREFRONTAL not in members:
        return {}
    run = simulate_regions(
        network,
        LISTEN_MS,
        stimuli=[Stimulus(SOURCE, 0.0, PULSE_MS, PULSE)],
        initial=(point.E, point.I),
        dt_ms=network.step_ms,
        bin_ms=PULSE_BIN_MS,
    )
    response = run["E"].values - point.E
    peak = response.max(axis=0)
    source, far = members[SOURCE], members[PREFRONTAL]
    others = np.setdiff1d(np.arange(peak.size), source)
    arrived_ms = (response >= HALF * peak).argmax(axis=0) * PULSE_BIN_MS
    return {
        "pulse, prefrontal over visual": peak[far].mean() / peak[source].mean(),
        "pulse, fraction reached": np.mean(peak[others] >= REACHED * peak[source].mean()),
        "pulse, delay to prefrontal": arrived_ms[far].mean() - arrived_ms[source].mean(),
    }


def _systems(connectome: Connectome) -> dict[str, np.ndarray]:
    """Return the regions of each system."""
    names = [r.system for r in connectome.regions]
    return {s: np.flatnonzero([name == s for name in names]) for s in sorted(set(names))}


def measured_fc(dataset: str) -> "tuple[xr.DataArray | None, float]":
    """Return the FC of the people of a data set, None where there is none, and TR (s)."""
    tr_s = {known.name: known.tr_s for known in catalogue()}.get(dataset)
    if tr_s is None:
        return None, TR_S
    return connectivity.group_fc(fmri(dataset)), tr_s


def _mean(x: np.ndarray) -> float:
    """Return the mean of what is defined; nan where nothing is."""
    known = x[np.isfinite(x)]
    return float(known.mean()) if known.size else np.nan
