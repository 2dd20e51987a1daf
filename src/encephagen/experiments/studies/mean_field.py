"""Does theory say what a brain does, before a spike is simulated?

Theory (`encephagen.working_point.mean_field`) is asked twice. Given the rates that a brain has in
spikes, what rate does each population answer with, and how unlike are its neurons? Each brain is in
its own equation then, and no error grows through the network. And, given its numbers alone: where
would it be, and how near to the edge of stability? A small lasting push of all excitatory neurons
says how much of theory's feedback there is in spikes, which is what `MeanField.in_spikes` counts.

The recipes differ in what theory must know: coupling, receptors, neurons that differ, local
in-degrees, adaptation, slow recurrence, and all of that with fast interneurons. Beside theory stand
two that know less: one of Gaussian noise, and one of neurons that are alike.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import root_scalar

from encephagen import names
from encephagen.analysis.rates import chosen
from encephagen.analysis.statistics import t_interval
from encephagen.brain.recipe import Recipe, shipped_recipe
from encephagen.experiments.brains import Values, healthy, rested, told, wired
from encephagen.experiments.design import FEWEST, Arm, Condition, joined, lost, perform
from encephagen.experiments.prepare import at_least, chosen_recipe
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.validation.targets import Row, Target, Verdict, judge
from encephagen.working_point.balance import MISSES, point
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import THEORY, Held
from encephagen.working_point.whole import bare_brain
from encephagen.working_point.wiring import theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "From the numbers of a brain, theory says within a tenth how fast its populations fire "
    "(claimed here; the first encephagen had no theory)."
)
UNLIKE = {"E_L_spread_exc_mV": 1.7, "E_L_spread_inh_mV": 1.6}
CHOSEN = {"local_in_degree_exc": 16, "local_in_degree_inh": 4}
AT_REST = {
    name: value
    for name, value in asdict(shipped_recipe("resting_cortex").cortex).items()
    if name != "neurons_per_region"
}
RECIPES: dict[str, Mapping[str, float]] = {
    "healthy cortex": {},
    "weak coupling": {"long_weight_pA": 20.0},
    "AMPA alone": {"nmda_fraction": 0.0, "long_weight_pA": 30.0},
    "unlike neurons": UNLIKE,
    "chosen sources": CHOSEN,
    "adaptation": {"adaptation_mV": 0.7},
    "slow recurrence": {"slow_weight_pA": 60.0, "long_less_per_pA": 0.0034},
    "fast interneurons": {
        **UNLIKE,
        **CHOSEN,
        "tau_m_inh_ms": 5.0,
        "nmda_fraction": 0.0,
        "weight_ee_pA": 25.6,
        "weight_ei_pA": 63.3,
        "weight_ie_pA": 222.0,
        "weight_ii_pA": 164.0,
        "long_in_degree": 80.0,
        "long_weight_pA": 55.2,
        "feedforward_inhibition": 0.964,
        "rate_exc_Hz": 2.5,
        "rate_inh_Hz": 7.0,
        "slow_weight_pA": 150.0,
        "long_less_per_pA": 0.0034,
        "adaptation_mV": 0.7,
    },
    "cortex at rest": AT_REST,
}
"""What each recipe changes of the one that is given, by default healthy_cortex."""

PARTS = (0.1, 0.5, 0.9)
LESS = ("of Gaussian noise", "of neurons alike")
NEAR = Target("theory over spikes", 0.9, 1.1, "", "free; a tenth")
PUSH = 0.003
"""Of the background of all excitatory neurons, up and down: small enough for a response in line."""
NUMBERS = ("settle_s", "seconds")
SHOWN = ("spikes_Hz", "theory_Hz", "parts_spikes_Hz", "parts_theory_Hz")


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about fifteen minutes on two cores.

    dataset             connectome, by name or path
    seeds               of each recipe: wiring and noise
    recipe              a TOML file, or a shipped recipe by name, that the recipes change
    seconds             recorded
    settle_s            thrown away before
    neurons_per_region  of every brain
    recipes             some of `RECIPES`, by name
    """

    dataset: str = "hcp-aal2"
    seeds: int = 5
    recipe: str = "healthy_cortex"
    seconds: float = 20.0
    settle_s: float = 3.0
    neurons_per_region: int = 200
    recipes: tuple[str, ...] = tuple(RECIPES)

    def __post_init__(self) -> None:
        at_least(self, seeds=FEWEST)
        for name in self.recipes:
            if name not in RECIPES:
                raise ValueError(f"no recipe {name!r} here; {names.hint(name, RECIPES)}")

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return self.seeds * len(self.recipes)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        few = ("healthy cortex", "fast interneurons")
        return cls(seeds=2, seconds=1.0, settle_s=0.5, neurons_per_region=40, recipes=few)


# ---- one brain ----------------------------------------------------------------------------------


@told
def beside_spikes(
    dataset: str, null: str | None, seed: int, recipe: Values, settle_s: float, seconds: float
) -> Values:
    """Run one brain at the working point of theory of its wiring, times what theory usually misses.

    ``seed`` is that of wiring and noise.

    {"spikes_Hz", "theory_Hz": by population and region, theory's at the rates of spikes; the same
    of `LESS`; "parts_spikes_Hz", "parts_theory_Hz": `PARTS` of all neurons of a population;
    "target_Hz", "eigenvalue": at the working point of theory; "eigenvalue_there": at the rates of
    spikes; "pushed": by how much a `PUSH` changes the logarithm of the rate of E, over the push;
    "part": of theory's feedback, with which it would say so; "alarms"}
    """
    bare = bare_brain(wired(dataset, null, seed), Recipe.from_dict(recipe))
    own_Hz = theory(build(bare, seed=seed)).background_Hz
    held = np.isfinite(MeanField.of(bare).target_Hz)
    found = point(bare, np.where(held, MISSES, 1.0) * own_Hz, THEORY, "theory of this wiring")
    brain = found.applied(bare)
    field = MeanField.of(brain)
    target_Hz = field.at_targets()
    recording = rested(brain, seed, settle_s).record(seconds * MS_PER_S, probe=Probe())
    alarms = healthy(recording)
    blocks, populations = field.blocks, [p.name for p in brain.populations]
    each_Hz = np.bincount(recording.spike_neurons, minlength=blocks.n_neurons) / seconds
    spikes_Hz = np.add.reduceat(each_Hz, blocks.first[:-1]) / blocks.size
    of_neuron = blocks.each_neuron(blocks.population)
    gaussian, alike = (
        replace(field, **change)
        for change in (
            {
                "cumulants": field.cumulants * [[[1]], [[1]], [[0]]],
                "background_cumulants": field.background_cumulants * [[1], [1], [0]],
            },
            {"own_variance": np.zeros(len(blocks)), "drawn": ()},
        )
    )

    def by_population(values: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values[blocks.of_population(k)] for k, name in enumerate(populations)}

    excite = {p.name for p in brain.populations if p.excites and p.at_rest is None}

    def pushed_Hz(push: float) -> float:
        held = (_pushed(h, push) if h.population in excite else h for h in found.held)
        pushed = replace(found, held=tuple(held)).applied(bare)
        session = rested(pushed, seed, settle_s)
        counted = session.record(seconds * MS_PER_S, probe=Probe(spikes=False))
        healthy(counted)
        excites = chosen(counted.data)
        n = counted.data["region_size"].values[:, excites].sum()
        return counted.data["count"].values[..., excites].sum() / n / seconds

    pushed = float(np.log(pushed_Hz(PUSH) / pushed_Hz(-PUSH))) / (2 * PUSH)
    parts_Hz = field.quantiles_Hz(spikes_Hz, PARTS)
    return {
        "alarms": alarms,
        "spikes_Hz": by_population(spikes_Hz),
        "theory_Hz": by_population(field.respond(spikes_Hz)),
        LESS[0]: by_population(gaussian.respond(spikes_Hz)),
        LESS[1]: by_population(alike.respond(spikes_Hz)),
        "parts_spikes_Hz": {
            name: np.quantile(each_Hz[of_neuron == k], PARTS) for k, name in enumerate(populations)
        },
        "parts_theory_Hz": {n: x.mean(axis=0) for n, x in by_population(parts_Hz).items()},
        "target_Hz": by_population(target_Hz),
        "eigenvalue": field.leading_eigenvalue(target_Hz),
        "eigenvalue_there": field.leading_eigenvalue(spikes_Hz),
        "pushed": pushed,
        "part": _part(field, spikes_Hz, pushed),
    }


def _pushed(held: Held, push: float) -> Held:
    by_name = tuple((name, (1 + push) * rate_Hz) for name, rate_Hz in held.background_Hz)
    return replace(held, background_Hz=by_name)


def _part(field: MeanField, rate_Hz: np.ndarray, pushed: float) -> float:
    """Return the part of the feedback at given rates with which theory answers a push as spikes do.

    It is looked for from 0 to where theory becomes unstable.
    """
    excites = field.excitatory.any(axis=0)
    share = np.where(excites, field.size, 0) / field.size[excites].sum()
    rest_Hz = float(share @ rate_Hz)
    push = np.where(excites, field.background_gain(rate_Hz) * field.background_Hz, 0.0)
    feedback = field.feedback(rate_Hz)

    def over(part: float) -> float:
        answer = np.linalg.solve(np.eye(len(push)) - part * feedback, push)
        return float(share @ answer) / rest_Hz - pushed

    most = 0.999 / np.linalg.eigvals(feedback).real.max()
    ends = over(0.0), over(most)
    if ends[0] < 0 < ends[1]:
        return float(root_scalar(over, bracket=(0.0, most)).root)
    return most if ends[1] < 0 else 0.0


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study."""
    recipe = chosen_recipe(config.recipe, config.neurons_per_region)
    conditions = [
        Condition(name, config.seeds, given={"recipe": recipe.replace(**changed).as_dict()})
        for name, changed in RECIPES.items()
        if name in config.recipes
    ]
    same = {"dataset": config.dataset, **{name: getattr(config, name) for name in NUMBERS}}
    arms = perform(runner, beside_spikes, conditions, **same)
    values = {
        "over_spikes": {name: _over(arm, "theory_Hz") for name, arm in arms.items()},
        "less": {less: {name: _over(arm, less) for name, arm in arms.items()} for less in LESS},
        "rate_Hz": {name: _mean(arm, "spikes_Hz") for name, arm in arms.items()},
        "target_Hz": {name: _mean(arm, "target_Hz") for name, arm in arms.items()},
        "eigenvalue": {
            name: float(arm.column(lambda r: r["eigenvalue"]).mean()) if arm.n else None
            for name, arm in arms.items()
        },
        "eigenvalue_spikes": {
            name: float(arm.column(lambda r: r["part"] * r["eigenvalue_there"]).mean())
            if arm.n
            else None
            for name, arm in arms.items()
        },
        "n": {name: arm.n for name, arm in arms.items()},
        **lost(arms),
    }
    return Result(
        values=values, verdict=verdict(values), rows=_rows(values, arms), data=_drawn(arms)
    )


def _drawn(arms: Mapping[str, Arm]) -> dict[str, np.ndarray]:
    """Return what the picture shows, means over runs: "spikes_Hz as shipped E" and the like."""
    found = {}
    for name, arm in arms.items():
        for p in _populations(arm):
            for what in SHOWN:
                found[f"{what} {name} {p}"] = arm.column(lambda r, w=what, p=p: r[w][p]).mean(
                    axis=0
                )
    return found


def _populations(arm: Arm) -> list[str]:
    return list(arm.measured[0]["spikes_Hz"]) if arm.n else []


def _ratio(arm: Arm, what: str, population: str) -> np.ndarray:
    """Return a theory's mean rate over that of spikes (run,)."""
    return arm.column(lambda r: r[what][population].mean() / r["spikes_Hz"][population].mean())


def _over(arm: Arm, what: str) -> dict[str, float]:
    return {p: float(_ratio(arm, what, p).mean()) for p in _populations(arm)}


def _mean(arm: Arm, what: str) -> dict[str, float]:
    return {p: float(arm.column(lambda r, p=p: r[what][p]).mean()) for p in _populations(arm)}


# ---- what is shown ------------------------------------------------------------------------------


def _rows(values: Values, arms: Mapping[str, Arm]) -> tuple[Row, ...]:
    """Return theory over spikes for each recipe and population, then those that know less."""
    rows = []
    for name, arm in arms.items():
        for p in _populations(arm):
            x = _ratio(arm, "theory_Hz", p)
            parts = ("/".join(f"{v:.2g}" for v in _parts(arm, w, p)) for w in ("spikes", "theory"))
            note = "10/50/90 % of neurons under {} Hz, theory {}".format(*parts)
            rows.append(
                judge(
                    f"{p}, {name}",
                    float(x.mean()),
                    interval=t_interval(x),
                    n=x.size,
                    unit="",
                    target=NEAR,
                    note=joined(f"{values['rate_Hz'][name][p]:.2f} Hz in spikes", note, arm.lost),
                )
            )
        if not arm.n:
            rows.append(judge(name, None, n=0, unit="", target=NEAR, note=arm.lost))
    for name, value in values["eigenvalue"].items():
        at = ", ".join(f"{p} {x:.2f} Hz" for p, x in values["target_Hz"][name].items())
        off = ", ".join(f"{p} {x:.2f}" for p, x in values["rate_Hz"][name].items())
        note = f"of theory's working point at {at}; in spikes there {off}"
        rows.append(
            judge(
                f"eigenvalue, {name}",
                value,
                n=values["n"][name],
                unit="",
                otherwise=Verdict.REPORTED,
                note=note,
            )
        )
    for name, arm in arms.items():
        if not arm.n:
            continue
        part, there = (arm.column(lambda r, w=w: r[w]) for w in ("part", "eigenvalue_there"))
        pushed = arm.column(lambda r: r["pushed"]).mean()
        rows.append(
            judge(
                f"eigenvalue in spikes, {name}",
                float((part * there).mean()),
                interval=t_interval(part * there),
                n=part.size,
                unit="",
                otherwise=Verdict.REPORTED,
                note=f"{part.mean():.2f} of theory's {there.mean():.2f} at the rates of spikes; "
                f"0.1 % more background of E, {pushed / 10:.1f} % more spikes",
            )
        )
    for what, found in (("theory", values["over_spikes"]), *values["less"].items()):
        error = _errors(found)
        rows.append(
            judge(
                f"mean error, {what}",
                100 * float(np.mean(error)) if error else None,
                n=len(error),
                unit="%",
                otherwise=Verdict.REPORTED if what == "theory" else Verdict.BASELINE,
                note=f"over recipes and populations; at most {100 * max(error, default=0):.0f} %",
            )
        )
    return tuple(rows)


def _parts(arm: Arm, what: str, population: str) -> np.ndarray:
    return arm.column(lambda r: r[f"parts_{what}_Hz"][population]).mean(axis=0)


def _errors(over: Mapping[str, Mapping[str, float]]) -> list[float]:
    """Return how far theory over spikes is from 1, for each recipe and population."""
    return [abs(x - 1) for found in over.values() for x in found.values()]


def verdict(values: Values) -> str:
    """Return what the figures come to."""
    error = _errors(values["over_spikes"])
    if not error:
        return "No brain could be measured."
    n = sum(x <= 0.1 for x in error)
    less = "; ".join(
        f"theory {what} is off by {100 * float(np.mean(_errors(found))):.0f} %"
        for what, found in values["less"].items()
    )
    return (
        f"At the rates that brains have, theory is off by {100 * float(np.mean(error)):.0f} % in "
        f"the mean, {100 * max(error):.0f} % at most, and within a tenth for {n} of {len(error)} "
        f"populations of {len(values['over_spikes'])} recipes; {less}."
    )


def figures(result: Result) -> "dict[str, Figure]":
    """Return theory beside spikes: the rates of regions, and how unlike neurons are."""
    from encephagen.figures import style

    d = result.data
    with style.styled(7.2, 3.2) as figure:
        rates, neurons = figure.subplots(1, 2)
        for k, (name, found) in enumerate(result.values["rate_Hz"].items()):
            for marker, p in zip("os^v", found, strict=False):
                at, label = f"{name} {p}", name if marker == "o" else None
                x, y = d[f"spikes_Hz {at}"], d[f"theory_Hz {at}"]
                rates.plot(x, y, marker, ms=2, color=f"C{k}", label=label)
                x, y = d[f"parts_spikes_Hz {at}"], d[f"parts_theory_Hz {at}"]
                neurons.plot(x, y, f"-{marker}", ms=3, lw=0.7, color=f"C{k}")
        rates.set_title("Regions (circles E, squares I)")
        neurons.set_title("10, 50 and 90 % of neurons")
        for axes in (rates, neurons):
            axes.set(xscale="log", yscale="log", xlabel="spikes (Hz)", ylabel="theory (Hz)")
            axes.axline((1, 1), (10, 10), color="0.7", lw=0.7, zorder=0)
        rates.legend(fontsize=6)
    return {"beside-spikes": figure}
