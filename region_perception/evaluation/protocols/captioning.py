"""Captions of regions, clouds and whole images: RefCOCO's family, Objaverse, ScanRefer with true boxes, COCO."""

from __future__ import annotations

from region_perception.evaluation.captions import BLEU, CIDER, METEOR, ROUGE
from region_perception.evaluation.protocol import Figure
from region_perception.evaluation.protocols.data_protocol import DataProtocol, caption_cases
from region_perception.evaluation.protocols.regionblip import (
    CAPTION_DECODING,
    IMAGE_SIZE,
    LIMITS,
    PAPER,
    PROMPT,
    README,
    figures,
)
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION

_CROP = " (cut out by box)"

_REFCOCO = figures(
    {
        "RegionBLIP OPT-2.7B": (63.5, 21.3),
        "RegionBLIP OPT-6.7B": (64.2, 20.9),
        "RegionBLIP FlanT5-XL": (47.6, 17.8),
        "RegionBLIP FlanT5-XXL": (56.1, 18.4),
        f"BLIP-2 OPT-2.7B{_CROP}": (15.1, 13.2),
        f"BLIP-2 OPT-6.7B{_CROP}": (13.9, 12.6),
        f"BLIP-2 FlanT5-XL{_CROP}": (19.6, 13.7),
        f"BLIP-2 FlanT5-XXL{_CROP}": (22.3, 14.4),
    }
) + tuple(
    Figure(score, value, "RegionBLIP OPT-2.7B", f"{PAPER} and {README}")
    for score, value in zip((*BLEU, METEOR, ROUGE), (33.7, 19.1, 10.6, 5.7, 24.5, 39.1), strict=True)
)

_REGIONGPT = "RegionGPT's paper (arXiv 2403.02330), whose split and tokenizer are not known"
_REFCOCOG = (
    Figure(CIDER, 84.8, "RegionBLIP OPT-2.7B, trained on RefCOCOg", f"{README}, on val"),
    *(
        Figure(score, value, system, _REGIONGPT)
        for system, both in {
            "RegionGPT": (16.9, 109.9),
            "GRIT": (15.2, 71.6),
            "SLR": (15.9, 66.2),
            "Kosmos-2": (14.1, 62.3),
        }.items()
        for score, value in zip((METEOR, CIDER), both, strict=True)
    ),
)

_BOXES = "boxes are taken as they are annotated; RegionBLIP's evaluation cuts them to whole pixels"
_UNNAMED = (
    "the paper names neither RefCOCO's split nor who split it; the number of its training pairs is that of google's"
)


def _refcoco(
    name: str, about: str, splits: tuple[str, ...], published: tuple[Figure, ...] = (), *differs: str
) -> DataProtocol:
    return DataProtocol(
        name=name,
        about=about,
        data=name,
        splits=splits,
        modality=IMAGE_REGION,
        decoding=CAPTION_DECODING,
        cases=caption_cases,
        image_size=IMAGE_SIZE,
        figures=published,
        differs=(*differs, _BOXES, PROMPT, LIMITS),
    )


REGIONS = (
    _refcoco("refcoco", "captions of RefCOCO's regions, split by unc", ("test", "testA", "testB"), _REFCOCO, _UNNAMED),
    _refcoco("refcoco-google", "captions of RefCOCO's regions, split by google", ("test",), _REFCOCO, _UNNAMED),
    _refcoco("refcoco+", "captions of RefCOCO+'s regions, split by unc", ("test", "testA", "testB")),
    _refcoco("refcocog", "captions of RefCOCOg's regions, split by umd", ("val", "test"), _REFCOCOG),
    _refcoco("refcocog-google", "captions of RefCOCOg's regions, split by google", ("val",), _REFCOCOG),
)

OBJAVERSE = DataProtocol(
    name="objaverse",
    about="captions of Objaverse's clouds, against Cap3D's",
    data="objaverse",
    splits=("test",),
    modality=CLOUD,
    decoding=CAPTION_DECODING,
    cases=caption_cases,
    figures=figures(
        {
            "RegionBLIP OPT-2.7B": (112.7, 31.6),
            "RegionBLIP OPT-6.7B": (113.6, 31.6),
            "RegionBLIP FlanT5-XL": (108.1, 31.7),
            "RegionBLIP FlanT5-XXL": (109.0, 31.5),
        }
    ),
    differs=("the 20,000 objects of the published test split are not public: ours are others", PROMPT, LIMITS),
)

SCANREFER = DataProtocol(
    name="scanrefer",
    about="captions of objects in ScanNet's scenes, given their true boxes",
    data="scanrefer",
    splits=("val",),
    modality=CLOUD_REGION,
    decoding=CAPTION_DECODING,
    cases=caption_cases,
    figures=figures(
        {
            "RegionBLIP OPT-2.7B": (57.0, 13.5),
            "RegionBLIP OPT-6.7B": (59.3, 14.4),
            "RegionBLIP FlanT5-XL": (59.2, 13.5),
            "RegionBLIP FlanT5-XXL": (53.6, 13.0),
        }
    ),
    differs=(
        "true boxes are given, so scores are not those of Scan2Cap (`scan2cap`), which counts what a detector found",
        "scenes are read at all their vertices; RegionBLIP draws 40,000 of at most 50,000",
        PROMPT,
        LIMITS,
    ),
)

COCO = DataProtocol(
    name="coco-captions",
    about="captions of COCO's images, Karpathy's split",
    data="coco-captions",
    splits=("test", "val"),
    modality=IMAGE,
    decoding=CAPTION_DECODING,
    cases=caption_cases,
    image_size=IMAGE_SIZE,
    figures=figures(
        {
            "RegionBLIP and BLIP-2 OPT-2.7B": (130.7, 23.8),
            "RegionBLIP and BLIP-2 OPT-6.7B": (130.3, 23.7),
            "RegionBLIP and BLIP-2 FlanT5-XL": (123.0, 22.0),
            "RegionBLIP and BLIP-2 FlanT5-XXL": (117.8, 21.1),
        }
    ),
    differs=(PROMPT, LIMITS),
)
