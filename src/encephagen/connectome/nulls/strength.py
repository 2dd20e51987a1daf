"""Strength-preserving annealing: regions keep how much they send and receive, not with whom."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from encephagen.connectome.connectome import Connectome
from encephagen.connectome.nulls.connections import Connections, shuffled
from encephagen.connectome.nulls.proof import MOVED, STRENGTHS, Proof, prove
from encephagen.rng import stream

# (start temperature, stages, factor a stage); weights are over their mean, the energy is the mean
# squared error of strengths. Free. The first schedule crosses slowly the temperatures at which
# heavy weights find regions that can bear them (cooled faster, some get stuck on weak regions);
# the second only settles the light ones.
COOLING = ((1000.0, 80, 0.9), (0.2, 40, 0.5))


def strength_preserving(connectome: Connectome, seed: int = 0) -> tuple[Connectome, Proof]:
    """Permute the connections so that each region keeps its strength.

    The annealing of netneurotools, started from a weight shuffle; lengths go with the weights.
    Where weights are asymmetric, in- and out-strengths are both kept. Keeps weights, degrees,
    strengths, and with each weight its length; not where strong and short connections run.

    Raises ValueError if netneurotools is not installed, and for what `prove` refuses.
    Source: Milisav et al. 2025, doi 10.1038/s43588-024-00735-z.
    """
    connections = Connections.of(connectome)
    rng = stream(seed, "null", "strength")
    everything = [np.arange(len(connections))]
    order = anneal(connections, shuffled(everything, len(connections), rng), everything, rng)
    null = connections.moved(order, f"strength {seed}")
    return null, prove("strength", seed, connectome, null, (*MOVED, STRENGTHS))


def anneal(
    connections: Connections,
    order: np.ndarray,
    groups: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return an order that has, nearly, the strengths of the original; it starts from ``order``.

    Connections change places within their group only; the groups take turns, in the order given,
    each making up for what the others miss. Raises ValueError if netneurotools is not installed.
    """
    randomize = library("netneurotools.networks.randomize", "netneurotools")
    n = connections.connectome.n
    # Directed connections from j to i become undirected ones between i and n + j: then a region's
    # two strengths are those of two nodes. (netneurotools' directed variant starts from swaps of
    # its own, and on a dense matrix returns its input.)
    t, s = connections.target, connections.source + (0 if connections.mirrored else n)
    n_nodes = n if connections.mirrored else 2 * n
    weight = connections.weight / connections.weight.mean()
    wanted = np.bincount(t, weight, n_nodes) + np.bincount(s, weight, n_nodes)
    order = order.copy()
    with _without_bars(randomize):
        for temperature, n_stages, factor in COOLING:
            for members in groups:
                if len(members) < 2:
                    continue
                carried = weight[order]
                carried[members] = 0.0
                missing = (
                    wanted - np.bincount(t, carried, n_nodes) - np.bincount(s, carried, n_nodes)
                )
                start = np.zeros((n_nodes, n_nodes))
                start[t[members], s[members]] = weight[order[members]]
                annealed, _ = randomize.strength_preserving_rand_sa_mse_opt(
                    np.diag(missing),  # read for its row sums only, as a start is given
                    R=start + start.T,
                    nstage=n_stages,
                    niter=len(members),
                    temp=temperature,
                    frac=factor,
                    seed=int(rng.integers(2**32)),
                )
                placed = annealed[t[members], s[members]]
                # The k-th smallest weight there is the k-th smallest that was: so lengths follow.
                moving = order[members]
                ranked = moving[np.argsort(weight[moving], kind="stable")]
                order[members[np.argsort(placed, kind="stable")]] = ranked
    return order


def library(module: str, package: str) -> Any:
    """Import a module of a package that only some nulls need.

    Raises ValueError, with the remedy, if the package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"this null is made by {package}, which is not installed ({error}); install it: "
            f"pip install {package}"
        ) from None


@contextmanager
def _without_bars(randomize: Any) -> Iterator[None]:
    """Keep netneurotools from drawing a bar a stage on stderr: only the app prints."""
    drawn = randomize.tqdm
    randomize.tqdm = lambda stages, **_: stages
    try:
        yield
    finally:
        randomize.tqdm = drawn
