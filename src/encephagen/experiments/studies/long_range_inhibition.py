"""Do links of cortex that inhibit, estimated from fMRI, make a brain more like people?

Some links between regions inhibit beside what they excite: those that some people's fMRI suggests,
or as many drawn by chance. Two controls tell where from how much: as much inhibition within regions
and not between them, and brains whose long-range excitation grew until they were as near to the
edge of stability as without (`working_point.coupling`), as inhibition alone moves them away from
it. All are calibrated to the same rates, then rest, then see pulses.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen import rng
from encephagen.analysis import bold, fc, fc_correlation, group_fc, propagation
from encephagen.analysis.functional_connectivity.matrix import upper
from encephagen.analysis.statistics import Comparison
from encephagen.analysis.summary import summary
from encephagen.brain.long_range_inhibition import both_ways, estimated_links, inhibited, pairs
from encephagen.brain.recipe import LongRangeInhibition, Recipe
from encephagen.brain.spec import Brain
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import fmri, load
from encephagen.experiments.brains import Values, healthy, refusing, rested, told
from encephagen.experiments.design import (
    FEWEST,
    Arm,
    Condition,
    against,
    check_enough,
    lost,
    perform,
    table,
)
from encephagen.experiments.prepare import CALIBRATION_SEEDS, at_least, chosen_recipe
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.recording.probe import Probe
from encephagen.tasks.pulses import Timing, present_shuffled
from encephagen.tasks.stimulus import Step
from encephagen.units import MS_PER_S
from encephagen.validation.targets import Row, Verdict, judge
from encephagen.working_point.calibration import calibrate
from encephagen.working_point.coupling import coupled, leading_eigenvalue
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.whole import bare_brain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "About 30 % of the connections of cortex should inhibit; estimated from fMRI, they bring a "
    "brain's functional connectivity nearer to people's (proposed by the first encephagen; claimed "
    "here beside as many links drawn by chance)."
)
AS_IT_IS, ESTIMATED, DRAWN = "as it is", "estimated links", "drawn links"
LOCAL, AT_EDGE = "local inhibition", ", at the edge"
ARMS = (AS_IT_IS, *(arm + end for end in ("", AT_EDGE) for arm in (ESTIMATED, DRAWN, LOCAL)))
"""At the edge: long-range excitation is brought to the leading eigenvalue of the brain as it is."""
COMPARED = {"fc_training": "training FC r", "fc_held_out": "held-out FC r",
            "fc_theory": "theory's FC r", "fc_mean": "mean FC", "reach": "reach"}  # fmt: skip
REPORTED = {"suppressed": "suppressed", "rate_exc_Hz": "excitatory rate",
            "rate_inh_Hz": "inhibitory rate", "links_again": "links found again"}  # fmt: skip
AGREED = "links agreed"
ON_PAGE = (*COMPARED.values(), *REPORTED.values(), AGREED)
UNITS = {"reach": "regions", "suppressed": "regions", "rate_exc_Hz": "Hz", "rate_inh_Hz": "Hz"}
NUMBERS = ("training", "site", "amplitude_pA", "pulse_ms", "trials", "shams", "before_ms",
           "after_ms", "window_ms", "minutes", "settle_s", "rounds", "round_s")  # fmt: skip


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about 55 minutes on two cores.

    dataset             connectome with fMRI, by name or path
    seeds               of wiring and noise, of every condition but drawn links
    nulls               draws of links by chance, each in a brain of its own seed
    recipe              a TOML file, or a shipped name, of a brain without long-range inhibition
    training            the first so many subjects, by whom links are estimated
    share               of the links that inhibit, of all that have a fibre
    in_degree           long-range synapses that inhibit a neuron, mean over regions
    weight_pA           of these synapses
    minutes             recorded at rest
    site                regions that a pulse excites
    amplitude_pA        of a pulse
    pulse_ms            how long it lasts
    trials, shams       with a pulse, and without
    before_ms           of a trial before the onset
    after_ms            of a trial from the onset on
    window_ms           from the onset, in which a response is looked for
    settle_s            thrown away before
    rounds, round_s     of the calibration: how many, and how long each
    neurons_per_region  of every brain
    """

    dataset: str = "hcp-aal2"
    seeds: int = 5
    nulls: int = 20
    recipe: str = "resting_cortex"
    training: int = LongRangeInhibition.subjects_estimating
    share: float = LongRangeInhibition.share_inhibiting
    in_degree: float = LongRangeInhibition.in_degree_inhibiting
    weight_pA: float = LongRangeInhibition.weight_inhibiting_pA
    minutes: float = 5.0
    site: tuple[str, ...] = ("Calcarine_L", "Calcarine_R")
    amplitude_pA: float = 220.0
    pulse_ms: float = 150.0
    trials: int = 12
    shams: int = 36
    before_ms: float = 200.0
    after_ms: float = 1000.0
    window_ms: float = 300.0
    settle_s: float = 3.0
    rounds: int = 5
    round_s: float = 4.0
    neurons_per_region: int = 200

    def __post_init__(self) -> None:
        at_least(self, seeds=FEWEST, nulls=FEWEST, training=1)

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return sum(self.nulls if _is_drawn(arm) else self.seeds for arm in ARMS)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(
            seeds=2,
            nulls=2,
            minutes=0.6,
            amplitude_pA=800.0,
            trials=6,
            shams=18,
            before_ms=50.0,
            after_ms=350.0,
            settle_s=0.3,
            rounds=1,
            round_s=0.5,
            neurons_per_region=40,
        )


# ---- one brain ----------------------------------------------------------------------------------


@told
def at_rest(
    dataset: str,
    null: str | None,
    seed: int,
    recipe: Values,
    links: list[int],
    shuffled: bool,
    eigenvalue: float | None,
    training: int,
    site: list[str],
    amplitude_pA: float,
    pulse_ms: float,
    trials: int,
    shams: int,
    before_ms: float,
    after_ms: float,
    window_ms: float,
    minutes: float,
    settle_s: float,
    rounds: int,
    round_s: float,
) -> Values:
    """Calibrate one brain and record it at rest and under pulses.

    ``links`` are those of the `pairs` that inhibit; ``shuffled``: as many others, drawn by
    ``seed``, which is also that of wiring and noise. Long-range excitation is brought to a leading
    ``eigenvalue``; None leaves it.

    Returns the measures of `COMPARED` ("fc_theory": r of theory's FC with people held out, which
    has no noise) and `REPORTED`, "people_again": the share of people's links that its own BOLD
    gives, "long_in_degree" and "alarms".
    """
    assert null is None
    connectome, numbers = load(dataset), Recipe.from_dict(recipe)
    n = pairs(connectome)[0].size
    chosen = np.array(links, int)
    if shuffled:
        chosen = rng.stream(seed, "links").permutation(n)[: chosen.size]
    own = both_ways(connectome, chosen)
    make = partial(with_links, connectome, own)
    if eigenvalue is not None:
        numbers = coupled(make, numbers, eigenvalue)
    bare, from_seed = make(numbers), CALIBRATION_SEEDS * (seed + 1)
    brain = calibrate(bare, rounds=rounds, seconds=round_s, seed=from_seed).applied(bare)
    session = rested(brain, seed, settle_s)
    recording = session.record(minutes * 60.0 * MS_PER_S, probe=Probe(spikes=False))
    alarms, rates = healthy(recording), summary(recording)
    people = fmri(dataset)
    trained, held_out = (
        group_fc(people.isel(subject=part)) for part in (slice(training), slice(training, None))
    )
    signal = bold(recording, _tr_s(dataset))
    found = fc(signal)
    inhibition = numbers.long_range_inhibition
    assert inhibition is not None  # every arm has its table
    share = inhibition.share_inhibiting
    again = estimated_links(connectome, signal, share)
    of_people = estimated_links(connectome, people.isel(subject=slice(training)), share)
    with refusing():  # a brain that is silent
        shown = present_shuffled(
            session.network,
            [Step(tuple(site), amplitude_pA, pulse_ms)],
            n_trials=trials,
            n_shams=shams,
            timing=Timing(before_ms, after_ms, settle_s * MS_PER_S),
            seed=seed,
        )
    reach = propagation.reach(
        shown.pulses[0],
        shown.shams,
        connectome.indices(site),
        window_ms=(0.0, window_ms),
        seed=seed,
    )
    return {
        "alarms": alarms,
        "fc_training": fc_correlation(found, trained),
        "fc_held_out": fc_correlation(found, held_out),
        "fc_theory": fc_correlation(found.copy(data=_theory(bare)), held_out),
        "fc_mean": float(upper(found).mean()),
        "reach": reach.n,
        "suppressed": int(reach.suppressed.sum()),
        "rate_exc_Hz": rates["rate_exc_Hz"],
        "rate_inh_Hz": rates["rate_inh_Hz"],
        "links_again": shared(own, again) if chosen.size else None,
        "people_again": shared(of_people, again),
        "long_in_degree": numbers.cortex.long_in_degree,
    }


def with_links(connectome: Connectome, links: np.ndarray, recipe: Recipe) -> Brain:
    """Return the brain of a recipe, before any working point, with links of our own choice."""
    plain = dataclasses.replace(recipe, long_range_inhibition=None, base=None)
    return inhibited(bare_brain(connectome, plain), recipe, links)


def _theory(brain: Brain) -> np.ndarray:
    """Return the FC (region, region) of the mean field, as spikes show it."""
    field, rate_Hz = MeanField.of(brain).balanced()
    return field.in_spikes(rate_Hz).correlation(rate_Hz)


def shared(links: np.ndarray, others: np.ndarray) -> float:
    """Return the share of links that are among others too; by chance, the share of all links."""
    return float((links & others).sum() / max(1, links.sum()))


def _tr_s(dataset: str) -> float:
    time_s = fmri(dataset)["time_s"].values
    return float(time_s[1] - time_s[0])


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError where links cannot be estimated, or nobody is held out."""
    connectome, links = load(config.dataset), _links(config)
    arms = _arms(config, runner, connectome, links["training"])
    check_enough(arms[AS_IT_IS])
    measured = {
        name: {key: arm.column(partial(_known, key)) for key in (*COMPARED, *REPORTED)}
        for name, arm in arms.items()
    }
    compared = {
        end: against(
            *({key: measured[arm + end][key] for key in COMPARED} for arm in (ESTIMATED, DRAWN))
        )
        for end in ("", AT_EDGE)
    }
    whole = connectome.lengths_mm
    assert whole is not None  # or there were no delays
    values = {
        "measured": {
            name: {key: _mean(x) for key, x in of.items()} for name, of in measured.items()
        },
        "people_again": {
            name: _mean(arm.column(lambda r: r["people_again"])) for name, arm in arms.items()
        },
        "long_in_degree": {
            name: _mean(arm.column(lambda r: r["long_in_degree"])) for name, arm in arms.items()
        },
        "compared": {
            (ESTIMATED + end): {key: c.as_dict() for key, c in found.items()}
            for end, found in compared.items()
        },
        "share": config.share,
        "links_agreed": shared(links["training"], links["held out"]),
        "links_mm": float(np.median(whole[links["training"]])) if config.share else None,
        "all_mm": float(np.median(whole[pairs(connectome)])),
        "n": {name: arm.n for name, arm in arms.items()},
        **lost(arms),
    }
    return Result(
        values=values,
        verdict=verdict(values),
        rows=_rows(values, arms, measured, compared),
        data={
            f"{key} {name}": x
            for name, of in measured.items()
            for key, x in of.items()
            if key in COMPARED
        },
    )


def _links(config: Config) -> dict[str, np.ndarray]:
    """Return the links (region, region) by the subjects of training, and by those held out."""
    people, connectome = fmri(config.dataset), load(config.dataset)
    n = people.sizes["subject"]
    if not config.training < n:
        raise ValueError(
            f"training {config.training} of {n} subjects: expected fewer, so that some are held out"
        )
    parts = {"training": slice(config.training), "held out": slice(config.training, None)}
    return {
        name: estimated_links(connectome, people.isel(subject=part), config.share)
        for name, part in parts.items()
    }


def _arms(
    config: Config, runner: Runner, connectome: Connectome, links: np.ndarray
) -> dict[str, Arm]:
    recipe = dataclasses.replace(
        chosen_recipe(config.recipe, config.neurons_per_region),
        long_range_inhibition=LongRangeInhibition(
            config.share, config.training, config.in_degree, config.weight_pA
        ),
    )
    more = more_local(recipe)
    none = np.zeros_like(links)
    edge = leading_eigenvalue(with_links(connectome, none, recipe))
    chosen = np.flatnonzero(links[pairs(connectome)]).tolist()
    conditions = []
    for name in ARMS:
        arm = name.removesuffix(AT_EDGE)
        given = {
            "recipe": (more if arm == LOCAL else recipe).as_dict(),
            "links": chosen if arm in (ESTIMATED, DRAWN) else [],
            "shuffled": _is_drawn(arm),
            "eigenvalue": edge if name.endswith(AT_EDGE) else None,
        }
        n = config.nulls if _is_drawn(arm) else config.seeds
        conditions.append(Condition(name, n, given=given))
    same: dict[str, Any] = {name: getattr(config, name) for name in NUMBERS}
    same |= {"dataset": config.dataset, "site": list(config.site)}
    return perform(runner, at_rest, conditions, **same)


def more_local(recipe: Recipe) -> Recipe:
    """Return a recipe whose local inhibition of a neuron that excites is as much stronger.

    As is what the long-range one adds on the mean, where the neurons that inhibit fire as before.
    """
    numbers, cortex = recipe.long_range_inhibition, recipe.cortex
    assert numbers is not None
    local = cortex.local_in_degree_inh or cortex.n_inh * cortex.local_probability
    more_pA = numbers.in_degree_inhibiting * numbers.weight_inhibiting_pA / local
    return recipe.replace(weight_ie_pA=cortex.weight_ie_pA + more_pA)


def _is_drawn(arm: str) -> bool:
    return arm.removesuffix(AT_EDGE) == DRAWN


def _known(key: str, one: Values) -> float:
    return np.nan if one[key] is None else float(one[key])


def _mean(x: np.ndarray) -> float | None:
    return float(x.mean()) if x.size and np.isfinite(x).all() else None


# ---- what is shown ------------------------------------------------------------------------------


def _rows(
    values: Values,
    arms: Mapping[str, Arm],
    measured: Mapping[str, Mapping[str, np.ndarray]],
    compared: Mapping[str, Mapping[str, Comparison]],
) -> tuple[Row, ...]:
    """Return estimated over drawn links, then each measure by arm, then what links are worth."""
    rows = [_where(end, key, found) for end, found in compared.items() for key in COMPARED]
    for key, title in (COMPARED | REPORTED).items():
        of = {name: x[key] for name, x in measured.items() if np.isfinite(x[key]).all()}
        notes = {name: arms[name].lost for name in of} if key == next(iter(COMPARED)) else {}
        if key == "links_again":
            notes = dict.fromkeys(of, f"by its own BOLD; {values['share']:g} by chance")
        told_of = table(title, of, unit=UNITS.get(key, ""), notes=notes)
        if of and next(iter(of)) != AS_IT_IS:  # the table tells the first arm without its name
            told_of[0] = dataclasses.replace(told_of[0], name=f"{title}, {next(iter(of))}")
        rows += told_of
    note = f"share of the links of training that held-out people give too; {values['share']:g} by "
    rows.append(judge(AGREED, values["links_agreed"], n=1, note=f"{note}chance"))
    return tuple(rows)


def _where(end: str, key: str, compared: Mapping[str, Comparison]) -> Row:
    """Return the row of what estimated links give over drawn ones."""
    found = compared.get(key)
    return judge(
        f"{COMPARED[key]}, estimated over drawn{end}",
        None if found is None else found.difference,
        interval=None if found is None else (found.low, found.high),
        n=0 if found is None else len(found.nulls),
        unit=UNITS.get(key, ""),
        otherwise=Verdict.REPORTED,
        note="" if found is None else _words(found.sentence),
    )


def _words(told: str) -> str:
    """Return how two arms compare; estimated links are the "real wiring" of a `Comparison`."""
    return told.replace("real wiring ", "").replace("nulls", "draws")


def verdict(values: Values) -> str:
    """Return what the figures come to."""

    digits = {"fc_held_out": 3, "fc_mean": 2, "reach": 0}

    def fig(arm: str, key: str) -> str:
        x = values["measured"][arm][key]
        return "not measured" if x is None else f"{x:.{digits[key]}f}"

    def where(end: str) -> str:
        c = values["compared"][ESTIMATED + end].get("fc_held_out")
        if c is None:
            return "not compared"
        seen, n = c["detectable_difference"], len(c["nulls"])
        least = f"{seen:.2g} or more would have been seen" if seen else f"{n} draws are too few"
        return f"{_words(c['verdict'])}, by {c['difference']:+.3f} ({least})"

    by_arm = "; ".join(
        f"{arm}, {fig(arm, 'fc_held_out')}, {fig(arm, 'fc_mean')} and {fig(arm, 'reach')}"
        for arm in ARMS
    )
    return (
        f"FC r with people held out, mean FC and reach are: {by_arm}. Estimated beside drawn "
        f"links, FC r with people held out is {where('')}; at the edge, {where(AT_EDGE)}. "
        f"People held out give {values['links_agreed']:.2f} of the same links, "
        f"{values['share']:g} by chance."
    )


def figures(result: Result) -> "dict[str, Figure]":
    """Return what is compared, by arm."""
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    shown = ("fc_held_out", "fc_mean", "reach")
    with style.styled(7.2, 6.4) as figure:
        for axes, key in zip(figure.subplots(len(shown), 1), shown, strict=True):
            strip(axes, {arm: result.data[f"{key} {arm}"] for arm in ARMS})
            axes.set(ylabel=COMPARED[key])
    return {"arms": figure}
