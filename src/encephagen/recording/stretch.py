"""Stretch: the data of a recording, from the network that was recorded and what it did."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.recording.alarms import Alarm, check
from encephagen.recording.bins import bin_spikes
from encephagen.units import whole_steps

if TYPE_CHECKING:
    import xarray as xr

NETWORK_DIMS = {"region", "population", "neuron"}


@dataclass(frozen=True, eq=False)
class Traces:
    """Membrane potentials: time_ms (m,), neuron ids (k,), v_mV (m, k)."""

    time_ms: np.ndarray
    neuron: np.ndarray
    v_mV: np.ndarray


@dataclass(frozen=True, eq=False)
class Stretch:
    """What a network did from ``start_step`` on, for ``n_steps``.

    steps, neurons (spike,): in any order; None if single spikes were not kept, with ``count``
        (time, region, population) given.
    found: alarms of the engine; `fill` adds those of `check`, but for kinds found already.
    """

    dt_ms: float
    bin_ms: float
    start_step: int
    n_steps: int
    steps: np.ndarray | None
    neurons: np.ndarray | None
    count: np.ndarray | None
    traces: Traces | None
    provenance: Mapping[str, Any]
    interrupted: bool
    found: Sequence[Alarm]


def network_of(data: "xr.Dataset") -> "xr.Dataset":
    """Return the part of a recording's data that says what was recorded, not what it did."""
    return data.drop_dims([d for d in data.dims if d not in NETWORK_DIMS])


def fill(network: "xr.Dataset", stretch: Stretch) -> "xr.Dataset":
    """Return the data of a recording: a network with the spikes, counts and traces of a stretch.

    network: coordinates of regions, populations and neurons, see `network_of`.
    Raises ValueError if a spike lies outside the stretch or the network, if a neuron fires twice in
    a step, or if bin_ms is not a whole number of steps.
    """
    dt_ms, start_step, n_steps = float(stretch.dt_ms), stretch.start_step, stretch.n_steps
    bin_steps = whole_steps("bin_ms", stretch.bin_ms, dt_ms)
    n_bins = -(-n_steps // bin_steps)
    shape = (n_bins, network.sizes["region"], network.sizes["population"])
    count, variables = stretch.count, {}
    if stretch.steps is not None and stretch.neurons is not None:
        steps, neurons = _canonical(
            stretch.steps, stretch.neurons, start_step, n_steps, network.sizes["neuron"]
        )
        group = network["neuron_region"].values * shape[2] + network["neuron_population"].values
        count = bin_spikes(steps - start_step, group[neurons], n_bins, bin_steps, shape[1:])
        variables["spike_time_ms"] = ("spike", (steps + 1) * dt_ms, {"units": "ms"})
        variables["spike_neuron"] = ("spike", neurons)
    elif count is None:
        raise ValueError("a recording needs spikes (steps and neurons) or counts; got neither")
    count = np.array(count, dtype=np.int32)
    if count.shape != shape:
        raise ValueError(f"count has shape {count.shape}; expected (time, region, pop) {shape}")
    variables["count"] = (("time_ms", "region", "population"), count, {"units": "spikes per bin"})
    edges = np.append(np.arange(n_bins) * bin_steps, n_steps)
    coords: dict[str, Any] = {
        "time_ms": ("time_ms", (start_step + edges[:-1]) * dt_ms, {"units": "ms"}),
        "bin_width_ms": ("time_ms", np.diff(edges) * dt_ms, {"units": "ms"}),
    }
    if (traces := stretch.traces) is not None:
        dims = ("trace_time_ms", "trace_neuron")
        variables["v_mV"] = (dims, np.array(traces.v_mV, np.float32), {"units": "mV"})
        coords["trace_time_ms"] = ("trace_time_ms", np.array(traces.time_ms, float))
        coords["trace_neuron"] = ("trace_neuron", np.array(traces.neuron, np.int32))
    data = network.assign(variables).assign_coords(coords)
    data.attrs = {
        "dt_ms": dt_ms,
        "start_ms": start_step * dt_ms,
        "duration_ms": n_steps * dt_ms,
        "bin_ms": float(stretch.bin_ms),
        "interrupted": int(stretch.interrupted),
        "provenance": json.dumps(dict(stretch.provenance), sort_keys=True),
    }
    found = tuple(dict.fromkeys(stretch.found))
    kinds = {alarm.kind for alarm in found}
    judged = [alarm for alarm in check(data) if alarm.kind not in kinds]
    data.attrs["engine_alarms"] = json.dumps([asdict(a) for a in found])
    data.attrs["alarms"] = json.dumps([asdict(a) for a in judged])
    return data


def _canonical(
    steps: np.ndarray, neurons: np.ndarray, start_step: int, n_steps: int, n_neurons: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (steps int64, neurons int32), checked and sorted by (step, neuron)."""
    steps, neurons = np.asarray(steps), np.asarray(neurons)
    if steps.ndim != 1 or steps.shape != neurons.shape:
        raise ValueError(f"spikes have {steps.shape} steps and {neurons.shape} neurons; expected 2")
    for name, values in (("steps", steps), ("neurons", neurons)):
        if values.size and values.dtype.kind not in "iu":
            raise ValueError(f"spike {name} are {values.dtype}; expected whole numbers")
    if not steps.size:
        return steps.astype(np.int64), neurons.astype(np.int32)
    if steps.min() < start_step or steps.max() >= start_step + n_steps:
        raise ValueError(
            f"spikes lie in steps {steps.min()} to {steps.max()}; expected {start_step} to "
            f"{start_step + n_steps - 1}"
        )
    if neurons.min() < 0 or neurons.max() >= n_neurons:
        raise ValueError(
            f"spikes name neurons {neurons.min()} to {neurons.max()}; expected 0 to {n_neurons - 1}"
        )
    # One sort of a joint key is several times faster than a lexsort of 10^7 pairs.
    joint = (steps.astype(np.int64) - start_step) * n_neurons + neurons
    rise = np.diff(joint)
    if (rise <= 0).any():
        joint.sort()
        if (np.diff(joint) == 0).any():
            raise ValueError("a neuron fires twice in one step; expected one spike a step")
    sorted_steps = joint // n_neurons
    sorted_neurons = (joint - sorted_steps * n_neurons).astype(np.int32)
    return sorted_steps + start_step, sorted_neurons
