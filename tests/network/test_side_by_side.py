"""Texts side by side: what each token sees, where it stands, and what stands before it."""

import torch

from region_perception.network.side_by_side import side_by_side

BOS, PAD = 2, 0
TEXTS = side_by_side(
    [[7], [], [8, 9]],
    [[4, 3], [5], [3]],
    [0, 1, 0],
    3,
    bos_id=BOS,
    pad_id=PAD,
    device=torch.device("cpu"),
)


def test_rows_hold_their_texts_in_order():
    assert TEXTS.ids.tolist() == [[BOS, 7, 4, 3, 8, 9, 3], [BOS, 5, *[PAD] * 5], [BOS, *[PAD] * 6]]


def test_every_text_takes_the_positions_that_it_has_alone():
    assert TEXTS.positions(2)[0].tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 5]


def test_before_each_target_token_stands_what_foretells_it():
    rows, columns = TEXTS.before
    assert rows == [0, 0, 1, 0]
    assert columns == [1, 2, 0, 5]  # the second text has no prompt: bos foretells it


def test_a_token_sees_what_is_shared_and_its_own_text_up_to_itself():
    sees = TEXTS.sees(1)[:, 0].int().tolist()
    assert sees[0] == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 0, 1, 1, 0],
        [1, 1, 0, 0, 0, 1, 1, 1],
    ]
    assert sees[1][2] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert all(any(row) for part in sees for row in part)  # padding, too: nothing sees nothing


def test_without_targets_nothing_is_foretold():
    empty = side_by_side([[7]], [[]], [0], 1, bos_id=BOS, pad_id=PAD, device=torch.device("cpu"))
    assert empty.before == ([], [])
