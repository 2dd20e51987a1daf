"""Recording: what a simulation left behind, with named dimensions, provenance and alarms."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encephagen.recording.alarms import RANGE_COORDS, Alarm, nuclei
from encephagen.recording.bins import first_step, n_steps, spike_steps, step_at
from encephagen.recording.file import read, write
from encephagen.recording.stretch import Stretch, Traces, fill, network_of
from encephagen.units import whole_steps

if TYPE_CHECKING:
    import xarray as xr

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
    - ``rest_low_Hz``, ``rest_high_Hz`` (population): the published rate of a nucleus, nan for
      cortex; absent in a recording of cortex alone;
    - ``region_size`` (region, population) int32, 0 where a population does not live,
      ``neuron_region`` (neuron) int32,
      ``neuron_population`` (neuron) int8;
    - coordinates of a region: its name, hemisphere, lobe, system, t1w_t2w, centroid_[xyz]_mm;

    and the attributes ``dt_ms``, ``start_ms``, ``duration_ms``, ``bin_ms``, ``interrupted`` (0 or
    1), ``provenance``, ``alarms`` and ``engine_alarms`` (JSON).

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
        return first_step(self.data)

    @property
    def n_steps(self) -> int:
        """Number of recorded steps."""
        return n_steps(self.data)

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
    def nuclei(self) -> np.ndarray:
        """Which populations (population,) are of a nucleus that is not cortex."""
        return nuclei(self.data)

    @property
    def at_rest_Hz(self) -> list[tuple[float, float] | None]:
        """The published rate (population,) of each nucleus, low and high end; None for cortex."""
        if not self.nuclei.any():
            return [None] * len(self.populations)
        low_Hz, high_Hz = (self.data[name].values.tolist() for name in RANGE_COORDS)
        ends = zip(low_Hz, high_Hz, self.nuclei, strict=True)
        return [(low, high) if nucleus else None for low, high, nucleus in ends]

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
        return spike_steps(self.data)

    @property
    def spike_neurons(self) -> np.ndarray:
        """Neurons of the spikes (spike) int32; ValueError if single spikes were not kept."""
        self._require_spikes()
        return self.data["spike_neuron"].values

    @property
    def engine_alarms(self) -> tuple[Alarm, ...]:
        """What the engine found while it ran."""
        return tuple(Alarm(**a) for a in json.loads(self.data.attrs["engine_alarms"]))

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What is wrong with this activity; empty if nothing is."""
        judged = json.loads(self.data.attrs["alarms"])
        return (*self.engine_alarms, *(Alarm(**a) for a in judged))

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
        """Return the part from ``start_ms`` to ``stop_ms`` (brain time, multiples of dt).

        The part is judged anew; what the engine found in it, or of all, is kept. Without single
        spikes both ends must stand on edges of bins. Raises ValueError, with the nearest time that
        can be, for one inside a step; and if the part is empty or not inside the recording.
        """
        first = step_at("start_ms", start_ms, self.dt_ms)
        stop = step_at("stop_ms", stop_ms, self.dt_ms)
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
        stretch = Stretch(
            dt_ms=self.dt_ms,
            bin_ms=self.bin_ms,
            start_step=first,
            n_steps=stop - first,
            steps=steps,
            neurons=neurons,
            count=count,
            traces=traces,
            provenance=self.provenance,
            interrupted=self.interrupted,
            found=[a for a in self.engine_alarms if _lies_in(a, first, stop, self.dt_ms)],
        )
        return Recording(fill(network_of(self.data), stretch))

    def save(self, path: str | os.PathLike) -> Path:
        """Write a netCDF-4 file, whole or not at all, and return its path.

        Spike times come back bit for bit. A link stays a link: the file that it names is written.
        Raises ValueError, before anything is written, if no regular file can stand there; OSError
        if writing fails.
        """
        return write(self.data, path)

    @staticmethod
    def load(path: str | os.PathLike) -> "Recording":
        """Read a file that `save` wrote.

        Raises ValueError, in one line, if there is no such file, if it is truncated or damaged, or
        if it is not a recording of this project in the format of today.
        """
        data = read(path)
        try:
            return Recording(data)
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"{path} cannot be read: {error}; use the version of encephagen that wrote it"
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


def _lies_in(alarm: Alarm, first: int, stop: int, dt_ms: float) -> bool:
    """Return whether what an engine found belongs to the steps from ``first`` to ``stop``."""
    return alarm.at_ms is None or first < round(alarm.at_ms / dt_ms) <= stop


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
    for name in ("provenance", "alarms", "engine_alarms", "interrupted"):
        if name not in data.attrs:
            raise ValueError(f"a recording needs the attribute {name}")
