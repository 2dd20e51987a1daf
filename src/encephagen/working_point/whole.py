"""The whole brain: every region filled, ports through which the world reaches it, and at rest."""

import dataclasses
import warnings
from collections import Counter
from collections.abc import Sequence
from functools import partial, reduce
from operator import add

from encephagen.brain.cortex import cortex
from encephagen.brain.nuclei import nuclei
from encephagen.brain.recipe import Recipe, shipped_recipe
from encephagen.brain.spec import Brain, Port
from encephagen.connectome.connectome import Connectome
from encephagen.working_point.balance import balance, corrected
from encephagen.working_point.coupling import coupled
from encephagen.working_point.point import NONE, NoWorkingPoint, WorkingPoint, shipped, targets
from encephagen.working_point.wiring import on_wiring

CORTEX, WITH_NUCLEI = "resting_cortex", "resting_brain"
"""The recipes that are meant where none is named. A cortex by itself needs local excitation that,
in a brain with nuclei, the loop through the thalamus gives; so they are two."""

EIGENVALUES = {CORTEX: 1.010, WITH_NUCLEI: 1.032}
"""Their leading eigenvalues on the connectomes that their numbers were found on, in theory."""

PORTS = ("visual", "auditory", "somatosensory", "motor")


class StandIns(UserWarning):
    """Regions that are not cortical have cells of cortex."""


def whole_brain(
    connectome: Connectome,
    recipe: Recipe | None = None,
    working_point: WorkingPoint | None = None,
    *,
    fragments: Sequence[Brain] = (),
    wiring_seed: int = 0,
) -> Brain:
    """Return the brain of a connectome: its cortex, with a port for each sensory and motor system.

    ``recipe`` is, unless given, the shipped one of this connectome (`default_recipe`), and
    ``working_point`` that of the recipe: the shipped one of its numbers on this connectome, else
    theory's. It is that of the recipe's base (`Recipe.replace`): a number that is changed is that
    number changed, and the background stays. For another, give what `calibrate` or `balance` finds
    for `bare_brain`. `Brain.working_point` says which it is. One that was found on one wiring is
    moved by theory to that of ``wiring_seed``, which the network is built with
    (`wiring.on_wiring`). ``fragments`` are of your own, for regions that are not cortical. Others
    of these have the nuclei that the recipe has numbers for, or cells of cortex as stand-ins. A
    system that the connectome lacks has no port.

    Warns (UserWarning) where there are stand-ins, and where a target was changed and the working
    point kept. Raises ValueError as `cortex` does, and NoWorkingPoint as `balance` does.
    """
    recipe = recipe or default_recipe(connectome, fragments)
    brain = bare_brain(connectome, recipe, fragments)
    point = working_point or kept(connectome, recipe, fragments)
    if point is None or not targets(brain):
        return dataclasses.replace(brain, working_point=NONE)
    if point.wiring not in (None, wiring_seed):
        known = {source.digest(): source for source in (recipe.base, recipe) if source}
        if point.recipe in known:
            found_for = bare_brain(connectome, known[point.recipe], fragments)
            point = on_wiring(point, found_for, wiring_seed)
    for name, target_Hz in targets(brain).items():
        if working_point is None and target_Hz != point.targets.get(name, target_Hz):
            warnings.warn(
                f"the target of {name} is {target_Hz:g} Hz, and its working point is kept, of "
                f"{point.targets[name]:g} Hz; ask for another with --calibrate or --balance",
                stacklevel=2,
            )
    return point.applied(brain)


def default_recipe(connectome: Connectome | None = None, fragments: Sequence[Brain] = ()) -> Recipe:
    """Return the recipe of a connectome: the shipped one with nuclei where all fit, or of cortex.

    No nucleus fits where a fragment of your own lives. On a connectome other than that which the
    numbers were found on, its weights may bring a brain nearer to instability, or further from it:
    there the long-range in-degree is another one, such that theory's leading eigenvalue is the same
    (`coupled`). Where none does that, nuclei are left out, and cortex is as it is shipped. Without
    a connectome: cortex as it is shipped.
    """
    cortex = shipped_recipe(CORTEX)
    if connectome is None:
        return cortex
    whole = shipped_recipe(WITH_NUCLEI)
    fit = nuclei(connectome, whole, filled(fragments))
    all_fit = {"cortex", *(one.table for one in fit)} == {*whole.tables}
    for recipe in (whole, cortex) if all_fit else (cortex,):
        known = (recipe.digest(), connectome.digest())
        if any(known == (point.recipe, point.connectome) for point in shipped()):
            return recipe
        try:
            return _coupled(connectome, recipe, fragments)
        except NoWorkingPoint:
            continue
    return cortex


def _coupled(connectome: Connectome, recipe: Recipe, fragments: Sequence[Brain]) -> Recipe:
    """Return a shipped recipe with the in-degree that brings it to its own leading eigenvalue."""
    make = partial(bare_brain, connectome, fragments=fragments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StandIns)
        found = coupled(make, recipe, EIGENVALUES[recipe.name])
    in_degree = float(f"{found.cortex.long_in_degree:.3g}")
    other = recipe.replace(name=f"{recipe.name} (coupled)", long_in_degree=in_degree)
    return dataclasses.replace(other, base=None)


def kept(
    connectome: Connectome, recipe: Recipe, fragments: Sequence[Brain] = ()
) -> WorkingPoint | None:
    """Return the working point of a recipe's base on a connectome: shipped, or theory's.

    Theory's is `corrected` by what it misses where that was measured.

    Of the recipe itself where it has no base, or a base without a target; None without a target.
    """
    for source in (recipe.base, recipe):
        if source is not None:
            for point in shipped():
                if (point.recipe, point.connectome) == (source.digest(), connectome.digest()):
                    return point
            brain = bare_brain(connectome, source, fragments)
            if targets(brain):
                return corrected(balance(brain))
    return None


def bare_brain(connectome: Connectome, recipe: Recipe, fragments: Sequence[Brain] = ()) -> Brain:
    """Return the whole brain before any working point: backgrounds are those of the recipe.

    Regions that no fragment fills have cells of cortex as stand-ins, of which a UserWarning tells.
    The nuclei of a recipe are there where the connectome has their regions, and no fragment of your
    own lives in these.
    """
    others = nuclei(connectome, recipe, filled(fragments))
    used = {"cortex", *(one.table for one in others)}
    unused = [table for table in recipe.tables if table not in used]
    if unused:
        warnings.warn(
            f"{connectome.name} has no region for [{'], ['.join(unused)}] of recipe "
            f"{recipe.name!r}, or fragments of your own are there: these are left out, and cortex "
            "lacks what they give it; take a dataset with subcortex (--subcortex), or a recipe of "
            "cortex alone",
            stacklevel=3,
        )
    own = [*(one.made(connectome, recipe) for one in others if one.made), *fragments]
    taken = filled(own)
    cells = cortex(connectome, recipe, [name for name in connectome.names if name not in taken])
    (excites,) = (p for p in cells.populations if p.excites)
    where = {connectome.names[place] for place in cells.regions_of(excites.name)}
    inside = [r for r in connectome.regions if r.name in where]
    ports = tuple(
        Port(name, tuple(r.name for r in inside if r.system == name), excites.name)
        for name in PORTS
        if name in {r.system for r in inside}
    )
    joints = tuple(p for one in others for p in one.joined(cells, recipe))
    brain = joined(cells, *own) + Brain(connectome, (), (), ports)
    brain = dataclasses.replace(brain, projections=brain.projections + joints)
    if brain.stand_ins:
        warnings.warn(stand_ins(brain), StandIns, stacklevel=3)
    return brain


def joined(*fragments: Brain) -> Brain:
    """Return fragments as one brain; ValueError for a region in which none of them has cells."""
    brain = reduce(add, fragments)
    for region in brain.connectome.regions:
        if region.name not in filled(fragments):
            raise ValueError(
                f"region {region.name!r} has no cells: no fragment fills it; join one that does, "
                "or make a whole_brain, which fills it with cells of cortex as stand-ins"
            )
    return brain


def filled(fragments: Sequence[Brain]) -> set[str]:
    """Return the names of the regions in which fragments have cells."""
    return {
        brain.connectome.names[place]
        for brain in fragments
        for p in brain.populations
        for place in brain.regions_of(p.name)
    }


def stand_ins(brain: Brain) -> str:
    """Return the line that says how many regions of which structures have cells of cortex."""
    known = {r.name: r.structure for r in brain.connectome.regions}
    counts = Counter(known[name] for name in brain.stand_ins)
    return (
        f"{len(brain.stand_ins)} regions of {brain.connectome.name} that are not cortical have "
        f"cells of cortex as stand-ins: {', '.join(f'{s} {n}' for s, n in counts.items())}"
    )
