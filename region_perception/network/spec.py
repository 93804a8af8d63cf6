"""The typed description of a network: every size and every choice, saved as `config.json` beside the weights.

A spec is data only (this module imports no torch), so that specs can be listed, compared and checked at no cost.
Unknown keys, wrong types and sizes that do not fit together are refused with a message that names the field.
"""

import dataclasses
import json
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from region_perception.errors import InvalidSpec
from region_perception.modalities import CLOUD_MODALITIES, IMAGE, MODALITIES

SpecType = TypeVar("SpecType")

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvalidSpec(message)


def _require_positive(spec: Any, *names: str) -> None:
    for name in names:
        value = getattr(spec, name)
        _require(value > 0, f"{type(spec).__name__}.{name} is {value}; expected a number above 0")


def _require_not_negative(spec: Any, *names: str) -> None:
    for name in names:
        value = getattr(spec, name)
        _require(value >= 0, f"{type(spec).__name__}.{name} is {value}; expected 0 or above")


def _require_divisible(spec: Any, whole: str, part: str) -> None:
    total, divisor = getattr(spec, whole), getattr(spec, part)
    _require(total % divisor == 0, f"{type(spec).__name__}.{whole}={total} is not a multiple of {part}={divisor}")


@dataclass(frozen=True, kw_only=True)
class ImageEncoderSpec:
    """Turns a square RGB picture into tokens. Frozen in all RegionBLIP training."""

    kind: Literal["blip2", "clip", "conv", "timm"]
    """blip2: EVA ViT with a final norm; clip: CLIP ViT; conv: residual convolutions; timm: `timm_name`."""
    image_size: int
    """Side of the square that pictures are resized to, in pixels."""
    patch_size: int
    """Side of the square that one token covers. For `conv` a power of two."""
    width: int
    depth: int
    """Transformer layers; for `conv` residual blocks at the tokens' resolution, and as many at half of it."""
    heads: int = 0
    """Of transformers only, like the width of their MLPs."""
    mlp_width: int = 0
    timm_name: str = ""
    tokens_norm_eps: float = 1e-6
    """Of `blip2`, the epsilon of the norm over the last layer's tokens: 1e-5 in LAVIS's files."""
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    def __post_init__(self) -> None:
        _require_positive(self, "image_size", "patch_size", "width", "depth", "tokens_norm_eps")
        _require_divisible(self, "image_size", "patch_size")
        _require(
            all(value > 0 for value in self.std), f"ImageEncoderSpec.std is {self.std}; expected three numbers above 0"
        )
        _require((self.kind == "timm") == bool(self.timm_name), "ImageEncoderSpec.timm_name goes with kind='timm' only")
        if self.kind == "conv":
            power_of_two = self.patch_size > 1 and self.patch_size & (self.patch_size - 1) == 0
            _require(power_of_two, f"ImageEncoderSpec.patch_size is {self.patch_size}; kind='conv' needs 2, 4, 8, ...")
            _require(self.width % 8 == 0, f"ImageEncoderSpec.width is {self.width}; kind='conv' needs a multiple of 8")
            _require(
                not self.heads and not self.mlp_width, "ImageEncoderSpec: kind='conv' has no heads and no mlp_width"
            )
        else:
            _require_positive(self, "heads", "mlp_width")
            _require_divisible(self, "width", "heads")

    @property
    def grid(self) -> int:
        """Patches along one side of the picture at its configured size."""
        return self.image_size // self.patch_size


@dataclass(frozen=True, kw_only=True)
class PointEncoderSpec:
    """Point-BERT: farthest-point groups, a mini-PointNet for each, a transformer over them. Frozen."""

    groups: int = 512
    group_size: int = 32
    width: int = 384
    depth: int = 12
    heads: int = 6
    mlp_ratio: float = 4.0
    encoder_width: int = 256
    point_width: int = 128
    """The mini-PointNet's first width, of single points."""
    feature_width: int = 256
    """Its second, of what is pooled over a group; doubled where point and group are read together."""
    color: bool = False
    """Whether points carry RGB beside xyz. Published Point-BERT weights do not."""
    waves: int = 0
    """Groups are told their place by xyz, and by sines and cosines of so many wavelengths, the shortest of which is two
    neighbourhoods: in metres, what lies centimetres apart looks alike otherwise. Published Point-BERT has none."""
    norm: Literal["batch", "group"] = "batch"
    """Of the mini-PointNet. `group` normalises each group of points by itself, so that training on several kinds of
    clouds in turn does not mix their statistics."""
    points: int = 8192
    """Budget that clouds are sampled to before they are grouped."""
    plane_share: float = 1.0
    """Points of a cloud's largest plane (a table, a floor) get at most this share of the budget as long as other points
    need the rest. 1 samples evenly, wherever points lie."""
    neighbourhood: float = 1.0
    """The unit, in the network's frame, in which a point is read relative to its group's centre."""

    def __post_init__(self) -> None:
        _require_positive(self, "groups", "group_size", "width", "depth", "heads", "mlp_ratio", "encoder_width")
        _require_positive(self, "point_width", "feature_width", "points", "neighbourhood")
        _require_not_negative(self, "waves")
        _require_divisible(self, "width", "heads")
        share = self.plane_share
        _require(0 <= share <= 1, f"PointEncoderSpec.plane_share is {share}; expected a number from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class QFormerSpec:
    """The querying transformer that all modalities share."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    ffn_width: int = 3072
    cross_every: int = 2
    """Layers 0, cross_every, 2*cross_every, ... look at the encoder's tokens."""
    queries: int = 32
    text_branch: bool = True
    """Text embeddings, text feed-forward and word head, which ITC, ITM and ITG need. Stage-2 BLIP-2 files lack them."""
    vocab_size: int = 30523
    """BERT's 30,522 word pieces and the start token [DEC]."""
    max_text: int = 512
    contrast_width: int = 256
    separate_for_clouds: bool = False
    """RegionBLIP's released variant: clouds have a second Q-Former of their own instead of the shared one."""
    pad_id: int = 0
    start_id: int = 30522
    """[DEC], which stands in place of the first text token when the text branch writes (ITG)."""

    def __post_init__(self) -> None:
        _require_positive(
            self, "width", "depth", "heads", "ffn_width", "cross_every", "queries", "vocab_size", "max_text"
        )
        _require_positive(self, "contrast_width")
        _require_divisible(self, "width", "heads")
        for name in ("pad_id", "start_id"):
            value = getattr(self, name)
            _require(0 <= value < self.vocab_size, f"QFormerSpec.{name}={value} is outside 0..{self.vocab_size - 1}")
        _require(self.pad_id != self.start_id, f"QFormerSpec.pad_id and start_id are both {self.pad_id}")


@dataclass(frozen=True, kw_only=True)
class LoraSpec:
    """The low-rank adapters: one for each modality but `image`, in the Q-Former and in the language model."""

    rank: int = 8
    alpha: float = 1.0
    """The adapter's output is scaled by alpha / rank."""
    qformer_targets: tuple[str, ...] = ("query", "value")
    language_targets: tuple[str, ...] = ("q_proj", "v_proj")

    def __post_init__(self) -> None:
        _require_positive(self, "rank", "alpha")
        for name in ("qformer_targets", "language_targets"):
            targets = getattr(self, name)
            _require(bool(targets) and all(targets), f"LoraSpec.{name} is {targets}; expected names of linear layers")


@dataclass(frozen=True, kw_only=True)
class PositionSpec:
    """How the network is told where a region is. PaFE: an MLP of its position, added to every query of its modality."""

    enabled: bool = True
    """False is the paper's ablation: without PaFE (and token_bias) regions are not told where they are."""
    hidden: int = 128
    cloud_frame: Literal["normalized", "centred", "metres"] = "normalized"
    """Frame of points and corners: centred and scaled to the unit sphere (the paper), centred in metres (so that sizes
    stay what they are), or as given (released code)."""
    corner_layout: Literal["box", "released"] = "box"
    """`released` swaps the y and z extents of 3D boxes, as the weights released with RegionBLIP were trained."""
    token_bias: bool = False
    """Whether tokens inside the region's box are preferred by the cross-attention of the region modalities, each head
    by a learnt amount. RegionBLIP has no such thing."""

    def __post_init__(self) -> None:
        _require_positive(self, "hidden")
        _require(
            not self.token_bias or self.corner_layout == "box",
            f"PositionSpec.token_bias needs the corners of the box itself; corner_layout is {self.corner_layout!r}",
        )


@dataclass(frozen=True, kw_only=True)
class LanguageSpec:
    """The frozen language model that writes the sentence."""

    kind: Literal["opt", "llama", "t5"]
    vocab_size: int
    width: int
    depth: int
    heads: int
    ffn_width: int
    pad_id: int
    bos_id: int
    """Written before the prompt of decoder-only models; the decoder's first token in T5."""
    eos_id: int
    """Ends what the tokenizer writes (T5's encoder input)."""
    stop_id: int
    """Ends a generated sentence; RegionBLIP's OPT models stop at a line break (50118) rather than at `</s>`."""
    kv_heads: int = 0
    """Key/value heads of llama models; 0 means as many as `heads`."""
    head_width: int = 0
    """Width of one attention head where it is not width / heads (T5); 0 means width / heads."""
    max_positions: int = 2048
    activation: str = "relu"
    tied_embeddings: bool = True
    norm_eps: float = 1e-6
    """Of llama models, the epsilon of their norms: 1e-5 from LLaMA 2 on."""
    image_prefix: str = "a photo of"
    cloud_prefix: str = "a point cloud of"
    question_template: str = "Question: {} Short answer:"
    reference_question: str = ""
    """What asks for words that mean only this region; descriptions are judged by how likely they are as its answer.
    Empty: by how likely they are as captions."""

    def __post_init__(self) -> None:
        _require_positive(self, "vocab_size", "width", "depth", "heads", "ffn_width", "max_positions", "norm_eps")
        _require_not_negative(self, "kv_heads", "head_width")
        _require(not self.kv_heads or self.kind == "llama", "LanguageSpec.kv_heads goes with kind='llama' only")
        _require(not self.head_width or self.kind != "opt", "LanguageSpec.head_width does not go with kind='opt'")
        if not self.head_width:
            _require_divisible(self, "width", "heads")
        if self.kv_heads:
            _require_divisible(self, "heads", "kv_heads")
        for name in ("pad_id", "bos_id", "eos_id", "stop_id"):
            value = getattr(self, name)
            _require(0 <= value < self.vocab_size, f"LanguageSpec.{name}={value} is outside 0..{self.vocab_size - 1}")
        _require(
            self.question_template.count("{}") == 1,
            f"LanguageSpec.question_template is {self.question_template!r}; expected one {{}} for the question",
        )

    @property
    def is_encoder_decoder(self) -> bool:
        return self.kind == "t5"


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A whole network. `name` says what it is, the parts say how it is built."""

    name: str
    image_encoder: ImageEncoderSpec
    qformer: QFormerSpec
    language: LanguageSpec
    point_encoder: PointEncoderSpec | None = None
    position: PositionSpec = field(default_factory=PositionSpec)
    lora: LoraSpec = field(default_factory=LoraSpec)
    modalities: tuple[str, ...] = MODALITIES

    def __post_init__(self) -> None:
        unknown = [name for name in self.modalities if name not in MODALITIES]
        _require(not unknown, f"NetworkSpec.modalities names {unknown}; known are {list(MODALITIES)}")
        _require(len(set(self.modalities)) == len(self.modalities), "NetworkSpec.modalities names one twice")
        _require(IMAGE in self.modalities, f"NetworkSpec.modalities lacks {IMAGE!r}, the base of all others")
        clouds = [name for name in self.modalities if name in CLOUD_MODALITIES]
        _require(
            bool(clouds) == (self.point_encoder is not None),
            f"NetworkSpec.modalities has clouds: {clouds}, but point_encoder is {self.point_encoder}",
        )
        _require(
            not self.qformer.separate_for_clouds or bool(clouds),
            "QFormerSpec.separate_for_clouds needs a cloud modality",
        )

        # A decoder-only model needs places for the soft tokens, for the start token, and to write in.
        room = self.language.max_positions - self.qformer.queries - 1
        _require(
            self.language.is_encoder_decoder or room > 0,
            f"LanguageSpec.max_positions={self.language.max_positions} leaves no room for text after "
            f"QFormerSpec.queries={self.qformer.queries} soft tokens",
        )

    @property
    def adapted_modalities(self) -> tuple[str, ...]:
        """The modalities that have an adapter: all but `image`, whose output stays that of the base."""
        return tuple(name for name in self.modalities if name != IMAGE)


def spec_to_dict(spec: Any) -> dict[str, Any]:
    """A spec as plain data that JSON can hold."""
    return json.loads(json.dumps(dataclasses.asdict(spec)))


def spec_from_dict(kind: type[SpecType], data: Any, where: str = "") -> SpecType:
    """A spec of class `kind` from plain data; unknown or missing keys and wrong types raise `InvalidSpec`."""
    where = where or kind.__name__
    _require(isinstance(data, dict), f"{where} is {data!r}; expected an object with named fields")
    hints = typing.get_type_hints(kind)
    fields = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields), key=str)
    _require(not unknown, f"{where} has unknown keys {unknown}; known are {sorted(fields)}")
    required = {
        name
        for name, item in fields.items()
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    }
    missing = sorted(required - set(data))
    _require(not missing, f"{where} lacks {missing}")
    return kind(**{name: _convert(hints[name], value, f"{where}.{name}") for name, value in data.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type `hint`, from what JSON can hold."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _convert(next(item for item in arguments if item is not type(None)), value, where)
    if dataclasses.is_dataclass(hint):
        return spec_from_dict(typing.cast(type, hint), value, where)
    if origin is Literal:
        _require(value in arguments, f"{where} is {value!r}; expected one of {list(arguments)}")
        return value
    if origin is tuple:
        _require(isinstance(value, list | tuple), f"{where} is {value!r}; expected a list")
        if arguments[-1] is Ellipsis:
            arguments = (arguments[0],) * len(value)
        _require(len(value) == len(arguments), f"{where} has {len(value)} entries; expected {len(arguments)}")
        return tuple(
            _convert(item, part, f"{where}[{i}]") for i, (item, part) in enumerate(zip(arguments, value, strict=True))
        )
    expected = (int, float) if hint is float else hint
    right = isinstance(value, expected) and (hint is bool or not isinstance(value, bool))
    _require(right, f"{where} is {value!r} ({type(value).__name__}); expected {hint.__name__}")
    if hint is not float:
        return value
    # Python's JSON reads NaN, Infinity and integers beyond any float.
    _require(abs(value) <= sys.float_info.max, f"{where} is {value}; expected a finite number")
    return float(value)
