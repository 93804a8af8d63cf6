"""A training step against the network's own answers."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from region_perception.network.region_blip import Glance
from region_perception.text import mini_codec
from region_perception.training.batches import Batch, collate
from region_perception.training.examples import PreparedExamples, chosen_rows
from region_perception.training.order import generator
from region_perception.training.processes import Processes
from region_perception.training.recipe import LossWeights
from region_perception.training.step import TrainingStep, combine


@pytest.fixture
def make_part(world, network):
    examples = {name: PreparedExamples(world(name), network.spec) for name in ("image_region", "cloud", "cloud_region")}

    def make(modality, numbers=(0, 1, 2)):
        items = [
            chosen_rows(
                examples[modality].example(i), generator(0, "x", i, "x"), regions=2, questions=1, sentence="first"
            )
            for i in numbers
        ]
        return collate(items, mini_codec(network.spec), 32)

    return make


@pytest.fixture
def step(network, make_recipe):
    return TrainingStep(network, make_recipe(), Processes(Accelerator(cpu=True)))


def means(terms):
    return {key: (term.total / term.items).item() for key, term in terms.items()}


def alone(network, part):
    """The rows of a part one by one, each with an encoder pass of its own."""
    observation = [i for i, count in enumerate(part.counts) for _ in range(count)]
    for row, of in enumerate(observation):
        if isinstance(part.seen, list):
            features = network.encode_clouds([part.seen[of]])
        else:
            features = network.encode_images(part.seen[of : of + 1])
        positions = None if part.positions is None else part.positions[row : row + 1]
        yield row, Glance(part.modality, network.remember(features, part.modality), positions)


@pytest.mark.parametrize("modality", ["image_region", "cloud", "cloud_region"])
def test_regions_that_share_an_encoder_pass_lose_as_much_as_alone(network, make_part, step, modality):
    part = make_part(modality)
    found = means(step(Batch((part,), 0)))
    language, words, boxes = [], [], []
    for row, glance in alone(network, part):
        seen = network.read([glance])
        for text in [i for i, of in enumerate(part.row_of.tolist()) if of == row]:
            scores = network.score(seen, [modality], [part.prompts[text]], [part.targets[text]])
            language.append(-scores.log_probs[scores.mask])
        ids = part.text[row : row + 1]
        ids = ids[:, : int((ids != 0).sum())]
        logits = network.write([glance], ids)[:, :-1]
        words.append(torch.nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="none", label_smoothing=0.1))
        if part.positions is not None:
            boxes.append((network.boxes(seen, [modality])[0] - part.positions[row]).abs())
    assert found["language", modality] == pytest.approx(float(torch.cat(language).mean().detach()), rel=1e-4)
    assert found["write", modality] == pytest.approx(float(torch.cat(words).mean().detach()), rel=1e-4)
    if boxes:
        assert found["box", modality] == pytest.approx(float(torch.cat(boxes).mean().detach()), rel=1e-4)


def test_a_mixed_batch_loses_as_much_as_its_parts(make_part, step):
    parts = tuple(make_part(name) for name in ("image_region", "cloud", "cloud_region"))
    together = means(step(Batch(parts, 0)))
    for part in parts:
        for key, value in means(step(Batch((part,), 0))).items():
            assert together[key] == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("without", [None, 0])
def test_matching_looks_where_its_negatives_are(network, make_part, step, monkeypatch, without):
    """With known negatives the loss is that of pairs put together by hand; a row without one has only its own pair."""
    from region_perception.training import step as module

    part = make_part("cloud_region")
    rows = sum(part.counts)
    other = (torch.arange(rows) + 2) % rows
    if without is not None:
        other[without] = -1
    monkeypatch.setattr(module, "hard_negatives", lambda *_: other)
    found = means(step(Batch((part,), 0)))["match", "cloud_region"]
    glances = [glance for _, glance in alone(network, part)]
    logits, labels = [], []
    for row in range(rows):
        own, strange = part.text[row : row + 1], part.text[other[row] : other[row] + 1]
        pairs = ((row, own, 1), (row, strange, 0), (int(other[row]), own, 0))
        for glance, text, label in pairs[: 1 if row == without else 3]:
            logits.append(network.match([glances[glance]], text))
            labels.append(label)
    expected = torch.nn.functional.cross_entropy(torch.cat(logits), torch.tensor(labels))
    assert found == pytest.approx(expected.item(), rel=1e-4)


def test_regions_of_negatives_are_read_from_the_memory_that_is_there(network, make_part, step, monkeypatch):
    """Keys and values of an observation are not copied for each row that reads them."""
    read = []
    match = network.match
    monkeypatch.setattr(network, "match", lambda glances, text: [read.extend(glances), match(glances, text)][1])
    step(Batch((make_part("cloud_region"),), 0))
    own, again, elsewhere = (glance.memory for glance in read)
    assert own is again
    assert all(ours is theirs for ours, theirs in zip(own.keys, elsewhere.keys, strict=True))
    assert sum(elsewhere.counts) == sum(own.counts)


@pytest.mark.parametrize("negatives", ["batch", "observation"])
def test_negatives_may_stay_in_their_observation(network, make_part, make_recipe, monkeypatch, negatives):
    from region_perception.training import step as module

    allowed = []
    draw = module.hard_negatives
    monkeypatch.setattr(
        module, "hard_negatives", lambda scores, belongs, r: [allowed.append(~belongs), draw(scores, belongs, r)][1]
    )
    part = make_part("image_region", numbers=(2, 5, 3))  # two, two and one region
    TrainingStep(network, make_recipe(negatives=negatives), Processes(Accelerator(cpu=True)))(Batch((part,), 0))
    assert part.counts == (2, 2, 1)
    same = torch.tensor([0, 0, 1, 1, 2])[:, None] == torch.tensor([0, 0, 1, 1, 2])
    for possible in allowed:
        assert (possible & ~same)[:4].any() == (negatives == "batch")
        assert possible[4].any()


def test_the_prompt_is_not_learnt(make_part, step, network):
    part = make_part("image_region")
    longer = replace(part, prompts=[[*prompt, 9] for prompt in part.prompts])
    one = step(Batch((part,), 0))
    items = one["language", "image_region"].items
    assert items == sum(map(len, part.targets))
    assert step(Batch((longer,), 0))["language", "image_region"].items == items


def test_the_whole_is_the_weighted_sum_of_means_over_all_rows(make_part, step):
    parts = (make_part("image_region"), make_part("cloud_region", numbers=(2, 5)))
    terms = step(Batch(parts, 0))
    weights = LossWeights(contrast=0.5, match=2, write=0.25, language=3, box=0)
    loss, shown = combine(terms, weights, step._processes)
    expected = 0.0
    for name, weight in (("contrast", 0.5), ("match", 2), ("write", 0.25), ("language", 3)):
        both = [terms[name, part.modality] for part in parts]
        expected += weight * (sum(term.total for term in both) / sum(term.items for term in both)).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert float(shown["loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(shown["box/cloud_region"]) > 0, "what counts nothing is shown all the same"
