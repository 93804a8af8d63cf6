"""Files of torch.save, read without running anything that is in them."""

import argparse
import collections
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from region_perception.errors import WeightsError
from region_perception.weights.inert_pickle import Inert
from region_perception.weights.published import read_published
from region_perception.weights.torch_files import read_torch_file

WHOLE = torch.arange(12.0).reshape(3, 4)
TENSORS = {
    "float32": WHOLE,
    "view": WHOLE.t(),
    "row": WHOLE[1],
    "float16": torch.tensor([0.5, -2.0]).half(),
    "bfloat16": torch.tensor([[1.5], [3.0]]).bfloat16(),
    "float64": torch.tensor([1e-300], dtype=torch.float64),
    "int64": torch.tensor([2**40, -1]),
    "uint8": torch.tensor([255], dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
    "scalar": torch.tensor(0.07),
    "empty": torch.empty(0, 3),
    "parameter": torch.nn.Parameter(torch.ones(2)),
}


@pytest.fixture(params=[True, False], ids=["zip", "row"])
def save(request: Any, tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a checkpoint as torch does today, and as it did before 1.6."""

    def write(content: Any) -> Path:
        path = tmp_path / "some.pth"
        torch.save(content, path, _use_new_zipfile_serialization=request.param)
        return path

    return write


def test_tensors_are_what_they_were(save: Callable[[Any], Path]) -> None:
    found = read_torch_file(save({"model": collections.OrderedDict(TENSORS), "epoch": 3}))
    assert found["epoch"] == 3
    assert found["model"].keys() == TENSORS.keys()
    for name, tensor in found["model"].items():
        assert type(tensor) is torch.Tensor
        assert tensor.dtype == TENSORS[name].dtype
        assert torch.equal(tensor, TENSORS[name]), name
    assert found["model"]["view"].data_ptr() == found["model"]["float32"].data_ptr()


def test_a_changed_tensor_leaves_the_file_alone(save: Callable[[Any], Path]) -> None:
    path = save({"a": torch.zeros(4)})
    before = path.read_bytes()
    read_torch_file(path)["a"] += 1
    assert path.read_bytes() == before


class Settings:
    """A class of the training's own."""

    def __init__(self) -> None:
        self.names = {"a": [1, 2]}


def test_objects_of_the_training_run_stand_still(save: Callable[[Any], Path]) -> None:
    others = {
        "config": argparse.Namespace(lr=1e-4, nested=argparse.Namespace(x=[1])),
        "settings": Settings(),
        "counts": collections.defaultdict(int, {"a": 1}),
        "best": np.float64(0.5),
        "array": np.arange(3),
        "set": {1, 2},
        "device": torch.device("cpu"),
    }
    published = read_published(save({"model": {"a": WHOLE}, **others}))
    assert torch.equal(published.tensors["a"], WHOLE)
    assert set(published.others) == set(others)
    found = read_torch_file(save(others))
    assert isinstance(found["config"], Inert)
    assert isinstance(found["settings"], Inert)
    assert type(found["config"]).__name__ == "Namespace"


class Trap:
    """Calls whatever it is given when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def test_nothing_is_run(save: Callable[[Any], Path], tmp_path: Path) -> None:
    import os
    import subprocess

    sprung = tmp_path / "sprung"
    traps = {
        "touch": Trap(Path.touch, sprung),
        "system": Trap(os.system, f"touch {sprung}"),
        "call": Trap(subprocess.call, ["touch", str(sprung)]),
        "eval": Trap(eval, f"open({str(sprung)!r}, 'w')"),
    }
    published = read_published(save({"model": {"a": WHOLE}, **traps}))
    assert torch.equal(published.tensors["a"], WHOLE)
    with pytest.raises(WeightsError, match=r"weights that are no named tensors: touch, system, call, eval"):
        read_published(save({"model": {"a": WHOLE, **traps}}))
    assert not sprung.exists()


# Broken files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(save: Callable[[Any], Path], share: float) -> None:
    path = save({"model": TENSORS | {"large": torch.zeros(5000)}})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"some.pth cannot be read: "):
        read_torch_file(path)


def _rezip(path: Path, change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    torch.save({"a": torch.arange(8.0)}, tmp_path / "some.pth")
    return tmp_path / "some.pth"


def test_memories_need_not_be_aligned(zipped: Path) -> None:
    """Who packs a checkpoint anew puts its memories anywhere."""
    assert torch.equal(read_torch_file(_rezip(zipped, lambda _: None))["a"], torch.arange(8.0))


def test_compressed_entries_are_refused(zipped: Path) -> None:
    bomb = _rezip(zipped, lambda entries: entries.update({"some/data/0": b"\0" * 10**7}), zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 10**5
    with pytest.raises(WeightsError, match=r"in the zip is compressed; torch.save compresses nothing"):
        read_torch_file(bomb)


def test_entries_that_overlap_are_refused(zipped: Path) -> None:
    """A small file whose entries all name the same bytes would be large when it is read."""
    content = bytearray(zipped.read_bytes())
    start = content.index(b"PK\x01\x02")
    for field in (20, 24):  # sizes in the central directory: as they are packed, and unpacked
        struct.pack_into("<I", content, start + field, 10**9)
    zipped.write_bytes(content)
    with pytest.raises(WeightsError, match=r"the zip promises [\d,]+ bytes and has [\d,]+"):
        read_torch_file(zipped)


ZIPS: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "no memory": (lambda entries: entries.pop("some/data/0"), "memory '0' has nothing; expected 8 numbers"),
    "short memory": (lambda entries: entries.update({"some/data/0": b"1234"}), "memory '0' has 4 bytes; expected 8"),
    "no pickle": (lambda entries: entries.pop("some/data.pkl"), "the zip has 0 entries"),
    "two pickles": (lambda entries: entries.update({"other/data.pkl": b"N."}), "the zip has 2 entries"),
    "big-endian": (lambda entries: entries.update({"some/byteorder": b"big"}), "big-endian"),
    "a program": (lambda entries: entries.update({"some/constants.pkl": b"N."}), "it is a TorchScript program"),
    "garbage": (lambda entries: entries.update({"some/data.pkl": b"\x80\x02}q\x00garbage"}), "broken or hostile"),
}


@pytest.mark.parametrize(("change", "message"), ZIPS.values(), ids=ZIPS)
def test_zips_that_are_no_checkpoints_are_refused(
    zipped: Path, change: Callable[[dict[str, bytes]], Any], message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        read_torch_file(_rezip(zipped, change))


def _tensor(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """A pickle of one tensor over a memory of 8 numbers."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", 8) if obj == "memory" else None

    file = io.BytesIO()
    rebuilt = Trap(torch._utils._rebuild_tensor_v2, "memory", offset, size, stride, False, None)
    Pickler(file, protocol=2).dump({"a": rebuilt})
    return file.getvalue()


PROGRAMS = {
    "beyond its memory": _tensor(4, (8,), (1,)),
    "before its memory": _tensor(-4, (2,), (1,)),
    "many times its memory": _tensor(0, (1_000_000,), (0,)),
    "backwards": _tensor(7, (8,), (-1,)),
    "a memo of 2^31 entries": b"\x80\x02Nr\xff\xff\xff\x7f0\x8a\x02.",
    "a string of 2^62 letters": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b".",
    "recursion": b"\x80\x02" + b"(" * 100_000,
    "memory that is no memory": b"\x80\x02X\x01\x00\x00\x00aQ.",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_hostile_pickles_are_refused(zipped: Path, program: bytes) -> None:
    with pytest.raises(WeightsError, match=r"some.pth cannot be read"):
        read_torch_file(_rezip(zipped, lambda entries: entries.update({"some/data.pkl": program})))


def test_a_row_that_promises_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.pth"
    torch.save({"a": torch.zeros(8)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    # The number of numbers, in the tuple that names the memory.
    place = content.index(b"X\x03\x00\x00\x00cpu") + 8
    assert content[content.index(b"K\x08", place) : content.index(b"K\x08", place) + 2] == b"K\x08"
    at = content.index(b"K\x08", place)
    path.write_bytes(content[:at] + b"\x8a\x06" + (2**40).to_bytes(6, "little") + content[at + 2 :])
    with pytest.raises(WeightsError, match=r"should have 4,398,046,511,104 bytes; the whole file has"):
        read_torch_file(path)


@pytest.mark.parametrize("name", ["pipe", "zero"])
def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path) if name == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(WeightsError, match="is no plain file"):
        read_torch_file(path)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.pth"
    for content in (b"", b"<html>quota exceeded</html>", pickle.dumps({"a": 1}), b"\x89PNG\r\n\x1a\n" + b"\0" * 600):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"some.pth cannot be read"):
            read_torch_file(path)
    path.write_bytes(b"\0" * 257 + b"ustar" + b"\0" * 300)
    with pytest.raises(WeightsError, match=r"it is a tar of torch before 0.1.10"):
        read_torch_file(path)
    with pytest.raises(WeightsError, match=r"missing.pth is missing"):
        read_torch_file(tmp_path / "missing.pth")


CONTENTS = {
    "a list": ([WHOLE], "holds list; expected named tensors"),
    "no weights": ({"epoch": 3, "optimizer": {}}, "has epoch, optimizer; expected named tensors, or those under"),
    "numbers as names": ({"model": {"a": WHOLE, 3: WHOLE}}, "no named tensors: 3"),
    "empty": ({"model": {}}, "has model; expected named tensors"),
}


@pytest.mark.parametrize(("content", "message"), CONTENTS.values(), ids=CONTENTS)
def test_checkpoints_without_named_tensors_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "some.pth")
    with pytest.raises(WeightsError, match=message):
        read_published(tmp_path / "some.pth")
