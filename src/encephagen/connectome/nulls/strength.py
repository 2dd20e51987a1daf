"""Strength-preserving annealing: regions keep how much they send and receive, not with whom."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections, shuffled
from encephagen.connectome.nulls.proof import MOVED, STRENGTHS, Proof, prove
from encephagen.extras import NULLS
from encephagen.rng import stream

# (start temperature, stages, factor a stage), one after the other; weights are over their mean, the
# energy is the mean squared error of strengths. Free. Cooled faster, heavy weights get stuck on
# weak regions: the default of netneurotools leaves 1 % on gw-aal2, and up to 300 % in a region.
COOLING = ((30.0, 100, 0.95), (0.2, 60, 0.75))
TRIES = 4  # shuffles that are annealed until one has the strengths

Progress = Callable[[float], object]
"""Told the fraction of an annealing that is done, after each of its stages."""


def unwatched(fraction: float) -> None:
    """Take no notice of progress."""


def strength_preserving(
    connectome: Connectome, seed: int = 0, *, progress: Progress = unwatched
) -> tuple[Connectome, Proof]:
    """Permute the connections so that each region keeps its strength.

    The annealing of netneurotools, started from a weight shuffle; lengths go with the weights.
    Where weights are asymmetric, in- and out-strengths are both kept. Keeps weights, degrees,
    strengths, and with each weight its length; not where strong and short connections run.

    Raises ValueError if netneurotools is not installed, and for what `prove` refuses.
    Source: Milisav et al. 2025, doi 10.1038/s43588-024-00735-z.
    """
    connections = Connections.of(connectome)
    everything = [np.arange(len(connections))]
    order = anneal(connections, everything, stream(seed, "null", "strength"), progress)
    null = connections.moved(order, f"strength {seed}")
    return null, prove("strength", seed, connectome, null, (*MOVED, STRENGTHS))


def anneal(
    connections: Connections,
    groups: Sequence[np.ndarray],
    rng: np.random.Generator,
    progress: Progress = unwatched,
) -> np.ndarray:
    """Return a random order of the connections that gives each region, nearly, its strength.

    Connections change places within their group only; the groups take turns, in the order given,
    each making up for what the others miss. Of up to `TRIES` shuffles, annealed, the first within
    the tolerance of `STRENGTHS` is returned, or else the best.

    Raises ValueError if netneurotools is not installed.
    """
    randomize = NULLS.load("this null", ".networks.randomize")
    best, least = np.arange(len(connections)), np.inf
    n_stages = len(groups) * sum(stages for _, stages, _ in COOLING)
    for _ in range(TRIES):
        order = shuffled(groups, len(connections), rng)
        with _stages_told(randomize, n_stages, progress):
            for schedule in COOLING:
                for members in groups:
                    order = _cooled(randomize, connections, order, members, schedule, rng)
        error = STRENGTHS.error(connections.connectome, connections.moved(order, "annealed"))
        if error < least:
            best, least = order, error
        if least <= STRENGTHS.tolerance:
            break
    return best


def _cooled(
    randomize: Any,
    connections: Connections,
    order: np.ndarray,
    members: np.ndarray,
    schedule: tuple[float, int, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return ``order`` after one annealing in which ``members`` change places."""
    if len(members) < 2:
        return order
    n = connections.connectome.n
    # Directed connections from j to i become undirected ones between i and n + j: then a region's
    # two strengths are those of two nodes. (netneurotools' directed variant starts from swaps of
    # its own, and on a dense matrix returns its input.)
    t, s = connections.target, connections.source + (0 if connections.mirrored else n)
    n_nodes = n if connections.mirrored else 2 * n
    weight = connections.weight / connections.weight.mean()
    others = weight[order]
    others[members] = 0.0
    missing = weight - others
    wanted = np.bincount(t, missing, n_nodes) + np.bincount(s, missing, n_nodes)
    start = np.zeros((n_nodes, n_nodes))
    start[t[members], s[members]] = weight[order[members]]
    temperature, n_stages, factor = schedule
    annealed, _ = randomize.strength_preserving_rand_sa_mse_opt(
        np.diag(wanted),  # as a start is given, it is read for its row sums only
        R=start + start.T,
        nstage=n_stages,
        niter=len(members),
        temp=temperature,
        frac=factor,
        seed=int(rng.integers(2**32)),
    )
    # The k-th smallest weight there is the k-th smallest that was: so lengths can follow.
    moving, placed = order[members], annealed[t[members], s[members]]
    order = order.copy()
    by_weight = np.argsort(weight[moving], kind="stable")
    order[members[np.argsort(placed, kind="stable")]] = moving[by_weight]
    return order


@contextmanager
def _stages_told(randomize: Any, n_stages: int, progress: Progress) -> Iterator[None]:
    """Tell ``progress`` of each stage, in place of netneurotools' bar: only app prints."""
    done = 0

    def told(stages: Iterable[int], **_: Any) -> Iterator[int]:
        nonlocal done
        for stage in stages:
            yield stage
            done += 1
            progress(min(done / n_stages, 1.0))

    drawn = randomize.tqdm
    randomize.tqdm = told
    try:
        yield
    finally:
        randomize.tqdm = drawn
