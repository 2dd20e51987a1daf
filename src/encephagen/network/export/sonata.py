"""A network written in SONATA, the format of the Allen Institute and the Blue Brain Project.

Dai et al. 2020, doi 10.1371/journal.pcbi.1007696. libsonata, BMTK and Arbor read it.
"""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np

from encephagen.brain.blocks import cells
from encephagen.models.receptors import Transmitter
from encephagen.network.cells import each
from encephagen.network.network import Network

NODES, EDGES = "neurons", "neurons__neurons__chemical"  # names of the two SONATA populations
UNKNOWN = "NULL"  # SONATA's word in a table for what a row does not have


def export_sonata(network: Network, folder: str | Path) -> Path:
    """Write a network as SONATA into a folder that is there; return its circuit_config.json.

    Nodes are neurons, under our numbers, each with its region and population. A node type is a
    block (a population in a region): the neuron's parameters and its background. Parameters in
    which neurons of a block differ belong to each node (``dynamics_params``). Edges are synapses,
    sorted by target, then source, with ``delay`` (ms) and ``syn_weight`` (pA, with the sign and as
    the jump of the transmitter's first receptor); an edge type is a transmitter.
    """
    folder = Path(folder)
    _write_table(folder / "node_types.csv", _node_types(network))
    _write_table(folder / "edge_types.csv", _edge_types(network))
    _write_nodes(network, folder / "nodes.h5")
    _write_edges(network, folder / "edges.h5")
    config = folder / "circuit_config.json"
    config.write_text(json.dumps(_config(network), indent=2) + "\n", encoding="utf-8")
    return config


def _config(network: Network) -> dict:
    def part(what: str, population: str, kind: str) -> dict:
        return {
            f"{what}s_file": f"$NETWORK_DIR/{what}s.h5",
            f"{what}_types_file": f"$NETWORK_DIR/{what}_types.csv",
            "populations": {population: {"type": kind}},
        }

    return {
        "version": 2.4,
        "manifest": {"$NETWORK_DIR": "."},
        "metadata": {
            "connectome": network.brain.connectome.name,
            "recipe": network.brain.recipe,
            "brain_digest": network.brain.digest(),
            "network_digest": network.digest(),
            "dt_ms": network.dt_ms,
        },
        "networks": {
            "nodes": [part("node", NODES, "point_neuron")],
            "edges": [part("edge", EDGES, "chemical")],
        },
    }


def _node_types(network: Network) -> list[dict]:
    brain, blocks = network.brain, network.blocks
    rows = []
    for number, (neuron, background) in enumerate(cells(brain)):
        population = brain.populations[blocks.population[number]]
        rows.append(
            {
                "node_type_id": number,
                "model_type": "point_neuron",
                "model_template": f"encephagen:{type(neuron).__name__}",
                "region": brain.connectome.regions[blocks.region[number]].name,
                "population": population.name,
                "ei": "e" if population.excites else "i",
                **{f.name: getattr(neuron, f.name) for f in dataclasses.fields(neuron)},  # type: ignore[arg-type]
                "background_rate_Hz": background.rate_Hz,
                "background_weight_pA": background.weight_pA,
                **_transmitter(background.transmitter, "background_"),
            }
        )
    return rows


def _edge_types(network: Network) -> list[dict]:
    return [
        {
            "edge_type_id": i,
            "model_template": "static_synapse",
            **_transmitter(channel, sign=channel.receptors[0].sign),  # which the weight has too
        }
        for i, channel in enumerate(network.channels)
    ]


def _transmitter(transmitter: Transmitter, prefix: str = "", sign: float = 1.0) -> dict:
    """Return the receptors of a transmitter; ``jump`` (pA) is what ``sign`` pA add to each."""
    receptors = transmitter.receptors
    values = {
        "receptors": [type(r).__name__ for r in receptors],
        "tau_syn_ms": [r.tau_syn_ms for r in receptors],
        "jump": [sign * r.sign * transmitter.jump(r) for r in receptors],
    }
    return {prefix + name: ";".join(map(str, v)) for name, v in values.items()}


def _write_table(file: Path, rows: list[dict]) -> None:
    """Write a table as SONATA has it: columns apart by a space."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with file.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns, restval=UNKNOWN, delimiter=" ", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _write_nodes(network: Network, file: Path) -> None:
    import h5py

    n, blocks = network.n_neurons, network.blocks
    with h5py.File(file, "w") as h5:
        _stamp(h5)
        nodes = h5.create_group(f"nodes/{NODES}")
        nodes["node_id"] = np.arange(n, dtype=np.uint64)
        nodes["node_type_id"] = blocks.each_neuron(np.arange(len(blocks))).astype(np.uint64)
        nodes["node_group_id"] = np.zeros(n, np.uint64)
        nodes["node_group_index"] = np.arange(n, dtype=np.uint64)
        group = nodes.create_group("0")
        for name, of_neuron, values in (
            ("region", network.neuron_region, [r.name for r in network.regions]),
            ("population", network.neuron_population, network.populations),
        ):
            group[name] = of_neuron.astype(np.uint32)
            group[f"@library/{name}"] = np.array(values, object)
        differ = {name for p in network.brain.populations for name, _ in p.spread or ()}
        for name in sorted(differ):
            group[f"dynamics_params/{name}"] = each(network, name)


def _write_edges(network: Network, file: Path) -> None:
    import h5py

    edges = network.edges()
    order = np.lexsort((edges["source"], edges["target"]))
    edges = {name: values[order] for name, values in edges.items()}
    n = len(order)
    with h5py.File(file, "w") as h5:
        _stamp(h5)
        group = h5.create_group(f"edges/{EDGES}")
        for end in ("source", "target"):
            group[f"{end}_node_id"] = edges[end].astype(np.uint64)
            group[f"{end}_node_id"].attrs["node_population"] = NODES
        group["edge_type_id"] = edges["channel"].astype(np.uint64)
        group["edge_group_id"] = np.zeros(n, np.uint64)
        group["edge_group_index"] = np.arange(n, dtype=np.uint64)
        group["0/syn_weight"] = edges["weight_pA"]
        group["0/delay"] = edges["delay_ms"]
        for name, end in (("source_to_target", "source"), ("target_to_source", "target")):
            ranges_of_node, edges_of_range = _index(edges[end], network.n_neurons)
            group[f"indices/{name}/node_id_to_ranges"] = ranges_of_node
            group[f"indices/{name}/range_to_edge_id"] = edges_of_range


def _index(node: np.ndarray, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ranges (node, 2) of every node, and the edges (range, 2) of every range.

    A range is a run of edges of one node; both columns are first and one past the last.
    """
    starts = np.flatnonzero(np.diff(node, prepend=-1))
    edges = np.stack([starts, np.append(starts, len(node))[1:]], axis=1)
    order = np.argsort(node[starts], kind="stable")
    ends = np.cumsum(np.bincount(node[starts], minlength=n_nodes))
    ranges = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)
    return ranges.astype(np.uint64), edges[order].astype(np.uint64)


def _stamp(h5) -> None:
    h5.attrs["version"] = np.array([0, 1], np.uint32)
    h5.attrs["magic"] = np.uint32(0x0A7A)
