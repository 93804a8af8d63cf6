"""The data sets known by name: their files, and how they are read. `docs/datasets.md` says where to get them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from region_perception.data import (
    coco_captions,
    coco_detection,
    exported,
    modelnet,
    objaverse,
    refcoco,
    region_rows,
    scanrefer,
    visual_genome,
    vqav2,
)
from region_perception.data.entries import Entry, Flaw
from region_perception.data.own import coco_regions, shards
from region_perception.errors import InvalidInput
from region_perception.modalities import CLOUD, CLOUD_REGION, IMAGE, IMAGE_REGION, MODALITIES

Files = Callable[[Path, str], list[Path]]
"""(folder, split) -> the files and folders that what is told depends on; an error where annotations are not there"""
Reader = Callable[[Path, str, bool], Iterator[Entry | Flaw]]
"""(folder, split, masks) -> what the data set tells. masks: regions of images by their outline, where it has both"""


@dataclass(frozen=True)
class DataSet:
    """A kind of data on disk.

    splits: those it has, the one to learn from first; held_back: the one for validation while learning.
    """

    name: str
    about: str
    modalities: tuple[str, ...]
    splits: tuple[str, ...]
    files: Files
    read: Reader
    held_back: str = "val"
    only_questions: bool = False


def _refcoco(kind: str, name: str, by: str, splits: tuple[str, ...]) -> DataSet:
    return DataSet(
        kind,
        f"{name} as split by {by}",
        (IMAGE_REGION,),
        splits,
        partial(refcoco.annotation_files, name, by),
        partial(refcoco.read_refcoco, name, by),
    )


_TRAIN_VAL_TEST = ("train", "val", "test")
_KNOWN = (
    _refcoco("refcoco", "refcoco", "unc", ("train", "val", "testA", "testB", "test")),
    _refcoco("refcoco-google", "refcoco", "google", _TRAIN_VAL_TEST),
    _refcoco("refcoco+", "refcoco+", "unc", ("train", "val", "testA", "testB", "test")),
    _refcoco("refcocog", "refcocog", "umd", _TRAIN_VAL_TEST),
    _refcoco("refcocog-google", "refcocog", "google", ("train", "val")),
    DataSet(
        "refcoco-rows",
        "RefCOCO or RefCOCOg as converted by RegionBLIP's authors",
        (IMAGE_REGION,),
        _TRAIN_VAL_TEST,
        region_rows.refcoco_rows,
        region_rows.read_refcoco_rows,
        "test",
    ),
    DataSet(
        "objaverse",
        "Objaverse's clouds with Cap3D's captions",
        (CLOUD,),
        _TRAIN_VAL_TEST,
        objaverse.files,
        objaverse.read_objaverse,
    ),
    DataSet(
        "modelnet40",
        "ModelNet40's clouds with the names of their kinds",
        (CLOUD,),
        ("train", "test"),
        modelnet.annotation_files,
        modelnet.read_modelnet,
        "test",
    ),
    DataSet(
        "scanrefer",
        "ScanRefer's descriptions of objects in ScanNet's scenes",
        (CLOUD_REGION,),
        ("train", "val"),
        scanrefer.files,
        scanrefer.read_scanrefer,
    ),
    DataSet(
        "coco-captions",
        "COCO's captions in Karpathy's split",
        (IMAGE,),
        _TRAIN_VAL_TEST,
        coco_captions.annotation_files,
        coco_captions.read_coco_captions,
    ),
    DataSet(
        "vqav2",
        "VQAv2's questions about COCO's images",
        (IMAGE,),
        ("train", "val"),
        vqav2.annotation_files,
        vqav2.read_vqav2,
        only_questions=True,
    ),
    DataSet(
        "coco",
        "COCO's boxes with the names of their kinds",
        (IMAGE_REGION,),
        ("train", "val"),
        coco_detection.annotation_files,
        coco_detection.read_coco_detection,
    ),
    DataSet(
        "visual-genome",
        "Visual Genome's regions",
        (IMAGE_REGION,),
        _TRAIN_VAL_TEST,
        visual_genome.annotation_files,
        visual_genome.read_visual_genome,
    ),
    DataSet(
        "regioncap",
        "RegionCap-10M's rows",
        (IMAGE_REGION,),
        ("train", "val"),
        region_rows.regioncap_rows,
        region_rows.read_regioncap,
    ),
    DataSet(
        "coco-regions",
        "your own images, regions and sentences as COCO-style JSON",
        (IMAGE, IMAGE_REGION),
        _TRAIN_VAL_TEST,
        coco_regions.annotation_files,
        coco_regions.read_coco_regions,
    ),
    DataSet(
        "shards",
        "your own records of any modality in tar shards",
        MODALITIES,
        _TRAIN_VAL_TEST,
        shards.annotation_files,
        shards.read_shards,
    ),
    DataSet(
        "exported",
        "scenes of the tabletop world that `simulate` wrote",
        MODALITIES,
        (*_TRAIN_VAL_TEST, "novel-combinations", "novel-views"),
        exported.annotation_files,
        exported.read_exported,
    ),
)
DATA_SETS: dict[str, DataSet] = {each.name: each for each in _KNOWN}


def named_set(name: str) -> DataSet:
    """The data set known as `name`; an unknown name is refused with the list of known ones."""
    if name not in DATA_SETS:
        raise InvalidInput(f"no data are called {name!r}; known are {', '.join(DATA_SETS)}")
    return DATA_SETS[name]
