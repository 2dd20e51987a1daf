"""Extras: the packages that only some commands need, what for, and how to get them."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class Missing(ValueError):
    """A package that this installation does without; says how to get it."""


@dataclass(frozen=True)
class Extra:
    """What `pip install 'encephagen[NAME]'` adds to what everybody gets.

    name     of the extra, as in pyproject.toml
    package  what it installs, by the name of its distribution
    module   what is imported of it
    purpose  what needs it
    """

    name: str
    package: str
    module: str
    purpose: str

    @property
    def remedy(self) -> str:
        """The command that installs it."""
        return f"pip install 'encephagen[{self.name}]'"

    def folder(self) -> Path | None:
        """Return the folder of its module, None if it is not installed; imports nothing."""
        spec = find_spec(self.module)
        places = spec.submodule_search_locations if spec is not None else None
        return Path(places[0]) if places else None

    def missing(self, what: str) -> Missing:
        """Return the error that says that ``what`` needs it."""
        return Missing(f"{what} needs {self.package}, which is not installed: {self.remedy}")

    def check(self, what: str) -> None:
        """Raise `Missing`, a ValueError with the remedy, if it is not installed."""
        if self.folder() is None:
            raise self.missing(what)

    def load(self, what: str, part: str = "") -> Any:
        """Return its module, or a ``part`` of it (".networks.randomize"), for ``what`` needs it.

        Raises `Missing`, a ValueError with the remedy, if it is not installed.
        """
        try:
            return import_module(self.module + part)
        except ModuleNotFoundError as error:
            raise self.missing(what) from error


FIT = Extra("fit", "cma", "cma", "searching a recipe (encephagen fit)")
NEO = Extra("neo", "neo", "neo", "spike trains for Elephant")
NEST = Extra("nest", "nest-simulator", "nest", "NEST as an engine, and as a peer")
NULLS = Extra("nulls", "netneurotools", "netneurotools", "nulls that keep strengths")
TVB = Extra("tvb", "tvb-data", "tvb_data", "the connectomes of The Virtual Brain")

EXTRAS = (FIT, NEO, NEST, NULLS, TVB)
