"""The scorecard: every figure of a brain beside its range, its source and what others reach."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis.haemodynamics import Haemodynamics
from encephagen.analysis.statistics import LEVEL, t_interval
from encephagen.analysis.summary import summary
from encephagen.connectome.connectome import Connectome
from encephagen.recording import Recording
from encephagen.validation import baselines
from encephagen.validation.evidence import (
    Empirical,
    along_map,
    bold_runs,
    check_regions,
    checked_maps,
    fcd_alike,
    region_timescales,
)
from encephagen.validation.targets import Row, Verdict, judge, passed

if TYPE_CHECKING:
    import xarray as xr

N_BOOTSTRAP = 1000
_BAND = "{:g} to {:g} Hz".format(*connectivity.BAND_HZ)

SPIKING = {
    "rate_exc_Hz": "Hz",
    "rate_inh_Hz": "Hz",
    "rate_region_max_Hz": "Hz",
    "rate_neuron_p10_Hz": "Hz",
    "rate_neuron_median_Hz": "Hz",
    "rate_neuron_p90_Hz": "Hz",
    "cv_isi": "",
    "lvr": "",
    "fano_factor": "",
    "count_correlation": "",
    "spectral_slope": "",
    "spectral_peak_Hz": "Hz",
    "timescale_ms": "ms",
}
"""Figures of `analysis.summary` that a scorecard shows, with their units."""


@dataclass(frozen=True)
class Scorecard:
    """The rows, in the order of the page."""

    rows: tuple[Row, ...]

    def __getitem__(self, name: str) -> Row:
        """Return the row of that name; ValueError if there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise ValueError(
            f"no figure {name!r} on this scorecard: it has {', '.join(r.name for r in self.rows)}"
        )

    @property
    def passed(self) -> bool:
        """Whether every figure that has a range lies in it; one not measured does not."""
        return passed(self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts, fit for JSON: passed, values by name, and the rows."""
        return {
            "passed": self.passed,
            "values": {row.name: row.value for row in self.rows},
            "rows": [row.as_dict() for row in self.rows],
        }


def scorecard(
    recordings: Sequence[Recording],
    connectome: Connectome,
    fmri: "xr.DataArray",
    *,
    spiking: Sequence[Recording] | None = None,
    heldout: Sequence[Any] | None = None,
    fitted_on: Sequence[str] = (),
    surrogate_maps: np.ndarray | None = None,
    model: Haemodynamics | None = None,
    extra: Sequence[Row] = (),
    seed: int = 0,
) -> Scorecard:
    """Return the scorecard of a brain: what it does, what others reach, and what is known.

    recordings: long, of spontaneous activity; seeds of one brain. BOLD is taken from each, sampled
        as the fMRI was, cut to the shortest.
    spiking: recordings with single spikes for the spiking statistics; the same if None.
    connectome, fmri: (subject, time_s, region) fixes the regions that are compared; connectome and
        recordings must have all of them, and may have others (subcortex), which are left out.
    heldout: subjects (by their coordinate) to test on; None: each in turn.
    fitted_on: those that the recipe was fitted on; a note says how many are tested on all the same.
    surrogate_maps (map, region of the connectome): maps as smooth as T1w/T2w but of nothing, as
        `connectome.nulls.spatial_null` makes them.
    extra: rows from elsewhere, appended.

    What is fitted on what: nothing here is fitted on the recordings. ``fc_heldout_r`` is their
    FC against each held-out subject's, on average, ``fc_subject_<label>_r`` each of them; it is
    held out only if the recipe was fitted on other subjects. The linear network's coupling and
    exponent are fitted on all subjects for ``linear_r``, on those not held out for
    ``linear_heldout_r``. The ceiling is each held-out subject against the mean of all others.
    Weights are those of the connectome throughout.

    A figure for which a recording is too short, or too silent, is "not measured", and its note says
    why. Raises ValueError for no recording, regions that do not match, fMRI that is missing (not
    finite or constant) for a subject, and a subject that does not exist.
    """
    if not recordings:
        raise ValueError("a scorecard needs at least one recording; got none")
    empirical = Empirical.of(fmri, connectome, heldout)
    for recording in (*recordings, *(spiking or ())):
        check_regions(recording.regions, empirical.regions)
    part = baselines.part_of(connectome, empirical.group)
    linear = baselines.fit_linear(part, empirical.group).network
    try:
        simulated = bold_runs(recordings, empirical, model or Haemodynamics())
    except ValueError as error:
        simulated = str(error)
    every = list({id(r): r for r in (*recordings, *(spiking or ()))}.values())
    rows = [
        *spiking_rows(spiking or recordings),
        alarm_row(every),
        *_fc_rows(simulated, empirical, fitted_on, seed),
        *_heldout_rows(simulated, empirical, part, fitted_on),
        *_fcd_rows(simulated, empirical, linear.fc(part), seed),
        *baseline_rows(connectome, fmri, heldout=heldout),
        *timescale_rows(recordings, connectome, surrogate_maps),
        *extra,
    ]
    return Scorecard(tuple(rows))


def spiking_rows(recordings: Sequence[Recording]) -> tuple[Row, ...]:
    """Return the rows of `SPIKING`: means over recordings, the highest for a maximum."""
    summaries = [summary(recording) for recording in recordings]
    rows = []
    for name, unit in SPIKING.items():
        values = [s[name] for s in summaries if s[name] is not None]
        if not values:
            note = "needs single spikes or a longer recording"
            if name == "spectral_peak_Hz" and any(s["spectral_slope"] for s in summaries):
                note = "no peak stands out of the slope"
            rows.append(judge(name, None, n=0, unit=unit, note=note))
        elif name.endswith("_max_Hz"):
            note = "the highest of all recordings"
            rows.append(judge(name, max(values), n=len(values), unit=unit, note=note))
        else:
            mean, interval = float(np.mean(values)), t_interval(values)
            note = "mean over recordings"
            if len(values) < len(summaries):
                note += f", the {len(values)} of {len(summaries)} that have one"
            rows.append(judge(name, mean, interval=interval, n=len(values), unit=unit, note=note))
    return tuple(rows)


def alarm_row(recordings: Sequence[Recording]) -> Row:
    """Return the row of the alarms that the recordings raised; its note is the first of them."""
    alarms = [str(alarm) for recording in recordings for alarm in recording.alarms]
    note = alarms[0] if alarms else f"none in {len(recordings)} recordings"
    return judge("alarms", len(alarms), n=len(recordings), note=note)


def baseline_rows(
    connectome: Connectome, fmri: "xr.DataArray", *, heldout: Sequence[Any] | None = None
) -> tuple[Row, ...]:
    """Return log_weight_r, linear_r, linear_heldout_r, ceiling_r: no brain is needed for them.

    Raises ValueError as `scorecard` does.
    """
    data = Empirical.of(fmri, connectome, heldout)
    part = baselines.part_of(connectome, data.group)
    fit = baselines.fit_linear(part, data.group)
    tested = None
    if data.can_hold_out:
        tested = baselines.linear_heldout(part, data.subjects, data.fold)
    top = baselines.ceiling(data.subjects)[data.heldout] if data.n > 1 else None
    network = f"coupling {fit.network.coupling:g}, weights to the {fit.network.exponent:g}"

    def row(name: str, value: float | None, note: str, n: int = 1, interval: Any = None) -> Row:
        return judge(name, value, interval=interval, n=n, otherwise=Verdict.BASELINE, note=note)

    def over_subjects(name: str, values: np.ndarray | None, note: str) -> Row:
        if values is None:
            return row(name, None, "needs subjects to fit on and others to test on", 0)
        return row(name, float(values.mean()), note, values.size, _fisher_interval(values))

    return (
        row("log_weight_r", baselines.log_weight_r(part, data.group), "group FC"),
        row("linear_r", fit.r, f"group FC, in sample; {network}"),
        over_subjects("linear_heldout_r", tested, "fitted on other subjects; mean over held-out"),
        over_subjects("ceiling_r", top, "a held-out subject against the others' mean"),
    )


def timescale_rows(
    recordings: Sequence[Recording],
    connectome: Connectome,
    surrogate_maps: np.ndarray | None = None,
) -> tuple[Row, ...]:
    """Return timescale_r and timescale_p: measured timescales along T1w/T2w, and by chance.

    r is Pearson's between T1w/T2w and the logarithm of tau, over the regions that have both; tau is
    the median over recordings. p = (1 + count)/(1 + maps) over ``surrogate_maps`` (map, region)
    whose abs(r) is as large (two-sided), 1 where r is positive; without maps it is not measured.
    Raises ValueError for maps that are not of the connectome's regions.
    """

    def missing(why: str) -> tuple[Row, ...]:
        return tuple(judge(name, None, n=0, note=why) for name in ("timescale_r", "timescale_p"))

    maps = None if surrogate_maps is None else checked_maps(surrogate_maps, connectome)
    try:
        along = along_map(region_timescales(recordings), connectome, maps)
    except ValueError as error:
        return missing(str(error))
    n = along.ratio.size
    note = f"over {n} regions; the interval ignores that neighbours are alike"
    first = judge("timescale_r", along.r, interval=_r_interval(along.r, n), n=n, note=note)
    if maps is None:
        return first, judge("timescale_p", None, n=0, note="needs surrogate maps of T1w/T2w")
    note, p = f"against {len(maps)} surrogate maps", along.p
    if along.r > 0:  # beyond chance the other way is no evidence
        note, p = f"{note}: {p:.2g} for a relation of the wrong sign", 1.0
    return first, judge("timescale_p", p, n=len(maps), note=note)


# ---- functional connectivity --------------------------------------------------------------------


def _fc_rows(
    simulated: "xr.DataArray | str", empirical: Empirical, fitted_on: Sequence[str], seed: int
) -> tuple[Row, ...]:
    names = ("fc_group_r", "fc_heldout_r", "fc_change_if_doubled", "fc_seed_r", "fc_mean")
    if isinstance(simulated, str):
        return tuple(judge(name, None, n=0, note=simulated) for name in names)
    group, runs = empirical.group, simulated
    n_runs, minutes = runs.sizes["run"], runs.sizes["time_s"] * empirical.tr_s / 60.0
    what = f"{n_runs} runs of {minutes:.3g} min"

    def fc_group() -> Row:
        value = connectivity.fc_correlation(connectivity.group_fc(runs), group)
        interval, note = None, f"{what}; too short for an interval"
        try:
            found = connectivity.interval_over_time(runs, group, seed=seed)
            interval, note = (found.low, found.high), f"{what}; interval over blocks of time"
        except ValueError:
            pass  # fewer than MIN_BLOCKS blocks
        return judge(names[0], value, interval=interval, n=n_runs, note=note)

    def fc_heldout() -> Row:
        r = baselines.subject_r(connectivity.group_fc(runs), empirical.subjects)[empirical.heldout]
        note = "mean over held-out subjects; interval over them" + _seen(empirical, fitted_on)
        return judge(names[1], float(r.mean()), interval=_fisher_interval(r), n=r.size, note=note)

    def change() -> Row:
        found = connectivity.doubling(runs, group)
        note = f"r {found.r_half:.3f} from half, extrapolated to {found.r_limit:.3f} without end"
        return judge(names[2], found.change, n=n_runs, note=note)

    def seed_alone() -> Row:
        r = np.array([connectivity.fc_correlation(connectivity.fc(run), group) for run in runs])
        note = f"each seed alone with the group, mean; one run of {minutes:.3g} min a seed"
        interval = _fisher_interval(r)
        return judge(names[3], float(r.mean()), interval=interval, n=n_runs, note=note)

    def mean() -> Row:
        value = float(connectivity.upper(connectivity.group_fc(runs)).mean())
        own = [connectivity.upper(s).mean() for s in empirical.subjects]
        return judge(names[4], value, n=n_runs, note=f"subjects: {min(own):.2f} to {max(own):.2f}")

    rows = zip(names, (fc_group, fc_heldout, change, seed_alone, mean), strict=True)
    return tuple(_or_missing(name, row) for name, row in rows)


def _seen(empirical: Empirical, fitted_on: Sequence[str]) -> str:
    """Return the warning for a note if the recipe was fitted on subjects that are tested on."""
    tested = [str(s) for s in empirical.fmri["subject"].values[empirical.heldout].tolist()]
    n = len(set(tested) & set(fitted_on))
    return f"; NOT held out: the recipe was fitted on {n} of these {len(tested)}" if n else ""


def _heldout_rows(
    simulated: "xr.DataArray | str",
    empirical: Empirical,
    connectome: Connectome,
    fitted_on: Sequence[str],
) -> tuple[Row, ...]:
    """Return fc_over_linear_r, and fc_subject_<label>_r of each subject that is tested on.

    The first is the mean over these subjects of r of the brain less r of the linear network: two
    models of the same people, so the interval is of the difference.
    """
    labels = empirical.fmri["subject"].values.tolist()
    over, *names = "fc_over_linear_r", *(f"fc_subject_{labels[i]}_r" for i in empirical.heldout)
    try:
        if isinstance(simulated, str):
            raise ValueError(simulated)
        own = baselines.subject_r(connectivity.group_fc(simulated), empirical.subjects)
    except ValueError as error:
        return tuple(judge(name, None, n=0, note=str(error)) for name in (over, *names))
    own = own[empirical.heldout]
    if not empirical.can_hold_out:
        first = judge(over, None, n=0, note="needs subjects to fit on and others to test on")
        beside = [""] * own.size
    else:
        linear = baselines.linear_heldout(connectome, empirical.subjects, empirical.fold)
        gain = own - linear
        note = "fc_heldout_r less linear_heldout_r, subject by subject; interval over them"
        note += _seen(empirical, fitted_on)
        first = judge(over, float(gain.mean()), interval=t_interval(gain), n=own.size, note=note)
        beside = [f"linear network {r:.3f}" for r in linear]
    each = zip(names, own, beside, strict=True)
    return first, *(judge(name, float(r), note=note) for name, r, note in each)


def _fcd_rows(
    simulated: "xr.DataArray | str", empirical: Empirical, linear_fc: "xr.DataArray", seed: int
) -> tuple[Row, ...]:
    """Return fcd_ks, the same without filter, and what a stationary network and a subject reach.

    Both sides are filtered to the band of `bandpass`. A scanner adds white noise (the lag-1
    autocorrelation is 0.64 in hcp-aal2, 0.96 after the balloon), which makes FC of a window less
    variable, whatever the brain does. Both are cut to one length, that of the shorter side:
    windows that overlap are alike, and their share depends on the length.
    """
    n_people, tr_s = empirical.fmri.sizes["time_s"], empirical.tr_s
    filtered = connectivity.bandpass(empirical.fmri)
    note = f"signals of {_BAND}"

    def distance(name: str, people: "xr.DataArray", runs: "xr.DataArray", note: str) -> Row:
        own, others = fcd_alike(runs, people)
        value = connectivity.fcd_ks(np.concatenate(own), np.concatenate(others))
        interval = _ks_interval(own, others, seed) if len(others) > 2 else None
        length = min(runs.sizes["time_s"], n_people) * tr_s / 60
        note = f"{note}; {len(own)} stretches of {length:.3g} min; interval over them and subjects"
        return judge(name, value, interval=interval, n=len(own), note=note)

    def stationary() -> Row:
        runs = baselines.stationary_bold(linear_fc, n_people, tr_s, n_runs=empirical.n, seed=seed)
        own, others = fcd_alike(connectivity.bandpass(runs), filtered)
        value = connectivity.fcd_ks(np.concatenate(own), np.concatenate(others))
        why = f"the linear network's FC, unchanging; {note}"
        return judge("linear_fcd_ks", value, otherwise=Verdict.BASELINE, note=why)

    def ceiling() -> Row:
        each = [connectivity.fcd(s) for s in filtered]
        if len(each) < 2:
            raise ValueError("needs two subjects")
        ks = np.array(
            [
                connectivity.fcd_ks(own, np.concatenate(each[:i] + each[i + 1 :]))
                for i, own in enumerate(each)
            ]
        )
        why = f"one subject against the others, mean; {ks.min():.2f} to {ks.max():.2f}"
        return judge("ceiling_fcd_ks", ks.mean(), n=ks.size, otherwise=Verdict.BASELINE, note=why)

    names = ("fcd_ks", "fcd_ks_unfiltered")
    if isinstance(simulated, str):
        first = [judge(name, None, n=0, note=simulated) for name in names]
    else:
        runs = simulated
        first = [
            _or_missing(
                names[0], lambda: distance(names[0], filtered, connectivity.bandpass(runs), note)
            ),
            _or_missing(names[1], lambda: distance(names[1], empirical.fmri, runs, "as measured")),
        ]
    return (
        *first,
        _or_missing("linear_fcd_ks", stationary),
        _or_missing("ceiling_fcd_ks", ceiling),
    )


def _ks_interval(
    a: Sequence[np.ndarray], b: Sequence[np.ndarray], seed: int, n: int = N_BOOTSTRAP
) -> tuple[float, float]:
    """Return percentiles of the KS distance, with the samples of each side drawn with replacement.

    On distribution functions at 2,001 points of -1 to 1; all samples of a side are of one size.
    """
    at = np.linspace(-1.0, 1.0, 2001)
    sides = [
        np.stack([np.searchsorted(np.sort(s), at, side="right") / s.size for s in side])
        for side in (a, b)
    ]
    generator = rng.stream(seed, "bootstrap of functional connectivity dynamics")
    means = [
        generator.multinomial(len(side), np.full(len(side), 1.0 / len(side)), n) @ side / len(side)
        for side in sides
    ]
    ks = np.abs(means[0] - means[1]).max(axis=1)
    edge = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(ks, [edge, 1.0 - edge])
    return float(low), float(high)


# ---- within -------------------------------------------------------------------------------------


def _or_missing(name: str, row: Callable[[], Row]) -> Row:
    """Return the row, or one that tells why it could not be measured."""
    try:
        return row()
    except ValueError as error:
        return judge(name, None, n=0, note=str(error))


def _fisher_interval(r: np.ndarray) -> tuple[float, float] | None:
    """Return the interval of a mean correlation over subjects, by Student's t of Fisher's z."""
    interval = t_interval(np.arctanh(np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12)))
    return None if interval is None else (float(np.tanh(interval[0])), float(np.tanh(interval[1])))


def _r_interval(r: float, n: int) -> tuple[float, float]:
    """Return the interval of one correlation over n independent points, by Fisher's z."""
    from statistics import NormalDist

    half = NormalDist().inv_cdf(0.5 + LEVEL / 2.0) / np.sqrt(n - 3)
    z = np.arctanh(np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12))
    return float(np.tanh(z - half)), float(np.tanh(z + half))
