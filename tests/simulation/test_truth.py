"""Every sentence is true of its scene, and every reference means one thing: judged by a witness of its own."""

import re
from collections import Counter

from region_perception.simulation import describing, picture_records

COUNTS = {"a": 1, "an": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9} | {
    **{"ten": 10, "eleven": 11, "twelve": 12}
}


def test_sentences_of_things_are_true(pictures, witness_of):
    judged = 0
    for picture in pictures:
        witness = witness_of(picture.scene)
        for record in picture_records(picture, ("image_region",)):
            assert len(record.sentences) >= 2
            for sentence in record.sentences:
                witness.confirm(sentence, record.meta["number"])
                judged += 1
    assert judged > 3000


def test_references_mean_one_thing(pictures, witness_of):
    told = Counter()
    for picture in pictures:
        witness = witness_of(picture.scene)
        for record in picture_records(picture, ("image_region",)):
            for sentence in record.references:
                assert sentence in record.sentences
                witness.confirm(sentence, record.meta["number"])
                witness.confirm_unique(sentence, record.meta["number"])
                told.update(word for word in ("left", "behind", "nearest", "lying", "on top of") if word in sentence)
    assert min(told[word] for word in ("left", "behind", "nearest", "lying", "on top of")) >= 5, told


def test_regular_captions_tell_all_in_few_words(pictures, statement):
    lengths, positions, relations, captions = [], 0, 0, 0
    for picture in pictures:
        for thing in picture.shown:
            text = describing.describe(picture, thing).text()
            told = statement.fullmatch(text).groupdict()
            assert (told["kind"], told["color"], told["size"]) == (thing.kind, thing.color, thing.size)
            assert (told["pattern"] or "plain", told["pose"] or "upright") == (thing.pattern, thing.pose)
            lengths.append(len(text.replace(",", " ,").split()))
            positions += told["position"] is not None
            relations += told["relation"] is not None
            captions += 1
    assert max(lengths) <= 16
    assert positions > 0.75 * captions
    assert relations == 0


def test_sentences_of_scenes_are_true(pictures, witness_of):
    forms = Counter()
    for picture in pictures:
        witness = witness_of(picture.scene)
        for record in picture_records(picture, ("image",)):
            for sentence in record.sentences:
                forms[_confirm_whole(sentence.removesuffix(" on a table"), witness, picture)] += 1
    assert min(forms[form] for form in ("list", "count", "relation", "there")) > 40, forms


def _confirm_whole(sentence, witness, picture):
    if match := re.fullmatch(r"(the .*) is ((?:left|right|in front|behind|on top|inside|under|holding).*)", sentence):
        joined = f"{match[1]} {match[2]}"
        subject = [b for b in witness.bodies if _fits(witness, match[1], b)]
        assert len(subject) == 1, sentence
        witness.confirm(joined, subject[0].number)
        return "relation"
    if match := re.fullmatch(r"there is (an? .*)", sentence):
        assert any(_fits(witness, match[1], body) for body in witness.bodies), sentence
        return "there"
    parts = re.split(r", | and ", sentence)
    if re.fullmatch(r"\S+ \S+", parts[0]):
        kinds = Counter(body.labels["kind"] for body in witness.bodies)
        told = {_singular(words[1]): COUNTS[words[0]] for words in (part.split() for part in parts)}
        assert told == kinds, sentence
        return "count"
    listed = Counter(tuple(part.split()[1:]) for part in parts)
    shown = Counter((thing.color, thing.kind) for thing in picture.shown)
    assert listed <= shown, sentence
    return "list"


def _fits(witness, text, body):
    try:
        witness.confirm(text, body.number)
    except AssertionError:
        return False
    return True


def _singular(word):
    return "box" if word in ("box", "boxes") else word.removesuffix("s")


def test_single_things_are_told_by_what_can_be_seen_of_them(pictures):
    for picture in pictures[:40]:
        for record in picture_records(picture, ("cloud",)):
            if record.place["view"] != "thing":
                continue
            facts = record.meta
            for sentence in record.sentences:
                words = set(re.findall(r"[a-z]+", sentence))
                assert facts["kind"] in words
                assert facts["color"] in words
                assert not words & {"small", "large", "left", "right", "middle", "behind", "lying", "standing"}
                patterns = {"striped", "stripes"} if facts["pattern"] == "striped" else {"checkered", "checks"}
                assert words & {"striped", "stripes", "checkered", "checks"} <= patterns
                assert facts["pattern"] != "plain" or not words & patterns


def test_articles_and_plurals(pictures):
    for picture in pictures[:100]:
        for record in picture_records(picture, ("image", "image_region")):
            for text in (*record.sentences, *(question.text for question in record.questions)):
                assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|boxs|  | ,", text), text
