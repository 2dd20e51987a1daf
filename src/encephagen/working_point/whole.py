"""The whole brain: every fragment joined, with the ports through which the world reaches it."""

from encephagen.brain.cortex import cortex
from encephagen.brain.recipe import Recipe, default_recipe
from encephagen.brain.spec import Brain, Port
from encephagen.connectome.connectome import Connectome
from encephagen.working_point.balance import balance

PORTS = ("visual", "auditory", "somatosensory", "motor")


def whole_brain(connectome: Connectome, recipe: Recipe | None = None) -> Brain:
    """Return the brain of a connectome: its cortex, with a port for each sensory and motor system.

    ``recipe`` is the shipped healthy cortex unless given; with a target rate, its regions are in
    `balance`. A system that the connectome lacks has no port. Raises ValueError as `cortex` and
    `balance` do.
    """
    recipe = recipe or default_recipe()
    systems = {r.system for r in connectome.regions}
    ports = tuple(
        Port(name, tuple(r.name for r in connectome.regions if r.system == name), "E")
        for name in PORTS
        if name in systems
    )
    brain = cortex(connectome, recipe)
    if recipe.rate_exc_Hz > 0:
        brain = balance(brain, recipe)
    return brain + Brain(connectome, (), (), ports)
