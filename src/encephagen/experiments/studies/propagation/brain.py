"""One brain of the study of propagation: pulsed, and what each region answers."""

from collections.abc import Sequence

import numpy as np

from encephagen.analysis import propagation
from encephagen.analysis.propagation import Trials
from encephagen.brain.recipe import Recipe
from encephagen.brain.spec import Brain
from encephagen.connectome.datasets import load
from encephagen.experiments.brains import Values, calibrated, refusing, told, wired
from encephagen.network.build import build
from encephagen.tasks.pulses import Step, Timing, present_shuffled
from encephagen.units import MS_PER_S
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import WorkingPoint
from encephagen.working_point.whole import whole_brain

BIN_MS = 5.0
FEATURE_MS = 50.0
"""Width of the successive windows of a response whose rates decode it."""

PEAK_MS = 10.0
"""Width of the bins whose largest rate is the peak of the source."""


@told
def respond(
    dataset: str,
    null: str | None,
    anew: bool,
    seed: int,
    recipe: Values,
    working_point: Values | None,
    sites: list[list[str]],
    amplitudes_pA: list[float],
    pulse_ms: float,
    trials: int,
    shams: int,
    before_ms: float,
    after_ms: float,
    window_ms: float,
    rest_ms: float,
    settle_s: float,
) -> Values:
    """Stimulate one brain; ``seed`` is that of null, wiring, noise and order.

    ``anew``: it is brought to the recipe's working point (`tuned`), and not as the recipe has it,
    at ``working_point``, or at the one that the recipe keeps.
    Returns arrays (stimulus, amplitude, ...), without amplitude for what it does not change.
    """
    connectome, numbers = wired(dataset, null, seed), Recipe.from_dict(recipe)
    if anew:
        brain, numbers = calibrated(connectome, numbers, seed, original=load(dataset))
    else:
        point = None if working_point is None else WorkingPoint.from_dict(working_point)
        brain = whole_brain(connectome, numbers, point, wiring_seed=seed)
    with refusing():  # a brain that is silent
        shown = present_shuffled(
            build(brain, seed=seed),
            [Step(tuple(site), pA, pulse_ms) for site in sites for pA in amplitudes_pA],
            n_trials=trials,
            n_shams=shams,
            timing=Timing(before_ms, after_ms, settle_s * MS_PER_S, BIN_MS),
            seed=seed,
        )
    sources = [brain.connectome.indices(site) for site in sites]
    of_pulse = [source for source in sources for _ in amplitudes_pA]
    measured = [
        {
            **_response(p, shown.shams, source, pulse_ms, window_ms, seed),
            **_rest(p, shown.shams, rest_ms, stuck),
        }
        for p, source, stuck in zip(shown.pulses, of_pulse, shown.stuck, strict=True)
    ]
    n = len(amplitudes_pA)
    decoded = [_decoded(shown.pulses[a::n], window_ms, seed) for a in range(n)]
    ways = [_ways(brain, shown.rest_Hz, source, numbers) for source in sources]
    none = propagation.reach(
        shown.shams.take(np.arange(shams) % 3 == 0),
        shown.shams.take(np.arange(shams) % 3 > 0),
        [],
        window_ms=(0.0, window_ms),
        seed=seed,
    )
    return {
        "alarms": [],
        **_stacked(measured, (len(sources), n)),
        **_stacked(decoded, (n,)),
        **_stacked(ways, (len(sources),)),
        "sham_reach": int(none.responded.sum() + none.suppressed.sum()),
        "rate_Hz": shown.shams.rate_Hz.mean(axis=(0, 1)),
        "velocity_mm_per_ms": numbers.cortex.velocity_mm_per_ms,
    }


def _response(
    pulses: Trials,
    shams: Trials,
    source: np.ndarray,
    pulse_ms: float,
    window_ms: float,
    seed: int,
) -> Values:
    """Return who answers a pulse, how strongly, and when."""
    found = propagation.reach(pulses, shams, source, window_ms=(0.0, window_ms), seed=seed)
    edges_ms = np.arange(0.0, pulse_ms - PEAK_MS + 1e-9, PEAK_MS)
    fired_Hz = [pulses.mean(t, t + PEAK_MS)[:, source].mean() for t in edges_ms]
    return {
        "responded": found.responded,
        "suppressed": found.suppressed,
        "change_Hz": found.change_Hz,
        "effect": found.effect,
        "course_Hz": propagation.course_Hz(pulses, shams).astype(np.float32),
        "source_peak_Hz": max(fired_Hz),
        "source_mean_Hz": np.mean(fired_Hz),
    }


def _rest(pulses: Trials, shams: Trials, rest_ms: float, stuck: np.ndarray) -> Values:
    """Return what is left at the end, and whether that is rest, after every trial."""
    left = propagation.rest(pulses, shams, rest_ms)
    return {"rest_ratio": left.ratio, "returned": left.returned and not stuck.any()}


def _decoded(pulses: Sequence[Trials], window_ms: float, seed: int) -> Values:
    """Return how well each region tells the stimuli of one amplitude apart."""
    edges_ms = np.arange(0.0, window_ms, FEATURE_MS)
    features = np.concatenate(
        [np.stack([p.mean(t, t + FEATURE_MS) for t in edges_ms], axis=2) for p in pulses]
    )
    labels = np.repeat(np.arange(len(pulses)), [p.n for p in pulses])
    found = propagation.decode(features, labels, seed=seed)
    decodes = found.p_corrected < propagation.ALPHA
    return {"recall": found.recall, "decodes": decodes, "chance": found.chance}


def _ways(brain: Brain, rest_Hz: np.ndarray, source: np.ndarray, recipe: Recipe) -> Values:
    """Return what joins each region (region,) to a source: weight, theory's gain, delays."""
    direct_ms, fastest_ms = propagation.tract_delay_ms(
        brain.connectome, source, recipe.cortex.velocity_mm_per_ms
    )
    return {
        "weight": brain.connectome.weights[:, source].sum(axis=1),
        "linear": _linear(brain, rest_Hz, source),
        "direct_ms": direct_ms,
        "fastest_ms": fastest_ms,
    }


def _linear(brain: Brain, rest_Hz: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return what theory adds to each region (region,) per Hz that the source is pushed by.

    All paths are counted: (1 - F)^-1, with F the linearised network at the rates measured, as far
    as spikes show it (`MeanField.in_spikes`).
    """
    field = MeanField.of(brain)
    rate_Hz = field.by_unit(rest_Hz)
    feedback = field.in_spikes(rate_Hz).feedback(rate_Hz)
    push = field.excitatory[source].any(axis=0).astype(float)
    pushed = field.excitatory @ np.linalg.solve(np.eye(field.size.size) - feedback, push)
    return np.where(field.excitatory.any(axis=1), pushed, np.nan)


def _stacked(found: Sequence[Values], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return dicts of equal names as arrays (*shape, ...)."""
    return {
        name: np.array([f[name] for f in found]).reshape(*shape, *np.shape(value))
        for name, value in found[0].items()
    }
