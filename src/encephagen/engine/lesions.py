"""Lesions: what is silenced or cut, as values, and the masks that they make together.

A mask leaves weights as they are, so that one lesion can be healed without the others. What a cut
does, it does at arrival: spikes that are under way are lost, and come through once it is healed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from encephagen import names
from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Brain

Selector = str | Iterable[Any]


@dataclass(frozen=True)
class Silenced:
    """Regions (None: all) whose neurons send no spikes, or only those of a population."""

    regions: Any = None
    population: str | None = None

    def __str__(self) -> str:
        parts = [self.population, None if self.regions is None else words(self.regions)]
        return f"silenced {' in '.join(filter(None, parts))}"


@dataclass(frozen=True)
class Cut:
    """Synapses from regions onto others, their own apart; ``n_synapses`` is how many there were."""

    source: Any
    target: Any
    n_synapses: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"cut {words(self.source)} -> {words(self.target)}"


Lesion = Silenced | Cut


def masks(lesions: Sequence[Lesion], brain: Brain) -> tuple[np.ndarray, np.ndarray]:
    """Return silent (block,) and cut (region, region) bool, [target, source], of all lesions.

    Raises ValueError for names that are not there, and where a population does not live.
    """
    connectome, blocks = brain.connectome, Blocks.of(brain)
    silent, cut = np.zeros(len(blocks), bool), np.zeros((connectome.n,) * 2, bool)
    for lesion in lesions:
        if isinstance(lesion, Silenced):
            silent |= _silenced(lesion, brain, blocks)
        else:
            ends = connectome.indices(lesion.target), connectome.indices(lesion.source)
            cut[np.ix_(*ends)] = True
    np.fill_diagonal(cut, False)
    return silent, cut


def _silenced(lesion: Silenced, brain: Brain, blocks: Blocks) -> np.ndarray:
    """Return the blocks (block,) that a lesion silences."""
    hit = np.ones(len(blocks), bool)
    if lesion.regions is not None:
        hit &= np.isin(blocks.region, brain.connectome.indices(lesion.regions))
    if lesion.population is not None:
        known = [p.name for p in brain.populations]
        if lesion.population not in known:
            raise ValueError(
                f"no population {lesion.population!r}; {names.hint(lesion.population, known)}"
            )
        hit &= blocks.population == known.index(lesion.population)
        if not hit.any():
            raise ValueError(
                f"nothing to silence: {lesion.population!r} does not live in "
                f"{words(lesion.regions)}; name other regions, or leave them out for all"
            )
    return hit


def plain(selector: Selector) -> Any:
    """Return a selector as a lesion keeps it: a name, or a tuple of selectors."""
    if isinstance(selector, str):
        return str(selector)
    if not isinstance(selector, Iterable):
        return selector  # which `Connectome.indices` refuses
    return tuple(plain(part) for part in selector)


def words(selector: Any) -> str:
    """Return a selector in words."""
    return selector if isinstance(selector, str) else ", ".join(map(words, selector))


def to_list(lesion: Lesion) -> list[Any]:
    """Return a lesion as a file keeps it."""
    if isinstance(lesion, Silenced):
        of_all = [] if lesion.population is None else [lesion.population]
        return ["silence", lesion.regions and _listed(lesion.regions), *of_all]
    return ["cut", _listed(lesion.source), _listed(lesion.target), lesion.n_synapses]


def from_list(kept: Sequence[Any]) -> Lesion:
    """Return the lesion that `to_list` gave."""
    kind, *what = kept
    if kind == "silence":
        return Silenced(what[0] and plain(what[0]), *what[1:])
    return Cut(plain(what[0]), plain(what[1]), int(what[2]))


def _listed(selector: Any) -> Any:
    return selector if isinstance(selector, str) else [_listed(part) for part in selector]
