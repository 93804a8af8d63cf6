import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from region_perception.regions import Mask, region_from_dict

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any)


@settings(max_examples=60, deadline=None)
@given(masks)
def test_reads_what_pycocotools_writes(mask):
    compressed = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    as_text = {"size": compressed["size"], "counts": compressed["counts"].decode()}
    np.testing.assert_array_equal(Mask(compressed).mask, mask)
    np.testing.assert_array_equal(Mask(as_text).mask, mask)


def test_reads_long_and_falling_runs_like_pycocotools():
    mask = np.zeros((700, 900), dtype=bool)
    mask[10:690, 5:400] = True
    mask[300:302, 600] = True
    np.testing.assert_array_equal(Mask(coco.encode(np.asfortranarray(mask, dtype=np.uint8))).mask, mask)


def test_reads_uncompressed_counts_down_the_columns():
    mask = Mask({"size": [2, 3], "counts": [1, 2, 3]}).mask
    np.testing.assert_array_equal(mask, [[False, True, False], [True, False, False]])


@settings(max_examples=30, deadline=None)
@given(masks)
def test_written_form_survives_json(mask):
    written = json.loads(json.dumps(Mask(mask).to_dict()))
    assert region_from_dict(written) == Mask(mask)
