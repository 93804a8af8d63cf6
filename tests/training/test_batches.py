"""Batches: functions of their number, right in every row."""

from dataclasses import replace

import pytest
import torch

from region_perception.data.source import Labelled
from region_perception.errors import TrainingError
from region_perception.network.region_blip import Features
from region_perception.text import mini_codec
from region_perception.training.batches import Batches, collate
from region_perception.training.examples import PreparedExamples, chosen_rows, prepare
from region_perception.training.order import Schedule, generator


@pytest.fixture
def make_batches(make_recipe, make_data, network):
    def make(process=0, processes=1, broken=(), **changes):
        recipe = make_recipe(order="mixed", **changes)
        data = make_data(recipe, broken=broken)
        examples = {name: PreparedExamples(source, network.spec) for name, source in data.train.items()}
        schedule = Schedule(recipe, {name: len(items) for name, items in examples.items()})
        return Batches(recipe, mini_codec(network.spec), examples, schedule, process=process, processes=processes)

    return make


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    return one == other


def test_a_batch_is_a_function_of_its_number(make_batches):
    forward, again = make_batches(), make_batches()
    whole = list(forward.from_step(0))
    assert len(whole) == 6
    assert same(whole[4:], list(again.from_step(4)))
    assert not same(whole[0], whole[3]), "the next lap reads other regions, sentences and questions"


def test_workers_prepare_the_same(make_batches):
    # Two batches are enough: processes take their time to start.
    alone = list(make_batches(steps=2).from_step(0))
    assert same(alone, list(make_batches(steps=2, workers=1).from_step(0)))


def test_processes_and_parts_share_a_step_between_them(make_batches):
    (whole,) = make_batches(steps=1).from_step(0)
    shares = [next(make_batches(process, 2, steps=1).from_step(0)) for process in range(2)]
    parts = list(make_batches(accumulate=2, steps=1).from_step(0))
    for pieces in (shares, parts):
        for kind, part in enumerate(whole.parts):
            both = [piece.parts[kind] for piece in pieces]
            assert part.counts == both[0].counts + both[1].counts
            assert torch.equal(part.keys, torch.cat([piece.keys for piece in both]))
            own = [target for piece in both for target in piece.targets[: len(piece.keys)]]
            assert own == part.targets[: len(part.keys)]


def test_rows_carry_their_own_sentences_questions_and_positions(world, network):
    codec = mini_codec(network.spec)
    examples = PreparedExamples(world("image_region"), network.spec)
    items = [
        chosen_rows(examples.example(i), generator(0, "x", i, "x"), regions=2, questions=2, sentence="first")
        for i in (2, 3)
    ]
    part = collate(items, codec, text_tokens=32)
    assert part.counts == (2, 1)
    assert part.positions.shape == (3, 4)
    # Last, what asks for words that mean only this region.
    assert part.row_of.tolist() == [0, 1, 2, 0, 0, 1, 1, 2, 2, 0, 1, 2]
    rows = [row for item in items for row in item.rows]
    written = [codec.sentence(target[:-1]) for target in part.targets]
    assert written[:3] == [row.sentences[0] for row in rows]
    assert written[3:9] == [answer for row in rows for _, answer in row.questions]
    assert written[9:] == [row.references[0] for row in rows]
    assert all(target[-1] == codec.spec.language.stop_id for target in part.targets)
    prompts = [codec.sentence(prompt) for prompt in part.prompts]
    assert prompts[:3] == ["a photo of"] * 3
    assert prompts[3] == "question : what color is it short answer :"
    assert prompts[9:] == ["question : which one is it? short answer :"] * 3
    assert [codec.sentence(ids.tolist()) for ids in part.text] == [row.references[0] for row in rows]


def test_encoders_read_classes_alone_and_all_other_phases_sentences(make_batches):
    (dense,), (told,) = (list(make_batches(phase=phase, steps=1).from_step(0)) for phase in ("encoders", "modalities"))
    for part in dense.parts:
        assert part.classes.keys() == {"color", "kind", "thing"}
        assert (part.counts, part.targets) == ((0, 0, 0, 0), [])
    for part in told.parts:
        assert not part.classes
        assert len(part.targets) >= len(part.counts) == 4


def test_first_takes_the_first_sentence_and_any_takes_all(world, network):
    example = PreparedExamples(world("image_region"), network.spec).example(2)

    def told(sentence):
        return {
            chosen_rows(example, generator(0, "x", i, "x"), regions=2, questions=0, sentence=sentence).rows[0].sentences
            for i in range(20)
        }

    assert len(told("first")) == 1
    assert len(told("any")) == 2


def test_only_regions_are_asked_which_they_are(world, network):
    examples = PreparedExamples(world("image"), network.spec)
    whole = chosen_rows(examples.example(2), generator(0, "x", 2, "x"), regions=1, questions=1, sentence="first")
    part = collate([whole], mini_codec(network.spec), text_tokens=32)
    assert len(part.targets) == 1 + len(whole.rows[0].questions)


@pytest.mark.parametrize(
    ("asked", "count", "expected"),
    [
        ("oooocccc", 4, "oocc"),
        ("oooocccc", 3, "ooc"),
        ("oooooc", 4, "oooc"),
        ("occcc", 4, "occc"),
        ("oc", 4, "oc"),
        ("", 2, ""),
    ],
)
def test_half_of_the_questions_are_answered_by_yes_or_no(world, network, asked, count, expected):
    example = PreparedExamples(world("image_region"), network.spec).example(2)
    answers = {"c": ("no", "yes"), "o": ("mug", "red")}
    questions = tuple((f"{place}?", answers[kind][place % 2]) for place, kind in enumerate(asked))
    example = replace(example, rows=(replace(example.rows[0], questions=questions),))
    drawn = set()
    for number in range(20):
        (row,) = chosen_rows(example, generator(0, "x", number, "x"), regions=1, questions=count, sentence="first").rows
        assert sorted("oc"[answer in ("yes", "no")] for _, answer in row.questions) == sorted(expected)
        assert set(row.questions) <= set(questions)
        assert len(set(row.questions)) == len(expected)
        drawn |= set(row.questions)
    assert drawn == set(questions)


def test_the_text_branch_reads_what_means_one_region(world, network):
    """ "this mug is red" is true of many: only a record without references is matched by such sentences."""
    record = world("cloud_region").look(0).records[0]
    assert prepare(Labelled([record]), network.spec).rows[0].references == record.sentences
    referred = replace(record, references=("the red box on the left",))
    row = prepare(Labelled([referred]), network.spec).rows[0]
    assert row.references == ("the red box on the left",)
    assert row.sentences == record.sentences


def test_equal_regions_and_equal_references_belong_together(make_batches, world, network):
    codec = mini_codec(network.spec)
    example = PreparedExamples(world("cloud"), network.spec).example(0)
    one = replace(example.rows[0], id="a", sentences=("x",), references=("a red box",))
    items = [
        replace(example, rows=(row,))
        for row in (
            one,
            replace(one, references=("the box",)),
            replace(one, id="b"),
            replace(one, id="c", references=("mug",)),
        )
    ]
    keys = collate(items, codec, 32).keys
    belongs = (keys[:, None] == keys).any(-1).int()
    assert belongs.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]


def test_what_cannot_be_read_is_named_and_replaced(make_batches):
    whole, damaged = list(make_batches().from_step(0)), list(make_batches(broken=(5,)).from_step(0))
    skipped = [text for batch in damaged for text in batch.skipped]
    assert skipped
    assert all("5: InvalidObservation: picture 5 is broken" in text for text in skipped)
    assert [batch.observations for batch in damaged] == [batch.observations for batch in whole]
    assert same(damaged, list(make_batches(broken=(5,)).from_step(0)))


def test_data_without_anything_to_read_stop_the_run(make_batches):
    with pytest.raises(TrainingError, match=r"20 samples of image_region in a row cannot be read; .* is broken"):
        next(make_batches(broken=range(12)).from_step(0))


@pytest.mark.parametrize("whole", [None, torch.ones(1, 3, dtype=torch.bool)], ids=["no mask", "mask"])
def test_features_are_put_together_with_their_masks_and_centres(world, network, whole):
    example = PreparedExamples(world("cloud"), network.spec).example(0)
    masks = (torch.tensor([[True, True, False]]), whole)
    items = [
        replace(example, seen=Features(torch.full((1, 3, 2), float(i)), mask, centres=torch.full((1, 2, 3), i + 0.5)))
        for i, mask in enumerate(masks)
    ]
    part = collate(items, mini_codec(network.spec), 32)
    for seen in (part.seen, part.to(torch.device("cpu")).seen):
        assert seen.tokens[:, 0, 0].tolist() == [0, 1]
        assert seen.mask.tolist() == [[True, True, False], [True, True, True]]
        assert seen.centres[:, 0, 0].tolist() == [0.5, 1.5]
    unmasked = collate(items[1:], mini_codec(network.spec), 32).seen
    assert (unmasked.mask is None) == (whole is None)


def test_rows_that_can_only_be_asked_about_have_no_caption_and_no_reference(make_recipe, make_data, network):
    source = make_data(make_recipe()).train["cloud_region"]
    whole = prepare(source.look(0), network.spec)
    silent = replace(whole.rows[0], sentences=(), references=(), questions=(("what is it?", "mug"),))
    told = replace(whole.rows[0], sentences=("red mug",), references=("the mug",), questions=(("is it red?", "yes"),))
    codec = mini_codec(network.spec)
    part = collate([replace(whole, rows=(silent, told))], codec, 32)
    assert [codec.sentence(target) for target in part.targets] == ["red mug", "mug", "yes", "the mug"]
    assert part.row_of.tolist() == [1, 0, 1, 1], "which one it is can be asked of the one that has a reference"
    assert part.counts == (2,)
    assert len(part.positions) == len(part.keys) == 2
