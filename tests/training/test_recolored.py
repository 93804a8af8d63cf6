"""Recoloured observations: kinds stay to be asked for, colours do not."""

import numpy as np
import pytest
import torch

from region_perception.simulation.words import COLORS
from region_perception.training.examples import Example, Row, chosen_rows
from region_perception.training.recolored import RecoloredExamples


class Fixed:
    """The same example a hundred times."""

    def __init__(self, example):
        self._example = example

    def __len__(self):
        return 100

    def example(self, index):
        return self._example


def example(*questions):
    row = Row("a", torch.tensor([0.0, 0.0, 0.5, 0.5]), ("red mug on the left",), ("the red mug",), questions)
    classes = {"thing": torch.ones(4, 4).long(), "color": torch.ones(4, 4).long()}
    return Example("image_region", torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)), (row,), classes)


KIND, SHADE = ("what is it?", "mug"), ("what color is it?", "red")


def test_of_a_share_only_what_is_not_a_matter_of_colour_is_left():
    before = example(KIND, SHADE, ("is it left of the green box?", "yes"), ("is it a mug?", "yes"))
    found = [RecoloredExamples(Fixed(before), 0.3).example(index) for index in range(100)]
    changed = [item for item in found if item is not before]
    assert 20 <= len(changed) <= 40
    for item in changed:
        (row,) = item.rows
        assert row.sentences == row.references == ()
        assert row.questions == (KIND, ("is it a mug?", "yes"))
        assert torch.equal(row.position, before.rows[0].position)
        assert not torch.allclose(item.seen, before.seen)
        assert (item.classes["color"] == -1).all()
    assert len({float(item.seen.sum()) for item in changed}) == len(changed), "each its own colours"


def test_the_same_number_always_gives_the_same():
    one, other = (RecoloredExamples(Fixed(example(KIND)), 0.5) for _ in range(2))
    assert len(one) == 100
    for index in range(20):
        assert torch.equal(one.example(index).seen, other.example(index).seen)


def test_what_has_nothing_left_to_ask_stays_as_it_is():
    before = example(SHADE)
    examples = RecoloredExamples(Fixed(before), 1.0)
    assert all(examples.example(index) is before for index in range(10))


@pytest.mark.parametrize("color", COLORS)
def test_every_colour_of_the_tabletop_is_known_as_one(color):
    before = example(KIND, (f"is it {color}?", "yes"), ("which is it?", f"the {color} one"))
    (row,) = RecoloredExamples(Fixed(before), 1.0).example(0).rows
    assert row.questions == (KIND,)


def test_rows_without_sentences_are_chosen_with_their_questions():
    item = RecoloredExamples(Fixed(example(KIND)), 1.0).example(0)
    (row,) = chosen_rows(item, np.random.default_rng(0), regions=4, questions=4, sentence="any").rows
    assert (row.sentences, row.references, row.questions) == ((), (), (KIND,))
