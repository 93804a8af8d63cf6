"""Pickles of plain data, such as the `refs(unc).p` of the RefCOCO family, read without running anything.

A pickle is a program: it may name any function of Python and call it. What is read here may name nothing at all, so all
that can come out are None, numbers, text, bytes, lists, tuples, dictionaries and sets.
"""

from __future__ import annotations

import io
import pickletools
from pathlib import Path
from typing import Any

from region_perception.errors import InvalidInput
from region_perception.frugal_pickle import FrugalUnpickler

MAX_BYTES = 1 << 30

_STRUCTURE = "PROTO FRAME STOP MARK POP POP_MARK DUP PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET"
_VALUES = "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT"
_TEXTS = (
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8"
)
_LISTS = "EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_SET ADDITEMS FROZENSET"
_TABLES = "EMPTY_DICT DICT SETITEM SETITEMS"
_PLAIN = frozenset(" ".join([_STRUCTURE, _VALUES, _TEXTS, _LISTS, _TABLES]).split())
_NAMES_A_CLASS = ("GLOBAL", "INST")
_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}


class _PlainUnpickler(FrugalUnpickler):
    """A second lock behind `_refuse_all_but_plain`."""

    def find_class(self, module: str, name: str) -> Any:
        raise InvalidInput(f"it asks for {module}.{name}; expected plain data only")


def read_plain_pickle(path: Path) -> Any:
    """What a pickle of any protocol holds; what Python 2 wrote as bytes is read as Latin-1 (see `python2_text`)."""
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise InvalidInput(f"{path}: {size / 2**30:.1f} GiB, expected at most {MAX_BYTES / 2**30:.0f} GiB")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        _refuse_all_but_plain(content)
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except InvalidInput as error:
        raise InvalidInput(f"{path}: this pickle is not read, as it could do harm: {error}") from None
    except Exception as error:  # a broken pickle makes the unpickler raise almost anything, MemoryError included
        raise InvalidInput(
            f"{path}: not a whole pickle ({error or type(error).__name__}); is it cut off, or was it saved as text?"
        ) from error


def _refuse_all_but_plain(content: bytes) -> None:
    """That no instruction does more than to build plain data, and none takes more memory than the file is long."""
    stream, count = io.BytesIO(content), 0
    while (code := stream.read(1)) != b".":
        opcode = _OPCODES.get(code)
        if opcode is None:
            raise ValueError(
                f"{code!r} at byte {stream.tell() - 1} is no instruction" if code else "it ends in between"
            )
        # Python 2 wrote text as bytes; pickletools would take it for ASCII.
        reader = io.BytesIO.readline if opcode.name == "STRING" else opcode.arg and opcode.arg.reader
        argument: Any = reader(stream) if reader else None
        if opcode.name not in _PLAIN:
            asked = str(argument).replace(" ", ".") if opcode.name in _NAMES_A_CLASS else opcode.name
            raise InvalidInput(f"it asks for {asked}; expected plain data only")
        if opcode.name in ("PUT", "LONG_BINPUT") and argument > count:
            raise InvalidInput(f"it numbers {argument:,} values when it has had {count:,} at most")
        count += 1


def python2_text(value: Any) -> Any:
    """Text that stood in Python 2 as bytes of UTF-8 comes as Latin-1; this makes it what it was."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
