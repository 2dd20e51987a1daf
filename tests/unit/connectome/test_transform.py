"""Transforms: what each promises, on any connectome."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encephagen.connectome import transform
from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.datasets import gw_aal2, hcp_aal2

ORDINARY = st.just(0.0) | st.floats(1e-3, 1e3)


@st.composite
def connectomes(draw, elements=ORDINARY):
    n = draw(st.integers(1, 6))
    weights = draw(arrays(np.float64, (n, n), elements=elements)) * (1 - np.eye(n))
    lengths = draw(st.none() | arrays(np.float64, (n, n), elements=st.floats(0.1, 300.0)))
    sides = draw(st.lists(st.sampled_from(["L", "R", "midline"]), min_size=n, max_size=n))
    regions = tuple(Region(f"r{i}", side) for i, side in enumerate(sides))
    return Connectome("drawn", regions, weights, lengths, "drawn", directed=True)


def try_or_one_line(function, *arguments):
    try:
        return function(*arguments)
    except ValueError as error:
        assert str(error).isprintable()
        return None


ALL = [
    transform.normalise_max,
    transform.normalise_spectral_radius,
    transform.normalise_rows,
    lambda c: transform.threshold(c, 1.0),
    lambda c: transform.keep_strongest(c, 0.5),
    transform.symmetrise,
    transform.lateralise,
    lambda c: transform.subset(c, "left"),
]


@given(connectomes(st.just(0.0) | st.floats(5e-324, 1.7e308)))
def test_any_connectome_is_transformed_or_one_line(c):
    before = c.digest()
    for function in ALL:
        after = try_or_one_line(function, c)
        assert after is None or (isinstance(after, Connectome) and after.source != c.source)
    again = Connectome(c.name, c.regions, c.weights, c.lengths_mm, directed=True)
    assert again.digest() == before


@given(connectomes())
def test_normalise_max(c):
    after = try_or_one_line(transform.normalise_max, c)
    assert (after is None) == (not c.weights.any())
    if after is not None:
        assert after.weights.max() == 1.0
        assert ((after.weights > 0) == (c.weights > 0)).all()


@given(connectomes())
def test_spectral_radius(c):
    after = try_or_one_line(transform.normalise_spectral_radius, c, 0.5)
    acyclic = not np.linalg.matrix_power((c.weights > 0) * 1.0, c.n).any()
    assert (after is None) == acyclic
    if after is not None and (c.weights == c.weights.T).all():
        assert np.abs(np.linalg.eigvals(after.weights)).max() == pytest.approx(0.5)


def test_spectral_radius_of_the_human_connectome():
    after = transform.normalise_spectral_radius(hcp_aal2(), 0.9)
    assert np.abs(np.linalg.eigvals(after.weights)).max() == pytest.approx(0.9)
    assert after.weights[0, 1] / after.weights[2, 3] == pytest.approx(
        hcp_aal2().weights[0, 1] / hcp_aal2().weights[2, 3]
    )


@given(connectomes(), st.floats(0, 1))
def test_rows(c, alpha):
    after = transform.normalise_rows(c, alpha)
    strength = c.weights.sum(axis=1)
    np.testing.assert_allclose(
        after.weights.sum(axis=1), np.where(strength, strength, 1) ** (1 - alpha) * (strength > 0)
    )


def test_rows_keep_strengths_at_zero_and_equal_them_at_one():
    c = hcp_aal2()
    assert transform.normalise_rows(c, 0.0) == c
    np.testing.assert_allclose(transform.normalise_rows(c, 1.0).weights.sum(axis=1), 1.0)


@given(connectomes(), st.floats(0, 1e3))
def test_threshold(c, minimum):
    after = transform.threshold(c, minimum)
    assert (after.weights == np.where(c.weights >= minimum, c.weights, 0)).all()


@given(connectomes(), st.floats(0, 1))
def test_keep_strongest(c, density):
    after = transform.keep_strongest(c, density)
    kept, possible = (after.weights > 0).sum(), round(density * c.n * (c.n - 1))
    assert kept >= min(possible, (c.weights > 0).sum())
    dropped = c.weights[(after.weights == 0) & (c.weights > 0)]
    if kept and dropped.size:
        assert dropped.max() < after.weights[after.weights > 0].min()


def test_keep_strongest_of_the_human_connectome_is_exact():
    after = transform.keep_strongest(gw_aal2(), 0.1)
    assert (after.weights > 0).sum() == round(0.1 * 80 * 79)


@given(connectomes())
def test_symmetrise(c):
    after = transform.symmetrise(c)
    assert (after.weights == after.weights.T).all()
    np.testing.assert_allclose(after.weights.sum(), c.weights.sum())
    assert after.lengths_mm is None or (after.lengths_mm == after.lengths_mm.T).all()


def test_subset_takes_regions_weights_and_lengths_together():
    c = hcp_aal2(subcortex=True)
    after = transform.subset(c, ["Heschl_R", "visual"])
    assert after.names[0] == "Heschl_R" and after.n == 15
    i, j = c.index("Heschl_R"), c.index("Lingual_L")
    k = after.index("Lingual_L")
    assert after.weights[0, k] == c.weights[i, j] and after.lengths_mm is not None
    assert after.lengths_mm[k, 0] == c.lengths_mm[j, i]
    cortex = [r.name for r in c.regions if r.cortical]
    assert transform.subset(c, cortex) == hcp_aal2()
    with pytest.raises(ValueError, match="nearest: Heschl_R"):
        transform.subset(c, ["Heschel_R"])


def test_a_split_brain_keeps_everything_within_a_hemisphere():
    c = hcp_aal2()
    after = transform.lateralise(c)
    left, right = c.indices("left"), c.indices("right")
    assert not after.weights[np.ix_(left, right)].any()
    assert not after.weights[np.ix_(right, left)].any()
    for side in (left, right):
        assert (after.weights[np.ix_(side, side)] == c.weights[np.ix_(side, side)]).all()
    with pytest.raises(ValueError, match="no weight between left and right"):
        transform.lateralise(after)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, "x", None])
def test_numbers_out_of_range_are_one_line(bad):
    for function in (
        transform.normalise_spectral_radius,
        transform.normalise_rows,
        transform.threshold,
        transform.keep_strongest,
        transform.lateralise,
    ):
        with pytest.raises(ValueError, match="expected") as caught:
            function(hcp_aal2(), bad)
        assert str(caught.value).isprintable()
