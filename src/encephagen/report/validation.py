"""The report of `encephagen validate`: a page, a document, arrays, and the page in docs/."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from encephagen.experiments.validate import STIMULI, Answer
from encephagen.files import whole
from encephagen.report import page, text
from encephagen.validation.scorecard import Scorecard
from encephagen.validation.targets import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from encephagen.experiments.result import Result

DOCUMENT, ARRAYS, RECIPE, REPORT = "validate.json", "evidence.npz", "recipe.toml", "report.html"
FIGURES = "figures"
RASTER_MS = 3000.0

GROUPS = (
    (
        "spikes",
        (
            "rate_", "silent_", "high_branch", "cv_", "lvr", "fano", "count_", "spectral_",
            "timescale_ms", "alarms",
        ),
    ),
    (
        "functional connectivity",
        ("fc_", "log_weight_r", "linear_r", "linear_heldout_r", "ceiling_r"),
    ),
    ("dynamics of functional connectivity", ("fcd_", "linear_fcd", "ceiling_fcd")),
    ("timescales along T1w/T2w", ("timescale_",)),
)  # fmt: skip
"""Titles of the groups of rows at rest, and how their names begin; the first that fits."""

Drawn = tuple[str, "Callable[[], Figure]", str]
"""The file stem of a picture, what draws it, and its caption."""


def groups(card: Scorecard) -> list[tuple[str, list[Row]]]:
    """Return the rows by group, with its title: those at rest, then stimuli that travel."""
    found: list[tuple[str, list[Row]]] = [(f"at rest: {title}", []) for title, _ in GROUPS]
    for row in card.rest:
        at = next(i for i, (_, starts) in enumerate(GROUPS) if row.name.startswith(starts))
        found[at][1].append(row)
    found.append(("stimuli that travel", list(card.stimuli)))
    return [(title, rows) for title, rows in found if rows]


def summary(card: Scorecard) -> list[str]:
    """Return how many figures lie in their ranges, and which do not: at rest, and with stimuli."""
    parts = {"At rest": card.rest, "Stimuli": card.stimuli}
    return [text.counted(what, rows) for what, rows in parts.items() if rows]


def write(answer: Answer, folder: Path) -> None:
    """Write the document, the arrays, the page, and its pictures as files, into a folder."""
    said = json.dumps(answer.as_dict(), indent=2, allow_nan=False)
    with whole(folder / DOCUMENT) as part:
        part.write_text(said + "\n", encoding="utf-8")
    arrays = {str(name): variable.values for name, variable in answer.evidence.variables.items()}
    with whole(folder / ARRAYS) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    (folder / FIGURES).mkdir(exist_ok=True)
    made = _page(answer, folder)
    with whole(folder / REPORT) as part:
        part.write_text(made.html(), encoding="utf-8")


def renewed(page_text: str, document: Mapping[str, Any]) -> str:
    """Return the text of docs/validation.md with what a kept document says."""
    card, made = Scorecard.from_rows(document["rows"]), document["provenance"]
    stimuli = f", of the stimuli {made['code_of_stimuli'][:12]}" if card.stimuli else ""
    tables = [
        part for title, rows in groups(card) for part in (f"### {title}", text.markdown(rows))
    ]
    return text.between_marks(
        page_text,
        "validate",
        *(f"**{line}**" for line in summary(card)),
        *tables,
        f"{document['seeds']} seeds of {document['minutes']:g} min, recipe {document['recipe']} "
        f"(working point: {document['working_point']}) on "
        f"{document['dataset']}, {text.duration(made['wall_s'])}, {made['created'][:10]}, "
        f"encephagen {made['versions']['encephagen']}, code {made['code'][:12]}{stimuli}; "
        + text.of_brain(document.get(page.BRAIN_DIGEST)),
        f"```\n{made['command']}\n```",
    )


# ---- the page -----------------------------------------------------------------------------------


def _page(answer: Answer, folder: Path) -> page.Page:
    sections = [_figures_section(answer.card)]
    for heading, said, pictures in _chapters(answer):
        blocks: list[page.Block] = [page.Prose(said)]
        for name, draw, caption in pictures:
            try:
                figure = draw()
            except ValueError as error:
                blocks.append(page.Prose(f"Not drawn ({name}): {error}."))
                continue
            blocks.append(page.Picture(_kept(figure, name, answer, folder), caption))
        sections.append(page.Section(heading, blocks))
    if answer.propagation is not None:
        sections.append(_propagation_section(answer, answer.propagation, folder))
    sections.append(_making_section(answer, folder))
    q, made = answer.question, answer.provenance
    return page.Page(
        f"Validation of {q.recipe.name} on {q.dataset}",
        sections,
        subtitle="; ".join(line.partition(";")[0].rstrip(".") for line in summary(answer.card)),
        footer=f"encephagen {made['versions']['encephagen']}, "
        + text.of_brain(made["brain_digest"]),
    )


def _kept(figure: "Figure", name: str, answer: Answer, folder: Path) -> bytes:
    """Return a figure as PNG, which is written as a file too."""
    content = page.png(figure, answer.provenance["brain_digest"])
    with whole(folder / FIGURES / f"{name}.png") as part:
        part.write_bytes(content)
    return content


def _figures_section(card: Scorecard) -> page.Section:
    tables = [page.scores(rows, title) for title, rows in groups(card)]
    targets = {row.target: row.target.name for row in card.rows if row.target is not None}
    sources = [(name, text.span(target), target.source) for target, name in targets.items()]
    return page.Section(
        "Figures",
        [
            *(page.Prose(line) for line in summary(card)),
            page.Prose(_FIGURES),
            *tables,
            page.Table(("figure", "range", "source"), sources, "where the ranges are from"),
        ],
    )


def _chapters(answer: Answer) -> Iterator[tuple[str, str, list[Drawn]]]:
    yield "Functional connectivity", _CONNECTIVITY, list(_connectivity(answer))
    yield "Dynamics and spectra", _DYNAMICS, list(_dynamics(answer))
    yield "Activity", _ACTIVITY, list(_activity(answer))
    yield "Timescales", _TIMESCALES, list(_timescales(answer))


_FIGURES = (
    "Each figure with its 95 % interval and the range in which it should lie. Baselines are what "
    "others reach on the same data: they say nothing of this brain, but how much its figures mean. "
    "A bound marked free is our own reading of its source. A difference to the linear network is "
    "judged by its whole interval, and undecided where that is on both sides of the bound."
)
_CONNECTIVITY = (
    "Functional connectivity (FC) is the correlation of the signals of two regions: of fMRI, and "
    "of the simulated rates after a model of blood flow. The linear network has the same wiring "
    "and no spikes; its two free numbers are fitted on these people."
)
_DYNAMICS = (
    "How alike is FC between two windows of a minute? Always the same connectivity would give the "
    "distribution marked unchanging, by the noise of short windows alone."
)
_ACTIVITY = "The first seed, single spikes; what the figures on spikes are measured on."
_TIMESCALES = (
    "A timescale is the decay of the autocorrelation of a region's rate. The myelin map (T1w/T2w) "
    "sets the membrane time constants of the model, so a relation is expected; maps of nothing, as "
    "smooth as it, say how much would come by chance."
)


def _connectivity(answer: Answer) -> Iterator[Drawn]:
    from encephagen.figures import connectivity

    seen, regions, card = answer.evidence, answer.connectome.regions, answer.card
    if "fc_simulated" not in seen:
        return
    fc = {"Simulated": seen["fc_simulated"], "Linear network": seen["fc_linear"]}
    yield (
        "fc-matrices",
        lambda: connectivity.matrices({"fMRI, group": seen["fc_group"], **fc}, regions),
        "FC of people, of the brain, and of the linear network; regions by hemisphere and lobe.",
    )
    yield (
        "fc-scatter",
        lambda: connectivity.scatter(fc, seen["fc_group"], regions),
        "FC of every pair of regions, predicted against measured.",
    )
    if "growth_r" in seen:
        baselines = {"ceiling": "ceiling_r", "linear": "linear_r", "log weight": "log_weight_r"}
        found = {name: card[row].value for name, row in baselines.items()}
        levels = {name: value for name, value in found.items() if value is not None}
        runs = seen["bold"]
        whole_s = runs.sizes["run"] * float(runs["time_s"].diff("time_s").sum())
        r = card["fc_group_r"].value
        yield (
            "fc-growth",
            lambda: connectivity.growth(
                seen["growth_r"], levels, None if r is None else (whole_s, r)
            ),
            "Agreement with the group grows with the time from which FC is taken.",
        )


def _dynamics(answer: Answer) -> Iterator[Drawn]:
    from encephagen.figures import connectivity
    from encephagen.figures.spectrum import spectra

    seen = answer.evidence
    if "fcd_people" in seen:
        names = ("fcd_simulated", "fcd_people", "fcd_stationary")
        yield (
            "fc-dynamics",
            lambda: connectivity.dynamics(*(seen[name].values for name in names)),
            "How alike FC is between two windows; the bar marks the Kolmogorov-Smirnov distance.",
        )
    if "fmri_power" in seen:
        yield (
            "spectra",
            lambda: spectra(answer.spiking[0], seen.get("bold_power"), seen["fmri_power"]),
            "Left: the excitatory rate of the whole brain, first seed. Right: BOLD and fMRI, "
            "medians and the 10th to 90th percentile of regions; a scanner adds noise at all "
            "frequencies, so FC dynamics are taken in the band.",
        )


def _activity(answer: Answer) -> Iterator[Drawn]:
    from encephagen import figures

    spiking = answer.spiking[0]
    yield (
        "raster",
        lambda: figures.raster(spiking, longest_ms=RASTER_MS),
        "Spikes of neurons drawn at random, as many from each region.",
    )
    yield (
        "rates",
        lambda: figures.rates(spiking),
        "Excitatory rate of every region, and the mean over all of excitatory (E) and inhibitory "
        "(I) neurons.",
    )
    yield (
        "rates-surface",
        lambda: figures.activity(spiking),
        "Mean excitatory rate on the cortex.",
    )
    yield (
        "neurons",
        lambda: figures.neurons(spiking),
        "Rates of neurons, dotted their mean; coefficient of variation of their intervals, 1 for "
        "a Poisson process.",
    )


def _timescales(answer: Answer) -> Iterator[Drawn]:
    from encephagen.figures import timescales

    seen = answer.evidence
    if "tau_ms" not in seen:
        return
    lobe = {region.name: region.lobe for region in answer.connectome.regions}
    names = [str(name) for name in seen["region"].values.tolist()]
    lobes = xr.DataArray([lobe[name] for name in names], {"region": names}, "region")
    chance = seen["chance_r"].values if "chance_r" in seen else None
    yield (
        "timescale-map",
        lambda: timescales.timescales_along_map(
            seen["tau_ms"], seen["t1w_t2w"], lobes, seen["autocorrelation"], chance
        ),
        "Decay of the autocorrelation; timescales against T1w/T2w; the same r for maps of nothing.",
    )
    yield (
        "timescale-surface",
        lambda: timescales.timescales_on_surface(seen["tau_ms"]),
        "Measured timescales on the cortex.",
    )


def _propagation_section(answer: Answer, found: "Result", folder: Path) -> page.Section:
    """Return the study's verdict and pictures, and a movie of each stimulus."""
    from encephagen.experiments import study

    blocks: list[page.Block] = [page.Prose(_PROPAGATION), page.Prose(found.verdict, "Found.")]
    movies = _movies(found)
    for stem, figure in study.find(found.study).figures(found).items():
        content = _kept(figure, f"propagation-{stem}", answer, folder)
        blocks.append(page.Picture(content, _CAPTIONS.get(stem, "The cortex after the pulse.")))
        if stem in movies:
            blocks.append(page.Raw(movies[stem]))
    return page.Section("Stimuli that travel", blocks)


def _movies(found: "Result") -> dict[str, str]:
    """Return HTML that plays what each stimulus evokes, by its name; none off the surface."""
    from encephagen.figures.surface import on_surface
    from encephagen.report.player import player

    regions = [str(name) for name in found.data["regions"].tolist()]
    if not on_surface(regions):
        return {}
    coords = {"time_ms": found.data["time_ms"], "region": regions}
    return {
        name: player(
            xr.DataArray(course_Hz, coords, ("time_ms", "region")),
            title=f"{name.capitalize()} pulse",
        )
        for name, course_Hz in zip(STIMULI, found.data["course_Hz"], strict=True)
    }


_PROPAGATION = (
    "A current into primary visual, auditory or somatosensory cortex of both sides, for 150 ms. "
    "What is evoked is the mean rate of trials with it less that of trials without."
)
_CAPTIONS = {
    "fading": "How the response fades with the length of fibres; lines from grey to black with "
    "the strength of the pulse.",
    "arrivals": "When regions answer, against the conduction delay of their fibres.",
}


def _making_section(answer: Answer, folder: Path) -> page.Section:
    q, made = answer.question, answer.provenance
    tested_on = answer.tested_on
    settings: list[tuple[str, Any]] = [
        ("command", made["command"]),
        ("connectome", f"{q.dataset}, digest {made['connectome'][:16]}"),
        ("brain", f"digest {made['brain_digest']}"),
        ("brain time", f"seeds: {q.seeds}, each {q.minutes:g} min; spikes {q.spiking_s:g} s"),
        ("working point", made["working_point"]),
        ("recipe fitted on", ", ".join(q.recipe.fitted_on) or "no subject's data"),
        ("tested on", "each in turn" if tested_on is None else ", ".join(map(str, tested_on))),
        ("versions", ", ".join(f"{name} {v}" for name, v in made["versions"].items())),
        ("took", f"{made['wall_s']:.0f} s, {made['resumed']} of {made['runs']} runs from before"),
        ("files", f"{DOCUMENT}: every figure; {ARRAYS}: what the pictures show; "
                  f"{RECIPE}: the recipe; runs: counts and spikes of each seed"),
    ]  # fmt: skip
    text = (folder / RECIPE).read_text(encoding="utf-8")
    return page.Section(
        "How it was made", [page.Table(("", ""), settings), page.Code(text.strip())]
    )
