"""Probe: what to record, and how often."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """What a simulation keeps.

    spikes: keep every spike (time, neuron); without them only the counts per bin remain.
    bin_ms: width of a bin of the spike counts by region and population.
    voltage: ids of the neurons whose membrane potential is traced.
    voltage_every_ms: interval of the trace.

    Raises ValueError if an interval is not positive and finite, or a neuron id is negative.
    """

    spikes: bool = True
    bin_ms: float = 10.0
    voltage: tuple[int, ...] = ()
    voltage_every_ms: float = 1.0

    def __post_init__(self):
        for name in ("bin_ms", "voltage_every_ms"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; expected a positive time in ms")
        ids = tuple(int(i) for i in self.voltage)
        if any(i < 0 for i in ids):
            raise ValueError(f"voltage names neuron {min(ids)}; expected ids from 0 upward")
        if len(set(ids)) != len(ids):
            raise ValueError("voltage names a neuron twice; name each neuron once")
        object.__setattr__(self, "voltage", ids)
