"""The record: refuses what does not belong together, and comes back from JSON."""

import json

import numpy as np
import pytest

from region_perception import Box, Box3D, observe_cloud, observe_image
from region_perception.data import Question, Record
from region_perception.errors import InvalidInput

IMAGE = observe_image(np.zeros((4, 6, 3), np.uint8))
CLOUD = observe_cloud(np.zeros((5, 3), np.float32))
BOX, BOX3D = Box(0, 0, 2, 2), Box3D((0, 0, 0), (1, 1, 1))
SAID = {"id": "a/1", "source": "a", "split": "val", "sentences": ("a mug",)}


@pytest.mark.parametrize(
    ("modality", "observation", "region"),
    [("image", IMAGE, None), ("image_region", IMAGE, BOX), ("cloud", CLOUD, None), ("cloud_region", CLOUD, BOX3D)],
)
def test_records_come_back_from_json(modality, observation, region):
    asked = (Question("what is it?", "mug", "kind"),)
    record = Record(
        modality=modality, observation=observation, region=region, references=("the mug",), questions=asked,
        place={"image": "x.png"}, meta={"number": 3}, **SAID,
    )  # fmt: skip
    written = json.loads(json.dumps(record.to_dict()))
    again = Record.from_dict(written, observation)
    assert again.to_dict() == record.to_dict()
    assert again.questions == asked
    assert again.region == region
    assert again.observation is observation


@pytest.mark.parametrize(
    ("modality", "observation", "region", "message"),
    [
        ("video", IMAGE, None, "'video'"),
        ("image", CLOUD, None, "ImageObservation"),
        ("cloud_region", IMAGE, BOX3D, "CloudObservation"),
        ("image_region", IMAGE, None, "needs a region of image_region"),
        ("image_region", IMAGE, BOX3D, "needs a region of image_region"),
        ("image", IMAGE, BOX, "needs no region"),
    ],
)
def test_what_does_not_belong_together_is_refused(modality, observation, region, message):
    with pytest.raises(InvalidInput, match=message):
        Record(modality=modality, observation=observation, region=region, **SAID)


def test_a_record_says_something():
    with pytest.raises(InvalidInput, match="neither sentences nor questions"):
        Record(modality="image", observation=IMAGE, **{**SAID, "sentences": ()})
