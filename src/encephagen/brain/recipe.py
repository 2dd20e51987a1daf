"""Recipe: the numbers of a brain, a table a fragment, as data that can be saved and compared."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from encephagen import names
from encephagen.digest import digest
from encephagen.models.alif import BELLEC
from encephagen.units import check, param

BRAITENBERG = "Braitenberg and Schuez 1998, ISBN 978-3-540-63816-2"
JOGLEKAR = "Joglekar et al. 2018, doi 10.1016/j.neuron.2018.02.031"
DEMIRTAS = "Demirtas et al. 2019, doi 10.1016/j.neuron.2019.01.017"
WANG = "Wang 2002, doi 10.1016/S0896-6273(02)01092-9"
CHAUDHURI = "Chaudhuri et al. 2015, doi 10.1016/j.neuron.2015.09.008"
ROXIN = "Roxin et al. 2011, doi 10.1523/JNEUROSCI.1677-11.2011"
LARGEST = 1e9  # far beyond anything in a brain, so that no product of two overflows
ABOUT = ("name", "fitted_on", "base")
"""What a recipe says of itself; all else in it is a table of numbers."""
USUAL = {
    "coupling": "long_weight_pA",
    "g": "long_weight_pA",
    "rate": "rate_exc_Hz",
    "noise": "background_rate_Hz",
    "inhibition": "weight_ie_pA",
    "excitation": "weight_ee_pA",
    "size": "neurons_per_region",
}
"""Usual words for a number that has another name here."""
IN_TABLE = {
    "subthalam": "basal_ganglia",
    "thalamus": "thalamus",
    "striatum": "basal_ganglia",
    "pallidum": "basal_ganglia",
    "basal_ganglia": "basal_ganglia",
    "hippocampus": None,
    "amygdala": None,
    "cerebellum": None,
}
"""Structures that are not cortex, and the table that has their numbers, None where none has."""


def number(default: Any, unit: str, source: str, *, low: float = 0.0, high: float = LARGEST) -> Any:
    """Return a `param` that is 0 or more, unless it has bounds of its own."""
    return param(default, unit, source, low=low, high=high)


@dataclass(frozen=True)
class Cortex:
    """The numbers of `encephagen.brain.cortex.cortex`: sizes, cells, synapses, background.

    ``rate_exc_Hz`` and ``rate_inh_Hz`` are targets, which a working point meets by backgrounds of
    its own in place of ``background_rate_Hz``. Raises ValueError for values out of range.
    """

    neurons_per_region: int = number(200, "", "free")
    fraction_exc: float = number(0.8, "", BRAITENBERG, high=1)
    tau_m_min_ms: float = number(10.0, "ms", "free; most T1w/T2w")
    tau_m_max_ms: float = number(30.0, "ms", "free; least T1w/T2w")
    tau_m_inh_ms: float = number(10.0, "ms", JOGLEKAR)
    t_ref_ms: float = number(2.0, "ms", JOGLEKAR)
    tau_ampa_ms: float = number(5.0, "ms", "free; 2 ms and a rise in " + WANG)
    tau_nmda_ms: float = number(100.0, "ms", WANG)
    tau_gaba_ms: float = number(8.0, "ms", "free; 5 ms and a rise in " + WANG)
    nmda_fraction: float = number(0.3, "", "free", high=1)
    local_probability: float = number(0.1, "", JOGLEKAR, high=1)
    local_delay_min_ms: float = number(1.0, "ms", "free")
    local_delay_max_ms: float = number(2.5, "ms", "free")
    weight_ee_pA: float = number(10.0, "pA", "free")
    weight_ei_pA: float = number(10.0, "pA", "free; E to I")
    weight_ie_pA: float = number(168.75, "pA", "free; I to E")
    weight_ii_pA: float = number(86.5, "pA", "free")
    long_in_degree: float = number(60.0, "", "free")
    long_weight_pA: float = number(31.0, "pA", "free")
    feedforward_inhibition: float = number(0.6, "", "free; long-range weight onto I over onto E")
    strength_exponent: float = number(0.25, "", "free; weights over (row sum) to this power")
    velocity_mm_per_ms: float = number(6.0, "mm/ms", "Swadlow and Waxman 2012, Scholarpedia 7:1451")
    weight_spread: float = number(0.0, "", "free; s.d. of the log of a weight")
    background_rate_Hz: float = number(2000.0, "Hz", "free")
    background_weight_pA: float = number(40.0, "pA", "free")
    rate_exc_Hz: float = number(0.0, "Hz", "free; target of E, 0: all have background_rate_Hz")
    recurrent_gradient: float = number(
        0.0, "", "free; local E to E, least T1w/T2w; " + DEMIRTAS, low=-1.0
    )
    rate_inh_Hz: float = number(0.0, "Hz", "free; target of I, 0: it finds its own rate")
    E_L_spread_exc_mV: float = number(0.0, "mV", "free; s.d. of E_L over neurons; " + ROXIN)
    E_L_spread_inh_mV: float = number(0.0, "mV", "free; s.d. of E_L over neurons; " + ROXIN)
    local_in_degree_exc: int = number(0, "", "free; from E, 0: by local_probability")
    local_in_degree_inh: int = number(0, "", "free; from I, 0: by local_probability")
    slow_weight_pA: float = number(0.0, "pA", "free; local E to E by NMDA alone; " + CHAUDHURI)
    slow_from: float = number(0.3, "", "free; place in the hierarchy below which it is 0", high=1)
    slow_to: float = number(0.8, "", "free; place from which on it is whole", high=1)
    long_less_per_pA: float = number(0.0, "1/pA", "free; part of long weights lost a slow pA")
    adaptation_mV: float = number(0.0, "mV", "free; jump of the threshold, most T1w/T2w")
    adaptation_to: float = number(0.6, "", "free; place in the hierarchy where it is 0", high=1)
    tau_adapt_ms: float = number(200.0, "ms", BELLEC)

    def __post_init__(self) -> None:
        check(self, "recipe ")
        if not 1 <= self.n_exc < self.neurons_per_region:
            raise ValueError(
                f"recipe neurons_per_region = {self.neurons_per_region}, fraction_exc = "
                f"{self.fraction_exc}: leaves no excitatory or no inhibitory neuron in a region"
            )
        if not self.slow_from < self.slow_to:
            raise ValueError(
                f"recipe slow_from = {self.slow_from}, slow_to = {self.slow_to}: must rise"
            )
        if self.slow_weight_pA * self.long_less_per_pA > 1:
            raise ValueError(
                f"recipe slow_weight_pA = {self.slow_weight_pA}, long_less_per_pA = "
                f"{self.long_less_per_pA}: their product, the part that long-range weights lose, "
                "must be at most 1"
            )

    @property
    def n_exc(self) -> int:
        """Excitatory neurons in a region."""
        return round(self.neurons_per_region * self.fraction_exc)

    @property
    def n_inh(self) -> int:
        """Inhibitory neurons in a region."""
        return self.neurons_per_region - self.n_exc


@dataclass(frozen=True)
class Thalamus:
    """The numbers of `encephagen.brain.thalamus.thalamus`: a relay and a reticular nucleus a side.

    Excitation is by AMPA as in cortex; targets are met by backgrounds of their own.
    Raises ValueError for values out of range.
    """

    n_relay: int = number(160, "", "free", low=1)
    n_reticular: int = number(40, "", "free", low=1)
    rate_relay_Hz: float = number(10.0, "Hz", "free; target, within the published range")
    rate_reticular_Hz: float = number(30.0, "Hz", "free; target, within the published range")
    tau_m_relay_ms: float = number(20.0, "ms", "free")
    tau_m_reticular_ms: float = number(10.0, "ms", "free")
    adaptation_relay_mV: float = number(0.0, "mV", "free; jump of the threshold at a spike")
    tau_adapt_relay_ms: float = number(200.0, "ms", BELLEC)
    tau_gaba_reticular_ms: float = number(10.0, "ms", "free; of reticular synapses")
    in_degree_to_cortex: float = number(20.0, "", "free; relay to a neuron of cortex")
    in_degree_from_cortex: float = number(60.0, "", "free; E to a neuron of thalamus")
    in_degree_in_thalamus: int = number(10, "", "free; each kind, 0 < n < n_reticular", low=1)
    weight_relay_exc_pA: float = number(30.0, "pA", "free; relay to E")
    weight_relay_inh_pA: float = number(30.0, "pA", "free; relay to I")
    weight_exc_relay_pA: float = number(20.0, "pA", "free; E to relay")
    weight_exc_reticular_pA: float = number(40.0, "pA", "free; E to reticular")
    weight_relay_reticular_pA: float = number(40.0, "pA", "free")
    weight_reticular_relay_pA: float = number(30.0, "pA", "free")
    weight_reticular_pA: float = number(20.0, "pA", "free; among reticular neurons")
    velocity_thalamic_mm_per_ms: float = number(6.0, "mm/ms", "free; as that of cortex")
    background_thalamic_Hz: float = number(1000.0, "Hz", "free")
    background_thalamic_pA: float = number(60.0, "pA", "free")

    def __post_init__(self) -> None:
        check(self, "recipe ")


@dataclass(frozen=True)
class BasalGanglia:
    """The numbers of `encephagen.brain.basal_ganglia.basal_ganglia`: five nuclei a side.

    Striatal neurons with D1 receptors inhibit the internal pallidum (GPi), those with D2 the
    external (GPe), which inhibits the subthalamic nucleus (STN), which excites both. Raises
    ValueError for values out of range.
    """

    n_striatal: int = number(100, "", "free; of D1, and of D2, in a region", low=1)
    n_gpe: int = number(80, "", "free", low=1)
    n_gpi: int = number(60, "", "free", low=1)
    n_stn: int = number(60, "", "free", low=1)
    rate_striatal_Hz: float = number(0.6, "Hz", "free; target, within the published range")
    rate_gpe_Hz: float = number(65.0, "Hz", "free; target, middle of the published range")
    rate_gpi_Hz: float = number(69.0, "Hz", "free; target, middle of the published range")
    rate_stn_Hz: float = number(19.0, "Hz", "free; target, middle of the published range")
    tau_m_ganglia_ms: float = number(15.0, "ms", "free")
    in_degree_ganglia: int = number(20, "", "free; of each projection among these nuclei", low=1)
    in_degree_cortex_ganglia: float = number(60.0, "", "free; E to striatum, and to STN")
    in_degree_gpi_relay: float = number(10.0, "", "free")
    weight_exc_striatal_pA: float = number(40.0, "pA", "free")
    weight_exc_stn_pA: float = number(20.0, "pA", "free")
    weight_striatal_pA: float = number(20.0, "pA", "free; among D1, and among D2")
    weight_striatal_pallidal_pA: float = number(100.0, "pA", "free; D1 to GPi, D2 to GPe")
    weight_gpe_pA: float = number(8.0, "pA", "free; GPe to STN, to GPi and to GPe")
    weight_stn_pA: float = number(15.0, "pA", "free; STN to GPe and to GPi")
    weight_gpi_relay_pA: float = number(15.0, "pA", "free")
    velocity_striatal_mm_per_ms: float = number(1.0, "mm/ms", "free; unmyelinated fibres")
    velocity_pallidal_mm_per_ms: float = number(6.0, "mm/ms", "free; as that of cortex")
    background_ganglia_Hz: float = number(2000.0, "Hz", "free")
    background_ganglia_pA: float = number(60.0, "pA", "free")

    def __post_init__(self) -> None:
        check(self, "recipe ")


@dataclass(frozen=True)
class LongRangeInhibition:
    """The numbers of `encephagen.brain.long_range_inhibition`: links of cortex that inhibit too.

    Its synapses have the receptor of local inhibition, and the velocity of long-range excitation.
    Raises ValueError for values out of range.
    """

    share_inhibiting: float = number(0.3, "", "free; of the links that have a fibre", high=1)
    subjects_estimating: int = number(4, "", "free; links are by the first so many", low=1)
    in_degree_inhibiting: float = number(10.0, "", "free; I elsewhere to E, mean over regions")
    weight_inhibiting_pA: float = number(10.0, "pA", "free")

    def __post_init__(self) -> None:
        check(self, "recipe ")


@dataclass(frozen=True)
class Recipe:
    """The numbers of a brain: a table of them for each fragment.

    A recipe is a TOML file with a table [cortex], [thalamus] and [basal_ganglia] where these have
    cells of their own, and [long_range_inhibition] where regions of cortex inhibit each other;
    what a table leaves out has the default of its class. ``fitted_on``
    names the subjects whose data the numbers were chosen by; who tests the
    brain tests it on others. ``base`` is the recipe that `replace` made this one from: its working
    point is kept (`encephagen.working_point`). Raises ValueError for names that are not here (with
    the nearest) and for values out of range.
    """

    cortex: Cortex = field(default_factory=Cortex)
    thalamus: Thalamus | None = field(default=None, kw_only=True)
    basal_ganglia: BasalGanglia | None = field(default=None, kw_only=True)
    long_range_inhibition: LongRangeInhibition | None = field(default=None, kw_only=True)
    name: str = "custom"
    fitted_on: tuple[str, ...] = ()
    base: "Recipe | None" = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f"recipe name = {self.name!r}: must be text")
        if not _are_texts(self.fitted_on):
            raise ValueError(f"recipe fitted_on = {self.fitted_on!r}: must be labels of subjects")
        object.__setattr__(self, "fitted_on", tuple(self.fitted_on))
        if self.basal_ganglia is not None and self.thalamus is None:
            raise ValueError(
                "recipe has [basal_ganglia] and no [thalamus], on which they act: give both"
            )

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its tables: the fragments that it has numbers for."""
        return tuple(table for table in TABLES if getattr(self, table) is not None)

    def __repr__(self) -> str:
        usual, own = (self.base or Recipe()).as_dict(), self.as_dict()
        changed = [
            f"{name}={value:g}"
            for table in self.tables
            for name, value in own[table].items()
            if value != usual.get(table, dataclasses.asdict(TABLES[table]()))[name]
        ]
        shown = ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" * (len(changed) > 4))
        return f"Recipe {self.name!r}: {shown or 'the defaults'}, digest {self.digest()[:12]}"

    def digest(self) -> str:
        """Return the SHA-256 of the numbers that are not the defaults, whatever the name.

        So a part that comes later, and is absent by default, leaves the digest as it was.
        """
        own: dict[str, Any] = {}
        for table in self.tables:
            usual, values = TABLES[table](), dataclasses.asdict(getattr(self, table)).items()
            own[table] = {n: v for n, v in values if v != getattr(usual, n)}
        return digest({table: v for table, v in own.items() if v or table != "cortex"})

    def replace(self, **values: Any) -> "Recipe":
        """Return the recipe with other values, and this one (or what it is from) as its base.

        Names are those of numbers, alone or with their table, as in {"cortex.weight_ee_pA": 30};
        also ``name`` and ``fitted_on``. ValueError for an unknown name.
        """
        about = {name: values.pop(name) for name in ("name", "fitted_on") if name in values}
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            table, parameter = place(name)
            if table not in self.tables:
                raise ValueError(
                    f"recipe {self.name!r} has no [{table}], where {parameter} stands: choose one "
                    "that has it"
                )
            changed.setdefault(table, {})[parameter] = value
        if changed:
            base = self.base or self
            about = {"name": f"{base.name} (changed)", **about, "base": base}
        tables = {t: dataclasses.replace(getattr(self, t), **new) for t, new in changed.items()}
        return dataclasses.replace(self, **tables, **about)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values fit for JSON; `from_dict` makes the recipe of them again."""
        values: dict[str, Any] = {"name": self.name, "fitted_on": list(self.fitted_on)}
        values |= {table: dataclasses.asdict(getattr(self, table)) for table in self.tables}
        return values if self.base is None else {**values, "base": self.base.as_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """Return the recipe of `as_dict`; what is left out has its default."""
        made: dict[str, Any] = {}
        for name, value in values.items():
            if name in ABOUT:
                made[name] = cls.from_dict(_a_table(name, value)) if name == "base" else value
                continue
            if name not in TABLES:
                raise ValueError(f"recipe has no table {name!r}; {_where(name)}")
            for parameter in _a_table(name, value):
                if place(f"{name}.{parameter}") != (name, parameter):
                    raise ValueError(f"recipe [{name}] has no parameter {parameter!r}")
            made[name] = TABLES[name](**value)
        return cls(**made)

    def save(self, path: str | Path, comment: str = "") -> None:
        """Write the recipe as a TOML file that `load` reads; each line of ``comment`` on top."""
        lines = [f"# {line}".rstrip() for line in comment.splitlines()] + [""] * bool(comment)
        Path(path).write_text("\n".join([*lines, *_toml(self)]) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Read a recipe from a TOML file, by whose name it goes, or a shipped one by its name."""
        path = Path(path)
        if str(path) in shipped_recipes() and not path.is_file():
            return shipped_recipe(str(path))
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(
                f"cannot read recipe {path}: {error.strerror}; expected a TOML file, or the name "
                f"of a shipped recipe: {', '.join(shipped_recipes())}"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"recipe {path} is not TOML: {error}") from error
        return cls.from_dict({"name": path.stem, **values})


TABLES: dict[str, type] = {
    "cortex": Cortex,
    "thalamus": Thalamus,
    "basal_ganglia": BasalGanglia,
    "long_range_inhibition": LongRangeInhibition,
}
"""The table of numbers of each fragment."""


def shipped_recipe(name: str) -> Recipe:
    """Return one of the `shipped_recipes`."""
    with resources.as_file(_folder() / f"{name}.toml") as path:
        return Recipe.load(path)


@cache
def shipped_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that are shipped."""
    names = (file.name for file in _folder().iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in names if n.endswith(".toml")))


def _folder() -> Traversable:
    return resources.files("encephagen.brain") / "recipes"


def place(name: str) -> tuple[str, str]:
    """Return table and name of a number that is named alone, or as in "cortex.long_weight_pA".

    Raises ValueError, with the nearest name, where there is none.
    """
    table, _, parameter = name.rpartition(".")
    found = [t for t in TABLES if table in ("", t) and parameter in _parameters(t)]
    if len(found) == 1:
        return found[0], parameter
    if found:
        raise ValueError(f"recipe has {name!r} in {' and '.join(found)}: say {found[0]}.{name}")
    raise ValueError(f"recipe has no parameter {name!r}; {_where(name)}")


def _where(name: str) -> str:
    """Return what an unknown name may have meant."""
    alone = name.rpartition(".")[2]
    known = [parameter for table in TABLES for parameter in _parameters(table)]
    for structure, table in IN_TABLE.items():
        if structure in name.casefold() and table is None:
            return f"no fragment fills {structure}; tables: {', '.join(TABLES)}"
        if structure in name.casefold() and alone not in known:
            return (
                f"numbers of {structure} stand in table [{table}]: {', '.join(_parameters(table))}"
            )
    if alone in known:
        return f"{alone} stands in table [{place(alone)[0]}]"
    if alone.casefold() in USUAL:
        return f"nearest: {USUAL[alone.casefold()]}"
    if names.nearest(alone, known):
        return names.hint(alone, known)
    return f"tables: {', '.join(TABLES)}; {names.hint(alone, known)}"


def _parameters(table: str) -> list[str]:
    return [f.name for f in dataclasses.fields(TABLES[table])]


def _a_table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"recipe {name} = {value!r}: expected a table, as [{name}] in TOML")
    return value


def _toml(recipe: Recipe, within: str = "") -> list[str]:
    """Return the lines of a recipe, and of its base under [base]."""
    about = [f"name = {json.dumps(recipe.name)}"] if within else []
    lines = [*about, f"fitted_on = {json.dumps(recipe.fitted_on)}"]
    for table in recipe.tables:
        values = dataclasses.asdict(getattr(recipe, table))
        lines += ["", f"[{within}{table}]"]
        lines += [f"{name} = {value!r}" for name, value in values.items()]
    if recipe.base is not None:
        lines += ["", "# What the numbers above were changed from: its working point is kept."]
        lines += [f"[{within}base]", *_toml(recipe.base, f"{within}base.")]
    return lines


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(label, str) for label in value)
