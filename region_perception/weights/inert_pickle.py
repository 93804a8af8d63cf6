"""Reads pickles without running what is in them.

A pickle is a small program that may call anything. Here it may call what builds tensors and ordered dictionaries;
every other class or function that it names becomes an `Inert` stand-in, which takes whatever is done to it and does
nothing. Published checkpoints need that: beside their tensors lie argparse and omegaconf objects of the training run.
"""

import collections
import math
import reprlib
from collections.abc import Callable
from typing import IO, Any

import torch
from torch import Tensor

from region_perception.errors import WeightsError
from region_perception.frugal_pickle import FrugalUnpickler, refuse_nested


class Inert:
    """Stands for an object whose class is not admitted. It can be made, called, filled and given a state, in vain."""

    def __new__(cls, *_: Any, **__: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> "Inert":
        return self

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass

    def add(self, _: Any) -> None:
        pass


class TypedStorage:
    """A piece of memory and what its numbers are, as tensors in pickles refer to it."""

    def __init__(self, dtype: torch.dtype, memory: torch.UntypedStorage) -> None:
        self.dtype = dtype
        self.memory = memory


_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class StorageKind:
    """The class of a storage, by which a pickle says what its numbers are."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


class _Ordered(collections.OrderedDict):
    """An ordered dictionary whose keys are looked at."""

    def __init__(self, pairs: Any = ()) -> None:
        super().__init__()
        for key, value in pairs:
            refuse_nested(key)
            self[key] = value


class _Unpickler(FrugalUnpickler):
    def __init__(self, file: IO[bytes], storage: Callable[[Any], TypedStorage]) -> None:
        super().__init__(file, encoding="latin1")  # Python 2 wrote some of them
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.cuda", "torch.storage") and name in _STORAGES:
            return StorageKind(_STORAGES[name])
        admitted = _ADMITTED.get((module, name))
        return type(name, (Inert,), {"__module__": module}) if admitted is None else admitted

    def persistent_load(self, identity: Any) -> TypedStorage:
        return self._storage(identity)


def unpickle(file: IO[bytes], storage: Callable[[Any], TypedStorage] | None = None) -> Any:
    """The next object in `file`, with `Inert` in place of what is not plain data; `storage` finds tensors' memory."""
    try:
        return _Unpickler(file, storage or _refuse_storage).load()
    except WeightsError:
        raise
    except Exception as error:  # a broken program may fail in any way
        raise WeightsError(f"its pickle is broken or hostile: {type(error).__name__}: {error}") from error


def _refuse_storage(identity: Any) -> TypedStorage:
    raise WeightsError(f"its pickle asks for a tensor's memory ({reprlib.repr(identity):.80}) where none can be")


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    if not isinstance(storage, TypedStorage):
        raise WeightsError(f"a tensor lies in {type(storage).__name__}; expected a storage")
    wanted, there = math.prod(map(int, size)) * storage.dtype.itemsize, storage.memory.nbytes()
    if wanted > there:
        raise WeightsError(f"a tensor has {wanted:,} bytes; expected no more than its memory, {there:,}")
    empty = torch.empty(0, dtype=storage.dtype)
    # torch refuses what reaches beyond the memory; above, numbers that are many times the same ones are refused.
    return empty.set_(storage.memory, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


def _parameter(data: Tensor, *_: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise WeightsError(f"a parameter is {type(data).__name__}; expected a tensor")
    return data


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Ordered,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}
