"""Assemble: a Recording from what an engine kept; one Recording from several that follow."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.recording.alarms import RANGE_COORDS, Alarm
from encephagen.recording.recording import CENTROID_COORDS, Recording
from encephagen.recording.stretch import Stretch, Traces, fill, network_of
from encephagen.units import whole_steps

if TYPE_CHECKING:
    import xarray as xr


def assemble(
    steps: np.ndarray | None,
    neurons: np.ndarray | None,
    *,
    dt_ms: float,
    start_step: int,
    n_steps: int,
    regions: Sequence[Any],
    populations: Sequence[str],
    excites: Sequence[bool],
    neuron_region: np.ndarray,
    neuron_population: np.ndarray,
    at_rest_Hz: Sequence[tuple[float, float] | None] = (),
    bin_ms: float = 10.0,
    count: np.ndarray | None = None,
    traces: Traces | None = None,
    provenance: Mapping[str, Any] | None = None,
    interrupted: bool = False,
    alarms: Sequence[Alarm] = (),
) -> Recording:
    """Return the Recording of spikes that were emitted from ``start_step`` on.

    steps (spike) int, neurons (spike) int: in any order; sorted here by (step, neuron). None, with
        ``count`` (time_ms, region, population) given, if single spikes were not kept.
    n_steps: recorded steps; spikes lie in [start_step, start_step + n_steps).
    regions: objects with ``name`` and, optionally, hemisphere, lobe, system, t1w_t2w, centroid_mm.
    excites (population): whether the population excites (else it inhibits).
    neuron_region, neuron_population (neuron): indices into regions and populations.
    at_rest_Hz (population): low and high end of a nucleus' published rate, None for cortex.
    alarms: what the engine found; one with ``at_ms`` belongs to that moment, the others to every
        part of the stretch. `check` adds alarms of other kinds.

    Raises ValueError if a spike lies outside the stretch or the network, if a neuron fires twice in
    a step, or if bin_ms is not a whole number of steps.
    """
    start_step, n_steps = int(start_step), int(n_steps)
    if n_steps < 0 or start_step < 0:
        raise ValueError(f"start_step {start_step}, n_steps {n_steps}: expected none below 0")
    network = _network(regions, populations, excites, neuron_region, neuron_population, at_rest_Hz)
    stretch = Stretch(
        dt_ms=dt_ms,
        bin_ms=bin_ms,
        start_step=start_step,
        n_steps=n_steps,
        steps=steps,
        neurons=neurons,
        count=count,
        traces=traces,
        provenance=provenance or {},
        interrupted=interrupted,
        found=alarms,
    )
    return Recording(fill(network, stretch))


def concatenate(recordings: Sequence[Recording]) -> Recording:
    """Return one Recording of stretches that follow each other without a gap.

    Where the provenances differ, that of the first stands and ``segments`` lists, for each stretch,
    its start and what differs. What the engine found is kept. Raises ValueError if there is none,
    if they leave a gap or overlap, or if they come from different networks or probes.
    """
    if not recordings:
        raise ValueError("concatenate got no recording; give at least one")
    first = recordings[0]
    for before, after in zip(recordings[:-1], recordings[1:], strict=True):
        _check_follows(before, after)
    steps = neurons = count = traces = None
    if first.has_spikes:
        steps = np.concatenate([r.spike_steps for r in recordings])
        neurons = np.concatenate([r.spike_neurons for r in recordings])
    else:
        for r in recordings[:-1]:
            if r.n_steps % whole_steps("bin_ms", r.bin_ms, r.dt_ms):
                raise ValueError(
                    f"the recording at {r.start_ms:g} ms ends inside a bin, and single spikes were "
                    "not kept; join recordings that end on the edge of a bin"
                )
        count = np.concatenate([r.data["count"].values for r in recordings])
    if "v_mV" in first.data:
        traces = Traces(
            np.concatenate([r.data["trace_time_ms"].values for r in recordings]),
            first.data["trace_neuron"].values,
            np.concatenate([r.data["v_mV"].values for r in recordings]),
        )
    stretch = Stretch(
        dt_ms=first.dt_ms,
        bin_ms=first.bin_ms,
        start_step=first.start_step,
        n_steps=sum(r.n_steps for r in recordings),
        steps=steps,
        neurons=neurons,
        count=count,
        traces=traces,
        provenance=_joined_provenance(recordings),
        interrupted=any(r.interrupted for r in recordings),
        found=[alarm for r in recordings for alarm in r.engine_alarms],
    )
    return Recording(fill(network_of(first.data), stretch))


def _network(
    regions: Sequence[Any],
    populations: Sequence[str],
    excites: Sequence[bool],
    neuron_region: np.ndarray,
    neuron_population: np.ndarray,
    at_rest_Hz: Sequence[tuple[float, float] | None],
) -> "xr.Dataset":
    """Return the part of the data that says what is recorded."""
    import xarray as xr

    neuron_region = np.array(neuron_region, dtype=np.int32)
    neuron_population = np.array(neuron_population, dtype=np.int8)
    _check_members(neuron_region, neuron_population, len(regions), len(populations))
    size = np.zeros((len(regions), len(populations)), dtype=np.int32)
    np.add.at(size, (neuron_region, neuron_population), 1)
    ranges = {}
    if any(at_rest_Hz):
        table = np.array([(np.nan, np.nan) if r is None else r for r in at_rest_Hz])
        for name, values in zip(RANGE_COORDS, table.T, strict=True):
            ranges[name] = ("population", values.copy(), {"units": "Hz"})
    return xr.Dataset(
        coords={
            "population": np.array(populations, dtype=object),
            "excites": ("population", np.array(excites, dtype=np.int8)),
            **ranges,
            "region_size": (("region", "population"), size, {"units": "neurons"}),
            "neuron_region": ("neuron", neuron_region),
            "neuron_population": ("neuron", neuron_population),
            **_region_coords(regions),
        }
    )


def _region_coords(regions: Sequence[Any]) -> dict[str, Any]:
    """Return the coordinates of the regions; what an object does not know is "" or nan."""

    def number(value: Any) -> float:
        return float("nan") if value is None else float(value)

    names = [str(r.name) for r in regions]
    if len(set(names)) != len(names):
        raise ValueError("two regions have the same name; expected unique names")
    coords: dict[str, Any] = {"region": np.array(names, dtype=object)}
    for key in ("hemisphere", "lobe", "system"):
        coords[key] = ("region", np.array([str(getattr(r, key, "")) for r in regions], object))
    coords["t1w_t2w"] = (
        "region",
        np.array([number(getattr(r, "t1w_t2w", None)) for r in regions]),
    )
    centroids = [getattr(r, "centroid_mm", None) for r in regions]
    table = np.array([(None,) * 3 if c is None else tuple(c) for c in centroids], dtype=float)
    for axis, key in enumerate(CENTROID_COORDS):
        coords[key] = ("region", table.reshape(-1, 3)[:, axis].copy(), {"units": "mm"})
    return coords


def _check_members(
    neuron_region: np.ndarray, neuron_population: np.ndarray, n_regions: int, n_populations: int
) -> None:
    if neuron_region.ndim != 1 or neuron_region.shape != neuron_population.shape:
        raise ValueError(
            f"neuron_region {neuron_region.shape} and neuron_population {neuron_population.shape} "
            "differ in shape; expected one entry a neuron"
        )
    for name, index, n in (
        ("neuron_region", neuron_region, n_regions),
        ("neuron_population", neuron_population, n_populations),
    ):
        if index.size and (index.min() < 0 or index.max() >= n):
            raise ValueError(f"{name} spans {index.min()} to {index.max()}; expected 0 to {n - 1}")


def _check_follows(before: Recording, after: Recording) -> None:
    """Raise ValueError unless a recording goes on where the one before it ends."""
    if (before.dt_ms, before.bin_ms) != (after.dt_ms, after.bin_ms):
        raise ValueError(
            f"the recording at {after.start_ms:g} ms has dt {after.dt_ms:g} and bins of "
            f"{after.bin_ms:g} ms, the one before it {before.dt_ms:g} and {before.bin_ms:g}"
        )
    if after.start_step != before.start_step + before.n_steps:
        raise ValueError(
            f"a recording ends at {before.stop_ms:g} ms and the next starts at "
            f"{after.start_ms:g} ms; only stretches without a gap can be joined"
        )
    if not _same_network(before, after) or before.has_spikes != after.has_spikes:
        raise ValueError(
            f"the recording at {after.start_ms:g} ms is of another network or another probe; "
            "join recordings of one network, recorded alike"
        )


def _same_network(a: Recording, b: Recording) -> bool:
    same_traces = ("v_mV" in a.data) == ("v_mV" in b.data) and (
        "v_mV" not in a.data
        or np.array_equal(a.data["trace_neuron"].values, b.data["trace_neuron"].values)
    )
    return (
        same_traces
        and network_of(a.data).equals(network_of(b.data))
        and a.provenance.get("network_digest") == b.provenance.get("network_digest")
    )


def _joined_provenance(recordings: Sequence[Recording]) -> dict[str, Any]:
    parts = [r.provenance for r in recordings]
    joined = dict(parts[0])
    if any(part != parts[0] for part in parts):
        joined["segments"] = [
            {"start_ms": r.start_ms} | {k: v for k, v in part.items() if v != parts[0].get(k)}
            for r, part in zip(recordings, parts, strict=True)
        ]
    return joined
