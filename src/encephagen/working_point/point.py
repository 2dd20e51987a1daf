"""Working point: the backgrounds that hold regions at their rates, for one recipe on one wiring.

A recipe holds numbers, and a working point what theory (`balance`) or spikes (`calibrate`) found
for them. Neither changes with the other: a number that is changed is that number changed, and the
brain says which working point it has kept.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from encephagen import names
from encephagen.brain.spec import Brain, Population
from encephagen.digest import digest

CALIBRATED, THEORY = "calibrated", "theory"
WAYS = (CALIBRATED, THEORY)
FOUND = ("calibrated for it", "theory for it")
"""What a brain says of its working point if that was found for it, in the order of `WAYS`."""
NONE = "none (no target rate)"
EXPECTED = "expected a working point, as encephagen writes it"


class NoWorkingPoint(ValueError):
    """No background, or no coupling, brings this wiring to its working point."""


@dataclass(frozen=True)
class Held:
    """The background of one population by region, which holds it at ``target_Hz``.

    ``usual_Hz`` is the background that its recipe gave it when this was found. Under a recipe that
    gives another, all of ``background_Hz`` (region name, Hz) are larger or smaller by as much.
    ``theory_Hz`` is what theory says of the wiring that this was found on, if that was one.
    """

    population: str
    target_Hz: float
    usual_Hz: float
    background_Hz: tuple[tuple[str, float], ...]
    theory_Hz: tuple[tuple[str, float], ...] | None = field(
        default=None, metadata={"digest": False}
    )

    def __post_init__(self) -> None:
        by_region = (*dict(self.background_Hz).values(), *dict(self.theory_Hz or ()).values())
        rates = [self.target_Hz, self.usual_Hz, *by_region]
        for rate_Hz in rates:
            if isinstance(rate_Hz, bool) or not isinstance(rate_Hz, int | float):
                raise ValueError(f"working point of {self.population}: {rate_Hz!r} is no rate (Hz)")
            if not (0 <= rate_Hz < np.inf and self.target_Hz > 0 and self.usual_Hz > 0):
                raise ValueError(
                    f"working point of {self.population}: rate {rate_Hz} Hz: must be finite and 0 "
                    "or more, and those of the recipe above 0"
                )

    def rate_Hz(self, brain: Brain, population: Population) -> np.ndarray:
        """Return the background (k,) of a population in the regions where it lives."""
        known, usual_Hz = dict(self.background_Hz), population.background.rate_Hz
        where = [brain.connectome.names[place] for place in brain.regions_of(population.name)]
        for name in where:
            if name not in known:
                raise ValueError(
                    f"working point has no background of {self.population} in region {name!r}: it "
                    f"was found on another connectome ({names.hint(name, known)}); calibrate this"
                )
        rate_Hz = np.array([known[name] for name in where], float)
        return rate_Hz if usual_Hz == self.usual_Hz else rate_Hz * (usual_Hz / self.usual_Hz)


@dataclass(frozen=True)
class WorkingPoint:
    """Backgrounds by population and region, and for which numbers they were found, how.

    ``how`` is "calibrated" (measured in spikes) or "theory"; ``note`` says it in full. ``recipe``
    and ``connectome`` are digests: of the numbers (`Recipe.digest`), and `Connectome.digest`;
    ``brain`` is that of the brain before its backgrounds, "" where it is not known. ``wiring`` is
    the seed of the wiring that it was found on (`encephagen.working_point.wiring.on_wiring` moves
    it to another), None where it is for all alike.
    """

    how: str
    recipe: str
    connectome: str
    held: tuple[Held, ...]
    note: str = ""
    brain: str = ""
    wiring: int | None = None

    def __post_init__(self) -> None:
        if self.wiring is not None and not all(_both(h) for h in self.held):
            raise ValueError(
                "working point of one wiring: needs what theory says of every region; calibrate it"
            )
        if self.how not in WAYS:
            raise ValueError(f"working point found by {self.how!r}: expected {' or '.join(WAYS)}")

    def __repr__(self) -> str:
        held = ", ".join(
            f"{h.population} at {h.target_Hz:g} Hz in {len(h.background_Hz)} regions"
            for h in self.held
        )
        return f"WorkingPoint by {self.how}: {held}; {self.note or 'no note'}"

    def digest(self) -> str:
        """Return the SHA-256 of the backgrounds, and of what they were found for."""
        return digest(self.recipe, self.connectome, self.held)

    def applied(self, brain: Brain) -> Brain:
        """Return the brain with these backgrounds, and with the word for them (`told`).

        Raises ValueError for a population or a region of the brain that this was not found for.
        """
        told, known = self.told(brain), {p.name: p for p in brain.populations}
        for held in self.held:
            if held.population not in known:
                raise ValueError(
                    f"working point of population {held.population!r}, which the brain has not; "
                    f"{names.hint(held.population, known)}"
                )
            rate_Hz = held.rate_Hz(brain, known[held.population])
            brain = with_background(brain, held.population, rate_Hz)
        return dataclasses.replace(brain, working_point=told)

    def told(self, brain: Brain) -> str:
        """Return one phrase for what this is to a brain: found for it, or kept."""
        if self.connectome != brain.connectome.digest():
            return f"kept ({self.how} for another connectome)"
        if self.recipe != numbers(brain) or self.targets != targets(brain):
            return f"kept ({self.how} for other numbers)"
        if self.brain not in ("", bare_digest(brain)):
            return f"kept ({self.how} for other cells or projections)"
        return FOUND[WAYS.index(self.how)]

    @property
    def targets(self) -> dict[str, float]:
        """The rate (Hz) at which each population is held."""
        return {held.population: held.target_Hz for held in self.held}

    def as_dict(self) -> dict[str, Any]:
        """Return plain values fit for JSON; `from_dict` makes the working point of them again."""
        return {
            "how": self.how,
            "note": self.note,
            "recipe": self.recipe,
            "connectome": self.connectome,
            "brain": self.brain,
            **({} if self.wiring is None else {"wiring": self.wiring}),
            "held": {
                h.population: {
                    "target_Hz": h.target_Hz,
                    "usual_Hz": h.usual_Hz,
                    "background_Hz": dict(h.background_Hz),
                    **({"theory_Hz": dict(h.theory_Hz)} if h.theory_Hz else {}),
                }
                for h in self.held
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "WorkingPoint":
        """Return the working point of `as_dict`. Raises ValueError for anything else."""
        try:
            held = tuple(
                Held(
                    name,
                    h["target_Hz"],
                    h["usual_Hz"],
                    tuple(h["background_Hz"].items()),
                    tuple(h["theory_Hz"].items()) if "theory_Hz" in h else None,
                )
                for name, h in values["held"].items()
            )
            texts = [values[name] for name in ("how", "recipe", "connectome", "note")]
            texts.append(values.get("brain", ""))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"working point lacks or misspells {error}: {EXPECTED}") from None
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"working point says {texts}: {EXPECTED}")
        how, recipe, connectome, note, brain = texts
        wiring = values.get("wiring")
        if wiring is not None and (isinstance(wiring, bool) or not isinstance(wiring, int)):
            raise ValueError(f"working point of wiring {wiring!r}: expected the seed of a wiring")
        return cls(how, recipe, connectome, held, note, brain, wiring)

    def save(self, path: str | Path, comment: str = "") -> None:
        """Write a TOML file that `load` reads; each line of ``comment`` on top."""
        lines = [f"# {line}".rstrip() for line in comment.splitlines()] + [""] * bool(comment)
        for name in ("how", "note", "recipe", "connectome", "brain"):
            lines.append(f"{name} = {_text(getattr(self, name))}")
        if self.wiring is not None:
            lines.append(f"wiring = {self.wiring}")
        for h in self.held:
            table = f"held.{_key(h.population)}"
            lines += ["", f"[{table}]", f"target_Hz = {float(h.target_Hz)!r}"]
            lines += [f"usual_Hz = {float(h.usual_Hz)!r}", "", f"[{table}.background_Hz]"]
            lines += [f"{_text(name)} = {float(rate_Hz)!r}" for name, rate_Hz in h.background_Hz]
            if h.theory_Hz:
                lines += ["", f"[{table}.theory_Hz]"]
                lines += [f"{_text(name)} = {float(rate_Hz)!r}" for name, rate_Hz in h.theory_Hz]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "WorkingPoint":
        """Read a working point from a TOML file. Raises ValueError for anything else."""
        path = Path(path)
        try:
            return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ValueError(f"cannot read working point {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"working point {path} is not TOML: {error}") from error


def targets(brain: Brain) -> dict[str, float]:
    """Return the rate (Hz) at which each population that has a target shall be held."""
    return {p.name: p.target_Hz for p in brain.populations if p.target_Hz is not None}


def numbers(brain: Brain) -> str:
    """Return the digest of a brain's recipe; of the brain itself, before backgrounds, if none."""
    return brain.numbers or bare_digest(brain)


def bare_digest(brain: Brain) -> str:
    """Return the digest of a brain before its backgrounds."""
    return without_background(brain).digest()


def without_background(brain: Brain) -> Brain:
    """Return the brain with the background of its recipe alone, none by region."""
    populations = tuple(
        dataclasses.replace(p, by_region=tuple(i for i in p.by_region if i[0] != "rate_Hz"))
        for p in brain.populations
    )
    return dataclasses.replace(brain, populations=populations, working_point="")


def with_background(brain: Brain, population: str, rate_Hz: np.ndarray) -> Brain:
    """Return the brain with the background rate (k,) of a population where it lives."""
    rates = ("rate_Hz", tuple(np.asarray(rate_Hz, float).tolist()))
    populations = tuple(
        dataclasses.replace(
            p, by_region=(*(item for item in p.by_region if item[0] != "rate_Hz"), rates)
        )
        if p.name == population
        else p
        for p in brain.populations
    )
    return dataclasses.replace(brain, populations=populations)


@cache
def shipped() -> tuple[WorkingPoint, ...]:
    """Return the working points that come with the recipe that is shipped."""
    folder = resources.files("encephagen.working_point") / "points"
    with resources.as_file(folder) as path:
        return tuple(WorkingPoint.load(file) for file in sorted(path.glob("*.toml")))


def _both(held: Held) -> bool:
    """Return whether theory is known of all regions of a background."""
    return dict(held.background_Hz).keys() == dict(held.theory_Hz or ()).keys()


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
