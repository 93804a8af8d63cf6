"""Caption scores: golden values worked out apart from the scorers, parity with the COCO evaluation, hostile input."""

import gc
import math
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("pycocoevalcap")

from region_perception.errors import InputWarning, InvalidInput, InvalidText
from region_perception.evaluation import captions, java
from region_perception.evaluation.captions import score_captions
from region_perception.evaluation.java import java_version

SAID = {
    "a": "a red mug on the left",
    "b": "the blue box, behind the lamp",
    "c": "small ball",
    "d": "a green bottle in the middle",
}
REFERENCES = {
    "a": ["the red mug on the left", "red mug left of the box"],
    "b": ["blue box behind the white lamp"],
    "c": ["the small red ball on the right", "a ball", "small ball on the table"],
    "d": ["Green bottle!", "the bottle that isn't red"],
}


def grams(text, n):
    parts = text.replace(",", "").replace("!", "").replace("isn't", "is n't").lower().split()
    return Counter(tuple(parts[i : i + n]) for i in range(len(parts) - n + 1))


def bleu(said, references, order):
    """Corpus BLEU as Papineni et al. define it, with the closest reference length."""
    logs, given, meant = 0.0, 0, 0
    for n in range(1, order + 1):
        right = tried = 0
        for name, text in said.items():
            mine = grams(text, n)
            most = Counter()
            for reference in references[name]:
                most |= grams(reference, n)
            right += sum((mine & most).values())
            tried += sum(mine.values())
        logs += math.log(right / tried) / order
    for name, text in said.items():
        length = sum(grams(text, 1).values())
        given += length
        meant += min((abs(sum(grams(r, 1).values()) - length), sum(grams(r, 1).values())) for r in references[name])[1]
    return math.exp(logs + min(0.0, 1 - meant / given))


def cider(said, references):
    """CIDEr-D of Vedantam et al. with its clipping and length penalty, of each sentence."""
    df = Counter()
    for name in references:
        df.update({gram for r in references[name] for n in (1, 2, 3, 4) for gram in grams(r, n)})
    weight = {gram: math.log(len(said)) - math.log(count) for gram, count in df.items()}

    def vector(text, n):
        return {g: count * weight.get(g, math.log(len(said))) for g, count in grams(text, n).items()}

    scores = {}
    for name, text in said.items():
        total = 0.0
        for reference in references[name]:
            apart = sum(grams(text, 2).values()) - sum(grams(reference, 2).values())
            for n in (1, 2, 3, 4):
                mine, theirs = vector(text, n), vector(reference, n)
                size = math.sqrt(sum(v * v for v in mine.values())) * math.sqrt(sum(v * v for v in theirs.values()))
                dot = sum(min(mine[g], theirs[g]) * theirs[g] for g in mine if g in theirs)
                total += (dot / size if size else 0.0) * math.exp(-(apart**2) / (2 * 6.0**2)) / 4
        scores[name] = 10 * total / len(references[name])
    return scores


def test_bleu_is_that_of_the_definition() -> None:
    found = score_captions(SAID, REFERENCES, java=False).scores
    for order in (1, 2, 3, 4):
        assert found[f"BLEU-{order}"].value == pytest.approx(bleu(SAID, REFERENCES, order), rel=1e-6)


def test_bleu_worked_by_hand() -> None:
    # 3 of 4 words and 1 of 3 pairs are right; 4 words for a reference of 5.
    found = score_captions(
        {"a": "the red old mug", "b": "x"}, {"a": ["the red mug stands here"], "b": ["x"]}, java=False
    )
    short = math.exp(1 - 6 / 5)
    assert found.scores["BLEU-1"].value == pytest.approx(4 / 5 * short)
    assert found.scores["BLEU-2"].value == pytest.approx(math.sqrt(4 / 5 * 1 / 3) * short)


def test_rouge_worked_by_hand() -> None:
    # The longest common subsequence "red mug left" has 3 words: of 4 said, of 6 meant; recall counts 1.2 squared times.
    found = score_captions({"a": "red mug left it"}, {"a": ["the red mug on the left"]}, java=False)
    precision, recall = 3 / 4, 3 / 6
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert found.scores["ROUGE-L"].value == pytest.approx(expected)


def test_cider_is_that_of_the_definition() -> None:
    found = score_captions(SAID, REFERENCES, java=False)
    expected = cider(SAID, REFERENCES)
    assert found.items["CIDEr"] == pytest.approx(expected)
    assert found.scores["CIDEr"].value == pytest.approx(sum(expected.values()) / 4)


def test_saying_the_references_scores_full_marks_and_nothing_scores_nothing() -> None:
    perfect = score_captions(
        {"a": "the red mug", "b": "a blue box here now"},
        {"a": ["The red mug."], "b": ["a blue box here now"]},
        java=False,
    )
    assert perfect.scores["BLEU-2"].value == pytest.approx(1)
    assert perfect.scores["ROUGE-L"].value == pytest.approx(1)
    nothing = score_captions({"a": "", "b": "..."}, {"a": ["the red mug"], "b": ["a box"]}, java=False)
    assert [estimate.value for estimate in nothing.scores.values()] == pytest.approx([0] * 6, abs=1e-12)


def test_one_item_has_no_cider_and_says_so() -> None:
    found = score_captions({"a": "red mug"}, {"a": ["the red mug"]}, java=False)
    assert "CIDEr" not in found.scores
    assert any(note.startswith("CIDEr: not computed") for note in found.notes)


def test_nothing_to_score_is_said() -> None:
    found = score_captions({}, {})
    assert found.scores["CIDEr"].value is None
    assert found.notes


@pytest.mark.parametrize(
    ("said", "references", "named"),
    [
        ({"a": "x", "b": "y"}, {"a": ["x"]}, "'b'"),
        ({"a": "x"}, {"a": ["x"], "b": ["y"], "c": ["z"]}, "'b', 'c'"),
        ({"a": "x"}, {"a": []}, "'a'"),
        ({"a": "x"}, {"a": ["", " . "]}, "'a'"),
        ({"a": "x"}, {"a": "x"}, "'a'"),
        ({"a": ["x"]}, {"a": ["x"]}, "'a'"),
        ({"a": "x"}, {"a": [None]}, "'a'"),
        ({str(i): "x" for i in range(9)}, {}, "and 4 more"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_id(said, references, named) -> None:
    with pytest.raises((InvalidInput, InvalidText), match=named):
        score_captions(said, references, java=False)


def test_references_without_words_are_left_out_with_a_warning() -> None:
    with pytest.warns(InputWarning, match="1 references"):
        found = score_captions({"a": "mug", "b": "box"}, {"a": ["mug", "..."], "b": ["box"]}, java=False)
    assert found.scores["BLEU-1"].value == pytest.approx(1)


def test_unicode_and_many_sentences() -> None:
    said = {str(i): "\u8d64\u3044 caf\u00e9 \U0001f600 \ud800 mug" for i in range(300)}
    references = {name: ["\u8d64\u3044 CAFE\u0301 mug", "\u0643\u0648\u0628"] for name in said}
    found = score_captions(said, references, java=False)
    assert 0 < found.scores["ROUGE-L"].value < 1
    assert found.scores["ROUGE-L"].count == 300


def test_scores_of_items_come_by_their_ids_whatever_their_order() -> None:
    forth = score_captions(SAID, REFERENCES, java=False)
    back = score_captions(dict(reversed(SAID.items())), REFERENCES, java=False)
    assert forth.items["CIDEr"] == pytest.approx(back.items["CIDEr"])
    assert forth.scores["BLEU-4"].value == pytest.approx(back.scores["BLEU-4"].value)


def test_without_java_it_is_said_what_is_missing(monkeypatch) -> None:
    monkeypatch.setattr("region_perception.evaluation.java.java_version", lambda: None)
    found = score_captions(SAID, REFERENCES)
    assert "METEOR" not in found.scores
    assert [note.split(":")[0] for note in found.notes] == ["METEOR", "SPICE"]
    assert all("no Java runtime" in note for note in found.notes)


def test_spice_comes_by_the_order_of_ids_and_counts_nothing_as_zero(monkeypatch) -> None:
    from pycocoevalcap.spice import spice

    class Stub:
        def compute_score(self, references, said):
            by_id = {"a": 0.5, "b": float("nan"), "c": 0.25, "d": 0.0}
            return 0.0, [{"All": {"f": by_id[name]}} for name in sorted(said)]  # as SPICE does it

    monkeypatch.setattr(spice, "Spice", Stub)
    monkeypatch.setattr(java, "_need_java", lambda: None)
    monkeypatch.setattr(java, "_need_models", lambda: None)
    given = {name: [SAID[name]] for name in ("d", "c", "b", "a")}
    assert java.spice(given, given) == (pytest.approx(0.75 / 4), [0.0, 0.25, 0.0, 0.5])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the pipe to what broke off
def test_a_java_that_breaks_off_is_told_and_leaves_nothing_waiting(tmp_path, monkeypatch) -> None:
    broken = tmp_path / "java"
    broken.write_text('#!/bin/sh\n[ "$1" = -version ] && echo "broken 1.0" && exit 0\nread line\necho not a number\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(java, "_need_plain_path", lambda: None)
    java.java_version.cache_clear()
    java._meteor_program.cache_clear()
    try:
        assert java.java_version() == "broken 1.0"
        found = score_captions(SAID, REFERENCES)
        assert any(note.startswith("METEOR: not computed, as its program broke off") for note in found.notes)
        gc.collect()  # the program's end must not wait for a lock that it holds itself
    finally:
        java.java_version.cache_clear()


@pytest.mark.java
def test_the_coco_evaluation_gives_the_same(monkeypatch) -> None:
    if java_version() is None:
        pytest.skip("no Java runtime")
    from pycocoevalcap import eval as coco

    class Nothing:  # SPICE would download its models; METEOR takes seconds to start
        def compute_score(self, references, said):
            return 0.0, [0.0] * len(said)

        def method(self):
            return "nothing"

    class Captions:
        def __init__(self, captions):
            self.imgToAnns = {name: [{"caption": each} for each in texts] for name, texts in captions.items()}

        def getImgIds(self):
            return list(self.imgToAnns)

    monkeypatch.setattr(coco, "Spice", Nothing)
    monkeypatch.setattr(coco, "Meteor", Nothing)
    theirs = coco.COCOEvalCap(Captions(REFERENCES), Captions({name: [text] for name, text in SAID.items()}))
    theirs.evaluate()
    ours = score_captions(SAID, REFERENCES, java=False)
    names = {"BLEU-1": "Bleu_1", "BLEU-2": "Bleu_2", "BLEU-3": "Bleu_3", "BLEU-4": "Bleu_4"}
    names |= {"ROUGE-L": "ROUGE_L", "CIDEr": "CIDEr"}
    assert {name: ours.scores[name].value for name in names} == pytest.approx(
        {name: theirs.eval[theirs_name] for name, theirs_name in names.items()}, rel=1e-6
    )


@pytest.mark.java
def test_meteor_with_java_and_spice_only_with_its_models(monkeypatch) -> None:
    if java_version() is None:
        pytest.skip("no Java runtime")
    if " " in str(java.folder_of("pycocoevalcap.meteor.meteor")):
        pytest.skip("METEOR does not run from a folder with a space in its name")
    with_nothing = SAID | {"e": "", "f": "a | mug ||| on it"}
    found = score_captions(with_nothing, REFERENCES | {"e": ["a mug"], "f": ["a mug on it"]})
    assert found.items["METEOR"]["e"] == 0
    # What the COCO evaluation says of these sentences.
    golden = {"a": 0.8666667, "b": 0.4144003, "c": 0.2796115, "d": 0.4153649}
    assert {name: found.items["METEOR"][name] for name in SAID} == pytest.approx(golden, abs=1e-6)
    assert found.scores["METEOR"].low < found.scores["METEOR"].value < found.scores["METEOR"].high
    if "SPICE" not in found.scores:
        assert any(note.startswith("SPICE: not computed, as its models are not installed") for note in found.notes)


def test_meteor_says_that_it_does_not_run_from_a_folder_with_a_space(monkeypatch) -> None:
    if java_version() is None:
        pytest.skip("no Java runtime")
    monkeypatch.setattr(java, "folder_of", lambda module: Path("/my models/pycocoevalcap/meteor"))
    found = score_captions(SAID, REFERENCES)
    assert "METEOR" not in found.scores
    assert any("a folder with a space in its name: /my models/pycocoevalcap" in note for note in found.notes)


def test_names_of_scores_are_in_one_order() -> None:
    found = score_captions(SAID, REFERENCES, java=False)
    assert list(found.scores) == [name for name in captions.CAPTION_SCORES if name in found.scores]
