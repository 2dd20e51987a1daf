"""Firing rates fall from sensory to prefrontal cortex.

The shipped brain gives each region the background at which all fire alike, so it has no hierarchy
of rates, by construction. Here every region gets the same background, and three questions are
asked. Is there the hierarchy, from sensory systems to prefrontal cortex and along T1w/T2w? Is it
more than any two smooth maps share (spatial nulls)? And where does it come from: the wiring (null
wirings), or what the recipe gives each region by its T1w/T2w (the real wiring, regions alike)?
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis.rates import region_rate
from encephagen.analysis.statistics import Comparison, compare, joint_family, t_interval
from encephagen.brain.balance import EXCITATORY, with_background
from encephagen.brain.whole import whole_brain
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.nulls.proof import spearman
from encephagen.engine.session import Session
from encephagen.experiments.prepare import chosen_recipe, wiring
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.validation.targets import Row, Target, Verdict, judge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A spiking brain on the human connectome has a hierarchy of firing rates: sensory cortex fires "
    "at 12.4 Hz, prefrontal cortex at 7.5 Hz (claim 5 of the first encephagen)."
)
SENSORY = ("visual", "auditory", "somatosensory")
PREFRONTAL = ("frontal",)
NULL = "weight-shuffle"
ARMS = {
    "real": "real wiring",
    "alike": "regions alike",
    "null": "null wirings",
    "balanced": "as shipped",
}
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
    """The numbers of the study: ``seeds`` of the real wiring in each of three arms, and nulls."""

    dataset: str = "hcp-aal2"
    seeds: int = 10
    nulls: int = 40
    seconds: float = 10.0
    settle_s: float = 3.0
    maps: int = 9999
    neurons_per_region: int = 200

    def __post_init__(self) -> None:
        for name in ("seeds", "nulls"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} {getattr(self, name)}: expected 2 or more to compare")

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return 3 * self.seeds + self.nulls

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(seeds=2, nulls=2, seconds=0.5, settle_s=0.5, maps=99, neurons_per_region=60)


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
    """Run one brain; return the excitatory rate (region,) in Hz.

    alike: every region has the same neurons and local connections, whatever its T1w/T2w.
    background_Hz: of the excitatory neurons of every region; None is as shipped.
    seed: of null, wiring, noise and initial state.
    """
    recipe = chosen_recipe(None, neurons_per_region)
    if alike:
        middle_ms = (recipe.tau_m_min_ms + recipe.tau_m_max_ms) / 2
        recipe = recipe.replace(
            tau_m_min_ms=middle_ms, tau_m_max_ms=middle_ms, recurrent_gradient=0.0
        )
    if background_Hz is not None:
        recipe = recipe.replace(rate_exc_Hz=0.0, background_factor=())
    brain = whole_brain(wiring(dataset, null, seed), recipe)
    if background_Hz is not None:
        brain = with_background(brain, np.full(brain.connectome.n, background_Hz))
    network = build(brain, seed=seed)
    session = Session(network, noise_seed=seed, initial_seed=seed, threads=1)
    session.advance(round(settle_s * MS_PER_S / network.dt_ms))
    recording = session.record(seconds * MS_PER_S, probe=Probe(spikes=False))
    return {"rate_Hz": region_rate(recording).sel(population=EXCITATORY).values}


def run(config: Config, runner: Runner) -> Result:
    """Run the study."""
    connectome = load(config.dataset)
    myelin = np.array([np.nan if r.t1w_t2w is None else r.t1w_t2w for r in connectome.regions])
    maps, _ = spatial_null(myelin, connectome, config.maps)
    background_Hz = _median_background(config)
    rate_Hz = _rates(config, background_Hz, runner)
    groups = _groups(connectome)
    measures = _measures(rate_Hz, groups, myelin)
    against = joint_family(
        {name: compare(x["real"].tolist(), x["null"].tolist()) for name, x in measures.items()}
    )
    group_Hz = {name: rate_Hz["real"][:, members].mean(axis=1) for name, members in groups.items()}
    rows = {
        **_rows("ratio", measures["ratio"], FALLS, against["ratio"]),
        **_rows("rho", measures["rho"], RISES, against["rho"]),
        "map p": _map_row(rate_Hz["real"].mean(axis=0), myelin, maps),
        **{name: _row(name, x, unit="Hz") for name, x in group_Hz.items()},
    }
    values: dict[str, Any] = {
        name: {arm: float(x.mean()) for arm, x in arms.items()}
        | {"against_nulls": against[name].as_dict()}
        for name, arms in measures.items()
    }
    values["rho"]["spatial_p"] = rows["map p"].value
    values["rate_Hz"] = {name: float(x.mean()) for name, x in group_Hz.items()}
    values["background_Hz"] = background_Hz
    return Result(
        values=values,
        verdict=_verdict(rows, against["ratio"]),
        rows=tuple(rows.values()),
        data={
            **{f"{name}_{arm}": x for name, xs in measures.items() for arm, x in xs.items()},
            "rate_Hz": rate_Hz["real"].mean(axis=0),
            "t1w_t2w": myelin,
            "sensory": groups["sensory"],
            "prefrontal": groups["prefrontal"],
        },
    )


def _rates(config: Config, background_Hz: float, runner: Runner) -> dict[str, np.ndarray]:
    """Return excitatory rates (run, region) in Hz of each arm of the study."""
    same = {
        "dataset": config.dataset,
        "seconds": config.seconds,
        "settle_s": config.settle_s,
        "neurons_per_region": config.neurons_per_region,
    }
    arms = {
        "real": {"null": None, "alike": False, "background_Hz": background_Hz},
        "alike": {"null": None, "alike": True, "background_Hz": background_Hz},
        "null": {"null": NULL, "alike": False, "background_Hz": background_Hz},
        "balanced": {"null": None, "alike": False, "background_Hz": None},
    }
    found = {}
    for arm, how in arms.items():
        n = config.nulls if how["null"] else config.seeds
        todo = [{**same, **how, "seed": seed} for seed in range(n)]
        found[arm] = np.array([r["rate_Hz"] for r in runner.map(rates, todo, label=arm)])
    return found


def _median_background(config: Config) -> float:
    """Return the median over regions of the background (Hz) that excitatory neurons have."""
    recipe = chosen_recipe(None, config.neurons_per_region)
    brain = whole_brain(load(config.dataset), recipe)
    (excitatory,) = (p for p in brain.populations if p.name == EXCITATORY)
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
    name: str, arms: dict[str, np.ndarray], target: Target, against: Comparison
) -> dict[str, Row]:
    """Return the rows of a measure by name: of the real wiring, and of what to compare it with."""
    return {
        name: _row(name, arms["real"], target=target, note=f"beside nulls: {against.sentence}"),
        **{
            f"{name}, {ARMS[arm]}": _row(f"{name}, {ARMS[arm]}", x, otherwise=Verdict.BASELINE)
            for arm, x in arms.items()
            if arm != "real"
        },
    }


def _row(name: str, x: np.ndarray, **how: Any) -> Row:
    """Return the row of a figure's mean over runs (run,), with its t interval; see `judge`."""
    return judge(name, float(x.mean()), interval=t_interval(x), n=x.size, **how)


def _verdict(rows: dict[str, Row], against: Comparison) -> str:
    """Return what the figures come to."""
    ratio, map_p = rows["ratio"], rows["map p"]
    found = "Confirmed" if ratio.verdict is Verdict.PASS else "Refuted"
    if not ratio.certain:
        found = "Neither shown nor excluded"
    interval = "" if ratio.low is None else f" ({ratio.low:.2f} to {ratio.high:.2f})"
    alike, null, shipped = (
        rows[f"ratio, {ARMS[arm]}"].value for arm in ("alike", "null", "balanced")
    )
    return (
        f"{found}: with one background for all, sensory over prefrontal rate is {ratio.value:.2f}"
        f"{interval}, and rates follow T1w/T2w "
        f"{'more' if map_p.verdict is Verdict.PASS else 'no more'} than smooth maps do by chance "
        f"(p {map_p.value:.2g}). With all regions alike the ratio is {alike:.2f}, as shipped "
        f"{shipped:.2f}, in shuffled wirings {null:.2f}; against these: {against.sentence}."
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
            groups = {name: d[f"{measure}_{arm}"] for arm, name in ARMS.items()}
            strip(axes, groups, reference=nothing)
            axes.set_title(title)
    return {"hierarchy": figure}
