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
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.rates import region_rate
from encephagen.analysis.statistics import (
    Comparison,
    compare,
    joint_family,
    t_interval,
)
from encephagen.analysis.statistics import Verdict as Found
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.nulls.proof import spearman
from encephagen.engine.session import Session
from encephagen.experiments.prepare import at_least, chosen_recipe, wiring
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.network.build import build
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
FEWEST = 2
"""Runs of a kind with which something can be compared."""

MEASURES = (
    ("ratio", "Sensory / prefrontal", 1.0),
    ("rho", "Rank correlation", 0.0),
)
"""Name, title, and what it is without a hierarchy."""
FALLS = Target("ratio", 1.0, None, "", "claimed: sensory above prefrontal, 12.4 / 7.5 = 1.65")
RISES = Target("rho", 0.0, None, "", "claimed: most where myelin is most, in sensory cortex")
BEYOND_CHANCE = Target("p", None, 0.05, "", "free; the usual level")


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 15 minutes on two cores.

    seeds              of the real wiring, in each of three arms
    nulls              instances of each of null_kinds
    seconds, settle_s  recorded, after what is thrown away
    maps               as smooth as T1w/T2w, but of nothing
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


def rates(
    dataset: str,
    null: str | None,
    alike: bool,
    background_Hz: float | None,
    seed: int,
    seconds: float,
    settle_s: float,
    neurons_per_region: int,
) -> dict[str, Any]:
    """Run one brain: {"rate_Hz": excitatory rate (region,), "ran_away", "alarms"}.

    ran_away: whether the engine had to stop it, so that its rates are none of a brain at rest.
    alike: every region has the same neurons and local connections, whatever its T1w/T2w.
    background_Hz: of the excitatory neurons of every region; None is as shipped.
    seed: of null, wiring, noise and initial state.
    """
    recipe = chosen_recipe(None, neurons_per_region)
    if alike:
        middle_ms = (recipe.cortex.tau_m_min_ms + recipe.cortex.tau_m_max_ms) / 2
        recipe = recipe.replace(
            tau_m_min_ms=middle_ms, tau_m_max_ms=middle_ms, recurrent_gradient=0.0
        )
    if background_Hz is not None:
        recipe = recipe.replace(rate_exc_Hz=0.0)
    brain = whole_brain(wiring(dataset, null, seed), recipe)
    if background_Hz is not None:
        (excitatory,) = (p.name for p in brain.populations if p.excites)
        brain = with_background(brain, excitatory, np.full(brain.connectome.n, background_Hz))
    network = build(brain, seed=seed)
    session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
    session.advance(round(settle_s * MS_PER_S / network.dt_ms))
    recording = session.record(seconds * MS_PER_S, probe=Probe(spikes=False))
    return {
        "rate_Hz": region_rate(recording).sel(population="E").values,
        "ran_away": recording.interrupted,
        "alarms": sorted({alarm.kind for alarm in recording.alarms}),
    }


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError if the real wiring runs away."""
    connectome = load(config.dataset)
    myelin = np.array([np.nan if r.t1w_t2w is None else r.t1w_t2w for r in connectome.regions])
    maps, _ = spatial_null(myelin, connectome, config.maps)
    background_Hz = _median_background(config)
    runs = _runs(config, background_Hz, runner)
    rate_Hz = {
        arm: np.array([r["rate_Hz"] for r in found if not r["ran_away"]]).reshape(-1, myelin.size)
        for arm, found in runs.items()
    }
    if len(rate_Hz[REAL]) < FEWEST:
        raise ValueError(
            f"{len(rate_Hz[REAL])} of {config.seeds} brains with the real wiring do not run away "
            f"at a background of {background_Hz:.0f} Hz: expected {FEWEST} or more to compare"
        )
    groups = _groups(connectome)
    measures = _measures(rate_Hz, groups, myelin)
    against = {
        kind: joint_family(
            {name: compare(x[REAL].tolist(), x[kind].tolist()) for name, x in measures.items()}
        )
        for kind in config.null_kinds
        if len(rate_Hz[kind]) >= FEWEST
    }
    group_Hz = {name: rate_Hz[REAL][:, members].mean(axis=1) for name, members in groups.items()}
    away = {arm: sum(r["ran_away"] for r in found) for arm, found in runs.items()}
    rows = {
        **_rows("ratio", measures["ratio"], FALLS, against, away),
        **_rows("rho", measures["rho"], RISES, against, away),
        "map p": _map_row(rate_Hz[REAL].mean(axis=0), myelin, maps),
        **{f"mean rate, {arm}": _rate_row(arm, x) for arm, x in rate_Hz.items()},
        **{name: _row(name, x, unit="Hz") for name, x in group_Hz.items()},
    }
    values: dict[str, Any] = {
        name: {arm: _mean(x) for arm, x in arms.items()}
        | {"against": {kind: found[name].as_dict() for kind, found in against.items()}}
        for name, arms in measures.items()
    }
    values["rho"]["spatial_p"] = rows["map p"].value
    values["rate_Hz"] = {name: float(x.mean()) for name, x in group_Hz.items()}
    values["mean_rate_Hz"] = {arm: _mean(x) for arm, x in rate_Hz.items()}
    values["background_Hz"] = background_Hz
    values["ran_away"] = away
    values["alarms"] = {
        arm: sorted({a for r in found for a in r["alarms"]}) for arm, found in runs.items()
    }
    return Result(
        values=values,
        verdict=_verdict(rows, against, away),
        rows=tuple(rows.values()),
        data={
            "arms": np.array(list(rate_Hz)),
            **{f"{name} {arm}": x for name, xs in measures.items() for arm, x in xs.items()},
            "rate_Hz": rate_Hz[REAL].mean(axis=0),
            "t1w_t2w": myelin,
            "sensory": groups["sensory"],
            "prefrontal": groups["prefrontal"],
        },
    )


def _runs(config: Config, background_Hz: float, runner: Runner) -> dict[str, list[dict[str, Any]]]:
    """Return the runs of each arm of the study, nulls by their kind."""
    same = {
        "dataset": config.dataset,
        "seconds": config.seconds,
        "settle_s": config.settle_s,
        "neurons_per_region": config.neurons_per_region,
    }

    def arm(label: str, n: int, null: str | None, alike: bool, Hz: float | None) -> list[dict]:
        how = {"null": null, "alike": alike, "background_Hz": Hz}
        return runner.map(rates, [{**same, **how, "seed": i} for i in range(n)], label=label)

    return {
        REAL: arm(REAL, config.seeds, None, False, background_Hz),
        ALIKE: arm(ALIKE, config.seeds, None, True, background_Hz),
        SHIPPED: arm(SHIPPED, config.seeds, None, False, None),
        **{kind: arm(kind, config.nulls, kind, False, background_Hz) for kind in config.null_kinds},
    }


def _median_background(config: Config) -> float:
    """Return the median over regions of the background (Hz) that excitatory neurons have."""
    recipe = chosen_recipe(None, config.neurons_per_region)
    brain = whole_brain(load(config.dataset), recipe)
    (excitatory,) = (p for p in brain.populations if p.excites)
    by_region = dict(excitatory.by_region).get("rate_Hz", (excitatory.background.rate_Hz,))
    return float(np.median(by_region))


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


def _map_row(mean_Hz: np.ndarray, myelin: np.ndarray, maps: np.ndarray) -> Row:
    """Return the row of how probable such a rank correlation is for maps as smooth (map, region).

    Maps and their mirror images are as likely, so chance lies on both sides of zero.
    """
    by_chance = np.array([abs(spearman(mean_Hz, other)) for other in maps])
    n_beyond = np.count_nonzero(by_chance >= abs(spearman(mean_Hz, myelin)))
    p = (1 + n_beyond) / (1 + len(maps))
    return judge("rho, p by spatial nulls", p, n=len(maps), target=BEYOND_CHANCE)


def _rows(
    name: str,
    arms: Mapping[str, np.ndarray],
    target: Target,
    against: Mapping[str, Mapping[str, Comparison]],
    away: Mapping[str, int],
) -> dict[str, Row]:
    """Return the rows of a measure by name: of the real wiring, and of what to compare it with."""
    rows = {}
    for arm, x in arms.items():
        notes = [against[arm][name].sentence] if arm in against else []
        if away[arm]:
            notes.append(f"{away[arm]} more ran away")
        note = "; ".join(notes)
        if arm == REAL:
            rows[name] = _row(name, x, target=target, note=note)
        else:
            title = f"{name}, {arm}"
            rows[title] = _row(title, x, otherwise=Verdict.BASELINE, note=note)
    return rows


def _rate_row(arm: str, rate_Hz: np.ndarray) -> Row:
    """Return the row of the mean rate of an arm, of rates (run, region).

    One background is the same push for every wiring, and not the same rate.
    """
    kind = Verdict.REPORTED if arm == REAL else Verdict.BASELINE
    return _row(f"mean rate, {arm}", rate_Hz.mean(axis=1), unit="Hz", otherwise=kind)


def _row(name: str, x: np.ndarray, **how: Any) -> Row:
    """Return the row of a figure's mean over runs (run,), with its t interval; see `judge`."""
    return judge(name, _mean(x), interval=t_interval(x), n=x.size, **how)


def _mean(x: np.ndarray) -> float | None:
    return float(x.mean()) if x.size else None


def _verdict(
    rows: Mapping[str, Row],
    against: Mapping[str, Mapping[str, Comparison]],
    away: Mapping[str, int],
) -> str:
    """Return what the figures come to: the claim is of the wiring, so all nulls have the word."""
    ratio, map_p = rows["ratio"], rows["map p"]
    kinds = [arm for arm in away if arm not in (REAL, ALIKE, SHIPPED)]
    above = [kind in against and against[kind]["ratio"].verdict is Found.HIGHER for kind in kinds]
    if not ratio.certain:
        found = "Neither shown nor excluded"
    elif ratio.verdict is not Verdict.PASS:
        found = "Refuted"
    elif above and all(above):
        found = "Confirmed"
    else:
        found = "There is such a hierarchy, and that this wiring makes it is not shown"
    interval = "" if ratio.low is None else f" ({ratio.low:.2f} to {ratio.high:.2f})"
    others = [
        f"{arm} {rows[f'ratio, {arm}'].value:.2f}"
        for arm in (ALIKE, SHIPPED, *kinds)
        if rows[f"ratio, {arm}"].value is not None
    ]
    nulls = "; ".join(
        f"{kind}: {against[kind]['ratio'].sentence if kind in against else 'not compared'}"
        for kind in kinds
    )
    lost = [f"{n} brains of {arm}" for arm, n in away.items() if n]
    return (
        f"{found}: with one background for all, sensory over prefrontal rate is {ratio.value:.2f}"
        f"{interval}, and rates follow T1w/T2w "
        f"{'more' if map_p.verdict is Verdict.PASS else 'no more'} than smooth maps do by chance "
        f"(p {map_p.value:.2g}). The ratio elsewhere: {', '.join(others)}. Beside nulls: "
        f"{nulls or 'there are none'}."
        + (f" Left out, as they ran away: {', '.join(lost)}." if lost else "")
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
