"""What the Q-Former computes and keeps, pass by pass; see `network/qformer.py` for its layers."""

from dataclasses import dataclass

from region_perception.network.spec import QFormerSpec
from region_perception.training.planning.work import FLOAT, Linears, Work


@dataclass(frozen=True)
class Looked:
    """What a pass looks at: so many observations of so many tokens."""

    observations: float
    tokens: int
    biased: bool = False
    """Whether some tokens are preferred: attention is then written out, and its chances are kept."""


def remember(work: Work, spec: QFormerSpec, seen: Looked, width: int, linears: Linears, *, back: bool) -> None:
    """Keys and values of tokens `width` wide, for every cross-attention; back: whether tokens take a gradient."""
    rows = seen.observations * seen.tokens
    for _ in _crossing(spec):
        work.linears(rows, width, [("key", spec.width), ("value", spec.width)], linears, back=back)
        work.keep(2 * rows * spec.width)


def querying(
    work: Work, spec: QFormerSpec, linears: Linears, *, rows: float, text: int = 0, seen: Looked | None = None
) -> None:
    """One pass of so many rows: queries where something is `seen`, and texts of so many tokens (0: none)."""
    queries = 0 if seen is None else spec.queries
    # Words do not learn; the first layer of a pass without queries has nobody to go back to.
    back = seen is not None or linears.learns
    for layer in range(spec.depth):
        tokens = rows * (queries + text)
        crosses = seen if layer in _crossing(spec) else None
        with work.layer((2 + (crosses is not None)) * tokens * spec.width * work.norm):
            _to_self(work, spec, rows, queries + text, linears, back)
            if crosses is not None:
                _to_memory(work, spec, rows * queries, crosses, linears)
            for part in (rows * queries, rows * text):
                if part:
                    _feed(work, spec, part, linears)
        back = True


def word_scores(work: Work, spec: QFormerSpec, words: float, linears: Linears) -> None:
    """Scores of the text branch over its vocabulary, for so many words, and their cross-entropy."""
    work.linears(words, spec.width, [("dense", spec.width)], linears)
    work.keep(words * spec.width)
    work.normed(words * spec.width)
    work.linears(words, spec.width, [("words", spec.vocab_size)], linears)
    work.keep(words * spec.vocab_size, FLOAT)
    work.needs(2 * words * spec.vocab_size * FLOAT)


def _crossing(spec: QFormerSpec) -> range:
    return range(0, spec.depth, spec.cross_every)


def _to_self(work: Work, spec: QFormerSpec, rows: float, length: int, linears: Linears, back: bool) -> None:
    names = [(name, spec.width) for name in ("query", "key", "value")]
    work.linears(rows * length, spec.width, names, linears, back=back)
    work.attention(rows, length, length, spec.width)
    work.linears(rows * length, spec.width, [("dense", spec.width)], linears, stored=True)
    work.normed(rows * length * spec.width)


def _to_memory(work: Work, spec: QFormerSpec, queries: float, seen: Looked, linears: Linears) -> None:
    work.linears(queries, spec.width, [("query", spec.width)], linears)
    work.attention(1, queries, seen.tokens, spec.width, own_keys=False)
    if seen.biased:
        work.keep(2 * queries * spec.heads * seen.tokens, FLOAT)
    work.linears(queries, spec.width, [("dense", spec.width)], linears, stored=True)
    work.normed(queries * spec.width)


def _feed(work: Work, spec: QFormerSpec, tokens: float, linears: Linears) -> None:
    work.linears(tokens, spec.width, [("dense", spec.ffn_width)], linears)
    work.keep(tokens * spec.ffn_width)
    work.linears(tokens, spec.ffn_width, [("dense", spec.width)], linears)
    work.normed(tokens * spec.width)
