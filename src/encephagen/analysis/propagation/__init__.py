"""Propagation: how far a pulse travels, how strongly, how fast, and what is left of it.

Pulses and shams (trials without a pulse) are trials of the same length, best in random order. Then
their labels are exchangeable whatever memory activity has, and the permutation test of `reach`
is exact also with few trials. Where pulses come at fixed times, it assumes that spontaneous
activity does not know when.
"""

from encephagen.analysis.propagation.attenuation import Attenuation, attenuation
from encephagen.analysis.propagation.decoding import Decoding, decode
from encephagen.analysis.propagation.latency import (
    N_BOOTSTRAP,
    Correlation,
    latency_correlation,
    latency_ms,
    tract_delay_ms,
)
from encephagen.analysis.propagation.ranks import rank_correlation, rank_correlation_p
from encephagen.analysis.propagation.reach import WINDOW_MS, Reach, by_lobe, reach
from encephagen.analysis.propagation.recovery import Rest, Survival, rest, survival
from encephagen.analysis.propagation.trials import Trials, course_Hz, cut
from encephagen.analysis.response import ALPHA

__all__ = [
    "ALPHA",
    "N_BOOTSTRAP",
    "WINDOW_MS",
    "Attenuation",
    "Correlation",
    "Decoding",
    "Reach",
    "Rest",
    "Survival",
    "Trials",
    "attenuation",
    "by_lobe",
    "course_Hz",
    "cut",
    "decode",
    "latency_correlation",
    "latency_ms",
    "rank_correlation",
    "rank_correlation_p",
    "reach",
    "rest",
    "survival",
    "tract_delay_ms",
]
