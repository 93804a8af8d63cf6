"""Answers are true of the scene, and cannot be guessed from the question."""

import re
from collections import Counter, defaultdict

import pytest

from region_perception.simulation import compose, picture_records, take_picture

pytest.importorskip("open3d")

COLOR_WORDS = "red|green|blue|yellow|orange|purple|pink|brown|black|white|gray|cyan"
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SIDES = {"left": "left of", "right": "right of", "in front": "in front of", "behind": "behind"}


@pytest.fixture(scope="module")
def asked(pictures):
    """(picture, record, question) of all pictures, image records only."""
    return [
        (picture, record, question)
        for picture in pictures
        for record in picture_records(picture, ("image", "image_region"))
        for question in record.questions
    ]


def test_answers_are_true(asked, witness_of, statement):
    witnesses, topics = {}, Counter()
    for picture, record, question in asked:
        if picture.scene.seed not in witnesses:
            witnesses[picture.scene.seed] = witness_of(picture.scene)
        witness = witnesses[picture.scene.seed]
        judge = _about_it if record.modality == "image_region" else _about_scene
        assert judge(witness, record, question, statement), (record.id, question)
        topics[record.modality, question.topic] += 1
    assert min(topics.values()) > 30, topics
    expected = {"kind", "color", "size", "pattern", "pose", "position", "relation", "yes/no"}
    assert {topic for modality, topic in topics if modality == "image_region"} == expected


def _about_it(witness, record, question, statement):
    body = witness.body(record.meta["number"])
    text, answer = question.text, question.answer
    plain = {
        "what is it?": "kind",
        "what color is it?": "color",
        "is it small or large?": "size",
        "is it plain, striped or checkered?": "pattern",
        "how does it lie?": "pose",
    }
    if text in plain:
        return body.labels[plain[text]] == answer
    if text == "where is it?":
        return witness.at(body, answer)
    if match := re.fullmatch(r"is it (?:an? )?([a-z]+)\?", text):
        return answer == ("yes" if match[1] in body.labels.values() else "no")
    return _relation(witness, body, re.fullmatch(r"is it (.*)\?", text)[1], answer, statement)


def _relation(witness, body, asked, answer, statement):
    """Of "left of the red box" with yes or no, or of "left or right of the red box" with a side."""
    match = re.fullmatch(r"(?:(left or right of|in front of or behind)|(.*?)) (the .*)", asked)
    other = statement.fullmatch(match[3]).groupdict()
    (other,) = witness.fitting(other)
    if match[1]:
        return answer in match[1] and witness.related(body, SIDES[answer], other)
    opposite = {"left of": "right of", "right of": "left of", "in front of": "behind", "behind": "in front of"}
    return witness.related(body, match[2] if answer == "yes" else opposite[match[2]], other)


def _about_scene(witness, record, question, statement):
    text, answer = question.text, question.answer
    if match := re.fullmatch(r"how many ([a-z]+) are there\?", text):
        kind = "box" if match[1] == "boxes" else match[1].removesuffix("s")
        return NUMBERS.index(answer) == sum(body.labels["kind"] == kind for body in witness.bodies)
    if match := re.fullmatch(rf"is there an? ({COLOR_WORDS}) ([a-z]+)\?", text):
        there = any((body.labels["color"], body.labels["kind"]) == match.groups() for body in witness.bodies)
        return answer == ("yes" if there else "no")
    if match := re.fullmatch(r"what is (on top of|inside) (the .*)\?", text):
        (base,) = witness.fitting(statement.fullmatch(match[2]).groupdict())
        carried = [body for body in witness.bodies if witness.related(body, match[1], base)]
        return [f"{body.labels['color']} {body.labels['kind']}" for body in carried] == [answer]
    if match := re.fullmatch(r"what color is (the .*)\?", text):
        (body,) = witness.fitting(statement.fullmatch(match[1]).groupdict())
        return body.labels["color"] == answer
    attributes = {
        r"is (the .*) small or large\?": "size",
        r"is (the .*) plain, striped or checkered\?": "pattern",
        r"how does (the .*) lie\?": "pose",
    }
    for pattern, name in attributes.items():
        if match := re.fullmatch(pattern, text):
            (body,) = witness.fitting(statement.fullmatch(match[1]).groupdict())
            return body.labels[name] == answer
    if match := re.fullmatch(r"where is (the .*)\?", text):
        (body,) = witness.fitting(statement.fullmatch(match[1]).groupdict())
        return witness.at(body, answer)
    subject, rest = re.fullmatch(r"is (the .*?) ((?:left|right|in front|behind)\b.*)\?", text).groups()
    (body,) = witness.fitting(statement.fullmatch(subject).groupdict())
    return _relation(witness, body, rest, answer, statement)


def test_answers_cannot_be_guessed(asked):
    answers = defaultdict(Counter)
    for _, record, question in asked:
        kind_of = re.sub(rf"\b({COLOR_WORDS})\b", "COLOR", question.text)
        if record.modality == "image" and question.topic in ("pattern", "pose", "position"):
            kind_of = re.sub(r"the (small |large )?COLOR [a-z]+", "the THING", kind_of)
        if question.topic == "yes/no":
            kind_of = re.sub(r"is it an? [a-z]+", "is it a KIND", kind_of)
            kind_of = re.sub(r"(there an?|the (?:small |large )?)(.*?)COLOR [a-z]+", r"\1 THING", kind_of)
        answers[record.modality, question.topic, kind_of][question.answer] += 1
    for (_, topic, text), counts in answers.items():
        total, most = sum(counts.values()), counts.most_common(1)[0][1]
        if total >= 100:
            limit = {"yes/no": 0.6, "size": 0.6, "pattern": 0.5, "pose": 0.6, "position": 0.55}.get(topic, 0.6)
            assert most / total < limit, (text, counts)


def test_scenes_are_told_and_asked_about_in_all_words_of_things(pictures):
    """What learns from scenes, and is frozen then, has met every word that things are told by."""
    heard = defaultdict(set)
    for picture in pictures:
        for record in picture_records(picture, ("image", "image_region")):
            told = record.sentences[:1] if record.modality == "image_region" else record.sentences
            answers = [question.answer for question in record.questions]
            for text in (*told, *answers):
                heard[record.modality].update(re.findall(r"[a-z]+", text))
    assert heard["image_region"] <= heard["image"]


def test_what_is_counted_is_shown(asked):
    counted = 0
    for picture, _, question in asked:
        if question.topic == "count":
            kind = re.fullmatch(r"how many (.*?)(?:s|(?<=x)es) are there\?", question.text)[1]
            assert NUMBERS.index(question.answer) == sum(thing.kind == kind for thing in picture.shown)
            counted += question.answer != "zero"
    assert counted > 50


def test_counts_are_asked_evenly():
    counts = Counter()
    for index in range(150):
        picture = take_picture(compose("train", 5000 + index), 64, 64)
        for record in picture_records(picture, ("image",)):
            counts.update(question.answer for question in record.questions if question.topic == "count")
    assert counts.most_common(1)[0][1] < 0.5 * counts.total()
    assert sum(counts[word] for word in NUMBERS[2:]) > 0.2 * counts.total()
