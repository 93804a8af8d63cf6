"""Specs: what goes through JSON and back, and what is refused with which words."""

import copy
import json
import math
import re
from dataclasses import replace

import pytest

from region_perception.errors import InvalidSpec
from region_perception.network.spec import NetworkSpec, PointEncoderSpec, spec_from_dict, spec_to_dict
from region_perception.network.specs import SPECS, named_spec, released


def through_json(spec):
    return spec_from_dict(NetworkSpec, json.loads(json.dumps(spec_to_dict(spec))))


@pytest.mark.parametrize("name", list(SPECS))
def test_every_named_spec_goes_through_json_unchanged(name):
    spec = named_spec(name)
    assert spec.name == name
    assert through_json(spec) == spec
    assert through_json(released(spec)) == released(spec) != spec


def test_spec_without_clouds_goes_through_json(make_spec):
    spec = replace(make_spec(), point_encoder=None, modalities=("image", "image_region"))
    assert through_json(spec) == spec


def test_lists_become_tuples_and_whole_numbers_floats(make_spec):
    data = spec_to_dict(make_spec())
    data["lora"]["alpha"] = 4
    data["image_encoder"]["mean"] = [0, 1, 0.5]
    spec = spec_from_dict(NetworkSpec, data)
    assert isinstance(spec.lora.alpha, float)
    assert spec.image_encoder.mean == (0.0, 1.0, 0.5)
    assert spec.modalities == ("image", "image_region", "cloud", "cloud_region")


def test_fields_with_defaults_may_be_left_out(make_spec):
    data = spec_to_dict(make_spec())
    del data["position"], data["modalities"], data["point_encoder"]["points"]
    spec = spec_from_dict(NetworkSpec, data)
    assert spec.position.enabled
    assert spec.point_encoder.points == PointEncoderSpec().points


# Where in a good spec something bad is written, what, and what the message must name. `...` deletes the key.
HOSTILE = [
    ("", [], "NetworkSpec is []"),
    ("", None, "NetworkSpec is None"),
    ("", "mini", "NetworkSpec is 'mini'"),
    ("extra", 1, "NetworkSpec has unknown keys ['extra']"),
    ("qformer.widht", 16, "NetworkSpec.qformer has unknown keys ['widht']; known are ['contrast_width'"),
    ("language.dropout", 0.1, "NetworkSpec.language has unknown keys ['dropout']"),
    ("name", ..., "NetworkSpec lacks ['name']"),
    ("language", ..., "NetworkSpec lacks ['language']"),
    ("image_encoder.width", ..., "NetworkSpec.image_encoder lacks ['width']"),
    ("language.pad_id", ..., "NetworkSpec.language lacks ['pad_id']"),
    ("name", 3, "NetworkSpec.name is 3 (int); expected str"),
    ("name", None, "NetworkSpec.name is None (NoneType); expected str"),
    ("qformer", None, "NetworkSpec.qformer is None; expected an object"),
    ("qformer", [1], "NetworkSpec.qformer is [1]; expected an object"),
    ("point_encoder", 5, "NetworkSpec.point_encoder is 5; expected an object"),
    ("qformer.width", True, "NetworkSpec.qformer.width is True (bool); expected int"),
    ("qformer.width", "16", "NetworkSpec.qformer.width is '16' (str); expected int"),
    ("qformer.width", 16.0, "NetworkSpec.qformer.width is 16.0 (float); expected int"),
    ("qformer.width", None, "NetworkSpec.qformer.width is None (NoneType); expected int"),
    ("qformer.text_branch", 1, "NetworkSpec.qformer.text_branch is 1 (int); expected bool"),
    ("position.enabled", "yes", "NetworkSpec.position.enabled is 'yes' (str); expected bool"),
    ("lora.alpha", True, "NetworkSpec.lora.alpha is True (bool); expected float"),
    ("lora.alpha", "1", "NetworkSpec.lora.alpha is '1' (str); expected float"),
    ("lora.alpha", math.nan, "NetworkSpec.lora.alpha is nan; expected a finite number"),
    ("lora.alpha", math.inf, "NetworkSpec.lora.alpha is inf; expected a finite number"),
    ("lora.alpha", 10**400, "NetworkSpec.lora.alpha is 1000"),
    ("image_encoder.kind", "vit", "NetworkSpec.image_encoder.kind is 'vit'; expected one of ['blip2', 'clip', 'conv'"),
    ("image_encoder.kind", ["conv"], "NetworkSpec.image_encoder.kind is ['conv']"),
    ("language.kind", "gpt2", "NetworkSpec.language.kind is 'gpt2'; expected one of ['opt', 'llama', 't5']"),
    ("position.cloud_frame", "feet", "NetworkSpec.position.cloud_frame is 'feet'"),
    ("image_encoder.mean", [0.5, 0.5], "NetworkSpec.image_encoder.mean has 2 entries; expected 3"),
    ("image_encoder.mean", [0.5] * 4, "NetworkSpec.image_encoder.mean has 4 entries; expected 3"),
    ("image_encoder.mean", 0.5, "NetworkSpec.image_encoder.mean is 0.5; expected a list"),
    ("image_encoder.mean", [0.5, "x", 0.5], "NetworkSpec.image_encoder.mean[1] is 'x'"),
    ("image_encoder.std", [0.5, math.nan, 0.5], "NetworkSpec.image_encoder.std[1] is nan"),
    ("image_encoder.std", [0.5, 0.0, 0.5], "ImageEncoderSpec.std is (0.5, 0.0, 0.5)"),
    ("modalities", "image", "NetworkSpec.modalities is 'image'; expected a list"),
    ("modalities", ["image", 7], "NetworkSpec.modalities[1] is 7"),
    ("modalities", ["image", "video"], "NetworkSpec.modalities names ['video']"),
    ("modalities", ["image", "cloud", "cloud"], "NetworkSpec.modalities names one twice"),
    ("modalities", ["cloud"], "NetworkSpec.modalities lacks 'image'"),
    ("modalities", ["image"], "NetworkSpec.modalities has clouds: [], but point_encoder is PointEncoderSpec"),
    ("point_encoder", None, "NetworkSpec.modalities has clouds: ['cloud', 'cloud_region'], but point_encoder is None"),
    ("qformer.depth", 0, "QFormerSpec.depth is 0; expected a number above 0"),
    ("qformer.queries", -4, "QFormerSpec.queries is -4"),
    ("qformer.cross_every", 0, "QFormerSpec.cross_every is 0"),
    ("qformer.contrast_width", 0, "QFormerSpec.contrast_width is 0"),
    ("qformer.heads", 3, "QFormerSpec.width=16 is not a multiple of heads=3"),
    ("qformer.start_id", 40, "QFormerSpec.start_id=40 is outside 0..39"),
    ("qformer.pad_id", -1, "QFormerSpec.pad_id=-1 is outside 0..39"),
    ("qformer.start_id", 0, "QFormerSpec.pad_id and start_id are both 0"),
    ("image_encoder.image_size", 18, "ImageEncoderSpec.image_size=18 is not a multiple of patch_size=4"),
    ("image_encoder.patch_size", 1, "ImageEncoderSpec.patch_size is 1; kind='conv' needs 2, 4, 8"),
    ("image_encoder.heads", 5, "ImageEncoderSpec: kind='conv' has no heads and no mlp_width"),
    ("image_encoder.width", 20, "ImageEncoderSpec.width is 20; kind='conv' needs a multiple of 8"),
    ("image_encoder.kind", "clip", "ImageEncoderSpec.heads is 0"),
    ("image_encoder.timm_name", "vit_tiny", "ImageEncoderSpec.timm_name goes with kind='timm' only"),
    ("image_encoder.kind", "timm", "ImageEncoderSpec.timm_name goes with kind='timm' only"),
    ("point_encoder.heads", 3, "PointEncoderSpec.width=16 is not a multiple of heads=3"),
    ("point_encoder.mlp_ratio", 0, "PointEncoderSpec.mlp_ratio is 0"),
    ("point_encoder.group_size", 0, "PointEncoderSpec.group_size is 0"),
    ("point_encoder.point_width", 0, "PointEncoderSpec.point_width is 0"),
    ("point_encoder.feature_width", -8, "PointEncoderSpec.feature_width is -8"),
    ("point_encoder.neighbourhood", 0.0, "PointEncoderSpec.neighbourhood is 0.0; expected a number above 0"),
    ("point_encoder.plane_share", -0.1, "PointEncoderSpec.plane_share is -0.1; expected a number from 0 to 1"),
    ("point_encoder.plane_share", 20, "PointEncoderSpec.plane_share is 20.0; expected a number from 0 to 1"),
    ("point_encoder.plane_share", math.nan, "NetworkSpec.point_encoder.plane_share is nan"),
    ("lora.rank", 0, "LoraSpec.rank is 0"),
    ("lora.qformer_targets", [], "LoraSpec.qformer_targets is ()"),
    ("lora.language_targets", [""], "LoraSpec.language_targets is ('',)"),
    ("position.hidden", 0, "PositionSpec.hidden is 0"),
    ("language.heads", 3, "LanguageSpec.width=16 is not a multiple of heads=3"),
    ("language.stop_id", 40, "LanguageSpec.stop_id=40 is outside 0..39"),
    ("language.bos_id", -2, "LanguageSpec.bos_id=-2 is outside 0..39"),
    ("language.kv_heads", 1, "LanguageSpec.kv_heads goes with kind='llama' only"),
    ("language.kv_heads", -1, "LanguageSpec.kv_heads is -1"),
    ("language.head_width", 8, "LanguageSpec.head_width does not go with kind='opt'"),
    ("language.max_positions", 5, "LanguageSpec.max_positions=5 leaves no room for text after QFormerSpec.queries=4"),
    ("language.question_template", "Question:", "LanguageSpec.question_template is 'Question:'; expected one {}"),
    ("language.question_template", "{} {}", "LanguageSpec.question_template is '{} {}'; expected one {}"),
]


@pytest.mark.parametrize(
    ("path", "value", "message"), HOSTILE, ids=[f"{path}={value}"[:60] for path, value, _ in HOSTILE]
)
def test_refuses_and_names_the_field(make_spec, path, value, message):
    data = copy.deepcopy(spec_to_dict(make_spec()))
    if not path:
        data = value
    else:
        *parents, last = path.split(".")
        inner = data
        for parent in parents:
            inner = inner[parent]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        spec_from_dict(NetworkSpec, data)


def test_heads_of_llama_must_share_keys_evenly(make_spec):
    data = spec_to_dict(make_spec("llama"))
    data["language"]["kv_heads"] = 3
    with pytest.raises(InvalidSpec, match=r"LanguageSpec\.heads=2 is not a multiple of kv_heads=3"):
        spec_from_dict(NetworkSpec, data)


def test_encoder_decoder_models_need_no_room_for_soft_tokens(make_spec):
    data = spec_to_dict(make_spec("t5"))
    data["language"]["max_positions"] = 1
    assert spec_from_dict(NetworkSpec, data).language.max_positions == 1


def test_keys_that_are_not_text_are_named(make_spec):
    with pytest.raises(InvalidSpec, match=r"unknown keys \[1, 'extra'\]"):
        spec_from_dict(NetworkSpec, spec_to_dict(make_spec()) | {"extra": 1, 1: 2})


def test_unknown_name_lists_the_known():
    with pytest.raises(InvalidSpec, match=r"'maxi'; known are mini, regionblip-opt-2\.7b"):
        named_spec("maxi")


def test_released_differs_where_the_released_weights_need_it():
    spec = named_spec("regionblip-opt-2.7b")
    other = released(spec)
    assert other.qformer == replace(spec.qformer, separate_for_clouds=True)
    assert other.position == replace(spec.position, cloud_frame="metres", corner_layout="released")
    assert replace(other, qformer=spec.qformer, position=spec.position) == spec


def test_released_needs_clouds(make_spec):
    spec = replace(make_spec(), point_encoder=None, modalities=("image", "image_region"))
    with pytest.raises(InvalidSpec, match=r"separate_for_clouds needs a cloud modality"):
        released(spec)
