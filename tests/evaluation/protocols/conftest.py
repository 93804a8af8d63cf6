"""Small data sets in their original layouts, and a captioner that says what it is told to say."""

import json
import pickle
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

SCENE = "scene0011_00"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Indexes are kept in a folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def untrained():
    """A captioner whose weights are random. It warns of that once."""
    from region_perception import load

    return load("mini", untrained=True)


def draw(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(path)


def ref(number, image, said):
    sentences = [{"raw": text, "sent": text, "sent_id": i, "tokens": text.split()} for i, text in enumerate(said)]
    name = f"COCO_train2014_{image:012d}_{number}.jpg"
    return {
        "ref_id": number, "ann_id": number, "category_id": 47, "image_id": image, "file_name": name, "split": "testA",
        "sent_ids": list(range(len(said))), "sentences": sentences,
    }  # fmt: skip


@pytest.fixture
def refcoco(tmp_path):
    """Four images with two regions each; in the first a third ref has a box that differs by less than a pixel."""
    folder = tmp_path / "refcoco"
    images, annotations, refs = [], [], []
    for image in range(4):
        name = f"COCO_train2014_{image:012d}.jpg"
        draw(folder / "images" / "train2014" / name, image)
        images.append({"id": image, "file_name": name, "width": 64, "height": 48})
        for side, (word, x) in enumerate({"left": 4, "right": 30}.items()):
            number = 10 * image + side
            annotations.append({"id": number, "image_id": image, "bbox": [x, 5, 20, 25], "iscrowd": 0})
            refs.append(ref(number, image, [f"the cup {number} on the {word}", f"{word} cup"]))
    annotations.append({"id": 9, "image_id": 0, "bbox": [4.3, 5.2, 20.1, 25.4], "iscrowd": 0})
    refs.append(ref(9, 0, ["a cup that has two refs", "left cup"]))
    (folder / "refcoco").mkdir()
    (folder / "refcoco" / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (folder / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(refs, 2))
    return folder


@pytest.fixture
def scanrefer(tmp_path):
    """A scene of three described things, cubes of 1 m along x with 2 m between, as ScanRefer prepares it."""
    folder = tmp_path / "scanrefer"
    (folder / "scannet_data").mkdir(parents=True)
    told = ["a round table near windows .", "one grey armchair facing doors .", "some tall shelf holding books ."]
    rows = [
        {"scene_id": SCENE, "object_id": str(i), "object_name": "x", "description": text, "token": text.split()}
        for i, text in enumerate(told)
    ]
    (folder / "ScanRefer_filtered_val.json").write_text(json.dumps(rows))
    points = np.random.default_rng(0).uniform(0, 1, (3, 400, 3)) + np.array([[[0, 0, 0]], [[3, 0, 0]], [[6, 0, 0]]])
    vertices = np.concatenate([points.reshape(-1, 3), np.full((1200, 3), 128.0), np.zeros((1200, 3))], axis=1)
    np.save(folder / "scannet_data" / f"{SCENE}_aligned_vert.npy", vertices)
    boxes = [[0.5 + 3 * i, 0.5, 0.5, 1, 1, 1, 5, i] for i in range(3)]
    np.save(folder / "scannet_data" / f"{SCENE}_aligned_bbox.npy", np.array(boxes, np.float64))
    return folder


@pytest.fixture
def objaverse(tmp_path):
    folder = tmp_path / "objaverse"
    uids = [f"{i:032x}" for i in range(2)]
    for i, uid in enumerate(uids):
        place = folder / "objaverse_pc_parallel" / uid
        place.mkdir(parents=True)
        np.savez(place / f"{uid}_8192.npz", np.random.default_rng(i).normal(size=(200, 3)).astype(np.float32))
    lines = [f"{uid},a red, round thing number {i}\n" for i, uid in enumerate(uids)]
    (folder / "Cap3D_automated_Objaverse_test.txt").write_text("".join(lines))
    return folder


@pytest.fixture
def coco(tmp_path):
    folder = tmp_path / "coco-captions"
    images = []
    for number in range(2):
        name = f"COCO_val2014_{number:012d}.jpg"
        draw(folder / "images" / "val2014" / name, number)
        said = [f"a cat number {number}.", f"there is a cat on mat {number}"]
        sentences = [{"raw": text, "tokens": text.split(), "imgid": 0, "sentid": i} for i, text in enumerate(said)]
        about = {"filepath": "val2014", "filename": name, "cocoid": number, "imgid": number}
        images.append(about | {"split": "test", "sentences": sentences})
    (folder / "dataset_coco.json").write_text(json.dumps({"dataset": "coco", "images": images}))
    return folder


class Teller:
    """Has the interface that evaluation uses of a Captioner; say(region or None) -> what it says of it."""

    name, source, trained = "teller", "tests", frozenset({"image", "image_region", "cloud", "cloud_region"})
    image_size = 224

    def __init__(self, say):
        self._say = say
        self.asked = []
        self.device = SimpleNamespace(type="cpu")
        language = SimpleNamespace(image_prefix="a photo of", cloud_prefix="a cloud of", question_template="{}?")
        self.spec = SimpleNamespace(modalities=tuple(sorted(self.trained)), language=language)

    def look_at_all(self, observations):
        return [SimpleNamespace(observation=each, locate=partial(locate, each)) for each in observations]

    def caption(self, wanted, **decoding):
        self.asked.append(decoding)
        return [SimpleNamespace(text=self._say(region), confidence=0.5) for _, region in wanted]


def locate(observation, region):
    return region.locate(observation)


@pytest.fixture
def teller():
    return Teller
