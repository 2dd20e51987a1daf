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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis.statistics import Comparison
from encephagen.brain.cortex import tau_m_by_region_ms
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import spatial_null
from encephagen.experiments import design
from encephagen.experiments.brains import Ended, Values
from encephagen.experiments.design import REAL, Arm
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.prepare import chosen_recipe
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.experiments.studies.timescale_gradient.brain import (
    FITTED,
    PIECE_MS,
    SIGNALS,
    timescales,
)
from encephagen.units import MS_PER_S
from encephagen.validation.evidence import MIN_REGIONS, along_map
from encephagen.validation.targets import TARGETS, Row, Verdict, judge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A hierarchy of timescales, r = -0.445 (claim A of the first encephagen: the parameter tau_m "
    "against firing rates; no timescale was measured, and smooth maps were no matter)."
)
ALONE = (REAL, "isolated", "alike")
"""Arms of one kind of brain, of which seeds are averaged; in the others every run differs."""

N_BOOTSTRAP = 1000
LONGER_UP = TARGETS["timescale_r"]
BEYOND_CHANCE = TARGETS["timescale_p"]


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 25 minutes on two cores.

    dataset             connectome, by name or path
    seeds               of each of the real wiring, of isolated regions, and of regions alike
    nulls               surrogate maps for tau_m, and wirings of each rung, one seed each
    rungs               kinds of null wirings
    recipe              a TOML file; None is the shipped recipe
    seconds             recorded
    settle_s            thrown away before
    maps                surrogate maps that r is compared with
    neurons_per_region  of every brain
    rounds, round_s     of the calibration: how many, and how long each
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
            neurons_per_region=25,
            rounds=1,
            round_s=0.2,
        )


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError if no brain of the real wiring can be measured."""
    connectome = load(config.dataset)
    maps, _ = spatial_null(connectome.t1w_t2w, connectome, max(config.maps, config.nulls))
    recipe = chosen_recipe(config.recipe, config.neurons_per_region, config.dataset)
    made_of = _arms(config, connectome, recipe, maps)
    arms = {arm: _runs(config, runner, arm, own) for arm, own in made_of.items()}
    design.check_enough(arms[REAL], least=1)
    study = _Study(connectome, maps[: config.maps], made_of, arms)
    compared = {arm: study.against(arm) for arm in ("surrogate", *config.rungs)}
    signals = {
        name: {
            **study.signal(name),
            "against": {
                arm: found[name].as_dict() if name in found else None
                for arm, found in compared.items()
            },
        }
        for name in SIGNALS
    }
    fitted = study.along(study.log_tau(FITTED, REAL))
    n_alarms = {name: sum(len(run["alarms"]) for run in arm.runs) for name, arm in arms.items()}
    values = {
        **signals,
        FITTED: fitted,
        "tau_m_against_rate_r": study.claimed_r(recipe),
        **design.lost(arms),
        "alarms": n_alarms,
    }
    return Result(
        values=values,
        verdict=verdict(values),
        rows=(
            *(row for name in SIGNALS for row in _rows(name, signals[name], arms, config)),
            _alone("field: r, exponential fit", fitted, arms[REAL]),
        ),
        data=study.data(),
    )


def _arms(
    config: Config,
    connectome: Connectome,
    recipe: Recipe,
    maps: np.ndarray,
) -> dict[str, list[Values]]:
    """Return what each run of each arm is made of: null, map of T1w/T2w, and recipe."""
    real = {"null": None, "myelin": None, "recipe": recipe.as_dict()}
    myelin = connectome.t1w_t2w
    everywhere = [float(myelin.mean())] * connectome.n
    isolated = recipe.replace(long_weight_pA=0.0)
    return {
        REAL: [real] * config.seeds,
        "isolated": [{**real, "recipe": isolated.as_dict()}] * config.seeds,
        "alike": [{**real, "myelin": everywhere}] * config.seeds,
        "surrogate": [
            {**real, "myelin": _ranked(other, myelin).tolist()} for other in maps[: config.nulls]
        ],
        **{rung: [{**real, "null": rung}] * config.nulls for rung in config.rungs},
    }


def _ranked(order: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values (region,) in the order of another map, so that every tau_m is there again."""
    return np.sort(values)[np.argsort(np.argsort(order))]


def _runs(config: Config, runner: Runner, arm: str, made_of: Sequence[Values]) -> Arm:
    """Return what `timescales` gave for the runs of an arm."""
    same = {
        "dataset": config.dataset,
        **{name: getattr(config, name) for name in ("rounds", "round_s", "seconds", "settle_s")},
    }
    todo = [{**one, **same, "seed": seed} for seed, one in enumerate(made_of)]
    return Arm(arm, runner.map(timescales, todo, label=arm))


class _Study:
    """Timescales of all runs that were measured, and the figures of a signal."""

    def __init__(
        self,
        connectome: Connectome,
        maps: np.ndarray,
        made_of: Mapping[str, Sequence[Values]],
        arms: Mapping[str, Arm],
    ) -> None:
        self.connectome, self.maps, self.arms = connectome, maps, arms
        self.myelin = connectome.t1w_t2w
        self.place = (self.myelin - self.myelin.mean()) / self.myelin.std()
        self.used = {
            name: np.array(
                [
                    one["myelin"] or self.myelin
                    for one, run in zip(made_of[name], arm.runs, strict=True)
                    if run["outcome"] == Ended.OK
                ]
            )
            for name, arm in arms.items()
        }

    def log_tau(self, signal: str, arm: str) -> np.ndarray:
        """Return the logarithm of tau in ms (run, region)."""
        tau_ms = self.arms[arm].column(lambda run: run[signal])
        return np.log(tau_ms.reshape(-1, self.connectome.n))

    def signal(self, signal: str) -> dict[str, Any]:
        """Return all figures of a signal, plain."""
        x = {arm: self.log_tau(signal, arm) for arm in ALONE}
        strength = np.log(self.connectome.weights.sum(axis=1))
        slope = {arm: self._slope(values) for arm, values in x.items()}
        return {
            **{arm: self.along(values) for arm, values in x.items()},
            "strength_r": _r(_mean(x[REAL]), strength),
            "slope": {**slope, "rest": slope[REAL] - slope["isolated"] - slope["alike"]},
            "gradient_share": self._share(x["isolated"], x[REAL]),
            "wiring_share": self._share(x["alike"], x[REAL]),
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
        """Return r of single runs of the real brain against those of an arm, by signal."""
        return design.against(
            {signal: self.each_r(signal, REAL) for signal in SIGNALS},
            {signal: self.each_r(signal, arm) for signal in SIGNALS},
        )

    def claimed_r(self, recipe: Recipe) -> float:
        """Return what the claim is of: r of the parameter tau_m with the rates."""
        rate_Hz = self.arms[REAL].column(lambda run: run["rate_Hz"]).mean(axis=0)
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
                for arm in self.arms
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
    if not all(map(len, arms)):
        return np.empty(0)
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


def _rows(name: str, found: Values, arms: Mapping[str, Arm], config: Config) -> tuple[Row, ...]:
    """Return the rows of a signal."""
    real, n_seeds = found[REAL], arms[REAL].n
    where = f"{real['n_regions']} regions, mean over seeds"

    def share(key: str, what: str) -> Row:
        own = found[key]
        return judge(
            f"{name}: share of {what}",
            own["value"],
            interval=own["interval"],
            n=n_seeds,
            note="of the slope of log tau along T1w/T2w",
        )

    def beside(arm: str, what: str) -> Row:
        own = found["against"][arm]
        nulls = [] if own is None else own["nulls"]
        return judge(
            f"{name}: r, {what}",
            float(np.mean(nulls)) if nulls else None,
            n=len(nulls),
            otherwise=Verdict.BASELINE,
            note=design.joined(
                "" if own is None else f"single runs; {own['sentence']}", arms[arm].lost
            ),
        )

    return (
        judge(f"{name}: tau", real["tau_ms"], n=n_seeds, unit="ms", note="median of regions"),
        judge(
            f"{name}: r",
            real["r"],
            interval=real["interval"],
            n=n_seeds,
            target=LONGER_UP,
            note=design.joined(where, arms[REAL].lost),
        ),
        judge(f"{name}: p", real["p"], n=config.maps, target=BEYOND_CHANCE),
        _alone(f"{name}: r, regions isolated", found["isolated"], arms["isolated"]),
        _alone(f"{name}: r, regions alike", found["alike"], arms["alike"]),
        share("gradient_share", "the gradient alone"),
        share("wiring_share", "the wiring alone"),
        beside("surrogate", "surrogate maps set tau_m"),
        *(beside(rung, rung) for rung in config.rungs),
    )


def _alone(name: str, found: Values, arm: Arm) -> Row:
    """Return the row of an r that nothing is asked of."""
    return judge(
        name,
        found["r"],
        interval=found["interval"],
        n=arm.n,
        otherwise=Verdict.BASELINE,
        note=design.joined("" if found["p"] is None else f"p {found['p']:.2g}", arm.lost),
    )


def verdict(signals: Values) -> str:
    """Return what the figures come to."""

    def falls(name: str) -> str:
        real = signals[name][REAL]
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
            if any(np.isfinite(d[f"tau_{signal}_{arm}"]).any() for arm in colours):
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
