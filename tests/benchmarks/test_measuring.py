"""A study that breaks off goes on: nothing is trained or asked twice."""

from dataclasses import replace

import pytest

pytest.importorskip("open3d")
pytest.importorskip("pycocoevalcap")

import results as command
from study import measuring
from study.measuring import Bench, Showing
from study.store import BASE, CROP, TEST
from study.variants import Plan, variants

from region_perception.errors import InvalidInput
from region_perception.training import loop
from region_perception.weights.folder import read_config
from region_perception.weights.load import load_model

pytestmark = pytest.mark.filterwarnings("ignore:model 'mini' has no trained weights")


def refuse(*_, **__):
    raise AssertionError("was called again")


@pytest.fixture(scope="module")
def base():
    return load_model("mini", untrained=True, device="cpu")


def test_a_variant_is_trained_once_and_measured_once(base, tmp_path, monkeypatch) -> None:
    plan = Plan(base="mini", steps=2, observations=1, batch=1, cache=str(tmp_path / "features"))
    found = {variant.name: variant for variant in variants(plan, base.network.spec.position, 7)}
    variant = found["without-position"]
    bench = Bench(tmp_path / "out", java=False)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bench.train_variant(variant, 7, base, 1)
    assert bench.store.read() == {}
    monkeypatch.setattr(loop, "take_step", refuse)
    bench.train_variant(variant, 7, base, 1)
    monkeypatch.setattr(measuring, "run", refuse)
    bench.train_variant(variant, 7, base, 1)
    (result,) = bench.store.read().values()
    assert result["variant"]["name"] == "without-position"
    assert "cloud thing" in [section["name"] for section in result["report"]["sections"]]
    (model,) = (tmp_path / "out/variants").glob("*/stage-1/model")
    assert not read_config(model).spec.position.enabled
    with pytest.raises(InvalidInput, match="scenes: 1, 2"):
        bench.train_variant(variant, 7, base, 2)


def test_variants_find_by_the_method_of_the_trained_model(base, tmp_path, monkeypatch) -> None:
    """Its own spec says how a variant is trained, and not by what it finds best."""
    model = replace(base, score_method="likelihood", trained=frozenset({"image", "image_region"}))
    begun = command.base_of(model)
    assert (begun.trained, begun.score_method) == ({"image"}, "likelihood")
    monkeypatch.setattr(measuring, "_train", lambda *_: "anywhere")
    monkeypatch.setattr(measuring, "load_model", lambda _: base)
    asked = []
    monkeypatch.setattr(
        Bench, "_report", lambda self, folder, captioner, *_: asked.append(captioner.score_method) or {}
    )
    plan = Plan(base="mini", steps=2, observations=1, batch=1, cache="features")
    Bench(tmp_path, java=False).train_variant(variants(plan, base.network.spec.position, 7)[0], 7, begun, 1)
    assert asked == ["likelihood"]


def test_the_base_is_measured_crop_by_crop_and_word_for_word(base, tmp_path, monkeypatch) -> None:
    few = Showing(modalities=("image",), tasks=("caption",))
    monkeypatch.setattr(measuring, "SHOWN_TO_MODEL", {TEST: few})
    bench = Bench(tmp_path, java=False)
    bench.measure_model(base, 2)
    bench.measure_baselines(base, 2)
    results = bench.store.read()
    assert set(results) == {TEST, CROP, BASE}
    assert results[BASE]["same"] == results[BASE]["of"] == 2
    assert [section["name"] for section in results[CROP]["report"]["sections"]] == ["image_region by box"]
    other = load_model("mini", untrained=True, seed=1, device="cpu")
    with pytest.raises(InvalidInput, match="weights"):
        bench.measure_model(other, 2)


def test_without_results_there_is_no_page(tmp_path) -> None:
    options = command.Options(out=tmp_path / "out", page=tmp_path / "results.md", page_only=True)
    with pytest.raises(InvalidInput, match="out holds no results"):
        command.main(options)
    assert not options.page.exists()
