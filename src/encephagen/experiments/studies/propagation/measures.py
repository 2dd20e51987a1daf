"""What the study of propagation measures of a stimulus over all brains, and where it is worst."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from encephagen import rng
from encephagen.analysis import propagation
from encephagen.analysis.propagation import rank_correlation
from encephagen.analysis.statistics import map_p
from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls import spatial_null
from encephagen.connectome.transform import subset
from encephagen.experiments.brains import Values
from encephagen.experiments.studies.propagation.brain import BIN_MS

WORST: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "reach": (min, ("reach_range",)),
    "strong_reach": (min, ()),
    "lobes": (min, ("lobes_reached",)),
    "latency_rho": (min, ("latency_interval", "latency_p")),
    "latency_spatial_p": (max, ()),
    "latency_given_weight_rho": (min, ()),
    "selectivity_rho": (min, ("selectivity_interval",)),
    "selectivity_linear_rho": (min, ()),
    "attenuation": (min, ("attenuation_length_mm", "attenuation_rho")),
    "decoding": (min, ()),
    "source_peak_Hz": (max, ()),
    "rest_ratio": (max, ()),
}
"""Figures by which amplitudes are judged: what is worst, and what goes along with it."""


class Pulsed:
    """One stimulus at one amplitude in all brains, and the figures of it.

    at: place (stimulus, amplitude) in what `respond` gave; n_maps: as smooth as the delay
    """

    def __init__(
        self,
        runs: Sequence[Values],
        connectome: Connectome,
        site: Sequence[str],
        amplitude_pA: float,
        at: tuple[int, int],
        *,
        before_ms: float,
        n_maps: int,
    ) -> None:
        self.connectome, self.runs, (self.s, self.a) = connectome, runs, at
        self.amplitude_pA, self.before_ms, self.n_maps = amplitude_pA, before_ms, n_maps
        self.source = connectome.indices(site)
        self.others = np.setdiff1d(np.arange(connectome.n), self.source)

    def of(self, name: str) -> np.ndarray:
        """Return what every brain gave (brain, ...)."""
        return np.array([run[name][self.s, self.a] for run in self.runs])

    def way(self, name: str) -> np.ndarray:
        """Return what joins the regions (region,) to the source, the mean over brains."""
        return np.mean([run[name][self.s] for run in self.runs], axis=0)

    @property
    def usual(self) -> np.ndarray:
        """Regions (region,) that respond in half of the brains or more."""
        return self.of("responded").mean(axis=0) >= 0.5

    @property
    def latency_ms(self) -> np.ndarray:
        """Latency (region,) of the mean over brains, nan where the usual brain does not respond."""
        course_Hz = self.of("course_Hz").mean(axis=0)
        found = propagation.latency_ms(course_Hz, BIN_MS, self.before_ms)
        return np.where(self.usual, found, np.nan)

    @property
    def distance_mm(self) -> np.ndarray:
        """Length (region,) of the fibre to the nearest source, nan where there is none."""
        return self.way("direct_ms") * self.runs[0]["velocity_mm_per_ms"]

    @property
    def fading(self) -> propagation.Attenuation:
        """How the response, the mean over brains, fades with the length of fibres.

        nan where the source does not respond, as it does not to a pulse of nothing.
        """
        change_Hz = self.of("change_Hz").mean(axis=0)
        if not change_Hz[self.source].mean() > 0:
            unknown = np.full(self.connectome.n, np.nan)
            return propagation.Attenuation(unknown, np.nan, np.nan, np.nan)
        return propagation.attenuation(change_Hz, self.source, self.distance_mm)

    def lobes(self) -> dict[str, float]:
        """Return for each lobe the share of brains in which any of its regions responds."""
        names = [region.lobe for region in self.connectome.regions]
        found = [propagation.by_lobe(r, names, self.source) for r in self.of("responded")]
        return {lobe: float(np.mean([f[lobe][0] > 0 for f in found])) for lobe in found[0]}

    def figures(self) -> Values:
        """Return all figures, plain."""
        reach = self.of("responded").sum(axis=1)
        lobes, fading = self.lobes(), self.fading
        return {
            "amplitude_pA": self.amplitude_pA,
            "reach": float(np.median(reach)),
            "reach_range": [int(reach.min()), int(reach.max())],
            "strong_reach": float(np.median((self.of("effect")[:, self.others] > 1.0).sum(axis=1))),
            "suppressed": float(np.median(self.of("suppressed").sum(axis=1))),
            "lobes": sum(share >= 0.5 for share in lobes.values()),
            "lobes_reached": lobes,
            **self._latency(),
            **self._selectivity(),
            "attenuation": fading.far,
            "attenuation_length_mm": fading.length,
            "attenuation_rho": fading.rho,
            "decoding": float(
                np.mean([r["recall"][self.a, self.s, self.others].mean() for r in self.runs])
            ),
            "source_peak_Hz": float(self.of("source_peak_Hz").mean()),
            "source_mean_Hz": float(self.of("source_mean_Hz").mean()),
            "rest_ratio": float(self.of("rest_ratio").mean()),
            "returned": int(self.of("returned").sum()),
        }

    def _latency(self) -> Values:
        """Return how latency goes with conduction delay, over the regions that usually respond."""
        direct_ms, latency_ms = self.way("direct_ms"), self.latency_ms
        found = propagation.latency_correlation(
            self.of("course_Hz"), BIN_MS, self.before_ms, direct_ms, self.usual
        )
        use = np.isfinite(latency_ms)
        return {
            "latency_rho": found.rho,
            "latency_interval": [found.low, found.high],
            "latency_p": found.p,
            "latency_spatial_p": self._spatial_p(latency_ms, direct_ms),
            "latency_n": found.n,
            "latency_fastest_rho": rank_correlation(latency_ms, self.way("fastest_ms")),
            "latency_given_weight_rho": rank_correlation(
                latency_ms, direct_ms, given=self.way("weight")
            ),
            "latency_median_ms": float(np.median(latency_ms[use])) if use.any() else None,
            "delay_median_ms": float(np.median(direct_ms[use])) if use.any() else None,
        }

    def _spatial_p(self, latency_ms: np.ndarray, delay_ms: np.ndarray) -> float:
        """Return the p of their correlation among maps as smooth as the delay, nan without such."""
        use = self.others[np.isfinite(delay_ms[self.others])]
        part = subset(self.connectome, [self.connectome.names[i] for i in use])
        try:
            maps, _ = spatial_null(delay_ms[use], part, self.n_maps)
        except ValueError:  # a connectome without centroids, or a map that has no null
            return np.nan
        chance = [rank_correlation(latency_ms[use], other) for other in maps]
        return map_p(rank_correlation(latency_ms, delay_ms), chance)

    def _selectivity(self) -> Values:
        """Return how the response goes with connectivity, and with what linear theory says."""
        change_Hz, weight = self.of("change_Hz")[:, self.others], self.way("weight")[self.others]

        def rho(brains: np.ndarray) -> float:
            return rank_correlation(change_Hz[brains].mean(axis=0), weight)

        n = len(change_Hz)
        stream = rng.stream(0, "propagation", "selectivity")
        drawn = [rho(stream.integers(0, n, n)) for _ in range(propagation.N_BOOTSTRAP)]
        interval = np.percentile(drawn, (2.5, 97.5)) if n > 1 else np.full(2, np.nan)
        linear = self.way("linear")[self.others]
        return {
            "selectivity_rho": rho(np.arange(n)),
            "selectivity_interval": interval.tolist(),
            "selectivity_linear_rho": rank_correlation(change_Hz.mean(axis=0), linear),
        }

    def alone(self, brain: int) -> dict[str, float]:
        """Return the measures of one brain by itself, with its own connectome's weights, delays."""
        run, others = self.runs[brain], self.others
        responded, change_Hz, course_Hz = (
            self.of(name)[brain] for name in ("responded", "change_Hz", "course_Hz")
        )
        latency_ms = propagation.latency_ms(course_Hz, BIN_MS, self.before_ms)
        latency_ms = np.where(responded, latency_ms, np.nan)
        at_source = change_Hz[self.source].mean()
        return {
            "reach": float(responded.sum()),
            "latency_rho": rank_correlation(latency_ms, run["direct_ms"][self.s]),
            "selectivity_rho": rank_correlation(change_Hz[others], run["weight"][self.s][others]),
            "response": float(change_Hz[others].mean() / at_source) if at_source > 0 else np.nan,
        }


def worst_of(figures: Sequence[Values]) -> Values:
    """Return figures where they are worst over the amplitudes; nan is worst of all."""
    found = {}
    for name, (worst, along) in WORST.items():
        unknown = [f for f in figures if np.isnan(f[name])]
        at = unknown[0] if unknown else worst(figures, key=itemgetter(name))
        found |= {key: at[key] for key in (name, *along)}
    return found


def decoding(
    real: Sequence[Values], amplitudes_pA: Sequence[float], sources: np.ndarray
) -> list[Values]:
    """Return, for each amplitude, how many regions outside all sources tell the stimuli apart."""
    others = np.setdiff1d(np.arange(real[0]["rate_Hz"].size), sources)
    found = []
    for a, amplitude_pA in enumerate(amplitudes_pA):
        accuracy = [r["recall"][a].mean(axis=0)[others].mean() for r in real]
        decodes = [r["decodes"][a, others].sum() for r in real]
        found.append(
            {
                "amplitude_pA": amplitude_pA,
                "accuracy": float(np.mean(accuracy)),
                "chance": float(real[0]["chance"][a]),
                "regions": float(np.median(decodes)),
                "n_regions": others.size,
            }
        )
    return found
