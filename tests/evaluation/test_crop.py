"""The crop baseline says of a region what the model says of a picture of its own."""

import numpy as np
import pytest

from region_perception import Box, Box3D, Mask
from region_perception.errors import InvalidRegion
from region_perception.evaluation.crop import CropCaptioner, cut_out
from region_perception.weights.load import load_model

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
WINDOWS = ((slice(20, 60), slice(10, 50)), (slice(5, 20), slice(40, 70)))  # rows and columns of two regions


@pytest.fixture(scope="module")
def captioner() -> CropCaptioner:
    return CropCaptioner(load_model("mini", untrained=True, seed=3, device="cpu"))


def test_a_region_is_captioned_as_a_whole_image_of_its_box(captioner: CropCaptioner) -> None:
    view = captioner.look(PIXELS)
    mask = np.zeros(PIXELS.shape[:2], bool)
    mask[5:20, 40:70] = True
    told = view.caption([Box(10, 20, 50, 60), Mask(mask)], max_tokens=6)
    alone = [captioner.look(np.ascontiguousarray(PIXELS[rows, columns])) for rows, columns in WINDOWS]
    plain = super(CropCaptioner, captioner).caption([(each, None) for each in alone], max_tokens=6)
    assert [each.text for each in told] == [each.text for each in plain]
    assert [each.confidence for each in told] == pytest.approx([each.confidence for each in plain], abs=1e-5)
    assert {each.modality for each in told} == {"image"}


def test_a_region_is_compared_with_texts_as_a_whole_image_of_its_box(captioner: CropCaptioner) -> None:
    texts = ["a mug", "a bowl", "a red book"]
    told = captioner.score([(captioner.look(PIXELS), Box(10, 20, 50, 60))], texts, "contrast")
    alone = captioner.look(np.ascontiguousarray(PIXELS[WINDOWS[0]]))
    plain = super(CropCaptioner, captioner).score([(alone, None)], texts, "contrast")
    np.testing.assert_allclose(told, plain, atol=1e-5)
    of_region = super(CropCaptioner, captioner).score(
        [(captioner.look(PIXELS), Box(10, 20, 50, 60))], texts, "contrast"
    )
    assert abs(told - of_region).max() > 1e-3, "the region itself scores otherwise, else this proves nothing"


def test_pixels_that_a_box_touches_are_cut_out_whole(captioner: CropCaptioner) -> None:
    cutting = cut_out(captioner.look(PIXELS), Box(10.6, 20.2, 12.1, 21.0))
    assert np.array_equal(cutting.pixels, PIXELS[20:21, 10:13])


def test_only_regions_of_images_can_be_cut_out(captioner: CropCaptioner) -> None:
    cloud = captioner.look(np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype(np.float32))
    for view, region in ((cloud, Box3D((0, 0, 0), (1, 1, 1))), (captioner.look(PIXELS), None)):
        with pytest.raises(InvalidRegion, match="only regions of images"):
            captioner.caption([(view, region)])
        with pytest.raises(InvalidRegion, match="only regions of images"):
            captioner.score([(view, region)], ["a mug"], "contrast")
