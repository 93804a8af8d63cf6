"""Splits sentences into the words that caption scores count, without Java.

Published scores are counted on what Stanford's PTB tokenizer makes of a sentence, in lower case and without
punctuation, as the COCO caption evaluation does it. This does the same for the sentences that people and models write
about things: the tests compare both. It also keeps the oddities that change scores: brackets become words ("-lrb-"),
while a run of marks ("!!") is a word of its own.
"""

from __future__ import annotations

import re

# What the COCO caption evaluation throws away. Brackets are not among it, as there they are looked for in capitals.
_PUNCTUATION = {"''", "'", "``", "`", '"', ".", "?", "!", ",", ":", "-", ";"}

# What is spelled differently before words are sought: quotes, dashes, fractions; what cannot be seen goes.
_MARKS = str.maketrans(
    dict.fromkeys("\u201c\u201d\u00ab\u00bb", '"')  # double quotes
    | dict.fromkeys("\u2019\x92", "'")
    | dict.fromkeys("\u2018\u2039\u203a", "`")
    | dict.fromkeys("\u2013\u2014", " -- ")  # dashes
    | {"\u2026": " ... ", "½": " 1/2 ", "¼": " 1/4 ", "¾": " 3/4 ", "£": "#", "€": "$", "¢": " cents "}
    | {mark: f" {mark} " for mark in "¹²³"}
    | dict.fromkeys("\u200b\ufeff\ufe0f", " ")
    | {"\u00ad": ""}  # a hyphen that is not to be seen
)
_BRACKETS = str.maketrans({"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"})
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"'}

# Words that keep the dot behind them; those of the second list only where they are written with a capital, those of
# the third only before a number or at the end.
_ABBREVIATIONS = (
    "adj adm adv al ala alex apr ariz assn assoc asst atty aug ave bldg blvd brig bros calif capt cf cmdr co col colo "
    "conn corp cos cpl ct dak dec dept det dr esq est etc ext feb fla fri ft ga gen gov hon inc ind insp intl jan jos "
    "jr jul jun kan kans ky lieut lt ltd maj mar md messrs mfg mich minn mlle mme mo mon mont mr mrs ms mt natl neb "
    "nev nov oct okla penn ph.d plc pres prof pvt rd rep reps rev rt sen sens sep sept sgt sq sr st ste supt tel tenn "
    "thu thurs treas tue tues univ va vs vt wed wis wm wyo"
)
_CAPITAL_ABBREVIATIONS = "Ark Ill La Mass Miss Ore Tex Wash"
_ABBREVIATIONS_OF_NUMBERS = "art ca fig figs no nos op pp prop"

_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0dff])"  # the second: signs that belong to the letter before them
_WORD = rf"(?:{_LETTER}|\d)+"


def _either(words: str) -> str:
    return "|".join(re.escape(word) for word in sorted(words.split(), key=len, reverse=True))


_PAIRS = (("can", "not"), ("gon", "na"), ("wan", "na"), ("got", "ta"), ("gim", "me"), ("lem", "me"))

# The first that fits counts, so the order matters.
_RULES = (
    r"(?:https?://|www\.)[^\s\"<>()]*[^\s\"<>().,;:!?']",  # addresses
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    rf"</?{_LETTER}+>",  # tags
    r"&(?:amp|lt|gt|quot);",
    # Pairs that are written as one word.
    *(rf"\b{first}(?={second}\b)" for first, second in _PAIRS),
    r"'t(?=(?:is|was)\b)",
    # Apostrophes that belong to a word.
    r"(?<!\w)'\d\ds?\b",
    r"'n(?:'|(?!\w))",
    r"'em\b",
    r"\b(?:y|ol)'(?=all\b|\s|$)",
    rf"\b(?:o|d|l)'{_LETTER}{{2,}}(?<!ll)(?<!re)(?<!ve)\b",
    r"\bma'am\b",
    # Endings that are words of their own, and the words before them.
    r"n't\b",
    r"'(?:s|m|d|re|ve|ll)\b",
    rf"\b{_LETTER}+?(?=n't\b)",
    # Dots that belong to a word.
    rf"\b(?:{_LETTER}\.)+(?:-{_WORD})+",
    rf"\b(?:{_LETTER}\.)+{_LETTER}(?:\.(?!\w)|(?=\b))(?!\w)",
    rf"\b(?:{_LETTER}\.)+(?!\w)",
    rf"\b(?:{_either(_ABBREVIATIONS)})\.(?!\w)",
    rf"\b(?-i:{_either(_CAPITAL_ABBREVIATIONS)})\.(?!\w)",
    rf"\b(?:{_either(_ABBREVIATIONS_OF_NUMBERS)})\.(?=\s*(?:\d|$))",
    rf"{_LETTER}+\.(?=[,;:])",  # a dot in front of another mark is taken for that of an abbreviation
    # Numbers, times, dates, amounts.
    r"\d+(?::\d+)+(?=[ap]m\b)",
    rf"(?<!\w)[-+]?\d+(?:[.,:/]\d+)+(?:-{_WORD})*(?![\w/])",
    r"(?<!\w)[-+]?\.?\d+(?![\w/-])",
    r"US\$",
    # Words, with hyphens, slashes, underscores, dots or marks within.
    r"(?-i:\b[A-Z]+(?:&[A-Z]+)+\b)",
    rf"{_LETTER}+(?:[.!?]{_LETTER}+)+",
    rf"[#@]{_LETTER}\w*",
    rf"{_WORD}(?:[-/_.]{_WORD})*",
    r"\.{2,}|-{2,}",
    r"[?!]{2,}",
    r"[:;=]-?[()]",  # faces
    r"\*+|_+",
    r"\S",
)
_RUN = re.compile(r"\.+|-+")
_LAST = 0xFFFF  # the tokenizer reads no character beyond, such as most pictographs
_TOKEN = re.compile("|".join(f"(?:{rule})" for rule in _RULES), re.IGNORECASE)


def words(sentence: str) -> list[str]:
    """The words of a sentence, in lower case and without punctuation."""
    text = "".join(" " if ord(mark) > _LAST else mark for mark in sentence.translate(_MARKS))
    found = (_ENTITIES.get(token, token).translate(_BRACKETS).lower() for token in _TOKEN.findall(text))
    return [word for word in found if word not in _PUNCTUATION and not _RUN.fullmatch(word)]
