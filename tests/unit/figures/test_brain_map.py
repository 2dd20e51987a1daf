"""The brain in a terminal: each region where it lies, in the colour of its value."""

import dataclasses

import numpy as np
import pytest

from encephagen.connectome.connectome import Region
from encephagen.connectome.datasets import hcp_aal2
from encephagen.figures import brain_map

REGIONS = hcp_aal2().regions


def mean_column(view, name):
    """Return the mean column (0 is left, 1 is right) of a region's pixels in a view."""
    (at,) = [i for i, r in enumerate(REGIONS) if r.name == name]
    columns = np.nonzero(view.region == at)[1]
    return columns.mean() / view.region.shape[1]


@pytest.mark.parametrize("known", ["a surface", "centroids alone"])
def test_regions_lie_where_they_are(known):
    """The front of the left hemisphere is on the left as seen from outside, of the right, right."""
    regions = REGIONS
    if known == "centroids alone":
        regions = [dataclasses.replace(r, name=f"region {i}") for i, r in enumerate(regions)]
    left, right = brain_map.views(regions, 40)[:2]
    assert (left.title, right.title) == ("left, lateral", "right, lateral")
    assert mean_column(left, "Frontal_Mid_2_L") < 0.4 < 0.8 < mean_column(left, "Occipital_Mid_L")
    assert mean_column(right, "Frontal_Mid_2_R") > 0.6 > 0.2 > mean_column(right, "Occipital_Mid_R")
    for view, other in ((left, "R"), (right, "L")):
        seen = np.unique(view.region[view.region >= 0])
        assert not [r.name for r in map(regions.__getitem__, seen) if r.hemisphere == other]


def test_primary_visual_cortex_is_seen_from_the_middle_alone():
    views = {view.title: view for view in brain_map.views(REGIONS, 40)}
    (calcarine,) = [i for i, r in enumerate(REGIONS) if r.name == "Calcarine_L"]
    n_pixels = {title: (view.region == calcarine).sum() for title, view in views.items()}
    assert n_pixels["left, medial"] > 20
    assert n_pixels["right, medial"] == n_pixels["right, lateral"] == 0
    assert n_pixels["left, lateral"] < 0.2 * n_pixels["left, medial"]


@pytest.mark.parametrize("width", [8, 26, 90])
def test_the_brain_has_no_holes(width):
    """Every pixel between two of the brain in its row and its column is of the brain."""
    for view in brain_map.views(REGIONS, width):
        inside = view.region != brain_map.OUTSIDE
        before = np.maximum.accumulate(inside, axis=1) & np.maximum.accumulate(inside, axis=0)
        after = np.maximum.accumulate(inside[::-1, ::-1], axis=1)[::-1, ::-1]
        after &= np.maximum.accumulate(inside[::-1], axis=0)[::-1]
        assert not (before & after & ~inside).any()


def drawn(**options):
    rate_Hz = np.linspace(1.0, 9.0, len(REGIONS))
    return brain_map.picture(REGIONS, rate_Hz, **options)


@pytest.mark.parametrize(("width", "height"), [(80, 20), (80, 60), (200, 60), (60, 24)])
def test_the_picture_fits(width, height):
    lines = drawn(width=width, height=height)
    assert max(line.cell_len for line in lines) <= width
    assert len(lines) <= max(height, 21)


def test_high_and_low_values_look_different_with_and_without_colour():
    paint = brain_map.Paint(0.0, 10.0)
    low, high, none = (paint.block(v) for v in (0.0, 10.0, np.nan))
    colours = {str(block.spans[0].style) for block in (low, high, none)}
    assert len(colours) == 3
    assert "#fde725" in str(high.spans[0].style) and "#440154" in str(low.spans[0].style)
    for unicode, signs in ((True, "░█·"), (False, ":@.")):
        bare = brain_map.Paint(0.0, 10.0, colour=False, unicode=unicode)
        assert "".join(bare.block(v, 1).plain for v in (0.0, 10.0, np.nan)) == signs
        assert not bare.block(5.0).spans


def test_without_colour_or_unicode_there_is_still_a_picture():
    text = "\n".join(line.plain for line in drawn(colour=False, unicode=False))
    assert text.isascii()
    assert "most active" in text and "Postcentral_R" not in text.split("least active")[0]
    assert {":", "@", "."} <= set(text)


def test_the_legend_tells_the_most_the_least_and_what_no_view_shows():
    text = "\n".join(line.plain for line in drawn())
    listed = text.split("most active")[1].split("least active")
    names = [r.name for r in REGIONS]
    assert names[-1][:12] in listed[0] and "9.0" in listed[0]
    assert names[0] in listed[1] and "1.0" in listed[1]
    hidden = (*REGIONS, Region("Thalamus_L", "L", (-11.0, -18.0, 8.0)))
    rate_Hz = np.append(np.full(len(REGIONS), 2.0), np.nan)
    lines = [line.plain for line in brain_map.picture(hidden, rate_Hz)]
    assert any("not in view" in line for line in lines)
    assert any("Thalamus_L" in line for line in lines)


def test_where_no_region_has_a_place_there_is_no_picture():
    with pytest.raises(ValueError, match="give the data set centroids"):
        brain_map.picture([Region("A_L", "L"), Region("A_R", "R")], np.ones(2))
    one_sided = [Region("A_L", "L", (-20.0, 0.0, 0.0)), Region("B_L", "L", (-20.0, 30.0, 9.0))]
    assert [v.title for v in brain_map.views(one_sided, 20)] == ["left, lateral"]
    assert brain_map.picture(one_sided, np.array([1.0, np.nan]))
    assert brain_map.picture(one_sided[:1], np.array([np.nan]))
