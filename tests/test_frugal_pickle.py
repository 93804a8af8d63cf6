"""A pickle takes no more memory and time than its file is long, whichever reader it comes to."""

import io
import pickle
import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from region_perception.data.formats.array_pickles import read_array_lists
from region_perception.data.formats.plain_pickles import read_plain_pickle
from region_perception.errors import RegionPerceptionError
from region_perception.frugal_pickle import FrugalUnpickler
from region_perception.weights.torch_files import read_torch_file

_START, _HUGE = b"\x80\x05", 1 << 30
_AS_8, _AS_4 = struct.pack("<Q", _HUGE), struct.pack("<I", _HUGE)
_TUPLE = b"N" + b"2\x86" * 40  # of 2^40 parts, all of them the same
HOSTILE = {
    "bytearray": b"\x96" + _AS_8 + b"abc.",
    "bytes": b"\x8e" + _AS_8 + b"abc.",
    "text": b"\x8d" + _AS_8 + b"abc.",
    "text of protocol 1": b"X" + _AS_4 + b"abc.",
    "integer": b"\x8b" + _AS_4 + b"abc.",
    "frame": b"\x95" + _AS_8 + b"N.",
    "memo": b"Nr" + b"\xff" * 4 + b".",
    "key": b"}" + _TUPLE + b"Ns.",
    "keys": b"}(" + _TUPLE + b"Nu.",
    "key of protocol 0": b"(" + _TUPLE + b"Nd.",
    "member": b"\x8f(" + _TUPLE + b"\x90.",
    "member for good": b"(" + _TUPLE + b"\x91.",
    "ordered key": b"ccollections\nOrderedDict\n((" + _TUPLE + b"Ntt\x85R.",
    "storage": _TUPLE + b"Q.",
    "within itself": b"]\x94h\x00a.",
}


@pytest.mark.parametrize("read", [read_torch_file, read_plain_pickle, read_array_lists])
@pytest.mark.parametrize("program", HOSTILE)
def test_what_is_promised_takes_nothing(read, program, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(_START + HOSTILE[program])
    tracemalloc.start()
    began = time.process_time()
    with suppress(RegionPerceptionError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20
    assert time.process_time() - began < 30


@pytest.mark.parametrize("protocol", [4, 5])
def test_what_is_there_comes_back(protocol) -> None:
    value = [{(1, "a"): {2, 3}, "b": frozenset((4,))}, bytes(1 << 20), "x" * (20 << 20), 2**70, [(((1,),),)]]
    value += [bytearray(b"abc")] if protocol == 5 else []
    assert FrugalUnpickler(io.BytesIO(pickle.dumps(value, protocol))).load() == value
