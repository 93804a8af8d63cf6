"""Parts that were trained apart become one model, and only where they saw the same before."""

import pytest
import torch

from region_perception.cli import main
from region_perception.errors import InvalidInput, WeightsError
from region_perception.network.region_blip import RegionBlip
from region_perception.weights.assemble import owned_tensors
from region_perception.weights.join import join_models
from region_perception.weights.load import load_model
from region_perception.weights.store import save_model


@pytest.fixture
def learnt_apart(network, codec, tmp_path, saved):
    """Makes a model whose parts `owners` differ from those of `saved`, trained for `trained`."""

    def make(name, owners, trained):
        other = RegionBlip(network.spec)
        other.load_state_dict(network.state_dict())
        with torch.no_grad():
            for owner in owners:
                for tensor in owned_tensors(other)[owner].values():
                    tensor.add_(1)
        return save_model(tmp_path / name, other, codec, card="# Other\n", trained=trained)

    return make


def test_each_part_comes_from_its_model(saved, learnt_apart, tmp_path):
    regions = learnt_apart("regions", ["image_region"], {"image", "image_region"})
    scans = learnt_apart("scans", ["clouds", "cloud", "cloud_region"], {"image", "cloud", "cloud_region"})
    parts = {"cloud": scans, "image_region": regions, "clouds": scans, "cloud_region": scans}
    joined = load_model(join_models(saved, parts, tmp_path / "joined", card="# Joined\n"))
    assert joined.trained == {"image", "image_region", "cloud", "cloud_region"}
    owned, base = owned_tensors(joined.network), owned_tensors(load_model(saved).network)
    sources = {name: owned_tensors(load_model(folder).network) for name, folder in parts.items()}
    for owner, tensors in owned.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, sources.get(owner, base)[owner][name])
    assert not torch.equal(
        owned["image_region"]["parts.image_region.queries"], base["image_region"]["parts.image_region.queries"]
    )


def test_what_stood_on_another_point_encoder_is_untrained(saved, learnt_apart, tmp_path):
    points = learnt_apart("points", ["clouds"], set())
    joined = load_model(join_models(saved, {"clouds": points}, tmp_path / "joined", card=""))
    assert joined.trained == {"image"}  # `saved` was trained for clouds, too


@pytest.mark.parametrize(
    ("changed", "taken", "words"),
    [
        (["base", "image_region"], "image_region", "another base"),
        (["clouds", "cloud"], "cloud", "another point encoder"),
    ],
)
def test_a_modality_that_learnt_over_other_weights_is_refused(saved, learnt_apart, tmp_path, changed, taken, words):
    other = learnt_apart("other", changed, {"image", taken})
    with pytest.raises(WeightsError, match=words):
        join_models(saved, {taken: other}, tmp_path / "joined", card="")
    assert not (tmp_path / "joined").exists()


def test_the_command(saved, learnt_apart, tmp_path, capsys):
    regions = learnt_apart("regions", ["image_region"], {"image_region"})
    out = tmp_path / "joined"
    assert main(["join", str(saved), "--take", f"image_region={regions}", "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert load_model(out).trained == {"image", "image_region", "cloud"}
    assert str(regions) in (out / "README.md").read_text()
    for wrong, words in [("image_region", "PART=MODEL"), (f"image={regions}", "no part is called 'image'")]:
        assert main(["join", str(saved), "--take", wrong, "--out", str(out)]) != 0
        assert words in capsys.readouterr().err


def test_a_card_that_cannot_be_read_is_named(saved, tmp_path, capsys):
    out, card = tmp_path / "joined", tmp_path / "card.md"
    for content in (None, b"\xff\xfe", b"# Mine\n"):
        if content:
            card.write_bytes(content)
        code = main(["join", str(saved), "--card", str(card), "--out", str(out)])
        readable = content == b"# Mine\n"
        assert (code == 0, out.exists()) == (readable, readable)
        assert (f"--card {card} cannot be read" in capsys.readouterr().err) == (not readable)
    assert (out / "README.md").read_text() == "# Mine\n"


def test_nothing_but_parts_can_be_taken(saved, tmp_path):
    with pytest.raises(InvalidInput, match="expected some of clouds, image_region, cloud, cloud_region"):
        join_models(saved, {"base": saved}, tmp_path / "joined", card="")
