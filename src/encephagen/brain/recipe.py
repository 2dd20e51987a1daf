"""Recipe: the numbers of a cortex, as data that can be saved, searched and compared."""

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from encephagen.units import param

JOGLEKAR = "Joglekar et al. 2018, doi 10.1016/j.neuron.2018.02.031"
DEMIRTAS = "Demirtas et al. 2019, doi 10.1016/j.neuron.2019.01.017"
WANG = "Wang 2002, doi 10.1016/S0896-6273(02)01092-9"
DEFAULT = "healthy_cortex"
FRACTIONS = ("fraction_exc", "nmda_fraction", "local_probability")
LARGEST = 1e9  # far beyond anything in a brain, so that no product of two overflows


@dataclass(frozen=True)
class Recipe:
    """The parameters of `cortex`: sizes, cells, synapses, background.

    A recipe is a TOML file with these names; what a file leaves out has the default below. Raises
    ValueError for a name that is not here (with the nearest) and for values out of range.

    With ``rate_exc_Hz`` above 0, theory gives E of each region the background at which all of them
    fire at that rate (`MeanField.balanced`), times ``background_factor``: how far theory misses in
    a region (name, factor), as `learning.calibration.calibrate` measures it. ``fitted_on`` names
    the subjects whose data the numbers were chosen by; who tests the brain tests it on others.
    """

    name: str = "custom"
    neurons_per_region: int = param(200, "", "free")
    fraction_exc: float = param(0.8, "", "Braitenberg and Schuez 1998, ISBN 978-3-540-63816-2")
    tau_m_min_ms: float = param(10.0, "ms", "free; most T1w/T2w")
    tau_m_max_ms: float = param(30.0, "ms", "free; least T1w/T2w")
    tau_m_inh_ms: float = param(10.0, "ms", JOGLEKAR)
    t_ref_ms: float = param(2.0, "ms", JOGLEKAR)
    tau_ampa_ms: float = param(5.0, "ms", "free; 2 ms and a rise in " + WANG)
    tau_nmda_ms: float = param(100.0, "ms", WANG)
    tau_gaba_ms: float = param(8.0, "ms", "free; 5 ms and a rise in " + WANG)
    nmda_fraction: float = param(0.3, "", "free")
    local_probability: float = param(0.1, "", JOGLEKAR)
    local_delay_min_ms: float = param(1.0, "ms", "free")
    local_delay_max_ms: float = param(2.5, "ms", "free")
    weight_ee_pA: float = param(10.0, "pA", "free")
    weight_ei_pA: float = param(10.0, "pA", "free; E to I")
    weight_ie_pA: float = param(168.75, "pA", "free; I to E")
    weight_ii_pA: float = param(86.5, "pA", "free")
    long_in_degree: float = param(60.0, "", "free")
    long_weight_pA: float = param(31.0, "pA", "free")
    feedforward_inhibition: float = param(0.6, "", "free; long-range weight onto I over onto E")
    strength_exponent: float = param(0.25, "", "free; weights over (row sum) to this power")
    velocity_mm_per_ms: float = param(6.0, "mm/ms", "Swadlow and Waxman 2012, Scholarpedia 7:1451")
    weight_spread: float = param(0.0, "", "free; s.d. of the log of a weight")
    background_rate_Hz: float = param(2000.0, "Hz", "free")
    background_weight_pA: float = param(40.0, "pA", "free")
    rate_exc_Hz: float = param(0.0, "Hz", "free; target of E, 0: all have background_rate_Hz")
    recurrent_gradient: float = param(0.0, "", "free; local E to E, least T1w/T2w; " + DEMIRTAS)
    background_factor: tuple[tuple[str, float], ...] = ()
    fitted_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name == "name":
                if not isinstance(value, str):
                    raise ValueError(f"recipe name = {value!r}: must be text")
                continue
            if f.name == "background_factor":
                object.__setattr__(self, f.name, _factors(value))
                continue
            if f.name == "fitted_on":
                if not _are_texts(value):
                    raise ValueError(f"recipe fitted_on = {value!r}: must be labels of subjects")
                object.__setattr__(self, f.name, tuple(value))
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"recipe {f.name} = {value!r}: must be a number")
            if not 0 <= value <= LARGEST:
                raise ValueError(f"recipe {f.name} = {value}: must be from 0 to {LARGEST:g}")
            if f.name in FRACTIONS and value > 1:
                raise ValueError(f"recipe {f.name} = {value}: must be from 0 to 1")
            if isinstance(f.default, float):  # 10 and 10.0 are one recipe, with one digest
                object.__setattr__(self, f.name, float(value))
        if int(self.neurons_per_region) != self.neurons_per_region:
            raise ValueError(
                f"recipe neurons_per_region = {self.neurons_per_region}: must be a whole number"
            )
        object.__setattr__(self, "neurons_per_region", int(self.neurons_per_region))
        if not 1 <= self.n_exc < self.neurons_per_region:
            raise ValueError(
                f"recipe neurons_per_region = {self.neurons_per_region}, fraction_exc = "
                f"{self.fraction_exc}: leaves no excitatory or no inhibitory neuron in a region"
            )

    @property
    def n_exc(self) -> int:
        """Excitatory neurons in a region."""
        return round(self.neurons_per_region * self.fraction_exc)

    @property
    def n_inh(self) -> int:
        """Inhibitory neurons in a region."""
        return self.neurons_per_region - self.n_exc

    def as_dict(self) -> dict[str, Any]:
        """Return plain values by name, fit for JSON; ``Recipe(**values)`` is the recipe again."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            **values,
            "background_factor": dict(self.background_factor),
            "fitted_on": list(self.fitted_on),
        }

    def save(self, path: str | Path, comment: str = "") -> None:
        """Write the recipe as a TOML file that `load` reads; each line of ``comment`` on top."""
        lines = [f"# {line}".rstrip() for line in comment.splitlines()] + [""] * bool(comment)
        for f in dataclasses.fields(self):
            if f.name not in ("name", "background_factor", "fitted_on"):
                lines.append(f"{f.name} = {getattr(self, f.name)!r}")
        lines.append(f"fitted_on = {json.dumps(self.fitted_on)}")
        if self.background_factor:
            lines += ["", "[background_factor]"]
            lines += [
                f"{json.dumps(name, ensure_ascii=False)} = {factor!r}"
                for name, factor in self.background_factor
            ]
        Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def replace(self, **values: Any) -> "Recipe":
        """Return the recipe with other values; ValueError for an unknown name."""
        _check_names(values)
        return dataclasses.replace(self, **{"name": f"{self.name} (changed)", **values})

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Read a recipe from a TOML file."""
        path = Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"cannot read recipe {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"recipe {path} is not TOML: {error}") from error
        _check_names(values)
        return cls(**{"name": path.stem, **values})


def default_recipe() -> Recipe:
    """Return the shipped recipe of a healthy cortex."""
    file = resources.files("encephagen.brain") / "recipes" / f"{DEFAULT}.toml"
    with resources.as_file(file) as path:
        return Recipe.load(path)


def _factors(value: Any) -> tuple[tuple[str, float], ...]:
    """Return background factors as sorted pairs, from a mapping or from pairs."""
    pairs = value.items() if isinstance(value, Mapping) else value
    expected = "expected one number above 0 for each region name"
    try:
        factors = {region: float(factor) for region, factor in pairs}
    except (TypeError, ValueError):
        raise ValueError(f"recipe background_factor = {value!r}: {expected}") from None
    for region, factor in factors.items():
        if not isinstance(region, str) or not (math.isfinite(factor) and 0 < factor <= LARGEST):
            raise ValueError(f"recipe background_factor {region!r} = {factor}: {expected}")
    return tuple(sorted(factors.items()))


def _check_names(values: Iterable[str]) -> None:
    known = [f.name for f in dataclasses.fields(Recipe)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; nearest: {near[0]}" if near else f"; known: {', '.join(known)}"
            raise ValueError(f"recipe has no parameter {name!r}{hint}")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(label, str) for label in value)
