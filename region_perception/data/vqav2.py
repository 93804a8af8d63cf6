"""VQAv2: questions about COCO photographs, each answered by ten people.

<folder>/
    v2_OpenEnded_mscoco_{train,val}2014_questions.json     or in annotations/
    v2_mscoco_{train,val}2014_annotations.json             beside it
    images/{train,val}2014/COCO_val2014_*.jpg              or {train,val}2014/

An image is an entry with all its questions. Their `answer` is the one that most people gave; all ten stand in
`meta["answers"]`, in the order of the questions, beside `meta["question_ids"]` and `meta["question_types"]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from sys import intern
from typing import Any

from region_perception.data.coco_captions import IMAGES
from region_perception.data.entries import BAD_ROW, DUPLICATE_ID, EMPTY_SENTENCE, Entry, Flaw, attempt, mend
from region_perception.data.formats.json_stream import json_items
from region_perception.data.places import folder_of, only_file, relative
from region_perception.data.record import Question
from region_perception.modalities import IMAGE
from region_perception.regions.checks import shown


def annotation_files(folder: Path, split: str) -> list[Path]:
    """Questions and answers of a split."""
    name = f"v2_OpenEnded_mscoco_{split}2014_questions.json"
    questions = only_file(folder, [name, f"annotations/{name}"])
    return [questions, only_file(questions.parent, [f"v2_mscoco_{split}2014_annotations.json"])]


def read_vqav2(folder: Path, split: str, masks: bool) -> Iterator[Entry | Flaw]:
    """The images of a split with their questions."""
    asked_in, answered_in = annotation_files(folder, split)
    texts: dict[int, str] = {}
    for number, row in enumerate(json_items(asked_in, "questions")):
        text = row.get("question") if isinstance(row, dict) else None
        if isinstance(text, str) and text.strip() and type(row.get("question_id")) is int:
            texts[row["question_id"]] = " ".join(mend(text).split())
        else:
            kind = EMPTY_SENTENCE if isinstance(text, str) else BAD_ROW
            yield Flaw(kind, f"{asked_in.name} question {number}", f"expected a question, got {shown(row)}")
    images: dict[int, list[dict[str, Any]]] = {}
    answered: set[int] = set()
    for number, row in enumerate(json_items(answered_in, "annotations")):
        where = f"{answered_in.name} annotation {number}"
        known = isinstance(row, dict) and all(type(row.get(key)) is int for key in ("question_id", "image_id"))
        if not known or row["question_id"] not in texts:
            yield Flaw(BAD_ROW, where, f"it answers no known question: {shown(row)}")
        elif row["question_id"] in answered:
            yield Flaw(DUPLICATE_ID, where, f"question {row['question_id']} has been answered by an earlier one")
        elif not _has_answers(row):
            yield Flaw(BAD_ROW, where, f"expected answers of people, got {shown(row.get('answers'))}")
        else:
            answered.add(row["question_id"])
            images.setdefault(row["image_id"], []).append(_needed(row))
    prefix = folder_of(folder, IMAGES)
    for image, rows in images.items():
        yield attempt(f"{answered_in.name} image {image}", partial(_entry, prefix, split, image, rows, texts))


def _has_answers(row: dict[str, Any]) -> bool:
    """Whether it has the answers of people, and the one that most gave; empty ones are answers, too."""
    answers = row.get("answers")
    if not isinstance(row.get("multiple_choice_answer"), str) or not isinstance(answers, list) or not answers:
        return False
    return all(isinstance(each, dict) and isinstance(each.get("answer"), str) for each in answers)


def _needed(row: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a row: of half a million, each with ten answers that are much alike, all takes gigabytes."""
    said = {
        name: row.get(name, "") for name in ("question_id", "multiple_choice_answer", "answer_type", "question_type")
    }
    return said | {"answers": [intern(mend(each["answer"])) for each in row["answers"]]}


def _entry(prefix: str, split: str, image: int, rows: list[dict[str, Any]], texts: dict[int, str]) -> Entry:
    asked = [
        Question(texts[row["question_id"]], mend(row["multiple_choice_answer"]), str(row.get("answer_type", "")))
        for row in rows
    ]
    return Entry(
        id=f"vqav2/{image}",
        split=split,
        modality=IMAGE,
        place={"image": relative(f"{prefix}/{split}2014/COCO_{split}2014_{image:012d}.jpg")},
        questions=tuple(asked),
        meta={
            "image_id": image,
            "question_ids": [row["question_id"] for row in rows],
            "question_types": [str(row.get("question_type", "")) for row in rows],
            "answers": [row["answers"] for row in rows],
        },
    )
