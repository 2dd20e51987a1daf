"""One wiring: theory of every neuron of a network, which knows what its draw of synapses gave it.

The mean field (`encephagen.working_point.mean_field`) is that of all wirings of a connectome. Near
the edge of stability, what one draw adds to a region, or takes, is amplified: rates of regions
differ by tenths between wirings. Here each neuron has a rate of its own, from the synapses that it
has and the rates of their sources, so the backgrounds that hold regions at their targets are those
of this very wiring. It takes seconds, and no spike.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from encephagen.brain.spec import Brain
from encephagen.network.build import build
from encephagen.network.cells import each_of
from encephagen.network.network import Network
from encephagen.units import MS_PER_S
from encephagen.working_point.mean_field import SLOPE_MV, MeanField
from encephagen.working_point.point import Held, NoWorkingPoint, WorkingPoint
from encephagen.working_point.transfer import Cells, cumulants_per_Hz, fire_Hz

HALVINGS = 24
"""Of the interval in which a background is looked for: to 1e-7 of it."""
WIDTH = 0.2
"""Half of that interval, over the background of the mean field (free)."""
STEPS, SETTLED = 60, 1e-5
"""Most rounds, and the relative change of all backgrounds at which they have settled (free)."""


@dataclass(frozen=True, eq=False)
class Theory:
    """What theory says of a network: backgrounds (unit,) of its blocks, and rates (neuron,)."""

    background_Hz: np.ndarray
    rate_Hz: np.ndarray


def theory(network: Network) -> Theory:
    """Return the backgrounds that hold the blocks of a network at their targets, and all rates.

    Blocks without a target keep their background. Raises ValueError for cells that the mean field
    does not know, and NoWorkingPoint where it has none (`MeanField.balanced`), where rates do not
    settle, and where a draw asks for a background more than `WIDTH` from that of the mean field.
    """
    field, start_Hz = MeanField.of(network.brain).balanced()
    blocks = network.blocks
    block = blocks.each_neuron(np.arange(len(blocks)))
    cells, R_mV = _cells(network, field, block)
    received, adaptation_mV = _received(network, R_mV, cells.tau_m_s), field.adaptation_mV[block]
    of_background = field.background_cumulants[:, block]
    held, usual_Hz = np.isfinite(field.target_Hz), field.background_Hz

    def rates(background_Hz: np.ndarray, inputs: np.ndarray, raised_mV: np.ndarray) -> np.ndarray:
        raised = cells._replace(threshold_mV=cells.threshold_mV + raised_mV)
        return fire_Hz(inputs + of_background * background_Hz[block], raised)

    def followed(
        background_Hz: np.ndarray, inputs: np.ndarray, before_Hz: np.ndarray
    ) -> np.ndarray:
        """Return the rates that adapt to themselves: a step of Newton's from those before."""
        raised_mV = adaptation_mV * before_Hz
        now_Hz = rates(background_Hz, inputs, raised_mV)
        if not adaptation_mV.any():
            return now_Hz
        higher_Hz = rates(background_Hz, inputs, raised_mV + SLOPE_MV)
        slope = (now_Hz - higher_Hz) / SLOPE_MV
        return before_Hz + (now_Hz - before_Hz) / (1 + slope * adaptation_mV)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, blocks.first[:-1]) / blocks.size

    background_Hz, rate_Hz = usual_Hz, start_Hz[block]
    for _ in range(STEPS):
        inputs, raised_mV = received(rate_Hz), adaptation_mV * rate_Hz
        low_Hz, high_Hz = ((1 + side * held * WIDTH) * usual_Hz for side in (-1, 1))
        for _ in range(HALVINGS):
            middle_Hz = (low_Hz + high_Hz) / 2
            over = mean(rates(middle_Hz, inputs, raised_mV)) > field.target_Hz
            low_Hz, high_Hz = np.where(over, low_Hz, middle_Hz), np.where(over, middle_Hz, high_Hz)
        change = np.abs(middle_Hz - background_Hz) / np.maximum(usual_Hz, 1e-9)
        background_Hz, rate_Hz = middle_Hz, followed(middle_Hz, inputs, rate_Hz)
        if change.max() < SETTLED:
            break
    else:
        raise NoWorkingPoint(
            f"theory of wiring {network.seed} does not settle: backgrounds still change by "
            f"{change.max():.1e} of them after {STEPS} rounds; calibrate instead"
        )
    off = np.abs(background_Hz / np.maximum(usual_Hz, 1e-9) - 1)[held].max()
    if off > 0.99 * WIDTH:
        raise NoWorkingPoint(
            f"wiring {network.seed} needs a background more than {WIDTH:.0%} from that of all "
            "wirings; larger regions differ less from draw to draw"
        )
    return Theory(background_Hz, rate_Hz)


def on_wiring(point: WorkingPoint, bare: Brain, seed: int) -> WorkingPoint:
    """Return a working point moved from the wiring that it was found on to that of another seed.

    Backgrounds change by as much as theory's do; what theory misses is the same for all wirings of
    a connectome. One that was found for no wiring in particular is returned as it is. ``bare`` is
    the brain before its backgrounds.
    """
    if point.wiring is None or point.wiring == seed:
        return point
    found = theory(build(bare, seed=seed))
    field = MeanField.of(bare)
    held = []
    for h in point.held:
        where = [bare.connectome.names[place] for place in bare.regions_of(h.population)]
        here_Hz = found.background_Hz[field.units(h.population)].tolist()
        now_Hz = dict(zip(where, here_Hz, strict=True))
        held.append(_moved(h, now_Hz))
    note = f"found on wiring {point.wiring}, moved to wiring {seed} by theory"
    return replace(point, held=tuple(held), wiring=seed, note=note)


def _moved(held: Held, now_Hz: dict[str, float]) -> Held:
    then_Hz = dict(held.theory_Hz or ())
    moved = {name: rate_Hz * now_Hz[name] / then_Hz[name] for name, rate_Hz in held.background_Hz}
    return replace(held, background_Hz=tuple(moved.items()), theory_Hz=tuple(now_Hz.items()))


def _cells(network: Network, field: MeanField, block: np.ndarray) -> tuple[Cells, np.ndarray]:
    """Return the neurons of a network, and how far 1 pA moves the potential of each (mV)."""
    of = each_of(network, ("E_L_mV", "V_th_mV", "V_reset_mV", "tau_m_ms", "t_ref_ms", "R_m_MOhm"))
    cells = Cells(
        threshold_mV=of["V_th_mV"] - of["E_L_mV"],
        reset_mV=of["V_reset_mV"] - of["E_L_mV"],
        tau_m_s=of["tau_m_ms"] / MS_PER_S,
        tau_syn_s=field.cells.tau_syn_s[block],
        t_ref_s=of["t_ref_ms"] / MS_PER_S,
    )
    return cells, of["R_m_MOhm"] / MS_PER_S


def _received(
    network: Network, R_mV: np.ndarray, tau_m_s: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of rates (neuron,): cumulants (3, neuron) of what synapses give."""
    edges = network.edges()
    source, target = edges["source"], edges["target"]
    weight_pA, values = np.abs(edges["weight_pA"]), np.empty((3, len(source)))
    for number, projection in enumerate(network.brain.projections):
        of = np.flatnonzero(edges["projection"] == number)
        of_one = cumulants_per_Hz(projection.transmitter, R_mV, tau_m_s)[:, target[of]]
        values[:, of] = of_one * weight_pA[of] ** np.arange(1, 4)[:, None]
    shape = (network.n_neurons, network.n_neurons)
    matrices = [csr_array((of_order, (target, source)), shape) for of_order in values]

    def received(rate_Hz: np.ndarray) -> np.ndarray:
        return np.array([matrix @ rate_Hz for matrix in matrices])

    return received
