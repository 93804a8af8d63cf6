"""The accuracy of VQAv2: how many of ten people answered the same, after answers are normalised.

An answer is compared with every nine of the ten: it is right to a third for each person among them who gave it, wholly
from three on. The mean over the ten ways to leave a person out is its accuracy: 0.3 where one agrees with it, 0.6 where
two do, 0.9 where three do, 1 from four on.

Spelling is evened out as the published evaluation does it, with its oddities, since figures depend on them:
- a mark becomes a space, but goes without one where the answer has it next to a space, or has "1,000" anywhere in it
- a dot goes unless a digit follows ("3.5" stays, "st." does not), thirty-two of them at most
- "none" is 0, as "zero" is
- where all ten people wrote the very same, nothing is evened out: then "Two" is wrong where they wrote "2"
LAVIS, by which BLIP-2 and RegionBLIP were measured, evens out the given answer always, and of what people wrote the
marks alone, where they differ. `vqa_accuracy` counts in either way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from region_perception.errors import InvalidInput, InvalidText
from region_perception.regions.checks import shown

Rule = Literal["official", "lavis"]

_ENOUGH = 3  # people who make an answer wholly right
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_THOUSANDS = re.compile(r"\d,\d")
_DOT = re.compile(r"\.(?!\d)")
_MOST_DOTS = 32
_ARTICLES = {"a", "an", "the"}
_COUNTED = "zero one two three four five six seven eight nine ten"
_NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_COUNTED.split())}

# Words that get their apostrophes back: each is known by what is left of it when one of them is missing.
_CONTRACTED = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's
how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock
oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd
someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's
they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's
where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've
y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""
_CONTRACTIONS = {
    word[:place] + word[place + 1 :]: word
    for word in _CONTRACTED.split()
    for place, mark in enumerate(word)
    if mark == "'"
} | {"somebody'd": "somebodyd"}  # the published table has this one the wrong way round


def without_marks(answer: str) -> str:
    """An answer without punctuation; see above for what takes the place of a mark."""
    joined = bool(_THOUSANDS.search(answer))
    text = answer
    for mark in _MARKS:
        goes = joined or f"{mark} " in answer or f" {mark}" in answer
        text = text.replace(mark, "" if goes else " ")
    return _DOT.sub("", text, count=_MOST_DOTS)


def evened_out(answer: str) -> str:
    """An answer in lower case, without marks and articles, numbers up to ten as digits, apostrophes put back."""
    words = (_NUMBERS.get(word, word) for word in without_marks(answer).lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(answer: str, people: Sequence[str], rule: Rule = "official") -> float:
    """How right an answer is by what people (ten of them in VQAv2) answered, in [0, 1]."""
    if isinstance(people, str) or not people:
        raise InvalidInput(f"expected the answers of several people, got {shown(people)}")
    if wrong := [each for each in (answer, *people) if not isinstance(each, str)]:
        raise InvalidText(f"an answer is {shown(wrong[0])}; expected text")
    given, wrote = _in_one_line(answer), [_in_one_line(each) for each in people]
    differ = len(set(wrote)) > 1
    if rule == "lavis":
        given, wrote = evened_out(given), [without_marks(each) for each in wrote] if differ else wrote
    elif differ:
        given, wrote = evened_out(given), [evened_out(each) for each in wrote]
    agree = [each == given for each in wrote]
    return sum(min(1.0, (sum(agree) - same) / _ENOUGH) for same in agree) / len(agree)


def _in_one_line(answer: str) -> str:
    return answer.replace("\n", " ").replace("\t", " ").strip()
