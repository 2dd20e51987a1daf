"""Lesions: what is silenced or cut, as values, and the masks that they make together.

A mask leaves weights as they are, so that one lesion can be healed without the others. What a cut
does, it does at arrival: spikes that are under way are lost, and come through once it is healed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome

Selector = str | Iterable[Any]


@dataclass(frozen=True)
class Silenced:
    """Regions whose neurons send no spikes."""

    regions: Any

    def __str__(self) -> str:
        return f"silenced {words(self.regions)}"


@dataclass(frozen=True)
class Cut:
    """Synapses from regions onto others, their own apart; ``n_synapses`` is how many there were."""

    source: Any
    target: Any
    n_synapses: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"cut {words(self.source)} -> {words(self.target)}"


Lesion = Silenced | Cut


def masks(lesions: Sequence[Lesion], connectome: Connectome) -> tuple[np.ndarray, np.ndarray]:
    """Return silent (region,) and cut (region, region) bool, [target, source], of all lesions."""
    silent, cut = np.zeros(connectome.n, bool), np.zeros((connectome.n,) * 2, bool)
    for lesion in lesions:
        if isinstance(lesion, Silenced):
            silent[connectome.indices(lesion.regions)] = True
        else:
            ends = connectome.indices(lesion.target), connectome.indices(lesion.source)
            cut[np.ix_(*ends)] = True
    np.fill_diagonal(cut, False)
    return silent, cut


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
        return ["silence", _listed(lesion.regions)]
    return ["cut", _listed(lesion.source), _listed(lesion.target), lesion.n_synapses]


def from_list(kept: Sequence[Any]) -> Lesion:
    """Return the lesion that `to_list` gave."""
    kind, *names = kept
    if kind == "silence":
        return Silenced(plain(names[0]))
    return Cut(plain(names[0]), plain(names[1]), int(names[2]))


def _listed(selector: Any) -> Any:
    return selector if isinstance(selector, str) else [_listed(part) for part in selector]
