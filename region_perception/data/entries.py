"""What the reader of a data set yields: records whose observations are not opened yet, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from region_perception.data.record import Question
from region_perception.errors import InvalidInput, InvalidRegion
from region_perception.regions import Box, Mask, Region
from region_perception.regions.checks import shown

MISSING_FILE = "missing file"
UNREADABLE = "unreadable file"
OUTSIDE_FOLDER = "path that leaves the folder"
BAD_ROW = "bad row"
BAD_BOX = "bad box"
BEYOND_EDGE = "box beyond the edge"
EMPTY_SENTENCE = "empty sentence"
LONG_SENTENCE = "sentence too long"
WRONG_ENCODING = "wrong encoding"
DUPLICATE_ID = "duplicate id"
ADJUSTED = "used after a change"

LONGEST = 2000  # characters of a sentence; more is a quotation mark that was never closed, not a sentence
_EDGE = 1.0  # pixels by which the boxes of data sets round over the edge without being wrong


@dataclass(frozen=True)
class Flaw:
    """Something that is wrong with a data set.

    kind: one of the names above; where: the file, row or id; kept: whether what it is about can be used all the same.
    """

    kind: str
    where: str
    message: str
    kept: bool = False


class Flawed(InvalidInput):
    """What a reader raises where a row cannot be used; it becomes a `Flaw` of this kind."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, eq=False)
class Entry:
    """A `Record` without its observation, as its data set tells it; the fields are those of `Record`.

    size: (width, height) of the image in pixels, where the data set says so; regions are checked by it.
    """

    id: str
    split: str
    modality: str
    place: Mapping[str, Any]
    region: Region | None = None
    sentences: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def written(self, source: str) -> dict[str, Any]:
        """As `Record.to_dict` writes a record."""
        return {
            "id": self.id,
            "source": source,
            "split": self.split,
            "modality": self.modality,
            "region": self.region.to_dict() if self.region else None,
            "sentences": list(self.sentences),
            "references": list(self.references),
            "questions": [asdict(question) for question in self.questions],
            "place": dict(self.place),
            "meta": dict(self.meta),
        }


def attempt(where: str, make: Callable[[], Entry]) -> Entry | Flaw:
    """What `make` returns, or what was wrong with the row that it read."""
    try:
        return make()
    except Flawed as error:
        return Flaw(error.kind, where, str(error))
    except InvalidRegion as error:
        return Flaw(BAD_BOX, where, str(error))
    except KeyError as error:
        return Flaw(BAD_ROW, where, f"it lacks {error}")
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        return Flaw(BAD_ROW, where, f"{type(error).__name__}: {error}")


def examined(entry: Entry) -> tuple[Entry | None, list[Flaw]]:
    """The entry as it can be used, None where it cannot, and what is wrong with it."""
    flaws: list[Flaw] = []
    sentences = _usable(entry.sentences, entry.id, flaws)
    references = _usable(entry.references, entry.id, [])  # as a rule the same sentences; told once
    if not (sentences or references or entry.questions):
        return None, [replace(flaw, kept=False) for flaw in flaws] or [
            Flaw(EMPTY_SENTENCE, entry.id, "it has neither sentences nor questions")
        ]
    if entry.region and entry.size:
        flaw = _flaw_of_region(entry.region, entry.size, entry.id)
        if flaw:
            flaws.append(flaw)
            if not flaw.kept:
                return None, flaws
    return replace(entry, sentences=sentences or references, references=references), flaws


def _usable(texts: tuple[str, ...], where: str, flaws: list[Flaw]) -> tuple[str, ...]:
    """Sentences in one line each, without those that say nothing."""
    kept: list[str] = []
    for text in texts:
        if not isinstance(text, str):
            flaws.append(Flaw(BAD_ROW, where, f"a sentence must be text, got {shown(text)}", kept=True))
            continue
        mended = mend(text)
        if mended != text and any("\udc80" <= letter <= "\udcff" for letter in text):
            flaws.append(Flaw(WRONG_ENCODING, where, f"{mended[:60]!r} is not UTF-8; read as Latin-1", kept=True))
        line = " ".join(mended.split())
        if not says_something(line):
            flaws.append(Flaw(EMPTY_SENTENCE, where, f"the sentence {text[:20]!r} says nothing", kept=True))
        elif len(line) > LONGEST:
            flaws.append(
                Flaw(LONG_SENTENCE, where, f"{len(line):,} characters, expected at most {LONGEST:,}", kept=True)
            )
        else:
            kept.append(line)
    return tuple(kept)


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(letter.isalnum() for letter in text)


def mend(text: str) -> str:
    """Text with bytes that were not UTF-8 (lone surrogates, as Python reads them) as Latin-1, without surrogates."""
    if text.isascii():
        return text
    latin = "".join(chr(ord(letter) - 0xDC00) if "\udc80" <= letter <= "\udcff" else letter for letter in text)
    return latin.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _flaw_of_region(box: Region, size: tuple[int, int], where: str) -> Flaw | None:
    width, height = size
    if isinstance(box, Mask) and box.mask.shape != (height, width):
        return Flaw(BAD_BOX, where, f"{box} is of another image: this one is {width} x {height} pixels")
    if not isinstance(box, Box):
        return None
    if box.x1 >= width or box.y1 >= height or box.x2 <= 0 or box.y2 <= 0:
        return Flaw(BAD_BOX, where, f"{box} lies outside the image, which is {width} x {height} pixels")
    beyond = max(-box.x1, -box.y1, box.x2 - width, box.y2 - height)
    if beyond > _EDGE:
        return Flaw(BEYOND_EDGE, where, f"{box} reaches {beyond:g} pixels over the {width} x {height} image", kept=True)
    return None
