"""Tables of the app: figures of a run are judged by the ranges that validate judges by."""

import io

from rich.console import Console

from encephagen.app import tables
from encephagen.report.text import number, span
from encephagen.validation.targets import TARGETS, judge

FIGURES = dict.fromkeys(tables.HEALTH) | {
    "rate_exc_Hz": 3.6,
    "rate_inh_Hz": 2.6,
    "rate_inh_over_exc": 0.73,
    "rate_region_max_Hz": 18.0,
    "rate_neuron_p10_Hz": 0.3,
    "rate_neuron_p90_Hz": 13.0,
    "count_correlation": 0.005,
}


def lines(table):
    """Return what a table looks like on a terminal of 80 columns, one text a line."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text().splitlines()


def test_a_run_is_judged_by_the_ranges_of_validate():
    told = {line[:33].strip(): line for line in lines(tables.health(FIGURES))}
    for name, (words, _) in tables.HEALTH.items():
        line, value = told[words], FIGURES[name]
        if name in TARGETS:
            assert span(TARGETS[name]) in line and ", free" in line, name
        assert ("outside" in line) == (value is not None and judge(name, value).verdict == "fail")
        assert (number(value) or tables.NONE) in line
    outside = [words for words, line in told.items() if "outside" in line]
    assert outside == ["inhibitory over excitatory rate", "neurons, 90th percentile"]


def test_rows_fit_a_terminal_and_their_verdicts_have_colours():
    rows = [
        judge("fc_group_over_linear_r", -0.0123, interval=(-0.0345, 0.0456), n=4),
        judge("rate_neuron_median_Hz", 13.55, interval=(12.35, 14.75), n=4),
    ]
    table = tables.scores("at rest: functional connectivity", rows)
    said = lines(table)
    assert max(map(len, said)) <= 80 and any("undecided" in line for line in said)
    assert any("0.5 to 3, free" in line and "12.3 to 14.8" in line for line in said)
    assert {verdict.value for verdict in (row.verdict for row in rows)} <= set(tables.COLOURS)
