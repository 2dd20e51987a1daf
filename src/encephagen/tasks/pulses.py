"""Pulses of current in random order, with shams between: what `analysis.propagation` compares.

The order is drawn by chance, so that pulses and shams differ by nothing but the pulse: neither by
what came before, nor by how long the brain has run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from encephagen import rng
from encephagen.analysis.propagation import Trials
from encephagen.analysis.rates import binned_rate, pool, region_rate
from encephagen.engine.session import Session
from encephagen.network.network import Network
from encephagen.recording.probe import Probe
from encephagen.tasks.stimulus import Step
from encephagen.units import param

STUCK = 3.0
"""Times the rate at rest above which a brain counts as stuck."""


@dataclass(frozen=True)
class Timing:
    """How long a trial lasts before and after the onset, in bins of ``bin_ms``, and rest before."""

    before_ms: float = param(200.0, "ms", "free")
    after_ms: float = param(1200.0, "ms", "free: ten times the slowest synapse, and the pulse")
    settle_ms: float = param(3000.0, "ms", "free: 30 times the slowest synapse")
    bin_ms: float = param(5.0, "ms", "free")

    def __post_init__(self) -> None:
        for name in ("before_ms", "after_ms", "settle_ms"):
            bins = getattr(self, name) / self.bin_ms if self.bin_ms > 0 else 0.0
            if not (isfinite(bins) and round(bins) >= 1 and abs(bins - round(bins)) < 1e-6):
                raise ValueError(
                    f"{name} is {getattr(self, name)}; expected a multiple of the bins of "
                    f"{self.bin_ms} ms, at least one"
                )


@dataclass(frozen=True, eq=False)
class Presented:
    """What happened: trials of each pulse, in their order, and shams.

    stuck: for each pulse, after which of its trials (trial,) the brain was stuck
    rest_Hz: rates (region, population) before the first trial
    """

    pulses: tuple[Trials, ...]
    shams: Trials
    stuck: tuple[np.ndarray, ...]
    rest_Hz: np.ndarray


def present_shuffled(
    network: Network,
    pulses: Sequence[Step],
    *,
    n_trials: int,
    n_shams: int,
    timing: Timing | None = None,
    seed: int = 0,
) -> Presented:
    """Present each pulse ``n_trials`` times, and ``n_shams`` times none, in random order.

    Trials follow one another in one session. After a trial that leaves the brain stuck (rate of E
    in the last ``before_ms`` over `STUCK` times rest, or stopped by the engine) a new session, with
    other noise and settled, takes its place, so that what follows is not blamed for it. ``seed`` is
    that of noise, initial state and order.

    Raises ValueError for no trials, pulses that are no whole bins or as long as a trial, and a
    brain that is silent at rest.
    """
    timing = timing or Timing()
    if min(n_trials, n_shams) < 1:
        raise ValueError(f"{n_trials} trials and {n_shams} shams; expected 1 or more of both")
    for pulse in pulses:
        bins = pulse.duration_ms / timing.bin_ms
        if abs(bins - round(bins)) > 1e-6 or pulse.duration_ms >= timing.after_ms:
            raise ValueError(
                f"a pulse of {pulse.duration_ms:g} ms; expected a multiple of {timing.bin_ms:g} ms "
                f"below the {timing.after_ms:g} ms that are recorded from the onset"
            )
    order = np.repeat(np.arange(len(pulses) + 1), [n_trials] * len(pulses) + [n_shams])
    order = rng.stream(seed, "pulses", "order").permutation(order)
    lab = _Lab(network, timing, seed)
    steps = [*pulses, None]
    found = [lab.trial(steps[k]) for k in order]
    rate_Hz = np.array([rate for rate, _ in found])
    stuck = np.array([late for _, late in found])
    trials = Trials(rate_Hz, timing.bin_ms, timing.before_ms)
    n = len(pulses)
    return Presented(
        tuple(trials.take(order == k) for k in range(n)),
        trials.take(order == n),
        tuple(stuck[order == k] for k in range(n)),
        lab.rest_Hz,
    )


class _Lab:
    """A rested brain that is given one trial after the other."""

    def __init__(self, network: Network, timing: Timing, seed: int) -> None:
        self.network, self.timing, self.seed = network, timing, seed
        self.probe = Probe(spikes=False, bin_ms=timing.bin_ms)
        self.n_sessions = 0
        self.session = self._rested()
        spontaneous = self.session.record(timing.settle_ms, probe=self.probe)
        self.rest_Hz = region_rate(spontaneous).transpose("region", "population").values
        self.rest_exc_Hz = float(pool(binned_rate(spontaneous)).mean())
        if not self.rest_exc_Hz > 0:
            raise ValueError(
                f"{network.brain.connectome.name!r} is silent at rest for {timing.settle_ms:g} ms; "
                "raise the background, or settle for longer"
            )

    def _rested(self) -> Session:
        # Sessions of one seed must not meet those of the next, of which there are few.
        seed = self.seed + 1_000_000 * self.n_sessions
        self.n_sessions += 1
        session = Session(self.network, noise_seed=seed, initial_seed=seed, threads=1)
        session.advance(round(self.timing.settle_ms / self.network.dt_ms))
        return session

    def trial(self, step: Step | None) -> tuple[np.ndarray, bool]:
        """Return excitatory rates (time, region) of a trial, and whether it ended stuck."""
        t = self.timing
        parts, stopped = [], False

        def go(duration_ms: float) -> None:
            nonlocal stopped
            rate_Hz, interrupted = self._record(duration_ms)
            parts.append(rate_Hz)
            stopped |= interrupted

        go(t.before_ms)
        if step is not None:
            with step.on(self.session):
                go(step.duration_ms)
        n_bins = round((t.before_ms + t.after_ms) / t.bin_ms)
        if not stopped:
            go(t.before_ms + t.after_ms - sum(map(len, parts)) * t.bin_ms)
        rate_Hz = np.concatenate(parts)
        # What the engine stops is shorter; what it was at then goes on to the end.
        missing = n_bins - len(rate_Hz)
        rate_Hz = np.pad(rate_Hz, ((0, missing), (0, 0)), mode="edge")
        last_Hz = np.nanmean(rate_Hz[-max(1, round(t.before_ms / t.bin_ms)) :])  # nan: no such cell
        stuck = stopped or last_Hz > STUCK * self.rest_exc_Hz
        if stuck:
            self.session = self._rested()
        return rate_Hz, bool(stuck)

    def _record(self, duration_ms: float) -> tuple[np.ndarray, bool]:
        """Run on; return the excitatory rates (time, region), and whether the engine stopped it."""
        part = self.session.record(duration_ms, probe=self.probe)
        return pool(binned_rate(part)).values, part.interrupted
