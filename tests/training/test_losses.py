"""Losses against their definitions, written out."""

import pytest
import torch
from torch.nn import functional as F

from region_perception.network.language import Scores
from region_perception.training.losses import (
    beside,
    box_loss,
    contrast_loss,
    dense_loss,
    hard_negatives,
    language_loss,
    match_loss,
    place_loss,
    similarity,
    write_loss,
)


def mean(term):
    return term.total / term.items


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_similarity_is_that_of_the_best_query():
    seen, said = unit(3, 5, 8), unit(4, 8, seed=1)
    expected = torch.stack([torch.stack([(seen[r] @ said[a]).max() for a in range(4)]) for r in range(3)]) / 0.07
    torch.testing.assert_close(similarity(seen, said, torch.tensor(0.07)), expected)


def test_similarity_stays_exact_in_half_precision():
    seen, said = unit(3, 5, 8), unit(4, 8, seed=1)
    exact = similarity(seen, said, torch.tensor(0.07))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(similarity(seen, said, torch.tensor(0.07)), exact)


def test_contrast_is_the_papers_where_every_sentence_is_its_own():
    to_texts, to_regions = torch.randn(4, 4), torch.randn(4, 4)
    own = torch.arange(4)
    expected = sum(F.cross_entropy(s, own, label_smoothing=0.1) for s in (to_texts, to_regions)) / 2
    torch.testing.assert_close(mean(contrast_loss(to_texts, to_regions, torch.eye(4).bool(), 0.1)), expected)


def test_contrast_shares_its_aim_among_equal_sentences():
    belongs = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    scores = torch.tensor([[9.0, 9.0, 0.0], [9.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    one_each = contrast_loss(scores, scores, torch.eye(3).bool(), 0.0)
    shared = contrast_loss(scores, scores, belongs, 0.0)
    torch.testing.assert_close(mean(one_each) - mean(shared), torch.tensor(0.0), atol=1e-5, rtol=0)
    scores[0, 1] = 0.0  # now one of two right sentences is missed
    assert mean(contrast_loss(scores, scores, belongs, 0.0)) > 1


def test_hard_negatives_never_belong_and_are_the_likest():
    random = torch.Generator().manual_seed(0)
    likeness = torch.zeros(4, 4)
    likeness[0, 2] = likeness[1, 3] = 20.0
    belongs = torch.eye(4).bool()
    belongs[2, 3] = belongs[3, 2] = True
    drawn = torch.stack([hard_negatives(likeness, belongs, random) for _ in range(200)])
    assert not belongs[torch.arange(4).expand(200, 4), drawn].any()
    assert (drawn[:, 0] == 2).float().mean() > 0.95
    assert (drawn[:, 1] == 3).float().mean() > 0.95
    assert set(drawn[:, 2].tolist()) == {0, 1}


def test_no_negative_where_all_belong_together():
    drawn = hard_negatives(torch.zeros(2, 2), torch.ones(2, 2).bool(), torch.Generator())
    assert drawn.tolist() == [-1, -1]


def test_negatives_beside_a_row_come_from_its_own_observation_where_it_has_any():
    observation = torch.tensor([0, 0, 0, 1, 2, 2])
    belongs = torch.eye(6).bool()
    belongs[0, 1] = belongs[1, 0] = True  # one sentence of both
    belongs[4, 5] = belongs[5, 4] = True
    negatives = [row.nonzero()[:, 0].tolist() for row in ~beside(belongs, observation)]
    assert negatives == [[2], [2], [0, 1], [0, 1, 2, 4, 5], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_match_is_cross_entropy():
    logits, matches = torch.randn(6, 2), torch.tensor([1, 1, 0, 0, 0, 0]).bool()
    torch.testing.assert_close(mean(match_loss(logits, matches)), F.cross_entropy(logits, matches.long()))


def test_write_scores_the_next_token_and_no_padding():
    logits, text = torch.randn(2, 4, 9), torch.tensor([[4, 5, 6, 7], [4, 8, 0, 0]])
    expected = F.cross_entropy(
        torch.cat([logits[0, :3], logits[1, :1]]), torch.tensor([5, 6, 7, 8]), label_smoothing=0.1
    )
    torch.testing.assert_close(mean(write_loss(logits, text, 0, 0.1)), expected)


def test_language_is_the_mean_over_target_tokens():
    scores = Scores(torch.tensor([[-1.0, -2.0], [-9.0, -3.0]]), torch.tensor([[1, 1], [0, 1]]).bool())
    assert mean(language_loss(scores)) == pytest.approx(2.0)
    texts = -scores.mean()
    assert mean(language_loss(scores, "texts")) == pytest.approx(float(texts.mean()))
    assert texts.mean() != pytest.approx(2.0)


def test_box_is_l1():
    assert mean(box_loss(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.75]]))) == pytest.approx(0.375)


def test_dense_learns_shares_and_leaves_out_the_unknown():
    logits = torch.randn(3, 4)
    shares = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0, 0], [0, 0, 0.25, 0]])
    log_p = logits.log_softmax(1)
    expected = -(log_p[0, :2].mean() + log_p[2, 2]) / 2
    torch.testing.assert_close(mean(dense_loss(logits, shares)), expected)


def test_dense_counts_background_as_much_as_it_is_told():
    logits = torch.randn(3, 2)
    shares = torch.tensor([[1.0, 0], [0, 1], [0.5, 0.5]])
    losses = -(shares * logits.log_softmax(1)).sum(1)
    expected = (0.1 * losses[0] + losses[1] + 0.55 * losses[2]) / 1.65
    torch.testing.assert_close(mean(dense_loss(logits, shares, background=0.1)), expected)


def test_place_is_asked_of_tokens_that_show_a_thing():
    things = torch.tensor([[[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.0, 0.4, 0.4]]])
    boxes = torch.tensor([[[9.0, 9], [1, 2], [3, 4]]])
    loss = place_loss(torch.zeros(1, 3, 2), things, boxes, enough=0.3)
    assert loss.items == 4  # two tokens, two coordinates
    assert loss.total == 3 + 4 + 1 + 2
    nothing = place_loss(torch.zeros(1, 3, 2, requires_grad=True), things * 0, boxes, enough=0.3)
    assert nothing.items == 0
    assert nothing.total == 0
    assert nothing.total.requires_grad
