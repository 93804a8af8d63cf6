"""Language models behind one interface: soft tokens and a prompt in, a sentence (or the likelihood of one) out.

Decoder-only models (OPT, LLaMA family) read [soft tokens, bos, prompt] and go on writing, so rows of unequal length are
padded before bos; padding is masked and takes no position. Texts that are known lie side by side after the soft tokens
that they share (`side_by_side`). Encoder-decoder models (T5) read [soft tokens, prompt, eos] in the encoder, padded at
the end, and write in the decoder. Texts are lists of token ids: tokenizers live elsewhere.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from region_perception.errors import InvalidInput, InvalidSpec
from region_perception.network.adapters import routed
from region_perception.network.side_by_side import side_by_side
from region_perception.network.spec import LanguageSpec

TokenIds = Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a sentence is searched for. The defaults are greedy; RegionBLIP's figures use 5 beams and 8 to 30 tokens."""

    beams: int = 1
    max_tokens: int = 30
    min_tokens: int = 0
    sample: bool = False
    """Draw at random instead of taking the likeliest; with `seed`, the same draw every time."""
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    """Above 1, tokens that were written already become less likely; those of the prompt do not."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not _is_a(item.type, value):
                expected = _EXPECTED.get(item.type, "a whole number or None")
                raise InvalidInput(f"Decoding.{item.name} is {value!r}; expected {expected}")
            if item.type in _EXPECTED:
                # transformers takes neither NumPy's numbers nor a whole number where it expects a float.
                object.__setattr__(self, item.name, item.type(value))
        for name, (least, most) in _LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise InvalidInput(f"Decoding.{name} is {getattr(self, name)}; expected {least:g} to {most:g}")
        if not 0 <= self.min_tokens <= self.max_tokens:
            raise InvalidInput(f"Decoding.min_tokens is {self.min_tokens}; expected 0 to max_tokens={self.max_tokens}")
        if not 0 < self.top_p <= 1:
            raise InvalidInput(f"Decoding.top_p is {self.top_p}; expected above 0, at most 1")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InvalidInput(f"Decoding.seed is {self.seed}; expected 0 to 2**63 - 1")


# Beyond these, time or memory has no bounds, or powers and quotients of scores leave the range of floats.
_LIMITS = {
    "beams": (1, 64),
    "max_tokens": (1, 4096),
    "temperature": (1e-6, 1e6),
    "repetition_penalty": (1e-6, 1e6),
    "length_penalty": (-10, 10),
}

_EXPECTED: dict[Any, str] = {bool: "True or False", int: "a whole number", float: "a finite number"}


def _is_a(kind: Any, value: object) -> bool:
    """Whether `value` is what a field of `Decoding` of type `kind` takes: NumPy's numbers too, but nothing infinite."""
    if kind is bool:
        return isinstance(value, bool)
    if kind is float:
        return isinstance(value, Real) and not isinstance(value, bool) and _is_finite(value)
    return (isinstance(value, Integral) and not isinstance(value, bool)) or (value is None and kind is not int)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


class Sentence(NamedTuple):
    """Generated token ids without the one that ended them, and the log-probability of each, the ending included."""

    ids: list[int]
    log_probs: list[float]


class Scores(NamedTuple):
    """Log-probabilities of target tokens [R, T] and where they are (bool [R, T])."""

    log_probs: Tensor
    mask: Tensor

    def mean(self) -> Tensor:
        """The mean over each row's own tokens [R]."""
        return (self.log_probs * self.mask).sum(1) / self.mask.sum(1).clamp(min=1)


class LanguageModel(nn.Module):
    """A transformers language model built from a spec, see the head of this file."""

    def __init__(self, spec: LanguageSpec) -> None:
        super().__init__()
        self.spec = spec
        self.model = _build(spec)

    def generate(
        self, soft: Tensor, prompts: Sequence[TokenIds], modalities: Sequence[str], decoding: Decoding
    ) -> list[Sentence]:
        """One sentence for each row of soft tokens [R, Q, width]; row i uses the adapter of modalities[i]."""
        inputs, mask = self._context(soft, prompts)
        with routed(modalities), _seeded(decoding), _without_known_warning(decoding):
            output = self.model.generate(
                inputs_embeds=inputs, attention_mask=mask, generation_config=self._generation_config(decoding)
            )
        written = output.sequences[:, 1:] if self.spec.is_encoder_decoder else output.sequences
        log_probs = _log_probs_of(written, output.logits, getattr(output, "beam_indices", None))
        return [self._sentence(ids, scores) for ids, scores in zip(written.tolist(), log_probs.tolist(), strict=True)]

    def score(
        self,
        soft: Tensor,
        prompts: Sequence[TokenIds],
        targets: Sequence[TokenIds],
        modalities: Sequence[str],
        row_of: Sequence[int] | None = None,
    ) -> Scores:
        """Log-probability of every token of `targets[i]` after row `row_of[i]` of soft tokens and `prompts[i]`.

        Without `row_of` text i follows row i. Row i of soft tokens uses the adapter of modalities[i]. Differentiable.
        """
        rows = list(range(len(soft)) if row_of is None else row_of)
        if self.spec.is_encoder_decoder:
            with routed([modalities[row] for row in rows]):
                return self._score_encoder_decoder(soft[rows], prompts, targets)
        with routed(modalities):
            return self._score_decoder_only(soft, prompts, targets, rows)

    def _score_decoder_only(
        self, soft: Tensor, prompts: Sequence[TokenIds], targets: Sequence[TokenIds], row_of: Sequence[int]
    ) -> Scores:
        """Texts of one row lie side by side, so that its soft tokens pass once and little is padded."""
        spec, width = self.spec, soft.shape[1]
        texts = side_by_side(
            prompts, targets, row_of, len(soft), bos_id=spec.bos_id, pad_id=spec.pad_id, device=soft.device
        )
        embedded = self.model.get_input_embeddings()(texts.ids)
        hidden = self.model.base_model(
            inputs_embeds=torch.cat([soft.to(embedded.dtype), embedded], dim=1),
            attention_mask=texts.sees(width),
            position_ids=texts.positions(width),
            use_cache=False,
        ).last_hidden_state
        rows, columns = torch.tensor(texts.before, dtype=torch.int64, device=soft.device)
        logits = self.model.get_output_embeddings()(hidden[rows, columns + width])
        ids, present = _pad(targets, spec.pad_id, soft.device, side="left")
        log_probs = _gather(logits, ids[present])
        return Scores(torch.zeros_like(ids, dtype=log_probs.dtype).masked_scatter(present, log_probs), present)

    def _score_encoder_decoder(self, soft: Tensor, prompts: Sequence[TokenIds], targets: Sequence[TokenIds]) -> Scores:
        inputs, mask = self._context(soft, prompts)
        ids, present = _pad(targets, self.spec.pad_id, soft.device, side="right")
        start = torch.full_like(ids[:, :1], self.spec.bos_id)
        logits = self.model(
            inputs_embeds=inputs,
            attention_mask=mask,
            decoder_input_ids=torch.cat([start, ids[:, :-1]], dim=1),
            use_cache=False,
        ).logits
        return Scores(_gather(logits, ids), present)

    def _context(self, soft: Tensor, texts: Sequence[TokenIds]) -> tuple[Tensor, Tensor]:
        """Input embeddings [R, L, width] and attention mask [R, L] of soft tokens followed by texts."""
        if self.spec.is_encoder_decoder:
            ids, present = _pad([[*text, self.spec.eos_id] for text in texts], self.spec.pad_id, soft.device, "right")
        else:
            ids, present = _pad([[self.spec.bos_id, *text] for text in texts], self.spec.pad_id, soft.device, "left")
        soft_present = torch.ones(soft.shape[:2], dtype=torch.bool, device=soft.device)
        embedded = self.model.get_input_embeddings()(ids)
        inputs = torch.cat([soft.to(embedded.dtype), embedded], dim=1)
        mask = torch.cat([soft_present, present], dim=1)
        return inputs, mask.long()

    def _generation_config(self, decoding: Decoding) -> Any:
        from transformers import GenerationConfig

        # transformers draws among the 50 likeliest tokens unless top_k is 0.
        options: dict[str, Any] = {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
        return GenerationConfig(
            num_beams=decoding.beams,
            max_new_tokens=decoding.max_tokens,
            min_new_tokens=decoding.min_tokens or None,
            do_sample=decoding.sample,
            length_penalty=decoding.length_penalty,
            repetition_penalty=decoding.repetition_penalty,
            pad_token_id=self.spec.pad_id,
            bos_token_id=self.spec.bos_id,
            eos_token_id=self.spec.stop_id,
            decoder_start_token_id=self.spec.bos_id if self.spec.is_encoder_decoder else None,
            return_dict_in_generate=True,
            output_logits=True,
            **(options if decoding.sample else {}),
        )

    def _sentence(self, ids: list[int], log_probs: list[float]) -> Sentence:
        if self.spec.stop_id not in ids:
            return Sentence(ids, log_probs)
        end = ids.index(self.spec.stop_id)
        return Sentence(ids[:end], log_probs[: end + 1])


def _log_probs_of(written: Tensor, logits: Sequence[Tensor], beams: Tensor | None) -> Tensor:
    """Log-probability [R, T] of every written token [R, T], from the logits [R or R * beams, V] of every step.

    These are the model's own, before anything that decoding forbids or reweighs. `beams` [R, T] says which row of a
    step's logits each token was taken from.
    """
    steps = [
        _gather(step if beams is None else step[beams[:, i].clamp(min=0)], written[:, i])
        for i, step in enumerate(logits[: written.shape[1]])
    ]
    return torch.stack(steps, dim=1)


def _gather(logits: Tensor, ids: Tensor) -> Tensor:
    return logits.float().log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)


def _pad(texts: Sequence[TokenIds], pad_id: int, device: torch.device, side: str) -> tuple[Tensor, Tensor]:
    """Token ids [R, T] padded on one side, and where they are (bool [R, T])."""
    longest = max(len(text) for text in texts)
    ids = torch.full((len(texts), longest), pad_id, dtype=torch.long)
    present = torch.zeros(len(texts), longest, dtype=torch.bool)
    for row, text in enumerate(texts):
        if text:
            span = slice(longest - len(text), longest) if side == "left" else slice(len(text))
            ids[row, span] = torch.tensor(list(text), dtype=torch.long)
            present[row, span] = True
    return ids.to(device), present.to(device)


@contextmanager
def _without_known_warning(decoding: Decoding) -> Iterator[None]:
    """`Decoding.repetition_penalty` says what transformers warns of."""
    if decoding.repetition_penalty == 1:  # Python's filters belong to all threads: best left alone
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Passing `repetition_penalty` with `inputs_embeds`")
        yield


@contextmanager
def _seeded(decoding: Decoding) -> Iterator[None]:
    """Sampling with a seed leaves the global random state as it was."""
    seed = decoding.seed if decoding.sample else None
    with torch.random.fork_rng(enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        yield


def _build(spec: LanguageSpec) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.activations import ACT2FN

    if spec.activation not in ACT2FN:
        known = ", ".join(sorted(ACT2FN))
        raise InvalidSpec(f"LanguageSpec.activation is {spec.activation!r}; known are {known}")
    kind = AutoModelForSeq2SeqLM if spec.is_encoder_decoder else AutoModelForCausalLM
    model = kind.from_config(language_config(spec))
    if spec.is_encoder_decoder and not spec.tied_embeddings:
        # transformers 5 ties T5's word head to the word embeddings whatever its configuration says.
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
        del model.all_tied_weights_keys["lm_head.weight"]
    return model


def language_config(spec: LanguageSpec) -> Any:
    """The transformers configuration that `spec` describes."""
    from transformers import LlamaConfig, OPTConfig, T5Config

    common = {
        "vocab_size": spec.vocab_size,
        "pad_token_id": spec.pad_id,
        "bos_token_id": spec.bos_id,
        "eos_token_id": spec.eos_id,
        "tie_word_embeddings": spec.tied_embeddings,
    }
    if spec.kind == "opt":
        return OPTConfig(
            **common,
            hidden_size=spec.width,
            word_embed_proj_dim=spec.width,
            num_hidden_layers=spec.depth,
            num_attention_heads=spec.heads,
            ffn_dim=spec.ffn_width,
            max_position_embeddings=spec.max_positions,
            activation_function=spec.activation,
        )
    if spec.kind == "llama":
        return LlamaConfig(
            **common,
            hidden_size=spec.width,
            num_hidden_layers=spec.depth,
            num_attention_heads=spec.heads,
            num_key_value_heads=spec.kv_heads or spec.heads,
            head_dim=spec.head_width or spec.width // spec.heads,
            intermediate_size=spec.ffn_width,
            max_position_embeddings=spec.max_positions,
            hidden_act=spec.activation,
            rms_norm_eps=spec.norm_eps,
        )
    config = T5Config(
        **common,
        d_model=spec.width,
        d_kv=spec.head_width or spec.width // spec.heads,
        d_ff=spec.ffn_width,
        num_layers=spec.depth,
        num_heads=spec.heads,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=spec.bos_id,
    )
    # Flan-T5's own configuration says the tanh approximation of GELU; BLIP-2 was trained with the exact one.
    config.dense_act_fn = spec.activation
    return config
