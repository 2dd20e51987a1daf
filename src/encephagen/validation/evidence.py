"""Evidence: what the rows of a scorecard are judged by, and what its pictures show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis.haemodynamics import Haemodynamics, bold, even_step, time_series
from encephagen.analysis.statistics import map_p
from encephagen.analysis.timescales import BIN_MS, autocorrelation, timescale
from encephagen.connectome.connectome import Connectome
from encephagen.recording import Recording
from encephagen.validation import baselines

if TYPE_CHECKING:
    import xarray as xr

MIN_REGIONS = 10
"""Fewest regions with a timescale from which its correlation with T1w/T2w is taken (free)."""

GROWTH_S = tuple(60.0 * m for m in (1, 2, 3, 5, 8, 12, 20, 30, 45, 60, 90, 120))
"""Durations at which the growth of r is shown, as far as the runs reach (free)."""

SPECTRUM_S = 200.0
"""Segments of the spectra of BOLD: frequencies from 0.005 Hz (free)."""


@dataclass(frozen=True, eq=False)
class Empirical:
    """fMRI, checked: regions, TR, FC of subjects and of the group, which to hold out."""

    fmri: "xr.DataArray"
    regions: tuple[str, ...]
    tr_s: float
    subjects: "xr.DataArray"
    group: "xr.DataArray"
    fold: list[int] | None
    """Positions of the subjects held out together; None: each in turn."""

    @property
    def n(self) -> int:
        """How many subjects there are."""
        return self.fmri.sizes["subject"]

    @property
    def heldout(self) -> list[int]:
        """Positions of the subjects that are tested on."""
        return list(range(self.n)) if self.fold is None else self.fold

    @property
    def can_hold_out(self) -> bool:
        """Whether a subject is left to fit on."""
        return self.n > (1 if self.fold is None else len(self.fold))

    @staticmethod
    def of(
        fmri: "xr.DataArray", connectome: Connectome, heldout: Sequence[Any] | None
    ) -> "Empirical":
        """Return fMRI (subject, time_s, region), checked against a connectome.

        Raises ValueError for other dimensions, a subject whose signal is not finite or constant,
        regions that the connectome lacks, and held-out subjects that do not exist.
        """
        if "subject" not in fmri.dims:
            raise ValueError(
                f"fMRI has dimensions {tuple(map(str, fmri.dims))}: expected subject, time_s, "
                "region; one subject alone needs a dimension too"
            )
        fmri = fmri.transpose("subject", ..., "region")
        labels = [str(s) for s in fmri["subject"].values.tolist()]
        values = np.asarray(fmri.values, float)
        for label, signal in zip(labels, values, strict=True):
            if not np.isfinite(signal).all() or not np.ptp(signal, axis=0).all():
                raise ValueError(
                    f"subject {label} has no fMRI in some region: the signal is not finite or never"
                    " changes; leave the subject out"
                )
        _, time_s, regions = time_series(fmri)
        check_regions(connectome.names, regions)
        fold = None
        if heldout is not None:
            wanted = list(dict.fromkeys(map(str, heldout)))
            strangers = [s for s in wanted if s not in labels]
            if strangers or not wanted:
                raise ValueError(
                    f"held-out subject {', '.join(strangers) or 'none'}: expected some of "
                    f"{', '.join(labels)}"
                )
            fold = [labels.index(s) for s in wanted]
        subjects = connectivity.fc(fmri)
        group = connectivity.fisher_mean(subjects)
        return Empirical(fmri, regions, even_step(time_s), subjects, group, fold)


def not_fitted_on(people: "xr.DataArray", fitted_on: Sequence[str]) -> list[str]:
    """Return the labels of the subjects of fMRI (subject, ...) that a recipe was not fitted on.

    Raises ValueError if it was fitted on all of them.
    """
    labels = [str(s) for s in people["subject"].values.tolist()]
    others = [label for label in labels if label not in set(fitted_on)]
    if not others:
        raise ValueError(
            f"the recipe was fitted on every subject that has fMRI ({', '.join(labels)}): none is "
            "left to test on; fit it on fewer, or choose some all the same (validate --heldout)"
        )
    return others


def check_regions(own: Sequence[str], compared: Sequence[str]) -> None:
    """Raise ValueError, naming the first, if compared regions are missing."""
    lacking = [name for name in compared if name not in set(own)]
    if lacking:
        raise ValueError(
            f"parcellations differ: {len(lacking)} of {len(compared)} regions of the fMRI, first "
            f"{lacking[0]!r}, are missing; use the fMRI of the same parcellation"
        )


def bold_runs(
    recordings: Sequence[Recording], empirical: Empirical, model: Haemodynamics
) -> "xr.DataArray":
    """Return BOLD (run, time_s, region) of the compared regions, as long as the shortest run.

    Sampled at the TR of the fMRI. Raises ValueError as `bold` does.
    """
    import xarray as xr

    signals = [
        bold(r, empirical.tr_s, model=model).sel(region=list(empirical.regions)) for r in recordings
    ]
    n = min(s.sizes["time_s"] for s in signals)
    stacked = np.stack([s.values[:n] for s in signals])
    coords = {
        "run": np.arange(len(signals)),
        "time_s": empirical.tr_s * np.arange(n),
        "region": list(empirical.regions),
    }
    return xr.DataArray(stacked, coords, ("run", "time_s", "region"), "bold")


def fcd_alike(
    runs: "xr.DataArray", people: "xr.DataArray"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return FC dynamics of all stretches of the runs and of the people, of one length.

    Windows that overlap are alike, and their share depends on the length, so both are cut to that
    of the shorter side.
    """
    n = min(runs.sizes["time_s"], people.sizes["time_s"])
    starts = range(0, runs.sizes["time_s"] - n + 1, n)
    own = [connectivity.fcd(run.isel(time_s=slice(i, i + n))) for run in runs for i in starts]
    return own, [connectivity.fcd(s.isel(time_s=slice(0, n))) for s in people]


def region_timescales(recordings: Sequence[Recording], bin_ms: float = BIN_MS) -> "xr.DataArray":
    """Return the median timescale over recordings (region) in ms, nan where none has one.

    In bins of ``bin_ms``, or the nearest that the recording has.

    Raises ValueError for recordings of different regions, or too short.
    """
    import xarray as xr

    regions = recordings[0].regions
    each = []
    for recording in recordings:
        if recording.regions != regions:
            raise ValueError("recordings are of different regions; give seeds of one brain")
        each.append(timescale(recording, bin_ms=_bin_ms(recording, bin_ms))["tau_ms"].values)
    found = np.isfinite(each).any(axis=0)
    tau_ms = np.full(len(regions), np.nan)
    if found.any():
        tau_ms[found] = np.nanmedian(np.array(each)[:, found], axis=0)
    return xr.DataArray(tau_ms, {"region": list(regions)}, ("region",), "tau_ms", {"units": "ms"})


def checked_maps(maps: np.ndarray, connectome: Connectome) -> np.ndarray:
    """Return maps (map, region); ValueError if they are not finite or not of the connectome."""
    values = np.asarray(maps, float)
    if values.ndim != 2 or values.shape[1] != connectome.n or not len(values):
        raise ValueError(
            f"surrogate maps have shape {values.shape}: expected (maps, {connectome.n}), one value "
            f"a region of {connectome.name!r}"
        )
    if not np.isfinite(values).all():
        raise ValueError("surrogate maps are not finite everywhere; make them anew")
    return values


@dataclass(frozen=True, eq=False)
class AlongMap:
    """Timescales along T1w/T2w: r of log tau with it, and with maps that are of nothing."""

    tau_ms: np.ndarray
    ratio: np.ndarray
    r: float
    chance_r: np.ndarray | None

    @property
    def ends_ms(self) -> tuple[float, float]:
        """Median timescale of the quarters of regions with most T1w/T2w, and with least."""
        low, high = np.quantile(self.ratio, (0.25, 0.75))
        most, least = self.tau_ms[self.ratio >= high], self.tau_ms[self.ratio <= low]
        return float(np.median(most)), float(np.median(least))

    @property
    def p(self) -> float:
        """How often maps that are of nothing do as well; see `map_p`."""
        assert self.chance_r is not None
        return map_p(self.r, self.chance_r)


def along_map(
    tau_ms: "xr.DataArray", connectome: Connectome, surrogate_maps: np.ndarray | None
) -> AlongMap:
    """Return how timescales (region) go with T1w/T2w, over the regions that have both.

    surrogate_maps (map, region of the connectome). Raises ValueError for maps that are not of the
    connectome's regions, and for fewer than `MIN_REGIONS` regions.
    """
    names = [str(name) for name in tau_ms["region"].values.tolist()]
    known = {region.name: region.t1w_t2w for region in connectome.regions}
    ratio = np.array([known.get(name) or np.nan for name in names], float)
    use = np.flatnonzero(np.isfinite(tau_ms.values) & np.isfinite(ratio))
    maps = None if surrogate_maps is None else checked_maps(surrogate_maps, connectome)
    if use.size < MIN_REGIONS:
        raise ValueError(
            f"{use.size} regions have a timescale and T1w/T2w; {MIN_REGIONS} are needed"
        )
    log_tau, chance = np.log(tau_ms.values[use]), None
    if maps is not None:
        at = [connectome.index(names[i]) for i in use]
        chance = np.array([_pearson(log_tau, surrogate) for surrogate in maps[:, at]])
    return AlongMap(tau_ms.values[use], ratio[use], _pearson(log_tau, ratio[use]), chance)


def evidence(
    recordings: Sequence[Recording],
    connectome: Connectome,
    fmri: "xr.DataArray",
    *,
    surrogate_maps: np.ndarray | None = None,
    model: Haemodynamics | None = None,
    seed: int = 0,
) -> "xr.Dataset":
    """Return what the pictures of a scorecard show, from the arguments of `scorecard`.

    Regions are those of the fMRI.

    - of people: ``fmri`` (subject, fmri_time_s, region), ``fc_subjects``, ``fc_group``, and
      ``fc_linear``, of the linear network fitted on them;
    - of the brain, where recordings are long enough: ``bold`` (run, time_s, region),
      ``fc_simulated``, ``growth_r`` (duration_s; mean r of single stretches of a run with the
      group), ``tau_ms``, ``autocorrelation`` (region, lag_ms), ``chance_r`` (map);
    - FC dynamics ``fcd_simulated``, ``fcd_people``, ``fcd_stationary``: pairs of windows of
      filtered signals, as `scorecard` judges them;
    - spectra ``bold_power``, ``fmri_power`` (frequency_Hz, region): share of the variance per Hz,
      mean over runs or subjects.
    """
    import xarray as xr

    empirical = Empirical.of(fmri, connectome, None)
    part = baselines.part_of(connectome, empirical.group)
    linear = baselines.fit_linear(part, empirical.group).network.fc(part)
    found: dict[str, Any] = {
        "fmri": empirical.fmri.rename(time_s="fmri_time_s"),
        "fc_subjects": empirical.subjects,
        "fc_group": empirical.group,
        "fc_linear": linear,
        "fmri_power": _power(empirical.fmri, empirical.tr_s),
    }
    try:
        runs = bold_runs(recordings, empirical, model or Haemodynamics())
        simulated = connectivity.group_fc(runs)
    except ValueError:
        pass  # the rows say why
    else:
        found |= {"bold": runs, "fc_simulated": simulated}
        found["growth_r"] = _growth(runs, empirical)
        found["bold_power"] = _power(runs, empirical.tr_s)
        found |= _fcd(runs, empirical, linear, seed)
    for name, value in _timescales(recordings, connectome, surrogate_maps).items():
        # Regions without fMRI, as of subcortex, would leave gaps in all else.
        found[name] = value.sel(region=list(empirical.regions)) if "region" in value.dims else value
    return xr.Dataset({name: value for name, value in found.items() if value is not None})


def _growth(runs: "xr.DataArray", empirical: Empirical) -> "xr.DataArray | None":
    whole_s = runs.sizes["time_s"] * empirical.tr_s
    least_s = connectivity.MIN_VOLUMES * empirical.tr_s
    durations = [d for d in GROWTH_S if least_s <= d <= whole_s]
    if not durations:
        return None
    return connectivity.r_by_duration(runs, empirical.group, durations).drop_vars("n")


def _fcd(
    runs: "xr.DataArray", empirical: Empirical, linear: "xr.DataArray", seed: int
) -> dict[str, "xr.DataArray"]:
    import xarray as xr

    n = min(runs.sizes["time_s"], empirical.fmri.sizes["time_s"])
    still = baselines.stationary_bold(linear, n, empirical.tr_s, n_runs=empirical.n, seed=seed)
    people = connectivity.bandpass(empirical.fmri)
    try:
        own, others = fcd_alike(connectivity.bandpass(runs), people)
        alike, _ = fcd_alike(connectivity.bandpass(still), people)
    except ValueError:
        return {}
    sets = {"simulated": own, "people": others, "stationary": alike}
    return {
        f"fcd_{name}": xr.DataArray(np.concatenate(values), dims=f"pair_{name}")
        for name, values in sets.items()
    }


def _power(signals: "xr.DataArray", tr_s: float) -> "xr.DataArray | None":
    """Return the share of the variance per Hz (frequency_Hz, region), mean over the first axis."""
    import xarray as xr
    from scipy.signal import welch

    n = round(SPECTRUM_S / tr_s)
    if signals.sizes["time_s"] < n:
        return None
    values = signals.transpose(..., "time_s", "region").values
    frequency, power = welch(values, 1.0 / tr_s, nperseg=n, detrend="linear", axis=-2)
    power = power[..., 1:, :]
    power = power / power.sum(axis=-2, keepdims=True) / frequency[1]
    coords = {"frequency_Hz": frequency[1:], "region": signals["region"].values}
    return xr.DataArray(power.mean(axis=0), coords, ("frequency_Hz", "region"))


def _timescales(
    recordings: Sequence[Recording], connectome: Connectome, maps: np.ndarray | None
) -> dict[str, Any]:
    import xarray as xr

    try:
        tau_ms = region_timescales(recordings)
    except ValueError:
        return {}
    each = [autocorrelation(recording, bin_ms=_bin_ms(recording)) for recording in recordings]
    found: dict[str, Any] = {"tau_ms": tau_ms, "autocorrelation": sum(each) / len(each)}
    found["t1w_t2w"] = xr.DataArray(
        connectome.t1w_t2w, {"region": list(connectome.names)}, ("region",)
    )
    try:
        along = along_map(tau_ms, connectome, maps)
    except ValueError:
        return found
    if along.chance_r is not None:
        found["chance_r"] = xr.DataArray(along.chance_r, dims="map")
    return found


def _bin_ms(recording: Recording, bin_ms: float = BIN_MS) -> float:
    return max(1, round(bin_ms / recording.bin_ms)) * recording.bin_ms


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0
