"""Regions as COCO writes them."""

import pytest

from region_perception.data.formats.image_regions import coco_mask
from region_perception.errors import InvalidRegion

OUTLINES = [[1, 1, 5, 1, 5, 5], [7, 7, 9, 7, 9, 9]]


def test_several_outlines_become_one_mask() -> None:
    mask = coco_mask(OUTLINES, (20, 10)).mask
    assert mask.shape == (10, 20)
    assert mask[1:5, 1:5].any()
    assert mask[7:9, 7:9].any()
    assert not mask[:, 10:].any()


def test_a_size_that_no_image_has_takes_no_memory() -> None:
    with pytest.raises(InvalidRegion, match="60000 x 60000 pixels; at most 100,000,000"):
        coco_mask(OUTLINES, (60_000, 60_000))
