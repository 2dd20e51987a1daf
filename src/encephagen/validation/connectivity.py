"""Rows of functional connectivity (FC): a brain beside people, and beside a linear network."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from encephagen import rng
from encephagen.analysis import functional_connectivity as connectivity
from encephagen.analysis.statistics import LEVEL, t_interval
from encephagen.connectome.connectome import Connectome
from encephagen.validation import baselines
from encephagen.validation.evidence import Empirical, fcd_alike
from encephagen.validation.targets import Row, Verdict, among_people, judge

if TYPE_CHECKING:
    import xarray as xr

    Simulated = xr.DataArray | str
    """BOLD (run, time_s, region) of a brain, or why there is none."""

N_BOOTSTRAP = 1000
BAND = "{:g} to {:g} Hz".format(*connectivity.BAND_HZ)

Samples = Sequence[np.ndarray]


def fc_rows(
    simulated: "Simulated",
    empirical: Empirical,
    linear_r: float,
    fitted_on: Sequence[str],
    seed: int,
) -> tuple[Row, ...]:
    """Return how FC agrees with the group's and with each held-out subject's, and how high it is.

    linear_r: that of the linear network with the group; the brain is judged by what it has more.
    """
    names = (
        "fc_group_r", "fc_group_over_linear_r", "fc_heldout_r", "fc_change_if_doubled",
        "fc_seed_r", "fc_mean", "fc_mean_least", "fc_mean_most",
    )  # fmt: skip
    if isinstance(simulated, str):
        return tuple(judge(name, None, n=0, note=simulated) for name in names)
    group, runs = empirical.group, simulated
    n_runs, minutes = runs.sizes["run"], runs.sizes["time_s"] * empirical.tr_s / 60.0

    @cache
    def agreement() -> tuple[float, tuple[float, float] | None, str]:
        r = connectivity.fc_correlation(connectivity.group_fc(runs), group)
        try:
            found = connectivity.interval_over_time(runs, group, seed=seed)
        except ValueError:  # fewer than MIN_BLOCKS blocks
            return r, None, "too short for an interval"
        return r, (found.low, found.high), "interval over blocks of time"

    def fc_group() -> Row:
        r, interval, how = agreement()
        note = f"{n_runs} runs of {minutes:.3g} min; {how}"
        return judge(names[0], r, interval=interval, n=n_runs, note=note)

    def over_linear() -> Row:
        r, interval, how = agreement()
        gain = None if interval is None else (interval[0] - linear_r, interval[1] - linear_r)
        note = f"fc_group_r less linear_r; {how}"
        return judge(names[1], r - linear_r, interval=gain, n=n_runs, note=note)

    def fc_heldout() -> Row:
        r = baselines.subject_r(connectivity.group_fc(runs), empirical.subjects)[empirical.heldout]
        note = "mean over held-out subjects; interval over them" + _seen(empirical, fitted_on)
        interval = baselines.fisher_interval(r)
        return judge(names[2], float(r.mean()), interval=interval, n=r.size, note=note)

    def change() -> Row:
        found = connectivity.doubling(runs, group)
        note = f"r {found.r_half:.3f} from half, extrapolated to {found.r_limit:.3f} without end"
        return judge(names[3], found.change, n=n_runs, note=note)

    def seed_alone() -> Row:
        r = np.array([connectivity.fc_correlation(connectivity.fc(run), group) for run in runs])
        note = f"each seed alone with the group, mean; one run of {minutes:.3g} min a seed"
        interval = baselines.fisher_interval(r)
        return judge(names[4], float(r.mean()), interval=interval, n=n_runs, note=note)

    def mean() -> Row:
        value = float(connectivity.upper(connectivity.group_fc(runs)).mean())
        own = [float(connectivity.upper(s).mean()) for s in empirical.subjects]
        note = f"subjects: {min(own):.2f} to {max(own):.2f}"
        people = among_people(names[5], own)
        return judge(names[5], value, n=n_runs, target=people, note=note)

    @cache
    def means() -> list[float]:
        return [float(connectivity.upper(connectivity.fc(run)).mean()) for run in runs]

    def least() -> Row:
        return judge(names[6], min(means()), n=n_runs, note="mean FC of the seed with the lowest")

    def most() -> Row:
        return judge(names[7], max(means()), n=n_runs, note="mean FC of the seed with the highest")

    made = (fc_group, over_linear, fc_heldout, change, seed_alone, mean, least, most)
    return tuple(_or_missing(name, row) for name, row in zip(names, made, strict=True))


def heldout_rows(
    simulated: "Simulated",
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


def _seen(empirical: Empirical, fitted_on: Sequence[str]) -> str:
    """Return the warning for a note if the recipe was fitted on subjects that are tested on."""
    tested = [str(s) for s in empirical.fmri["subject"].values[empirical.heldout].tolist()]
    n = len(set(tested) & set(fitted_on))
    return f"; NOT held out: the recipe was fitted on {n} of these {len(tested)}" if n else ""


# ---- dynamics -----------------------------------------------------------------------------------


def fcd_rows(
    simulated: "Simulated", empirical: Empirical, linear_fc: "xr.DataArray", seed: int
) -> tuple[Row, ...]:
    """Return how unlike FC dynamics are to people's: of the brain, filtered and as it is, of the
    linear network, whose FC never changes, and of one subject against the others.

    The brain is judged by fcd_over_linear_ks, what it is further from people than that network.
    Signals are filtered to the band of `bandpass`: a scanner adds white noise (the lag-1
    autocorrelation is 0.64 in hcp-aal2, 0.96 after the balloon), which makes FC of a window less
    variable, whatever the brain does. All are cut to one length, that of the shortest: windows that
    overlap are alike, and their share depends on the length.
    """
    people, tr_s = empirical.fmri, empirical.tr_s
    n = people.sizes["time_s"]
    if not isinstance(simulated, str):
        n = min(n, simulated.sizes["time_s"])
    filtered = connectivity.bandpass(people)

    def runs() -> "xr.DataArray":
        if isinstance(simulated, str):
            raise ValueError(simulated)
        return simulated

    @cache
    def brain() -> tuple[Samples, Samples]:
        return fcd_alike(connectivity.bandpass(runs()), filtered)

    @cache
    def still() -> tuple[Samples, Samples]:
        made = baselines.stationary_bold(linear_fc, n, tr_s, n_runs=empirical.n, seed=seed)
        return fcd_alike(connectivity.bandpass(made), filtered)

    def distance(name: str, sides: tuple[Samples, Samples], note: str) -> Row:
        own, others = sides
        interval = _ks_interval(own, others, seed) if len(others) > 2 else None
        how = f"{len(own)} stretches of {n * tr_s / 60:.3g} min; interval over them and subjects"
        return judge(name, _ks(*sides), interval=interval, n=len(own), note=f"{note}; {how}")

    def over_linear() -> Row:
        (own, others), (alike, _) = brain(), still()
        interval = _ks_interval(own, others, seed, less=alike) if len(others) > 2 else None
        gain = _ks(own, others) - _ks(alike, others)
        note = "fcd_ks less linear_fcd_ks; interval over stretches and subjects"
        return judge("fcd_over_linear_ks", gain, interval=interval, n=len(own), note=note)

    def stationary() -> Row:
        why = f"the linear network's FC, unchanging; signals of {BAND}"
        return judge("linear_fcd_ks", _ks(*still()), otherwise=Verdict.BASELINE, note=why)

    def ceiling() -> Row:
        each = [connectivity.fcd(s) for s in filtered]
        if len(each) < 2:
            raise ValueError("needs two subjects")
        ks = np.array([_ks([own], each[:i] + each[i + 1 :]) for i, own in enumerate(each)])
        why = f"one subject against the others, mean; {ks.min():.2f} to {ks.max():.2f}"
        return judge("ceiling_fcd_ks", ks.mean(), n=ks.size, otherwise=Verdict.BASELINE, note=why)

    rows: dict[str, Callable[[], Row]] = {
        "fcd_ks": lambda: distance("fcd_ks", brain(), f"signals of {BAND}"),
        "fcd_over_linear_ks": over_linear,
        "fcd_ks_unfiltered": lambda: distance(
            "fcd_ks_unfiltered", fcd_alike(runs(), people), "as measured"
        ),
        "linear_fcd_ks": stationary,
        "ceiling_fcd_ks": ceiling,
    }
    return tuple(_or_missing(name, row) for name, row in rows.items())


def _ks(own: Samples, others: Samples) -> float:
    return connectivity.fcd_ks(np.concatenate(own), np.concatenate(others))


def _ks_interval(
    own: Samples, others: Samples, seed: int, less: Samples = (), n: int = N_BOOTSTRAP
) -> tuple[float, float]:
    """Return percentiles of the KS distance, with the samples of each side drawn with replacement;
    less that of other samples (``less``) from the same draw of the others, if there are any.

    On distribution functions at 2,001 points of -1 to 1; all samples of a side are of one size.
    """
    at = np.linspace(-1.0, 1.0, 2001)
    generator = rng.stream(seed, "bootstrap of functional connectivity dynamics")

    def drawn(side: Samples) -> np.ndarray:
        each = [np.searchsorted(np.sort(s), at, side="right") / s.size for s in side]
        share = generator.multinomial(len(side), np.full(len(side), 1.0 / len(side)), n)
        return share @ np.stack(each) / len(side)

    mine, theirs = drawn(own), drawn(others)
    ks = np.abs(mine - theirs).max(axis=1)
    if less:
        ks = ks - np.abs(drawn(less) - theirs).max(axis=1)
    edge = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(ks, [edge, 1.0 - edge])
    return float(low), float(high)


def _or_missing(name: str, row: Callable[[], Row]) -> Row:
    """Return the row, or one that tells why it could not be measured."""
    try:
        return row()
    except ValueError as error:
        return judge(name, None, n=0, note=str(error))
