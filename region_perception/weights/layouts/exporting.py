"""A network's tensors under the names of a published layout: the tables of an import, read from right to left.

What a layout has no word for is refused by name, or told, never dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.modalities import IMAGE, MODALITIES
from region_perception.network.region_blip import RegionBlip
from region_perception.network.spec import NetworkSpec
from region_perception.weights.assemble import slots
from region_perception.weights.layouts.lavis import RENAMED, STAGE1, STAGE2
from region_perception.weights.layouts.points import POINT_BERT
from region_perception.weights.layouts.regionblip import SEPARATE, SHARED
from region_perception.weights.layouts.rules import Rule, fits, name_there, takes
from region_perception.weights.layouts.specs import RELEASED_LORA

LAYOUTS = ("lavis-stage1", "lavis-stage2", "regionblip", "point-bert")

# Language models stay where LAVIS finds them, on the hub.
_ELSEWHERE = "the language model"

# The image modality's own heads, which RegionBLIP's files hold and an import leaves, because they are random there.
_IMAGE_HEADS = (
    takes("stage1_proj_img.*", f"parts.{IMAGE}.contrast.*"),
    takes("img_itm_head.*", f"parts.{IMAGE}.match_head.*"),
)


@dataclass(frozen=True, eq=False)
class Layout:
    """One file to write."""

    file: str
    content: dict[str, dict[str, Tensor]]
    """What torch.save is to write: named tensors under the key that their readers look for."""
    names: dict[str, str]
    """Name here -> name there."""


def layouts_of(network: RegionBlip, layout: str) -> list[Layout]:
    """The files that say this network in `layout`, one of LAYOUTS; a network that it cannot say is refused."""
    if layout not in LAYOUTS:
        raise WeightsError(f"no layout is called {layout!r}; models are exported to {', '.join(LAYOUTS)}")
    spec = network.spec
    if layout == "point-bert":
        return [_point_bert(network)]
    _refuse_other_base(spec, layout)
    kind = spec.language.kind
    if layout == "lavis-stage1":
        if not spec.qformer.text_branch:
            raise WeightsError("the network has no text branch, which is what a stage 1 file is for")
        return [_layout(network, "blip2_pretrained.pth", STAGE1.rules)]
    if layout == "lavis-stage2":
        return [_layout(network, f"blip2_pretrained_{kind}.pth", STAGE2.rules)]
    _refuse_other_regions(spec)
    renamed = _layout(network, f"blip2_pretrained_{kind}__rename_for_regionblip.pth", RENAMED.rules)
    family = SEPARATE if spec.qformer.separate_for_clouds else SHARED
    return [_layout(network, "regionblip.pth", (*_IMAGE_HEADS, *family.rules)), renamed, _point_bert(network)]


def _layout(network: RegionBlip, file: str, rules: Sequence[Rule]) -> Layout:
    tensors, names = _renamed(network, rules)
    return Layout(file, {"model": tensors}, names)


def _point_bert(network: RegionBlip) -> Layout:
    spec = network.spec.point_encoder
    if spec is None or spec.waves or spec.norm != "batch" or spec.neighbourhood != 1.0:
        raise WeightsError(
            f"the point encoder is {spec}; Point-BERT's layout knows waves 0, norm 'batch' and neighbourhood 1 only"
        )
    tensors, names = _renamed(network, POINT_BERT.rules)
    prefix = POINT_BERT.prefixes[0]
    told = {ours: prefix + theirs for ours, theirs in names.items()}
    return Layout("point_bert_pretrained.pt", {"base_model": {prefix + k: v for k, v in tensors.items()}}, told)


def _renamed(network: RegionBlip, rules: Sequence[Rule]) -> tuple[dict[str, Tensor], dict[str, str]]:
    other = {"opt": "t5_", "t5": "opt_"}.get(network.spec.language.kind, "-")
    spoken = [rule for rule in rules if rule.group != _ELSEWHERE and not rule.theirs.startswith(other)]
    tensors: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    for ours, slot in slots(network).items():
        for rule, theirs in _once(name_there(spoken, ours)):
            tensor = slot.tensor.detach()
            piece = tensor[None] if rule.flat else tensor if rule.third is None else _third(ours, tensor, rule.third)
            if theirs in tensors and not torch.equal(tensors[theirs], piece):
                first = next(name for name, other_name in names.items() if other_name == theirs)
                raise WeightsError(
                    f"{first} and {ours} differ, and the layout has one {theirs} for both: what each modality learnt "
                    "here for itself cannot be said there"
                )
            tensors[theirs] = piece
            names[ours] = theirs
    return tensors | _twins(spoken, tensors), names


def _once(places: list[tuple[Rule, str]]) -> list[tuple[Rule, str]]:
    """Of two names for one thing (points with and without colour) the first."""
    thirds = [place for place in places if place[0].third is not None]
    return thirds or places[:1]


def _third(name: str, tensor: Tensor, third: int) -> Tensor:
    query, key, value = tensor.chunk(3)
    if key.any():
        raise WeightsError(f"{name} has a bias for keys, which EVA's ViT in LAVIS has not")
    return (query, key, value)[third].clone()


def _twins(rules: Sequence[Rule], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the layout holds twice."""
    return {rule.theirs: tensors[rule.tied] for rule in rules if rule.tied and rule.tied in tensors}


def _refuse_other_base(spec: NetworkSpec, layout: str) -> None:
    if spec.image_encoder.kind != "blip2":
        raise WeightsError(f"the image encoder is {spec.image_encoder.kind!r}; {layout} knows BLIP-2's only")
    if spec.language.kind not in ("opt", "t5"):
        raise WeightsError(f"the language model is {spec.language.kind!r}; {layout} knows opt and t5 only")
    if spec.qformer.cross_every != 2:
        raise WeightsError(f"the Q-Former crosses every {spec.qformer.cross_every} layers; LAVIS builds every second")


def _refuse_other_regions(spec: NetworkSpec) -> None:
    """What RegionBLIP's code builds otherwise, and its files do not tell."""
    position, lora = spec.position, spec.lora
    wrong = []
    if set(spec.modalities) != set(MODALITIES):
        wrong.append(f"its modalities are {list(spec.modalities)}; expected all of {list(MODALITIES)}")
    if (position.cloud_frame, position.corner_layout) != ("metres", "released"):
        wrong.append(
            f"clouds are {position.cloud_frame!r} and corners {position.corner_layout!r}; the released code reads "
            "metres, and corners with y and z exchanged ('released')"
        )
    if position.token_bias or not position.enabled:
        wrong.append("regions reach the network by token_bias, or not at all; the released code knows PaFE only")
    targets = {"qformer": lora.qformer_targets, "language": lora.language_targets}
    wanted = {"qformer": ("query", "value"), "language": RELEASED_LORA[spec.language.kind]}
    if (lora.rank, lora.alpha) != (8, 1.0) or targets != wanted:
        wrong.append(
            f"LoRA has rank {lora.rank}, alpha {lora.alpha} and targets {targets}; the released code builds rank 8, "
            f"alpha 1 and {wanted}"
        )
    if wrong:
        raise WeightsError("\n  ".join([f"network {spec.name!r} cannot be said in RegionBLIP's layout:", *wrong]))


def unsaid(network: RegionBlip, layouts: Sequence[Layout]) -> list[str]:
    """Names here that none of the files holds."""
    said = {name for layout in layouts for name in layout.names}
    return [name for name in slots(network) if name not in said and not fits("**.num_batches_tracked", name)]
