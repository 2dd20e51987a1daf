"""Recording: what a simulation left behind, with named dimensions, provenance and alarms.

Step s covers the time from s dt to (s + 1) dt. A spike emitted in step s is stamped with the end of
the step, (s + 1) dt, and belongs to the bin and to the window that hold the step: a bin that starts
at t holds the spikes stamped in (t, t + bin].
"""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.recording.alarms import CARRIED, Alarm, check

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "encephagen-recording"
FORMAT_VERSION = 2
SEAL = b"encephagen recording sha256 "
"""Ends a file, before the 32 bytes of the digest of all that precedes the seal."""

REGION_COORDS = ("hemisphere", "lobe", "system", "t1w_t2w")
CENTROID_COORDS = ("centroid_x_mm", "centroid_y_mm", "centroid_z_mm")


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes, counts and traces of one stretch of brain time; read-only.

    ``data`` is an `xarray.Dataset` with the dimensions and variables

    - ``spike_time_ms`` (spike) float64, ``spike_neuron`` (spike) int32: absolute brain time, sorted
      by (time, neuron); absent if the probe kept no spikes;
    - ``count`` (time_ms, region, population) int32: spikes per bin; ``time_ms`` is the left edge,
      ``bin_width_ms`` (time_ms) the width, shorter than ``bin_ms`` only in a last, incomplete bin;
    - ``v_mV`` (trace_time_ms, trace_neuron) float32, optional;
    - ``excites`` (population) int8: 1 for populations that excite, 0 for those that inhibit;
    - ``region_size`` (region, population) int32, 0 where a population does not live,
      ``neuron_region`` (neuron) int32,
      ``neuron_population`` (neuron) int8;
    - coordinates of a region: its name, hemisphere, lobe, system, t1w_t2w, centroid_[xyz]_mm;

    and the attributes ``dt_ms``, ``start_ms``, ``duration_ms``, ``bin_ms``, ``interrupted`` (0 or
    1), ``provenance`` and ``alarms`` (JSON).

    Raises ValueError if the dataset does not have this shape.
    """

    data: "xr.Dataset"

    def __post_init__(self):
        _validate(self.data)
        for name in self.data.variables:
            if name not in self.data.indexes:
                self.data.variables[name].values.flags.writeable = False

    def __repr__(self) -> str:
        spikes = f"{self.n_spikes} spikes" if self.has_spikes else "counts only"
        return (
            f"Recording({self.start_ms:g} to {self.stop_ms:g} ms, {len(self.regions)} regions, "
            f"{self.n_neurons} neurons, {spikes}, {len(self.alarms)} alarms)"
        )

    @property
    def dt_ms(self) -> float:
        """Width of an integration step in ms."""
        return float(self.data.attrs["dt_ms"])

    @property
    def start_ms(self) -> float:
        """Brain time at which the recording starts."""
        return float(self.data.attrs["start_ms"])

    @property
    def duration_ms(self) -> float:
        """Recorded brain time."""
        return float(self.data.attrs["duration_ms"])

    @property
    def stop_ms(self) -> float:
        """Brain time at which the recording stops."""
        return (self.start_step + self.n_steps) * self.dt_ms

    @property
    def start_step(self) -> int:
        """First recorded step."""
        return round(self.start_ms / self.dt_ms)

    @property
    def n_steps(self) -> int:
        """Number of recorded steps."""
        return round(self.duration_ms / self.dt_ms)

    @property
    def bin_ms(self) -> float:
        """Width of a bin of ``count``."""
        return float(self.data.attrs["bin_ms"])

    @property
    def interrupted(self) -> bool:
        """Whether the run was stopped before its time."""
        return bool(self.data.attrs["interrupted"])

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, in the order of the connectome."""
        return tuple(self.data["region"].values.tolist())

    @property
    def populations(self) -> tuple[str, ...]:
        """Names of the populations, in the brain's order."""
        return tuple(self.data["population"].values.tolist())

    @property
    def excites(self) -> np.ndarray:
        """Which populations (population,) excite; the others inhibit."""
        return self.data["excites"].values.astype(bool)

    @property
    def n_neurons(self) -> int:
        """Number of neurons of the network."""
        return self.data.sizes["neuron"]

    @property
    def has_spikes(self) -> bool:
        """Whether single spikes were kept."""
        return "spike_time_ms" in self.data

    @property
    def n_spikes(self) -> int:
        """Number of spikes, from the counts."""
        return int(self.data["count"].values.sum(dtype=np.int64))

    @property
    def spike_steps(self) -> np.ndarray:
        """Steps of the spikes (spike) int64; ValueError if single spikes were not kept."""
        self._require_spikes()
        return np.rint(self.data["spike_time_ms"].values / self.dt_ms).astype(np.int64) - 1

    @property
    def spike_neurons(self) -> np.ndarray:
        """Neurons of the spikes (spike) int32; ValueError if single spikes were not kept."""
        self._require_spikes()
        return self.data["spike_neuron"].values

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is wrong with this activity; empty if nothing is."""
        return tuple(Alarm(**fields) for fields in json.loads(self.data.attrs["alarms"]))

    @property
    def provenance(self) -> dict[str, Any]:
        """Which connectome, brain, network, seeds and versions made this."""
        return json.loads(self.data.attrs["provenance"])

    def spike_digest(self) -> str:
        """Return the sha256 of the spikes: steps as little-endian int64, then neurons as int32.

        Raises ValueError if single spikes were not kept.
        """
        digest = hashlib.sha256(self.spike_steps.astype("<i8").tobytes())
        digest.update(self.spike_neurons.astype("<i4").tobytes())
        return digest.hexdigest()

    def window(self, start_ms: float, stop_ms: float) -> "Recording":
        """Return the part from ``start_ms`` to ``stop_ms`` (brain time, rounded to whole steps).

        Alarms are raised anew for the part. Without single spikes both ends must stand on edges of
        bins. Raises ValueError if the part is empty or not inside the recording.
        """
        first, stop = (_nearest_step(t, self.dt_ms) for t in (start_ms, stop_ms))
        if not self.start_step <= first < stop <= self.start_step + self.n_steps:
            raise ValueError(
                f"window {start_ms:g} to {stop_ms:g} ms does not lie in the recording, "
                f"{self.start_ms:g} to {self.stop_ms:g} ms; choose a stretch inside it"
            )
        steps = neurons = count = None
        if self.has_spikes:
            all_steps = self.spike_steps
            left, right = np.searchsorted(all_steps, [first, stop])
            steps, neurons = all_steps[left:right], self.spike_neurons[left:right]
        else:
            count = self._count_between(first, stop)
        traces = None
        if "v_mV" in self.data:
            time = self.data["trace_time_ms"].values
            edge = 0.5 * self.dt_ms
            inside = (time > first * self.dt_ms + edge) & (time <= stop * self.dt_ms + edge)
            traces = Traces(
                time[inside], self.data["trace_neuron"].values, self.data["v_mV"].values[inside]
            )
        return _reassemble(
            self, steps, neurons, count, first, stop - first, traces, self.provenance
        )

    def save(self, path: str | os.PathLike) -> Path:
        """Write a netCDF-4 file, whole or not at all, and return its path.

        The file is written under a temporary name beside ``path`` and then renamed. Spike times are
        packed as whole multiples of dt (`scale_factor`), so they come back bit for bit. A checksum
        follows the HDF5 data, which other readers ignore.
        Raises ValueError if the folder does not exist; OSError if it cannot be written.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise ValueError(f"folder {target.parent} does not exist; create it first")
        if target.is_dir():
            raise ValueError(f"{target} is a folder; give the name of a file")
        encoding: dict[str, dict[str, Any]] = {
            str(name): {"_FillValue": None} for name in self.data.variables
        }
        for name, variable in self.data.variables.items():
            if variable.size and variable.ndim and variable.dtype.kind in "iuf":
                encoding[str(name)].update(zlib=True, complevel=1, shuffle=True)
        if self.has_spikes:
            packed = {"dtype": "int64", "scale_factor": self.dt_ms, "_FillValue": -1}
            encoding["spike_time_ms"].update(packed)
        data = self.data.assign_attrs(format=FORMAT, format_version=FORMAT_VERSION)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            data.to_netcdf(partial, engine="h5netcdf", encoding=encoding)
            _seal(partial)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        return target

    @staticmethod
    def load(path: str | os.PathLike) -> "Recording":
        """Read a file that `save` wrote.

        Raises ValueError, in one line, if there is no such file, if it is truncated or damaged, or
        if it is not a recording of this project.
        """
        source = Path(path)
        if not source.is_file():
            raise ValueError(f"no recording at {source}; check the path")
        _check_seal(source)
        import xarray as xr

        try:
            with xr.open_dataset(
                source, engine="h5netcdf", decode_timedelta=False, decode_times=False
            ) as opened:
                data = opened.load()
            version = data.attrs.pop("format_version")
            if data.attrs.pop("format") != FORMAT or version != FORMAT_VERSION:
                raise ValueError(f"format version {version} is not {FORMAT_VERSION}")
            return Recording(_plain(data))
        except Exception as error:  # HDF5 reports a foreign layout by many types
            raise ValueError(
                f"{source} cannot be read: {_one_line(error)}; "
                "use the version of encephagen that wrote it"
            ) from error

    def _require_spikes(self):
        if not self.has_spikes:
            raise ValueError(
                "this recording kept counts but no single spikes; record with Probe(spikes=True)"
            )

    def _count_between(self, first: int, stop: int) -> np.ndarray:
        """Return the counts (time, region, population) of steps, which must be edges of bins."""
        bin_steps = whole_steps("bin_ms", self.bin_ms, self.dt_ms)
        end = self.start_step + self.n_steps
        if (first - self.start_step) % bin_steps or (
            (stop - self.start_step) % bin_steps and stop != end
        ):
            raise ValueError(
                f"window {first * self.dt_ms:g} to {stop * self.dt_ms:g} ms cuts a bin of "
                f"{self.bin_ms:g} ms, and single spikes were not kept; choose edges of bins"
            )
        left = (first - self.start_step) // bin_steps
        right = -(-(stop - self.start_step) // bin_steps)
        return self.data["count"].values[left:right]


@dataclass(frozen=True, eq=False)
class Traces:
    """Membrane potentials: time_ms (m,), neuron ids (k,), v_mV (m, k)."""

    time_ms: np.ndarray
    neuron: np.ndarray
    v_mV: np.ndarray


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
    alarms: what the engine found (inactive delays, non-finite values); `check` adds other kinds.

    Raises ValueError if a spike lies outside the stretch or the network, if a neuron fires twice in
    a step, or if bin_ms is not a whole number of steps.
    """
    import xarray as xr

    bin_steps = whole_steps("bin_ms", bin_ms, dt_ms)
    start_step, n_steps = int(start_step), int(n_steps)
    if n_steps < 0 or start_step < 0:
        raise ValueError(f"start_step {start_step}, n_steps {n_steps}: expected none below 0")
    neuron_region = np.array(neuron_region, dtype=np.int32)
    neuron_population = np.array(neuron_population, dtype=np.int8)
    _check_members(neuron_region, neuron_population, len(regions), len(populations))
    n_bins = -(-n_steps // bin_steps)
    shape = (n_bins, len(regions), len(populations))
    variables: dict[str, Any] = {}
    if steps is not None and neurons is not None:
        steps, neurons = _canonical(steps, neurons, start_step, n_steps, neuron_region.size)
        group = neuron_region * len(populations) + neuron_population
        count = bin_spikes(steps - start_step, group[neurons], n_bins, bin_steps, shape[1:])
        variables["spike_time_ms"] = ("spike", (steps + 1) * float(dt_ms), {"units": "ms"})
        variables["spike_neuron"] = ("spike", neurons)
    elif count is None:
        raise ValueError("a recording needs spikes (steps and neurons) or counts; got neither")
    count = np.array(count, dtype=np.int32)
    if count.shape != shape:
        raise ValueError(f"count has shape {count.shape}; expected (time, region, pop) {shape}")
    if traces is not None:
        variables["v_mV"] = (
            ("trace_time_ms", "trace_neuron"),
            np.array(traces.v_mV, dtype=np.float32),
            {"units": "mV"},
        )
    size = np.zeros(shape[1:], dtype=np.int32)
    np.add.at(size, (neuron_region, neuron_population), 1)
    edges = np.append(np.arange(n_bins) * bin_steps, n_steps)
    variables["count"] = (("time_ms", "region", "population"), count, {"units": "spikes per bin"})
    coords: dict[str, Any] = {
        "time_ms": ("time_ms", (start_step + edges[:-1]) * float(dt_ms), {"units": "ms"}),
        "bin_width_ms": ("time_ms", np.diff(edges) * float(dt_ms), {"units": "ms"}),
        "population": np.array(populations, dtype=object),
        "excites": ("population", np.array(excites, dtype=np.int8)),
        "region_size": (("region", "population"), size, {"units": "neurons"}),
        "neuron_region": ("neuron", neuron_region),
        "neuron_population": ("neuron", neuron_population),
        **_region_coords(regions),
    }
    if traces is not None:
        coords["trace_time_ms"] = ("trace_time_ms", np.array(traces.time_ms, float))
        coords["trace_neuron"] = ("trace_neuron", np.array(traces.neuron, np.int32))
    attrs = {
        "dt_ms": float(dt_ms),
        "start_ms": start_step * float(dt_ms),
        "duration_ms": n_steps * float(dt_ms),
        "bin_ms": float(bin_ms),
        "interrupted": int(interrupted),
        "provenance": json.dumps(dict(provenance or {}), sort_keys=True),
        "alarms": "[]",
    }
    recording = Recording(xr.Dataset(variables, coords, attrs))
    kinds = {alarm.kind for alarm in alarms}
    found = (*dict.fromkeys(alarms), *(a for a in check(recording) if a.kind not in kinds))
    recording.data.attrs["alarms"] = json.dumps([asdict(a) for a in found])
    return recording


def concatenate(recordings: Sequence[Recording]) -> Recording:
    """Return one Recording of stretches that follow each other without a gap.

    Where the provenances differ, that of the first stands and ``segments`` lists, for each stretch,
    its start and what differs. Raises ValueError if there is none, if they leave a gap or overlap,
    or if they come from different networks or probes.
    """
    if not recordings:
        raise ValueError("concatenate got no recording; give at least one")
    first = recordings[0]
    for before, after in zip(recordings[:-1], recordings[1:], strict=True):
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
        if not _same_network(first, after) or before.has_spikes != after.has_spikes:
            raise ValueError(
                f"the recording at {after.start_ms:g} ms is of another network or another probe; "
                "join recordings of one network, recorded alike"
            )
    steps = neurons = count = None
    if first.has_spikes:
        steps = np.concatenate([r.spike_steps for r in recordings])
        neurons = np.concatenate([r.spike_neurons for r in recordings])
    else:
        for r in recordings[:-1]:
            r._count_between(r.start_step, r.start_step + r.n_steps)
            if r.n_steps % whole_steps("bin_ms", r.bin_ms, r.dt_ms):
                raise ValueError(
                    f"the recording at {r.start_ms:g} ms ends inside a bin, and single spikes were "
                    "not kept; join recordings that end on the edge of a bin"
                )
        count = np.concatenate([r.data["count"].values for r in recordings])
    traces = None
    if "v_mV" in first.data:
        traces = Traces(
            np.concatenate([r.data["trace_time_ms"].values for r in recordings]),
            first.data["trace_neuron"].values,
            np.concatenate([r.data["v_mV"].values for r in recordings]),
        )
    n_steps = sum(r.n_steps for r in recordings)
    carried = tuple(a for r in recordings[1:] for a in r.alarms if a.kind in CARRIED)
    interrupted = any(r.interrupted for r in recordings)
    return _reassemble(
        first,
        steps,
        neurons,
        count,
        first.start_step,
        n_steps,
        traces,
        _joined_provenance(recordings),
        carried,
        interrupted,
    )


def bin_spikes(
    steps: np.ndarray, group: np.ndarray, n_bins: int, bin_steps: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Return counts (n_bins, *shape) int32 of spikes by bin and group.

    steps (spike): counted from the left edge of the first bin; group (spike): flat index in shape.
    """
    n_groups = int(np.prod(shape))
    flat = (np.asarray(steps, np.int64) // bin_steps) * n_groups + group
    return np.bincount(flat, minlength=n_bins * n_groups).astype(np.int32).reshape(n_bins, *shape)


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


@dataclass(frozen=True)
class _Region:
    """A region as the coordinates of a Recording remember it."""

    name: str
    hemisphere: str
    lobe: str
    system: str
    t1w_t2w: float
    centroid_mm: tuple[float, float, float]


def _regions_of(recording: Recording) -> tuple[_Region, ...]:
    columns = [recording.data[k].values.tolist() for k in ("region", *REGION_COORDS)]
    centroids = np.stack([recording.data[k].values for k in CENTROID_COORDS], axis=1).tolist()
    return tuple(
        _Region(name, hemisphere, lobe, system, t1w_t2w, tuple(centroid))
        for name, hemisphere, lobe, system, t1w_t2w, centroid in zip(
            *columns, centroids, strict=True
        )
    )


def _reassemble(
    like: Recording,
    steps: np.ndarray | None,
    neurons: np.ndarray | None,
    count: np.ndarray | None,
    start_step: int,
    n_steps: int,
    traces: Traces | None,
    provenance: Mapping[str, Any],
    alarms: Sequence[Alarm] = (),
    interrupted: bool | None = None,
) -> Recording:
    """Return another stretch of the network of ``like``, with its engine alarms carried over."""
    return assemble(
        steps,
        neurons,
        dt_ms=like.dt_ms,
        start_step=start_step,
        n_steps=n_steps,
        regions=_regions_of(like),
        populations=like.populations,
        excites=like.excites.tolist(),
        neuron_region=like.data["neuron_region"].values,
        neuron_population=like.data["neuron_population"].values,
        bin_ms=like.bin_ms,
        count=count,
        traces=traces,
        provenance=provenance,
        interrupted=like.interrupted if interrupted is None else interrupted,
        alarms=(*(a for a in like.alarms if a.kind in CARRIED), *alarms),
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


def _same_network(a: Recording, b: Recording) -> bool:
    def key(recording: Recording) -> Any:
        return recording.provenance.get("network")

    same_traces = ("v_mV" in a.data) == ("v_mV" in b.data) and (
        "v_mV" not in a.data
        or np.array_equal(a.data["trace_neuron"].values, b.data["trace_neuron"].values)
    )
    return (
        same_traces
        and a.regions == b.regions
        and a.populations == b.populations
        and np.array_equal(a.data["neuron_region"].values, b.data["neuron_region"].values)
        and np.array_equal(a.data["neuron_population"].values, b.data["neuron_population"].values)
        and key(a) == key(b)
    )


def _nearest_step(time_ms: float, dt_ms: float) -> int:
    if not np.isfinite(time_ms):
        raise ValueError(f"time {time_ms} ms is not finite; give a time in ms")
    return round(time_ms / dt_ms)


def whole_steps(name: str, interval_ms: float, dt_ms: float) -> int:
    """Return the interval ``name`` in steps; ValueError where it is no whole number of them."""
    if not (np.isfinite(dt_ms) and dt_ms > 0):
        raise ValueError(f"dt_ms is {dt_ms}; expected a positive time in ms")
    if not (np.isfinite(interval_ms) and interval_ms > 0):
        raise ValueError(f"{name} is {interval_ms}; expected a positive time in ms")
    steps = round(interval_ms / dt_ms)
    if steps < 1 or abs(steps * dt_ms - interval_ms) > 1e-6 * interval_ms:
        raise ValueError(
            f"{name} {interval_ms:g} is not a whole number of steps of {dt_ms:g} ms; "
            f"choose {max(1, steps) * dt_ms:g}, or another dt"
        )
    return steps


def _check_members(
    neuron_region: np.ndarray, neuron_population: np.ndarray, n_regions: int, n_populations: int
):
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


def _validate(data: "xr.Dataset"):
    """Raise ValueError if the dataset is not a recording."""
    dims = {
        "count": ("time_ms", "region", "population"),
        "bin_width_ms": ("time_ms",),
        "region_size": ("region", "population"),
        "excites": ("population",),
        "neuron_region": ("neuron",),
        "neuron_population": ("neuron",),
        **dict.fromkeys((*REGION_COORDS, *CENTROID_COORDS), ("region",)),
    }
    if "spike_time_ms" in data or "spike_neuron" in data:
        dims |= {"spike_time_ms": ("spike",), "spike_neuron": ("spike",)}
    if "v_mV" in data:
        dims["v_mV"] = ("trace_time_ms", "trace_neuron")
    for name, expected in dims.items():
        if name not in data.variables or data[name].dims != expected:
            raise ValueError(f"a recording needs {name} with dimensions {expected}")
    for name in ("dt_ms", "start_ms", "duration_ms", "bin_ms"):
        value = data.attrs.get(name)
        if not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
            raise ValueError(f"a recording needs the attribute {name}, a time in ms; got {value}")
    for name in ("provenance", "alarms"):
        json.loads(data.attrs[name])
    if "interrupted" not in data.attrs:
        raise ValueError("a recording needs the attribute interrupted, 0 or 1")


def _plain(data: "xr.Dataset") -> "xr.Dataset":
    """Return the dataset as `assemble` makes it: object names, plain attributes, no encoding."""
    for name in data.variables:
        if data[name].dtype.kind in "UST":
            data[name] = data[name].astype(object)
    data.attrs = {k: v.item() if isinstance(v, np.generic) else v for k, v in data.attrs.items()}
    return data.drop_encoding()


def _seal(path: Path):
    """Append the digest of the file to it.

    HDF5 alone would notice a cut but not every flipped bit, and on some damage it hangs.
    """
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(SEAL + digest)
        file.flush()
        os.fsync(file.fileno())


def _check_seal(path: Path):
    """Raise ValueError unless the file ends with the digest of what precedes it."""
    tail = len(SEAL) + hashlib.sha256().digest_size
    body = path.stat().st_size - tail
    with path.open("rb") as file:
        magic = file.read(8)
        file.seek(max(0, body))
        seal = file.read(tail)
        if body < 0 or not seal.startswith(SEAL):
            cut = magic == b"\x89HDF\r\n\x1a\n"
            why = "it is cut short or was changed since, or another program wrote it"
            raise ValueError(
                f"{path} is not a whole encephagen recording"
                + (f": {why}" if cut else "; expected a file that Recording.save wrote")
            )
        file.seek(0)
        digest = hashlib.sha256()
        while body > 0:
            chunk = file.read(min(body, 1 << 20))
            digest.update(chunk)
            body -= len(chunk)
        if digest.digest() != seal[len(SEAL) :]:
            raise ValueError(f"{path} is damaged: its checksum does not match; use another copy")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
