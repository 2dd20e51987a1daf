"""What do thalamus and basal ganglia do to a brain at rest?

A brain with nuclei of their own is recorded intact, then with one nucleus silenced at a time, each
from the same moment and under the same noise. Anatomy says what must follow: the relay neurons of
the thalamus are freed where the reticular nucleus or the internal pallidum (GPi) is silent, and
held down where the external pallidum (GPe) is, which held GPi and the subthalamic nucleus (STN)
down. The control silences a region of cortex, drawn by chance. The last arm is a cortex alone,
with whose functional connectivity that of the whole is compared. Its recipe has more of local
recurrence, which in the whole the loop through the thalamus gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis import bold, fc, fc_correlation, group_fc
from encephagen.analysis.statistics import t_interval
from encephagen.analysis.summary import summary
from encephagen.brain.nuclei import nuclei
from encephagen.brain.recipe import Recipe
from encephagen.connectome.datasets import fmri, load
from encephagen.experiments.brains import Values, healthy, rested, told
from encephagen.experiments.design import (
    FEWEST,
    REAL,
    Arm,
    Condition,
    check_enough,
    joined,
    lost,
    perform,
)
from encephagen.experiments.prepare import at_least, chosen_recipe
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.recording.probe import Probe
from encephagen.recording.recording import Recording
from encephagen.units import MS_PER_S
from encephagen.validation.targets import Row, Target, Verdict, judge
from encephagen.working_point.whole import whole_brain

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

CLAIM = (
    "Thalamus and basal ganglia fire as in awake animals, and act on each other as anatomy says: "
    "without the reticular nucleus, or without GPi, the thalamus is freed (claimed here; in the "
    "first encephagen they had cells of cortex)."
)
CORTEX, INTACT = "cortex", ""
CONTROL = "a region of cortex"
HALASSA = "Halassa et al. 2014, doi 10.1016/j.cell.2014.06.025"
INASE = "Inase et al. 1996, doi 10.1152/jn.1996.75.3.1087"
ALBIN = "Albin et al. 1989, doi 10.1016/0166-2236(89)90074-X"


def _up(of: str, source: str) -> Target:
    return Target(of, 1.0, None, "", source, whole=True)


def _down(of: str, source: str) -> Target:
    return Target(of, None, 1.0, "", source, whole=True)


EXPECTED: dict[str, dict[str, Target]] = {
    "reticular": {"relay": _up("relay", HALASSA)},
    "GPi": {"relay": _up("relay", INASE)},
    "GPe": {
        "STN": _up("STN", ALBIN),
        "GPi": _up("GPi", ALBIN),
        "relay": _down("relay", ALBIN),
    },
    CONTROL: {"relay": Target("relay", 0.95, 1.05, "", "free; no more than a twentieth")},
}
"""What silencing each nucleus does to the rate of others, over that of the brain intact."""
LEAST_HZ = 0.01
"""Rate of a nucleus intact, under which what a lesion changes of it is told over this (free)."""
NUMBERS = ("settle_s", "lesion_s", "minutes")


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about fifteen minutes on two cores.

    dataset             connectome with the regions of the nuclei, by name
    cortex              that of its cortex alone, for the arm of cortex alone
    cortex_recipe       the recipe of that arm
    seeds               of wiring and noise
    recipe              one with [thalamus] and [basal_ganglia]: a TOML file, or a shipped name
    minutes             recorded intact, for functional connectivity
    lesion_s            recorded intact and with each nucleus silent, for rates
    settle_s            thrown away at the start, and after each lesion
    neurons_per_region  of cortex
    """

    dataset: str = "hcp-aal2-94"
    cortex: str = "hcp-aal2"
    seeds: int = 5
    recipe: str = "resting_brain"
    cortex_recipe: str = "resting_cortex"
    minutes: float = 5.0
    lesion_s: float = 10.0
    settle_s: float = 3.0
    neurons_per_region: int = 200

    def __post_init__(self) -> None:
        at_least(self, seeds=FEWEST)

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return 2 * self.seeds

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(seeds=2, minutes=0.6, lesion_s=1.0, settle_s=0.3, neurons_per_region=40)


# ---- one brain ----------------------------------------------------------------------------------


@told
def with_lesions(
    dataset: str,
    null: str | None,
    seed: int,
    recipe: Values,
    settle_s: float,
    lesion_s: float,
    minutes: float,
) -> Values:
    """Run one brain intact, then with each nucleus of `EXPECTED` that it has silenced, and healed.

    {"rate_Hz": {lesion, "" where none: {population: rate}}, "ranges": {nucleus: [low, high,
    source]}, "fc" (region, region), "regions", "cortical" (region,), "alarms": of the brain intact}
    """
    assert null is None
    connectome = load(dataset)
    brain = whole_brain(connectome, Recipe.from_dict(recipe), wiring_seed=seed)
    session = rested(brain, seed, settle_s)
    start = session.snapshot()
    cortical = [r.name for r in connectome.regions if r.cortical]
    by_chance = str(rng.stream(seed, "control lesion").choice(cortical))
    present = {p.name for p in brain.populations}
    alarms, rate_Hz = {}, {}
    for name in (INTACT, *(n for n in EXPECTED if n in present or n == CONTROL)):
        session.restore(start)
        if name == CONTROL:
            session.silence(by_chance)
        elif name != INTACT:
            session.silence(population=name)
        session.advance(round(settle_s * MS_PER_S / session.network.dt_ms))
        recording = session.record(lesion_s * MS_PER_S, probe=Probe())
        alarms[name], rate_Hz[name] = healthy(recording), _rates(recording)
    session.restore(start)
    long = session.record(minutes * 60.0 * MS_PER_S, probe=Probe(spikes=False))
    healthy(long)
    return {
        "alarms": alarms[INTACT],
        "rate_Hz": rate_Hz,
        "ranges": {
            p.name: [p.at_rest.low_Hz, p.at_rest.high_Hz, p.at_rest.source]
            for p in brain.populations
            if p.at_rest
        },
        "fc": fc(bold(long, _tr_s(dataset))).values,
        "regions": list(connectome.names),
        "cortical": np.array([r.cortical for r in connectome.regions]),
    }


def _rates(recording: Recording) -> dict[str, float]:
    """Return the rate of cortex (its neurons that excite) and of each nucleus (Hz)."""
    told = summary(recording)
    nuclei_Hz = {name: of["rate_Hz"] for name, of in told["nuclei"].items()}
    return {CORTEX: told["rate_exc_Hz"], **nuclei_Hz}


def _tr_s(dataset: str) -> float:
    time_s = fmri(dataset)["time_s"].values
    return float(time_s[1] - time_s[0])


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError where the brain has no nuclei."""
    recipe, of_cortex = (
        chosen_recipe(name, config.neurons_per_region)
        for name in (config.recipe, config.cortex_recipe)
    )
    if not any(one.made for one in nuclei(load(config.dataset), recipe)):
        raise ValueError(
            f"{config.dataset} under recipe {recipe.name!r} has no nuclei: choose a dataset with "
            "their regions (hcp-aal2-94), and a recipe with [thalamus]"
        )
    conditions = [
        Condition(name, config.seeds, given={"dataset": dataset, "recipe": numbers.as_dict()})
        for name, dataset, numbers in (
            (REAL, config.dataset, recipe),
            (CORTEX, config.cortex, of_cortex),
        )
    ]
    same = {name: getattr(config, name) for name in NUMBERS}
    arms = perform(runner, with_lesions, conditions, **same)
    check_enough(arms[REAL])
    whole = arms[REAL]
    lesions = [name for name in EXPECTED if name in whole.measured[0]["rate_Hz"]]
    change = {
        lesion: {
            population: _rate(whole, population, lesion)
            / np.maximum(_rate(whole, population), LEAST_HZ)
            for population in whole.measured[0]["rate_Hz"][INTACT]
            if population != lesion
        }
        for lesion in lesions
    }
    agreement = _agreement(config, arms)
    values = {
        "rate_Hz": {p: float(_rate(whole, p).mean()) for p in whole.measured[0]["rate_Hz"][INTACT]},
        "change": {
            lesion: {p: float(x.mean()) for p, x in by.items()} for lesion, by in change.items()
        },
        "fc_r": {name: float(x.mean()) if x.size else None for name, x in agreement.items()},
        "n": {name: arm.n for name, arm in arms.items()},
        **lost(arms),
    }
    rates, effects = _rate_rows(values, whole), _effect_rows(change)
    values["within"] = [sum(row.verdict is Verdict.PASS for row in rates), _judged(rates)]
    values["as_said"] = [sum(row.verdict is Verdict.PASS for row in effects), _judged(effects)]
    return Result(
        values=values,
        verdict=verdict(values),
        rows=(*rates, *effects, *_fc_rows(arms, agreement)),
        data={f"change {a} {b}": x for a, by in change.items() for b, x in by.items()},
    )


def _rate(arm: Arm, population: str, lesion: str = INTACT) -> np.ndarray:
    return arm.column(lambda r: r["rate_Hz"][lesion][population])


def _judged(rows: list[Row]) -> int:
    return sum(row.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED) for row in rows)


def _agreement(config: Config, arms: Mapping[str, Arm]) -> dict[str, np.ndarray]:
    """Return r of FC with the group's (run,): of all regions, of cortex in it, of cortex alone."""
    whole, alone = arms[REAL], arms[CORTEX]
    people = group_fc(fmri(config.dataset))
    cortical = np.flatnonzero(whole.measured[0]["cortical"])
    of_cortex = group_fc(fmri(config.cortex))

    def r(found: np.ndarray, target: "xr.DataArray", part: np.ndarray | None = None) -> float:
        here = np.arange(len(target)) if part is None else part
        own = target.copy(data=found)
        return fc_correlation(own[here][:, here], target[here][:, here])

    return {
        "all regions": whole.column(lambda run: r(run["fc"], people)),
        "cortex within": whole.column(lambda run: r(run["fc"], people, cortical)),
        "cortex alone": alone.column(lambda run: r(run["fc"], of_cortex)),
    }


# ---- what is shown ------------------------------------------------------------------------------


def _rate_rows(values: Values, whole: Arm) -> list[Row]:
    """Return the rates of cortex and of each nucleus, beside what is published of it."""
    ranges, rows = whole.measured[0]["ranges"], []
    for name in values["rate_Hz"]:
        target = None
        if name in ranges:
            low, high, source = ranges[name]
            target = Target(name, low, high, "Hz", source)
        note = whole.lost if name == CORTEX else ""
        rows.append(_row(name, _rate(whole, name), "Hz", target, note))
    return rows


def _effect_rows(change: Mapping[str, Mapping[str, np.ndarray]]) -> list[Row]:
    """Return what each lesion does to the rates of others, what is expected first."""
    rows = []
    for lesion, by in change.items():
        expected = EXPECTED[lesion]
        for population in sorted(by, key=lambda p: p not in expected):
            note = "rate over that of the brain intact" if population in expected else ""
            words = f"{population}, {lesion} silent"
            rows.append(_row(words, by[population], "", expected.get(population), note))
    return rows


def _fc_rows(arms: Mapping[str, Arm], agreement: Mapping[str, np.ndarray]) -> list[Row]:
    rows = []
    for name, x in agreement.items():
        note = "r of FC with the group's, each seed alone, mean"
        arm = arms[CORTEX] if name == "cortex alone" else arms[REAL]
        rows.append(_row(f"FC r, {name}", x, "", None, joined(note, arm.lost)))
    return rows


def _row(name: str, x: np.ndarray, unit: str, target: Target | None, note: str) -> Row:
    return judge(
        name,
        float(x.mean()) if x.size else None,
        interval=t_interval(x),
        n=x.size,
        unit=unit,
        target=target,
        otherwise=Verdict.REPORTED,
        note=note,
    )


def verdict(values: Values) -> str:
    """Return what the figures come to."""
    within, nuclei_judged = values["within"]
    as_said, effects = values["as_said"]
    change = values["change"]
    told_of = [
        f"{change[lesion]['relay']:.2f} times without {words}"
        for lesion, words in (
            ("reticular", "the reticular nucleus"),
            ("GPi", "GPi"),
            ("GPe", "GPe"),
            (CONTROL, "a region of cortex"),
        )
        if lesion in change
    ]
    r = values["fc_r"]
    alone = "not measured" if r["cortex alone"] is None else f"{r['cortex alone']:.3f}"
    return (
        f"{within} of {nuclei_judged} nuclei fire within their published ranges, and {as_said} of "
        f"{effects} effects of lesions are as the literature says: the relay fires "
        f"{', '.join(told_of)}. FC agrees with the group over all regions with r "
        f"{r['all regions']:.3f}, within cortex {r['cortex within']:.3f}, of the cortex alone "
        f"{alone}."
    )


def figures(result: Result) -> "dict[str, Figure]":
    """Return what each lesion does to the relay and to cortex."""
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    d: Mapping[str, Any] = result.data
    with style.styled(7.2, 2.8) as figure:
        left, right = figure.subplots(1, 2)
        for axes, population in ((left, "relay"), (right, CORTEX)):
            found = {
                lesion: d[f"change {lesion} {population}"]
                for lesion in EXPECTED
                if f"change {lesion} {population}" in d
            }
            strip(axes, found, reference=1.0)
            axes.set(ylabel="rate over intact", title=f"{population.capitalize()}, silenced:")
    return {"lesions": figure}
