"""What other programs are told of a network: every neuron, synapse, weight and delay."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from encephagen.brain.blocks import cells
from encephagen.brain.spread import Lognormal, Normal
from encephagen.models.alif import ALIF
from encephagen.models.lif import LIF
from encephagen.models.receptors import AMPA, NMDA, Transmitter
from encephagen.network.build import build
from encephagen.network.cells import each
from encephagen.network.export.nest import GENERAL, PLAIN, export_nest, model
from encephagen.network.export.sonata import EDGES, NODES, export_sonata

BOTH = Transmitter((AMPA(), NMDA()), (0.8, 0.2))


@pytest.fixture(scope="module", params=["plain", "with NMDA"])
def network(request, brain_of):
    return build(brain_of(glutamate=BOTH if request.param == "with NMDA" else None), seed=1)


def unlike(brain):
    """The same brain, with excitatory neurons that differ from each other."""
    first, *others = brain.populations
    spread = (("E_L_mV", Normal(2.0)), ("tau_m_ms", Lognormal(0.2)))
    first = dataclasses.replace(first, spread=spread)
    return dataclasses.replace(brain, populations=(first, *others))


def V_of(network):
    return np.linspace(-69.0, -51.0, network.n_neurons)


def read(folder):
    told = json.loads((folder / "network.json").read_text())
    return told, {f.stem: np.load(f) for f in folder.glob("*.npy")}


# ---- NEST ---------------------------------------------------------------------------------------


def test_nest_is_told_every_synapse(network, tmp_path):
    export_nest(network, tmp_path, V_mV=V_of(network), current_pA=7.5)
    told, arrays = read(tmp_path)
    edges = network.edges()
    for name in ("source", "target", "channel", "weight_pA"):
        np.testing.assert_array_equal(arrays[name], edges[name])
    np.testing.assert_array_equal(arrays["delay_steps"] * told["dt_ms"], edges["delay_ms"])
    np.testing.assert_array_equal(arrays["V_mV"], V_of(network))
    assert (arrays["current_pA"] == 7.5).all()
    assert told["min_delay_ms"] == pytest.approx(edges["delay_ms"].min())


def test_nest_is_told_what_a_channel_opens(network, tmp_path):
    """A weight moves the charge that our transmitter moves, at receptors of our time constants."""
    export_nest(network, tmp_path, V_mV=V_of(network))
    told, _ = read(tmp_path)
    neuron = told["blocks"][0]["neuron"]
    tau_ms = neuron.get("tau_syn") or [neuron["tau_syn_ex"], neuron["tau_syn_in"]]
    for channel, opened in zip(network.channels, told["channels"], strict=True):
        first = channel.receptors[0]
        assert len(opened) == len(channel.receptors)
        charge = 0.0
        for receptor, end in zip(channel.receptors, opened, strict=True):
            at = end["port"] - 1 if end["port"] else int(first.sign < 0)
            assert tau_ms[at] == receptor.tau_syn_ms
            charge += end["factor"] * tau_ms[at]
        assert charge == pytest.approx(first.tau_syn_ms)


def test_nest_is_told_every_neuron(network, tmp_path):
    export_nest(network, tmp_path, V_mV=V_of(network))
    told, _ = read(tmp_path)
    assert sum(block["size"] for block in told["blocks"]) == network.n_neurons
    for block, (neuron, background) in zip(told["blocks"], cells(network.brain), strict=True):
        params = block["neuron"]
        assert params["tau_m"] == neuron.tau_m_ms
        assert params["tau_m"] / params["C_m"] * 1000.0 == pytest.approx(neuron.R_m_MOhm)
        assert block["background"]["rate_Hz"] == background.rate_Hz
        assert block["background"]["weight_pA"] == background.weight_pA


def test_nest_is_told_what_differs_from_neuron_to_neuron(network, brain_of, tmp_path):
    export_nest(network, tmp_path, V_mV=V_of(network))
    assert not np.load(tmp_path / "each.npz").files
    network = build(unlike(brain_of()), seed=1)
    export_nest(network, tmp_path, V_mV=V_of(network))
    with np.load(tmp_path / "each.npz") as told:
        np.testing.assert_array_equal(told["E_L"], each(network, "E_L_mV"))
        np.testing.assert_array_equal(told["tau_m"], each(network, "tau_m_ms"))
        R_m_MOhm = told["tau_m"] / told["C_m"] * 1000.0
        np.testing.assert_allclose(R_m_MOhm, each(network, "R_m_MOhm"))


def test_the_plainest_model_of_nest(brain_of):
    assert model(build(brain_of())) == PLAIN
    assert model(build(brain_of(glutamate=BOTH))) == GENERAL


def test_a_population_in_some_regions_alone(brain_of, tmp_path):
    """Blocks are where a population lives, no more."""
    brain = brain_of()
    more = dataclasses.replace(brain.populations[0], name="R", where=("B", "D"), by_region=())
    network = build(dataclasses.replace(brain, populations=(*brain.populations, more)))
    export_nest(network, tmp_path, V_mV=V_of(network))
    told, _ = read(tmp_path)
    assert [b["region"] for b in told["blocks"] if b["population"] == "R"] == ["B", "D"]
    assert sum(block["size"] for block in told["blocks"]) == network.n_neurons


def test_synapses_of_each_projection_are_all_synapses(network):
    parts = [network.edges([number]) for number in range(len(network.brain.projections))]
    for name, values in network.edges().items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), values)
        np.testing.assert_array_equal(network.edges([1])[name], parts[1][name])


def test_what_nest_has_no_equal_of_is_refused(brain_of, tmp_path):
    def export(brain, **options):
        network = build(brain, **options)
        export_nest(network, tmp_path, V_mV=V_of(network))

    with pytest.raises(ValueError, match="ALIF neurons have no equal in NEST"):
        export(brain_of(inh=ALIF()))
    with pytest.raises(ValueError, match="t_ref_ms 1.23 is not a whole number of steps"):
        export(brain_of(t_ref_ms=1.23))
    with pytest.raises(ValueError, match=r"dt 0\.0625 ms: NEST needs a multiple of 0\.001 ms"):
        export(brain_of(), dt_ms=0.0625)
    brain = brain_of(glutamate=BOTH)
    mixed = dataclasses.replace(brain.populations[0].background, transmitter=BOTH)
    first = dataclasses.replace(brain.populations[0], background=mixed)
    with pytest.raises(ValueError, match="the background of 'E' opens 2 receptors"):
        export(dataclasses.replace(brain, populations=(first, brain.populations[1])))


# ---- SONATA -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["plain", "with NMDA", "patchy"])
def any_network(request, brain_of, patchy):
    if request.param == "patchy":
        return build(patchy, seed=1)
    return build(brain_of(glutamate=BOTH if request.param == "with NMDA" else None), seed=1)


def test_every_edge_comes_back_from_sonata(any_network, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    config = libsonata.CircuitConfig.from_file(str(export_sonata(any_network, tmp_path)))
    found = config.edge_population(EDGES)
    every, edges = found.select_all(), any_network.edges()
    order = np.lexsort((edges["source"], edges["target"]))
    back = {
        "source": found.source_nodes(every),
        "target": found.target_nodes(every),
        "delay_ms": found.get_attribute("delay", every),
        "weight_pA": found.get_attribute("syn_weight", every),
    }
    assert found.size == any_network.n_synapses > 1000
    for name, values in back.items():
        np.testing.assert_array_equal(values, edges[name][order], err_msg=name)


def test_the_indices_of_sonata_find_the_edges_of_a_neuron(any_network, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    config = libsonata.CircuitConfig.from_file(str(export_sonata(any_network, tmp_path)))
    found, edges = config.edge_population(EDGES), any_network.edges()
    for neuron in range(0, any_network.n_neurons, 7):
        inputs, outputs = found.afferent_edges([neuron]), found.efferent_edges([neuron])
        sources, targets = found.source_nodes(inputs), found.target_nodes(outputs)
        np.testing.assert_array_equal(
            np.sort(sources), np.sort(edges["source"][edges["target"] == neuron])
        )
        np.testing.assert_array_equal(
            np.sort(targets), np.sort(edges["target"][edges["source"] == neuron])
        )


def test_sonata_knows_every_neuron(any_network, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    config = libsonata.CircuitConfig.from_file(str(export_sonata(any_network, tmp_path)))
    nodes = config.node_population(NODES)
    assert nodes.size == any_network.n_neurons
    every = nodes.select_all()
    regions = np.array([r.name for r in any_network.regions])[any_network.neuron_region]
    populations = np.array(any_network.populations)[any_network.neuron_population]
    np.testing.assert_array_equal(nodes.get_attribute("region", every), regions)
    np.testing.assert_array_equal(nodes.get_attribute("population", every), populations)


def test_sonata_knows_what_differs_from_neuron_to_neuron(brain_of, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    network = build(unlike(brain_of()), seed=1)
    config = libsonata.CircuitConfig.from_file(str(export_sonata(network, tmp_path)))
    nodes = config.node_population(NODES)
    for name in ("E_L_mV", "tau_m_ms"):
        told = nodes.get_dynamics_attribute(name, nodes.select_all())
        np.testing.assert_array_equal(told, each(network, name))


def test_the_tables_of_sonata_hold_all_parameters(brain_of, tmp_path):
    import h5py

    network = build(brain_of(inh=ALIF(), glutamate=BOTH), seed=1)
    export_sonata(network, tmp_path)
    with (tmp_path / "node_types.csv").open() as file:
        types = list(csv.DictReader(file, delimiter=" "))
    for row, (neuron, background) in zip(types, cells(network.brain), strict=True):
        assert row["model_template"] == f"encephagen:{type(neuron).__name__}"
        for field in dataclasses.fields(neuron):
            assert float(row[field.name]) == getattr(neuron, field.name)
        assert float(row["background_rate_Hz"]) == background.rate_Hz
        if isinstance(neuron, LIF):
            assert row["adaptation_mV"] == "NULL"
    with h5py.File(tmp_path / "nodes.h5") as h5:
        of_neuron = h5[f"nodes/{NODES}/node_type_id"][:]
    region = np.array([types[i]["region"] for i in of_neuron])
    assert (region == [network.regions[i].name for i in network.neuron_region]).all()
    with (tmp_path / "edge_types.csv").open() as file:
        glutamate, *others = csv.DictReader(file, delimiter=" ")
    jumps = [float(jump) for jump in glutamate["jump"].split(";")]
    assert jumps == [BOTH.jump(r) for r in BOTH.receptors]
    assert glutamate["receptors"] == "AMPA;NMDA"
    # weights of GABA are negative, so what each pA of them adds is not
    assert others and all(float(row["jump"]) > 0 for row in others)
    with h5py.File(tmp_path / "edges.h5") as h5:
        of_gaba = h5[f"edges/{EDGES}/edge_type_id"][:] == 1
        assert (h5[f"edges/{EDGES}/0/syn_weight"][:][of_gaba] < 0).all()


def test_a_network_without_synapses_is_exported(brain_of, tmp_path):
    libsonata = pytest.importorskip("libsonata")
    network = build(dataclasses.replace(brain_of(), projections=()), seed=1)
    config = libsonata.CircuitConfig.from_file(str(export_sonata(network, tmp_path)))
    assert config.node_population(NODES).size == network.n_neurons
