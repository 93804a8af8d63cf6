"""The Q-Former: parity with transformers, shared memories, and who may see whom."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from transformers import Blip2QFormerConfig
from transformers.models.bert.modeling_bert import BertConfig, BertLMPredictionHead
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel, Blip2TextEmbeddings

from region_perception.network.qformer import QFormer

MEMORY_WIDTH = 10
CLOSE = {"atol": 1e-5, "rtol": 0}


@pytest.fixture(scope="module")
def spec(make_spec):
    return make_spec().qformer


@pytest.fixture(scope="module")
def qformer(spec, randomised):
    return randomised(QFormer(spec, MEMORY_WIDTH))


@pytest.fixture(scope="module")
def theirs(qformer, spec):
    """transformers' Q-Former and text embeddings with the same weights."""
    config = Blip2QFormerConfig(
        vocab_size=spec.vocab_size,
        hidden_size=spec.width,
        num_hidden_layers=spec.depth,
        num_attention_heads=spec.heads,
        intermediate_size=spec.ffn_width,
        max_position_embeddings=spec.max_text,
        cross_attention_frequency=spec.cross_every,
        encoder_hidden_size=MEMORY_WIDTH,
        use_qformer_text_input=True,
        pad_token_id=spec.pad_id,
    )
    model, embeddings = Blip2QFormerModel(config).eval(), Blip2TextEmbeddings(config).eval()
    weights = qformer.state_dict()
    embeddings.load_state_dict({name[11:]: value for name, value in weights.items() if name.startswith("embeddings.")})
    weights = {name: value for name, value in weights.items() if name.split(".")[0] not in ("embeddings", "word_head")}
    model.load_state_dict(weights)
    return model, embeddings


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def texts(rows, length, seed=0):
    """Ids without padding and special tokens."""
    return torch.randint(4, 40, (rows, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_queries_alone_give_what_transformers_gives(qformer, theirs):
    queries, tokens = noise(3, 4, 16), noise(3, 7, MEMORY_WIDTH, seed=1)
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[1, 4:] = False
    expected = theirs[0](query_embeds=queries, encoder_hidden_states=tokens, encoder_attention_mask=mask.long())
    found = qformer(queries, [qformer.remember(tokens, mask)])
    assert found.text is None
    torch.testing.assert_close(found.queries, expected.last_hidden_state, **CLOSE)


@torch.no_grad()
def test_text_alone_gives_what_transformers_gives(qformer, theirs):
    model, embeddings = theirs
    ids = texts(2, 6)
    ids[1, 4:] = 0
    expected = model(query_embeds=embeddings(input_ids=ids), query_length=0, attention_mask=(ids != 0).long())
    found = qformer(text=ids)
    assert found.queries is None
    torch.testing.assert_close(found.text, expected.last_hidden_state, **CLOSE)


@torch.no_grad()
def test_queries_and_text_together_give_what_transformers_gives(qformer, theirs):
    model, embeddings = theirs
    queries, tokens, ids = noise(2, 4, 16), noise(2, 7, MEMORY_WIDTH, seed=1), texts(2, 6)
    ids[1, 3:] = 0
    expected = model(
        query_embeds=embeddings(input_ids=ids, query_embeds=queries),
        query_length=4,
        attention_mask=torch.cat([torch.ones(2, 4, dtype=torch.long), (ids != 0).long()], dim=1),
        encoder_hidden_states=tokens,
    ).last_hidden_state
    found = qformer(queries, [qformer.remember(tokens)], ids, "both")
    torch.testing.assert_close(found.queries, expected[:, :4], **CLOSE)
    torch.testing.assert_close(found.text, expected[:, 4:], **CLOSE)


@torch.no_grad()
def test_word_head_is_bert_s_and_tied_to_the_embeddings(qformer, spec):
    config = BertConfig(hidden_size=spec.width, vocab_size=spec.vocab_size, hidden_act="gelu", layer_norm_eps=1e-12)
    bert, head = BertLMPredictionHead(config).eval(), qformer.word_head
    bert.transform.dense.load_state_dict(head.dense.state_dict())
    bert.transform.LayerNorm.load_state_dict(head.norm.state_dict())
    bert.decoder.weight.copy_(qformer.embeddings.word_embeddings.weight)
    bert.decoder.bias.copy_(head.bias)
    hidden = noise(2, 5, 16)
    torch.testing.assert_close(qformer.word_scores(hidden), bert(hidden), **CLOSE)
    assert [name for name, value in qformer.named_parameters() if value.shape == (40, 16)] == [
        "embeddings.word_embeddings.weight"
    ]


def test_without_a_text_branch_it_has_none_of_its_weights(spec, qformer, randomised):
    bare = randomised(QFormer(replace(spec, text_branch=False), MEMORY_WIDTH))
    names = set(dict(bare.named_parameters()))
    assert {name.split(".")[0] for name in names} == {"layernorm", "encoder"}
    text_only = (".intermediate.", ".output.dense", "embeddings", "word_head")
    missing = set(dict(qformer.named_parameters())) - names
    assert all(any(part in name for part in (*text_only, ".output.LayerNorm")) for name in missing)
    bare.load_state_dict({name: value for name, value in qformer.state_dict().items() if name in names})
    with torch.no_grad():
        memory = qformer.remember(noise(1, 7, MEMORY_WIDTH))
        torch.testing.assert_close(bare(noise(1, 4, 16), [memory]).queries, qformer(noise(1, 4, 16), [memory]).queries)


# Memories that rows share --------------------------------------------------------------------------------------------


def alone(qformer, queries, tokens, mask, observations):
    """Each row by itself, with the observation it reads remembered for it alone."""
    rows = []
    for row, observation in enumerate(observations):
        part = slice(observation, observation + 1)
        memory = qformer.remember(tokens[part], None if mask is None else mask[part])
        rows.append(qformer(queries[row : row + 1], [memory]).queries)
    return torch.cat(rows)


@pytest.mark.parametrize("counts", [(1, 1, 1), (3, 3, 3), (1, 4, 2), (0, 5, 1), (2, 0, 0)])
@pytest.mark.parametrize("masked", [False, True])
@torch.no_grad()
def test_rows_that_share_an_observation_read_it_as_if_alone(qformer, counts, masked):
    tokens, mask = noise(3, 7, MEMORY_WIDTH), None
    if masked:
        mask = torch.tensor([[True] * 7, [True] * 3 + [False] * 4, [False, True] * 3 + [True]])
    observations = [i for i, count in enumerate(counts) for _ in range(count)]
    queries = noise(len(observations), 4, 16, seed=1)
    found = qformer(queries, [qformer.remember(tokens, mask).read_by(counts)]).queries
    torch.testing.assert_close(found, alone(qformer, queries, tokens, mask, observations), **CLOSE)


@torch.no_grad()
def test_several_memories_of_different_lengths_and_masks(qformer):
    first, second, third = (
        noise(2, 7, MEMORY_WIDTH),
        noise(1, 3, MEMORY_WIDTH, seed=2),
        noise(2, 5, MEMORY_WIDTH, seed=3),
    )
    mask = torch.tensor([[True, True, False, False, False], [True] * 5])
    queries = noise(9, 4, 16, seed=1)
    memories = [
        qformer.remember(first).read_by([2, 1]),
        qformer.remember(second).read_by([2]),
        qformer.remember(third, mask).read_by([2, 2]),
    ]
    found = qformer(queries, memories).queries
    expected = [
        alone(qformer, queries[:3], first, None, [0, 0, 1]),
        alone(qformer, queries[3:5], second, None, [0, 0]),
        alone(qformer, queries[5:], third, mask, [0, 0, 1, 1]),
    ]
    torch.testing.assert_close(found, torch.cat(expected), **CLOSE)


@torch.no_grad()
def test_masked_tokens_are_not_read(qformer):
    tokens, mask = noise(1, 7, MEMORY_WIDTH), torch.tensor([[True] * 4 + [False] * 3])
    other = tokens.clone()
    other[:, 4:] = 100.0
    queries = noise(2, 4, 16, seed=1)
    found = [qformer(queries, [qformer.remember(seen, mask).read_by([2])]).queries for seen in (tokens, other)]
    assert torch.equal(*found)
    shorter = qformer(queries, [qformer.remember(tokens[:, :4]).read_by([2])]).queries
    torch.testing.assert_close(found[0], shorter, **CLOSE)


@torch.no_grad()
def test_no_rows_at_all(qformer):
    memory = qformer.remember(noise(2, 7, MEMORY_WIDTH)).read_by([0, 0])
    assert qformer(noise(0, 4, 16), [memory]).queries.shape == (0, 4, 16)


def test_memory_is_shared_not_copied(qformer):
    memory = qformer.remember(noise(1, 7, MEMORY_WIDTH))
    assert len(memory.keys) == len(memory.values) == 2  # of three layers, the first and the last look at it
    assert memory.keys[0].shape == (1, 2, 7, 8)
    shared = memory.read_by([500])
    assert all(ours is theirs for ours, theirs in zip(shared.keys, memory.keys, strict=True))
    assert memory.counts == (1,)


def test_counts_must_fit_the_observations(qformer):
    with pytest.raises(ValueError, match="3 counts for 2 observations"):
        qformer.remember(noise(2, 7, MEMORY_WIDTH)).read_by([1, 1, 1])


# The causal mask, and writing -------------------------------------------------------------------------------------


@torch.no_grad()
def test_later_text_changes_nothing_earlier_and_no_query(qformer):
    memory, queries, ids = qformer.remember(noise(2, 7, MEMORY_WIDTH)), noise(2, 4, 16, seed=1), texts(2, 6)
    whole = qformer(queries, [memory], ids, "causal")
    without = qformer(queries, [memory]).queries
    torch.testing.assert_close(whole.queries, without, **CLOSE)
    for place in range(6):
        changed = ids.clone()
        changed[:, place] = 39 - changed[:, place] // 2
        other = qformer(queries, [memory], changed, "causal")
        assert torch.equal(other.queries, whole.queries)
        assert torch.equal(other.text[:, :place], whole.text[:, :place])
        differs = (other.text[:, place:] - whole.text[:, place:]).abs().amax(dim=(0, 2))
        assert (differs > 1e-4).all()  # what stands there and after sees the change


@torch.no_grad()
def test_text_that_writes_sees_the_queries(qformer):
    memory, ids = qformer.remember(noise(1, 7, MEMORY_WIDTH)), texts(1, 6)
    found = [qformer(noise(1, 4, 16, seed=seed), [memory], ids, "causal").text for seed in (1, 2)]
    assert ((found[0] - found[1]).abs().amax(dim=(0, 2)) > 1e-4).all()


@torch.no_grad()
def test_both_ways_queries_see_text(qformer):
    memory, queries = qformer.remember(noise(1, 7, MEMORY_WIDTH)), noise(1, 4, 16, seed=1)
    found = [qformer(queries, [memory], texts(1, 6, seed), "both").queries for seed in (1, 2)]
    assert ((found[0] - found[1]).abs().amax(dim=(0, 2)) > 1e-4).all()


@pytest.mark.parametrize("text_mask", ["both", "causal"])
@torch.no_grad()
def test_padding_is_ignored(qformer, text_mask):
    memory, queries, ids = qformer.remember(noise(1, 7, MEMORY_WIDTH)), noise(1, 4, 16, seed=1), texts(1, 5)
    padded = F.pad(ids, (0, 3), value=qformer.spec.pad_id)
    short, long = (qformer(queries, [memory], part, text_mask) for part in (ids, padded))
    torch.testing.assert_close(long.queries, short.queries, **CLOSE)
    torch.testing.assert_close(long.text[:, :5], short.text, **CLOSE)
    torch.testing.assert_close(qformer(text=padded).text[:, :5], qformer(text=ids).text, **CLOSE)


class OneByOne:
    """Writing as it is done with a cache: queries first, then one token after the other, each seeing all before it.

    Written from the definition, for one row: plain matrices and loops, no masks.
    """

    def __init__(self, qformer, queries, tokens):
        self.qformer, self.seen = qformer, [[] for _ in qformer.encoder.layer]
        hidden = self._norm(queries, qformer.layernorm)
        for layer, seen in zip(qformer.encoder.layer, self.seen, strict=True):
            seen.extend(hidden)
            hidden = self._attend(layer.attention, hidden, torch.stack(seen))
            if layer.crossattention is not None:
                hidden = self._attend(layer.crossattention, hidden, tokens)
            hidden = self._feed(hidden, layer.intermediate_query, layer.output_query)
        self.queries, self.length = hidden, 0

    def write(self, token):
        """The word scores [V] after one more token."""
        embeddings = self.qformer.embeddings
        hidden = embeddings.word_embeddings.weight[token] + embeddings.position_embeddings.weight[self.length]
        hidden = self._norm(hidden[None], self.qformer.layernorm)
        self.length += 1
        for layer, seen in zip(self.qformer.encoder.layer, self.seen, strict=True):
            seen.extend(hidden)
            hidden = self._attend(layer.attention, hidden, torch.stack(seen))
            hidden = self._feed(hidden, layer.intermediate, layer.output)
        head = self.qformer.word_head
        hidden = self._norm(F.gelu(hidden @ head.dense.weight.T + head.dense.bias), head.norm)
        return (hidden @ embeddings.word_embeddings.weight.T + head.bias)[0]

    @staticmethod
    def _norm(hidden, norm):
        centred = hidden - hidden.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-12).sqrt() * norm.weight + norm.bias

    def _attend(self, attention, hidden, seen):
        project, parts = attention.attention, []
        width = hidden.shape[1] // project.heads
        for head in range(project.heads):
            part = slice(head * width, (head + 1) * width)
            query, key, value = (
                source @ linear.weight[part].T + linear.bias[part]
                for source, linear in ((hidden, project.query), (seen, project.key), (seen, project.value))
            )
            parts.append((query @ key.T / width**0.5).softmax(-1) @ value)
        return self._finish(torch.cat(parts, dim=1), attention.output, hidden)

    def _feed(self, hidden, first, second):
        return self._finish(F.gelu(hidden @ first.dense.weight.T + first.dense.bias), second, hidden)

    def _finish(self, hidden, output, residual):
        return self._norm(hidden @ output.dense.weight.T + output.dense.bias + residual, output.LayerNorm)


@torch.no_grad()
def test_writing_in_one_pass_equals_writing_token_by_token(qformer):
    queries, tokens, ids = noise(2, 4, 16, seed=1), noise(2, 7, MEMORY_WIDTH), texts(2, 6)
    output = qformer(queries, [qformer.remember(tokens)], ids, "causal")
    scores = qformer.word_scores(output.text)
    for row in range(2):
        writer = OneByOne(qformer, queries[row], tokens[row])
        torch.testing.assert_close(output.queries[row], writer.queries, **CLOSE)
        for place in range(6):
            torch.testing.assert_close(scores[row, place], writer.write(ids[row, place]), **CLOSE)


def test_first_weights_let_as_much_through_in_a_narrow_network_as_in_a_wide_one(spec):
    """Spread by what they sum over: with BERT's 0.02 a narrow network learns late to look at its memory."""
    for width in (24, 96):
        torch.manual_seed(0)
        narrow = QFormer(replace(spec, width=width, ffn_width=4 * width), 64)
        for name, module in narrow.named_modules():
            if isinstance(module, torch.nn.Linear) and module.weight.numel() > 500:
                assert float(module.weight.detach().std()) * module.in_features**0.5 == pytest.approx(1, abs=0.15), name
