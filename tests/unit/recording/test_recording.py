"""Recording: what goes in comes out, in whatever order, stretch or file it went through."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.recording import (
    Alarm,
    Probe,
    Recording,
    Traces,
    assemble,
    concatenate,
)
from encephagen.recording.bins import step_at
from encephagen.units import whole_steps

DT_MS = 0.5
N_E, N_I = 3, 1
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def region(i):
    centroid = None if i % 2 else (float(i), -1.5, 2.0)
    return SimpleNamespace(
        name=f"Région_{i}",
        hemisphere="LR"[i % 2],
        lobe="frontal",
        system="motor",
        t1w_t2w=None if i == 0 else 1.0 + i,
        centroid_mm=centroid,
    )


def make(steps, neurons, *, start_step=0, n_steps=100, n_regions=2, bin_ms=5.0, **rest):
    one = np.r_[np.zeros(N_E, np.int8), np.ones(N_I, np.int8)]
    return assemble(
        np.asarray(steps, np.int64),
        np.asarray(neurons, np.int32),
        dt_ms=DT_MS,
        start_step=start_step,
        n_steps=n_steps,
        regions=[region(i) for i in range(n_regions)],
        neuron_region=np.repeat(np.arange(n_regions, dtype=np.int32), N_E + N_I),
        neuron_population=np.tile(one, n_regions),
        bin_ms=bin_ms,
        **(dict(populations=("E", "I"), excites=(True, False)) | rest),
    )


@st.composite
def recordings(draw):
    start_step = draw(st.integers(0, 50_000))
    n_steps = draw(st.integers(2, 120))
    spikes = draw(st.sets(st.tuples(st.integers(0, n_steps - 1), st.integers(0, 7)), max_size=60))
    pairs = draw(st.permutations(sorted(spikes)))
    steps = [start_step + s for s, _ in pairs]
    return make(steps, [n for _, n in pairs], start_step=start_step, n_steps=n_steps)


def test_spikes_are_stamped_with_the_end_of_the_step_and_counted_in_its_bin():
    recording = make([9, 10, 0, 10], [0, 3, 5, 1], n_steps=23)
    assert recording.data["spike_time_ms"].values.tolist() == [0.5, 5.0, 5.5, 5.5]
    assert recording.data["spike_neuron"].values.tolist() == [5, 0, 1, 3]
    assert recording.data["time_ms"].values.tolist() == [0.0, 5.0, 10.0]
    assert recording.data["bin_width_ms"].values.tolist() == [5.0, 5.0, 1.5]
    count = recording.data["count"]
    assert count.sel(region="Région_0", population="E").values.tolist() == [1, 1, 0]
    assert count.sel(region="Région_0", population="I").values.tolist() == [0, 1, 0]
    assert count.sel(region="Région_1", population="E").values.tolist() == [1, 0, 0]
    assert recording.data["region_size"].values.tolist() == [[3, 1], [3, 1]]


def test_populations_need_not_live_everywhere(mixed, tmp_path):
    recording = mixed()
    size = recording.data["region_size"]
    assert size.sel(region="Thalamus_L").values.tolist() == [0, 0, 20, 0]
    assert recording.excites.tolist() == [True, True, True, False]
    halves = recording.window(0, 1000), recording.window(1000, 2000)
    assert concatenate(halves).data.identical(recording.data)
    assert Recording.load(recording.save(tmp_path / "r.nc")).data.identical(recording.data)
    assert (recording.data["count"].values.sum(axis=0)[size.values == 0] == 0).all()


def test_region_coordinates_survive():
    recording = make([], [])
    assert recording.regions == ("Région_0", "Région_1")
    assert recording.data["hemisphere"].values.tolist() == ["L", "R"]
    assert np.isnan(recording.data["t1w_t2w"].values[0])
    assert recording.data["centroid_y_mm"].values[0] == -1.5
    assert np.isnan(recording.data["centroid_x_mm"].values[1])


def test_arrays_are_read_only():
    recording = make([1], [1])
    for name in ("spike_time_ms", "spike_neuron", "count", "neuron_region", "region_size"):
        with pytest.raises(ValueError):
            recording.data[name].values[...] = 0


def test_digest_is_that_of_steps_and_neurons():
    import hashlib

    recording = make([7, 3], [2, 6])
    expected = hashlib.sha256(
        np.array([3, 7], "<i8").tobytes() + np.array([6, 2], "<i4").tobytes()
    ).hexdigest()
    assert recording.spike_digest() == expected
    assert make([7, 4], [2, 6]).spike_digest() != expected


@QUICK
@given(recordings(), st.randoms(use_true_random=False))
def test_order_of_the_spikes_does_not_matter(recording, random):
    order = list(range(recording.n_spikes))
    random.shuffle(order)
    again = make(
        recording.spike_steps[order],
        recording.spike_neurons[order],
        start_step=recording.start_step,
        n_steps=recording.n_steps,
    )
    assert again.data.identical(recording.data)


@QUICK
@given(recordings())
def test_counts_hold_every_spike(recording):
    assert recording.data["count"].values.sum() == recording.spike_steps.size == recording.n_spikes


@QUICK
@given(recordings())
def test_save_and_load_give_the_same(tmp_path, recording):
    path = recording.save(tmp_path / "r.nc")
    loaded = Recording.load(path)
    assert loaded.data.identical(recording.data)
    assert loaded.spike_digest() == recording.spike_digest()
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


@QUICK
@given(recordings(), st.data())
def test_windows_concatenate_to_the_whole(recording, data):
    first, n = recording.start_step, recording.n_steps
    cuts = sorted(data.draw(st.sets(st.integers(first + 1, first + n - 1), max_size=4)))
    edges = [first, *cuts, first + n]
    parts = [
        recording.window(a * DT_MS, b * DT_MS) for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    assert sum(p.n_spikes for p in parts) == recording.n_spikes
    assert concatenate(parts).data.identical(recording.data)


@QUICK
@given(recordings(), st.integers(0, 10_000))
def test_a_truncated_file_is_refused_in_one_line(tmp_path, recording, cut):
    path = recording.save(tmp_path / "r.nc")
    whole = path.read_bytes()
    path.write_bytes(whole[: cut * len(whole) // 10_001])
    with pytest.raises(ValueError, match=r"r\.nc is not a whole encephagen recording") as caught:
        Recording.load(path)
    assert "\n" not in str(caught.value)


@QUICK
@given(recordings(), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_refused(tmp_path, recording, where, flip):
    path = recording.save(tmp_path / "r.nc")
    changed = bytearray(path.read_bytes())
    changed[where * len(changed) // 10_001] ^= flip
    path.write_bytes(bytes(changed))
    with pytest.raises(ValueError, match="whole|damaged"):
        Recording.load(path)


@QUICK
@given(st.binary(max_size=300))
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign.nc"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign\.nc is (not a whole|damaged)"):
        Recording.load(path)


def test_a_missing_file_a_folder_and_a_foreign_netcdf_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no recording at"):
        Recording.load(tmp_path / "none.nc")
    with pytest.raises(ValueError, match="no recording at"):
        Recording.load(tmp_path)
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="not a whole encephagen recording"):
        Recording.load(tmp_path / "other.nc")


def test_saving_into_no_folder_or_onto_a_folder_is_refused(tmp_path):
    recording = make([1], [1])
    with pytest.raises(ValueError, match="does not exist; create it"):
        recording.save(tmp_path / "none" / "r.nc")
    with pytest.raises(ValueError, match="is a folder"):
        recording.save(tmp_path)


def test_saving_writes_through_links_and_replaces_no_device_or_pipe(tmp_path):
    import os

    recording = make([1], [1])
    link = tmp_path / "link.nc"
    link.symlink_to("real.nc")
    assert recording.save(link) == link and link.is_symlink()
    assert Recording.load(tmp_path / "real.nc").data.identical(recording.data)
    os.mkfifo(tmp_path / "pipe.nc")
    with pytest.raises(ValueError, match="no regular file"):
        recording.save(tmp_path / "pipe.nc")
    assert (tmp_path / "pipe.nc").is_fifo()
    with pytest.raises(ValueError, match="no regular file"):
        recording.save("/dev/null")


def test_a_file_of_another_format_is_refused_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("encephagen.recording.file.FORMAT_VERSION", 1)
    path = make([1], [1]).save(tmp_path / "old.nc")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"old.nc has format 1, this encephagen reads 2: run"):
        Recording.load(path)


def test_a_recording_prints_in_a_line():
    recording = make([1, 2], [1, 1])
    text = "Recording(0 to 50 ms, 2 regions, 8 neurons, 2 spikes, 0 alarms)"
    assert repr(recording) == text and not hasattr(recording, "_repr_html_")


def test_a_failed_save_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch):
    path = make([1], [1]).save(tmp_path / "r.nc")
    before = path.read_bytes()

    def full(self, target, **_):
        target.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", full)
    with pytest.raises(OSError, match="no space"):
        make([2], [2]).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]


def test_other_readers_open_the_file(tmp_path):
    recording = make([3, 7], [6, 2])
    with xr.open_dataset(recording.save(tmp_path / "r.nc"), engine="h5netcdf") as opened:
        assert opened["spike_time_ms"].values.tolist() == [2.0, 4.0]
        assert opened["spike_time_ms"].attrs["units"] == "ms"


def test_provenance_alarms_and_interruption_survive(tmp_path):
    alarm = Alarm("inactive delays", "", "all 0.1 ms", "delays over dt", "give tract lengths")
    provenance = {"network_digest": "abc", "noise_seed": 3, "recipe": {"text": "x" * 200_000}}
    recording = make([1], [1], provenance=provenance, alarms=[alarm], interrupted=True)
    loaded = Recording.load(recording.save(tmp_path / "r.nc"))
    assert loaded.provenance == provenance
    assert loaded.alarms == (alarm,)
    assert loaded.interrupted
    assert loaded.window(0, 10).alarms == (alarm,)
    assert str(alarm) == "inactive delays: all 0.1 ms; expected delays over dt; give tract lengths"


def test_what_ended_a_run_belongs_to_its_moment():
    """The engine stopped at 50 ms: the last window says so, the first does not, the whole does."""
    everywhere = Alarm("inactive delays", "", "all 0.1 ms", "delays over dt", "give tract lengths")
    ended = Alarm("saturated", "A", "300 Hz", "under 250 Hz", "stop", at_ms=50.0)
    recording = make([], [], alarms=[ended, everywhere], interrupted=True)
    assert recording.window(10.0, 50.0).alarms == (ended, everywhere)
    assert recording.window(0.0, 49.5).alarms == (everywhere,)
    calm = make([], [], start_step=0)
    late = make([], [], start_step=100, alarms=[Alarm("non-finite", "B", "1", "0", "x", 100.0)])
    joined = concatenate([calm, late])
    assert [a.at_ms for a in joined.alarms] == [100.0]
    assert joined.window(0.0, 99.5).alarms == () and joined.window(60.0, 100.0).alarms


def test_concatenate_tells_provenances_apart():
    parts = [
        make([], [], provenance={"network_digest": "n", "lesions": []}),
        make([], [], start_step=100, provenance={"network_digest": "n", "lesions": ["silence V1"]}),
    ]
    provenance = concatenate(parts).provenance
    assert provenance["segments"] == [
        {"start_ms": 0.0},
        {"start_ms": 50.0, "lesions": ["silence V1"]},
    ]


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (dict(start_step=101), "without a gap"),
        (dict(start_step=99), "without a gap"),
        (dict(start_step=100, bin_ms=10.0), "bins of 10 ms"),
        (dict(start_step=100, n_regions=3), "another network"),
        (dict(start_step=100, provenance={"network_digest": "other"}), "another network"),
        (dict(start_step=100, excites=(True, True)), "another network"),
    ],
)
def test_concatenate_refuses_what_does_not_fit(after, message):
    with pytest.raises(ValueError, match=message):
        concatenate([make([], []), make([], [], **after)])
    with pytest.raises(ValueError, match="at least one"):
        concatenate([])


def test_traces_follow_windows():
    time = (np.arange(10) + 1) * 5.0
    v = np.stack([time, -time], axis=1)
    recording = make([], [], traces=Traces(time, np.array([0, 5]), v))
    assert recording.data["v_mV"].dims == ("trace_time_ms", "trace_neuron")
    part = recording.window(10.0, 25.0)
    assert part.data["v_mV"].sel(trace_neuron=5).values.tolist() == [-15.0, -20.0, -25.0]
    joined = concatenate([recording.window(0, 10), recording.window(10, 50)])
    assert joined.data.identical(recording.data)


def test_without_spikes_the_counts_remain():
    whole = make([9, 10, 0, 10, 95], [0, 3, 5, 1, 2])
    counts = assemble(
        None,
        None,
        dt_ms=DT_MS,
        start_step=0,
        n_steps=100,
        regions=[region(0), region(1)],
        populations=("E", "I"),
        excites=(True, False),
        neuron_region=whole.data["neuron_region"].values,
        neuron_population=whole.data["neuron_population"].values,
        bin_ms=5.0,
        count=whole.data["count"].values,
    )
    assert not counts.has_spikes and counts.n_spikes == 5
    part = counts.window(5.0, 50.0)
    assert part.data["count"].identical(whole.window(5.0, 50.0).data["count"])
    assert concatenate([counts.window(0, 5.0), part]).data.identical(counts.data)
    with pytest.raises(ValueError, match="cuts a bin"):
        counts.window(0, 7.0)
    with pytest.raises(ValueError, match="record with Probe"):
        counts.spike_digest()


@pytest.mark.parametrize(
    ("steps", "neurons", "message"),
    [
        ([100], [0], "steps 100 to 100; expected 0 to 99"),
        ([-1], [0], "steps -1"),
        ([0], [8], "neurons 8 to 8; expected 0 to 7"),
        ([0], [-1], "neurons -1"),
        ([4, 4], [3, 3], "twice in one step"),
        ([4, 4], [3], "steps and"),
    ],
)
def test_impossible_spikes_are_refused(steps, neurons, message):
    with pytest.raises(ValueError, match=message):
        make(steps, neurons)


@pytest.mark.parametrize("bin_ms", [0.0, -1.0, 0.7, 0.25, float("nan"), float("inf")])
def test_a_bin_is_a_whole_number_of_steps(bin_ms):
    with pytest.raises(ValueError, match="bin_ms"):
        make([], [], bin_ms=bin_ms)


@pytest.mark.parametrize(("a", "b"), [(-1, 5), (5, 51), (5, 5), (6, 5), (0, float("nan"))])
def test_a_window_lies_inside(a, b):
    with pytest.raises(ValueError, match="window|finite"):
        make([], []).window(a, b)


def test_a_window_inside_a_step_is_refused_with_the_nearest_time():
    recording = make([], [])
    with pytest.raises(ValueError, match=r"stop_ms 9.8 ms lies inside a step of 0.5 ms; choose 10"):
        recording.window(0.0, 9.8)
    with pytest.raises(ValueError, match=r"start_ms 0.2 ms .* choose 0$"):
        recording.window(0.2, 10.0)
    assert recording.window(0.0, sum([0.1] * 100)).n_steps == 20  # 9.99999999999998


@pytest.mark.parametrize(("interval", "dt", "steps"), [(0.3, 0.1, 3), (6e7, 0.1, 600_000_000)])
def test_whole_steps_forgive_rounding_alone(interval, dt, steps):
    assert whole_steps("bin_ms", interval, dt) == step_at("start_ms", interval, dt) == steps
    for wrong in (interval + 0.3 * dt, interval - 0.01 * dt):
        with pytest.raises(ValueError, match=f"choose {interval:.12g}"):
            whole_steps("bin_ms", wrong, dt)
        with pytest.raises(ValueError, match=f"choose {interval:.12g}"):
            step_at("start_ms", wrong, dt)


@pytest.mark.parametrize(
    "bad",
    [
        dict(bin_ms=0),
        dict(bin_ms=float("nan")),
        dict(voltage_every_ms=-1.0),
        dict(voltage=(-1,)),
        dict(voltage=(1, 1)),
    ],
)
def test_a_probe_is_checked(bad):
    with pytest.raises(ValueError, match=next(iter(bad)).split("_")[0]):
        Probe(**bad)


def test_a_dataset_of_another_shape_is_no_recording():
    data = make([1], [1]).data
    with pytest.raises(ValueError, match="needs count"):
        Recording(data.drop_vars("count"))
    with pytest.raises(ValueError, match="attribute dt_ms"):
        Recording(data.assign_attrs(dt_ms="soon"))
    assert json.loads(data.attrs["alarms"]) == []


def test_a_run_that_was_stopped_at_once_is_a_recording_too(tmp_path):
    recording = make([], [], n_steps=0, interrupted=True)
    loaded = Recording.load(recording.save(tmp_path / "r.nc"))
    assert loaded.data.identical(recording.data)
    assert loaded.duration_ms == 0.0 and loaded.interrupted and loaded.alarms == ()


def test_an_alarm_of_the_engine_takes_the_place_of_the_same_kind():
    alarm = Alarm("saturated", "A", "300 Hz", "under 250 Hz", "stop")
    steps, neurons = np.divmod(np.arange(8 * 2000), 8)
    recording = make(steps, neurons, n_steps=2000, alarms=[alarm])
    assert recording.alarms == (alarm,)


@pytest.fixture(scope="module")
def network(brain_of):
    """The tiny brain, with one wiring."""
    return build(brain_of(), seed=1)


def test_what_the_engine_wrote_tells_networks_apart(network, brain_of):
    """Two wirings of one brain, and one seed of noise: alike in all but their network's digest."""
    first, other = Session(network, threads=1), Session(build(brain_of(), seed=2), threads=1)
    begun, another = first.record(50.0), other.record(50.0)
    assert concatenate([begun, first.record(50.0)]).duration_ms == 100.0
    with pytest.raises(ValueError, match="another network"):
        concatenate([begun, other.record(50.0)])
    assert another.populations == begun.populations and another.regions == begun.regions


def test_what_the_engine_stopped_stays_stopped_in_the_window_that_ends_there(network):
    session = Session(network, threads=1)
    begun = session.record(100.0)
    session.current_pA[:] = 1e7
    stopped = session.record(5000.0)
    (alarm,) = stopped.engine_alarms
    assert alarm.kind == "saturated" and alarm.at_ms == stopped.stop_ms
    joined = concatenate([begun, stopped])
    assert alarm in joined.alarms and joined.interrupted
    assert alarm in joined.window(joined.stop_ms - 10.0, joined.stop_ms).alarms
    assert alarm not in joined.window(0.0, 100.0).alarms
