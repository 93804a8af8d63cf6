"""Average precision of named boxes: COCO's own evaluation says the same."""

import contextlib
import io

import numpy as np
import pytest

from region_perception.errors import InvalidInput
from region_perception.evaluation.average_precision import average_precision


def by_coco(images, boxes, truth, scores):
    """(mean, at 0.5, at 0.75) of pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    sides = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in np.asarray(boxes, float).tolist()]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image} for image in set(images)],
            "categories": [{"id": name} for name in range(scores.shape[1])],
            "annotations": [
                {"id": i + 1, "image_id": images[i], "category_id": truth[i], "bbox": side, "iscrowd": 0,
                 "area": side[2] * side[3]}
                for i, side in enumerate(sides)
            ],
        }  # fmt: skip
        coco.createIndex()
        said = [
            {"image_id": images[i], "category_id": name, "bbox": sides[i], "score": float(scores[i, name])}
            for i in range(len(sides))
            for name in range(scores.shape[1])
            if not np.isnan(scores[i, name])
        ]
        judge = COCOeval(coco, coco.loadRes(said), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[:3]


def named_boxes(seed, count=60, images=7, names=4):
    """Boxes in clusters, so that many overlap; scores with ties, and gaps."""
    random = np.random.default_rng(seed)
    corner = random.integers(0, 3, (count, 2)) * 40.0 + random.integers(0, 12, (count, 2))
    boxes = np.concatenate([corner, corner + random.integers(20, 60, (count, 2))], axis=1)
    scores = random.integers(0, 12, (count, names)) / 12
    scores[random.random((count, names)) < 0.2] = np.nan
    where = random.integers(0, images, count)
    return [int(each) * 10 for each in where], boxes, random.integers(0, names, count).tolist(), scores


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_cocos_evaluation_says(seed):
    given = named_boxes(seed)
    found = average_precision(*given)
    np.testing.assert_allclose([found.mean, found.at_50, found.at_75], by_coco(*given), rtol=0, atol=1e-12)
    assert 0.05 < found.mean < 0.95, "a trivial case would prove nothing"


def test_it_is_so_with_one_name_for_each_box_all_equally_sure():
    images, boxes, truth, scores = named_boxes(9)
    scores = np.where(np.arange(4) == np.nan_to_num(scores).argmax(axis=1)[:, None], 1.0, np.nan)
    found = average_precision(images, boxes, truth, scores)
    np.testing.assert_allclose(
        [found.mean, found.at_50, found.at_75], by_coco(images, boxes, truth, scores), atol=1e-12
    )


def test_only_the_hundred_surest_of_an_image_count():
    given = named_boxes(3, count=260, images=2, names=2)
    np.testing.assert_allclose(average_precision(*given).mean, by_coco(*given)[0], atol=1e-12)


def test_by_hand():
    # Of name 0 there are two, one of them found; the surest detection of it is wrong.
    boxes = [[0, 0, 10, 10], [50, 50, 60, 60], [100, 0, 110, 10]]
    scores = np.array([[0.5, 0.1], [np.nan, 0.8], [0.9, 0.7]])
    found = average_precision([1, 1, 1], boxes, [0, 0, 1], scores)
    # One of two found at a precision of 1/2: 51 of 101 levels. Name 1: second of three.
    assert found.by_name == {0: pytest.approx(51 / 101 / 2), 1: pytest.approx(1 / 2)}
    assert found.mean == pytest.approx((51 / 101 / 2 + 1 / 2) / 2)
    assert found.at_50 == found.at_75 == found.mean


def test_perfect_and_silent():
    boxes = [[0, 0, 10, 10], [5, 5, 15, 15]]
    assert average_precision(["a", "b"], boxes, [0, 1], np.eye(2)).mean == 1
    assert average_precision(["a", "b"], boxes, [0, 1], np.full((2, 2), np.nan)).mean == 0
    nothing = average_precision([], np.empty((0, 4)), [], np.empty((0, 3)))
    assert (nothing.mean, nothing.by_name) == (None, {})


@pytest.mark.parametrize(
    ("boxes", "truth", "scores", "words"),
    [
        ([[0, 0, 0, 10]], [0], [[1.0]], "expected x1 < x2"),
        ([[0, 0, np.nan, 10]], [0], [[1.0]], "expected x1 < x2"),
        ([[0, 0, 5, 10]], [1], [[1.0]], "numbers of the 1 names"),
        ([[0, 0, 5, 10]], [-1], [[1.0]], "numbers of the 1 names"),
        ([[0, 0, 5, 10]], [0], [[np.inf]], "infinite"),
        ([[0, 0, 5, 10]], [0], [1.0], "a row of scores"),
        ([[0, 0, 5, 10]] * 2, [0], [[1.0]], "one of each"),
    ],
)
def test_what_makes_no_sense_is_refused(boxes, truth, scores, words):
    with pytest.raises(InvalidInput, match=words):
        average_precision([1], np.array(boxes, float), truth, np.array(scores))
