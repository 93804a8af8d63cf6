"""BLIP-2 of transformers against the same weights in a network of ours: whole images, logits and tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from region_perception.network.language import Decoding
from region_perception.network.region_blip import Glance
from region_perception.weights.blip2 import export_blip2, import_blip2

PROMPTS = [[20, 21, 22, 23, 24, 25], [30], []]

# Language model, seed, changes of the configuration, side of the picture.
MODELS = {
    "opt": ("opt", 0, {}, 28),
    "opt-crossing": ("opt", 1, {"num_query_tokens": 3, "qformer": {"cross_attention_frequency": 1}}, 28),
    "opt-larger-picture": ("opt", 2, {"text": {"activation_function": "gelu"}}, 42),
    "t5": ("t5", 0, {}, 28),
    "t5-larger-picture": ("t5", 1, {"text": {"dense_act_fn": "gelu_new", "num_heads": 5}}, 42),
    "t5-tied": ("t5", 2, {"text": {"tie_word_embeddings": True}}, 28),
    "llama": ("llama", 3, {}, 28),
    "llama-2": ("llama", 4, {"text": {"rms_norm_eps": 1e-2}}, 28),  # theirs is 1e-5, which nobody would see
}

# Ours, and what of it transformers calls otherwise.
DECODINGS = {
    "greedy": (Decoding(max_tokens=12), {}),
    "greedy-lengths": (Decoding(max_tokens=9, min_tokens=9), {"min_new_tokens": 9}),
    "beam": (Decoding(max_tokens=12, beams=5), {"num_beams": 5}),
    "beam-lengths": (
        Decoding(max_tokens=10, min_tokens=8, beams=5, length_penalty=-1.0),
        {"num_beams": 5, "min_new_tokens": 8, "length_penalty": -1.0},
    ),
}


class Pair:
    """The same weights as a model of transformers and as a network of ours, and three pictures."""

    def __init__(self, blip2s: Any, folder: Path, language: str, seed: int, changes: dict[str, Any], side: int) -> None:
        from transformers import Blip2ForConditionalGeneration

        config = blip2s.config(language, **changes)
        blip2s.save(blip2s.build(config, seed), folder)
        self.theirs = Blip2ForConditionalGeneration.from_pretrained(folder).eval()
        self.ours, _, self.report = import_blip2(folder)
        self.image_token = blip2s.image_token
        self.pixels = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 1.5

    def inputs(self, prompts: list[list[int]]) -> tuple[Tensor, Tensor]:
        """Token ids and mask as transformers' processor makes them: image tokens, then the text, padded."""
        language = self.ours.spec.language
        soft = [self.image_token] * self.ours.spec.qformer.queries
        if language.is_encoder_decoder:
            rows = [[*soft, *prompt, language.eos_id] for prompt in prompts]
        else:
            rows = [[*soft, language.bos_id, *prompt] for prompt in prompts]
        longest = max(map(len, rows))
        pads = [[language.pad_id] * (longest - len(row)) for row in rows]
        ordered = [row + pad if language.is_encoder_decoder else pad + row for row, pad in zip(rows, pads, strict=True)]
        ids = torch.tensor(ordered)
        return ids, (ids != language.pad_id).long()

    def found(self) -> Tensor:
        memory = self.ours.remember(self.ours.encode_images(self.pixels), "image")
        return self.ours.read([Glance("image", memory)])

    def their_tokens(self, prompts: list[list[int]], options: dict[str, Any]) -> list[list[int]]:
        ids, mask = self.inputs(prompts)
        written = self.theirs.generate(
            pixel_values=self.pixels,
            input_ids=ids,
            attention_mask=mask,
            interpolate_pos_encoding=True,
            **options,
        )
        language = self.ours.spec.language
        start = 1 if language.is_encoder_decoder else ids.shape[1]
        return [_until(row[start:].tolist(), language.stop_id) for row in written]

    def our_tokens(self, prompts: list[list[int]], decoding: Decoding) -> list[list[int]]:
        sentences = self.ours.generate(self.found(), ["image"] * len(prompts), prompts, decoding)
        return [sentence.ids for sentence in sentences]


def _until(ids: list[int], stop: int) -> list[int]:
    return ids[: ids.index(stop)] if stop in ids else ids


@pytest.fixture
def pair(request: pytest.FixtureRequest, blip2s: Any, tmp_path: Path) -> Pair:
    return Pair(blip2s, tmp_path / "blip2", *request.param)


@pytest.mark.parametrize("pair", MODELS.values(), ids=MODELS, indirect=True)
@torch.no_grad()
def test_features_and_log_probabilities_equal_transformers(pair: Pair) -> None:
    targets = [[40, 41, 42], [50, 51, 52, 53, 54], [60]]
    outputs = pair.theirs.get_image_features(pair.pixels, interpolate_pos_encoding=True, return_dict=True)
    found = pair.found()
    assert (found - outputs.qformer_outputs.last_hidden_state).abs().max() < 1e-4
    scores = pair.ours.score(found, ["image"] * 3, PROMPTS, targets)
    for row, (prompt, target) in enumerate(zip(PROMPTS, targets, strict=True)):
        expected = _their_logits(pair, row, prompt, target).log_softmax(-1)
        given = scores.log_probs[row][scores.mask[row]]
        assert (given - expected[range(len(target)), target]).abs().max() < 1e-4
        assert expected.exp().max() < 0.999  # no token is certain, whatever the weights
        # Every word there is, as the one token to be written.
        words = [[word] for word in range(expected.shape[1])]
        many = found[row : row + 1].expand(len(words), -1, -1)
        every = pair.ours.score(many, ["image"] * len(words), [prompt] * len(words), words).log_probs[:, 0]
        assert (every - expected[0]).abs().max() < 1e-4


def _their_logits(pair: Pair, row: int, prompt: list[int], target: list[int]) -> Tensor:
    """Logits [T, words] before each target token. One row alone, so that no padding takes part."""
    language = pair.ours.spec.language
    options: dict[str, Any] = {"pixel_values": pair.pixels[row : row + 1], "interpolate_pos_encoding": True}
    if language.is_encoder_decoder:
        ids, mask = pair.inputs([prompt])
        start = torch.tensor([[language.bos_id, *target[:-1]]])
        return pair.theirs(input_ids=ids, attention_mask=mask, decoder_input_ids=start, **options).logits[0]
    ids, mask = pair.inputs([[*prompt, *target]])
    return pair.theirs(input_ids=ids, attention_mask=mask, **options).logits[0, -len(target) - 1 : -1]


@pytest.mark.parametrize("pair", MODELS.values(), ids=MODELS, indirect=True)
@torch.no_grad()
def test_generated_tokens_equal_transformers(pair: Pair) -> None:
    for name, (ours, options) in DECODINGS.items():
        limits = {"max_new_tokens": ours.max_tokens, **options}
        alike = [[], [], []]
        captions = pair.our_tokens(alike, ours)
        assert captions == pair.their_tokens(alike, limits), name
        # Weights that say the same of every picture would hide a picture that is not looked at.
        assert len(set(map(tuple, captions))) > 1, (name, captions)
        assert pair.our_tokens(PROMPTS, ours) == pair.their_tokens(PROMPTS, limits), name


@pytest.mark.parametrize("language", ["opt", "t5"])
@torch.no_grad()
def test_export_gives_transformers_the_same_model(blip2s: Any, tmp_path: Path, language: str) -> None:
    from transformers import Blip2ForConditionalGeneration

    model = blip2s.build(blip2s.config(language), seed=4)
    network = import_blip2(blip2s.save(model, tmp_path)).network
    config, state = export_blip2(network, blip2s.image_token)
    again = Blip2ForConditionalGeneration.from_pretrained(None, config=config, state_dict=state)
    given, expected = blip2s.tensors(again), blip2s.tensors(model)
    assert given.keys() == expected.keys()
    assert all(torch.equal(given[name], expected[name]) for name in expected)
    assert config.text_config.to_dict() == model.config.text_config.to_dict() | _changed_by_use(config.text_config)
    pixels = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    memory = network.remember(network.encode_images(pixels), "image")
    sentence = network.generate(network.read([Glance("image", memory)]), ["image"], [[]], Decoding(max_tokens=9))[0]
    assert again.generate(pixel_values=pixels, max_new_tokens=9)[0, -9:].tolist() == sentence.ids


def _changed_by_use(config: Any) -> dict[str, Any]:
    """Fields of a configuration that say where it has been, not what the model is."""
    names = ("_name_or_path", "architectures", "dtype", "transformers_version")
    return {name: value for name, value in config.to_dict().items() if name in names}
