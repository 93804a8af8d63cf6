"""What the language model computes and keeps."""

from dataclasses import dataclass

from region_perception.network.spec import LanguageSpec
from region_perception.training.planning.work import FLOAT, Linears, Work


@dataclass(frozen=True)
class Written:
    """What is written about so many rows: of each its texts, the tokens of all their prompts, those of all targets."""

    rows: float
    texts: int
    prompts: int
    targets: int


def write(work: Work, spec: LanguageSpec, soft: int, written: Written, linears: Linears) -> None:
    """`soft` soft tokens, and the texts after them."""
    if spec.is_encoder_decoder:
        _encode_and_decode(work, spec, soft, written, linears)
    else:
        length = soft + 1 + written.prompts + written.targets
        for _ in range(spec.depth):
            _decoder_layer(work, spec, written.rows, length, linears)
        work.normed(written.rows * length * spec.width)
    words = written.rows * written.targets
    work.linears(words, spec.width, [("lm_head", spec.vocab_size)], linears)
    work.keep(words * spec.vocab_size, FLOAT)  # log-probabilities
    work.needs(words * spec.vocab_size * (work.value + 2 * FLOAT))


def _decoder_layer(work: Work, spec: LanguageSpec, rows: float, length: float, linears: Linears) -> None:
    """OPT's or LLaMA's."""
    tokens, width = rows * length, spec.width
    llama = spec.kind == "llama"
    inner = (spec.head_width or width // spec.heads) * spec.heads
    keys = inner * (spec.kv_heads or spec.heads) // spec.heads
    with work.layer(tokens * width * work.value):
        work.normed(tokens * width)
        work.linears(tokens, width, [("q_proj", inner), ("k_proj", keys), ("v_proj", keys)], linears)
        work.attention(rows, length, length, inner)
        work.linears(tokens, inner, [("o_proj" if llama else "out_proj", width)], linears, stored=True)
        work.normed(tokens * width)
        if llama:
            _gated(work, spec, tokens, ("gate_proj", "up_proj", "down_proj"), linears)
            return
        work.linears(tokens, width, [("fc1", spec.ffn_width)], linears)
        work.keep(tokens * spec.ffn_width)
        # ReLU keeps what it gives out, others what they are given.
        work.linears(tokens, spec.ffn_width, [("fc2", width)], linears, stored=spec.activation == "relu")


def _gated(work: Work, spec: LanguageSpec, tokens: float, names: tuple[str, str, str], linears: Linears) -> None:
    gate, up, down = names
    work.linears(tokens, spec.width, [(gate, spec.ffn_width), (up, spec.ffn_width)], linears)
    work.keep(3 * tokens * spec.ffn_width)
    work.linears(tokens, spec.ffn_width, [(down, spec.width)], linears)


def _encode_and_decode(work: Work, spec: LanguageSpec, soft: int, written: Written, linears: Linears) -> None:
    """T5: each text has its own pass over the soft tokens, and they are read over again by every layer that writes."""
    texts = written.rows * written.texts
    read, said = soft + written.prompts / written.texts + 1, written.targets / written.texts
    inner = (spec.head_width or spec.width // spec.heads) * spec.heads
    for _ in range(spec.depth):
        with work.layer(texts * read * spec.width * work.value):
            _t5_attention(work, spec, texts, (read, read), inner, linears)
            _t5_feed(work, spec, texts * read, linears)
    for _ in range(spec.depth):
        with work.layer(texts * said * spec.width * work.value):
            _t5_attention(work, spec, texts, (said, said), inner, linears)
            _t5_attention(work, spec, texts, (said, read), inner, linears, crosses=True)
            _t5_feed(work, spec, texts * said, linears)
    _t5_norm(work, texts * (read + said) * spec.width)


def _t5_attention(
    work: Work,
    spec: LanguageSpec,
    texts: float,
    lengths: tuple[float, float],
    inner: int,
    linears: Linears,
    *,
    crosses: bool = False,
) -> None:
    queries, keys = lengths
    _t5_norm(work, texts * queries * spec.width)
    read = [("k", inner), ("v", inner)]
    if crosses:
        work.linears(texts * queries, spec.width, [("q", inner)], linears)
        work.linears(texts * keys, spec.width, read, linears)
    else:
        work.linears(texts * queries, spec.width, [("q", inner), *read], linears)
    work.attention(texts, queries, keys, inner)
    # Its attention is written out: chances are kept in full and as they are multiplied with the values.
    chances = texts * spec.heads * queries * keys
    work.keep(chances, FLOAT + (work.value if work.value != FLOAT else 0))
    work.linears(texts * queries, inner, [("o", spec.width)], linears, stored=True)


def _t5_feed(work: Work, spec: LanguageSpec, tokens: float, linears: Linears) -> None:
    _t5_norm(work, tokens * spec.width)
    _gated(work, spec, tokens, ("wi_0", "wi_1", "wo"), linears)


def _t5_norm(work: Work, values: float) -> None:
    """It squares in full, and keeps that beside its input where the two differ."""
    work.keep(values, FLOAT + (work.value if work.value != FLOAT else 0))
