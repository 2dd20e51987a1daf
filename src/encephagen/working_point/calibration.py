"""Calibration: the same working point for any wiring, measured in spikes.

Theory puts every region near its target rate (`brain.balance`); close to the edge of stability,
what it misses is amplified. A few short runs measure the miss, and the linearised network says
which background would undo it. The background then stays as it is: homeostasis that is slower than
everything that is measured afterwards.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from encephagen import __version__
from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Brain
from encephagen.digest import digest
from encephagen.engine.guard import Stopped
from encephagen.engine.session import Session
from encephagen.files import check_writable, whole
from encephagen.network.build import build
from encephagen.recording.probe import Probe
from encephagen.units import MS_PER_S
from encephagen.working_point.balance import MISSES, point
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import (
    CALIBRATED,
    NoWorkingPoint,
    WorkingPoint,
    bare_digest,
    numbers,
    targets,
)
from encephagen.working_point.wiring import theory

ROUNDS = 8
SECONDS = 8.0
SETTLE_S = 3.0
"""Left out at the start of a round (free): 30 times the slowest synapse."""

STEP = 0.5
"""Part of the correction that each of the first `EARLY` rounds makes (free); later ones make less
and less, 1/round, and so average over wirings and noise (Robbins and Monro 1951,
doi 10.1214/aoms/1177729586)."""
EARLY = 3

LEAST_CUT = 0.25
"""Least factor (free) by which the step of the leading mode is cut where its miss changes sign, for
it was too large; it is cut then only (Kesten 1958, doi 10.1214/aoms/1177706705)."""

LARGEST_GROWTH, LARGEST_MODE_STEP = 2.0, 4.0
"""Largest factor (free) by which the step of the leading mode grows where its miss keeps its sign,
and the step that it grows to: where theory puts a brain nearer to the edge of stability than spikes
do, a step of 1 undoes a small part of the miss alone."""

LARGEST_STEP = 0.1
"""Largest change of the logarithm of a background in one round (free)."""

FLOOR_HZ = 0.05
"""Rate from which a silent region is taken to start (free)."""

CHECK_S, STRETCHES = 24.0, 8
"""How long a wiring that was calibrated itself is measured at the end, and in how many parts."""
MOST_MISS, MOST_ERROR = 0.12, 0.05
"""Largest miss of the rate in that check, and standard error, both over the target (free)."""


def calibrate(
    brain: Brain,
    *,
    rounds: int = ROUNDS,
    seconds: float = SECONDS,
    seed: int = 0,
    wiring_seed: int | None = None,
    threads: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
) -> WorkingPoint:
    """Return the working point at which, in spikes, every population of a brain is at its target.

    ``brain`` has populations with a target rate, as `encephagen.working_point.whole.bare_brain`
    of a recipe has; whatever background they have by region is replaced. Every round builds another
    wiring (seeds from ``seed`` on), so that what is found holds for the connectome and not for one
    draw of synapses. With x the targets, r the rates measured and J the linearised network
    as spikes show it (`MeanField.in_spikes`), the background b of the units that are held changes
    by

        d b = -step A x log(r / x) / (d rate / d b)
        A = (1 - J)_HH - J_HO ((1 - J)_OO)^-1 J_OH

    which is what holds them (H) there once all others (O), whose own rates nobody chooses, have
    followed. It starts from theory times `MISSES`. The leading eigenvector of J, most of which is
    the mean rate of the brain, has a step of its own: near the edge of stability theory corrects it
    too much, or too little. Where its miss changes sign, the step is cut to what would have met the
    target, and where it keeps it, the step grows to that.
    Returned is the mean over the later half of the rounds (Polyak and Juditsky 1992,
    doi 10.1137/0330046). ``progress`` is called with rounds done, and all.

    With ``wiring_seed`` all rounds have that wiring, and noise from ``seed`` on: near the edge of
    stability the draw of synapses alone moves the rate of a brain by more than the target allows.
    Theory of that very wiring is then what it starts from (`encephagen.working_point.wiring`), and
    at the end that wiring is measured for `CHECK_S`.

    Raises ValueError for fewer than one round, and NoWorkingPoint for a brain without targets,
    where theory finds no start (`MeanField.balanced`), where the engine stops a round, and where
    the wiring of ``wiring_seed`` does not keep the target: it has two states, say.
    """
    if rounds < 1 or not seconds > 0:
        raise ValueError(f"rounds = {rounds}, seconds = {seconds}: must be 1 or more, and above 0")
    field, target_Hz = MeanField.of(brain).balanced()
    held = np.flatnonzero(np.isfinite(field.target_Hz))
    back = _open_loop(field.in_spikes(target_Hz).feedback(target_Hz), held)
    gain = field.background_gain(target_Hz)[held] * field.background_Hz[held]
    correction = _Correction(back, gain)

    own = None if wiring_seed is None else theory(build(brain, seed=wiring_seed)).background_Hz

    def at(log_factor: np.ndarray, note: str = "") -> WorkingPoint:
        background_Hz = (field.background_Hz if own is None else own).copy()
        background_Hz[held] *= np.exp(log_factor)
        return point(brain, background_Hz, CALIBRATED, note, wiring=wiring_seed, theory_Hz=own)

    def session(log_factor: np.ndarray, k: int) -> Session:
        wiring = seed + k if wiring_seed is None else wiring_seed
        network = build(at(log_factor).applied(brain), seed=wiring)
        return Session(network, noise_seed=seed + k, threads=threads)

    log_factor, rate_Hz, found = np.full(len(held), np.log(MISSES)), target_Hz, []
    for k in range(rounds):
        if progress:
            progress(k, rounds)
        rate_Hz = _rates(session(log_factor, k), seconds).mean(axis=0)
        error = (target_Hz * np.log(np.maximum(rate_Hz, FLOOR_HZ) / target_Hz))[held]
        log_factor = log_factor + correction.of(error)
        found.append(log_factor)
    log_factor = np.mean(found[rounds // 2 :], axis=0)
    if progress:
        progress(rounds, rounds)
    units = {p: np.intersect1d(field.units(p), held) for p in targets(brain)}
    measured = " and ".join(
        f"{rate_Hz[u].mean():.2f} Hz ({p}, from {rate_Hz[u].min():.2f} to {rate_Hz[u].max():.2f} "
        "Hz over regions)"
        for p, u in units.items()
    )
    note = (
        f"{rounds} rounds of {seconds:g} s of spikes, seeds {seed} to {seed + rounds - 1}; before "
        f"its correction the last measured {measured}"
    )
    if wiring_seed is not None:
        check_Hz = _rates(session(log_factor, rounds), CHECK_S, STRETCHES)
        kept = (_checked(p, check_Hz[:, u], target_Hz[u]) for p, u in units.items())
        note += f"; wiring {wiring_seed} alone, at last at {' and '.join(kept)}"
    return at(log_factor, note)


def calibrate_once(
    brain: Brain,
    folder: Path,
    *,
    threads: int | None = 1,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> WorkingPoint:
    """Return what `calibrate` finds, kept in a folder by digest, so that it is done once.

    ``options`` are those of `calibrate` that change what is found. Raises ValueError, before the
    work, for a folder that cannot be written.
    """
    made = digest(bare_digest(brain), targets(brain), options, __version__)
    folder.mkdir(parents=True, exist_ok=True)
    file = check_writable(folder / f"{made[:20]}.toml")
    if file.exists():
        try:
            return dataclasses.replace(
                WorkingPoint.load(file), recipe=numbers(brain), brain=bare_digest(brain)
            )
        except ValueError:
            pass  # damaged: it is found again
    found = calibrate(brain, threads=threads, progress=progress, **options)
    with whole(file) as part:
        found.save(part, f"Working point of {brain.recipe} on {brain.connectome.name}")
    return found


def _open_loop(feedback: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return d input / d rate (unit, unit) of some units, others following: A of `calibrate`."""
    others = np.setdiff1d(np.arange(len(feedback)), units)
    whole = np.eye(len(feedback)) - feedback
    through = np.linalg.solve(whole[np.ix_(others, others)], whole[np.ix_(others, units)])
    return whole[np.ix_(units, units)] - whole[np.ix_(units, others)] @ through


class _Correction:
    """What each round changes; ``back`` and ``gain`` are A and b d rate / d b of `calibrate`."""

    def __init__(self, back: np.ndarray, gain: np.ndarray) -> None:
        self.back, self.gain = back, gain
        self.mode = _leading(np.eye(len(gain)) - back)
        self.mode_step, self.last, self.rounds = STEP, np.zeros(len(gain)), 0

    def of(self, error: np.ndarray) -> np.ndarray:
        """Return the change (unit,) of the logarithm of the background after an error (Hz)."""
        leading, self.rounds = self.mode @ error, self.rounds + 1
        before, now = np.abs(self.last).sum(), np.abs(leading).sum()
        if self.last @ leading < 0:
            self.mode_step *= max(LEAST_CUT, before / (before + now))
        elif before > 0:
            undone = max(before - now, before / LARGEST_GROWTH)
            self.mode_step = min(self.mode_step * before / undone, LARGEST_MODE_STEP)
        self.last = leading
        step = STEP * min(1.0, EARLY / self.rounds)
        miss = self.back @ (step * (error - leading) + self.mode_step * leading)
        return np.clip(-miss / self.gain, -LARGEST_STEP, LARGEST_STEP)


def _leading(feedback: np.ndarray) -> np.ndarray:
    """Return the projection (unit, unit) onto the eigenvector whose eigenvalue is the largest."""
    values, vectors = np.linalg.eig(feedback)
    at = int(np.argmax(np.real(values)))
    return np.real(np.outer(vectors[:, at], np.linalg.inv(vectors)[at]))


def _rates(session: Session, seconds: float, stretches: int = 1) -> np.ndarray:
    """Return the rates (stretch, unit) of a session in equal parts of ``seconds``, once settled."""
    try:
        session.advance(round(SETTLE_S * MS_PER_S / session.network.dt_ms))
    except Stopped as stopped:
        raise NoWorkingPoint(f"no working point in spikes: {stopped}") from stopped
    blocks, rates_Hz = Blocks.of(session.network.brain), []
    for _ in range(stretches):
        recording = session.record(seconds / stretches * MS_PER_S, probe=Probe(spikes=False))
        if recording.interrupted and not recording.alarms:
            raise KeyboardInterrupt
        if recording.interrupted:
            raise NoWorkingPoint(f"no working point in spikes: {recording.alarms[0]}")
        spikes = recording.data["count"].values.sum(axis=0)[blocks.region, blocks.population]
        rates_Hz.append(spikes / blocks.size / (seconds / stretches))
    return np.array(rates_Hz)


def _checked(population: str, rate_Hz: np.ndarray, target_Hz: np.ndarray) -> str:
    """Return a population's mean rate over stretches; NoWorkingPoint where it is not the target.

    ``rate_Hz`` (stretch, unit) is a long run of the wiring that was calibrated. A rate that wanders
    has a standard error over stretches, and one with two states misses or wanders.
    """
    over = rate_Hz.mean(axis=1) / target_Hz.mean()
    miss, error = abs(over.mean() - 1), over.std(ddof=1) / np.sqrt(len(over))
    seen_Hz = rate_Hz.mean(axis=1)
    if miss > MOST_MISS or error > MOST_ERROR:
        raise NoWorkingPoint(
            f"no working point in spikes: {population} calibrated to {target_Hz.mean():.2f} Hz "
            f"fires, in this wiring, at {seen_Hz.mean():.2f} Hz over {CHECK_S:g} s, and in parts "
            f"of them at {seen_Hz.min():.2f} to {seen_Hz.max():.2f} Hz: too far off or too "
            "unsteady, as happens near the edge of stability; weaken what excites"
        )
    return f"{seen_Hz.mean():.2f} Hz ({population})"
