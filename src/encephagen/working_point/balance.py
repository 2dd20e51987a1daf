"""Balance: the background at which all regions fire alike, whatever their connections give them.

A region with many strong connections would fire far more than one with few. Equal rates could be
had by inhibition or by scaled connections; both take away the differences in strength that shape
functional connectivity. Background alone leaves them (docs/experiments/through-the-wall.md).
"""

import numpy as np

from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Brain
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import THEORY, Held, WorkingPoint, numbers


def balance(brain: Brain) -> WorkingPoint:
    """Return the working point at which theory holds every population at its target.

    Raises NoWorkingPoint where theory finds no such background (`MeanField.balanced`).
    """
    field, _ = MeanField.of(brain).balanced()
    return point(brain, field.background_Hz, THEORY, "mean-field theory, nothing measured")


def point(brain: Brain, background_Hz: np.ndarray, how: str, note: str) -> WorkingPoint:
    """Return a working point of a brain from the background (block,) of all its blocks."""
    blocks, held = Blocks.of(brain), []
    for number, p in enumerate(brain.populations):
        if p.target_Hz is not None:
            where = [brain.connectome.names[place] for place in brain.regions_of(p.name)]
            rates_Hz = background_Hz[blocks.of_population(number)].tolist()
            by_name = tuple(zip(where, rates_Hz, strict=True))
            held.append(Held(p.name, p.target_Hz, p.background.rate_Hz, by_name))
    return WorkingPoint(how, numbers(brain), brain.connectome.digest(), tuple(held), note)
