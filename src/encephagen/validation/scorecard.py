"""The scorecard: every figure of a brain beside its range, its source and what others reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.haemodynamics import Haemodynamics
from encephagen.analysis.statistics import LEVEL, t_interval
from encephagen.analysis.summary import summary
from encephagen.analysis.timescales import BIN_MS
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Connectome
from encephagen.recording import Recording
from encephagen.validation import baselines, connectivity
from encephagen.validation.evidence import (
    Empirical,
    along_map,
    bold_runs,
    check_regions,
    checked_maps,
    region_timescales,
)
from encephagen.validation.targets import Row, Tally, Verdict, judge
from encephagen.working_point.mean_field import MeanField

if TYPE_CHECKING:
    import xarray as xr

SPIKING = {
    "rate_exc_Hz": "Hz",
    "rate_inh_Hz": "Hz",
    "rate_inh_over_exc": "",
    "rate_region_max_Hz": "Hz",
    "rate_neuron_p10_Hz": "Hz",
    "rate_neuron_median_Hz": "Hz",
    "rate_neuron_p90_Hz": "Hz",
    "silent_share": "",
    "cv_isi": "",
    "lvr": "",
    "fano_factor": "",
    "count_correlation": "",
    "spectral_slope": "",
    "spectral_peak_Hz": "Hz",
    "timescale_ms": "ms",
}
"""Figures of `analysis.summary` that a scorecard shows, with their units."""

HIGH_HZ = 40.0
"""Rate at which all start in the search for a second, ignited fixed point (free)."""

COARSE_MS = 50.0
"""Bins in which Murray et al. 2014 measured timescales (doi 10.1038/nn.3862)."""


@dataclass(frozen=True)
class Scorecard:
    """The rows in the order of the page: of the brain at rest, and of what stimuli do to it.

    The two are judged apart: a brain that answers stimuli is no nearer to one that rests.
    """

    rest: tuple[Row, ...]
    stimuli: tuple[Row, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, those at rest first."""
        return (*self.rest, *self.stimuli)

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
        return not Tally.of(self.rows).missed

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts, fit for JSON.

        passed; how many of ``rest`` and of ``stimuli`` (None where there were none) are in range;
        values by name; rows, each with its ``group``, rest or stimuli.
        """
        groups = {"rest": self.rest, "stimuli": self.stimuli}
        return {
            "passed": self.passed,
            **{name: Tally.of(rows).as_dict() if rows else None for name, rows in groups.items()},
            "values": {row.name: row.value for row in self.rows},
            "rows": [
                {**row.as_dict(), "group": name} for name, rows in groups.items() for row in rows
            ],
        }

    @staticmethod
    def from_rows(documents: Sequence[Mapping[str, Any]]) -> "Scorecard":
        """Return the scorecard whose rows, as `as_dict` describes them, are given."""
        rest, stimuli = (
            tuple(Row.from_dict(row) for row in documents if row["group"] == group)
            for group in ("rest", "stimuli")
        )
        return Scorecard(rest, stimuli)


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
    stimuli: Sequence[Row] = (),
    brain: Brain | None = None,
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
    brain: that of the recordings, of which theory says whether it could ignite; not asked if None.
    stimuli: rows from elsewhere of what stimuli do to the same brain, judged apart.

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
    linear = baselines.fit_linear(part, empirical.group)
    try:
        simulated = bold_runs(recordings, empirical, model or Haemodynamics())
    except ValueError as error:
        simulated = str(error)
    every = list({id(r): r for r in (*recordings, *(spiking or ()))}.values())
    rows = [
        *spiking_rows(spiking or recordings),
        seeds_row(recordings),
        high_branch_row(brain),
        alarm_row(every),
        *connectivity.fc_rows(simulated, empirical, linear.r, fitted_on, seed),
        *connectivity.heldout_rows(simulated, empirical, part, fitted_on),
        *connectivity.fcd_rows(simulated, empirical, linear.network.fc(part), seed),
        *baseline_rows(connectome, fmri, heldout=heldout),
        *timescale_rows(recordings, connectome, surrogate_maps),
        *coarse_timescale_rows(recordings, connectome),
    ]
    return Scorecard(tuple(rows), tuple(stimuli))


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


def seeds_row(recordings: Sequence[Recording]) -> Row:
    """Return rate_over_seeds: how far the rate of E of a recording is from their mean, at most."""
    name, n = "rate_over_seeds", len(recordings)
    rate_Hz = np.array([summary(recording)["rate_exc_Hz"] or np.nan for recording in recordings])
    if n < 2 or not np.isfinite(rate_Hz).all():
        return judge(name, None, n=n, note="needs two recordings or more, with spikes")
    most = float(np.abs(rate_Hz / rate_Hz.mean() - 1).max())
    return judge(name, most, n=n, note=f"from {rate_Hz.min():.2f} to {rate_Hz.max():.2f} Hz")


def high_branch_row(brain: Brain | None) -> Row:
    """Return high_branch: the rate of E to which theory returns from `HIGH_HZ`, over that at rest.

    1 where no second, ignited fixed point is (`MeanField.in_spikes`).
    """
    name = "high_branch"
    if brain is None:
        return judge(name, None, n=0, note="needs the brain, of which theory is asked")
    try:
        field = MeanField.of(brain)
        if np.isfinite(field.target_Hz).any():
            field, rest_Hz = field.balanced()
        else:
            rest_Hz = field.fixed_point()
    except ValueError as error:
        return judge(name, None, n=0, note=str(error))
    spiking = field.in_spikes(rest_Hz)
    high_Hz = spiking.fixed_point(np.full(len(rest_Hz), HIGH_HZ), rate=0.2)
    excites = field.excitatory.any(axis=0)
    rest, high = (float(x[excites].mean()) for x in (rest_Hz, high_Hz))
    note = f"from {HIGH_HZ:g} Hz theory returns to {high:.2f} Hz; at rest {rest:.2f}"
    return judge(name, high / rest, n=1, note=note)


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
        return row(name, float(values.mean()), note, values.size, baselines.fisher_interval(values))

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
    """Return timescale_r, _p and _ratio: measured timescales along T1w/T2w, and by chance.

    The ratio is that of the medians of the quarter of regions with least T1w/T2w, association, and
    of that with most, sensory. r is Pearson's between T1w/T2w and the logarithm of tau, over the
    regions that have both; tau is the median over recordings. p = (1 + count)/(1 + maps) over
    ``surrogate_maps`` (map, region) whose abs(r) is as large (two-sided), 1 where r is positive;
    without maps it is not measured.
    Raises ValueError for maps that are not of the connectome's regions.
    """

    def missing(why: str) -> tuple[Row, ...]:
        names = ("timescale_r", "timescale_p", "timescale_ratio")
        return tuple(judge(name, None, n=0, note=why) for name in names)

    maps = None if surrogate_maps is None else checked_maps(surrogate_maps, connectome)
    try:
        along = along_map(region_timescales(recordings), connectome, maps)
    except ValueError as error:
        return missing(str(error))
    n = along.ratio.size
    note = f"over {n} regions; the interval ignores that neighbours are alike"
    first = judge("timescale_r", along.r, interval=_r_interval(along.r, n), n=n, note=note)
    sensory_ms, association_ms = along.ends_ms
    note = f"{association_ms:.0f} over {sensory_ms:.0f} ms, in bins of {BIN_MS:g} ms"
    ratio = judge("timescale_ratio", association_ms / sensory_ms, n=n, note=note)
    if maps is None:
        missed = judge("timescale_p", None, n=0, note="needs surrogate maps of T1w/T2w")
        return first, missed, ratio
    note, p = f"against {len(maps)} surrogate maps", along.p
    if along.r > 0:  # beyond chance the other way is no evidence
        note, p = f"{note}: {p:.2g} for a relation of the wrong sign", 1.0
    return first, judge("timescale_p", p, n=len(maps), note=note), ratio


def coarse_timescale_rows(
    recordings: Sequence[Recording], connectome: Connectome
) -> tuple[Row, ...]:
    """Return timescale_50_r, _regions, _sensory_ms, _association_ms, _ratio: in bins of 50 ms.

    In fine bins a timescale is fooled by what decays within a few of them, however little it is.
    """
    names = [f"timescale_50_{x}" for x in ("r", "regions", "sensory_ms", "association_ms", "ratio")]
    try:
        tau_ms = region_timescales(recordings, COARSE_MS)
        along = along_map(tau_ms, connectome, None)
    except ValueError as error:
        return tuple(judge(name, None, n=0, note=str(error)) for name in names)
    n, found = along.ratio.size, int(np.isfinite(tau_ms.values).sum())
    sensory_ms, association_ms = along.ends_ms
    quarter = "median over the quarter of regions with {} T1w/T2w"
    values = (
        (along.r, "r of log timescale with T1w/T2w", _r_interval(along.r, n)),
        (found / tau_ms.size, f"{found} of {tau_ms.size} regions", None),
        (sensory_ms, quarter.format("most"), None),
        (association_ms, quarter.format("least"), None),
        (association_ms / sensory_ms, "association over sensory", None),
    )
    return tuple(
        judge(name, value, interval=interval, n=n, note=note)
        for name, (value, note, interval) in zip(names, values, strict=True)
    )


def _r_interval(r: float, n: int) -> tuple[float, float]:
    """Return the interval of one correlation over n independent points, by Fisher's z."""
    from statistics import NormalDist

    half = NormalDist().inv_cdf(0.5 + LEVEL / 2.0) / np.sqrt(n - 3)
    z = np.arctanh(np.clip(r, -1.0 + 1e-12, 1.0 - 1e-12))
    return float(np.tanh(z - half)), float(np.tanh(z + half))
