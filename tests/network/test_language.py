"""Language models: searching and scoring against plain forward passes, batches, options."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from region_perception.errors import InvalidInput, InvalidSpec
from region_perception.network.language import Decoding, LanguageModel, language_config

KINDS = pytest.mark.parametrize("kind", ["opt", "llama", "t5"])
PROMPTS = [[5, 6, 7], [], [8], [9, 10, 11, 12]]
ROWS = len(PROMPTS)
IMAGE = ["image"] * ROWS


@pytest.fixture(scope="module")
def make_model(make_spec, randomised):
    """Models with random weights; tests must not change them. `stop_id` may be any token."""
    made = {}

    def make(kind, **changes):
        key = (kind, *sorted(changes.items()))
        if key not in made:
            made[key] = randomised(LanguageModel(replace(make_spec(kind).language, **changes)))
        return made[key]

    return make


def soft_tokens(rows=ROWS, seed=0):
    return torch.randn(rows, 4, 16, generator=torch.Generator().manual_seed(seed))


def next_log_probs(model, soft, prompt, written):
    """Log-probabilities [V] of the next token for one row, computed from the start: no cache, no padding, no batch."""
    spec, embed = model.spec, model.model.get_input_embeddings()
    if spec.is_encoder_decoder:
        inputs = torch.cat([soft, embed(torch.tensor([*prompt, spec.eos_id]))])[None]
        logits = model.model(inputs_embeds=inputs, decoder_input_ids=torch.tensor([[spec.bos_id, *written]])).logits
    else:
        inputs = torch.cat([soft, embed(torch.tensor([spec.bos_id, *prompt, *written]))])[None]
        logits = model.model(inputs_embeds=inputs).logits
    return logits[0, -1].log_softmax(-1)


def log_probs_by_hand(model, soft, prompt, ids):
    return [next_log_probs(model, soft, prompt, ids[:i])[token].item() for i, token in enumerate(ids)]


def greedy_by_hand(model, soft, prompt, steps):
    written = []
    while len(written) < steps:
        written.append(int(next_log_probs(model, soft, prompt, written).argmax()))
        if written[-1] == model.spec.stop_id:
            break
    return written


def with_stop(model, sentence):
    """The ids whose log-probabilities a sentence reports."""
    return sentence.ids if len(sentence.log_probs) == len(sentence.ids) else [*sentence.ids, model.spec.stop_id]


@KINDS
@torch.no_grad()
def test_greedy_takes_the_likeliest_token_every_time(make_model, kind):
    model, soft = make_model(kind), soft_tokens()
    sentences = model.generate(soft, PROMPTS, IMAGE, Decoding(max_tokens=9))
    for row, sentence in enumerate(sentences):
        expected = greedy_by_hand(model, soft[row], PROMPTS[row], 9)
        assert with_stop(model, sentence) == expected
        by_hand = log_probs_by_hand(model, soft[row], PROMPTS[row], expected)
        assert sentence.log_probs == pytest.approx(by_hand, abs=1e-5)


@KINDS
@pytest.mark.parametrize("beams", [1, 4])
@torch.no_grad()
def test_rows_of_a_batch_equal_single_runs(make_model, kind, beams):
    model, soft = make_model(kind), soft_tokens()
    decoding = Decoding(max_tokens=8, beams=beams)
    together = model.generate(soft, PROMPTS, IMAGE, decoding)
    assert len({tuple(sentence.ids) for sentence in together}) == ROWS
    for row in range(ROWS):
        (alone,) = model.generate(soft[row : row + 1], PROMPTS[row : row + 1], ["image"], decoding)
        assert together[row].ids == alone.ids
        assert together[row].log_probs == pytest.approx(alone.log_probs, abs=1e-5)


@KINDS
@torch.no_grad()
def test_score_is_log_softmax_of_a_plain_forward_pass(make_model, kind):
    model, soft = make_model(kind), soft_tokens()
    targets = [[4, 5, 6, 3], [7], [8, 9], [10, 11, 12, 13, 14]]
    scores = model.score(soft, PROMPTS, targets, IMAGE)
    assert scores.mask.sum(1).tolist() == [4, 1, 2, 5]
    for row, target in enumerate(targets):
        found = scores.log_probs[row][scores.mask[row]].tolist()
        assert found == pytest.approx(log_probs_by_hand(model, soft[row], PROMPTS[row], target), abs=1e-5)
    means = [scores.log_probs[row][scores.mask[row]].mean() for row in range(ROWS)]
    torch.testing.assert_close(scores.mean(), torch.stack(means))


@KINDS
def test_texts_of_one_row_are_scored_as_if_alone(make_model, kind):
    """Answers and the gradient that reaches the soft tokens: neither sees the texts beside it."""
    model = make_model(kind)
    row_of, prompts = [2, 0, 2, 3, 2], [[5, 6, 7], [], [8], [9, 10], []]
    targets = [[4, 5, 6, 3], [7], [8], [10, 11, 12, 13, 14], [6, 4]]
    soft = soft_tokens().requires_grad_()
    together = model.score(soft, prompts, targets, IMAGE, row_of)
    together.mean().sum().backward()
    gradient, soft.grad = soft.grad, None
    for text, row in enumerate(row_of):
        alone = model.score(soft[row : row + 1], [prompts[text]], [targets[text]], IMAGE[:1])
        found = together.log_probs[text][together.mask[text]]
        torch.testing.assert_close(found, alone.log_probs[alone.mask], atol=1e-5, rtol=1e-5)
        alone.mean().sum().backward()
    torch.testing.assert_close(gradient, soft.grad, atol=1e-5, rtol=1e-5)
    assert not gradient[1].any()  # about which nothing is said


@KINDS
@torch.no_grad()
def test_padding_token_inside_a_text_is_read_like_any_other(make_model, kind):
    """What is padding is known from lengths, not from ids."""
    model, soft = make_model(kind), soft_tokens(2)
    pad = model.spec.pad_id
    prompts, targets = [[5, pad, 6], [7]], [[pad, 8], [9, pad, 3]]
    scores = model.score(soft, prompts, targets, IMAGE[:2])
    for row in range(2):
        found = scores.log_probs[row][scores.mask[row]].tolist()
        assert found == pytest.approx(log_probs_by_hand(model, soft[row], prompts[row], targets[row]), abs=1e-5)


@KINDS
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beams": 4},
        {"min_tokens": 6},
        {"min_tokens": 6, "beams": 4},
        {"repetition_penalty": 3.0},
        {"sample": True, "seed": 1},
        {"sample": True, "seed": 1, "temperature": 0.3, "top_p": 0.7},
    ],
    ids=str,
)
@torch.no_grad()
def test_log_probs_of_a_sentence_are_its_score(make_model, kind, options):
    """Whatever decoding forbids or reweighs, what is reported is what the model thinks of the sentence."""
    model, soft = make_model(kind), soft_tokens()
    # A token that is often written, so that sentences end at different places.
    stop = greedy_by_hand(model, soft[0], PROMPTS[0], 3)[-1]
    model = make_model(kind, stop_id=stop)
    sentences = model.generate(soft, PROMPTS, IMAGE, Decoding(max_tokens=8, **options))
    written = [with_stop(model, sentence) for sentence in sentences]
    scores = model.score(soft, PROMPTS, written, IMAGE)
    for row, sentence in enumerate(sentences):
        assert sentence.log_probs == pytest.approx(scores.log_probs[row][scores.mask[row]].tolist(), abs=1e-5)


@KINDS
@torch.no_grad()
def test_beams_find_the_likeliest_of_all_sentences(make_model, kind):
    """As many beams as there are words see every sentence of two tokens."""
    model, soft = make_model(kind, vocab_size=13), soft_tokens()
    stop, words = model.spec.stop_id, range(13)
    prompts = [[5], [], [6, 7], [8]]
    sentences = model.generate(soft, prompts, IMAGE, Decoding(beams=13, max_tokens=2, length_penalty=0.0))
    for row, sentence in enumerate(sentences):
        first = next_log_probs(model, soft[row], prompts[row], []).tolist()
        totals = {(stop,): first[stop]}
        for word in words:
            if word != stop:
                second = next_log_probs(model, soft[row], prompts[row], [word]).tolist()
                totals |= {(word, other): first[word] + second[other] for other in words}
        best = max(totals, key=totals.get)
        assert tuple(with_stop(model, sentence)) == best
        assert sum(sentence.log_probs) == pytest.approx(totals[best], abs=1e-5)


@KINDS
@pytest.mark.parametrize("beams", [1, 3])
@torch.no_grad()
def test_a_sentence_ends_before_its_stop_token(make_model, kind, beams):
    soft, decoding = soft_tokens(1), Decoding(max_tokens=8, beams=beams)
    whole = make_model(kind).generate(soft, [[5]], ["image"], decoding)[0].ids
    lengths = []
    for stop in set(whole):
        (sentence,) = make_model(kind, stop_id=stop).generate(soft, [[5]], ["image"], decoding)
        assert stop not in sentence.ids
        assert len(sentence.log_probs) == min(len(sentence.ids) + 1, 8)
        if beams == 1:
            assert sentence.ids == whole[: whole.index(stop)]
        lengths.append(len(sentence.ids))
    assert min(lengths) < 8


@KINDS
@pytest.mark.parametrize("beams", [1, 3])
@torch.no_grad()
def test_min_and_max_tokens(make_model, kind, beams):
    model, soft = make_model(kind), soft_tokens()
    first = greedy_by_hand(model, soft[0], PROMPTS[0], 1)[0]
    model = make_model(kind, stop_id=first)
    shortest = model.generate(soft, PROMPTS, IMAGE, Decoding(max_tokens=6))
    assert shortest[0].ids == []
    assert len(shortest[0].log_probs) == 1
    for low, high in ((1, 1), (2, 6), (6, 6)):
        sentences = model.generate(soft, PROMPTS, IMAGE, Decoding(min_tokens=low, max_tokens=high, beams=beams))
        assert all(low <= len(sentence.ids) <= high for sentence in sentences)
        assert all(first not in sentence.ids for sentence in sentences)


@torch.no_grad()
def test_rows_that_all_end_at_once(make_model):
    model, soft = make_model("opt"), soft_tokens(1)
    model = make_model("opt", stop_id=greedy_by_hand(model, soft[0], [5], 1)[0])
    for beams in (1, 3):
        sentences = model.generate(soft.expand(3, -1, -1), [[5]] * 3, IMAGE[:3], Decoding(beams=beams, max_tokens=4))
        assert len({tuple(sentence.ids) for sentence in sentences}) == 1


@KINDS
@torch.no_grad()
def test_a_seed_repeats_the_draw_and_leaves_other_draws_alone(make_model, kind):
    model, soft = make_model(kind), soft_tokens()

    def draw(seed):
        decoding = Decoding(sample=True, seed=seed, max_tokens=10, temperature=2.0)
        return [sentence.ids for sentence in model.generate(soft, PROMPTS, IMAGE, decoding)]

    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = draw(1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert draw(1) == first
    assert draw(2) != first


@torch.no_grad()
def test_without_a_seed_draws_differ(make_model):
    model, decoding = make_model("opt"), Decoding(sample=True, max_tokens=10, temperature=2.0)
    first, second = (model.generate(soft_tokens(), PROMPTS, IMAGE, decoding) for _ in range(2))
    assert first != second


@torch.no_grad()
def test_sampling_draws_from_all_tokens(make_model):
    """A model to which all words are nearly alike writes all of them."""
    model = LanguageModel(replace(make_model("opt").spec, vocab_size=200, stop_id=199)).eval()
    model.model.get_input_embeddings().weight.mul_(1e-4)
    soft, decoding = soft_tokens(1).expand(900, -1, -1), Decoding(sample=True, seed=0, max_tokens=1)
    sentences = model.generate(soft, [[]] * 900, ["image"] * 900, decoding)
    assert len({tuple(sentence.ids) for sentence in sentences}) > 180


@torch.no_grad()
def test_top_p_and_temperature_narrow_the_draw(make_model):
    model, soft = make_model("opt"), soft_tokens()
    greedy = model.generate(soft, PROMPTS, IMAGE, Decoding(max_tokens=8))
    for options in ({"top_p": 1e-6}, {"temperature": 1e-4}):
        drawn = model.generate(soft, PROMPTS, IMAGE, Decoding(sample=True, seed=0, max_tokens=8, **options))
        assert [sentence.ids for sentence in drawn] == [sentence.ids for sentence in greedy]


@KINDS
@torch.no_grad()
def test_repetition_penalty_avoids_what_was_written(make_model, kind):
    model, soft = make_model(kind, stop_id=39), soft_tokens()
    plain, penalised = (
        model.generate(soft, PROMPTS, IMAGE, Decoding(max_tokens=20, repetition_penalty=penalty))
        for penalty in (1.0, 1e6)
    )
    assert any(len(set(sentence.ids)) < len(sentence.ids) for sentence in plain)
    assert all(len(set(sentence.ids)) == len(sentence.ids) for sentence in penalised)


@KINDS
@pytest.mark.parametrize("beams", [1, 3])
@torch.no_grad()
def test_half_precision(make_model, randomised, kind, beams):
    model = randomised(LanguageModel(make_model(kind).spec)).to(torch.bfloat16)
    assert model.score(soft_tokens(), PROMPTS, [[4, 5]] * ROWS, IMAGE).log_probs.dtype == torch.float32
    sentences = model.generate(soft_tokens(), PROMPTS, IMAGE, Decoding(max_tokens=5, beams=beams))
    assert all(len(sentence.ids) <= 5 for sentence in sentences)


@KINDS
def test_score_is_differentiable_to_the_soft_tokens(make_model, kind):
    soft = soft_tokens().requires_grad_()
    scores = make_model(kind).score(soft, PROMPTS, [[4], [5, 6], [7], [8, 9, 10]], IMAGE)
    scores.log_probs[scores.mask].sum().backward()
    assert (soft.grad.abs().amax(dim=(1, 2)) > 0).all()


HOSTILE = [
    ({"beams": 0}, "Decoding.beams is 0; expected 1 to 64"),
    ({"beams": -1}, "Decoding.beams is -1"),
    ({"beams": True}, "Decoding.beams is True; expected a whole number"),
    ({"beams": 2.0}, "Decoding.beams is 2.0; expected a whole number"),
    ({"beams": "5"}, "Decoding.beams is '5'; expected a whole number"),
    ({"beams": None}, "Decoding.beams is None; expected a whole number"),
    ({"beams": 10**6}, "Decoding.beams is 1000000; expected 1 to 64"),
    ({"max_tokens": 0}, "Decoding.max_tokens is 0"),
    ({"max_tokens": 10**9}, "Decoding.max_tokens is 1000000000; expected 1 to 4096"),
    ({"length_penalty": 1000.0}, "Decoding.length_penalty is 1000.0; expected -10 to 10"),
    ({"max_tokens": math.inf}, "Decoding.max_tokens is inf; expected a whole number"),
    ({"min_tokens": -1}, "Decoding.min_tokens is -1; expected 0 to max_tokens=30"),
    ({"min_tokens": 9, "max_tokens": 8}, "Decoding.min_tokens is 9; expected 0 to max_tokens=8"),
    ({"sample": 1}, "Decoding.sample is 1; expected True or False"),
    ({"temperature": 0}, "Decoding.temperature is 0.0; expected 1e-06 to 1e+06"),
    ({"temperature": 1e-40}, "Decoding.temperature is 1e-40; expected 1e-06 to 1e+06"),
    ({"temperature": math.nan}, "Decoding.temperature is nan; expected a finite number"),
    ({"temperature": math.inf}, "Decoding.temperature is inf; expected a finite number"),
    ({"temperature": 10**400}, "expected a finite number"),
    ({"top_p": 0.0}, "Decoding.top_p is 0.0; expected above 0, at most 1"),
    ({"top_p": 1.1}, "Decoding.top_p is 1.1; expected above 0, at most 1"),
    ({"top_p": [0.5]}, "Decoding.top_p is [0.5]; expected a finite number"),
    ({"seed": 1.5}, "Decoding.seed is 1.5; expected a whole number or None"),
    ({"seed": -1}, "Decoding.seed is -1; expected 0 to 2**63 - 1"),
    ({"seed": 2**63}, "expected 0 to 2**63 - 1"),
    ({"length_penalty": math.nan}, "Decoding.length_penalty is nan; expected a finite number"),
    ({"repetition_penalty": 0.0}, "Decoding.repetition_penalty is 0.0; expected 1e-06 to 1e+06"),
]


EXTREMES = [
    {"beams": 3, "length_penalty": 10},
    {"beams": 3, "length_penalty": -10},
    {"sample": True, "seed": 0, "temperature": 1e-6},
    {"sample": True, "seed": 0, "temperature": 1e6},
    {"repetition_penalty": 1e-6},
    {"repetition_penalty": 1e6},
]


@pytest.mark.parametrize("options", EXTREMES, ids=str)
@KINDS
def test_decoding_works_at_the_ends_of_its_ranges(make_model, kind, options):
    sentences = make_model(kind).generate(soft_tokens(), PROMPTS, IMAGE, Decoding(max_tokens=12, **options))
    assert all(math.isfinite(value) for sentence in sentences for value in sentence.log_probs)


@pytest.mark.parametrize(("options", "message"), HOSTILE, ids=lambda item: str(item)[:30])
def test_decoding_refuses(options, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        Decoding(**options)


@torch.no_grad()
def test_decoding_takes_numbers_of_numpy(make_model):
    plain = Decoding(beams=2, max_tokens=5, sample=True, seed=3, temperature=0.5)
    numbers = Decoding(
        beams=np.int64(2), max_tokens=np.int32(5), sample=True, seed=np.uint8(3), temperature=np.float32(0.5)
    )
    found = [make_model("opt").generate(soft_tokens(), PROMPTS, IMAGE, options) for options in (plain, numbers)]
    assert found[0] == found[1]


def test_unknown_activation_is_refused(make_spec):
    with pytest.raises(InvalidSpec, match=r"activation is 'sofmax'; known are .*gelu"):
        LanguageModel(replace(make_spec().language, activation="sofmax"))


def test_sizes_reach_the_configuration(make_spec):
    opt, llama, t5 = (language_config(make_spec(kind).language) for kind in ("opt", "llama", "t5"))
    assert (opt.hidden_size, opt.ffn_dim, opt.num_hidden_layers, opt.num_attention_heads) == (16, 32, 2, 2)
    assert (llama.hidden_size, llama.intermediate_size, llama.num_key_value_heads, llama.head_dim) == (16, 32, 1, 8)
    assert (t5.d_model, t5.d_kv, t5.d_ff, t5.num_layers, t5.num_decoder_layers, t5.num_heads) == (16, 6, 32, 2, 2, 2)
    assert (t5.decoder_start_token_id, t5.dense_act_fn, t5.is_gated_act) == (0, "gelu", True)


@pytest.mark.parametrize(("kind", "tied"), [("opt", True), ("llama", False), ("t5", False)])
def test_word_head_is_tied_as_the_spec_says(make_spec, kind, tied):
    model = LanguageModel(make_spec(kind).language).model
    head, words = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    assert (head is words) == tied
