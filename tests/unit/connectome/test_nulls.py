"""Nulls differ from their original, keep what they promise, and say no where they cannot."""

import dataclasses
import itertools
import json
import sys

import numpy as np
import pytest
import scipy.stats

from encephagen.connectome import Connectome, Region, nulls
from encephagen.connectome.datasets import gw_aal2, hcp_aal2
from encephagen.connectome.nulls import boundary, connections, proof, spatial, swaps
from encephagen.connectome.nulls.binned import length_binned
from encephagen.connectome.nulls.binned_strength import length_and_strength
from encephagen.connectome.nulls.shuffle import weight_shuffle
from encephagen.connectome.nulls.strength import strength_preserving
from encephagen.connectome.transform import keep_strongest, subset

# A third of the cortex, every system among it: annealing it takes a fraction of a second.
STEMS = (
    "Calcarine Cuneus Heschl Postcentral Precentral Frontal_Sup_2 Frontal_Mid_2 Parietal_Sup "
    "Parietal_Inf Angular Precuneus Temporal_Mid Temporal_Inf Cingulate_Ant Insula Fusiform"
).split()
NAMES = [f"{stem}_{side}" for stem in STEMS for side in "LR"]


@pytest.fixture(scope="module")
def symmetric_one():
    return subset(hcp_aal2(), NAMES)


@pytest.fixture(scope="module")
def directed_one(symmetric_one):
    """The same with some asymmetry, and some connections gone in one direction."""
    rng = np.random.default_rng(0)
    weights = symmetric_one.weights * np.exp(0.4 * rng.standard_normal((32, 32)))
    weights *= rng.random((32, 32)) > 0.05
    return dataclasses.replace(symmetric_one, weights=weights)


@pytest.fixture(scope="module")
def made(symmetric_one, directed_one):
    """Every null of both kinds of connectome; degree swaps of the strongest 40 %."""
    found = {}
    for kind, connectome in (("symmetric", symmetric_one), ("directed", directed_one)):
        for name, make in nulls.NULLS.items():
            original = keep_strongest(connectome, 0.4) if name == "degree-swaps" else connectome
            found[name, kind] = (original, *make(original, 3))
    return found


CASES = [(name, kind) for name in nulls.NULLS for kind in ("symmetric", "directed")]


def strengths(connectome):
    return np.concatenate([connectome.weights.sum(axis=0), connectome.weights.sum(axis=1)])


def pairs_of(connectome):
    there = connectome.weights > 0
    return sorted(zip(connectome.weights[there], connectome.lengths_mm[there], strict=True))


# ---- one battery for all ------------------------------------------------------------------------


@pytest.mark.parametrize("name, kind", CASES)
def test_a_null_differs_and_its_proof_says_the_truth(made, name, kind):
    original, null, shown = made[name, kind]
    assert shown.name == name
    assert (shown.original, shown.null) == (original.digest(), null.digest())
    assert original.digest() != null.digest()
    there = (original.weights > 0) | (null.weights > 0)
    x, y = original.weights[there], null.weights[there]
    assert shown.fraction_changed == pytest.approx(np.mean(x != y), abs=0.02)
    assert shown.fraction_changed > 0.3
    if name != "homogeneous":
        assert shown.correlation == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert shown.correlation < 0.95
    off = np.abs(strengths(null) - strengths(original)).reshape(2, -1).sum(axis=1)
    assert shown.strength_error == pytest.approx(off.max() / original.weights.sum())
    assert shown.density_before == pytest.approx(np.mean(original.weights > 0) * 32 / 31)
    assert shown.degree_kept
    assert shown.kept and all(k.error <= k.tolerance for k in shown.kept)


@pytest.mark.parametrize("name, kind", CASES)
def test_a_null_is_a_connectome_of_the_same_regions(made, name, kind):
    original, null, _ = made[name, kind]
    assert null.regions == original.regions
    assert name in null.name and name in null.source
    assert null.source.startswith(original.source)
    assert np.array_equal(null.weights, null.weights.T) == (kind == "symmetric")
    assert null.weights.sum() == pytest.approx(original.weights.sum())


@pytest.mark.parametrize("name, kind", CASES)
def test_the_seed_makes_the_null(made, name, kind):
    original, null, shown = made[name, kind]
    again, shown_again = nulls.NULLS[name](original, 3)
    assert again == null
    assert shown_again.as_dict() == shown.as_dict()
    other, _ = nulls.NULLS[name](original, 4)
    assert (other == null) == (name == "homogeneous")


@pytest.mark.parametrize("name, kind", [case for case in CASES if case[0] != "homogeneous"])
def test_each_weight_takes_its_length_along(made, name, kind):
    original, null, shown = made[name, kind]
    assert pairs_of(null) == pairs_of(original)
    assert shown.weight_length.rho_after == pytest.approx(shown.weight_length.rho_before)


@pytest.mark.parametrize("name, kind", CASES)
def test_a_proof_is_json(made, name, kind):
    text = json.dumps(made[name, kind][2].as_dict(), allow_nan=False)
    assert json.loads(text)["kept"]


def test_progress_is_told_and_nothing_is_printed(symmetric_one, capfd):
    told = []
    for name in nulls.ANNEALED:
        nulls.NULLS[name](symmetric_one, 0, progress=told.append)
        assert told[0] < 0.02 and told[-1] == 1.0 and told == sorted(told)
        told.clear()
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_a_null_is_found_by_name():
    assert nulls.find("strength") is strength_preserving
    with pytest.raises(ValueError, match="nearest: length-binned"):
        nulls.find("lenght-bined")


# ---- what sets them apart -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["symmetric", "directed"])
def test_only_annealing_keeps_strengths(made, kind):
    def worst(name):
        original, null, _ = made[name, kind]
        return np.max(np.abs(strengths(null) - strengths(original)) / strengths(original))

    for name in ("strength", "length-and-strength"):
        assert made[name, kind][2].strength_error < 0.01
        assert worst(name) < 0.5
    for name in ("weight-shuffle", "length-binned", "homogeneous"):
        assert made[name, kind][2].strength_error > 0.1
        assert worst(name) > 1


@pytest.mark.parametrize("kind", ["symmetric", "directed"])
def test_only_the_binned_nulls_keep_lengths_in_place(made, kind):
    def moved_mm(name):
        original, null, _ = made[name, kind]
        there = original.weights > 0
        return np.abs(null.lengths_mm - original.lengths_mm)[there].mean()

    free = min(moved_mm("weight-shuffle"), moved_mm("strength"))
    assert moved_mm("length-binned") < free / 5
    assert moved_mm("length-and-strength") < free / 3


def test_length_binned_keeps_weight_falling_with_length_in_place(made):
    shown = made["length-binned", "symmetric"][2].weight_length
    assert shown.rho_before < -0.6
    assert shown.rho_place == pytest.approx(shown.rho_before, abs=0.05)
    assert np.log(shown.place) == pytest.approx(np.log(shown.before), abs=0.7)
    assert abs(made["weight-shuffle", "symmetric"][2].weight_length.rho_place) < 0.15


def test_fewer_bins_leave_more_freedom(symmetric_one):
    few, many = (length_binned(symmetric_one, 0, n_bins=n)[1] for n in (6, 40))
    assert few.log_correlation < many.log_correlation
    with pytest.raises(ValueError, match="changed 0.0 %"):
        length_binned(symmetric_one, 0, n_bins=10_000)
    with pytest.raises(ValueError, match="the weight-length relation: .*use more bins of length"):
        length_binned(symmetric_one, 0, n_bins=1)
    with pytest.raises(ValueError, match=r"n_bins 2\.5: expected a positive integer"):
        length_binned(symmetric_one, 0, n_bins=2.5)


def test_the_boundary_is_untouched_and_the_interior_is_not(made):
    original, null, shown = made["boundary", "directed"]
    touched = np.zeros(original.n, dtype=bool)
    touched[original.indices(["visual", "auditory", "somatosensory", "motor"])] = True
    edge = touched[:, None] | touched[None, :]
    assert np.array_equal(original.weights[edge], null.weights[edge])
    assert np.array_equal(original.lengths_mm[edge], null.lengths_mm[edge])
    inside = ~edge & (original.weights > 0)
    assert np.mean(original.weights[inside] != null.weights[inside]) > 0.95
    assert shown.fraction_changed < np.mean(~edge) * 1.1


def test_a_boundary_that_is_everything_or_nothing_is_refused(symmetric_one):
    with pytest.raises(ValueError, match="expected at least two to permute"):
        boundary.boundary_preserving(symmetric_one, 0, boundary=("left", "right"))
    blind = subset(symmetric_one, [n for n in NAMES if "Precentral" not in n])
    with pytest.raises(ValueError, match="'motor' is no region, system"):
        boundary.boundary_preserving(blind, 0)


def test_homogeneous_is_flat_and_keeps_lengths(made):
    original, null, shown = made["homogeneous", "directed"]
    assert len(np.unique(null.weights)) == 2
    assert np.array_equal(null.weights > 0, original.weights > 0)
    assert np.array_equal(null.lengths_mm, original.lengths_mm)
    assert np.isnan(shown.correlation) and shown.as_dict()["correlation"] is None
    for name in ("weight-shuffle", "length-binned", "boundary", "homogeneous"):
        with pytest.raises(ValueError, match=r"changed 0\.0 %"):  # nothing is left to change
            nulls.NULLS[name](null, 0)


def test_both_directions_travel_where_only_the_weights_are_symmetric(symmetric_one):
    lengths = symmetric_one.lengths_mm + np.triu(np.ones((32, 32)), 1)
    lopsided = dataclasses.replace(symmetric_one, lengths_mm=lengths)
    null, _ = weight_shuffle(lopsided, 0)
    assert pairs_of(null) == pairs_of(lopsided)
    upper = np.triu_indices(32, 1)
    assert (null.lengths_mm - null.lengths_mm.T)[upper] == pytest.approx(1.0)


def test_rounding_is_no_asymmetry(symmetric_one):
    rng = np.random.default_rng(0)
    weights = symmetric_one.weights * (1 + 1e-15 * rng.standard_normal((32, 32)))
    assert not np.array_equal(weights, weights.T)
    null, shown = weight_shuffle(dataclasses.replace(symmetric_one, weights=weights), 0)
    assert np.allclose(null.weights, null.weights.T, rtol=1e-9)
    assert "symmetry" in [k.what for k in shown.kept]


def test_without_lengths_only_the_nulls_of_length_refuse(symmetric_one):
    bare = dataclasses.replace(symmetric_one, lengths_mm=None)
    null, shown = weight_shuffle(bare, 0)
    assert null.lengths_mm is None and shown.weight_length is None
    for make in (length_binned, length_and_strength):
        with pytest.raises(ValueError, match="has no lengths_mm, which this null keeps"):
            make(bare, 0)


def test_too_few_connections_are_refused():
    pair = Connectome("pair", (Region("a", "L"), Region("b", "R")), [[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="1 connections: expected at least two"):
        weight_shuffle(pair, 0)


# ---- annealing ----------------------------------------------------------------------------------


def test_strengths_of_the_whole_cortex_are_kept_by_other_connections():
    _, shown = strength_preserving(hcp_aal2(), 0)
    assert shown.strength_error < 0.001
    assert abs(shown.correlation) < 0.2 and shown.log_correlation < 0.3


def test_from_its_own_start_the_library_returns_a_complete_graph_unchanged(symmetric_one):
    """The trap for which a shuffled start is passed: should this fail, it may go."""
    from netneurotools.networks import randomize

    small = subset(symmetric_one, NAMES[:8]).weights
    for anneal, own in (
        (randomize.strength_preserving_rand_sa_mse_opt, {"connected": False}),
        (randomize.strength_preserving_rand_sa_dir, {"connected": False}),
    ):
        found, _ = anneal(small, rewiring_iter=1, nstage=2, niter=200, seed=1, **own)
        assert np.allclose(found, small)


def test_a_missing_library_is_named_with_the_remedy(symmetric_one, monkeypatch):
    monkeypatch.setitem(sys.modules, "netneurotools.networks.randomize", None)
    with pytest.raises(ValueError, match=r"needs netneurotools, .*: pip install .*\[nulls\]"):
        strength_preserving(symmetric_one, 0)


# ---- swaps --------------------------------------------------------------------------------------


def test_swaps_refuse_a_dense_connectome_at_once():
    with pytest.raises(ValueError, match="of 3,160 connections none can be swapped"):
        swaps.degree_swaps(hcp_aal2(), 0)
    with pytest.raises(ValueError, match=r"about \d+ would be swapped, expected at least 6,291"):
        swaps.degree_swaps(gw_aal2(), 0)


@pytest.mark.parametrize("kind", ["symmetric", "directed"])
def test_swaps_move_connections_and_keep_degrees(made, kind):
    original, null, shown = made["degree-swaps", kind]
    before, after = original.weights > 0, null.weights > 0
    assert (before != after).mean() > 0.2
    for axis in (0, 1):
        assert np.array_equal(before.sum(axis=axis), after.sum(axis=axis))
    assert (null.lengths_mm[after] > 0).all()
    assert shown.strength_error > 0.05


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("density", [0.3, 0.6, 0.9])
def test_possible_swaps_are_counted(mirrored, density):
    rng = np.random.default_rng(int(100 * density))
    there = rng.random((9, 9)) < density
    there = np.triu(there, 1) | np.triu(there, 1).T if mirrored else there & ~np.eye(9, dtype=bool)
    edges = np.argwhere(np.triu(there) if mirrored else there)
    tried = possible = 0
    for (a, b), (c, d) in itertools.combinations(edges.tolist(), 2):
        for c, d in ((c, d), (d, c))[: 1 + mirrored]:  # noqa: B020
            tried += 1
            possible += len({a, b, c, d}) == 4 and not (there[a, d] or there[c, b])
    counted = swaps._possible_swaps(there)
    assert counted == possible * (2 if mirrored else 1)
    assert swaps._chance(there, len(edges), mirrored) == pytest.approx(possible / tried)


def networks_like(there, mirrored):
    """Every network, as a set of pairs, that has the degrees of this one."""
    n = len(there)
    pairs = [(i, j) for i in range(n) for j in range(n) if (i < j if mirrored else i != j)]
    found = set()
    for chosen in itertools.combinations(pairs, int(there.sum()) // (2 if mirrored else 1)):
        other = np.zeros((n, n), dtype=bool)
        for i, j in chosen:
            other[i, j] = True
            other[j, i] |= mirrored
        if all((other.sum(axis=a) == there.sum(axis=a)).all() for a in (0, 1)):
            found.add(frozenset(map(tuple, np.argwhere(other).tolist())))
    return found


@pytest.mark.parametrize(
    ("mirrored", "pairs", "n_networks"),
    [
        (False, [(0, 2), (1, 2), (2, 0), (3, 1)], 4),  # not strongly connected: hung for ever
        (False, [(0, 1), (1, 2), (2, 0)], 2),  # a loop, which swaps alone cannot turn round
        (False, [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)], 7),
        (True, [(0, 1), (1, 2), (2, 3), (3, 4)], 7),  # six paths, or a pair and a loop
    ],
)
def test_swaps_reach_every_network_of_the_same_degrees_equally_often(mirrored, pairs, n_networks):
    there = np.zeros((5, 5), dtype=bool)
    target, source = np.array(pairs).T
    there[target, source] = True
    there |= there.T & mirrored
    expected = networks_like(there, mirrored)
    assert len(expected) == n_networks
    chain, rng = swaps.Swaps(source, target, mirrored), np.random.default_rng(0)
    found = dict.fromkeys(expected, 0)
    for _ in range(3000):
        chain.run(30, rng)
        now = np.zeros((5, 5), dtype=bool)
        now[chain.ends] = True
        now |= now.T & mirrored
        found[frozenset(map(tuple, np.argwhere(now).tolist()))] += 1
    p = scipy.stats.chisquare(list(found.values())).pvalue
    assert p > 1e-3, sorted(found.values())


@pytest.mark.parametrize("seed", range(3))
def test_swaps_of_directed_networks_that_are_not_strongly_connected_keep_degrees(seed):
    """bctpy's randmio_dir broke degrees here, and hung where few swaps are possible."""
    rng = np.random.default_rng(seed)
    weights = rng.random((30, 30)) * (rng.random((30, 30)) < 0.15) * (1 - np.eye(30))
    weights[0] = 0.0  # nothing reaches the first
    regions = tuple(Region(f"R{i}", "L") for i in range(30))
    original = Connectome("sparse", regions, weights, 10.0 + weights)
    null, shown = swaps.degree_swaps(original, seed)
    for axis in (0, 1):
        before, after = ((c.weights > 0).sum(axis=axis) for c in (original, null))
        assert np.array_equal(before, after)
    assert shown.degree_kept and shown.fraction_changed > 0.9
    assert sorted(null.weights.ravel()) == sorted(original.weights.ravel())
    for axis in (0, 1):  # weights stay with neither end
        off = np.abs(null.weights.sum(axis=axis) - original.weights.sum(axis=axis)).sum()
        assert off / weights.sum() > 0.1


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_sparse_connected_network_stays_connected(mirrored):
    """A ring with few shortcuts: most long windows of swaps would cut it."""
    n, rng = 100, np.random.default_rng(1)
    weights = np.roll(np.eye(n), 1, axis=0) * rng.uniform(0.5, 1, n)
    weights[rng.integers(n, size=10), rng.integers(n, size=10)] = 0.3
    weights = (weights + mirrored * weights.T) * (1 - np.eye(n))
    ring = Connectome("ring", tuple(Region(f"R{i}", "L") for i in range(n)), weights)
    _, shown = swaps.degree_swaps(ring, 0)
    assert "a connected network" in [k.what for k in shown.kept]
    assert shown.fraction_changed > 0.5


# ---- the proof refuses --------------------------------------------------------------------------


def test_equality_and_near_equality_raise(symmetric_one):
    with pytest.raises(ValueError, match=r"changed 0\.0 % of the weights: expected at least 10 %"):
        proof.prove("copy", 0, symmetric_one, symmetric_one)
    rounded = dataclasses.replace(symmetric_one, weights=symmetric_one.weights * (1 + 1e-12))
    with pytest.raises(ValueError, match=r"changed 0\.0 %"):
        proof.prove("rounded", 0, symmetric_one, rounded)
    doubled = dataclasses.replace(symmetric_one, weights=2 * symmetric_one.weights)
    with pytest.raises(ValueError, match="correlates with its original at 1.0000"):
        proof.prove("doubled", 0, symmetric_one, doubled)


def test_a_broken_promise_raises(symmetric_one, made):
    null, shuffle = made["weight-shuffle", "symmetric"][1:]
    assert shuffle.strength_error > proof.STRENGTHS.tolerance
    with pytest.raises(ValueError, match="broke its promise to keep the strengths of regions"):
        proof.prove("shuffle", 3, symmetric_one, null, (proof.STRENGTHS,))
    lopsided = null.weights * (1 + np.triu(np.ones((32, 32))))
    directed = connections.renamed(symmetric_one, "directed", lopsided, None)
    with pytest.raises(ValueError, match="broke its promise to keep symmetry"):
        proof.prove("directed", 0, symmetric_one, directed)


@pytest.mark.parametrize("promise", [proof.WEIGHTS, proof.TOTAL, proof.DEGREES, proof.PAIRS])
def test_each_promise_can_be_broken(symmetric_one, promise):
    other = keep_strongest(symmetric_one, 0.5)
    assert promise.error(symmetric_one, symmetric_one) == 0
    assert promise.error(symmetric_one, other) > promise.tolerance


# ---- maps ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def myelin():
    return np.array([r.t1w_t2w for r in hcp_aal2().regions])


def test_spatial_nulls_keep_autocorrelation_and_likeness_of_the_sides(myelin):
    found, shown = nulls.spatial_null(myelin, hcp_aal2(), n=400, seed=1)
    assert found.shape == (400, 80)
    assert shown.moran_error < 1e-9 and shown.moran_before > 0.1
    assert shown.variogram_error < 0.2
    assert shown.n_pairs == 40
    assert shown.sides_after == pytest.approx(shown.sides_before, abs=0.03)
    assert found.mean(axis=1) == pytest.approx(myelin.mean())
    assert found.std(axis=1) == pytest.approx(myelin.std())
    shuffled = np.random.default_rng(0).permuted(np.tile(myelin, (400, 1)), axis=1)
    left, right = (np.array([y[s::2] for y in shuffled]) for s in (0, 1))
    likeness = np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(left, right, strict=True)])
    assert abs(likeness) < 0.1  # what the spatial null is for
    assert np.abs(np.corrcoef(found)[np.triu_indices(400, 1)]).max() < 1
    assert json.dumps(shown.as_dict(), allow_nan=False)


def test_spatial_nulls_come_by_seed(myelin):
    first, again, other = (nulls.spatial_null(myelin, hcp_aal2(), 5, s)[0] for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_spatial_nulls_hold_their_false_positives_where_shuffles_do_not():
    """Smooth maps, alike on both sides and independent of each other, at a level of 5 %."""
    cortex = hcp_aal2()
    right = np.array([r.centroid_mm for r in cortex.regions if r.hemisphere == "R"])
    distance_mm = np.linalg.norm(right[:, None] - right[None], axis=2)
    field = np.linalg.cholesky(np.exp(-distance_mm / 30.0) + 1e-9 * np.eye(40))
    rng = np.random.default_rng(0)

    def smooth_map():
        even, odd = (field @ rng.standard_normal((40, 2)) * (1.0, 0.2)).T
        return np.stack([even - odd, even + odd], axis=1).ravel()

    def p_value(x, y, surrogates):
        r = np.abs(np.corrcoef(np.vstack([y, x, surrogates]))[0, 1:])
        return (1 + np.sum(r[1:] >= r[0])) / len(r)

    positive = {"spatial": 0, "shuffle": 0}
    for repetition in range(150):
        x, y = smooth_map(), smooth_map()
        spatially, _ = nulls.spatial_null(x, cortex, 99, repetition)
        positive["spatial"] += p_value(x, y, spatially) <= 0.05
        positive["shuffle"] += p_value(x, y, [rng.permutation(x) for _ in range(99)]) <= 0.05
    assert positive["spatial"] <= 16  # of 150; binomial, at 0.05: 16 has p = 0.003
    assert positive["shuffle"] >= 25


def test_morans_i_is_its_definition():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(6), rng.random((6, 6))
    w = (w + w.T) * (1 - np.eye(6))
    d = x - x.mean()
    expected = sum(w[i, j] * d[i] * d[j] for i in range(6) for j in range(6)) * 6 / w.sum()
    assert spatial.morans_i(x, w) == pytest.approx(expected / (d**2).sum())


def test_one_side_alone_has_spatial_nulls_too(myelin):
    left = subset(hcp_aal2(), "left")
    _, shown = nulls.spatial_null(myelin[::2], left, 50, 0)
    assert shown.n_pairs == 0 and np.isnan(shown.sides_before)
    assert shown.moran_error < 1e-9


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x: x[:-1], r"map of shape \(79,\) for the 80 regions"),
        (lambda x: np.where(np.arange(80) == 3, np.nan, x), r"map is nan at 'Frontal_Sup_2_R' \(1"),
        (lambda x: np.ones(80), "map is 1 everywhere"),
        (lambda x: ["a"] * 80, "expected a number for each region"),
    ],
)
def test_a_bad_map_is_refused(myelin, change, message):
    with pytest.raises(ValueError, match=message):
        nulls.spatial_null(change(myelin), hcp_aal2(), 10)


def test_a_map_without_places_is_refused(myelin):
    cortex = hcp_aal2()
    lost = (dataclasses.replace(cortex.regions[0], centroid_mm=None), *cortex.regions[1:])
    with pytest.raises(ValueError, match="has no centroid_mm for 'Precentral_L'"):
        nulls.spatial_null(myelin, dataclasses.replace(cortex, regions=lost), 10)
    with pytest.raises(ValueError, match="n 0: expected a positive number"):
        nulls.spatial_null(myelin, cortex, 0)
    few = subset(cortex, NAMES[:4])
    with pytest.raises(ValueError, match="map of 4 regions: expected at least 8"):
        nulls.spatial_null([1, 2, 3, 4], few, 10)


def test_a_map_that_is_one_component_is_refused():
    cortex = hcp_aal2()
    pairs = spatial._homologous(cortex)
    distance_mm = spatial._distances(cortex, pairs)
    weights = np.divide(1, distance_mm, out=np.zeros((80, 80)), where=distance_mm > 0)
    smoothest = spatial._components(weights, pairs)[:, 39]
    with pytest.raises(ValueError, match="the map is one smooth gradient"):
        nulls.spatial_null(smoothest, cortex, 50)
