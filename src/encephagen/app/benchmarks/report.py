"""What `encephagen bench` says: tables for the terminal, a page and a picture for `docs/`."""

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from encephagen.app import tables

MIB = 2**20
Row = tuple[str, ...]


def show(out: Console, document: dict[str, Any]) -> None:
    """Print gates, sizes and costs."""
    made = tables.table("gates", "<gate", "measured", "bound", "<")
    for gate in document["gates"]:
        verdict, style = {True: ("pass", "green"), False: ("FAIL", "bold red")}.get(
            gate["passed"], ("not measured", "dim")
        )
        made.add_row(gate["name"], *_gate(gate), Text(verdict, style))
    if document["gates"]:
        out.print(made)
    for title, head, rows in _sections(document):
        made = tables.table(title, *head)
        for row in rows:
            made.add_row(*row)
        out.print(made)
    for remark in _remarks(document):
        out.print(remark, style="yellow", soft_wrap=True)
    out.print(_machine(document), style="dim", soft_wrap=True)


def save(folder: Path, document: dict[str, Any]) -> list[Path]:
    """Write bench.json, bench.md and bench.png into a folder; each whole or not at all."""
    import io

    picture = io.BytesIO()
    figure(document).savefig(picture, format="png", dpi=150, metadata={"Software": None})
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    files = {
        "bench.json": text.encode(),
        "bench.md": page(document).encode(),
        "bench.png": picture.getvalue(),
    }
    for name, content in files.items():
        part = folder / f".{name}.{secrets.token_hex(4)}.part"
        try:
            part.write_bytes(content)
            os.replace(part, folder / name)
        finally:
            part.unlink(missing_ok=True)
    return [folder / name for name in files]


def page(document: dict[str, Any]) -> str:
    """Return the page of a benchmark, in Markdown."""
    lines = [
        "# Speed",
        "",
        "Written by `encephagen bench` (`make bench`): run it again, and this page is of your "
        "machine.",
        "",
        _machine(document),
        "",
        "![speed and delivery at each size](bench.png)",
        "",
    ]
    gates: list[Row] = []
    for gate in document["gates"]:
        verdict = {True: "pass", False: "**fail**"}.get(gate["passed"], "not measured")
        gates.append((gate["name"], *_gate(gate), verdict))
    if gates:
        lines += _markdown("Gates", ("<", "measured", "bound", "<"), gates)
    for title, head, rows in _sections(document):
        lines += _markdown(title.capitalize(), head, rows)
    for remark in _remarks(document):
        lines += [f"{remark}.", ""]
    lines += [_METHOD]
    return "\n".join(lines)


def _remarks(document: dict[str, Any]) -> list[str]:
    remarks = [f"{name} was skipped: {why}" for name, why in document["skipped"].items()]
    if document["nest_ratio"] is None:
        remarks.append(f"no comparison with NEST: {document['nest_reason']}")
    return remarks


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


def _gate(gate: dict[str, Any]) -> tuple[str, str]:
    sign = ">=" if gate["at_least"] else "<="
    unit = f" {gate['unit']}" if gate["unit"] else ""
    value = tables.NONE if gate["value"] is None else f"{_short(gate['value'])}{unit}"
    return value, f"{sign} {_short(gate['bound'])}{unit}"


def _short(value: float | None) -> str:
    """Return a number with two or three digits that matter."""
    if value is None:
        return tables.NONE
    if value >= 1e6:
        return f"{value / 1e6:.0f} M"
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _sections(document: dict[str, Any]) -> list[tuple[str, Row, list[Row]]]:
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
    wanted: list[tuple[str, float | None, Callable[[float], str]]] = [
        ("a neuron's step, without noise", cost["neuron_ns_per_step"], lambda v: f"{v:.2f} ns"),
        (
            f"a draw of its background ({cost['noise_rate_Hz']:.0f} Hz)",
            document["noise_ns_per_draw"],
            lambda v: f"{v:.2f} ns",
        ),
        ("the same at 2 kHz", cost["noise_ns_per_draw_2kHz"], lambda v: f"{v:.2f} ns"),
        ("a call of advance, two small regions", calls["tiny"], lambda v: f"{v:.1f} us"),
        ("a call of advance, default brain", calls["default"], lambda v: f"{v:.1f} us"),
        ("snapshot of the default brain", cost["snapshot_s"], lambda v: f"{1e3 * v:.2f} ms"),
        ("restore it", cost["restore_s"], lambda v: f"{1e3 * v:.2f} ms"),
        (
            "a new process to its first 10 ms, nothing compiled",
            document["start_cold_s"],
            lambda v: f"{v:.1f} s",
        ),
        ("the same, later", document["start_warm_s"], lambda v: f"{v:.2f} s"),
    ]
    return [(name, tables.NONE if v is None else text(v)) for name, v, text in wanted]


def _machine(document: dict[str, Any]) -> str:
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


def figure(document: dict[str, Any]):
    """Return the picture: speed against synapses, ours and NEST's, and delivery."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    made = Figure(figsize=(9.0, 3.6), layout="constrained")
    speed, delivery = made.subplots(1, 2)
    family = [s for s in document["sizes"] if s["name"] != "default"]
    default = [s for s in document["sizes"] if s["name"] == "default"]
    at = [s["n_synapses"] for s in family]
    blue, orange, grey = "#1f5fa8", "#d9731a", "#666666"
    for threads, style in (("1", "--"), ("2", "-")):
        name = f"{threads} thread{'s' if threads == '2' else ''}"
        marker = "o" if threads == "2" else "."
        ours = [s["realtime_factor_by_threads"].get(threads) for s in family]
        theirs = [(s["nest"] or {}).get("realtime_factor_by_threads", {}) for s in family]
        theirs = [t.get(threads) for t in theirs]
        speed.plot(*_known(at, ours), style, marker=marker, color=blue, label=f"encephagen, {name}")
        if any(theirs):
            speed.plot(
                *_known(at, theirs), style, marker=marker, color=orange, label=f"NEST, {name}"
            )
    for s in default:
        nest = [s["nest"]["realtime_factor"]] if s["nest"] else []
        for value, colour in zip([s["realtime_factor"], *nest], (blue, orange), strict=False):
            speed.plot(s["n_synapses"], value, "*", ms=13, color=colour, zorder=3)
    speed.plot([], [], "*", ms=10, color=grey, label="default brain, best")
    speed.axhline(1.0, color=grey, lw=1)
    speed.annotate(
        "real time",
        (0.01, 1.0),
        xycoords=("axes fraction", "data"),
        va="bottom",
        fontsize=8,
        color=grey,
    )
    speed.set(xscale="log", yscale="log", xlabel="synapses", ylabel="times real time")
    speed.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    speed.margins(x=0.12)
    speed.set_ylim(bottom=0.15 * speed.dataLim.y0)
    handles, labels = speed.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i])
    speed.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        fontsize=7,
        frameon=False,
        loc="lower left",
        ncols=2,
        handlelength=3.0,
    )
    rate = [s["events_per_s_core"] / 1e6 for s in family]
    delivery.plot(at, rate, "-", color=blue)
    for segmented, marker, label in (
        (False, "s", "a delay for each synapse"),
        (True, "o", "runs of equal delay"),
    ):
        mine = [
            (x, y) for x, y, s in zip(at, rate, family, strict=True) if s["segmented"] is segmented
        ]
        if mine:
            delivery.plot(*zip(*mine, strict=True), marker, color=blue, label=label)
    delivery.legend(fontsize=7, frameon=False, loc="lower right")
    delivery.axhline(200.0, color=grey, lw=1, ls=":")
    delivery.annotate(
        "gate at $10^8$",
        (0.01, 200.0),
        xycoords=("axes fraction", "data"),
        va="bottom",
        fontsize=8,
        color=grey,
    )
    delivery.set(xscale="log", xlabel="synapses", ylabel="million events a second, one core")
    delivery.set_ylim(0.0, 1.15 * max([*rate, 220.0]))
    delivery.margins(x=0.18)
    for axes in (speed, delivery):
        axes.spines[["top", "right"]].set_visible(False)
    return made


def _known(x: Sequence[float], y: Sequence[float | None]) -> tuple[list[float], list[float]]:
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if b is not None]
    return [a for a, _ in pairs], [b for _, b in pairs]


_METHOD = """## How it was measured

Everything in one run. Ours and NEST take turns, short run by short run; ours repeats the same
stretch of brain time from a snapshot, NEST, which has none, goes on. The shortest run of each
counts: other programs on the machine can only lengthen one. `bench.json` also has medians, spreads
and CPU times.

**Networks.** `default` is the brain that `encephagen demo` runs. The others are one recipe, on the
80 regions of `hcp-aal2`: weights shrink as the number of synapses grows, so that every neuron
receives the same in all, and all sizes fire alike, near 5 Hz, asynchronous and irregular. They
differ in size and in nothing else.

**NEST** gets the same neurons, the same synapses with our rounded weights and delays, the same
initial potentials, and a Poisson generator for the background, on one and on two threads, without
recorders. "ratio" divides our best number of threads by NEST's best; "by CPU" compares CPU seconds
on one thread, and hardly feels other programs. "rates" is how far NEST's mean rate lies from ours:
equal speed at other rates would mean nothing. The default brain has NMDA: in NEST that takes
`iaf_psc_exp_multisynapse`, and a second connection for each excitatory synapse, so about twice as
many as ours. The other sizes have none, and run on NEST's plain `iaf_psc_exp`, connection for
connection. `nest_ratio` is the lowest of both ratios of `default` and `1e6`.

**Building, memory.** MiB is the peak of a process which loaded everything, built the network and
ran it, before NEST came; (est.) is what `estimate` said beforehand, of the network alone.

**Delivery** is the kernel's own exchange, queueing and summing of spikes, without neurons: random
neurons spike at 5 Hz, the calendars are full, CPU time on one core. Where synapses of a neuron come
in runs of 5 or more with the same delay, runs are queued, else synapses.

**Costs.** A draw is what the background adds to a neuron's step, in a network that never spikes. A
call is `Session.advance(1)`, less the step itself. A first start has neither compiled kernels nor
compiled package.
"""
