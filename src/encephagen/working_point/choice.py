"""Choice: which brain a user asked for, and at which working point, as data that a file holds."""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encephagen.brain.recipe import Recipe
    from encephagen.brain.spec import Brain
    from encephagen.connectome.connectome import Connectome
    from encephagen.engine.session import Session
    from encephagen.network.network import Network
    from encephagen.working_point.point import WorkingPoint

Progress = Callable[[int, int], None]

SUBCORTEX = {"hcp-aal2": "hcp-aal2-94", "gw-aal2": "gw-aal2-94"}


@dataclass(frozen=True)
class Choice:
    """A dataset (name or path), recipe, working point, step, seeds: all that sets a run's spikes.

    ``recipe`` and ``working_point`` are as their ``as_dict`` gives them; a working point of None is
    that which `whole_brain` keeps.
    """

    dataset: str = "hcp-aal2"
    subcortex: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)
    working_point: dict[str, Any] | None = None
    dt_ms: float = 0.1
    wiring_seed: int = 0
    noise_seed: int = 0
    initial_seed: int = 0

    def network(self) -> "Network":
        """Build the network; ValueError for a dataset, recipe, step or seed that cannot be."""
        from encephagen.brain.recipe import Recipe
        from encephagen.network.build import build
        from encephagen.recording.probe import Probe
        from encephagen.units import whole_steps
        from encephagen.working_point.point import WorkingPoint
        from encephagen.working_point.whole import whole_brain

        values = self.working_point
        point = None if values is None else WorkingPoint.from_dict(values)
        recipe = Recipe.from_dict(self.recipe)
        brain = whole_brain(self.connectome(), recipe, point, wiring_seed=self.wiring_seed)
        network = build(brain, dt_ms=self.dt_ms, seed=self.wiring_seed)
        whole_steps("bin_ms", Probe().bin_ms, self.dt_ms)  # else every recording would fail
        return network

    def connectome(self) -> "Connectome":
        """Return the connectome; ValueError for a dataset that cannot be."""
        from encephagen.connectome.datasets import load

        name = self.dataset.strip()
        if self.subcortex:
            if name.lower() not in {*SUBCORTEX, *SUBCORTEX.values()}:
                raise ValueError(
                    f"--subcortex has no meaning for {name!r}: it extends {' and '.join(SUBCORTEX)}"
                )
            name = SUBCORTEX.get(name.lower(), name)
        return load(name)

    def at(
        self, ask: "Ask", threads: int | None = None, progress: Progress | None = None
    ) -> "Choice":
        """Return this brain at the working point that was asked for, as `Ask.find` finds it."""
        from encephagen.brain.recipe import Recipe

        if not ask.wanted:
            return self
        point = ask.find(self.connectome(), Recipe.from_dict(self.recipe), threads, progress)
        return self if point is None else dataclasses.replace(self, working_point=point.as_dict())

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
        values["dataset"] = portable(self.dataset)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Choice":
        """Return what `to_dict` gave; ValueError for anything else."""
        from encephagen.brain.recipe import Recipe
        from encephagen.working_point.point import WorkingPoint

        try:
            kinds = {f.name: type(f.default) for f in dataclasses.fields(cls)}
            kinds |= {"recipe": dict, "working_point": dict | NoneType}
            for name, value in values.items():
                if not isinstance(value, kinds[name]):
                    raise TypeError(name)
            choice = cls(**values)
            Recipe.from_dict(choice.recipe)
            if choice.working_point is not None:
                WorkingPoint.from_dict(choice.working_point)
            return choice
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"what brain it is cannot be read ({error})") from error


@dataclass(frozen=True)
class Ask:
    """Which working point was asked for by name: that of a file, measured, or theory's."""

    file: Path | None = None
    calibrate: bool = False
    balance: bool = False

    def __post_init__(self) -> None:
        if (self.file is not None) + self.calibrate + self.balance > 1:
            raise ValueError("--working-point, --calibrate and --balance: give one of them")

    @property
    def wanted(self) -> bool:
        """Whether anything was asked for."""
        return self != Ask()

    def find(
        self,
        connectome: "Connectome",
        recipe: "Recipe",
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> "WorkingPoint | None":
        """Return it, None where nothing was asked for. What is measured is kept in the cache.

        progress: told the rounds of calibration that are done, and their number.

        Raises ValueError for a file that holds none, and NoWorkingPoint where there is none.
        """
        from encephagen.working_point.balance import balance
        from encephagen.working_point.point import WorkingPoint
        from encephagen.working_point.whole import bare_brain

        if self.file is not None:
            return WorkingPoint.load(self.file)
        if self.balance:
            return balance(bare_brain(connectome, recipe))
        if self.calibrate:
            return _calibrated(bare_brain(connectome, recipe), threads, progress)
        return None


def _calibrated(brain: "Brain", threads: int | None, progress: Progress | None) -> "WorkingPoint":
    """Return the measured working point of a brain."""
    from encephagen.jit import cache_folder
    from encephagen.working_point.calibration import calibrate_once

    folder = cache_folder() / "working_points"
    return calibrate_once(brain, folder, threads=threads, progress=progress)


def recipe_values(
    file: Path | None, settings: list[str], connectome: "Connectome | None" = None
) -> dict[str, Any]:
    """Return a recipe with ``name=value`` settings applied: of a file, or `default_recipe`'s.

    Raises ValueError for a file that is no recipe, an unknown name, or a value that is no number.
    """
    from encephagen.brain.recipe import Recipe
    from encephagen.working_point.whole import default_recipe

    recipe = Recipe.load(file) if file is not None else default_recipe(connectome)
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
