"""Calibration: the same working point for any wiring, measured in spikes.

Theory puts every region near its target rate (`brain.balance`); close to the edge of stability,
what it misses is amplified. A few short runs measure the miss, and the linearised network says
which background would undo it. The background then stays as it is: homeostasis that is slower than
everything that is measured afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from encephagen.brain.cortex import cortex
from encephagen.brain.recipe import Recipe
from encephagen.connectome.connectome import Connectome
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.working_point.balance import EXCITATORY, factors, with_background
from encephagen.working_point.mean_field import MeanField

ROUNDS = 8
SECONDS = 4.0
SETTLE_S = 3.0
"""Left out at the start of a round (free): 30 times the slowest synapse."""

STEP = 0.5
"""Part of the correction that each of the first `EARLY` rounds makes (free); later ones make less
and less, 1/round, and so average over wirings and noise (Robbins and Monro 1951,
doi 10.1214/aoms/1177729586)."""
EARLY = 3

FEEDBACK = 0.9
"""Part of the feedback of theory that counts in corrections (measured on the shipped recipe: with
0.7 rounds overshoot, mean rates of 1.6, 6.2, 2.0, 5.4 Hz for a target of 3.5; with 0.95 they need
eight rounds)."""

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
    connectome and not for one draw of synapses. With x the target, r the rates of E measured and J
    the linearised network (`MeanField.feedback`), of which spikes show f = `FEEDBACK`, the
    background b of E changes by

        d b = -step A x log(r / x) / (d rate / d b)
        A = (1 - f J)_EE - (f J)_EI ((1 - f J)_II)^-1 (f J)_IE

    which is what holds E there once I, whose own rates nobody chooses, has followed.
    It starts from the recipe's own background factors. ``progress`` is called with rounds done and
    all. Raises ValueError for a recipe without a target rate, for fewer than one round, and where
    theory finds no start (`MeanField.balanced`).
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
    back = _open_loop(FEEDBACK * field.feedback(target_Hz), units)
    gain = field.background_gain(target_Hz)[units] * field.background_Hz[units]
    log_factor = np.log(factors(connectome, recipe))
    measured = []
    for k in range(rounds):
        if progress:
            progress(k, rounds)
        trial = with_background(brain, field.background_Hz[units] * np.exp(log_factor))
        network = build(trial, seed=seed + k)
        rate_Hz = _rates(Session(network, noise_seed=seed + k, threads=threads), seconds)
        measured.append(rate_Hz[units])
        error = (target_Hz * np.log(np.maximum(rate_Hz, FLOOR_HZ) / target_Hz))[units]
        step = STEP * min(1.0, EARLY / (k + 1))
        log_factor -= np.clip(step * (back @ error) / gain, -LARGEST_STEP, LARGEST_STEP)
    if progress:
        progress(rounds, rounds)
    by_name = dict(zip(connectome.names, np.exp(log_factor).tolist(), strict=True))
    found = recipe.replace(name=recipe.name, background_factor=by_name)
    return Calibration(found, np.array(measured))


def _open_loop(feedback: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return d input / d rate (unit, unit) of some units, others following: A of `calibrate`."""
    others = np.setdiff1d(np.arange(len(feedback)), units)
    whole = np.eye(len(feedback)) - feedback
    through = np.linalg.solve(whole[np.ix_(others, others)], whole[np.ix_(others, units)])
    return whole[np.ix_(units, units)] - whole[np.ix_(units, others)] @ through


def _rates(session: Session, seconds: float) -> np.ndarray:
    """Return the rates (unit,) of a session over ``seconds``, after it has settled."""
    session.advance(round(SETTLE_S * MS_PER_S / session.network.dt_ms))
    recording = session.record(seconds * MS_PER_S, probe=Probe(spikes=False))
    spikes = recording.data["count"].values.sum(axis=0)
    return (spikes / recording.data["region_size"].values / seconds).reshape(-1)
