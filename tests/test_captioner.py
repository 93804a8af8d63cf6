"""Captioner and View: batching changes nothing, nothing is computed twice, several threads get right answers."""

import dataclasses
import threading
import warnings

import numpy as np
import pytest
import torch
from lively import lively_captioner

from region_perception import Box, Box3D, Captioner, Click, InputWarning, Mask, PointSet, Polygon, Scribble, load
from region_perception.confidence import Calibration, Fit
from region_perception.errors import InvalidInput, InvalidRegion, InvalidText, ModelNotFound
from region_perception.network.language import Decoding
from region_perception.network.region_blip import Glance, RegionBlip
from region_perception.network.specs import mini
from region_perception.weights.load import LoadedModel, load_model

IMAGE_REGIONS = [
    Box(50, 40, 90, 80),
    Box(0, 0, 30, 30),
    Box(100.5, 20.25, 159.5, 119),
    Click(60, 60),
    Polygon([(10, 10), (60, 15), (30, 70)]),
    Scribble([(10, 100), (150, 110)], width=6),
    Mask(np.pad(np.ones((40, 60), bool), ((70, 10), (90, 10)))),
]
CLOUD_REGIONS = [Box3D((0, 0, 0), (1, 1, 1)), Box3D((0.3, -0.2, 0.1), (0.5, 1, 0.7), 0.4), PointSet(list(range(40)))]


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    return lively_captioner()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    pixels[40:80, 50:90] = (200, 30, 30)
    return pixels


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (3000, 3)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_captions_of_many_regions_equal_captions_one_by_one(seed: int, picture: np.ndarray, points: np.ndarray) -> None:
    captioner = lively_captioner(seed)
    image, cloud = captioner.look_at_all([picture, points])
    wanted = [(image, region) for region in [*IMAGE_REGIONS, None]] + [(cloud, region) for region in CLOUD_REGIONS]
    wanted.insert(2, (cloud, None))
    together = captioner.caption(wanted, max_tokens=12)
    alone = [captioner.caption([pair], max_tokens=12)[0] for pair in wanted]
    assert [caption.text for caption in together] == [caption.text for caption in alone]
    assert [c.confidence for c in together] == pytest.approx([c.confidence for c in alone], rel=1e-3)
    assert len({caption.text for caption in together}) > len(wanted) // 2, "regions must be told apart"


def test_captions_come_in_the_order_that_was_asked(captioner: Captioner, picture: np.ndarray) -> None:
    view, other = captioner.look(picture), captioner.look(picture[::-1])
    wanted = [(view, IMAGE_REGIONS[1]), (other, None), (view, None), (other, IMAGE_REGIONS[0])]
    captions = captioner.caption(wanted, max_tokens=4)
    assert [caption.region for caption in captions] == [region for _, region in wanted]
    assert [c.modality for c in captions] == ["image_region", "image", "image", "image_region"]
    assert captions[0].text == view.caption(IMAGE_REGIONS[1], max_tokens=4).text


def test_more_regions_than_one_batch_holds(
    captioner: Captioner, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = captioner.look(picture)
    whole = view.caption(IMAGE_REGIONS, max_tokens=6)
    monkeypatch.setattr("region_perception.captioner.MAX_ROWS", 3)
    split = view.caption(IMAGE_REGIONS, max_tokens=6)
    assert [caption.text for caption in split] == [caption.text for caption in whole]


def test_an_observation_is_encoded_once_and_remembered_once_for_each_modality(
    picture: np.ndarray, points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = lively_captioner()
    calls: list[str] = []
    for name in ("encode_images", "encode_clouds", "remember"):
        original = getattr(RegionBlip, name)

        def counted(self: RegionBlip, *given: object, _name: str = name, _original: object = original) -> object:
            calls.append(_name)
            return _original(self, *given)  # type: ignore[operator]

        monkeypatch.setattr(RegionBlip, name, counted)
    image, cloud = captioner.look_at_all([picture, points])
    for _ in range(2):
        image.caption([*IMAGE_REGIONS, None], max_tokens=2)
        image.ask(IMAGE_REGIONS[0], "what is it?", max_tokens=2)
        image.find("the red box", IMAGE_REGIONS[:2])
        cloud.caption(CLOUD_REGIONS, max_tokens=2)
    assert calls.count("encode_images") == 1
    assert calls.count("encode_clouds") == 1
    assert calls.count("remember") == 3  # image, image_region, cloud_region


def test_several_threads_get_the_answers_of_one(picture: np.ndarray, points: np.ndarray) -> None:
    captioner = lively_captioner()
    views = captioner.look_at_all([picture, picture[::-1].copy(), points])
    jobs = [(view, region) for view in views[:2] for region in IMAGE_REGIONS] + [(views[2], r) for r in CLOUD_REGIONS]
    expected = [view.caption(region, max_tokens=6).text for view, region in jobs]
    assert len(set(expected)) > 3
    fresh = captioner.look_at_all([view.observation for view in views])
    jobs = [(fresh[views.index(view)], region) for view, region in jobs]
    got: dict[int, list[str]] = {}

    def work(number: int) -> None:
        order = np.random.default_rng(number).permutation(len(jobs))
        texts = {i: jobs[i][0].caption(jobs[i][1], max_tokens=6).text for i in order}
        got[number] = [texts[i] for i in range(len(jobs))]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[number] for number in range(4)] == [expected] * 4


def test_confidence_is_the_geometric_mean_probability_of_the_written_tokens(
    captioner: Captioner, picture: np.ndarray
) -> None:
    view = captioner.look(picture)
    caption = view.caption(IMAGE_REGIONS[0], max_tokens=8)
    assert 0 < caption.confidence < 1
    # Generated words are scored as a text of their own; the sentence was cut, so its end is scored apart.
    codec, network = captioner._codec, captioner._network
    with torch.inference_mode():
        memory = network.remember(view.features, "image_region")
        footprint = caption.footprint
        assert footprint is not None
        glance = Glance("image_region", memory, torch.from_numpy(footprint.normalized_box())[None])  # type: ignore[union-attr]
        found = network.read([glance])
        prompt = codec.prompt_ids(captioner.spec.language.image_prefix)
        (sentence,) = network.generate(found, ["image_region"], [prompt], Decoding(max_tokens=8))
        ended = len(sentence.log_probs) > len(sentence.ids)
        target = [*sentence.ids, *([captioner.spec.language.stop_id] if ended else [])]
        scores = network.score(found, ["image_region"], [prompt], [target])
    assert caption.confidence == pytest.approx(float(scores.log_probs.mean().exp()), rel=1e-4)


@pytest.mark.parametrize("by", ["match", "contrast", "likelihood"])
def test_scores_of_many_equal_scores_one_by_one(
    by: str, captioner: Captioner, picture: np.ndarray, points: np.ndarray
) -> None:
    texts = ["a red box", "the long blue thing behind it"]
    for view, regions in zip(captioner.look_at_all([picture, points]), [IMAGE_REGIONS[:3], CLOUD_REGIONS], strict=True):
        scores = view.score(regions, texts, by)
        assert scores.shape == (3, 2)
        assert scores.dtype == np.float32
        assert ((scores >= 0) & (scores <= 1)).all()
        single = [[view.score([region], [text], by)[0, 0] for text in texts] for region in regions]
        np.testing.assert_allclose(scores, single, rtol=1e-4)
        assert len(np.unique(scores)) == scores.size


def test_find_puts_the_best_candidate_first(captioner: Captioner, picture: np.ndarray) -> None:
    view = captioner.look(picture)
    matches = view.find("a red box", IMAGE_REGIONS)
    scores = view.score(IMAGE_REGIONS, ["a red box"])[:, 0]
    assert [match.index for match in matches] == list(np.argsort(-scores, kind="stable"))
    assert [match.score for match in matches] == sorted(scores.tolist(), reverse=True)
    assert all(match.region is IMAGE_REGIONS[match.index] for match in matches)


def test_a_calibrated_model_tells_chances(captioner: Captioner, picture: np.ndarray, points: np.ndarray) -> None:
    calibration = (
        Calibration("caption", "image_region", 2.0, -1.0),
        Calibration("answer", "cloud_region", 0.5, 0.25),
        Calibration("find", "image_region", 3.0, 0.5),
    )
    model = LoadedModel(captioner._network, captioner._codec, "lively", "test", captioner.trained)
    other = Captioner(dataclasses.replace(model, calibration=calibration, score_method="likelihood"))
    (image, cloud), (sure_image, sure_cloud) = (each.look_at_all([picture, points]) for each in (captioner, other))

    def confidences(said: list) -> list[float]:
        return [each.confidence for each in said]

    raw, sure = (view.caption([*IMAGE_REGIONS, None], max_tokens=4) for view in (image, sure_image))
    assert [each.text for each in sure] == [each.text for each in raw]
    assert confidences(sure[:-1]) == pytest.approx(Fit(2.0, -1.0)(confidences(raw[:-1])))
    assert sure[-1].confidence == raw[-1].confidence  # the whole image is another modality
    raw, sure = (view.ask(IMAGE_REGIONS, "What is it?", max_tokens=4) for view in (image, sure_image))
    assert confidences(sure) == confidences(raw)
    raw, sure = (view.ask(CLOUD_REGIONS, "What is it?", max_tokens=4) for view in (cloud, sure_cloud))
    assert confidences(sure) == pytest.approx(Fit(0.5, 0.25)(confidences(raw)))
    raw, sure = image.find("a red box", IMAGE_REGIONS, "likelihood"), sure_image.find("a red box", IMAGE_REGIONS)
    assert [(each.index, each.score) for each in sure] == [(each.index, each.score) for each in raw]
    assert confidences(raw) == pytest.approx([each.score / sum(other.score for other in raw) for each in raw])
    first, *others = confidences(sure)
    assert first == pytest.approx(Fit(3.0, 0.5)(confidences(raw)[0]))
    assert sum(others) <= 1 - first + 1e-6
    assert confidences(sure) == sorted(confidences(sure), reverse=True)
    # Nobody has found out what the shares of another method's scores mean.
    assert sure_image.find("a red box", IMAGE_REGIONS, "match") == image.find("a red box", IMAGE_REGIONS)


def test_scores_are_what_they_are_said_to_be(captioner: Captioner, picture: np.ndarray) -> None:
    view, network, codec = captioner.look(picture), captioner._network, captioner._codec
    ids = codec.qformer_ids(["a red box"])
    with torch.inference_mode():
        glance = Glance("image", network.remember(view.features, "image"))
        match = network.match([glance], ids).softmax(-1)[0, 1]
        seen = network.contrast(network.read([glance]), ["image"])[0]
        contrast = (1 + (seen @ network.contrast_text(ids, "image")[0]).max()) / 2
    assert view.score([None], ["a red box"], "match")[0, 0] == pytest.approx(float(match), rel=1e-4)
    assert view.score([None], ["a red box"], "contrast")[0, 0] == pytest.approx(float(contrast), rel=1e-4)


@pytest.mark.parametrize("question", ["", "which one is it?"])
def test_clouds_are_captioned_after_their_own_prefix_and_descriptions_answer_a_question(
    question: str, points: np.ndarray, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = mini()
    language = dataclasses.replace(spec.language, reference_question=question)
    captioner = lively_captioner(spec=dataclasses.replace(spec, language=language))
    prompts: dict[str, list[list[int]]] = {}
    for name in ("generate", "score"):
        run = getattr(captioner._network, name)

        def spy(found, modalities, ids, *rest, run=run, name=name):  # type: ignore[no-untyped-def]
            prompts.setdefault(name, []).extend(ids)
            return run(found, modalities, ids, *rest)

        monkeypatch.setattr(captioner._network, name, spy)
    cloud, image = captioner.look_at_all([points, picture])
    wanted = [(cloud, None), (image, None), (cloud, CLOUD_REGIONS[0]), (image, IMAGE_REGIONS[0])]
    captioner.caption(wanted, max_tokens=2)
    captioner.score(wanted, ["a box"], "likelihood")
    of_clouds, of_images = (captioner._codec.prompt_ids(f"a {what} of") for what in ("point cloud", "photo"))
    captions = sorted([of_clouds, of_clouds, of_images, of_images])
    asked = captioner._codec.prompt_ids(f"Question: {question} Short answer:")
    assert {name: sorted(ids) for name, ids in prompts.items()} == {
        "generate": captions,
        "score": [asked] * 4 if question else captions,
    }


@pytest.mark.parametrize(("by", "owner", "passes"), [("likelihood", "score", 3), ("contrast", "contrast_text", 1)])
def test_many_texts_share_passes_and_score_as_alone(
    by: str, owner: str, passes: int, captioner: Captioner, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = captioner.look(picture)
    texts = [
        f"{'very ' * (i % 4)}{color} {kind}" for i, color in enumerate(("red", "blue", "grey")) for kind in "abcdef"
    ]
    alone = [[view.score([region], [text], by)[0, 0] for text in texts] for region in IMAGE_REGIONS[:2]]
    calls: list[int] = []
    run = getattr(captioner._network, owner)
    monkeypatch.setattr(captioner._network, owner, lambda *given: (calls.append(1), run(*given))[1])
    np.testing.assert_allclose(view.score(IMAGE_REGIONS[:2], texts, by), alone, rtol=1e-4)
    assert len(calls) == passes


def test_regions_are_read_once_for_all_texts(
    captioner: Captioner, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = captioner.look(picture)
    reads: list[int] = []
    read = captioner._network.read
    monkeypatch.setattr(captioner._network, "read", lambda glances: (reads.append(1), read(glances))[1])
    for by in ("contrast", "likelihood"):
        reads.clear()
        view.score(IMAGE_REGIONS, ["a red box", "a blue box", "a ball"], by)
        assert len(reads) == 1


@pytest.mark.parametrize("by", ["match", "contrast"])
def test_a_model_without_text_branch_scores_by_likelihood_alone(by: str, picture: np.ndarray) -> None:
    spec = dataclasses.replace(mini(), qformer=dataclasses.replace(mini().qformer, text_branch=False))
    view = lively_captioner(0, spec).look(picture)
    assert (view.score([None], ["a box"]) == view.score([None], ["a box"], "likelihood")).all()
    with pytest.raises(InvalidInput, match=f"no text branch to score by '{by}'"):
        view.score([None], ["a box"], by)


def test_regions_may_come_one_by_one(captioner: Captioner, picture: np.ndarray) -> None:
    view = captioner.look(picture)
    assert view.find("a red box", iter(IMAGE_REGIONS)) == view.find("a red box", IMAGE_REGIONS)
    wanted = [(view, region) for region in IMAGE_REGIONS]
    texts = [caption.text for caption in captioner.caption(iter(wanted), max_tokens=4)]
    assert texts == [caption.text for caption in captioner.caption(wanted, max_tokens=4)]


def test_beams_count_as_rows_of_a_batch(
    captioner: Captioner, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = captioner.look(picture)
    whole = view.caption(IMAGE_REGIONS, beams=4, max_tokens=6)
    sizes: list[int] = []
    generate = captioner._network.generate
    monkeypatch.setattr(
        captioner._network, "generate", lambda found, *rest: (sizes.append(len(found)), generate(found, *rest))[1]
    )
    monkeypatch.setattr("region_perception.captioner.MAX_ROWS", 10)
    split = view.caption(IMAGE_REGIONS, beams=4, max_tokens=6)
    assert sizes == [2, 2, 2, 1]
    assert [caption.text for caption in split] == [caption.text for caption in whole]


def test_a_view_does_not_keep_what_was_looked_at_with_it(captioner: Captioner, picture: np.ndarray) -> None:
    view = captioner.look_at_all([picture] * 5)[0]
    tokens = view.features.tokens
    assert tokens.untyped_storage().nbytes() == tokens.nbytes


def test_asking_differs_by_question_and_by_region(captioner: Captioner, picture: np.ndarray) -> None:
    view = captioner.look(picture)
    answers = {
        (question, i): view.ask(region, question, max_tokens=8)
        for question in ("what colour is it?", "how many are there?")
        for i, region in enumerate([*IMAGE_REGIONS[:2], None])
    }
    assert len({answer.text for answer in answers.values()}) > 3
    answer = answers["what colour is it?", 2]
    assert answer.question == "what colour is it?"
    assert answer.modality == "image"
    listed = view.ask([*IMAGE_REGIONS[:2], None], "what colour is it?", max_tokens=8)
    assert [item.text for item in listed] == [answers["what colour is it?", i].text for i in range(3)]


def test_one_region_gives_one_caption_and_a_list_gives_a_list(captioner: Captioner, picture: np.ndarray) -> None:
    view = captioner.look(picture)
    assert view.caption(max_tokens=2).region is None
    assert view.caption(IMAGE_REGIONS[0], max_tokens=2).region == IMAGE_REGIONS[0]
    assert len(view.caption(IMAGE_REGIONS[:1], max_tokens=2)) == 1
    assert view.caption([], max_tokens=2) == []
    assert view.score([], ["a box"]).shape == (0, 1)
    assert view.find("a box", []) == []


def test_a_model_without_trained_weights_says_so_once(picture: np.ndarray) -> None:
    captioner = load("mini", untrained=True)
    view = captioner.look(picture)
    with pytest.warns(InputWarning, match="'mini' has no trained weights") as caught:
        view.caption(max_tokens=1)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        view.caption(IMAGE_REGIONS[0], max_tokens=1)


def test_untrained_weights_follow_the_seed(picture: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        texts = [load("mini", untrained=True, seed=seed).look(picture).caption(max_tokens=6).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_pictures_are_read_from_files(captioner: Captioner, picture: np.ndarray, tmp_path: object) -> None:
    from PIL import Image

    path = f"{tmp_path}/picture.png"
    Image.fromarray(picture).save(path)
    assert captioner.look(path).caption(max_tokens=6).text == captioner.look(picture).caption(max_tokens=6).text


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda view: view.caption(Box3D((0, 0, 0), (1, 1, 1))), InvalidRegion, "this is an image"),
        (lambda view: view.caption((1, 2, 3, 4)), InvalidRegion, "1 is not a region"),
        (lambda view: view.caption("box"), InvalidRegion, "'b' is not a region"),
        (lambda view: view.caption([Box(0, 0, 5, 5), 7]), InvalidRegion, "7 is not a region"),
        (lambda view: view.caption(Box(500, 500, 600, 600)), InvalidRegion, "160"),
        (lambda view: view.ask(None, ""), InvalidText, "question is empty"),
        (lambda view: view.ask(None, " \x00\n"), InvalidText, "question is empty"),
        (lambda view: view.ask(None, None), InvalidText, "question is NoneType"),
        (lambda view: view.ask(None, "why " * 2000), InvalidText, "8,000 characters"),
        (lambda view: view.ask(None, "why " * 200), InvalidText, "room for"),
        (lambda view: view.find("", [Box(0, 0, 5, 5)]), InvalidText, "description is empty"),
        (lambda view: view.score([None], "a box"), InvalidText, "list of strings"),
        (lambda view: view.score([None], ["a box"], by="luck"), InvalidInput, "'luck'.*match, contrast, likelihood"),
        (lambda view: view.score(Box(0, 0, 5, 5), ["a box"]), InvalidRegion, "a list of regions.*got one region"),
        (lambda view: view.find("a box", None), InvalidRegion, "a list of regions.*got None"),
        (lambda view: view.find("a box", Box(0, 0, 5, 5)), InvalidRegion, "a list of regions.*got one region"),
        (lambda view: view.caption(beams=0), InvalidInput, "beams is 0"),
        (lambda view: view.caption(max_tokens=5, min_tokens=6), InvalidInput, "min_tokens is 6"),
        (lambda view: view.caption(top_p=2.0), InvalidInput, "top_p is 2.0"),
        (lambda view: view.caption(max_tokens=1000), InvalidText, "room for"),
        (lambda view: view.caption(colour="red"), InvalidInput, "colour.*known are beams"),
        (lambda view: lively_captioner(1).caption([(view, None)]), InvalidInput, "another captioner"),
    ],
)
def test_bad_requests_are_refused(
    ask: object, error: type[Exception], words: str, captioner: Captioner, picture: np.ndarray
) -> None:
    view = captioner.look(picture)
    with pytest.raises(error, match=words):
        ask(view)  # type: ignore[operator]
    assert view.caption(max_tokens=2).text == captioner.look(picture).caption(max_tokens=2).text


def test_unknown_models_are_refused_with_what_is_known() -> None:
    with pytest.raises(ModelNotFound, match="mini"):
        load("no-such-model")


def test_a_model_without_clouds_refuses_them(points: np.ndarray) -> None:
    spec = dataclasses.replace(mini(), point_encoder=None, modalities=("image",))
    captioner = lively_captioner(0, spec)
    with pytest.raises(InvalidInput, match="no point encoder"):
        captioner.look(points)
    view = captioner.look(np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InvalidInput, match="image region"):
        view.caption(Box(0, 0, 5, 5))


def test_token_weights_of_an_image_are_shares_of_patches(captioner: Captioner, picture: np.ndarray) -> None:
    view = captioner.look(picture)
    grid = captioner.spec.image_encoder.grid
    weights = view.token_weights(Box(40, 30, 120, 90))  # the middle quarter of 160 x 120
    assert weights.shape == (grid**2,)
    assert weights.sum() == pytest.approx(grid**2 / 4)
    square = weights.reshape(grid, grid)
    assert square[grid // 2, grid // 2] == 1
    assert square[0, 0] == 0


def test_token_weights_of_a_cloud_are_shares_of_groups(captioner: Captioner, points: np.ndarray) -> None:
    # A handful of points, so that most groups only pad, and a dense cloud, of which the encoder reads a part.
    for cloud in (points[:20], points):
        view = captioner.look(cloud)
        box = Box3D((0.5, 0, 0), (1, 4, 4))  # all points with x from 0 to 1
        weights = view.token_weights(box)
        assert view.frame is not None
        assert view.features.groups is not None
        assert view.features.mask is not None
        real = view.features.mask[0].numpy()
        assert weights.shape == real.shape
        assert weights[0] == 0
        assert not weights[~real].any()
        groups = view.frame.kept[view.features.groups[0].numpy()]
        inside = (cloud[groups][..., 0] >= 0).mean(axis=1)
        np.testing.assert_allclose(weights[1:], np.where(real[1:], inside, 0), atol=1e-6)
        assert 0 < weights.mean() < 1


def test_a_click_is_located_once(captioner: Captioner, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    located: list[Click] = []
    original = Click.locate
    monkeypatch.setattr(Click, "locate", lambda self, image: (located.append(self), original(self, image))[1])
    view = captioner.look(picture)
    for _ in range(3):
        view.caption([Click(60, 60), Click(88, 78)], max_tokens=1)
    assert located == [Click(60, 60), Click(88, 78)]


def test_pictures_are_read_at_another_size_where_asked(picture: np.ndarray) -> None:
    model = load_model("mini", untrained=True)
    usual, large = Captioner(model), Captioner(model, image_size=240)
    assert usual.look(picture).features.tokens.shape[1] == 32**2
    view = large.look(picture)
    assert view.features.tokens.shape[1] == 30**2
    assert view.token_weights(Box(0, 0, 160, 60)).sum() == pytest.approx(450)
    with pytest.warns(InputWarning, match="no trained weights"):
        assert view.caption(Box(0, 0, 160, 60), max_tokens=2).confidence > 0


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "1 to 2048"),
        (-8, "1 to"),
        (4096, "1 to 2048"),
        (161, "multiple of the patch size 8"),
        (16.0, "whole number"),
        (True, "whole"),
    ],
)
def test_bad_picture_sizes_are_refused(size: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load("mini", untrained=True, image_size=size)  # type: ignore[arg-type]


def test_a_description_too_long_for_the_text_branch_is_cut_with_a_warning(
    captioner: Captioner, picture: np.ndarray
) -> None:
    with pytest.warns(InputWarning, match="102 tokens; the text branch reads the first 64"):
        captioner.look(picture).score([None], ["red " * 100], "match")
