"""Calibration: the same working point for any wiring, measured in spikes.

Theory puts every region near its target rate (`brain.balance`); close to the edge of stability,
what it misses is amplified. A few short runs measure the miss, and the linearised network says
which background would undo it. The background then stays as it is: homeostasis that is slower than
everything that is measured afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from encephagen.brain.balance import EXCITATORY, with_background
from encephagen.brain.cortex import cortex
from encephagen.brain.mean_field import MeanField
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S

ROUNDS = 8
SECONDS = 4.0
SETTLE_S = 3.0
"""Left out at the start of a round (free): 30 times the slowest synapse."""

STEP = 0.5
"""Part of the correction that each of the first `EARLY` rounds makes (free); later ones make less
and less, 1/round, and so average over wirings and noise (Robbins and Monro 1951,
doi 10.1214/aoms/1177729586)."""
EARLY = 3

FEEDBACK = 0.7
"""Part of the feedback of theory that spikes show (measured: with 1.0 the corrections of 8 rounds
stayed far too small, with 0.5 they overshot; theory takes the few strong inhibitory synapses of a
neuron for a diffusion)."""

LARGEST_STEP = 0.1
"""Largest change of the logarithm of a background in one round (free)."""

FLOOR_HZ = 0.05
"""Rate from which a silent region is taken to start (free)."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was found: ``recipe`` with its background factors, and how it was found.

    ``rate_Hz`` (round, region): rates of E that each round measured, before its correction.
    """

    recipe: Recipe
    rate_Hz: np.ndarray


def calibrate(
    connectome: Connectome,
    recipe: Recipe,
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    seed: int = 0,
    threads: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Return the recipe whose background makes E of all regions fire at ``recipe.rate_exc_Hz``.

    Every round builds another wiring (seeds from ``seed`` on), so that what is found holds for the
    connectome and not for one draw of synapses. With x the target, r the rates measured and J the
    linearised network (`MeanField.feedback`), the background b of E changes by

        d b = -step [(1 - FEEDBACK J) x log(r / x)]_E / (d rate / d b)

    ``progress`` is called with rounds done and all. Raises ValueError for a recipe without a target
    rate, for fewer than one round, and where theory finds no start (`MeanField.balanced`).
    """
    if recipe.rate_exc_Hz <= 0:
        raise ValueError(
            f"recipe rate_exc_Hz = {recipe.rate_exc_Hz:g}: nothing to calibrate to; give the rate "
            "(Hz) at which excitatory neurons of every region shall fire"
        )
    if rounds < 1 or not seconds > 0:
        raise ValueError(f"rounds = {rounds}, seconds = {seconds}: must be 1 or more, and above 0")
    brain = cortex(connectome, recipe)
    field, target_Hz = MeanField.of(brain).balanced(recipe.rate_exc_Hz, EXCITATORY)
    units = field.units(EXCITATORY)
    back = (np.eye(target_Hz.size) - FEEDBACK * field.feedback(target_Hz))[units]
    gain = field.background_gain(target_Hz)[units] * field.background_Hz[units]
    known = dict(recipe.background_factor)
    log_factor = np.log([known.get(name, 1.0) for name in connectome.names])
    measured = []
    for k in range(rounds):
        if progress:
            progress(k, rounds)
        trial = with_background(brain, field.background_Hz[units] * np.exp(log_factor))
        network = build(trial, seed=seed + k)
        rate_Hz = _rates(Session(network, noise_seed=seed + k, threads=threads), seconds)
        measured.append(rate_Hz[units])
        error = target_Hz * np.log(np.maximum(rate_Hz, FLOOR_HZ) / target_Hz)
        step = STEP * min(1.0, EARLY / (k + 1))
        log_factor -= np.clip(step * (back @ error) / gain, -LARGEST_STEP, LARGEST_STEP)
    if progress:
        progress(rounds, rounds)
    factors = dict(zip(connectome.names, np.exp(log_factor).tolist(), strict=True))
    found = recipe.replace(name=recipe.name, background_factor=factors)
    return Calibration(found, np.array(measured))


def _rates(session: Session, seconds: float) -> np.ndarray:
    """Return the rates (unit,) of a session over ``seconds``, after it has settled."""
    session.advance(round(SETTLE_S * MS_PER_S / session.network.dt_ms))
    recording = session.record(seconds * MS_PER_S, probe=Probe(spikes=False))
    spikes = recording.data["count"].values.sum(axis=0)
    return (spikes / recording.data["region_size"].values / seconds).reshape(-1)
