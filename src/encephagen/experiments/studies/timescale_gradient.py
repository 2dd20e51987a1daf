"""Timescales along the hierarchy: measured, and how much of them the gradient of tau_m gives.

The recipe sets tau_m by T1w/T2w; that a timescale follows T1w/T2w is then no surprise, and the
question is what else there is. So the same brain is run in which regions are isolated (the gradient
alone), in which all regions are alike (the wiring alone), with tau_m along surrogate maps, and on
null wirings; each at the same rates. Timescales are measured of three signals:

- field: the mean membrane potential of the excitatory neurons of a region, a proxy of the field
  potential whose timescale follows T1w/T2w in people (Gao et al. 2020, doi 10.7554/eLife.61277);
- shared: what halves of those neurons have in common, which is all that would be left of the field
  if there were as many neurons as under an electrode;
- counts: spikes of the excitatory neurons in bins, as Murray et al. 2014 (doi 10.1038/nn.3862).

Counts have the shot noise of single spikes, so an exponential is fitted to their autocorrelation.
Potentials have none: theirs is the time in which the autocovariance falls to 1/e, no fit needed;
that of the exponential is told beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis.rates import binned_rate
from encephagen.analysis.statistics import Comparison, compare, joint_family
from encephagen.analysis.timescales import timescale
from encephagen.brain.cortex import tau_m_by_region_ms
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import spatial_null
from encephagen.engine.session import Session
from encephagen.experiments.prepare import chosen_recipe, tuned, wiring
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.validation.evidence import MIN_REGIONS, along_map
from encephagen.validation.targets import TARGETS, Row, Verdict, judge
from encephagen.working_point.whole import whole_brain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

CLAIM = (
    "A hierarchy of timescales, r = -0.445 (claim A of the first encephagen: the parameter tau_m "
    "against firing rates; no timescale was measured, and smooth maps were no matter)."
)
SIGNALS = ("field", "shared", "counts")
FITTED = "field_fitted"
"""The field again, by the exponential that is fitted to counts."""
ALONE = ("real", "isolated", "alike")
"""Arms of one kind of brain, of which seeds are averaged; in the others every run differs."""

FIELD_MS = 2.0
"""Step of the field: a fifth of the shortest tau_m (free)."""
PIECE_MS = 2000.0
"""Brain time recorded at once, as potentials of all neurons are large (free)."""
LONGEST_MS = 200.0
"""Longest lag at which a potential may have decayed (free)."""
N_BOOTSTRAP = 1000
LONGER_UP = TARGETS["timescale_r"]
BEYOND_CHANCE = TARGETS["timescale_p"]


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 25 minutes on two cores.

    seeds             of each of the real wiring, of isolated regions, and of regions alike
    nulls             surrogate maps for tau_m, and wirings of each rung, one seed each
    rungs             kinds of null wirings
    recipe            a TOML file; None is the shipped recipe
    seconds, settle_s recorded, after what is thrown away
    maps              surrogate maps that r is compared with
    rounds, round_s   of the calibration
    """

    dataset: str = "hcp-aal2"
    seeds: int = 10
    nulls: int = 20
    rungs: tuple[str, ...] = ("weight-shuffle", "strength")
    recipe: str | None = None
    seconds: float = 60.0
    settle_s: float = 3.0
    maps: int = 9999
    neurons_per_region: int = 200
    rounds: int = 5
    round_s: float = 4.0

    def __post_init__(self) -> None:
        if not self.seconds * MS_PER_S >= PIECE_MS:
            raise ValueError(
                f"seconds {self.seconds:g}: expected {PIECE_MS / MS_PER_S:g} or more, in which a "
                "timescale can be told"
            )

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return len(ALONE) * self.seeds + (1 + len(self.rungs)) * self.nulls

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(
            seeds=2,
            nulls=2,
            rungs=("weight-shuffle",),
            seconds=2.0,
            settle_s=0.2,
            maps=99,
            neurons_per_region=20,
            rounds=1,
            round_s=0.2,
        )


# ---- one brain ----------------------------------------------------------------------------------


def timescales(
    dataset: str,
    null: str | None,
    myelin: list[float] | None,
    recipe: dict[str, Any],
    seed: int,
    rounds: int,
    round_s: float,
    seconds: float,
    settle_s: float,
) -> dict[str, Any]:
    """Calibrate and run one brain; return tau (region,) in ms of each signal, and its rates.

    ``myelin`` stands in for T1w/T2w; ``seed`` is that of null, wiring and noise. ``stopped`` says
    that the engine stopped the brain; it has no timescales then.
    """
    connectome = _connectome(dataset, null, seed, myelin)
    original = None if null is None else load(dataset)
    numbers, point = tuned(
        connectome,
        Recipe.from_dict(recipe),
        seed,
        original=original,
        rounds=rounds,
        seconds=round_s,
    )
    network = build(whole_brain(connectome, numbers, point), seed=seed)
    session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
    session.advance(round(settle_s * MS_PER_S / network.dt_ms))
    rate_Hz, halves_mV, alarms, stopped = _watch(session, seconds)
    tau_ms = {signal: np.full(connectome.n, np.nan) for signal in (*SIGNALS, FITTED)}
    if not stopped:
        field_mV = halves_mV.mean("half")
        tau_ms = {
            "field": decay_ms(field_mV.values, field_mV.values, FIELD_MS),
            "shared": decay_ms(halves_mV.values[0], halves_mV.values[1], FIELD_MS),
            "counts": timescale(rate_Hz)["tau_ms"].values,
            FITTED: timescale(field_mV, bin_ms=FIELD_MS)["tau_ms"].values,
        }
    mean_Hz = rate_Hz.mean("time_ms").values
    return {**tau_ms, "rate_Hz": mean_Hz, "alarms": alarms, "stopped": stopped}


def decay_ms(one: np.ndarray, other: np.ndarray, step_ms: float) -> np.ndarray:
    """Return the time (region,) in which the covariance of signals (time, region) falls to 1/e.

    Of a signal with itself, it is the signal's timescale. Of means over two halves of the neurons,
    it is that of what they share: what a neuron does alone is in one half and adds nothing on
    average, as in a mean over endlessly many. nan where it has not fallen within `LONGEST_MS`.
    """
    n, n_lags = len(one), round(LONGEST_MS / step_ms)
    a, b = (np.fft.rfft(x - x.mean(axis=0), 2 * n, axis=0) for x in (one, other))
    # The real part is the mean over positive and negative lags.
    products = np.fft.irfft((a * b.conj()).real, axis=0)[: n_lags + 1]
    covariance = products / (n - np.arange(len(products)))[:, None]
    tau_ms = np.full(one.shape[1], np.nan)
    for region, c in enumerate(covariance.T):
        fallen = np.flatnonzero(c < c[0] / np.e)
        if c[0] > 0 and fallen.size:
            k = fallen[0]
            tau_ms[region] = step_ms * (k - 1 + (c[k - 1] - c[0] / np.e) / (c[k - 1] - c[k]))
    return tau_ms


def _connectome(
    dataset: str, null: str | None, seed: int, myelin: list[float] | None
) -> Connectome:
    """Return a wiring, with another map in place of T1w/T2w if one is given."""
    connectome = wiring(dataset, null, seed)
    if myelin is None:
        return connectome
    pairs = zip(connectome.regions, myelin, strict=True)
    return replaced(connectome, regions=tuple(replaced(r, t1w_t2w=value) for r, value in pairs))


def _watch(
    session: Session, seconds: float
) -> tuple["xr.DataArray", "xr.DataArray", list[str], bool]:
    """Return rates in Hz, potentials in mV, alarms, and whether the engine stopped the brain.

    Rates (time_ms, region) and potentials (half, time_ms, region) are means over the excitatory
    neurons of a region; potentials over the even and over the odd ones.
    """
    import xarray as xr

    names = [region.name for region in session.network.regions]
    neurons = session.neurons(population="E")
    probe = Probe(spikes=False, voltage=tuple(neurons.tolist()), voltage_every_ms=FIELD_MS)
    rates, halves, alarms, stopped = [], [], [], False
    for _ in range(round(seconds * MS_PER_S / PIECE_MS)):
        piece = session.record(PIECE_MS, probe=probe)
        alarms += [str(alarm) for alarm in piece.alarms]
        rates.append(binned_rate(piece).sel(population="E", drop=True))
        # The neurons of a region stand together, as many in each.
        v_mV = piece.data["v_mV"].values.reshape(-1, len(names), neurons.size // len(names))
        halves.append(np.stack([v_mV[..., k::2].mean(axis=-1) for k in (0, 1)]))
        if stopped := piece.interrupted:
            break
    mean_mV = np.concatenate(halves, axis=1)
    time_ms = FIELD_MS * np.arange(mean_mV.shape[1])
    return (
        xr.concat(rates, "time_ms").transpose("time_ms", "region"),
        xr.DataArray(mean_mV, {"time_ms": time_ms, "region": names}, ("half", "time_ms", "region")),
        list(dict.fromkeys(alarms)),
        stopped,
    )


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study."""
    connectome = load(config.dataset)
    myelin = np.array([np.nan if r.t1w_t2w is None else r.t1w_t2w for r in connectome.regions])
    maps, _ = spatial_null(myelin, connectome, max(config.maps, config.nulls))
    recipe = chosen_recipe(config.recipe, config.neurons_per_region)
    arms = _arms(config, connectome, recipe, myelin, maps)
    runs = {arm: _runs(config, runner, arm, own) for arm, own in arms.items()}
    study = _Study(config, connectome, maps[: config.maps], arms, runs)
    against = {arm: study.against(arm) for arm in ("surrogate", *config.rungs)}
    signals = {
        name: {
            **study.signal(name),
            "against": {
                arm: found[name].as_dict() if name in found else None
                for arm, found in against.items()
            },
        }
        for name in SIGNALS
    }
    fitted = study.along(study.log_tau(FITTED, "real"))
    alarms = {arm: sum(len(run["alarms"]) for run in found) for arm, found in runs.items()}
    return Result(
        values={
            **signals,
            FITTED: fitted,
            "tau_m_against_rate_r": study.claimed_r(recipe),
            "alarms": alarms,
        },
        verdict=_verdict(signals),
        rows=(
            *(row for name in SIGNALS for row in _rows(name, signals[name], config)),
            _alone("field: r, exponential fit", fitted, config.seeds),
        ),
        data=study.data(),
    )


def _arms(
    config: Config,
    connectome: Connectome,
    recipe: Recipe,
    myelin: np.ndarray,
    maps: np.ndarray,
) -> dict[str, list[dict[str, Any]]]:
    """Return what each run of each arm is made of: null, map of T1w/T2w, and recipe."""
    real = {"null": None, "myelin": None, "recipe": recipe.as_dict()}
    middle_ms = float(np.mean(tau_m_by_region_ms(connectome, recipe)))
    alike = recipe.replace(tau_m_min_ms=middle_ms, tau_m_max_ms=middle_ms, recurrent_gradient=0.0)
    isolated = recipe.replace(long_weight_pA=0.0)
    return {
        "real": [real] * config.seeds,
        "isolated": [{**real, "recipe": isolated.as_dict()}] * config.seeds,
        "alike": [{**real, "recipe": alike.as_dict()}] * config.seeds,
        "surrogate": [
            {**real, "myelin": _ranked(other, myelin).tolist()} for other in maps[: config.nulls]
        ],
        **{rung: [{**real, "null": rung}] * config.nulls for rung in config.rungs},
    }


def _ranked(order: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values (region,) in the order of another map, so that every tau_m is there again."""
    return np.sort(values)[np.argsort(np.argsort(order))]


def _runs(
    config: Config, runner: Runner, arm: str, made_of: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return what `timescales` gave for the runs of an arm."""
    same = {
        "dataset": config.dataset,
        **{name: getattr(config, name) for name in ("rounds", "round_s", "seconds", "settle_s")},
    }
    todo = [{**one, **same, "seed": seed} for seed, one in enumerate(made_of)]
    return runner.map(timescales, todo, label=arm)


class _Study:
    """Timescales of all runs, and the figures of a signal."""

    def __init__(
        self,
        config: Config,
        connectome: Connectome,
        maps: np.ndarray,
        arms: dict[str, list[dict[str, Any]]],
        runs: dict[str, list[dict[str, Any]]],
    ) -> None:
        self.config, self.connectome, self.maps, self.runs = config, connectome, maps, runs
        self.myelin = np.array([region.t1w_t2w for region in connectome.regions], float)
        self.place = (self.myelin - self.myelin.mean()) / self.myelin.std()
        self.used = {
            arm: np.array([one["myelin"] or self.myelin for one in own])
            for arm, own in arms.items()
        }

    def log_tau(self, signal: str, arm: str) -> np.ndarray:
        """Return the logarithm of tau in ms (run, region)."""
        return np.log([run[signal] for run in self.runs[arm]])

    def signal(self, signal: str) -> dict[str, Any]:
        """Return all figures of a signal, plain."""
        x = {arm: self.log_tau(signal, arm) for arm in ALONE}
        strength = np.log(self.connectome.weights.sum(axis=1))
        slope = {arm: self._slope(values) for arm, values in x.items()}
        return {
            **{arm: self.along(values) for arm, values in x.items()},
            "strength_r": _r(_mean(x["real"]), strength),
            "slope": {**slope, "rest": slope["real"] - slope["isolated"] - slope["alike"]},
            "gradient_share": self._share(x["isolated"], x["real"]),
            "wiring_share": self._share(x["alike"], x["real"]),
            "surrogate_t1w_t2w_r": _finite_mean(
                [_r(x, self.myelin) for x in self.log_tau(signal, "surrogate")]
            ),
        }

    def along(self, log_tau: np.ndarray) -> dict[str, Any]:
        """Return tau, and r of its mean over seeds with T1w/T2w, beside surrogate maps."""
        import xarray as xr

        tau_ms = np.exp(_mean(log_tau))
        known = np.isfinite(tau_ms)
        found: dict[str, Any] = {
            "tau_ms": float(np.median(tau_ms[known])) if known.any() else None,
            "n_regions": int(known.sum()),
            "r": None,
            "interval": None,
            "p": None,
        }
        if known.sum() < MIN_REGIONS:
            return found
        array = xr.DataArray(tau_ms, {"region": list(self.connectome.names)}, ("region",))
        along = along_map(array, self.connectome, self.maps)
        drawn = _drawn(lambda x: _r(_mean(x), self.myelin), log_tau)
        return {**found, "r": along.r, "interval": _about(along.r, drawn), "p": along.p}

    def _slope(self, log_tau: np.ndarray) -> float:
        """Return by how much log tau changes with a standard deviation of T1w/T2w."""
        y = _mean(log_tau)
        known = np.isfinite(y)
        if known.sum() < MIN_REGIONS:
            return float("nan")
        x = self.place[known] - self.place[known].mean()
        return float(x @ y[known] / (x @ x))

    def _share(self, part: np.ndarray, whole: np.ndarray) -> dict[str, Any]:
        """Return the slope of an arm over that of the real brain, with its interval over seeds."""

        def ratio(a: np.ndarray, b: np.ndarray) -> float:
            return self._slope(a) / (self._slope(b) or float("nan"))

        drawn = _drawn(ratio, part, whole)
        interval = np.percentile(drawn, (2.5, 97.5)).tolist() if drawn.size else None
        return {"value": ratio(part, whole), "interval": interval}

    def each_r(self, signal: str, arm: str) -> np.ndarray:
        """Return r (run,) of log tau with the map that set tau_m, in each run alone."""
        pairs = zip(self.log_tau(signal, arm), self.used[arm], strict=True)
        return np.array([_r(x, along) for x, along in pairs])

    def against(self, arm: str) -> dict[str, Comparison]:
        """Return r of single runs of the real brain against those of an arm, by signal.

        Corrected together. Brains that the engine stopped are left out, and so is a signal of which
        a run has no r.
        """
        measured = [i for i, run in enumerate(self.runs[arm]) if not run["stopped"]]
        r = {s: (self.each_r(s, "real"), self.each_r(s, arm)[measured]) for s in SIGNALS}
        known = {s: pair for s, pair in r.items() if np.isfinite(np.concatenate(pair)).all()}
        if len(measured) < 2 or not known:
            return {}
        return joint_family(
            {s: compare(real.tolist(), others.tolist()) for s, (real, others) in known.items()}
        )

    def claimed_r(self, recipe: Recipe) -> float:
        """Return what the claim is of: r of the parameter tau_m with the rates."""
        rate_Hz = np.mean([run["rate_Hz"] for run in self.runs["real"]], axis=0)
        return _r(np.array(tau_m_by_region_ms(self.connectome, recipe)), rate_Hz)

    def data(self) -> dict[str, np.ndarray]:
        """Return what the pictures show."""
        return {
            "t1w_t2w": self.myelin,
            **{
                f"tau_{signal}_{arm}": np.exp(_mean(self.log_tau(signal, arm)))
                for signal in SIGNALS
                for arm in ALONE
            },
            **{
                f"r_{signal}_{arm}": self.each_r(signal, arm)
                for signal in SIGNALS
                for arm in self.runs
            },
        }


def _mean(log_tau: np.ndarray) -> np.ndarray:
    """Return the mean (region,) over the runs that have a timescale, nan where none has."""
    n = np.isfinite(log_tau).sum(axis=0)
    return np.where(n > 0, np.nansum(log_tau, axis=0) / np.maximum(n, 1), np.nan)


def _r(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's r over the regions that have both; nan under `MIN_REGIONS`."""
    use = np.isfinite(x) & np.isfinite(y)
    if use.sum() < MIN_REGIONS or np.ptp(x[use]) == 0:
        return float("nan")
    return float(np.corrcoef(x[use], y[use])[0, 1])


def _drawn(figure: Callable[..., float], *arms: np.ndarray) -> np.ndarray:
    """Return a figure of arms (run, ...) whose runs are drawn again; empty if it is often nan."""
    stream = rng.stream(0, "timescale gradient", "bootstrap")
    draws = np.array(
        [figure(*(x[stream.integers(0, len(x), len(x))] for x in arms)) for _ in range(N_BOOTSTRAP)]
    )
    known = draws[np.isfinite(draws)]
    return known if known.size > N_BOOTSTRAP // 2 else np.empty(0)


def _about(r: float, draws: np.ndarray) -> list[float] | None:
    """Return the 95 % interval of r, symmetric in Fisher's z.

    The percentiles would not do: a mean over seeds that were drawn twice is noisier, its r lower.
    """
    if not draws.size or abs(r) >= 1:
        return None
    half = 1.96 * float(np.arctanh(draws).std())
    return np.tanh([np.arctanh(r) - half, np.arctanh(r) + half]).tolist()


def _finite_mean(x: Sequence[float]) -> float | None:
    known = np.array(x)[np.isfinite(x)]
    return float(known.mean()) if known.size else None


def _rows(name: str, found: dict[str, Any], config: Config) -> tuple[Row, ...]:
    """Return the rows of a signal."""
    real = found["real"]
    n = f"{real['n_regions']} regions, mean over seeds"

    def share(key: str, what: str) -> Row:
        own = found[key]
        note = "of the slope of log tau along T1w/T2w"
        return judge(
            f"{name}: share of {what}",
            own["value"],
            interval=own["interval"],
            n=config.seeds,
            note=note,
        )

    def beside(arm: str, what: str) -> Row:
        own = found["against"][arm]
        if own is None:
            return judge(f"{name}: r, {what}", None, n=0)
        return judge(
            f"{name}: r, {what}",
            float(np.mean(own["nulls"])),
            n=len(own["nulls"]),
            otherwise=Verdict.BASELINE,
            note=f"single runs; {own['sentence']}",
        )

    return (
        judge(f"{name}: tau", real["tau_ms"], n=config.seeds, unit="ms", note="median of regions"),
        judge(
            f"{name}: r",
            real["r"],
            interval=real["interval"],
            n=config.seeds,
            target=LONGER_UP,
            note=n,
        ),
        judge(f"{name}: p", real["p"], n=config.maps, target=BEYOND_CHANCE),
        _alone(f"{name}: r, regions isolated", found["isolated"], config.seeds),
        _alone(f"{name}: r, regions alike", found["alike"], config.seeds),
        share("gradient_share", "the gradient alone"),
        share("wiring_share", "the wiring alone"),
        beside("surrogate", "surrogate maps set tau_m"),
        *(beside(rung, rung) for rung in config.rungs),
    )


def _alone(name: str, found: dict[str, Any], n_seeds: int) -> Row:
    """Return the row of an r that nothing is asked of."""
    note = "" if found["p"] is None else f"p {found['p']:.2g}"
    return judge(
        name,
        found["r"],
        interval=found["interval"],
        n=n_seeds,
        otherwise=Verdict.BASELINE,
        note=note,
    )


def _verdict(signals: dict[str, dict[str, Any]]) -> str:
    """Return what the figures come to."""

    def falls(name: str) -> str:
        real = signals[name]["real"]
        if real["r"] is None:
            return "was not measured"
        shown = LONGER_UP.holds(real["r"]) and BEYOND_CHANCE.holds(real["p"])
        return f"{'falls' if shown else 'does not'} (r {real['r']:.2f}, p {real['p']:.2g})"

    def share(key: str) -> str:
        value, interval = (signals["field"][key][x] for x in ("value", "interval"))
        if interval is None:
            return "an unknown part"
        return f"{value:z.0%} ({interval[0]:z.0%} to {interval[1]:z.0%})"

    return (
        f"Along T1w/T2w, the timescale of the field {falls('field')}, that of what its neurons "
        f"share {falls('shared')}, that of spike counts {falls('counts')}; of the field's slope, "
        f"the gradient of tau_m alone gives {share('gradient_share')}, the wiring alone "
        f"{share('wiring_share')}."
    )


# ---- pictures -----------------------------------------------------------------------------------


def figures(result: Result) -> "dict[str, Figure]":
    """Return timescales along T1w/T2w, and r of single runs of every arm."""
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    d = result.data
    arms = [name.removeprefix("r_field_") for name in d if name.startswith("r_field_")]
    colours = {"real": style.SIMULATED, "isolated": style.INHIBITORY, "alike": "0.6"}
    with style.styled(7.2, 5.6) as figure:
        rows = figure.subplots(len(SIGNALS), 2, sharex="col")
        for (along, runs), signal in zip(rows, SIGNALS, strict=True):
            for arm, colour in colours.items():
                along.scatter(d["t1w_t2w"], d[f"tau_{signal}_{arm}"], 6, colour, label=arm)
            along.set_yscale("log")
            along.yaxis.set_major_formatter("{x:g}")
            along.yaxis.set_minor_formatter("{x:g}")
            along.set_ylabel("timescale (ms)")
            along.set_title(signal.capitalize())
            names = {arm.replace("-", " "): d[f"r_{signal}_{arm}"] for arm in arms}
            strip(runs, names, reference=0.0)
            runs.set_ylabel("r, single runs")
        rows[0][0].legend()
        rows[-1][0].set_xlabel("T1w/T2w")
    return {"timescales": figure}
