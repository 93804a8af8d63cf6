"""Models in other people's forms: what comes out goes in again, and what a form cannot say is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.network.region_blip import Glance, RegionBlip
from region_perception.network.specs import named_spec
from region_perception.weights.exporting import export_model
from region_perception.weights.importing import import_weights
from region_perception.weights.load import LoadedModel, load_model

PIXELS = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(9))


def _read(path: Path, key: str = "model") -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)[key]


def _same(given: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert given.keys() == expected.keys()
    for name, tensor in given.items():
        assert torch.equal(tensor, expected[name]), name


@pytest.fixture(scope="module")
def released(layouts: Any, base: Callable[..., LoadedModel], published: Any, bert: Any) -> LoadedModel:
    """A model of RegionBLIP's released files."""
    files = [
        published("blip2_pretrained.pth", layouts.stage1()),
        published("blip2_opt.pth", layouts.stage2() | layouts.vision("visual_encoder.", side=4)),
        published("point_bert.pt", layouts.points("module.transformer_q."), key="base_model"),
        published("regionblip.pth", layouts.regionblip()),
    ]
    return import_weights(files, base(), qformer_tokenizer=bert).model


def test_regionblip_there_and_back(released: LoadedModel, layouts: Any, base: Any, bert: Any, tmp_path: Path) -> None:
    exported = export_model(released, "regionblip", tmp_path / "out")
    renamed = "blip2_pretrained_opt__rename_for_regionblip.pth"
    assert exported.files == (renamed, "point_bert_pretrained.pt", "regionblip.pth")
    theirs = _read(tmp_path / "out" / "regionblip.pth")
    published = layouts.regionblip()
    unused = {name for name in published if "lora_" in name and _never_read(name)}
    heads = {name for name in published if name.startswith(("stage1_proj_img.", "img_itm_head."))}
    computed = {"Qformer_pc.bert.embeddings.position_ids"}
    assert set(published) - set(theirs) == unused | computed
    for name in set(theirs) - heads:
        assert torch.equal(theirs[name], published[name]), name
    blip2 = _read(tmp_path / "out" / renamed)
    assert torch.equal(blip2["query_tokens_img"], layouts.stage2()["query_tokens"])
    assert torch.equal(blip2["opt_proj_img.weight"], layouts.stage2()["opt_proj.weight"])
    encoder = layouts.points("module.transformer_q.")
    back = _read(tmp_path / "out" / "point_bert_pretrained.pt", "base_model")
    # Those of RegionBLIP's file took their places.
    assert {name for name in encoder if not torch.equal(back[name], encoder[name])} == {
        name for name in encoder if "running_" in name or "num_batches" in name
    }
    kept = {name.split(".")[0] for name in exported.unsaid}
    assert kept == {"language", "parts"}
    parts = {name for name in exported.unsaid if name.startswith("parts.")}
    assert parts >= {"parts.image.temperature", "parts.image_region.match_head.weight"}
    assert not [name for name in parts if "queries" in name or "to_language" in name]


def _never_read(name: str) -> bool:
    pair = name.rpartition("lora_")[2][2:]
    second = name.startswith("Qformer_pc.")
    return name.startswith("Qformer") and pair in (("img", "img_region") if second else ("pc", "pc_region"))


@torch.no_grad()
def test_an_exported_regionblip_answers_the_same(
    released: LoadedModel, layouts: Any, base: Any, bert: Any, published: Any, tmp_path: Path
) -> None:
    export_model(released, "regionblip", tmp_path / "out")
    names = ("blip2_pretrained_opt__rename_for_regionblip.pth", "point_bert_pretrained.pt", "regionblip.pth")
    stage1 = published("blip2_pretrained.pth", layouts.stage1())
    files = [stage1, *(tmp_path / "out" / name for name in names)]
    again = import_weights(files, base(), qformer_tokenizer=bert).model.network
    positions = torch.tensor([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 1.0, 1.0]])
    for modality, where in (("image", None), ("image_region", positions)):
        ours, theirs = (
            network.read([Glance(modality, network.remember(network.encode_images(PIXELS), modality), where)])
            for network in (released.network, again)
        )
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("form", "file"), [("lavis-stage1", "blip2_pretrained.pth"), ("lavis-stage2", "blip2_pretrained_opt.pth")]
)
def test_lavis(form: str, file: str, released: LoadedModel, layouts: Any, tmp_path: Path) -> None:
    exported = export_model(released, form, tmp_path / "out")
    theirs = _read(tmp_path / "out" / file)
    stage2 = layouts.stage2() | layouts.vision("visual_encoder.", side=4)
    del stage2["Qformer.bert.embeddings.position_ids"]
    if form == "lavis-stage2":
        _same(theirs, stage2)
        assert any("word_head" in name for name in exported.unsaid)
        return
    stage1 = layouts.stage1()
    del stage1["Qformer.bert.embeddings.position_ids"]
    # The second stage's Q-Former stands in the place of the first one's, but it has no text branch.
    _same(theirs, stage1 | {name: tensor for name, tensor in stage2.items() if not name.startswith("opt_proj")})


def _learn_apart(network: RegionBlip) -> None:
    network.parts["cloud"].from_points.bias.data += 1


def _learn_keys(network: RegionBlip) -> None:
    network.image_encoder.vision_model.encoder.layers[0].self_attn.qkv.bias.data += 1


def test_what_each_modality_learnt_for_itself_cannot_be_said(
    layouts: Any, base: Any, published: Any, tmp_path: Path
) -> None:
    files = [
        published("eva_vit_g.pth", layouts.vision("", side=4), key=""),
        published("pb.pt", layouts.points("transformer_q."), key="base_model"),
        published("rb.pth", layouts.regionblip()),
    ]
    model = import_weights(files, base()).model
    _learn_apart(model.network)
    with pytest.raises(WeightsError, match=r"from_points.bias differ, and the layout has one pc_adapter.bias for both"):
        export_model(model, "regionblip", tmp_path / "out")
    assert not list(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=r"no text branch, which is what a stage 1 file is for"):
        export_model(model, "lavis-stage1", tmp_path / "out")


def test_models_of_the_papers_way_have_no_place_in_the_released_code(base: Any, tmp_path: Path) -> None:
    model = base()
    with pytest.raises(WeightsError, match=r"(?s)cannot be said in RegionBLIP's layout:.*corners 'box'"):
        export_model(model, "regionblip", tmp_path / "out")
    _learn_keys(model.network)
    with pytest.raises(WeightsError, match=r"self_attn.qkv.bias has a bias for keys"):
        export_model(model, "lavis-stage2", tmp_path / "out")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("lavis-stage2", "image encoder is 'conv'; lavis-stage2 knows BLIP-2's only"),
        ("regionblip", "image encoder is 'conv'"),
        ("point-bert", "waves 0, norm 'batch'"),
        ("transformers", "image encoder 'conv'"),
        ("peft", "token_bias, for which transformers' BLIP-2 has no place"),
        ("gguf", "no form is called 'gguf'; models are exported to lavis-stage1, "),
    ],
)
def test_a_small_network_of_ours_has_no_place_elsewhere(form: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        export_model(load_model("mini", untrained=True, device="cpu"), form, tmp_path / "out")


def test_a_folder_that_is_there_is_left_alone(base: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(WeightsError, match=r"is there already; expected the name of a new folder"):
        export_model(base(), "transformers", tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "dear"


@torch.no_grad()
def test_peft_and_transformers_caption_regions_as_the_network_does(
    layouts: Any, base: Any, published: Any, tmp_path: Path
) -> None:
    """What docs/weights.md shows: the adapter on the exported BLIP-2, with queries placed by PaFE."""
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import Blip2ForConditionalGeneration

    files = [
        published("pb.pt", layouts.points("transformer_q."), key="base_model"),
        published("rb.pth", layouts.regionblip()),
    ]
    model = import_weights(files, base()).model
    export_model(model, "transformers", tmp_path / "blip2")
    export_model(model, "peft", tmp_path / "region")
    blip2 = Blip2ForConditionalGeneration.from_pretrained(tmp_path / "blip2").eval()
    region = load_file(tmp_path / "region" / "region.safetensors")
    box = torch.tensor([0.1, 0.2, 0.5, 0.9])
    hidden = torch.nn.functional.gelu(region["position.0.weight"] @ box + region["position.0.bias"])
    placed = region["queries"] + region["position.2.weight"] @ hidden + region["position.2.bias"]
    adapted = PeftModel.from_pretrained(blip2, tmp_path / "region").eval()
    blip2.query_tokens.copy_(placed[None])
    spec = model.network.spec
    ids = torch.tensor([[blip2.config.image_token_index] * spec.qformer.queries + [spec.language.bos_id, 20, 21]])
    logits = adapted(pixel_values=PIXELS[:1], input_ids=ids).logits[0, -1].log_softmax(-1)
    network = model.network
    memory = network.remember(network.encode_images(PIXELS[:1]), "image_region")
    found = network.read([Glance("image_region", memory, box[None])])
    words = [[word] for word in range(0, 300, 7)]
    scores = network.score(found, ["image_region"], [[20, 21]] * len(words), words, [0] * len(words)).log_probs[:, 0]
    assert logits.std() > 0.1
    # transformers norms the picture's tokens with another epsilon than LAVIS, but this base came from transformers.
    assert (scores - logits[[word[0] for word in words]]).abs().max() < 1e-4


def test_a_network_without_regions_has_no_adapter(base: Any, tmp_path: Path) -> None:
    small = RegionBlip(replace(named_spec("mini"), modalities=("image",), point_encoder=None))
    with pytest.raises(WeightsError, match=r"only image_region can be an adapter"):
        export_model(replace(base(), network=small), "peft", tmp_path / "out")
