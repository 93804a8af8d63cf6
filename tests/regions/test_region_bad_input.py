"""What people, files and programs hand over by mistake or in bad faith: all of it is refused with a reason."""

import itertools
import re

import numpy as np
import pytest
from PIL import Image

from region_perception.errors import InvalidRegion
from region_perception.observations import observe_cloud, observe_image
from region_perception.regions import Box, Box3D, Click, Click3D, Mask, PointSet, Polygon, Scribble, region_from_dict

IMAGE = observe_image(np.zeros((20, 30, 3), np.uint8))  # 30 wide, 20 high
CLOUD = observe_cloud(np.random.default_rng(0).uniform(-1, 1, (50, 3)))
NAN, INF, HUGE = float("nan"), float("inf"), 10**5000
SQUARE = [(4, 2), (12, 2), (12, 10), (4, 10)]


class Hostile:
    """An object that fails however it is read."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array")

    def __repr__(self):
        raise RuntimeError("no text")


def rle(size, counts):
    return {"size": size, "counts": counts}


MALFORMED = {
    "box of text": (lambda: Box("a", 0, 1, 1), r"Box: x1 must be a number, got 'a' \(str\)"),
    "box of a number as text": (lambda: Box("1", 0, 1, 1), "must be a number, got '1'"),
    "box of None": (lambda: Box(0, None, 1, 1), "Box: y1 must be a number, got None"),
    "box of a list": (lambda: Box([1, 2, 3, 4], 0, 1, 1), r"Box: x1 must be a number, got \[1, 2, 3, 4\]"),
    "box of a boolean": (lambda: Box(True, 0, 2, 1), "must be a number, got True"),
    "box with NaN": (lambda: Box(0, 0, NAN, 1), "Box: x2 must be finite, got nan"),
    "box with infinity": (lambda: Box(0, -INF, 1, 1), "Box: y1 must be finite, got -inf"),
    "box with a huge integer": (lambda: Box(0, 0, HUGE, 1), r"Box: x2 must lie within ±1e\+06"),
    "box with a huge float": (lambda: Box(0, 0, 1e300, 1), r"must lie within ±1e\+06, got 1e\+300"),
    "box with a complex number": (lambda: Box(0, 0, 1j, 1), "must be a number, got 1j"),
    "box with no width": (lambda: Box(5, 5, 5, 9), r"Box\(5, 5, 5, 9\) has no area: expected corners x1 < x2"),
    "box as x, y, width, height": (lambda: Box(200, 50, 40, 60), r"Box.from_xywh\(200, 50, 40, 60\)"),
    "box with swapped corners": (lambda: Box(0, 9, 5, 2), "y1 < y2"),
    "box of negative width": (lambda: Box.from_xywh(0, 0, -4, 4), "width must be larger than 0, got -4"),
    "mask of text": (lambda: Mask("mask.png"), "Mask: expected bool .* got 'mask.png'"),
    "mask of None": (lambda: Mask(None), "Mask: expected bool .* got None"),
    "mask of ragged lists": (lambda: Mask([[1, 0], [1]]), "is not an array"),
    "mask that fails to read": (lambda: Mask(Hostile()), r"\(Hostile\) is not an array \(no array\)"),
    "mask of objects": (lambda: Mask(np.array([[object()]])), r"expected bool \[H, W\]"),
    "mask of complex numbers": (lambda: Mask(np.eye(3) * 1j), r"expected bool \[H, W\]"),
    "mask without pixels": (lambda: Mask(np.zeros((0, 5), bool)), "expected 1 to .* pixels, got 0 x 5"),
    "mask with nothing set": (lambda: Mask(np.zeros((4, 5), bool)), "no pixel of its 4 x 5 is set"),
    "stack of masks": (lambda: Mask(np.ones((1, 4, 5), bool)), r"shape \[1, 4, 5\]: pick one mask of the stack"),
    "row as a mask": (lambda: Mask(np.ones(5, bool)), r"shape \[5\]"),
    "colour picture as a mask": (lambda: Mask(Image.new("RGB", (4, 5))), r"shape \[5, 4, 3\]"),
    "probabilities as a mask": (lambda: Mask(np.full((4, 5), 0.7)), "all 0 or 1, got float64 from 0.7 to 0.7"),
    "NaN in a mask": (lambda: Mask(np.array([[NAN, 1]])), "all 0 or 1, got float64"),
    "instance map as a mask": (lambda: Mask(np.array([[0, 1, 2]])), r"from 0 to 2; .*Mask\(instances == number\)"),
    "negative mask": (lambda: Mask(np.array([[0, -1]])), "from -1 to 0"),
    "RLE with a key too many": (lambda: Mask(rle([2, 2], [4]) | {"bbox": 1}), "keys 'size' and 'counts', got"),
    "RLE without counts": (lambda: Mask({"size": [2, 2]}), "keys 'size' and 'counts', got"),
    "RLE of no size": (lambda: Mask(rle([0, 5], [0])), r"two positive whole numbers \[H, W\], got \[0, 5\]"),
    "RLE of half a pixel": (lambda: Mask(rle([2.5, 2], [5])), r"whole numbers \[H, W\], got \[2.5, 2\]"),
    "RLE of a negative size": (lambda: Mask(rle([-2, -2], [4])), r"got \[-2, -2\]"),
    "RLE as a bomb": (lambda: Mask(rle([10**6, 10**6], [10**12])), r"at most .* pixels in all, got \[1000000"),
    "RLE of a huge size": (lambda: Mask(rle([HUGE, 1], [1])), "pixels in all, got"),
    "RLE with too few pixels": (lambda: Mask(rle([2, 2], [1, 2])), "cover 3 pixels, but its size .* 2 x 2 = 4"),
    "RLE with too many pixels": (lambda: Mask(rle([2, 2], [3, 3])), "cover 6 pixels"),
    "RLE with negative runs": (lambda: Mask(rle([2, 2], [5, -1])), "0 to the 4 pixels of its size, got 5"),
    "RLE with huge runs": (lambda: Mask(rle([2, 2], [HUGE])), "whole numbers from 0 to the 4 pixels"),
    "RLE with text runs": (lambda: Mask(rle([2, 2], ["4"])), "got '4'"),
    "RLE with counts as a number": (lambda: Mask(rle([2, 2], 4)), "bytes, text or a list of whole numbers, got 4"),
    "compressed RLE that is empty": (lambda: Mask(rle([2, 2], b"")), r"broken or cut off\): b''"),
    "compressed RLE cut off": (lambda: Mask(rle([2, 2], "P")), r"broken or cut off\): 'P'"),
    "compressed RLE of foreign letters": (lambda: Mask(rle([2, 2], "ß4")), r"broken or cut off\): 'ß4'"),
    "compressed RLE of endless numbers": (lambda: Mask(rle([2, 2], b"o" * 10**5 + b"0")), "more than 35 bits"),
    "compressed RLE of negative runs": (lambda: Mask(rle([2, 2], "O")), "a run outside 0 to 4 pixels"),
    "compressed RLE of long runs": (lambda: Mask(rle([2, 2], "oooo0")), "a run outside 0 to 4 pixels"),
    "polygon of two points": (lambda: Polygon([(0, 0), (5, 5)]), "between 3 and 10,000 points .* got 2"),
    "polygon of flat numbers": (lambda: Polygon([0, 0, 5, 5, 9, 1]), r"points\[0\] must be 2 numbers \(x, y\), got 0"),
    "polygon of triples": (lambda: Polygon(np.zeros((4, 3))), r"points\[0\] must be 2 numbers .* got 3 values"),
    "polygon of text": (lambda: Polygon("0,0 5,5 9,1"), "must be a list of points"),
    "polygon with NaN": (lambda: Polygon([(0, 0), (NAN, 5), (9, 1)]), r"points\[1\] x must be finite, got nan"),
    "polygon on a line": (lambda: Polygon([(0, 0), (5, 5), (9, 9)]), "must hold an area, but lie on one line"),
    "polygon in one point": (lambda: Polygon([(3, 3)] * 5), "must hold an area"),
    "polygon that never ends": (lambda: Polygon(itertools.cycle([(0, 0)])), r"list of points .* \(cycle\)"),
    "polygon of too many points": (lambda: Polygon(np.zeros((20_000, 2))), "got 20,000"),
    "polygon of too many holes": (lambda: Polygon(SQUARE, holes=[SQUARE] * 2_500), "10,000 points with .* got 10,004"),
    "holes that are one outline": (lambda: Polygon(SQUARE, holes=SQUARE), r"holes\[0\]"),
    "holes of None": (lambda: Polygon(SQUARE, holes=None), "holes must be a list of outlines"),
    "scribble without points": (lambda: Scribble([]), "between 1 and .* got 0"),
    "scribble of no width": (lambda: Scribble([(1, 1)], width=0), "width must be at least 1 pixel, got 0"),
    "scribble of NaN width": (lambda: Scribble([(1, 1)], width=NAN), "width must be finite"),
    "scribble as a mapping": (lambda: Scribble({"x": 1}), "list of points"),
    "click without a place": (lambda: Click(), r"expected Click\(x, y\) or Click\(points="),
    "click at a pair": (lambda: Click((3, 4)), r"expected Click\(x, y\) .* got x=\(3, 4\)"),
    "click given twice": (lambda: Click(1, 2, points=[(1, 2)]), "both x, y and points"),
    "click with labels missing": (lambda: Click(points=[(1, 2), (3, 4)], labels=[1]), "2 points, got 1"),
    "click with other labels": (lambda: Click(points=[(1, 2)], labels=[2]), "1 .* or 0 .* got 2"),
    "click with text labels": (lambda: Click(points=[(1, 2)], labels=["positive"]), "got 'positive'"),
    "click on nothing positive": (lambda: Click(points=[(1, 2)], labels=[0]), "at least one positive point"),
    "click of many points": (lambda: Click(points=[(1, 2)] * 21), "at most 20 points, got 21"),
    "box3d with a flat side": (lambda: Box3D((0, 0, 0), (1, 0, 1)), r"size must be larger than 0 .* \(1.0, 0.0, 1.0\)"),
    "box3d with two numbers": (lambda: Box3D((0, 0), (1, 1, 1)), r"center must be 3 numbers \(x, y, z\), got 2"),
    "box3d of a scalar": (lambda: Box3D(0, (1, 1, 1)), "center must be 3 numbers"),
    "box3d with NaN": (lambda: Box3D((0, 0, 0), (1, NAN, 1)), "size y must be finite, got nan"),
    "box3d in degrees": (lambda: Box3D((0, 0, 0), (1, 1, 1), yaw=90), r"yaw .* got 90; .* math.radians\(90\)"),
    "box3d with text yaw": (lambda: Box3D((0, 0, 0), (1, 1, 1), yaw="left"), "yaw must be a number, got 'left'"),
    "points of nothing": (lambda: PointSet(), "either indices or mask, got neither"),
    "points given twice": (lambda: PointSet([1], mask=[True]), "either indices or mask, got both"),
    "points without any": (lambda: PointSet([]), "at least one, got none"),
    "points of floats": (lambda: PointSet([0.5, 1]), "whole numbers .* got"),
    "points of booleans": (lambda: PointSet([True, False]), r"for a boolean mask: PointSet\(mask=...\)"),
    "points of coordinates": (lambda: PointSet(np.zeros((5, 3), int)), r"shape \[5, 3\]"),
    "points of negative numbers": (lambda: PointSet([3, -1]), "got -1"),
    "points of huge numbers": (lambda: PointSet([HUGE]), "whole numbers"),
    "points beyond memory": (lambda: PointSet([2**62]), "got 4611686018427387904"),
    "points that fail to read": (lambda: PointSet(Hostile()), "no array"),
    "mask of point numbers": (lambda: PointSet(mask=[0, 3]), r"mask must be booleans .* PointSet\(indices\)"),
    "mask of no points": (lambda: PointSet(mask=[False, False]), "none of the 2 points of the mask is set"),
    "count below the indices": (lambda: PointSet([7], source_count=5), "larger than its largest index 7, got 5"),
    "3d click on text": (lambda: Click3D(0, 0, "top"), "Click3D: z must be a number, got 'top'"),
    "3d click on infinity": (lambda: Click3D(0, INF, 0), "Click3D: y must be finite, got inf"),
}

MISPLACED = {
    "box beside the image": (
        Box(40, 0, 50, 10),
        IMAGE,
        r"Box\(40, 0, 50, 10\) lies outside the image, which is 30 x 20",
    ),
    "box that only touches": (Box(30, 0, 50, 10), IMAGE, "lies outside the image"),
    "mask of another size": (Mask(np.ones((5, 6))), IMAGE, r"Mask is 5 x 6 \[H, W\], but the image is 20 x 30"),
    "mask on its side": (Mask(np.ones((30, 20))), IMAGE, "looks transposed"),
    "polygon below the image": (Polygon([(0, 50), (5, 50), (5, 60)]), IMAGE, "Polygon .* lies outside the image"),
    "polygon around the corner": (Polygon([(-9, 8), (8, -9), (-9, -9)]), IMAGE, "covers no pixel of the 30 x 20"),
    "polygon that only touches": (Polygon([(-9, 0), (0, 0), (0, 9), (-9, 9)]), IMAGE, "covers no pixel of the 30 x 20"),
    "polygon that is all hole": (Polygon(SQUARE, holes=[SQUARE]), IMAGE, "covers no pixel"),
    "scribble beside the image": (Scribble([(-5, -5), (-5, 50)]), IMAGE, "Scribble .* lies outside the image"),
    "click beside the image": (Click(30, 5), IMAGE, r"Click\(30, 5\) lies outside the image"),
    "click for and against": (
        Click(points=[(1, 1), (1.5, 1.2)], labels=[1, 0]),
        IMAGE,
        "positive and a negative point",
    ),
    "box in a cloud": (Box(0, 0, 5, 5), CLOUD, "Box points into an image, but this is a cloud: use Box3D"),
    "click in a cloud": (Click(3, 3), CLOUD, "Click points into an image, but this is a cloud"),
    "box3d in an image": (
        Box3D((0, 0, 0), (1, 1, 1)),
        IMAGE,
        "Box3D points into a cloud, but this is an image: use Box",
    ),
    "3d click in an image": (Click3D(0, 0, 0), IMAGE, "Click3D points into a cloud, but this is an image"),
    "box in an array": (Box(0, 0, 5, 5), IMAGE.pixels, r"ndarray\): make an observation of it with observe_image"),
    "points in None": (PointSet([1]), None, r"this is None .*observe_cloud\(...\)"),
    "box3d in the air": (Box3D((9, 9, 9), (1, 1, 1)), CLOUD, r"inside Box3D\(center=\(9.0.*the cloud spans \(-0.9"),
    "points beyond the cloud": (PointSet([3, 50]), CLOUD, "0 to 49, .* got 50"),
    "mask of other points": (PointSet(mask=[True] * 40), CLOUD, "for 40 points, .* from 50"),
}

UNREADABLE = {
    "text": ("box", "must be a mapping with a 'type', got 'box'"),
    "no type": ({"x1": 0}, "Unknown region type None"),
    "unknown type": ({"type": "circle"}, "Unknown region type 'circle' .*expected one of box, box3d, click"),
    "unhashable type": ({"type": ["box"]}, "Unknown region type"),
    "unknown key": ({"type": "click3d", "x": 0, "y": 0, "z": 0, "w": 0}, r"unknown keys \['w'\].*expected x, y, z"),
    "number as key": ({"type": "click3d", "x": 0, "y": 0, "z": 0, 3: 0}, r"unknown keys \[3\]"),
    "missing key": ({"type": "box", "x1": 0, "y1": 0}, "lacks x2, y2"),
    "bad value": ({"type": "box", "x1": 0, "y1": 0, "x2": None, "y2": 1}, "x2 must be a number, got None"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_region_cannot_be_made(name):
    make, message = MALFORMED[name]
    with pytest.raises(InvalidRegion, match=re.compile(message, re.DOTALL)) as error:
        make()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", MISPLACED)
@pytest.mark.filterwarnings("ignore::region_perception.errors.InputWarning")
def test_a_region_that_does_not_fit_its_observation_is_refused(name):
    region, observation, message = MISPLACED[name]
    with pytest.raises(InvalidRegion, match=re.compile(message, re.DOTALL)):
        region.locate(observation)


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_written_region_is_read_strictly(name):
    written, message = UNREADABLE[name]
    with pytest.raises(InvalidRegion, match=message):
        region_from_dict(written)
