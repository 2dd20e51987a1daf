"""Does the brain at rest have a rhythm of its own, and what makes it?

The spectrum of the excitatory rate of cortex is a slope, 1/f^n, with or without a peak on it. A
rhythm is a peak that stands out; its strength is the power in a band over the slope fitted to all
of it. Both are measured in a brain whose cortex and thalamus are a loop, in the same brain where
the thalamus hears the cortex and does not answer, in a cortex alone, in regions without long-range
connections (what local loops give), in null wirings, and in the very spikes of the first with each
neuron's train shifted by a time of its own: rates and intervals stay, what neurons do together
goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.analysis import spectra
from encephagen.analysis.statistics import Comparison
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.datasets import load
from encephagen.experiments.brains import Values, calibrated, healthy, rested, told, wired
from encephagen.experiments.design import (
    FEWEST,
    REAL,
    Arm,
    Condition,
    against,
    check_enough,
    joined,
    lost,
    perform,
    table,
)
from encephagen.experiments.prepare import at_least, chosen_recipe
from encephagen.experiments.prepare import brain_digest as brain_digest
from encephagen.experiments.result import Result
from encephagen.experiments.runner import Runner
from encephagen.recording import Recording, assemble
from encephagen.recording.probe import Probe
from encephagen.rng import stream
from encephagen.units import MS_PER_S
from encephagen.validation.targets import Row, Target, Verdict, judge

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Left alone, the brain oscillates: neurons repeat every 2 ms, and the network at about 50 Hz "
    "(the second half of claim 30 of the first encephagen)."
)
CLAIMED_HZ = 50.0
RANGE_HZ = (2.0, 200.0)
"""Where peaks are looked for: bins of 2 ms end at 250 Hz."""

BANDS = {"alpha": (8.0, 12.0), "beta": (13.0, 30.0), "gamma": (30.0, 80.0)}
"""Bands of rhythms in people (Buzsaki and Draguhn 2004, doi 10.1126/science.1099745)."""

NUMBERS = ("rounds", "round_s", "settle_s", "seconds")
CLAIMED = Target("gamma", 1.5, None, "", "free; half more power than the slope has there")
STANDS_OUT = Target("alpha", 1.5, None, "", "free; half more power than the slope has there")
NO_RHYTHM = Target("alpha, spikes shifted", None, 1.5, "", "free; no rhythm left")
MOST = Target("brains with alpha", 0.8, None, "", "free; most people have one with closed eyes")
NONE = Target("brains with alpha, no loop", None, 0.0, "", "free; then the loop makes it")
TARGETS = {"alpha": {REAL: STANDS_OUT, "shifted": NO_RHYTHM}, "gamma": {REAL: CLAIMED}}
"""What is asked of the strength of a band, by arm."""
NO_LOOP, ALONE, ISOLATED = "no loop", "cortex alone", "isolated"


@dataclass(frozen=True)
class Config:
    """The numbers of the study; about half an hour on two cores.

    dataset             connectome with a thalamus, by name or path
    cortex              that of its cortex alone, by name or path
    seeds               of the real wiring, and of each control that is none
    nulls               instances of each of null_kinds
    null_kinds          kinds of null wirings
    recipe              one with [thalamus]: a TOML file, or a shipped name
    cortex_recipe       that of the cortex alone
    seconds             recorded
    settle_s            thrown away before
    rounds, round_s     of the calibration: how many, and how long each
    neurons_per_region  of every brain
    """

    dataset: str = "hcp-aal2-94"
    cortex: str = "hcp-aal2"
    seeds: int = 10
    nulls: int = 10
    null_kinds: tuple[str, ...] = ("weight-shuffle",)
    recipe: str = "resting_brain"
    cortex_recipe: str = "resting_cortex"
    seconds: float = 30.0
    settle_s: float = 3.0
    rounds: int = 5
    round_s: float = 4.0
    neurons_per_region: int = 200

    def __post_init__(self) -> None:
        at_least(self, seeds=FEWEST, nulls=FEWEST)

    @property
    def n_runs(self) -> int:
        """Independent runs."""
        return 4 * self.seeds + self.nulls * len(self.null_kinds)

    @classmethod
    def tiny(cls) -> "Config":
        """Return a study of seconds, whose figures mean nothing."""
        return cls(
            seeds=2,
            nulls=2,
            seconds=2.0,
            settle_s=0.5,
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
    rounds: int,
    round_s: float,
    settle_s: float,
    seconds: float,
) -> Values:
    """Calibrate and run one brain; ``seed`` is that of null, wiring and noise.

    {"frequency_Hz", "power" (frequency,), "shot_noise", "peak_Hz": of the strongest peak, None
    without one, "alpha_Hz": of the strongest in that band, "bands": power over the slope, and the
    same of "shifted" spikes, "alarms"}
    """
    connectome = wired(dataset, null, seed)
    original = None if null is None else load(dataset)
    brain, _ = calibrated(
        connectome,
        Recipe.from_dict(recipe),
        seed,
        original=original,
        rounds=rounds,
        seconds=round_s,
    )
    recording = rested(brain, seed, settle_s).record(seconds * MS_PER_S, probe=Probe())
    alarms = healthy(recording)
    spectrum = spectra.power_spectrum(recording)
    return {
        "alarms": alarms,
        "frequency_Hz": spectrum["frequency_Hz"].values,
        "power": spectrum["power"].values,
        "shot_noise": float(spectrum["shot_noise"]),
        "peak_Hz": strongest_Hz(spectrum),
        "alpha_Hz": strongest_Hz(spectrum, BANDS["alpha"]),
        "bands": over_slope(spectrum),
        "shifted": over_slope(spectra.power_spectrum(shifted(recording, connectome, seed))),
    }


def strongest_Hz(spectrum: Any, band_Hz: tuple[float, float] = RANGE_HZ) -> float | None:
    """Return the frequency of the strongest peak in a band, None if none stands out there."""
    found = spectra.peaks(spectrum, *RANGE_HZ)["frequency_Hz"].values
    found = found[(found >= band_Hz[0]) & (found <= band_Hz[1])]
    return float(found[0]) if found.size else None


def over_slope(spectrum: Any) -> dict[str, float]:
    """Return the power of each band over that of the slope, the mean over it; 1 is no rhythm."""
    line = spectra.slope(spectrum, *RANGE_HZ)
    frequency_Hz, power = spectrum["frequency_Hz"].values, spectrum["power"].values
    slope = 10.0 ** (line["slope"].item() * np.log10(frequency_Hz) + line["offset"].item())
    return {
        name: float((power / slope)[(frequency_Hz >= low) & (frequency_Hz < high)].mean())
        for name, (low, high) in BANDS.items()
    }


def shifted(recording: Recording, connectome: Connectome, seed: int) -> Recording:
    """Return a recording in which each neuron's train is shifted, round the ends, by its own time.

    Rates and intervals stay as they are, but for one of each neuron; nothing is in common any more.
    """
    n = recording.n_steps
    by = stream(seed, "shifted spikes").integers(n, size=recording.data["neuron_region"].size)
    steps = (recording.spike_steps - recording.start_step + by[recording.spike_neurons]) % n
    return assemble(
        steps + recording.start_step,
        recording.spike_neurons,
        dt_ms=recording.dt_ms,
        start_step=recording.start_step,
        n_steps=n,
        regions=connectome.regions,
        populations=recording.populations,
        excites=recording.excites.tolist(),
        at_rest_Hz=recording.at_rest_Hz,
        neuron_region=recording.data["neuron_region"].values,
        neuron_population=recording.data["neuron_population"].values,
        bin_ms=recording.bin_ms,
    )


# ---- all brains ---------------------------------------------------------------------------------


def run(config: Config, runner: Runner) -> Result:
    """Run the study. Raises ValueError if the real wiring runs away, or has no working point."""
    arms = _arms(config, runner)
    check_enough(arms[REAL])
    strength = {
        arm: {name: one.column(lambda r, name=name: r["bands"][name]) for name in BANDS}
        for arm, one in arms.items()
    }
    strength["shifted"] = {
        name: arms[REAL].column(lambda r, name=name: r["shifted"][name]) for name in BANDS
    }
    compared = {kind: against(strength[REAL], strength[kind]) for kind in config.null_kinds}
    peaks = {name: [r["peak_Hz"] for r in arm.measured] for name, arm in arms.items()}
    values = {
        "peak_Hz": {arm: _median(found) for arm, found in peaks.items()},
        "with_peak": {arm: sum(x is not None for x in found) for arm, found in peaks.items()},
        "alpha_Hz": _median([r["alpha_Hz"] for r in arms[REAL].measured]),
        "with_alpha": {
            name: sum(r["alpha_Hz"] is not None for r in arm.measured) for name, arm in arms.items()
        },
        "bands": {
            arm: {name: float(x.mean()) if x.size else None for name, x in bands.items()}
            for arm, bands in strength.items()
        },
        "nulls": {k: {n: c.as_dict() for n, c in x.items()} for k, x in compared.items() if x},
        "n": {name: arm.n for name, arm in arms.items()},
        **lost(arms),
    }
    return Result(
        values=values,
        verdict=verdict(values),
        rows=_rows(values, arms, strength, compared),
        data={
            "frequency_Hz": arms[REAL].measured[0]["frequency_Hz"],
            "shot_noise": arms[REAL].column(lambda r: r["shot_noise"]),
            "arms": np.array(list(strength)),
            **{
                f"power_{name}": arm.column(lambda r: r["power"])
                for name, arm in arms.items()
                if arm.n
            },
            **{f"alpha_{arm}": bands["alpha"] for arm, bands in strength.items()},
        },
    )


def _arms(config: Config, runner: Runner) -> dict[str, Arm]:
    """Return the runs of the real wiring, of its controls, and of each kind of null."""
    recipe, alone = (
        chosen_recipe(name, config.neurons_per_region)
        for name in (config.recipe, config.cortex_recipe)
    )
    no_loop = recipe.replace(weight_relay_exc_pA=0.0, weight_relay_inh_pA=0.0)
    isolated = no_loop.replace(long_weight_pA=0.0)

    def given(recipe: Recipe, dataset: str = config.dataset) -> Values:
        return {"recipe": recipe.as_dict(), "dataset": dataset}

    conditions = [
        Condition(REAL, config.seeds, given=given(recipe)),
        Condition(NO_LOOP, config.seeds, given=given(no_loop)),
        Condition(ALONE, config.seeds, given=given(alone, config.cortex)),
        Condition(ISOLATED, config.seeds, given=given(isolated)),
        *(Condition(kind, config.nulls, kind, given(recipe)) for kind in config.null_kinds),
    ]
    same = {name: getattr(config, name) for name in NUMBERS}
    return perform(runner, at_rest, conditions, **same)


def _median(found: list[float | None]) -> float | None:
    known = [x for x in found if x is not None]
    return float(np.median(known)) if known else None


# ---- what is shown ------------------------------------------------------------------------------


def _rows(
    values: Values,
    arms: Mapping[str, Arm],
    strength: Mapping[str, Mapping[str, np.ndarray]],
    compared: Mapping[str, Mapping[str, Comparison]],
) -> tuple[Row, ...]:
    """Return peaks, then the strength of each band in each arm, nulls with how they compare."""
    rows = []
    for name, peak_Hz in values["peak_Hz"].items():
        n, having = values["n"][name], values["with_peak"][name]
        note = f"the strongest peak, median over the {having} of {n} that have one"
        kind = Verdict.REPORTED if name == REAL else Verdict.BASELINE
        title = "peak" if name == REAL else f"peak, {name}"
        note = joined(note, arms[name].lost)
        rows.append(judge(title, peak_Hz, n=n, unit="Hz", otherwise=kind, note=note))
    for name, having in values["with_alpha"].items():
        n = values["n"][name]
        share = having / n if n else None
        title = "brains with alpha" if name == REAL else f"brains with alpha, {name}"
        note = f"a peak at {BANDS['alpha'][0]:g} to {BANDS['alpha'][1]:g} Hz, part of all"
        target = {REAL: MOST, NO_LOOP: NONE}.get(name)
        rows.append(judge(title, share, n=n, target=target, otherwise=Verdict.BASELINE, note=note))
    for band, (low, high) in BANDS.items():
        notes = {arm: found[band].sentence for arm, found in compared.items() if found}
        notes[REAL] = f"{low:g} to {high:g} Hz, power over the slope"
        lost_in = {name: arm.lost for name, arm in arms.items()}
        rows += table(
            band,
            {arm: bands[band] for arm, bands in strength.items()},
            targets=TARGETS.get(band, {}),
            notes={arm: joined(notes.get(arm), lost_in.get(arm)) for arm in strength},
        )
    return tuple(rows)


def verdict(values: Values) -> str:
    """Return what the figures come to. A rhythm is a peak that most brains have.

    A peak in one brain of ten stands on the shoulder that all have, and is no rhythm.
    """
    having, n = values["with_alpha"], values["n"]
    others = ", ".join(
        f"{having[arm]} of {n[arm]} {words}"
        for arm, words in (
            (NO_LOOP, "where the thalamus does not answer"),
            (ALONE, "of a cortex alone"),
            (ISOLATED, "of isolated regions"),
        )
        if n.get(arm)
    )
    there = "There is a rhythm" if having[REAL] >= MOST.low * n[REAL] else "There is no rhythm"
    alpha_Hz = values["alpha_Hz"]
    at = f", at {alpha_Hz:.1f} Hz (median)" if alpha_Hz is not None else ""
    bands = values["bands"]
    shifted = bands["shifted"]["alpha"]
    nulls = "; ".join(f"{kind}: {x['alpha']['verdict']}" for kind, x in values["nulls"].items())
    confirmed = "is confirmed" if CLAIMED.holds(bands[REAL]["gamma"]) else "is not confirmed"
    return (
        f"{there}: {having[REAL]} of {n[REAL]} brains with a thalamic loop have a peak at 8 to 12 "
        f"Hz{at}, {others}. Alpha has {bands[REAL]['alpha']:.2f} times the power of the slope, "
        f"{shifted:.2f} once spikes are shifted; beside nulls, {nulls or 'not compared'}. The "
        f"claim, a rhythm at {CLAIMED_HZ:g} Hz, {confirmed}: gamma has "
        f"{bands[REAL]['gamma']:.2f} times the power of the slope."
    )


def figures(result: Result) -> "dict[str, Figure]":
    """Return spectra of all arms, and the strength of alpha in each run."""
    from encephagen.figures import style
    from encephagen.figures.strip import strip

    d = result.data
    arms = d["arms"].tolist()
    with style.styled(7.2, 2.8) as figure:
        spectrum, alpha = figure.subplots(1, 2, width_ratios=(1.5, 1))
        frequency_Hz = d["frequency_Hz"]
        spectrum.axvspan(*BANDS["alpha"], color="0.95", zorder=0)
        colours = (style.SIMULATED, style.INHIBITORY, style.THIRD, style.NEUTRAL, "0.6")
        drawn = [arm for arm in arms if f"power_{arm}" in d]
        for arm, colour in zip(drawn, colours, strict=False):
            power = np.exp(np.log(d[f"power_{arm}"]).mean(axis=0))
            spectrum.loglog(frequency_Hz, power, color=colour, label=arm.replace("-", " "))
        spectrum.axhline(d["shot_noise"].mean(), color="0.6", ls="--", lw=0.7, label="shot noise")
        spectrum.set(xlabel="frequency (Hz)", ylabel="power (Hz²/Hz)", title="Whole cortex")
        spectrum.legend()
        strip(alpha, {arm.replace("-", " "): d[f"alpha_{arm}"] for arm in arms}, reference=1.0)
        alpha.set(ylabel="power over slope", title="Alpha")
    return {"spectra": figure}
