"""Balance: the background at which all regions fire alike, whatever their connections give them.

A region with many strong connections would fire far more than one with few. Equal rates could be
had by inhibition or by scaled connections; both take away the differences in strength that shape
functional connectivity. Background alone leaves them (docs/experiments/through-the-wall.md).
"""

from dataclasses import replace

import numpy as np

from encephagen.brain.blocks import Blocks
from encephagen.brain.spec import Brain
from encephagen.working_point.mean_field import MeanField
from encephagen.working_point.point import THEORY, Held, WorkingPoint, bare_digest, numbers

MISSES = 1.0072
"""Background over theory's that spikes need: the median over regions of what calibration found for
two shipped recipes on hcp-aal2 (healthy_cortex 1.0072, resting_cortex 1.0066)."""


def balance(brain: Brain) -> WorkingPoint:
    """Return the working point at which theory holds every population at its target.

    Raises NoWorkingPoint where theory finds no such background (`MeanField.balanced`).
    """
    field, _ = MeanField.of(brain).balanced()
    return point(brain, field.background_Hz, THEORY, "mean-field theory, nothing measured")


def corrected(found: WorkingPoint) -> WorkingPoint:
    """Return theory's working point, all its backgrounds times what theory `MISSES`."""
    held = (
        replace(h, background_Hz=tuple((name, MISSES * Hz) for name, Hz in h.background_Hz))
        for h in found.held
    )
    note = "mean-field theory, times what it misses on hcp-aal2; not measured here"
    return replace(found, held=tuple(held), note=note)


def point(
    brain: Brain,
    background_Hz: np.ndarray,
    how: str,
    note: str,
    *,
    wiring: int | None = None,
    theory_Hz: np.ndarray | None = None,
) -> WorkingPoint:
    """Return a working point of a brain from the background (block,) of all its blocks.

    ``theory_Hz`` (block,) is what theory says of the ``wiring`` that it was found on, if that is
    one.
    """
    blocks, held = Blocks.of(brain), []
    for number, p in enumerate(brain.populations):
        if p.target_Hz is not None:
            where = [brain.connectome.names[place] for place in brain.regions_of(p.name)]
            rates_Hz = background_Hz[blocks.of_population(number)].tolist()
            by_name, of_theory = tuple(zip(where, rates_Hz, strict=True)), None
            if theory_Hz is not None:
                own_Hz = theory_Hz[blocks.of_population(number)].tolist()
                of_theory = tuple(zip(where, own_Hz, strict=True))
            held.append(Held(p.name, p.target_Hz, p.background.rate_Hz, by_name, of_theory))
    made_for = numbers(brain), brain.connectome.digest()
    return WorkingPoint(how, *made_for, tuple(held), note, bare_digest(brain), wiring)
