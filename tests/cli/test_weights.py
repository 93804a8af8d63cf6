"""`region-perception weights import` and `weights export`, by their files and by what they say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from region_perception.cli import main
from region_perception.cli.weights import Form
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import PointEncoderSpec
from region_perception.network.specs import named_spec
from region_perception.text import mini_codec
from region_perception.weights.exporting import FORMS
from region_perception.weights.load import load_model
from region_perception.weights.store import save_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model with a point encoder that Point-BERT's layout can say."""
    spec = named_spec("mini")
    encoder = PointEncoderSpec(
        width=64, depth=1, heads=1, mlp_ratio=2.0, encoder_width=8, point_width=4, feature_width=6
    )
    small = replace(spec, name="small", point_encoder=encoder)
    network = RegionBlip(small)
    for name, tensor in network.point_encoder.named_buffers():  # type: ignore[union-attr]
        if "running_mean" in name:
            tensor.normal_()
    return save_model(tmp_path / "small", network, mini_codec(small), card="", trained={"image", "cloud"})


def test_out_and_in_again(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "export", str(model), "--as", "point-bert", "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "point_encoder.blocks.blocks.*.attn.qkv.weight" in told
    assert "In none of the files" in told
    file = tmp_path / "out" / "point_bert_pretrained.pt"
    arguments = ["weights", "import", str(file), "--into", str(model), "--out", str(tmp_path / "new")]
    assert main(arguments) == 0
    told, notes = capsys.readouterr()
    assert f"{file}: Point-BERT, pre-trained on ShapeNet" in told
    assert "mapped 39, left 0, missed 0" in told
    assert told.splitlines()[-1] == str(tmp_path / "new")
    assert "note:" not in notes
    before, after = (load_model(folder, device="cpu") for folder in (model, tmp_path / "new"))
    assert after.trained == {"image", "cloud"}  # the same weights came back
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(tensor, after.network.state_dict()[name]), name
    assert "point_bert_pretrained.pt" in (tmp_path / "new" / "README.md").read_text()
    assert main(arguments) == 2
    assert "holds a model already" in capsys.readouterr().err


def test_in_json_every_name_is_told(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["weights", "export", str(model), "--as", "point-bert", "--out", str(tmp_path / "out"), "--json"]
    assert main(arguments) == 0
    names = json.loads(capsys.readouterr().out)["names"]
    assert names["point_encoder.cls_token"] == "module.transformer_q.cls_token"
    file = tmp_path / "out" / "point_bert_pretrained.pt"
    content = torch.load(file, weights_only=True)
    content["base_model"]["module.transformer_q.cls_head.weight"] = torch.zeros(2)
    content["base_model"]["module.transformer_q.cls_token"] += 1
    torch.save(content | {"epoch": 300}, file)
    arguments = ["weights", "import", str(file), "--into", str(model), "--out", str(tmp_path / "new"), "--json"]
    assert main([*arguments, "--as", "point-bert", "--dtype", "bfloat16"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trained"] == ["image"]
    (told,) = document["files"]
    assert told["left"] == {"module.transformer_q.cls_head.weight": "for pre-training only"}
    assert told["mapped"]["module.transformer_q.cls_token"] == ["point_encoder.cls_token"]
    assert (told["others"], told["missed"], told["family"]) == (["epoch"], {}, "point-bert")
    assert told["notes"] == ["cloud modalities have learnt nothing over this point encoder yet"]


def test_what_cannot_be_done_is_said(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = tmp_path / "nothing.pt"
    nothing.write_bytes(b"<html>sign in to download</html>")
    assert main(["weights", "import", str(nothing), "--into", str(model), "--out", str(tmp_path / "new")]) == 2
    assert f"error: {nothing} cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert main(["weights", "export", str(model), "--as", "regionblip", "--out", str(tmp_path / "new")]) == 2
    assert "the image encoder is 'conv'; regionblip knows BLIP-2's only" in capsys.readouterr().err
    assert main(["weights", "import", "--into", str(model), "--out", str(tmp_path / "new")]) == 2
    assert "no file to import" in capsys.readouterr().err


def test_what_is_wrong_is_said_before_a_network_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network of billions takes minutes: here it would be refused, as there is no such one."""
    file, out = tmp_path / "gone.pth", tmp_path / "out"
    arguments = ["--into", "no-such-network", "--out", str(out)]
    assert main(["weights", "import", str(file), *arguments]) == 2
    assert f"error: {file} is missing" in capsys.readouterr().err
    file.write_bytes(b"")
    assert main(["weights", "import", str(file), *arguments, "--as", "blip3"]) == 2
    assert "no published layout is called 'blip3'" in capsys.readouterr().err
    assert main(["weights", "import", str(file), *arguments, "--as", "ulip", "--as", "ulip2"]) == 2
    assert "2 families for 1 files" in capsys.readouterr().err
    out.mkdir()
    (out / "mine").write_text("")
    assert main(["weights", "export", "no-such-model", "--as", "peft", "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_all_forms_can_be_asked_for() -> None:
    assert get_args(Form) == FORMS


def test_what_stands_on_a_base_can_be_written_alone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "export", str(model), "--as", "point-bert", "--out", str(tmp_path / "out")]) == 0
    file = tmp_path / "out" / "point_bert_pretrained.pt"
    arguments = ["weights", "import", str(file), "--into", str(model), "--out", str(tmp_path / "new")]
    assert main([*arguments, "--over", str(model)]) == 0
    assert not (tmp_path / "new" / "base.safetensors").exists()
    before, after = (load_model(folder, device="cpu") for folder in (model, tmp_path / "new"))
    for name, tensor in before.network.state_dict().items():
        assert torch.equal(tensor, after.network.state_dict()[name]), name
