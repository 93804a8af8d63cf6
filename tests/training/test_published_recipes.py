"""The published recipes: what they say, and a run of one over data in their original layouts, at small size."""

import json
import os
import pickle
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from region_perception.cli import main
from region_perception.errors import InputWarning, InvalidRecipe
from region_perception.network.region_blip import parameter_owner
from region_perception.network.specs import ANY_BASE, SPECS
from region_perception.training.loop import take_step as loop_take_step
from region_perception.training.recipe import Optimiser
from region_perception.training.recipes import named_recipe
from region_perception.training.setup import stands_on, start_model

NAMES = [name for name in SPECS if name.startswith("regionblip")]
SCENE = "scene0011_00"
# The small network, few steps of few observations; all else is the recipe's.
SMALL = (
    "--start mini --cpu --workers 0 --precision float32 --dtype float32 --steps 5 --data.validation 1 "
    "--image-region.observations 2 --cloud.observations 2 --cloud-region.observations 2 --image-region.repeats 1 "
    "--cloud-region.repeats 2 --optimiser.warmup-steps 1 --reports.no-tensorboard --reports.log-every 1 "
    "--reports.checkpoint-every 2 --reports.samples 0 --reports.validation-steps 0"
)


def put_refcoco(folder: Path) -> None:
    """Two images of two refs each for training, one for validation, as `refer` splits them by google."""
    images, annotations, refs = [], [], []
    for image in range(3):
        name = f"COCO_train2014_{image:012d}.jpg"
        path = folder / "images" / "train2014" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(image).integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(path)
        images.append({"id": image, "file_name": name, "width": 64, "height": 48})
        for side, word in enumerate(("left", "right")):
            number = 10 * image + side
            said = f"the {word} cup {number}"
            annotations.append({"id": number, "image_id": image, "bbox": [4 + 26 * side, 5, 20, 25], "iscrowd": 0})
            refs.append({
                "ref_id": number, "ann_id": number, "category_id": 47, "image_id": image, "sent_ids": [0],
                "file_name": f"COCO_train2014_{image:012d}_{number}.jpg", "split": "val" if image == 2 else "train",
                "sentences": [{"raw": said, "sent": said, "sent_id": 0, "tokens": said.split()}],
            })  # fmt: skip
    (folder / "refcoco").mkdir()
    (folder / "refcoco" / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (folder / "refcoco" / "refs(google).p").write_bytes(pickle.dumps(refs, 2))


def put_objaverse(folder: Path) -> None:
    folder.mkdir()
    for split, numbers in (("train", (0, 1)), ("test", (2,))):
        uids = [f"{number:032x}" for number in numbers]
        lines = "".join(f"{uid},a {shape} chair\n" for uid, shape in zip(uids, ("round", "tall"), strict=False))
        (folder / f"Cap3D_automated_Objaverse_{split}.txt").write_text(lines)
        for number, uid in zip(numbers, uids, strict=True):
            place = folder / "objaverse_pc_parallel" / uid
            place.mkdir(parents=True)
            points = np.random.default_rng(number).normal(0, 1, (300, 3)).astype(np.float32)
            np.savez(place / f"{uid}_8192.npz", points)


def put_scanrefer(folder: Path) -> None:
    """One scene of two things, as ScanRefer prepares it."""
    (folder / "scannet_data").mkdir(parents=True)
    told = ["it is a round table near windows", "one grey armchair that faces doors"]
    rows = [
        {
            "scene_id": SCENE, "object_id": str(i), "object_name": "x", "ann_id": "0", "description": text,
            "token": text.split(),
        }
        for i, text in enumerate(told)
    ]  # fmt: skip
    for split in ("train", "val"):
        (folder / f"ScanRefer_filtered_{split}.json").write_text(json.dumps(rows))
    points = np.random.default_rng(0).uniform(0, 1, (2, 200, 3)) + np.array([[[0, 0, 0]], [[3, 0, 0]]])
    vertices = np.concatenate([points.reshape(-1, 3), np.full((400, 3), 128.0), np.zeros((400, 3))], axis=1)
    np.save(folder / "scannet_data" / f"{SCENE}_aligned_vert.npy", vertices)
    boxes = [[0.5 + 3 * i, 0.5, 0.5, 1, 1, 1, 5, i] for i in range(2)]
    np.save(folder / "scannet_data" / f"{SCENE}_aligned_bbox.npy", np.array(boxes, np.float64))


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the three data sets that the paper learns from."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "data"
    put_refcoco(data / "refcoco-google")
    put_objaverse(data / "objaverse")
    put_scanrefer(data / "scanrefer")
    return data


@pytest.mark.parametrize("name", NAMES)
def test_every_language_model_has_the_same_published_schedule(name):
    recipe = named_recipe(name)
    assert (recipe.name, recipe.start, recipe.phase) == (name, name, "modalities")
    assert recipe.optimiser == Optimiser(
        peak=1e-4, floor=1e-5, warmup_start=1e-6, warmup_steps=200, betas=(0.9, 0.999), weight_decay=0.05, clip=0
    )
    assert {share.observations for share in recipe.shares.values()} == {16 * 8}
    assert (recipe.epochs, recipe.order, recipe.precision) == (30, "semi-hybrid", "bfloat16")
    assert recipe.data.kind == "refcoco-google,objaverse,scanrefer"
    assert recipe.cacheable == ("image_region",)


@pytest.mark.parametrize("name", ["regionblip", *NAMES])
def test_without_weights_it_says_how_to_come_by_them(name):
    with pytest.raises(InvalidRecipe, match=r"--start FOLDER, what `region-perception weights import` made"):
        start_model(named_recipe(name), torch.device("cpu"))


def events(folder: Path, event: str) -> list[dict]:
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in found if line["event"] == event]


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody presses a key in the step of that number."""
    taken = []

    def take_step(*arguments):
        taken.append(None)
        if len(taken) == step:
            raise KeyboardInterrupt
        return loop_take_step(*arguments)

    monkeypatch.setattr("region_perception.training.loop.take_step", take_step)


def test_a_small_run_learns_what_is_new_and_nothing_else(published, tmp_path):
    """Stopped in its fourth step and gone on with, it ends with the same bits as a whole one."""
    flags = [*SMALL.split(), "--data.folder", str(published), "--cache.folder", str(tmp_path / "features")]
    command = ["train", "regionblip-opt-2.7b", *flags, "--out"]
    with pytest.MonkeyPatch.context() as stopped:
        interrupt_at(4, stopped)
        assert main([*command, str(tmp_path / "run")]) == 130
    assert not (tmp_path / "run" / "model").exists()
    for name in ("run", "whole"):
        assert main([*command, str(tmp_path / name)]) == 0
    steps = events(tmp_path / "run", "train")
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5]
    assert np.isfinite([line["loss"] for line in steps]).all()
    learnt = {key.split("/")[1] for line in steps for key in line if "/" in key}
    assert learnt == {"image_region", "cloud", "cloud_region"}
    assert "activations about" in events(tmp_path / "run", "plan")[0]["text"]
    assert (tmp_path / "features" / "image_region-train").is_dir()
    assert not (tmp_path / "features" / "cloud-train").exists(), "clouds are turned"
    check_weights(tmp_path / "run" / "model", tmp_path / "whole" / "model")


def check_weights(model: Path, other: Path) -> None:
    recipe = replace(named_recipe("regionblip-opt-2.7b"), start="mini", dtype="float32")
    begun = start_model(recipe, torch.device("cpu")).network.named_parameters()
    before = {name.replace(".base_layer.", "."): tensor.detach() for name, tensor in begun}
    changed = set()
    for file in sorted(model.glob("*.safetensors")):
        again = load_file(other / file.name)
        for name, tensor in load_file(file).items():
            assert torch.equal(tensor, again[name]), f"{name} depends on where a run was stopped"
            if name in before and not torch.equal(tensor, before[name]):
                changed.add(parameter_owner(name))
    assert changed == {"image_region", "cloud", "cloud_region"}, "what is frozen keeps every bit"


def test_two_processes_share_the_published_batch(published, tmp_path):
    """As torchrun starts them: each reads its half of every step, and one of them writes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    shared |= {"PYTHONPATH": str(Path(__file__).parents[2]), "GLOO_SOCKET_IFNAME": "lo"}
    flags = [
        *SMALL.replace("--steps 5", "--steps 1").split(),
        "--data.folder",
        str(published),
        "--out",
        str(tmp_path / "run"),
    ]
    command = [sys.executable, "-m", "region_perception.cli", "train", "regionblip-opt-2.7b", *flags]
    running = [
        subprocess.Popen(
            command, env=os.environ | shared | {"RANK": str(i), "LOCAL_RANK": str(i)}, stderr=subprocess.PIPE, text=True
        )
        for i in range(2)
    ]
    for process in running:
        _, told = process.communicate(timeout=600)
        assert process.returncode == 0, told
    assert [line["step"] for line in events(tmp_path / "run", "train")] == [1]
    assert "on each of 2 devices" in events(tmp_path / "run", "plan")[0]["text"]
    assert (tmp_path / "run" / "model" / "config.json").is_file()


def test_a_blip2_is_a_base_whichever_flag_names_it(tmp_path, monkeypatch):
    """And what it lacks is told: it would learn less than was asked for, from points that nobody understands."""
    (tmp_path / "config.json").write_text('{"model_type": "blip-2"}')
    recipe, asked = named_recipe("regionblip-opt-2.7b"), []
    by_start, by_base = replace(recipe, start=str(tmp_path)), replace(recipe, base=str(tmp_path))
    assert stands_on(by_start) == (ANY_BASE, str(tmp_path))
    assert stands_on(by_base) == ("regionblip-opt-2.7b", str(tmp_path))
    monkeypatch.setattr("region_perception.training.setup.load_model", lambda name, **how: asked.append((name, how)))
    for each in (by_start, by_base):
        with pytest.warns(InputWarning) as told:
            start_model(each, torch.device("cpu"))
        assert "contrast, match, write are left out" in str(told[0].message)
        assert "point encoder that cloud and cloud_region are read by is frozen at random" in str(told[1].message)
    assert [(name, how["base"]) for name, how in asked] == [stands_on(by_start), stands_on(by_base)]
