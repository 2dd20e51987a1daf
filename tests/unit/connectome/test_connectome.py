"""Connectome and Region: what they accept, refuse, find and compare."""

import copy
import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from encephagen.connectome.connectome import Connectome, Region
from encephagen.connectome.transform import subset

REGIONS = (
    Region("Calcarine_L", "L", (-6.0, -79.0, 6.0), 2.0, "cortex", "occipital", "visual"),
    Region("Calcarine_R", "R", (16.0, -73.0, 9.0), 2.1, "cortex", "occipital", "visual"),
    Region("Frontal_Mid_L", "L", None, None, "cortex", "frontal", "frontal"),
    Region("Precentral_L", "L", None, None, "cortex", "frontal", "motor"),
    Region("Vermis_3", "midline", None, None, "subcortical", "subcortical", "subcortical"),
)
WEIGHTS = np.arange(25.0).reshape(5, 5) * (1 - np.eye(5))
LENGTHS = 10.0 + WEIGHTS


def connectome(**changes) -> Connectome:
    return replace(Connectome("toy", REGIONS, WEIGHTS, LENGTHS, "made up"), **changes)


def one_line(error: BaseException) -> bool:
    return type(error) is ValueError and str(error).isprintable() and len(str(error)) > 10


def test_holds_what_it_was_given():
    c = connectome()
    assert c.n == 5 and c.names[1] == "Calcarine_R"
    assert c.weights.dtype == np.float64 and (c.weights == WEIGHTS).all()
    assert c.weights[1, 0] == 5.0, "row is the target, column the source"


def test_arrays_are_copies_and_read_only():
    given_weights = WEIGHTS.copy()
    c = connectome(weights=given_weights)
    given_weights[0, 1] = 99.0
    assert c.weights[0, 1] == 1.0
    for array in (c.weights, c.lengths_mm, pickle.loads(pickle.dumps(c)).weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 1] = 2.0
    with pytest.raises(AttributeError):
        c.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_equality_and_hash_go_by_digest():
    c = connectome()
    same = connectome(name="another name", source="another source")
    assert c == same and hash(c) == hash(same) and c.digest() == same.digest()
    assert pickle.loads(pickle.dumps(c)) == c == copy.deepcopy(c)
    assert c != "toy"
    for other in (
        connectome(weights=2 * WEIGHTS),
        connectome(lengths_mm=LENGTHS + 1e-9),
        connectome(lengths_mm=None),
        connectome(regions=(replace(REGIONS[0], t1w_t2w=1.9), *REGIONS[1:])),
        connectome(regions=(replace(REGIONS[0], system="auditory"), *REGIONS[1:])),
    ):
        assert c != other and c.digest() != other.digest()


def test_digest_is_the_same_everywhere():
    """A digest is written into recordings: it must not change with the code or the machine."""
    c = connectome(weights=WEIGHTS.astype(np.float32), lengths_mm=np.asfortranarray(LENGTHS))
    assert c.digest() == "d79464162a8f8ae7987193fab4e394608c4596d1f5c78f1b9095caf2b5cd4201"
    assert connectome(weights=np.where(WEIGHTS == 0, -0.0, WEIGHTS)) == c


def test_the_digest_tells_structures_apart_and_is_of_old_where_the_name_says_it():
    """Bundled sets keep the digest that they had before regions had a structure."""
    thalamus = Region("Thalamus_L", "L", None, None, "thalamus", "subcortical", "subcortical")
    digests = [
        connectome(regions=(*REGIONS[:4], replace(thalamus, structure=s))).digest()
        for s in ("thalamus", "striatum", "subcortical", "cortex")
    ]
    assert len(set(digests)) == 4
    assert digests[0] == "714bb06487e96954d53731f9248c25bdc593811f25710c09062237a2c0e6045e"
    assert [r.cortical for r in (REGIONS[0], thalamus)] == [True, False]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": WEIGHTS[:3]}, r"weights has shape \(3, 5\): expected a square"),
        ({"weights": WEIGHTS[:3, :3]}, r"shape \(3, 3\) for 5 region labels"),
        ({"weights": WEIGHTS - 3}, r"weights\[0, 0\] = -3 .*no negative"),
        ({"weights": WEIGHTS + np.eye(5)}, r"weights\[0, 0\] = 1 .*zero diagonal"),
        ({"weights": "text"}, "square matrix of real numbers"),
        ({"weights": WEIGHTS + 1j}, "square matrix of real numbers"),
        ({"weights": [[0, 1], [2]]}, "square matrix of real numbers"),
        ({"weights": None}, "square matrix of real numbers"),
        ({"lengths_mm": np.zeros((5, 5))}, r"lengths_mm\[0, 1\] = 0 .*lengths_mm=None"),
        ({"lengths_mm": LENGTHS[:4, :4]}, r"lengths_mm has shape \(4, 4\)"),
        ({"regions": REGIONS[:4]}, "for 4 region labels"),
        ({"regions": (*REGIONS[:4], REGIONS[0])}, r"regions\[4\] = 'Calcarine_L' repeats"),
        ({"regions": ("Calcarine_L",) * 5}, "expected a Region"),
        ({"regions": ()}, "empty"),
        ({"regions": 3}, "sequence of Region"),
        ({"name": 3}, "expected text"),
    ],
)
def test_refuses_with_one_line(changes, says):
    with pytest.raises(ValueError, match=says) as caught:
        connectome(**changes)
    assert one_line(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["weights", "lengths_mm"])
def test_says_where_a_number_is_not_finite(which, bad):
    matrix = LENGTHS.copy() if which == "lengths_mm" else WEIGHTS.copy()
    matrix[3, 1] = bad
    with pytest.raises(ValueError, match=rf"{which}\[3, 1\] = -?(nan|inf) .*'Precentral_L'"):
        connectome(**{which: matrix})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "region name ''"),
        ({"name": "two\nlines"}, "one line"),
        ({"name": None}, "region name None"),
        ({"hemisphere": "left"}, "expected one of L, R, midline"),
        ({"centroid_mm": (1.0, 2.0)}, "three finite numbers"),
        ({"centroid_mm": (1.0, 2.0, np.nan)}, "three finite numbers"),
        ({"centroid_mm": "abc"}, "three finite numbers"),
        ({"t1w_t2w": 0.0}, "positive number"),
        ({"t1w_t2w": np.nan}, "positive number"),
        ({"structure": True}, "region structure True"),
        ({"structure": ""}, "region structure ''"),
        ({"system": " "}, "region system"),
    ],
)
def test_region_refuses_with_one_line(changes, says):
    with pytest.raises(ValueError, match=says) as caught:
        replace(REGIONS[0], **changes)
    assert one_line(caught.value)


@pytest.mark.parametrize(
    ("half", "where"), [(np.triu, "nothing below"), (np.tril, "nothing above")]
)
def test_one_triangle_is_refused_unless_it_is_said_to_be_directed(half, where):
    """Half of the tools write one half of a symmetric matrix: it would run as feed-forward."""
    with pytest.raises(ValueError, match=f"triangular matrix \\({where}.*directed=True") as caught:
        Connectome("half", REGIONS, half(WEIGHTS))
    assert one_line(caught.value)
    said = Connectome("half", REGIONS, half(WEIGHTS), directed=True)
    assert said.directed and (said.weights == half(WEIGHTS)).all()
    with pytest.raises(ValueError, match="directed 'yes': expected True or False"):
        connectome(directed="yes")


def test_direction_is_read_off_a_full_matrix_and_kept_by_what_is_made_of_it():
    both = Connectome("both", REGIONS, WEIGHTS + WEIGHTS.T)
    assert not both.directed and connectome().directed
    assert connectome(directed=True) == connectome(), "the digest has the matrix already"
    assert subset(connectome(), ["Calcarine_L", "Calcarine_R"]).directed
    forward = replace(connectome(), weights=np.triu(WEIGHTS))
    assert forward.directed, "of an asymmetric one a triangle is no half"


def test_regions_without_connections_are_named():
    cut = WEIGHTS.copy()
    cut[[1, 3]] = cut[:, [1, 3]] = 0
    with pytest.warns(UserWarning, match="no connection to or from Calcarine_R, Precentral_L: "):
        connectome(weights=cut)
    with pytest.warns(UserWarning, match="R0, R1, R2, R3, R4 and 2 more: "):
        Connectome("none", tuple(Region(f"R{i}", "L") for i in range(7)), np.zeros((7, 7)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connectome()
        Connectome("one", REGIONS[:1], np.zeros((1, 1)))


def test_index_ignores_case_and_suggests():
    c = connectome()
    assert c.index("Calcarine_R") == 1 == c.index("calcarine_r")
    with pytest.raises(ValueError, match="nearest: Calcarine_"):
        c.index("Calcarin_L")
    with pytest.raises(ValueError, match="known: Calcarine_L"):
        c.index("zzz")
    with pytest.raises(ValueError, match="None"):
        c.index(None)  # pyright: ignore[reportArgumentType]


def test_index_does_not_guess_between_cases():
    regions = (replace(REGIONS[0], name="a1"), replace(REGIONS[1], name="A1"), *REGIONS[2:])
    c = connectome(regions=regions)
    assert c.index("A1") == 1 and c.index("a1") == 0


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("Vermis_3", [4]),
        ("visual", [0, 1]),
        ("Visual", [0, 1]),
        ("occipital", [0, 1]),
        ("frontal", [2]),
        ("frontal lobe", [2, 3]),
        ("left", [0, 2, 3]),
        ("right", [1]),
        ("midline", [4]),
        ("Calcarine", [0, 1]),
        ("calcarine", [0, 1]),
        ("Precentral", [3]),
        ("V1", [0, 1]),
        ("v1_R", [1]),
        ("M1", [3]),
        ("cortex", [0, 1, 2, 3]),
        (["motor", "visual", "Calcarine_L"], [3, 0, 1]),
        (("motor", ["right"]), [3, 1]),
        ((s for s in ("motor",)), [3]),
    ],
)
def test_indices(selector, expected):
    found = connectome().indices(selector)
    assert found.dtype == np.int64 and found.tolist() == expected


def test_a_region_may_have_the_name_of_a_system():
    c = connectome(regions=(replace(REGIONS[0], name="motor"), *REGIONS[1:]))
    assert c.indices("motor").tolist() == [0]


def test_usual_names_of_areas_go_by_the_atlas_of_the_regions():
    names = ("rPCAL", "lPCAL", "lTT", "lPSTC", "lPREC", "lFUS")
    short = Connectome(
        "short", tuple(Region(n, n[0].upper()) for n in names), np.ones((6, 6)) - np.eye(6)
    )
    for area, where in {"V1": [0, 1], "V1_L": [1], "A1": [2], "S1": [3], "M1": [4]}.items():
        assert short.indices(area).tolist() == where
    own = Connectome("own", (Region("a", "L"), Region("b", "R")), [[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="'V1' is no region, .* or area of 'own'"):
        own.indices("V1")


def test_a_name_without_its_side_is_refused_where_it_could_be_either_of_two():
    c = connectome(regions=(*REGIONS[:2], replace(REGIONS[2], name="L.Calcarine"), *REGIONS[3:]))
    with pytest.raises(ValueError, match="nearest: .*Calcarine_L"):
        c.indices("Calcarine")


@pytest.mark.parametrize(
    "selector", ["vizual", "", [], 3, None, [3], [None], {"visual": 1}.values()]
)
def test_indices_refuse_with_one_line(selector):
    with pytest.raises(ValueError) as caught:
        connectome().indices(selector)
    assert one_line(caught.value)


def test_changing_what_indices_returned_does_not_change_the_connectome():
    c = connectome()
    c.indices("visual")[0] = 4
    assert c.indices("visual").tolist() == [0, 1]


anything = st.one_of(
    arrays(np.float64, array_shapes(min_dims=0, max_dims=3, max_side=5)),
    arrays(np.float64, (5, 5), elements=st.floats(0, 10)),
    arrays(st.sampled_from([np.int8, np.bool_, np.complex64, np.str_, np.object_]), (5, 5)),
    st.lists(st.lists(st.one_of(st.integers(), st.floats(), st.text(max_size=3)), max_size=5)),
    st.none() | st.text() | st.integers(),
)


@given(weights=anything, lengths=anything)
def test_any_matrices_give_a_valid_connectome_or_one_line(weights, lengths):
    try:
        c = Connectome("any", REGIONS, weights, lengths)
    except ValueError as error:
        assert one_line(error)
        return
    assert np.isfinite(c.weights).all() and (c.weights >= 0).all()
    assert (np.diagonal(c.weights) == 0).all()
    assert c.lengths_mm is None or (c.lengths_mm[c.weights > 0] > 0).all()


@given(
    name=st.text(max_size=5) | st.none(),
    hemisphere=st.sampled_from(["L", "R", "midline"]) | st.text(max_size=2) | st.none(),
    centroid=st.none() | st.text(max_size=3) | st.lists(st.floats() | st.text(), max_size=4),
    ratio=st.none() | st.floats() | st.text(max_size=3) | st.booleans(),
)
def test_any_region_is_valid_or_one_line(name, hemisphere, centroid, ratio):
    try:
        Region(name, hemisphere, centroid, ratio)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        assert one_line(error)


@given(name=st.text() | st.integers(), selector=st.text() | st.lists(st.text(), max_size=3))
def test_any_selector_selects_or_one_line(name, selector):
    c = connectome()
    for call in (lambda: c.index(name), lambda: c.indices(selector)):
        try:
            call()
        except ValueError as error:
            assert one_line(error)
