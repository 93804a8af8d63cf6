"""An unpickler that takes no more memory and time than a file is long. What it may build, its subclasses say.

It is Python's own in pure Python: the memo of that is a dictionary, where the other's grows to whatever size a pickle
asks for.
"""

import pickle
import struct
from collections.abc import Callable
from typing import IO, Any, ClassVar

_PIECE = 1 << 24  # bytes
_PLAIN = (str, bytes, int, float, bool, type(None))


class _Pieces:
    """A file that is read piece by piece, so that a length that is told takes no memory before its bytes are there."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.readline = file, file.readline

    def read(self, count: int) -> bytes:
        pieces: list[bytes] = []
        while count > 0 and (piece := self._file.read(min(count, _PIECE))):
            pieces.append(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class FrugalUnpickler(pickle._Unpickler):
    """Builds what a pickle asks for; `find_class` decides which classes that may be."""

    # Of the class above, which typeshed does not tell of.
    stack: list[Any]
    read: Callable[[int], bytes]
    append: Callable[[Any], None]
    load_setitem: Callable[[], None]
    load_setitems: Callable[[], None]
    load_dict: Callable[[], None]
    load_additems: Callable[[], None]
    load_frozenset: Callable[[], None]
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: IO[bytes], **options: Any) -> None:
        super().__init__(_Pieces(file), **options)

    def _load_bytearray(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    def _load_item(self) -> None:
        refuse_nested(self.stack[-2])
        self.load_setitem()

    def _load_items(self) -> None:
        for key in self.stack[::2]:  # what stands since the last mark
            refuse_nested(key)
        self.load_setitems()

    def _load_dict(self) -> None:
        for key in self.stack[::2]:
            refuse_nested(key)
        self.load_dict()

    def _load_members(self) -> None:
        for key in self.stack:
            refuse_nested(key)
        self.load_additems()

    def _load_frozenset(self) -> None:
        for key in self.stack:
            refuse_nested(key)
        self.load_frozenset()

    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray
    dispatch[pickle.SETITEM[0]] = _load_item
    dispatch[pickle.SETITEMS[0]] = _load_items
    dispatch[pickle.DICT[0]] = _load_dict
    dispatch[pickle.ADDITEMS[0]] = _load_members
    dispatch[pickle.FROZENSET[0]] = _load_frozenset


def refuse_nested(key: Any) -> None:
    """That a key is found at once: looking for a tuple that holds one tuple many times over may take for ever."""
    if isinstance(key, tuple) and not all(isinstance(each, _PLAIN) for each in key):
        raise pickle.UnpicklingError("it has a key of tuples within tuples")
