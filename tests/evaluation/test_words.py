"""Words are split as the PTB tokenizer of the COCO caption evaluation splits them: known cases, and against it."""

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_perception.evaluation.java import java_version
from region_perception.evaluation.words import words

# What the PTB tokenizer makes of these.
KNOWN = {
    "large red mug lying on the left, behind the blue box.": "large red mug lying on the left behind the blue box",
    "A man's hat isn't here; don't!": "a man 's hat is n't here do n't",
    "the dogs' bones and the dog's": "the dogs bones and the dog 's",
    "cannot gonna wanna can't won't": "can not gon na wan na ca n't wo n't",
    "I'll we've they're he'd I'm shouldn't've": "i 'll we 've they 're he 'd i 'm should n't 've",
    "a \"double\" and 'single' quote": "a double and single quote",
    "\u201ccurly\u201d \u2018single\u2019 it\u2019s": "curly single it 's",
    "a mug (a red one) [b] {c}": "a mug -lrb- a red one -rrb- -lsb- b -rsb- -lcb- c -rcb-",
    "well-known two-door T-shirt rock-n-roll": "well-known two-door t-shirt rock-n-roll",
    "5 o'clock at 3:45 p.m. on Mr. Smith's U.S. visit.": "5 o'clock at 3:45 p.m. on mr. smith 's u.s. visit",
    "$5.00 and 20% of 1,000 items, 3.5 metres": "$ 5.00 and 20 % of 1,000 items 3.5 metres",
    "hello...world ... and more.. etc.": "hello world and more etc.",
    "A&B AT&T b&w a & b": "a&b at&t b & w a & b",
    "and/or 1/2 black/white w/ it": "and/or 1/2 black/white w / it",
    "caf\u00e9 na\u00efve \u65e5\u672c\u8a9e": "caf\u00e9 na\u00efve \u65e5\u672c\u8a9e",
    "one \u2013 two \u2014 three - four -- five a-": "one two three four five a",
    "#hash @user *star* a_b a+b": "#hash @user * star * a_b a + b",
    "!? ?! !!! ???": "!? ?! !!! ???",
    "10th 1st '90s 90's 1990s 10:30pm": "10th 1st '90s 90 's 1990s 10:30 pm",
    "'tis 'twas o'brien ma'am": "'t is 't was o'brien ma'am",
    "emoji \U0001f600 smile": "emoji smile",
    "red,blue ,green": "red blue green",
    "no. 5 at St. James Ave. it is no.": "no. 5 at st. james ave. it is no.",
    '5\'10" and 6" tall': "5 10 and 6 tall",
    "www.example.com and me@you.org": "www.example.com and me@you.org",
    "foo.bar yahoo! foo!bar": "foo.bar yahoo foo!bar",
    "tab\tand  double\u00a0space": "tab and double space",
    "": "",
    " . , ; ": "",
}

# What captions are made of, right and wrong spelling included, for random sentences.
PARTS_TEXT = """a an the of on in red mug mugs man's woman's dogs' isn't doesn't can't won't they're it's he'd we've
I'll two-door T-shirt black-and-white 3-legged 2nd 1990's half-eaten and/or 3 12 5:30 $5 50% 1,000 2.5 Mr. Smith's etc.
U.S. TV tv's 'stop' "stop" (stop) stop-sign's o'clock cannot gonna caf\u00e9 R&B & + #3 \u201cquoted\u201d it\u2019s
10cm 4x4 skateboarder baby's mid-air I 7th p.m. 8am left right behind large checkered striped upturned !! ... --"""
PARTS = PARTS_TEXT.split()


@pytest.mark.parametrize("sentence", KNOWN, ids=range(len(KNOWN)))
def test_known_sentences(sentence: str) -> None:
    assert words(sentence) == KNOWN[sentence].split()


@given(st.text(max_size=200))
def test_any_text_gives_words_without_spaces(text: str) -> None:
    for word in words(text):
        assert word == word.lower() or len(word.lower()) != len(word)
        assert word.split() == [word]


def test_words_of_words_stay_the_same() -> None:
    said = "small red striped mug lying on the left behind the blue box"
    assert " ".join(words(said)) == said


def test_long_hostile_text_is_split_in_time() -> None:
    for text in ("a" * 50_000, "n't" * 20_000, "a." * 20_000, "a-" * 20_000, "www." + "." * 20_000, "a@" * 10_000):
        assert words(text) is not None


@pytest.mark.java
def test_agreement_with_the_ptb_tokenizer(tmp_path) -> None:
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")
    if java_version() is None:
        pytest.skip("no Java runtime")
    simulation = pytest.importorskip("region_perception.simulation")
    sentences = {
        text for record in islice(simulation.records("val", width=64, height=64), 120) for text in told(record)
    }
    random_source = random.Random(0)
    made = (" ".join(random_source.choices(PARTS, k=9)) + random_source.choice(["", "."]) for _ in range(1500))
    sentences = [*sorted(sentences), *(text for text in KNOWN if words(text)), *made]
    spoken = {i: [{"caption": sentence}] for i, sentence in enumerate(sentences)}
    theirs = tokenizer.PTBTokenizer().tokenize(spoken)
    wrong = [(text, theirs[i], words(text)) for i, text in enumerate(sentences) if theirs[i][0].split() != words(text)]
    assert len(sentences) > 1900
    assert not wrong, wrong[:5]


def told(record):
    """Everything that is written in a record of the tabletop world."""
    for question in record.questions:
        yield from (question.text, question.answer)
    yield from (*record.sentences, *record.references)
