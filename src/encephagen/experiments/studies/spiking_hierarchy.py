"""Firing rates fall from sensory to prefrontal cortex.

The shipped brain gives each region the background at which all fire alike, so it has no hierarchy
of rates, by construction. Here every region gets the same background, and three questions are
asked. Is there the hierarchy, from sensory systems to prefrontal cortex and along T1w/T2w? Is it
more than any two smooth maps share (spatial nulls)? And where does it come from: the wiring, its
strengths alone (null wirings without and with them), or what the recipe gives each region by its
T1w/T2w (the real wiring, regions alike)?
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from encephagen.analysis.rates import region_rate
from encephagen.analysis.statistics import Comparison, map_p, t_interval
from encephagen.analysis.statistics import Verdict as Found
from encephagen.brain.spec import Brain, Population
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.nulls.proof import spearman
from encephagen.experiments import design
from encephagen.experiments.brains import Values, healthy, rested, told, wired, with_myelin
from encephagen.experiments.design import FEWEST, Arm, Condition, against, joined, table
from encephagen.experiments.prepare import at_least, chosen_recipe
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.validation.targets import Row, Target, Verdict, judge
from encephagen.working_point.point import with_background
from encephagen.working_point.whole import whole_brain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A spiking brain on the human connectome has a hierarchy of firing rates: sensory cortex fires "
    "at 12.4 Hz, prefrontal cortex at 7.5 Hz (claim 5 of the first encephagen)."
)
SENSORY = ("visual", "auditory", "somatosensory")
PREFRONTAL = ("frontal",)
REAL = "real wiring"
ALIKE = "regions alike"
SHIPPED = "as shipped"
MEASURES = (
    ("ratio", "Sensory / prefrontal", 1.0),
    ("rho", "Rank correlation", 0.0),
)
"""Name, title, and what it is without a hierarchy."""
FALLS = Target("ratio", 1.0, None, "", "claimed: sensory above prefrontal, 12.4 / 7.5 = 1.65")
RISES = Target("rho", 0.0, None, "", "claimed: most where myelin is most, in sensory cortex")
NUMBERS = ("dataset", "seconds", "settle_s", "neurons_per_region")
BEYOND_CHANCE = Target("p", None, 0.05, "", "free; the usual level")


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 15 minutes on two cores.

    dataset             connectome, by name or path
    seeds               of the real wiring, in each of three arms
    nulls               instances of each of null_kinds
    null_kinds          kinds of null wirings
    seconds             recorded
    settle_s            thrown away before
    maps                as smooth as T1w/T2w, but of nothing
    neurons_per_region  of every brain
    """

    dataset: str = "hcp-aal2"
    seeds: int = 10
    nulls: int = 40
    null_kinds: tuple[str, ...] = ("weight-shuffle", "strength")
    seconds: float = 10.0
    settle_s: float = 3.0
    maps: int = 9999
    neurons_per_region: int = 200

    def __post_init__(self) -> None:
        at_least(self, seeds=FEWEST, nulls=FEWEST)

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return 3 * self.seeds + self.nulls * len(self.null_kinds)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(
            seeds=2,
            nulls=2,
            null_kinds=("weight-shuffle",),
            seconds=0.5,
            settle_s=0.5,
            maps=99,
            neurons_per_region=60,
        )


@told
def rates(
    dataset: str,
    null: str | None,
    alike: bool,
    background_Hz: float | None,
    seed: int,
    seconds: float,
    settle_s: float,
    neurons_per_region: int,
) -> Values:
    """Run one brain: {"rate_Hz": excitatory rate (region,), "alarms"}.

    alike: every region has the same neurons and local connections, whatever its T1w/T2w.
    background_Hz: of the excitatory neurons of every region; None is as shipped.
    seed: of null, wiring, noise and initial state.
    """
    connectome = wired(dataset, null, seed)
    recipe = chosen_recipe(None, neurons_per_region, dataset)
    if alike:
        connectome = with_myelin(connectome, [float(connectome.t1w_t2w.mean())] * connectome.n)
    if background_Hz is not None:
        recipe = recipe.replace(rate_exc_Hz=0.0)
    brain = whole_brain(connectome, recipe, wiring_seed=seed)
    if background_Hz is not None:
        excitatory = _excitatory(brain)
        everywhere_Hz = np.full(len(brain.regions_of(excitatory.name)), background_Hz)
        brain = with_background(brain, excitatory.name, everywhere_Hz)
    session = rested(brain, seed, settle_s)
    recording = session.record(seconds * MS_PER_S, probe=Probe(spikes=False))
    return {
        "alarms": healthy(recording),
        "rate_Hz": region_rate(recording).sel(population=_excitatory(brain).name).values,
    }


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError if the real wiring runs away."""
    connectome = load(config.dataset)
    myelin = connectome.t1w_t2w
    maps, _ = spatial_null(myelin, connectome, config.maps)
    background_Hz = _median_background(config)
    arms = _arms(config, background_Hz, runner)
    design.check_enough(arms[REAL])
    rate_Hz = {
        name: arm.column(lambda r: r["rate_Hz"]).reshape(-1, myelin.size)
        for name, arm in arms.items()
    }
    groups = _groups(connectome)
    measures = _measures(rate_Hz, groups, myelin)
    compared = {
        kind: against(
            {name: x[REAL] for name, x in measures.items()},
            {name: x[kind] for name, x in measures.items()},
        )
        for kind in config.null_kinds
    }
    group_Hz = {name: rate_Hz[REAL][:, members].mean(axis=1) for name, members in groups.items()}
    mean_Hz = rate_Hz[REAL].mean(axis=0)
    p = map_p(spearman(mean_Hz, myelin), [spearman(mean_Hz, other) for other in maps])
    values: Values = {
        name: {arm: _mean(x) for arm, x in of_arm.items()}
        | {
            "interval": t_interval(of_arm[REAL]),
            "against": {kind: x[name].as_dict() for kind, x in compared.items() if x},
        }
        for name, of_arm in measures.items()
    }
    values["rho"]["spatial_p"] = p
    values["rate_Hz"] = {name: float(x.mean()) for name, x in group_Hz.items()}
    values["mean_rate_Hz"] = {arm: _mean(x) for arm, x in rate_Hz.items()}
    values["background_Hz"] = background_Hz
    values |= design.lost(arms)
    return Result(
        values=values,
        verdict=verdict(values),
        rows=(
            *_rows("ratio", measures["ratio"], FALLS, compared, arms),
            *_rows("rho", measures["rho"], RISES, compared, arms),
            judge("rho, p by spatial nulls", p, n=len(maps), target=BEYOND_CHANCE),
            *(_rate_row(arm, x) for arm, x in rate_Hz.items()),
            *(row for name, x in group_Hz.items() for row in table(name, {REAL: x}, unit="Hz")),
        ),
        data={
            "arms": np.array(list(rate_Hz)),
            **{f"{name} {arm}": x for name, xs in measures.items() for arm, x in xs.items()},
            "rate_Hz": mean_Hz,
            "t1w_t2w": myelin,
            "sensory": groups["sensory"],
            "prefrontal": groups["prefrontal"],
        },
    )


def _arms(config: Config, background_Hz: float, runner: Runner) -> dict[str, Arm]:
    """Return the runs of each arm of the study, nulls by their kind."""

    def given(alike: bool, Hz: float | None) -> Values:
        return {"alike": alike, "background_Hz": Hz}

    usual = given(False, background_Hz)
    conditions = [
        Condition(REAL, config.seeds, given=usual),
        Condition(ALIKE, config.seeds, given=given(True, background_Hz)),
        Condition(SHIPPED, config.seeds, given=given(False, None)),
        *(Condition(kind, config.nulls, kind, usual) for kind in config.null_kinds),
    ]
    same = {name: getattr(config, name) for name in NUMBERS}
    return design.perform(runner, rates, conditions, **same)


def _median_background(config: Config) -> float:
    """Return the median over regions of the background (Hz) that excitatory neurons have."""
    recipe = chosen_recipe(None, config.neurons_per_region, config.dataset)
    brain = whole_brain(load(config.dataset), recipe)
    excitatory = _excitatory(brain)
    by_region = dict(excitatory.by_region).get("rate_Hz", (excitatory.background.rate_Hz,))
    return float(np.median(by_region))


def _excitatory(brain: Brain) -> Population:
    """Return the one population that excites."""
    (excitatory,) = (p for p in brain.populations if p.excites)
    return excitatory


def _groups(connectome: Connectome) -> dict[str, np.ndarray]:
    """Return by name which regions (region,) are sensory, prefrontal, and of each system."""
    system = np.array([r.system for r in connectome.regions])
    groups = {"sensory": np.isin(system, SENSORY), "prefrontal": np.isin(system, PREFRONTAL)}
    each = {f"{name} system": system == name for name in dict.fromkeys(system.tolist())}
    return groups | each


def _measures(
    rate_Hz: dict[str, np.ndarray], groups: dict[str, np.ndarray], myelin: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """Return by measure and arm: sensory over prefrontal rate, rank correlation with T1w/T2w."""
    ratio = {
        arm: x[:, groups["sensory"]].mean(axis=1) / x[:, groups["prefrontal"]].mean(axis=1)
        for arm, x in rate_Hz.items()
    }
    rho = {arm: np.array([spearman(one, myelin) for one in x]) for arm, x in rate_Hz.items()}
    return {"ratio": ratio, "rho": rho}


def _rows(
    name: str,
    measure: Mapping[str, np.ndarray],
    target: Target,
    compared: Mapping[str, Mapping[str, Comparison]],
    arms: Mapping[str, Arm],
) -> list[Row]:
    """Return the rows of a measure: of the real wiring, and of what to compare it with."""
    told_of = {kind: found[name].sentence for kind, found in compared.items() if found}
    notes = {arm: joined(told_of.get(arm), one.lost) for arm, one in arms.items()}
    return table(name, measure, targets={REAL: target}, notes=notes)


def _rate_row(arm: str, rate_Hz: np.ndarray) -> Row:
    """Return the row of the mean rate of an arm, of rates (run, region).

    One background is the same push for every wiring, and not the same rate.
    """
    mean_Hz = rate_Hz.mean(axis=1)
    return judge(
        f"mean rate, {arm}",
        _mean(mean_Hz),
        interval=t_interval(mean_Hz),
        n=mean_Hz.size,
        unit="Hz",
        otherwise=Verdict.REPORTED if arm == REAL else Verdict.BASELINE,
    )


def _mean(x: np.ndarray) -> float | None:
    return float(x.mean()) if x.size else None


def verdict(values: Values) -> str:
    """Return what the figures come to: the claim is of the wiring, so all nulls have the word."""
    ratio, p = values["ratio"], values["rho"]["spatial_p"]
    row = judge("ratio", ratio[REAL], interval=ratio["interval"], target=FALLS)
    kinds = [arm for arm in values["ran_away"] if arm not in (REAL, ALIKE, SHIPPED)]
    above = [ratio["against"].get(kind, {}).get("verdict") == Found.HIGHER for kind in kinds]
    if not row.certain:
        found = "Neither shown nor excluded"
    elif row.verdict is not Verdict.PASS:
        found = "Refuted"
    elif above and all(above):
        found = "Confirmed"
    else:
        found = "There is such a hierarchy, and that this wiring makes it is not shown"
    interval = "" if row.low is None else f" ({row.low:.2f} to {row.high:.2f})"
    others = [
        f"{arm} {ratio[arm]:.2f}" for arm in (ALIKE, SHIPPED, *kinds) if ratio[arm] is not None
    ]
    nulls = "; ".join(
        f"{kind}: {ratio['against'].get(kind, {}).get('sentence', 'not compared')}"
        for kind in kinds
    )
    left_out = [
        f"{n} brains of {arm}"
        for arm, away in values["ran_away"].items()
        if (n := away + values["refused"][arm])
    ]
    return (
        f"{found}: with one background for all, sensory over prefrontal rate is {ratio[REAL]:.2f}"
        f"{interval}, and rates follow T1w/T2w {'more' if BEYOND_CHANCE.holds(p) else 'no more'} "
        f"than smooth maps do by chance (p {p:.2g}). The ratio elsewhere: {', '.join(others)}. "
        f"Beside nulls: {nulls or 'there are none'}."
        + (f" Left out, as they ran away or cannot be: {', '.join(left_out)}." if left_out else "")
    )


# ---- pictures -----------------------------------------------------------------------------------


def figures(result: Result) -> "dict[str, Figure]":
    """Return the rates along T1w/T2w, and both measures beside their nulls."""
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    d = result.data
    with style.styled(7.2, 2.6) as figure:
        along, *panels = figure.subplots(1, 3, width_ratios=(1.4, 1, 1))
        for name, members, colour in (
            ("sensory", d["sensory"], style.EXCITATORY),
            ("prefrontal", d["prefrontal"], style.INHIBITORY),
            ("other", ~(d["sensory"] | d["prefrontal"]), "0.7"),
        ):
            along.scatter(d["t1w_t2w"][members], d["rate_Hz"][members], 9, colour, label=name)
        along.set_xlabel("T1w/T2w")
        along.set_ylabel("excitatory rate (Hz)")
        along.set_ylim(bottom=0)
        along.legend()
        along.set_title("Rates of the regions")
        for axes, (measure, title, nothing) in zip(panels, MEASURES, strict=True):
            groups = {arm: d[f"{measure} {arm}"] for arm in d["arms"].tolist()}
            strip(axes, groups, reference=nothing)
            axes.set_title(title)
    return {"hierarchy": figure}
