"""RegionBLIP's released files: three modalities over a BLIP-2, and what the network then computes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from region_perception.captioner import load
from region_perception.errors import WeightsError
from region_perception.network.region_blip import Features, Glance, RegionBlip
from region_perception.observations import observe_cloud
from region_perception.preparation import cloud_points, cloud_position
from region_perception.regions import Box, Box3D
from region_perception.weights.importing import Imported, import_weights
from region_perception.weights.load import load_model
from region_perception.weights.store import save_model

MODALITIES = {"image_region": "img_region", "cloud": "pc", "cloud_region": "pc_region"}
TEXT = torch.tensor([[5, 17, 33, 60, 4], [5, 80, 21, 4, 11]])
PIXELS = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(9))
CLOUD_TOKENS = torch.randn(2, 9, 128, generator=torch.Generator().manual_seed(10))
POSITIONS = {
    "image_region": torch.tensor([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 1.0, 1.0]]),
    "cloud": None,
    "cloud_region": torch.randn(2, 24, generator=torch.Generator().manual_seed(11)),
}


class Case:
    """A released file in a network, and the modules that it was made with."""

    def __init__(self, layouts: Any, base: Any, published: Any, bert: Any, language: str, separate: bool) -> None:
        self.tensors = layouts.regionblip(language, separate=separate)
        self.stage1, self.points = layouts.stage1(), layouts.points("module.transformer_q.")
        files = [
            published("blip2_pretrained.pth", self.stage1),
            published("point_bert_pretrained.pt", self.points, key="base_model"),
            published("regionblip.pth", self.tensors, optimizer={"state": {0: torch.zeros(2)}}, scaler={}, epoch=29),
        ]
        self.base = base(language)
        state = self.base.network.state_dict()
        self.before = {name: tensor.clone() for name, tensor in state.items()}
        self.imported: Imported = import_weights(files, self.base, qformer_tokenizer=bert, whole=True)
        self.network: RegionBlip = self.imported.model.network
        self.language, self.separate = language, separate

    def memory(self, modality: str) -> Tensor:
        """What the encoders see, for the Q-Former."""
        if modality == "image_region":
            return self.network.encode_images(PIXELS).tokens
        return F.linear(CLOUD_TOKENS, self.tensors["pc_adapter.weight"], self.tensors["pc_adapter.bias"])

    def glance(self, modality: str) -> Glance:
        features = self.network.encode_images(PIXELS) if modality == "image_region" else Features(CLOUD_TOKENS)
        return Glance(modality, self.network.remember(features, modality), POSITIONS[modality])


@pytest.fixture(scope="module", params=[("opt", True), ("t5", True), ("opt", False)], ids=["opt", "t5", "opt-shared"])
def case(request: Any, layouts: Any, base: Any, published: Any, bert: Any) -> Case:
    return Case(layouts, base, published, bert, *request.param)


def _close(one: Tensor, other: Tensor) -> None:
    assert one.shape == other.shape
    assert (one - other).abs().max() < 1e-4
    assert other.std() > 1e-2


@torch.no_grad()
def test_every_modality_computes_what_the_published_modules_compute(case: Case, reference: Any) -> None:
    for modality, name in MODALITIES.items():
        prefix = "Qformer_pc." if case.separate and name.startswith("pc") else "Qformer."
        theirs = reference(case.stage1 | case.tensors).merged(name)
        queries = case.tensors[f"query_tokens_{name}"].expand(2, -1, -1)
        if POSITIONS[modality] is not None:
            hidden = F.gelu(theirs.linear(f"{name}_posembed.0", POSITIONS[modality]))
            queries = queries + theirs.linear(f"{name}_posembed.2", hidden)[:, None]
        memory, glance = case.memory(modality), case.glance(modality)
        found = theirs.qformer(prefix, queries, memory)
        ours = case.network.read([glance])
        _close(ours, found)
        _close(case.network._soft_tokens(ours, [modality] * 2), theirs.linear(f"{case.language}_proj_{name}", found))
        _close(
            case.network.contrast(ours, [modality] * 2),
            F.normalize(theirs.linear(f"stage1_proj_{name}", found), dim=-1),
        )
        said = theirs.qformer(prefix, None, None, TEXT)[:, 0]
        _close(case.network.contrast_text(TEXT, modality), F.normalize(theirs.linear("stage1_proj_text", said), dim=-1))
        assert torch.equal(case.network.parts[modality].temperature, case.tensors["temp"])
        begun = torch.cat([torch.full((2, 1), 99), TEXT[:, 1:]], 1)
        written = theirs.qformer(prefix, queries, memory, begun, causal=True)[:, 5:]
        _close(case.network.write([glance], TEXT), theirs.words(prefix, written))
        if modality != "cloud":
            boxes = case.network.boxes(ours, [modality] * 2)
            _close(torch.stack(boxes), theirs.linear(f"reg_{name}", found.mean(1)))


@torch.no_grad()
def test_the_language_model_is_adapted_as_published(case: Case, folder: Path) -> None:
    from transformers import Blip2ForConditionalGeneration

    prompts, targets = [[20, 21, 22], [30]], [[40, 41, 42], [50]]
    language = case.network.spec.language
    for modality, name in MODALITIES.items():
        blip2 = Blip2ForConditionalGeneration.from_pretrained(folder / f"blip2-{case.language}")
        theirs = blip2.language_model.eval()
        for layer, down in _pairs(case.tensors, name):
            module = theirs.get_submodule(layer.partition("_model.")[2])
            module.weight += case.tensors[f"{layer}.lora_B_{name}"] @ down / 8
        found = case.network.read([case.glance(modality)])
        soft = case.network._soft_tokens(found, [modality] * 2)
        scores = case.network.score(found, [modality] * 2, prompts, targets)
        for row, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            words = theirs.get_input_embeddings()
            if case.language == "opt":
                ids = torch.tensor([[language.bos_id, *prompt, *target]])
                logits = theirs(inputs_embeds=torch.cat([soft[row : row + 1], words(ids)], 1)).logits[0]
                logits = logits[-len(target) - 1 : -1]
            else:
                given = torch.cat([soft[row : row + 1], words(torch.tensor([[*prompt, language.eos_id]]))], 1)
                start = torch.tensor([[language.bos_id, *target[:-1]]])
                logits = theirs(inputs_embeds=given, decoder_input_ids=start).logits[0]
            expected = logits.log_softmax(-1)[range(len(target)), target]
            assert (scores.log_probs[row][scores.mask[row]] - expected).abs().max() < 1e-4


def _pairs(tensors: dict[str, Tensor], name: str) -> list[tuple[str, Tensor]]:
    pairs = [
        (key.partition(".lora_A_")[0], tensor)
        for key, tensor in tensors.items()
        if key.startswith(("opt_model.", "t5_model.")) and key.endswith(f".lora_A_{name}")
    ]
    assert len(pairs) in (4, 12)
    return pairs


def test_every_name_is_accounted_for(case: Case) -> None:
    report = case.imported.reports[2]
    account = report.account
    assert report.family == "regionblip"
    assert set(report.others) == {"optimizer", "scaler", "epoch"}
    assert set(account.mapped) | set(account.left) == set(case.tensors)
    assert not account.missed
    assert case.imported.model.trained == {"image", *MODALITIES}
    left = {name.split(".lora_")[0].split(".")[0] for name in account.left if "lora_" in name}
    assert left == ({"Qformer", "Qformer_pc"} if case.separate else set())
    others = {name for name in account.left if "lora_" not in name and "Qformer" not in name}
    assert others == {"stage1_proj_img.weight", "stage1_proj_img.bias", "img_itm_head.weight", "img_itm_head.bias"}
    assert account.mapped["pc_adapter.weight"] == (
        "parts.cloud.from_points.weight",
        "parts.cloud_region.from_points.weight",
    )


def test_no_two_tensors_share_memory(case: Case) -> None:
    """What cloud and cloud_region took from one tensor goes on learning apart."""
    memories = [parameter.untyped_storage().data_ptr() for parameter in case.network.parameters()]
    assert len(memories) == len(set(memories))


def test_the_image_stays_what_it_was(case: Case) -> None:
    now = case.network.state_dict()
    image = [name for name in case.before if name.startswith(("image_encoder.", "parts.image.to_language."))]
    changed = {name for name in image if not torch.equal(now[name], case.before[name])}
    # The norm came with stage 1.
    assert {name.split(".")[-2] for name in changed} == {"post_layernorm"}
    assert torch.equal(now["parts.image.match_head.weight"], case.stage1["itm_head.weight"])


@torch.no_grad()
def test_saved_and_loaded_it_is_the_same(case: Case, tmp_path: Path) -> None:
    model = case.imported.model
    again = load_model(save_model(tmp_path / "out", model.network, model.codec, card="", trained=model.trained))
    assert again.network.spec == model.network.spec
    expected = model.network.state_dict()
    for name, tensor in again.network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_it_captions_and_compares(case: Case, tmp_path: Path) -> None:
    model = case.imported.model
    captioner = load(save_model(tmp_path / "out", model.network, model.codec, card="", trained=model.trained))
    rng = np.random.default_rng(0)
    picture = captioner.look(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8))
    cloud = captioner.look(rng.uniform(-1, 1, (80, 3)).astype(np.float32))
    places = [picture.caption(Box(5, 5, 30, 30)), cloud.caption(Box3D((0, 0, 0), (1, 1, 1))), cloud.caption()]
    assert [place.modality for place in places] == ["image_region", "cloud_region", "cloud"]
    assert picture.score([Box(5, 5, 30, 30)], ["a cup", "a c"], by="match").shape == (1, 2)


def test_the_spec_takes_on_the_released_ways(case: Case) -> None:
    spec = case.network.spec
    assert spec.qformer.separate_for_clouds == case.separate
    assert (spec.position.corner_layout, spec.position.cloud_frame) == ("released", "metres")
    assert (spec.lora.rank, spec.lora.alpha, spec.position.hidden) == (8, 1.0, 12)
    assert "unit sphere" in case.imported.reports[2].notes[0]


def test_boxes_are_read_with_y_and_z_exchanged(case: Case) -> None:
    """A box of size (l, w, h) as the released code would place it: x by l, y by h, z by w."""
    points = np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype(np.float32)
    cloud = observe_cloud(points)
    spec = case.network.spec
    _, frame = cloud_points(cloud, spec.point_encoder, spec.position)
    corners = cloud_position(Box3D((0.1, 0.2, 0.3), (0.4, 0.6, 0.8)).locate(cloud), frame, spec).reshape(8, 3)
    reach = (corners.max(0).values - corners.min(0).values).tolist()
    assert reach == pytest.approx([0.4, 0.8, 0.6])


# Refusals -----------------------------------------------------------------------------------------------------------


def test_clouds_need_point_bert(layouts: Any, base: Any, published: Callable[..., Path]) -> None:
    file = published("regionblip.pth", layouts.regionblip())
    with pytest.raises(WeightsError, match=r"stands on Point-BERT.*name Point-BERT's file before this one"):
        import_weights([file], base())


def test_without_a_text_branch_what_belongs_to_it_is_left(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.regionblip()
    files = [published("pb.pt", layouts.points("transformer_q."), key="base_model"), published("rb.pth", tensors)]
    imported = import_weights(files, base())
    account = imported.reports[1].account
    text = {name for name, why in account.left.items() if "no text branch" in why}
    assert {"temp", "stage1_proj_text.weight", "Qformer_pc.cls.predictions.bias"} <= text
    assert set(account.mapped) | set(account.left) == set(tensors)
    assert not account.missed
    assert not imported.model.network.spec.qformer.text_branch


def test_another_language_model_is_refused(layouts: Any, base: Any, published: Any) -> None:
    files = [
        published("pb.pt", layouts.points("transformer_q."), key="base_model"),
        published("rb.pth", layouts.regionblip("t5")),
    ]
    with pytest.raises(WeightsError, match=r"unknown \(72\):\n\s+t5_model.encoder.block.\*.*x 2.*: the network has no"):
        import_weights(files, base("opt"))


def test_half_a_lora_is_refused(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.regionblip()
    name = "Qformer.bert.encoder.layer.2.attention.self.value.lora_B_img_region"
    del tensors[name]
    files = [published("pb.pt", layouts.points("transformer_q."), key="base_model"), published("rb.pth", tensors)]
    with pytest.raises(WeightsError, match=r"missing \(1\).*\n.*attention.attention.value.lora_B.image_region"):
        import_weights(files, base())


def test_a_base_that_comes_later_makes_what_learnt_before_untrained(layouts: Any, base: Any, published: Any) -> None:
    files = [
        published("pb.pt", layouts.points("transformer_q."), key="base_model"),
        published("rb.pth", layouts.regionblip()),
        published("two.pth", layouts.stage2()),
    ]
    model = import_weights(files, base()).model
    assert model.trained == {"image"}
    assert torch.equal(model.network.parts["cloud"].queries, layouts.stage2()["query_tokens"][0])
    state = model.network.state_dict()
    assert not any(tensor.any() for name, tensor in state.items() if "lora_B" in name)
    shared = "qformer.encoder.layer.1.output_query.dense.weight"
    assert torch.equal(state[f"cloud_{shared}"], state[shared])


def test_what_a_partial_file_lacks_is_not_taken_for_trained(layouts: Any, base: Any, published: Any) -> None:
    tensors = layouts.regionblip()
    del tensors["query_tokens_img_region"], tensors["reg_pc_region.weight"], tensors["reg_pc_region.bias"]
    del tensors["reg_img_region.weight"], tensors["reg_img_region.bias"]
    points = published("pb.pt", layouts.points("transformer_q."), key="base_model")
    file = published("rb.pth", tensors)
    imported = import_weights([points, file], base(), partial=True)
    # The auxiliary heads are of no use after training, and their lack is no harm.
    assert imported.model.trained == {"image", "cloud", "cloud_region"}
    assert imported.reports[1].account.missed["parts.image_region.queries"] == "not in the file, although it should be"
    assert "auxiliary" in imported.reports[1].account.missed["parts.cloud_region.box_head.bias"]
    # A point encoder whose norms have seen nothing is as random as a fresh one.
    unseen = {name: tensor * (0 if "running_mean" in name else 1) for name, tensor in layouts.points("t.").items()}
    empty = {name.replace("t.", "transformer_q.", 1): tensor for name, tensor in unseen.items()}
    fresh = published("fresh.pt", empty, key="base_model")
    assert import_weights([fresh, file], base(), partial=True).model.trained == {"image"}


@torch.no_grad()
def test_a_text_branch_that_comes_later_serves_the_clouds_too(
    layouts: Any, base: Any, published: Any, bert: Any
) -> None:
    """RegionBLIP without a text branch leaves that of the clouds' Q-Former; what then comes is the shared one's."""
    files = [published("pb.pt", layouts.points("transformer_q."), key="base_model")]
    files += [published("rb.pth", layouts.regionblip()), published("one.pth", layouts.stage1())]
    model = import_weights(files, base(), qformer_tokenizer=bert).model
    assert model.trained == {"image", *MODALITIES}
    network = model.network
    words = network.qformer.embeddings.word_embeddings.weight
    assert torch.equal(words, layouts.stage1()["Qformer.bert.embeddings.word_embeddings.weight"])
    assert torch.equal(network.cloud_qformer.embeddings.word_embeddings.weight, words)
    assert torch.equal(network.parts["cloud"].match_head.weight, layouts.stage1()["itm_head.weight"])
    assert torch.equal(network.parts["cloud"].queries, layouts.regionblip()["query_tokens_pc"][0])
