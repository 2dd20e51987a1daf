"""Tables of the app, each fit for 80 columns."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from encephagen.units import MS_PER_S

if TYPE_CHECKING:
    import xarray as xr

    from encephagen.app.lab import Timescale
    from encephagen.recording import Alarm
    from encephagen.tasks.walk import Arm, Walk
    from encephagen.validation.targets import Row

NONE = "-"
COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow", "baseline": "blue"}


def table(title: str, *columns: str) -> Table:
    """Return an empty table; a column whose name starts with "<" is flush left."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        left = column.startswith("<")
        made.add_column(column.lstrip("<"), justify="left" if left else "right", no_wrap=True)
    return made


def in_order(systems: Sequence[str]) -> list[tuple[int, str]]:
    """Return (position, system) in the order of the atlas; systems of one's own come last."""
    from encephagen.connectome.atlas import SYSTEMS

    known = {name: i for i, name in enumerate(SYSTEMS)}
    return sorted(enumerate(systems), key=lambda pair: known.get(pair[1], len(known)))


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text, or a dash for what is not there."""
    return NONE if value is None or value != value else f"{value:.{digits}f}"


def measured(value: float, error: float, digits: int = 2) -> str:
    """Return "value ±error", or the value alone where no error is known."""
    if error != error:
        return number(value, digits)
    return f"{number(value, digits)} ±{number(error, digits)}"


def print_alarms(console: Console, alarms: Iterable["Alarm | str"]) -> None:
    """Print each alarm in red, or that there is none."""
    texts = [str(a) for a in alarms]
    if not texts:
        console.print("alarms: none", style="green")
    for text in texts:
        console.print(Text(f"alarm: {text}", style="bold red"))


def rates(
    title: str, rate: "xr.Dataset", timescales: "dict[str, Timescale] | None" = None
) -> Table:
    """Return rates by system, as `analysis.kind_rate` gives them, and timescales if there are."""
    kinds = [str(kind) for kind in rate["kind"].values]
    extra = ["timescale (ms)"] if timescales is not None else []
    made = table(title, "<system", "regions", *(f"{kind} (Hz)" for kind in kinds), *extra)
    for i, system in in_order(rate["system"].values.tolist()):
        cells = [
            measured(float(rate["rate_Hz"][i, j]), float(rate["se_Hz"][i, j]), 2)
            for j in range(len(kinds))
        ]
        if timescales is not None:
            tau = timescales.get(system)
            cells.append(f"{tau.tau_ms:.0f} ({tau.n_fitted} of {tau.n_regions})" if tau else NONE)
        made.add_row(system, str(int(rate["n_regions"][i])), *cells)
    return made


def response(title: str, found: "xr.Dataset") -> Table:
    """Return what pulses did to each system, as `analysis.system_response` gives it."""
    made = table(title, "<system", "before", "during", "after", "change", "chance", "p")
    values = {name: found[name].values for name in found.data_vars}
    for i, system in in_order(found["system"].values.tolist()):

        def cell(name: str, i: int = i) -> str:
            return measured(values[f"{name}_Hz"][i], values[f"{name}_se_Hz"][i])

        responded = bool(values["responded"][i])
        change = values["change_Hz"][i]
        made.add_row(
            system,
            cell("before"),
            cell("during"),
            cell("after"),
            NONE if change != change else f"{change:+.2f}",
            f"±{number(values['sham_se_Hz'][i])}",
            _p(values["p_corrected"][i]) + (" *" if responded else "  "),
            style="bold" if responded else None,
        )
    return made


def walks(title: str, walk: "Walk") -> Table:
    """Return the walk and its controls, one a row."""
    made = table(title, "<", "motor Hz", "drive", "stride Hz", "phase", "torque", "stride CV")
    for i, arm in enumerate(walk.arms):
        gait = arm.gait
        rate_Hz = float(arm.motor_Hz.mean())
        cv = arm.stride_cv
        made.add_row(
            arm.name,
            number(rate_Hz, 1),
            number(float(arm.drive.mean())),
            number(gait.frequency_Hz) if gait.rhythmic else "no rhythm",
            number(gait.left_right_phase),
            number(gait.amplitude),
            NONE if cv != cv else f"{100 * cv:.1f} %",
            style="bold" if i == 0 else None,
        )
    return made


def torques(arm: "Arm", width: int, unicode: bool) -> list[Text]:
    """Return the joint torques of a walk as lines, then the drive of the spine."""
    from encephagen.figures import lines
    from encephagen.tasks.walk import JOINTS

    top = float(np.abs(arm.torque).max()) or 1.0
    seconds = (arm.time_ms[-1] - arm.time_ms[0]) / MS_PER_S
    title = f"joint torques over {seconds:.1f} s (flexion up, ±{top:.1f}; the spine's own unit)"
    drawn = [Text(title, style="bold")]
    for j, (joint, colour) in enumerate(zip(JOINTS, ("cyan", "yellow") * 2, strict=True)):
        rows = lines.line(
            arm.torque[:, j], low=-top, high=top, width=width, height=2, unicode=unicode
        )
        names = (joint, *[""] * len(rows))
        drawn += [
            Text.assemble(f"{n:11s} ", (r, colour)) for n, r in zip(names, rows, strict=False)
        ]
    drive = arm.drive.mean(axis=1)
    spark = lines.sparkline(drive, low=0.0, high=float(drive.max()), width=width, unicode=unicode)
    return [*drawn, Text.assemble(f"{'drive':11s} ", (spark, "green"))]


def contributions(walk: "Walk") -> str:
    """Return what the controls of a walk say about who does what."""
    brain, spine, rest = walk.commanded.gait, walk.spine.gait, walk.uncommanded.gait
    parts = []
    if brain.rhythmic and spine.rhythmic:
        parts.append(
            f"rhythm: the spine's own ({spine.frequency_Hz:.2f} Hz under constant drive, "
            f"{brain.frequency_Hz:.2f} Hz under the brain's)"
        )
    elif spine.rhythmic:
        parts.append("rhythm: the spine has one under constant drive, but not under the brain's")
    else:
        parts.append("rhythm: none, for the drive is too low")
    if rest.amplitude > 0:
        times = brain.amplitude / rest.amplitude
        parts.append(f"strength: the command makes torques {times:.1f} times as large")
    silenced = walk.silenced.gait
    how = "no torque" if silenced.amplitude < 1e-3 else f"torques of {silenced.amplitude:.2f}"
    parts.append(f"without motor cortex: {how}")
    return "; ".join(parts)


def pairs(title: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Return a table of names and values."""
    made = table(title, "<", "<")
    made.show_header = False
    for name, value in rows:
        made.add_row(name, value)
    made.columns[1].no_wrap = False
    return made


def scores(title: str, rows: "Sequence[Row]") -> Table:
    """Return rows of a scorecard or a study; long names take another line, figures never do."""
    from encephagen.report.text import texts

    made = table(title, "<", "value", "95 % interval", "<range", "<verdict", "n")
    made.columns[0].no_wrap = False
    for row in rows:
        *cells, verdict, n = texts(row)
        made.add_row(*map(Text, cells), Text(verdict, style=COLOURS.get(verdict, "")), n)
    return made


def health(summary: dict[str, Any]) -> Table:
    """Return the figures of `analysis.summary`, each beside its range if it has one.

    Ranges are those of `validation.targets`; a figure that lies outside is marked.
    """
    from encephagen.report.text import FREE_MEANS, span
    from encephagen.report.text import number as short
    from encephagen.validation.targets import Verdict, judge

    made = table("activity", "<", "measured", "<range", "<")
    made.caption, made.caption_justify = FREE_MEANS, "left"
    for name, (words, unit) in HEALTH.items():
        row = judge(name, summary[name], unit=unit)
        outside = row.verdict is Verdict.FAIL
        made.add_row(
            words,
            NONE if row.value is None else f"{short(row.value)} {row.unit}".rstrip(),
            span(row.target),
            Text("outside", style=COLOURS[row.verdict.value]) if outside else "",
        )
    return made


def nuclei(found: dict[str, dict[str, float]]) -> Table:
    """Return the rates of nuclei that are not cortex beside their ranges, as `summary` has them."""
    made = table("nuclei", "<", "measured", "<published at rest", "<")
    for name, of in found.items():
        outside = not of["low_Hz"] <= of["rate_Hz"] <= of["high_Hz"]
        made.add_row(
            name,
            f"{number(of['rate_Hz'])} Hz",
            f"{of['low_Hz']:g} to {of['high_Hz']:g} Hz",
            Text("outside", style="red") if outside else "",
        )
    return made


HEALTH = {
    "rate_exc_Hz": ("excitatory rate", "Hz"),
    "rate_inh_Hz": ("inhibitory rate", "Hz"),
    "rate_inh_over_exc": ("inhibitory over excitatory rate", ""),
    "rate_region_min_Hz": ("region that fires least", "Hz"),
    "rate_region_max_Hz": ("region that fires most", "Hz"),
    "rate_neuron_p10_Hz": ("neurons, 10th percentile", "Hz"),
    "rate_neuron_median_Hz": ("neurons, median", "Hz"),
    "rate_neuron_p90_Hz": ("neurons, 90th percentile", "Hz"),
    "cv_isi": ("CV of intervals", ""),
    "count_correlation": ("count correlation", ""),
    "timescale_ms": ("intrinsic timescale", "ms"),
    "spectral_slope": ("slope of the spectrum", ""),
}
"""Figures of a summary that are told of a run: their names for people, and units."""


def speed(brain_ms: float, wall_s: float) -> str:
    """Return how long a stretch of brain time took, and the ratio."""
    ratio = brain_ms / MS_PER_S / wall_s if wall_s > 0 else float("inf")
    return f"{brain_ms / MS_PER_S:.2f} s in {wall_s:.2f} s, {ratio:.1f} x real time"


def _p(value: float) -> str:
    if value != value:
        return NONE
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0") if value < 1 else "1"
