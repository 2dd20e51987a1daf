"""Decoding: which stimulus came, as each region can tell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from encephagen import rng
from encephagen.analysis.statistics import benjamini_hochberg

N_FOLDS = 6
N_SHUFFLES = 200


@dataclass(frozen=True, eq=False)
class Decoding:
    """How well each region tells which stimulus came, all of trials left out.

    recall (class, region): share of the trials of a class that are recognised, classes sorted
    accuracy (region,): of all trials; p, p_corrected (region,): by shuffled labels, over regions
    chance: the accuracy of always naming the commonest class

    All but chance are nan in regions whose features are, as no such neuron lives there.
    """

    recall: np.ndarray
    accuracy: np.ndarray
    p: np.ndarray
    p_corrected: np.ndarray
    chance: float


def decode(
    features: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    *,
    n_folds: int = N_FOLDS,
    n_shuffles: int = N_SHUFFLES,
    seed: int = 0,
) -> Decoding:
    """Return how well the activity of each region tells the stimuli apart, by cross-validation.

    features (trial, region, feature), such as rates in successive windows; labels (trial,). A trial
    left out is given to the nearest class mean of the others, features in units of their standard
    deviation within classes (linear discriminant analysis with a diagonal covariance). Folds hold
    as many of each class as can be. p compares with the same of shuffled labels.

    Raises ValueError for one class only, fewer trials of a class than folds, or features that are
    not finite in some trials of a region.
    """
    lives = np.array(~np.isnan(features).all(axis=(0, 2)))
    lost = np.flatnonzero(lives & ~np.isfinite(features).all(axis=(0, 2)))
    if lost.size:
        raise ValueError(
            f"features of region {lost[0]} (of {len(lives)}, from 0) are not finite in some "
            "trials; leave those trials out"
        )
    classes, label, count = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    if classes.size < 2 or count.min() < n_folds:
        raise ValueError(
            f"{classes.size} stimuli with {count.tolist()} trials; expected at least 2 stimuli, "
            f"with {n_folds} trials each (one a fold)"
        )
    stream = rng.stream(seed, "propagation", "decode")
    x = features[:, lives] - features[:, lives].mean(axis=0)
    share = count / count.sum()
    recall = _recall(x, label, classes.size, n_folds, stream)
    beaten = np.zeros(x.shape[1])
    for _ in range(n_shuffles):
        shuffled = _recall(x, stream.permutation(label), classes.size, n_folds, stream)
        beaten += share @ shuffled >= share @ recall - 1e-9
    p = (1 + beaten) / (1 + n_shuffles)
    return Decoding(
        _everywhere(recall, lives),
        _everywhere(share @ recall, lives),
        _everywhere(p, lives),
        _everywhere(benjamini_hochberg(p), lives),
        float(share.max()),
    )


def _everywhere(values: np.ndarray, lives: np.ndarray) -> np.ndarray:
    """Return values (..., region) of all regions, nan in those that were left out."""
    whole = np.full((*values.shape[:-1], lives.size), np.nan)
    whole[..., lives] = values
    return whole


def _recall(
    x: np.ndarray, label: np.ndarray, n_classes: int, n_folds: int, stream: np.random.Generator
) -> np.ndarray:
    """Return the share of trials left out that are recognised (class, region)."""
    order = stream.permutation(label.size)
    order = order[np.argsort(label[order], kind="stable")]  # by class, at random within
    fold = np.empty(label.size, int)
    fold[order] = np.arange(label.size) % n_folds
    hit = np.empty((label.size, x.shape[1]), bool)
    for k in range(n_folds):
        member = (label[:, None] == np.arange(n_classes)) & (fold != k)[:, None]
        weight = member / member.sum(axis=0)
        means = np.einsum("tc,trf->crf", weight, x)
        train, test = fold != k, fold == k
        variance = ((x[train] - means[label[train]]) ** 2).mean(axis=0) + 1e-12
        distance = (((x[test][:, None] - means) ** 2) / variance).sum(axis=3)
        hit[test] = distance.argmin(axis=1) == label[test][:, None]
    return np.array([hit[label == c].mean(axis=0) for c in range(n_classes)])
