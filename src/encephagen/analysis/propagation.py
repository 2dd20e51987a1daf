"""Propagation: how far a pulse travels, how strongly, how fast, and what is left of it.

Pulses and shams (trials without a pulse) are trials of the same length, best in random order. Then
their labels are exchangeable whatever memory activity has, and the permutation test of `reach`
is exact also with few trials. Where pulses come at fixed times, it assumes that spontaneous
activity does not know when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encephagen import rng
from encephagen.analysis.rates import binned_rate
from encephagen.analysis.response import ALPHA, N_PERMUTATIONS, permutation_p, smallest_p
from encephagen.analysis.statistics import benjamini_hochberg
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.proof import spearman
from encephagen.recording import Recording

WINDOW_MS = (0.0, 300.0)
"""Where a response is looked for: a pulse of 150 ms, and as long again. Of windows that end 150 to
450 ms after the onset, those of 300 and more found most (default brain, 24 trials)."""

SMOOTH_MS = 10.0
"""Standard deviation of the Gaussian that smooths a time course before its latency is read."""

HALF = 0.5
"""Fraction of its peak at which a response has arrived."""

REST_SD = 3.0
"""Standard deviations of single spontaneous windows within which a region is at rest."""

FEWEST = 5
"""Regions under which nothing is correlated."""

N_BOOTSTRAP = 500
LEVEL = 0.95
N_FOLDS = 6
N_SHUFFLES = 200
LENGTHS = np.geomspace(1e-3, 1e4, 700)


@dataclass(frozen=True, eq=False)
class Trials:
    """Rates (trial, time, region) in bins of ``bin_ms``, of which ``before_ms`` precede the onset.

    Raises ValueError for rates of another shape, and an onset that is on no edge of a bin.
    """

    rate_Hz: np.ndarray
    bin_ms: float
    before_ms: float

    def __post_init__(self) -> None:
        if self.rate_Hz.ndim != 3 or not self.rate_Hz.size:
            raise ValueError(
                f"rates have shape {self.rate_Hz.shape}; expected (trial, time, region), none empty"
            )
        bins = self.before_ms / self.bin_ms
        if abs(bins - round(bins)) > 1e-6 or not 0 <= round(bins) < self.rate_Hz.shape[1]:
            raise ValueError(
                f"onset {self.before_ms:g} ms after the start of a trial of "
                f"{self.rate_Hz.shape[1]} bins of {self.bin_ms:g} ms; expected an edge of a bin"
            )

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.rate_Hz)

    @property
    def time_ms(self) -> np.ndarray:
        """Middle of each bin (time,), from the onset (ms)."""
        return (np.arange(self.rate_Hz.shape[1]) + 0.5) * self.bin_ms - self.before_ms

    @property
    def stop_ms(self) -> float:
        """End of the trials, from the onset (ms)."""
        return self.rate_Hz.shape[1] * self.bin_ms - self.before_ms

    def mean(self, start_ms: float, stop_ms: float) -> np.ndarray:
        """Return mean rates (trial, region) from ``start_ms`` to ``stop_ms`` after the onset.

        Raises ValueError for a stretch that is empty or outside the trial.
        """
        first, stop = (round((t + self.before_ms) / self.bin_ms) for t in (start_ms, stop_ms))
        if not 0 <= first < stop <= self.rate_Hz.shape[1]:
            raise ValueError(
                f"{start_ms:g} to {stop_ms:g} ms from the onset is not in the trials, which last "
                f"from {-self.before_ms:g} to {self.stop_ms:g} ms; record more or ask for less"
            )
        return self.rate_Hz[:, first:stop].mean(axis=1)

    def take(self, which: slice | np.ndarray) -> "Trials":
        """Return some of the trials, by their places or as a mask."""
        return Trials(self.rate_Hz[which], self.bin_ms, self.before_ms)


def cut(
    recording: Recording,
    onsets_ms: Sequence[float],
    *,
    before_ms: float,
    after_ms: float,
    bin_ms: float = 5.0,
    population: str = "E",
) -> Trials:
    """Cut trials around onsets (brain time) out of a recording; regions as in the recording.

    Raises ValueError for an onset that is on no edge of a bin, or a trial that is not all there.
    """
    rate = binned_rate(recording, bin_ms).sel(population=population)
    values = rate.transpose("time_ms", "region").values
    length = round((before_ms + after_ms) / bin_ms)
    parts = []
    for onset_ms in onsets_ms:
        first = (onset_ms - before_ms - recording.start_ms) / bin_ms
        if abs(first - round(first)) > 1e-6:
            raise ValueError(f"onset {onset_ms:g} ms is on no edge of a bin of {bin_ms:g} ms")
        if not 0 <= round(first) <= len(values) - length:
            raise ValueError(
                f"trial around {onset_ms:g} ms is not all in the recording, which lasts from "
                f"{recording.start_ms:g} to {recording.stop_ms:g} ms; leave it out"
            )
        parts.append(values[round(first) : round(first) + length])
    if not parts:
        raise ValueError("no onsets: give at least one")
    return Trials(np.array(parts), bin_ms, before_ms)


# ---- how far ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Reach:
    """Which regions answer; everything (region,); p is nan in the source, which never counts.

    change_Hz      mean of pulses less that of shams, at equal rates before the onset
    effect         change over the standard deviation of single shams
    p, p_corrected two-sided, and corrected over the regions
    """

    change_Hz: np.ndarray
    effect: np.ndarray
    p: np.ndarray
    p_corrected: np.ndarray
    alpha: float

    @property
    def responded(self) -> np.ndarray:
        """Regions (region,) whose rate rises, corrected."""
        return (self.p_corrected < self.alpha) & (self.change_Hz > 0)

    @property
    def suppressed(self) -> np.ndarray:
        """Regions (region,) whose rate falls, corrected."""
        return (self.p_corrected < self.alpha) & (self.change_Hz < 0)

    @property
    def n(self) -> int:
        """How many regions respond."""
        return int(self.responded.sum())


def reach(
    pulses: Trials,
    shams: Trials,
    source: Sequence[int] | np.ndarray,
    *,
    window_ms: tuple[float, float] = WINDOW_MS,
    alpha: float = ALPHA,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Reach:
    """Return which regions outside ``source`` (indices) answer a pulse.

    y is the mean rate of a trial in the window, x that before the onset; what x foretells is taken
    out, e = y - b x. For the test, b is by least squares over all trials, blind to which had a
    pulse; the difference of the means of e is then compared with that under random labels
    (two-sided, p = (1 + count) / (1 + n)), and the p-values are corrected over regions
    (Benjamini-Hochberg). For the change, b is that within pulses and within shams, which a strong
    response does not bend.

    Raises ValueError if too few trials are given for any region to reach alpha.
    """
    _same_trials(pulses, shams)
    others = np.setdiff1d(np.arange(pulses.rate_Hz.shape[2]), source)
    least = smallest_p(pulses.n, shams.n, n_permutations)
    if least * others.size > alpha:
        raise ValueError(
            f"{pulses.n} pulses and {shams.n} shams cannot tell one region of {others.size} that "
            f"answers from chance (smallest p {least:.2g}); give more trials"
        )
    y, x = (
        np.concatenate([mean(pulses), mean(shams)])
        for mean in (lambda t: t.mean(*window_ms), _rate_before)
    )
    n = pulses.n
    blind = y - _slope(x - x.mean(axis=0), y) * x
    p, corrected = np.full(y.shape[1], np.nan), np.full(y.shape[1], np.nan)
    stream = rng.stream(seed, "propagation", "reach")
    p[others] = permutation_p(blind[:n, others], blind[n:, others], n_permutations, stream)
    corrected[others] = benjamini_hochberg(p[others])
    within = np.concatenate([part - part.mean(axis=0) for part in (x[:n], x[n:])])
    e = y - _slope(within, y) * x
    change, spread = e[:n].mean(axis=0) - e[n:].mean(axis=0), e[n:].std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Reach(change, change / spread, p, corrected, alpha)


def _rate_before(trials: Trials) -> np.ndarray:
    """Return the rates (trial, region) before the onset; 0 where nothing is recorded of it."""
    if trials.before_ms == 0:
        return np.zeros((trials.n, trials.rate_Hz.shape[2]))
    return trials.mean(-trials.before_ms, 0.0)


def _slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the slope (region,) of y on x, which has no mean, both (trial, region)."""
    power = (x**2).sum(axis=0)
    return (x * y).sum(axis=0) / np.where(power > 0, power, 1.0)


def by_lobe(
    responded: np.ndarray, lobes: Sequence[str], source: Sequence[int] | np.ndarray
) -> dict[str, tuple[int, int]]:
    """Return for each lobe how many of its regions respond, and of how many; source left out."""
    others = np.setdiff1d(np.arange(len(lobes)), source)
    lobe, answer = np.asarray(lobes)[others], responded[others]
    return {
        name: (int(answer[lobe == name].sum()), int((lobe == name).sum()))
        for name in dict.fromkeys(lobe.tolist())
    }


def course_Hz(pulses: Trials, shams: Trials) -> np.ndarray:
    """Return the evoked rate (time, region): mean of pulses less that of shams."""
    _same_trials(pulses, shams)
    return pulses.rate_Hz.mean(axis=0) - shams.rate_Hz.mean(axis=0)


# ---- how strongly -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Attenuation:
    """A response relative to its source along a coordinate (distance, delay, rank, hierarchy).

    relative (region,): response over the mean of the source regions
    far: median of the third of the regions that lies farthest
    length: coordinate over which the response falls to 1/e, by least squares; inf where it does not
    rho: Spearman's, of response and coordinate
    """

    relative: np.ndarray
    far: float
    length: float
    rho: float


def attenuation(
    response_Hz: np.ndarray, source: Sequence[int] | np.ndarray, coordinate: np.ndarray
) -> Attenuation:
    """Return how a response (region,) fades from its source along a coordinate (region,).

    Regions whose coordinate is not finite are left out of all but ``relative``. Raises ValueError
    if the source does not respond.
    """
    at_source = float(response_Hz[np.asarray(source, int)].mean())
    if not at_source > 0:
        raise ValueError(f"response of the source is {at_source:g} Hz; expected above 0")
    relative, x = response_Hz / at_source, np.asarray(coordinate, float)
    use = np.isfinite(x) & np.isfinite(relative)
    use[np.asarray(source, int)] = False
    y, x = relative[use], x[use]
    decay = np.exp(-(x - x.min()) / LENGTHS[:, None])
    amplitude = (decay @ y) / (decay**2).sum(axis=1)
    error = ((y - amplitude[:, None] * decay) ** 2).sum(axis=1)
    best = int(error.argmin())
    length = np.inf if best == LENGTHS.size - 1 else float(LENGTHS[best])
    far = float(np.median(y[x >= np.quantile(x, 2 / 3)]))
    return Attenuation(relative, far, length, rank_correlation(y, x))


# ---- how fast -----------------------------------------------------------------------------------


def tract_delay_ms(
    connectome: Connectome, source: Sequence[int] | np.ndarray, velocity_mm_per_ms: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return conduction delays (region,) from the nearest source: direct, and by the fastest path.

    Direct is fibre length over velocity (nan without a fibre); a path may pass through any regions,
    and costs its fibres alone. Raises ValueError without fibre lengths.
    """
    from scipy.sparse.csgraph import dijkstra

    if connectome.lengths_mm is None:
        raise ValueError(
            f"{connectome.name!r} has no fibre lengths; a latency has nothing to be compared with"
        )
    delay = np.where(connectome.weights > 0, connectome.lengths_mm, 0.0) / velocity_mm_per_ms
    source = np.asarray(source, int)
    direct = np.where(delay > 0, delay, np.inf)[:, source].min(axis=1)
    direct[source] = 0.0
    fastest = dijkstra(delay.T, indices=source).min(axis=0)  # csgraph reads [source, target]
    return tuple(np.where(np.isfinite(d), d, np.nan) for d in (direct, fastest))  # type: ignore[return-value]


def latency_ms(
    course: np.ndarray,
    bin_ms: float,
    before_ms: float,
    *,
    fraction: float = HALF,
    until_ms: float = WINDOW_MS[1],
    smooth_ms: float = SMOOTH_MS,
) -> np.ndarray:
    """Return when evoked rates (time, region) first reach a fraction of their own peak (region,).

    Time is from the onset; the course is smoothed by a Gaussian, which shifts no flank, and read
    between bins linearly. nan where no rate rises, or where it is above from the start.
    """
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(course, smooth_ms / bin_ms, axis=0)
    # A flank that smoothing has carried over the onset still counts.
    first = max(0, round((before_ms - 2 * smooth_ms) / bin_ms))
    stop = round((before_ms + until_ms) / bin_ms)
    smooth = smooth[first:stop]
    level = fraction * smooth.max(axis=0)
    above = smooth >= level
    i = above.argmax(axis=0)
    column = np.arange(course.shape[1])
    low, high = smooth[i - 1, column], smooth[i, column]
    with np.errstate(divide="ignore", invalid="ignore"):
        at = (first + i - 0.5 + (level - low) / (high - low)) * bin_ms - before_ms
    return np.where((i > 0) & (level > 0), at, np.nan)


class Correlation(NamedTuple):
    """A rank correlation with its bootstrap interval and its p under permutation; n regions."""

    rho: float
    low: float
    high: float
    p: float
    n: int


def latency_correlation(
    courses: np.ndarray,
    bin_ms: float,
    before_ms: float,
    delay_ms: np.ndarray,
    members: np.ndarray,
    *,
    n_bootstrap: int = N_BOOTSTRAP,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Correlation:
    """Return Spearman's rho of latency and delay (region,) over the regions ``members``.

    courses (sample, time, region) are averaged; p is a permutation over regions. The interval is a
    bootstrap over samples (seeds, or trials); it lies low, as a sample that is drawn twice averages
    no noise away. nan with fewer than `FEWEST` regions.
    """
    use = np.flatnonzero(np.asarray(members) & np.isfinite(delay_ms))
    courses, delay_ms, n = courses[:, :, use], np.asarray(delay_ms)[use], len(courses)

    def latency(drawn: np.ndarray) -> np.ndarray:
        return latency_ms(courses[drawn].mean(axis=0), bin_ms, before_ms)

    found, low, high = latency(np.arange(n)), np.nan, np.nan
    if n > 1 and use.size >= FEWEST:
        stream = rng.stream(seed, "propagation", "latency")
        drawn = [stream.integers(0, n, n) for _ in range(n_bootstrap)]
        tail = 100 * (1 - LEVEL) / 2
        rhos = [rank_correlation(latency(d), delay_ms) for d in drawn]
        low, high = np.nanpercentile(rhos, [tail, 100 - tail])
    return Correlation(
        rank_correlation(found, delay_ms),
        float(low),
        float(high),
        rank_correlation_p(found, delay_ms, n_permutations=n_permutations, seed=seed),
        int(np.isfinite(found).sum()),
    )


# ---- to whom ------------------------------------------------------------------------------------


def rank_correlation(a: np.ndarray, b: np.ndarray, given: np.ndarray | None = None) -> float:
    """Return Spearman's correlation over what is finite, or its partial one ``given`` a third.

    nan with fewer than `FEWEST` pairs, or where one never changes.
    """
    columns = [np.asarray(v, float) for v in (a, b, given) if v is not None]
    use = np.isfinite(columns).all(axis=0)
    if use.sum() < FEWEST:
        return np.nan
    x, y, *third = (v[use] for v in columns)
    r = spearman(x, y)
    if not third:
        return r
    of_x, of_y = spearman(x, third[0]), spearman(y, third[0])
    left = (1 - of_x**2) * (1 - of_y**2)
    return (r - of_x * of_y) / np.sqrt(left) if left > 1e-12 else np.nan


def rank_correlation_p(
    a: np.ndarray, b: np.ndarray, *, n_permutations: int = N_PERMUTATIONS, seed: int = 0
) -> float:
    """Return the two-sided p of `rank_correlation` under permutation; nan where that is nan."""
    from scipy.stats import rankdata

    if not np.isfinite(rank_correlation(a, b)):
        return np.nan
    use = np.isfinite(a) & np.isfinite(b)
    x, y = (rankdata(np.asarray(v)[use]) for v in (a, b))
    x, y = x - x.mean(), y - y.mean()
    stream = rng.stream(seed, "propagation", "rank correlation")
    shuffled = stream.permuted(np.tile(x, (n_permutations, 1)), axis=1) @ y
    count = int((np.abs(shuffled) >= abs(x @ y) * (1 - 1e-9)).sum())
    return (1 + count) / (1 + n_permutations)


# ---- what is known of it there ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Decoding:
    """How well each region tells which stimulus came, all of trials left out.

    recall (class, region): share of the trials of a class that are recognised, classes sorted
    accuracy (region,): of all trials; p, p_corrected (region,): by shuffled labels, over regions
    chance: the accuracy of always naming the commonest class
    """

    recall: np.ndarray
    accuracy: np.ndarray
    p: np.ndarray
    p_corrected: np.ndarray
    chance: float


def decode(
    features: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    *,
    n_folds: int = N_FOLDS,
    n_shuffles: int = N_SHUFFLES,
    seed: int = 0,
) -> Decoding:
    """Return how well the activity of each region tells the stimuli apart, by cross-validation.

    features (trial, region, feature), such as rates in successive windows; labels (trial,). A trial
    left out is given to the nearest class mean of the others, features in units of their standard
    deviation within classes (linear discriminant analysis with a diagonal covariance). Folds hold
    as many of each class as can be. p compares with the same of shuffled labels.

    Raises ValueError for one class only, or fewer trials of a class than folds.
    """
    classes, label, count = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    if classes.size < 2 or count.min() < n_folds:
        raise ValueError(
            f"{classes.size} stimuli with {count.tolist()} trials; expected at least 2 stimuli, "
            f"with {n_folds} trials each (one a fold)"
        )
    stream = rng.stream(seed, "propagation", "decode")
    x = features - features.mean(axis=0)
    share = count / count.sum()
    recall = _recall(x, label, classes.size, n_folds, stream)
    beaten = np.zeros(x.shape[1])
    for _ in range(n_shuffles):
        shuffled = _recall(x, stream.permutation(label), classes.size, n_folds, stream)
        beaten += share @ shuffled >= share @ recall - 1e-9
    p = (1 + beaten) / (1 + n_shuffles)
    return Decoding(recall, share @ recall, p, benjamini_hochberg(p), float(share.max()))


def _recall(
    x: np.ndarray, label: np.ndarray, n_classes: int, n_folds: int, stream: np.random.Generator
) -> np.ndarray:
    """Return the share of trials left out that are recognised (class, region)."""
    order = stream.permutation(label.size)
    order = order[np.argsort(label[order], kind="stable")]  # by class, at random within
    fold = np.empty(label.size, int)
    fold[order] = np.arange(label.size) % n_folds
    hit = np.empty((label.size, x.shape[1]), bool)
    for k in range(n_folds):
        member = (label[:, None] == np.arange(n_classes)) & (fold != k)[:, None]
        weight = member / member.sum(axis=0)
        means = np.einsum("tc,trf->crf", weight, x)
        train, test = fold != k, fold == k
        variance = ((x[train] - means[label[train]]) ** 2).mean(axis=0) + 1e-12
        distance = (((x[test][:, None] - means) ** 2) / variance).sum(axis=3)
        hit[test] = distance.argmin(axis=1) == label[test][:, None]
    return np.array([hit[label == c].mean(axis=0) for c in range(n_classes)])


# ---- what is left -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rest:
    """What is left at the end of trials: mean rate over that of shams, and the strangest region.

    ``worst`` is the largest distance of a region's mean from its spontaneous mean, in standard
    deviations of single spontaneous windows; ``returned`` says that it is within `REST_SD`.
    """

    ratio: float
    worst: float

    @property
    def returned(self) -> bool:
        """Whether every region is back."""
        return self.worst < REST_SD


def rest(pulses: Trials, shams: Trials, last_ms: float) -> Rest:
    """Return how far the last ``last_ms`` of trials with a pulse are from those of shams."""
    _same_trials(pulses, shams)
    late, spontaneous = (t.mean(t.stop_ms - last_ms, t.stop_ms) for t in (pulses, shams))
    distance = np.abs(late.mean(axis=0) - spontaneous.mean(axis=0))
    spread = spontaneous.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = np.where(distance > 0, distance / spread, 0.0).max()
        return Rest(float(late.mean() / spontaneous.mean()), float(worst))


class Survival(NamedTuple):
    """How many of n brains are back at rest, with the exact (Clopper-Pearson) 95 % interval."""

    n_returned: int
    n: int
    low: float
    high: float


def survival(returned: Sequence[bool] | np.ndarray) -> Survival:
    """Return how many brains (seed,) came back to rest."""
    from scipy.stats import binomtest

    k, n = int(np.sum(returned)), len(returned)
    interval = binomtest(k, n).proportion_ci(LEVEL, method="exact")
    return Survival(k, n, float(interval.low), float(interval.high))


def _same_trials(pulses: Trials, shams: Trials) -> None:
    a, b = ((t.rate_Hz.shape[1:], t.bin_ms, t.before_ms) for t in (pulses, shams))
    if a != b:
        raise ValueError(
            f"pulses have {a[0][0]} bins of {a[1]:g} ms in {a[0][1]} regions, {a[2]:g} ms before "
            f"the onset, and shams {b[0][0]} of {b[1]:g} ms in {b[0][1]}, {b[2]:g} ms; expected "
            "the same: cut both alike"
        )
