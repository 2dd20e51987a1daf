"""Did a stimulus change the activity? Rates before, during and after it, against chance.

Every pulse is a trial with its own baseline: the stretch just before it, as long as the pulse.
Chance is measured, not assumed: *sham* trials of the same two lengths are laid, without overlap,
over all spontaneous stretches of the same recordings. If the stimulus does nothing, pulses and
shams are exchangeable, so the mean change over pulses is compared with that of random draws from
both together (a permutation test; p = (1 + count) / (1 + n), Phipson and Smyth 2010,
doi 10.2202/1544-6115.1585), and the p-values of all systems are corrected together (Benjamini and
Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x).
"""

from collections.abc import Sequence
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from encephagen import rng
from encephagen.analysis.rates import chosen, system_members
from encephagen.analysis.statistics import benjamini_hochberg
from encephagen.recording import Recording
from encephagen.recording.bins import step_at
from encephagen.units import MS_PER_S, TOLERANCE

if TYPE_CHECKING:
    import xarray as xr

Pulse = tuple[float, float]

SETTLE_MS = 200.0
"""Left out after a pulse before activity counts as spontaneous again (free)."""

GUARD_MS = 100.0
"""Kept free between shams, and between a sham and a baseline. Activity has a memory: where a sham
touches the baseline of a pulse, the two changes are anticorrelated, and 6.2 % instead of 5 % of
tests were positive without a stimulus (Poisson with a memory of 60 ms, 400 runs, 9 systems)."""

N_PERMUTATIONS = 9999
ALPHA = 0.05


def system_response(
    recordings: Recording | Sequence[Recording],
    pulses: Sequence[Pulse],
    *,
    population: str | None = None,
    settle_ms: float = SETTLE_MS,
    alpha: float = ALPHA,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> "xr.Dataset":
    """Return the response of each system to pulses of stimulation, tested against chance.

    recordings: with single spikes, and of one network; pulses lie in them and may share one.
    population: one by name, or None: the cells of cortex that excite.
    settle_ms: at least so much is left out behind a pulse.
    pulses: (start_ms, stop_ms) in brain time, all of one length L and each with L of spontaneous
        activity right before it. After is the stretch of L right behind a pulse, where recorded.

    Variables (system): before_Hz, during_Hz, after_Hz, each with its standard error over trials
    (before_se_Hz ...; nan for one trial); change_Hz and change_se_Hz, during less before, paired;
    sham_se_Hz, the standard error chance alone gives to such a change; p (two-sided), p_corrected,
    responded (p_corrected < alpha). Attributes: n_trials, n_sham, pulse_ms, smallest_p (the least p
    the numbers of trials allow), alpha. What has no such neuron is nan, and responds not.

    Raises ValueError if pulses are no whole steps, differ in length, overlap, have no baseline or
    lie outside, or if too few shams fit for any system to reach alpha.
    """
    parts = _parts(recordings)
    names, member = system_members(parts[0])
    return _response(
        parts, pulses, member, "system", names, population, settle_ms, alpha, n_permutations, seed
    )


def region_response(
    recordings: Recording | Sequence[Recording],
    pulses: Sequence[Pulse],
    *,
    population: str | None = None,
    settle_ms: float = SETTLE_MS,
    alpha: float = ALPHA,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> "xr.Dataset":
    """Return the response of each region (region); else as `system_response`."""
    parts = _parts(recordings)
    names = list(parts[0].regions)
    member = np.eye(len(names), dtype=int)
    return _response(
        parts, pulses, member, "region", names, population, settle_ms, alpha, n_permutations, seed
    )


def _response(
    parts: Sequence[Recording],
    pulses: Sequence[Pulse],
    member: np.ndarray,
    dim: str,
    names: list[str],
    population: str | None,
    settle_ms: float,
    alpha: float,
    n_permutations: int,
    seed: int,
) -> "xr.Dataset":
    import xarray as xr

    if not (np.isfinite(settle_ms) and settle_ms >= 0):
        raise ValueError(f"settle_ms is {settle_ms}: expected a time in ms, 0 or more")
    dt_ms = parts[0].dt_ms
    onsets, length = _onsets(pulses, dt_ms)
    settle = int(np.ceil(settle_ms / dt_ms - TOLERANCE))
    rate = _Rates(parts, member, population)
    trials = [_trial(parts, onset, length) for onset in onsets]
    shams = _shams(parts, onsets, length, settle, round(GUARD_MS / dt_ms))
    before = np.array([rate(part, onset - length, onset) for part, onset in trials])
    during = np.array([rate(part, onset, onset + length) for part, onset in trials])
    after = np.array(
        [
            rate(part, onset + length, onset + 2 * length)
            for part, onset in trials
            if onset + 2 * length <= part.start_step + part.n_steps
        ]
    ).reshape(-1, len(names))
    sham = np.array(
        [rate(p, s + length, s + 2 * length) - rate(p, s, s + length) for p, s in shams]
    ).reshape(-1, len(names))
    change = during - before
    least = smallest_p(len(change), len(sham), n_permutations)
    n_present = int(np.count_nonzero(rate.size))
    if not n_present:
        raise ValueError("no neuron excites: give the population whose response is asked for")
    if least * n_present > alpha:
        raise ValueError(
            f"{len(change)} pulses and {len(sham)} spontaneous stretches of {2 * length * dt_ms:g} "
            f"ms cannot tell one responding {dim} of {n_present} from chance (smallest p "
            f"{least:.2g}); give more pulses or more spontaneous activity between them"
        )
    p = permutation_p(change, sham, n_permutations, rng.stream(seed, "response", dim))
    present = np.isfinite(p)
    corrected = np.full(p.shape, np.nan)
    corrected[present] = benjamini_hochberg(p[present])
    columns = {
        **_mean_and_error("before", before),
        **_mean_and_error("during", during),
        **_mean_and_error("after", after),
        **_mean_and_error("change", change),
        "sham_se_Hz": sham.std(axis=0, ddof=1) / np.sqrt(len(change)),
    }
    variables = {name: (dim, values, {"units": "Hz"}) for name, values in columns.items()}
    return xr.Dataset(
        {
            **variables,
            "p": (dim, p),
            "p_corrected": (dim, corrected),
            "responded": (dim, corrected < alpha),
        },
        coords={dim: names},
        attrs={
            "n_trials": len(change),
            "n_sham": len(sham),
            "pulse_ms": length * dt_ms,
            "smallest_p": least,
            "alpha": alpha,
            "population": population or "all that excite",
        },
    )


class _Rates:
    """Mean rate per neuron of groups of regions between two steps of a recording."""

    def __init__(self, parts: Sequence[Recording], member: np.ndarray, population: str | None):
        data = parts[0].data
        which = chosen(data, population)
        self.size = member @ data["region_size"].values[:, which].sum(axis=1)
        self.member, self.n_regions = member, member.shape[1]
        # Spikes of other populations fall into one more, discarded, region.
        inside = np.isin(data["neuron_population"].values, which)
        self.region = np.where(inside, data["neuron_region"].values, self.n_regions)
        self.dt_ms = parts[0].dt_ms
        self.spikes = {id(part): (part.spike_steps, part.spike_neurons) for part in parts}

    def __call__(self, part: Recording, first: int, stop: int) -> np.ndarray:
        steps, neurons = self.spikes[id(part)]
        span = slice(*np.searchsorted(steps, [first, stop]))
        count = np.bincount(self.region[neurons[span]], minlength=self.n_regions + 1)[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.member @ count / self.size / ((stop - first) * self.dt_ms / MS_PER_S)


def _parts(recordings: Recording | Sequence[Recording]) -> list[Recording]:
    parts = [recordings] if isinstance(recordings, Recording) else list(recordings)
    if not parts:
        raise ValueError("a response needs at least one recording; got none")
    if any(not _alike(part, parts[0]) for part in parts):
        raise ValueError("the recordings are of different networks or dt; give those of one")
    parts.sort(key=lambda part: part.start_step)
    for a, b in zip(parts[:-1], parts[1:], strict=True):
        if b.start_step < a.start_step + a.n_steps:
            raise ValueError(
                f"recordings overlap at {b.start_ms:g} ms; give each stretch of time once"
            )
    return parts


def _alike(a: Recording, b: Recording) -> bool:
    """Return whether two recordings are of one network, as far as they tell, and of one dt."""
    mine, theirs = (r.provenance.get("network_digest") for r in (a, b))
    return (a.regions, a.populations, a.dt_ms, mine) == (b.regions, b.populations, b.dt_ms, theirs)


def _onsets(pulses: Sequence[Pulse], dt_ms: float) -> tuple[list[int], int]:
    """Return the first steps of the pulses, in order, and their common length in steps."""
    if not pulses:
        raise ValueError("a response needs at least one pulse; got none")
    spans = sorted(
        (step_at("start of a pulse", a, dt_ms), step_at("end of a pulse", b, dt_ms))
        for a, b in pulses
    )
    lengths = {stop - start for start, stop in spans}
    if len(lengths) > 1 or min(lengths) < 1:
        shown = ", ".join(f"{n * dt_ms:g}" for n in sorted(lengths))
        raise ValueError(f"pulses last {shown} ms; expected one positive length for all")
    return [start for start, _ in spans], lengths.pop()


def _trial(parts: Sequence[Recording], onset: int, length: int) -> tuple[Recording, int]:
    for part in parts:
        if part.start_step <= onset - length and onset + length <= part.start_step + part.n_steps:
            return part, onset
    dt_ms = parts[0].dt_ms
    raise ValueError(
        f"pulse at {onset * dt_ms:g} ms does not lie in a recording with {length * dt_ms:g} ms "
        "before it; record its baseline too"
    )


def _shams(
    parts: Sequence[Recording], onsets: Sequence[int], length: int, settle: int, guard: int
) -> list[tuple[Recording, int]]:
    """Return (recording, first step) of stretches of 2 L that no pulse or baseline touches.

    Raises ValueError if a baseline is not spontaneous itself.
    """
    found = []
    for before, after in zip(onsets[:-1], onsets[1:], strict=True):
        if after - length < before + length + settle:
            dt_ms = parts[0].dt_ms
            raise ValueError(
                f"pulse at {after * dt_ms:g} ms follows one at {before * dt_ms:g} ms too closely; "
                f"leave {(2 * length + settle) * dt_ms:g} ms from onset to onset"
            )
    for part in parts:
        end = part.start_step + part.n_steps
        inside = [o for o in onsets if part.start_step <= o < end]
        starts = [part.start_step, *(o + length + settle for o in inside)]
        stops = [*(o - length - guard for o in inside), end]
        for start, stop in zip(starts, stops, strict=True):
            n = max(0, (stop - start + guard) // (2 * length + guard))
            found += [(part, start + i * (2 * length + guard)) for i in range(n)]
    return found


def smallest_p(n_trials: int, n_sham: int, n_permutations: int) -> float:
    """Return the least p that so many trials and draws allow."""
    return max(1.0 / comb(n_trials + n_sham, n_trials), 1.0 / (1 + n_permutations))


def permutation_p(
    change: np.ndarray, sham: np.ndarray, n: int, random: np.random.Generator
) -> np.ndarray:
    """Return two-sided p-values (group,) of changes (trial, group) among shams (sham, group)."""
    pool = np.concatenate([change, sham])
    k = len(change)
    observed = np.abs(pool[:k].mean(axis=0) - pool[k:].mean(axis=0))
    total = pool.sum(axis=0)
    count = np.zeros(pool.shape[1])
    for block in np.array_split(np.arange(n), max(1, n // 500)):
        order = np.argsort(random.random((block.size, len(pool))), axis=1)[:, :k]
        drawn = pool[order].sum(axis=1)
        distance = np.abs(drawn / k - (total - drawn) / (len(pool) - k))
        # A tie that rounding breaks must count as a tie.
        count += (distance >= observed * (1 - 1e-9)).sum(axis=0)
    return np.where(np.isfinite(observed), (1.0 + count) / (1.0 + n), np.nan)


def _mean_and_error(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean and standard error over trials (trial, group), nan where they do not exist."""
    n, groups = values.shape
    mean = values.mean(axis=0) if n else np.full(groups, np.nan)
    error = values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(groups, np.nan)
    return {f"{name}_Hz": mean, f"{name}_se_Hz": error}
