"""Texts to token ids and back."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from region_perception.errors import InputWarning, InvalidText, WeightsError
from region_perception.network.specs import mini
from region_perception.text import EVERYDAY_WORDS, MAX_CHARACTERS, TextCodec, clean_text, mini_codec, word_tokenizer


@pytest.fixture(scope="module")
def codec() -> TextCodec:
    return mini_codec(mini())


def test_a_sentence_survives_the_way_to_ids_and_back(codec: TextCodec) -> None:
    for sentence in ("the red mug behind the blue box", "a xylophone", "3 mugs, 2 balls"):
        assert codec.sentence(codec.prompt_ids(sentence)) == sentence


def test_known_words_are_one_token_and_others_are_spelled(codec: TextCodec) -> None:
    assert len(codec.prompt_ids("red mug")) == 2
    assert len(codec.prompt_ids("zebra")) == 5


def test_prompts_hold_no_special_tokens_and_targets_end(codec: TextCodec) -> None:
    spec = mini()
    specials = {spec.language.pad_id, spec.language.bos_id, spec.language.stop_id, spec.qformer.start_id}
    assert not specials & set(codec.prompt_ids("a red mug"))
    assert codec.target_ids("a red mug") == [*codec.prompt_ids("a red mug"), spec.language.stop_id]
    assert codec.prompt_ids("") == []


def test_special_ids_of_the_spec_are_those_of_the_tokenizer(codec: TextCodec) -> None:
    spec, tokenizer = mini(), codec.language
    assert tokenizer.convert_tokens_to_ids(["[PAD]", "[BOS]", "[EOS]"]) == [
        spec.language.pad_id,
        spec.language.bos_id,
        spec.language.stop_id,
    ]
    assert tokenizer.convert_tokens_to_ids(["[PAD]", "[DEC]"]) == [spec.qformer.pad_id, spec.qformer.start_id]


def test_texts_for_the_qformer_are_padded_and_start_with_the_class_token(codec: TextCodec) -> None:
    ids = codec.qformer_ids(["red mug", "the blue box behind it"])
    first, last = codec.language.convert_tokens_to_ids(["[CLS]", "[SEP]"])
    assert ids.shape == (2, 7)
    assert ids[:, 0].tolist() == [first, first]
    assert ids[1, -1] == last
    assert ids[0].tolist()[4:] == [mini().qformer.pad_id] * 3


def test_long_texts_for_the_qformer_are_cut_at_what_it_holds(codec: TextCodec) -> None:
    with pytest.warns(InputWarning, match="202 tokens"):
        ids = codec.qformer_ids(["red " * 200])
    assert ids.shape == (1, mini().qformer.max_text)
    first, red, last = codec.language.convert_tokens_to_ids(["[CLS]", "red", "[SEP]"])
    assert ids[0].tolist() == [first, *[red] * (mini().qformer.max_text - 2), last]


@pytest.mark.parametrize("written", ["[PAD]", "[EOS]", "[SEP]", "[DEC]"])
def test_special_tokens_that_somebody_writes_out_are_text(codec: TextCodec, written: str) -> None:
    special = codec.language.convert_tokens_to_ids(written)
    assert special not in codec.prompt_ids(f"a {written} mug")
    assert codec.qformer_ids([f"a {written} mug"])[0, 1:-1].tolist().count(special) == 0


@pytest.mark.filterwarnings("ignore:a description has")
def test_threads_do_not_cut_each_others_texts(codec: TextCodec) -> None:
    """One tokenizer serves prompts, which are read whole, and the text branch, which holds only so much."""
    text = "zebra " * 100
    whole, most = len(codec.prompt_ids(text)), mini().qformer.max_text

    def lengths(_: int) -> tuple[int, int]:
        return len(codec.prompt_ids(text)), codec.qformer_ids([text]).shape[1]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            seen = set(pool.map(lengths, range(400)))
    finally:
        sys.setswitchinterval(before)
    assert seen == {(whole, most)}


def test_a_codec_is_saved_and_read_back(codec: TextCodec, tmp_path: Path) -> None:
    codec.save(tmp_path)
    again = TextCodec.load(mini(), tmp_path)
    assert again.qformer is again.language
    assert again.prompt_ids("a zebra, red") == codec.prompt_ids("a zebra, red")
    assert again.qformer_ids(["a zebra"]).tolist() == codec.qformer_ids(["a zebra"]).tolist()


def test_a_missing_or_broken_tokenizer_is_named(codec: TextCodec, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no tokenizer/ folder"):
        TextCodec.load(mini(), tmp_path)
    codec.save(tmp_path)
    (tmp_path / "tokenizer" / "tokenizer.json").write_text('{"broken": ')
    with pytest.raises(WeightsError, match="cannot be read"):
        TextCodec.load(mini(), tmp_path)


def test_a_codec_without_text_branch_refuses_to_match(codec: TextCodec) -> None:
    with pytest.raises(WeightsError, match="no text branch"):
        TextCodec(mini(), codec.language).qformer_ids(["a mug"])


def test_a_vocabulary_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit into a vocabulary of 100"):
        word_tokenizer(EVERYDAY_WORDS.split(), 100)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "question is empty"),
        ("\t\n\x00", "question is empty"),
        (None, "question is NoneType"),
        (b"what", "question is bytes"),
        ("a" * (MAX_CHARACTERS + 1), "2,001 characters"),
    ],
)
def test_bad_texts_are_refused(text: object, words: str) -> None:
    with pytest.raises(InvalidText, match=words):
        clean_text(text, "question")


def test_control_characters_and_line_breaks_become_spaces() -> None:
    assert clean_text("what\r\nis\x1b[31m it\u2028?", "question") == "what is [31m it ?"
    assert clean_text("größe 猫", "question") == "größe 猫"
