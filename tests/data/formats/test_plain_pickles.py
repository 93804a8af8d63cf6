"""Pickles of plain data come back whole, those of Python 2 too; nothing that is written in one is ever run."""

import pickle
import struct
from collections import OrderedDict

import pytest

from region_perception.data.formats import plain_pickles
from region_perception.data.formats.plain_pickles import python2_text, read_plain_pickle
from region_perception.errors import InvalidInput


@pytest.fixture
def read_bytes(tmp_path):
    def read(content: bytes):
        path = tmp_path / "refs(unc).p"
        path.write_bytes(content)
        return read_plain_pickle(path)

    return read


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_come_back_in_every_protocol(read_bytes, protocol):
    value = [
        {"ref_id": 1, "big": 2**70, "box": (1.5, -2.0), "split": "train", "sents": ["ünï"], "none": None, "yes": True}
    ]
    assert read_bytes(pickle.dumps(value, protocol)) == value


# What Python 2.7 writes for [{'sent': 'caf\xe9', 'raw': u'\u2603', 'tokens': ['caf\xe9'], 'ann_id': 7L}] by hand.
PYTHON_2 = {
    0: b"(lp0\n(dp1\nS'sent'\np2\nS'caf\\xe9'\np3\nsS'raw'\np4\nV\\u2603\np5\nsS'tokens'\np6\n(lp7\ng3\nas"
    b"S'ann_id'\np8\nL7L\nsa.",
    2: b"\x80\x02]q\x00}q\x01(U\x04sentq\x02U\x04caf\xe9q\x03U\x03rawq\x04X\x03\x00\x00\x00\xe2\x98\x83q\x05"
    b"U\x06tokensq\x06]q\x07h\x03aU\x06ann_idq\x08\x8a\x01\x07ua.",
}


@pytest.mark.parametrize("protocol", PYTHON_2)
def test_what_python_2_wrote_is_read_as_latin_1(read_bytes, protocol):
    assert read_bytes(PYTHON_2[protocol]) == [{"sent": "café", "raw": "☃", "tokens": ["café"], "ann_id": 7}]


def test_bytes_of_utf_8_become_what_they_were():
    assert python2_text("naïve ☃".encode().decode("latin-1")) == "naïve ☃"
    assert python2_text("café") == "café", "Latin-1 that is no UTF-8 stays"
    assert python2_text(3) == 3


class Harm:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was run",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_something_is_refused_unread(read_bytes, protocol):
    with pytest.raises(InvalidInput, match=r"could do harm: it asks for "):
        read_bytes(pickle.dumps([1, Harm()], protocol))


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"(ios\nsystem\n.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "STACK_GLOBAL"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"Pobject\n.", "PERSID"),
        (pickle.dumps(OrderedDict(a=1), 2), "collections.OrderedDict"),
    ],
)
def test_the_refusal_names_what_was_asked_for(read_bytes, content, asked):
    with pytest.raises(InvalidInput, match=asked):
        read_bytes(content)


def test_a_small_pickle_cannot_take_all_memory(read_bytes):
    with pytest.raises(InvalidInput, match="numbers 4,294,967,295 values"):
        read_bytes(b"\x80\x02K\x01r" + struct.pack("<I", 2**32 - 1) + b".")
    with pytest.raises(InvalidInput, match="not a whole pickle"):
        read_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.")


def test_every_broken_pickle_is_refused_in_words(read_bytes):
    whole = pickle.dumps([{"ref_id": number, "sent": "left"} for number in range(4)], 2)
    for length in range(len(whole)):
        with pytest.raises(InvalidInput, match="not a whole pickle"):
            read_bytes(whole[:length])
    with pytest.raises(InvalidInput, match="not a whole pickle"):
        read_bytes(PYTHON_2[0].replace(b"\n", b"\r\n"))
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_plain_pickle(plain_pickles.Path("/nowhere/refs.p"))


def test_a_file_that_is_too_large_is_refused_before_it_is_read(read_bytes, monkeypatch):
    monkeypatch.setattr(plain_pickles, "MAX_BYTES", 10)
    with pytest.raises(InvalidInput, match="expected at most"):
        read_bytes(pickle.dumps(list(range(100))))
