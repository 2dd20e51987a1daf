"""Choice: which brain a user asked for, as plain data that a file can hold."""

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encephagen.engine.session import Session
    from encephagen.network.network import Network

SUBCORTEX = {"hcp-aal2": "hcp-aal2-94", "gw-aal2": "gw-aal2-94"}


@dataclass(frozen=True)
class Choice:
    """A dataset (name or path), recipe values, step and seeds: all that sets a run's spikes."""

    dataset: str = "hcp-aal2"
    subcortex: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)
    dt_ms: float = 0.1
    wiring_seed: int = 0
    noise_seed: int = 0
    initial_seed: int = 0

    def network(self) -> "Network":
        """Build the network; ValueError for a dataset, recipe, step or seed that cannot be."""
        from encephagen.brain.recipe import Recipe
        from encephagen.connectome.datasets import load
        from encephagen.network.build import build
        from encephagen.recording.probe import Probe
        from encephagen.units import whole_steps
        from encephagen.working_point.whole import whole_brain

        name = self.dataset.strip()
        if self.subcortex:
            if name.lower() not in {*SUBCORTEX, *SUBCORTEX.values()}:
                raise ValueError(
                    f"--subcortex has no meaning for {name!r}: it extends {' and '.join(SUBCORTEX)}"
                )
            name = SUBCORTEX.get(name.lower(), name)
        brain = whole_brain(load(name), Recipe.from_dict(self.recipe))
        network = build(brain, dt_ms=self.dt_ms, seed=self.wiring_seed)
        whole_steps("bin_ms", Probe().bin_ms, self.dt_ms)  # else every recording would fail
        return network

    def session(self, network: "Network", threads: int | None) -> "Session":
        """Return a session of the network under this choice's seeds."""
        from encephagen.engine.session import Session

        return Session(
            network,
            noise_seed=self.noise_seed,
            initial_seed=self.initial_seed,
            threads=threads,
        )

    def prepare(self, network: "Network", threads: int | None) -> None:
        """Load or compile the kernels that sessions will use, on a session that is thrown away."""
        from encephagen.engine.cpu.engine import most_threads

        for n in {threads} if threads else {1, most_threads(network)}:
            self.session(network, n).advance(1)

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as a file keeps it: a dataset that is a path is made absolute."""
        values = dataclasses.asdict(self)
        if Path(self.dataset).exists():
            values["dataset"] = os.path.abspath(self.dataset)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Choice":
        """Return what `to_dict` gave; ValueError for anything else."""
        from encephagen.brain.recipe import Recipe

        try:
            kinds = {f.name: type(f.default) for f in dataclasses.fields(cls)}
            kinds["recipe"] = dict
            for name, value in values.items():
                if not isinstance(value, kinds[name]):
                    raise TypeError(name)
            choice = cls(**values)
            Recipe.from_dict(choice.recipe)
            return choice
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"what brain it is cannot be read ({error})") from error


def recipe_values(file: Path | None, settings: list[str]) -> dict[str, Any]:
    """Return the recipe of a file, or the default one, with ``name=value`` settings applied.

    Raises ValueError for a file that is no recipe, an unknown name, or a value that is no number.
    """
    from encephagen.brain.recipe import Recipe, default_recipe

    recipe = Recipe.load(file) if file is not None else default_recipe()
    changed: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name, text = name.strip(), text.strip()
        if not equals or not name or not text:
            raise ValueError(f"--set {setting!r}: expected name=value, as in long_weight_pA=30")
        changed[name] = _number(text) if name != "name" else text
    return recipe.replace(**changed).as_dict()


def _number(text: str) -> float | str:
    """Return a number where ``text`` is one; what is none, `Recipe` refuses by name."""
    try:
        return float(text)
    except ValueError:
        return text


def portable(dataset: str) -> str:
    """Return a dataset as a worker with another current folder finds it."""
    from encephagen.connectome.datasets import catalogue

    named = dataset.strip().lower() in {known.name for known in catalogue()}
    return os.path.abspath(dataset) if os.path.exists(dataset) and not named else dataset
