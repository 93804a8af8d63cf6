"""Sentences are read back into what they say, and judged."""

import numpy as np
import pytest

from region_perception.simulation import Phrase, compose, describing, judge, parse
from region_perception.simulation.words import RELATIONS


def test_captions_read_back_as_they_were_meant(pictures):
    random = np.random.default_rng(0)
    for picture in pictures:
        for thing in picture.shown:
            phrase = describing.describe(picture, thing)
            assert parse(phrase.text()) == phrase
            for reference in describing.references(picture, thing, random):
                assert parse(describing.wording(reference, random)) == reference


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Small red striped mug on the left, behind the blue box.",
         Phrase("mug", "red", "small", "striped", None, "on the left", None, ("behind", Phrase("box", "blue")))),
        ("a big grey can with stripes", Phrase("can", "gray", "large", "striped")),
        ("the leftmost mug", Phrase("mug", extreme="leftmost")),
        ("red blue mug", Phrase("mug")),
        ("mug mug mug red", Phrase("mug", "red")),
        ("pan left of the can", Phrase("pan", relation=("left of", Phrase("can")))),
        ("candle on top of the box on the left",
         Phrase("candle", relation=("on top of", Phrase("box", position="on the left")))),
        ("in front of the lamp", Phrase(relation=("in front of", Phrase("lamp")))),
        ("ring left of", Phrase("ring", relation=("left of", Phrase()))),
        ("", Phrase()),
        ("nonsense, and 12 more!", Phrase()),
        ("a keyboard in a wheelbarrow", Phrase()),
    ],
)  # fmt: skip
def test_sentences_of_others_are_read_as_far_as_they_go(sentence, expected):
    assert parse(sentence) == expected


def test_endless_sentences_are_read_in_time():
    assert parse("left of the mug " * 3000).relation is not None


def test_true_captions_are_judged_right(pictures):
    for picture in pictures[:120]:
        for thing in picture.shown:
            verdict = judge(describing.describe(picture, thing), picture.scene, thing)
            told = [verdict.kind, verdict.color, verdict.size, verdict.pattern, verdict.pose, verdict.position]
            assert False not in told
            beside = describing.best_relation(picture, thing)
            assert beside is None or judge(Phrase(relation=beside), picture.scene, thing).relation in (True, None)


def test_wrong_words_are_judged_wrong(pictures):
    opposite = {"left of": "right of", "right of": "left of", "behind": "in front of", "in front of": "behind"}
    swapped = 0
    for picture in pictures[:60]:
        for thing in picture.shown:
            right = describing.describe(picture, thing)
            kind, color = ("mug", "red") if thing.kind != "mug" else ("can", "blue")
            wrong = judge(Phrase(kind, color if thing.color != color else "cyan"), picture.scene, thing)
            assert (wrong.kind, wrong.color, wrong.size, wrong.relation) == (False, False, None, None)
            if right.position in ("on the left", "on the right"):
                other = "on the left" if right.position == "on the right" else "on the right"
                assert judge(Phrase(position=other), picture.scene, thing).position is False
            beside = describing.best_relation(picture, thing)
            if beside and beside[0] in opposite:
                relation = (opposite[beside[0]], beside[1])
                assert judge(Phrase(relation=relation), picture.scene, thing).relation is False
                swapped += 1
    assert swapped > 100


def test_silence_about_kind_and_color_is_wrong():
    scene = compose("train", 1)
    verdict = judge(parse("a thing"), scene, scene.named[0])
    assert (verdict.kind, verdict.color) == (False, False)


def test_a_relation_to_what_is_not_there_is_wrong():
    scene = compose("train", 1)
    absent = next(kind for kind in ("mug", "can", "key") if kind not in {thing.kind for thing in scene.named})
    for word in RELATIONS:
        assert judge(Phrase(relation=(word, Phrase(absent))), scene, scene.named[0]).relation is False
