"""load -> Captioner -> look -> View -> caption / ask / score / find.

A `Captioner` holds one model. `look` encodes an observation once and hands back a `View`, which can be asked any number
of times about any number of regions. Captioners and views may be used from several threads at once: the network runs
one call at a time, and nothing that one call does changes what another answers.
"""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from region_perception.confidence import SCORE_METHODS, ScoreMethod, Task, shares, sure_of_best
from region_perception.errors import InvalidInput, InvalidRegion, InvalidText, warn_about_input
from region_perception.modalities import CLOUD, CLOUD_MODALITIES, CLOUD_REGION, IMAGE, IMAGE_REGION
from region_perception.network.language import Decoding, TokenIds
from region_perception.network.qformer import Memory
from region_perception.network.region_blip import Features, Glance, modalities_of
from region_perception.network.spec import ImageEncoderSpec, NetworkSpec
from region_perception.observations import CloudObservation, ImageObservation, observe
from region_perception.preparation import CloudFrame, cloud_points, cloud_position, image_pixels, image_position
from region_perception.regions import Footprint, ImageFootprint, Region
from region_perception.text import clean_text
from region_perception.view import Caption, Match, View
from region_perception.weights.load import LoadedModel, load_model

# Rows that go through the network together, each beam a row; more are split, so that memory stays bounded.
MAX_ROWS = 64

# Texts that are compared with a batch at once, by method. An encoder-decoder reads every text with a row of its own.
_TEXTS_AT_ONCE = {"match": 1, "contrast": 64, "likelihood": 8}

# Attention grows with the fourth power of the side; no published encoder is read at more.
MAX_IMAGE_SIZE = 2048

_REGION_OF = {IMAGE: IMAGE_REGION, CLOUD: CLOUD_REGION}

Wanted = Sequence[tuple[View, Region | None]]
Item = TypeVar("Item")


def load(
    name: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype | None = None,
    untrained: bool = False,
    seed: int = 0,
    image_size: int | None = None,
    calibrated: bool = True,
) -> "Captioner":
    """Load a model: a bundled one by name, a folder, or a hub id (`owner/name`).

    `base`: folder or hub id of a transformers BLIP-2, for a spec that is known by name ("regionblip-opt-2.7b").
    `device`: "auto", "cpu", "cuda", ...; `dtype`: "float32", "bfloat16" or "float16" for encoders and language model.
    `untrained`: random weights from `seed` for a known spec, to try things out; what such a model says means nothing.
    `image_size`: side of the square that pictures are read at, in pixels, if not the one that the model was trained
    with (RegionBLIP's published captions are read at 364 after training at 224).
    `calibrated`: whether confidences are the chances of being right that the model's folder makes of them, if it does;
    without, they are what the network gives out, to which a calibration is fitted.
    """
    model = load_model(name, base=base, device=device, dtype=dtype, untrained=untrained, seed=seed)
    if not calibrated:
        model = replace(model, calibration=())
    return Captioner(model, image_size)


@dataclass(frozen=True)
class _Request:
    """One row of a batch: a view, where in it, and the modality that this makes it."""

    view: View
    region: Region | None
    footprint: Footprint | None
    modality: str
    position: Tensor | None


class Captioner:
    """A model that can be asked about regions of images and clouds. Made by `load`."""

    def __init__(self, model: LoadedModel, image_size: int | None = None) -> None:
        self.model = model
        """What was loaded; another captioner may be made of it, too."""
        self.name = model.name
        self.source = model.source
        """Where the weights came from."""
        self.trained = model.trained
        """The modalities that have trained weights; what is said of any other means nothing."""
        self.image_size = _checked_size(image_size, model.network.spec.image_encoder)
        """Side of the square that pictures are read at, in pixels."""
        self.calibration = model.calibration
        """For which tasks and modalities a confidence is a chance of being right, and how it becomes one."""
        self.score_methods = SCORE_METHODS if model.network.spec.qformer.text_branch else ("likelihood",)
        """How the model can compare texts with regions, see `score`."""
        self.score_method = model.score_method or self.score_methods[0]
        """How it does where that is left open."""
        self._fits = {(each.task, each.modality): each.fit for each in model.calibration}
        self._network = model.network
        self._codec = model.codec
        # Two calls at once would take turns on the same cores, need twice the memory, and disturb each other's seeds.
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    @property
    def spec(self) -> NetworkSpec:
        return self._network.spec

    @property
    def device(self) -> torch.device:
        return next(self._network.parameters()).device

    # Looking --------------------------------------------------------------------------------------------------------

    def look(self, observation: Any, **details: Any) -> View:
        """Encode an image or a cloud once: an observation, or anything that `observe` makes one of (file, array, ...).

        `details` are those of `observe`: `depth` and `intrinsics` for an image, `colors` for a cloud.
        """
        return self.look_at_all([observe(observation, **details)])[0]

    def look_at_all(self, observations: Sequence[Any]) -> list[View]:
        """A view of each of several observations, images and clouds in any order; those of a kind are encoded together.
        The modality of each is decided by `observe`."""
        seen = [observe(item) for item in observations]
        started = time.perf_counter()
        made: dict[int, tuple[Features, CloudFrame | None]] = {}
        for batch in _batches([i for i, item in enumerate(seen) if isinstance(item, ImageObservation)], MAX_ROWS):
            made |= zip(batch, self._encode_images([seen[i] for i in batch]), strict=True)
        for batch in _batches([i for i, item in enumerate(seen) if isinstance(item, CloudObservation)], MAX_ROWS):
            made |= zip(batch, self._encode_clouds([seen[i] for i in batch]), strict=True)
        elapsed = time.perf_counter() - started
        return [View(self, item, *made[i], elapsed) for i, item in enumerate(seen)]

    def _encode_images(self, images: Sequence[Any]) -> list[tuple[Features, None]]:
        pixels = torch.stack([image_pixels(image, self.spec.image_encoder, self.image_size) for image in images])
        with self._lock, torch.inference_mode():
            features = self._network.encode_images(pixels.to(self.device))
        return [(features.row(i), None) for i in range(len(images))]

    def _encode_clouds(self, clouds: Sequence[Any]) -> list[tuple[Features, CloudFrame]]:
        if self.spec.point_encoder is None:
            raise InvalidInput(f"model {self.name!r} reads images only; it has no point encoder")
        prepared = [cloud_points(cloud, self.spec.point_encoder, self.spec.position) for cloud in clouds]
        with self._lock, torch.inference_mode():
            features = self._network.encode_clouds([points for points, _ in prepared])
        return [(features.row(i), frame) for i, (_, frame) in enumerate(prepared)]

    # Asking ---------------------------------------------------------------------------------------------------------

    def caption(self, wanted: Wanted, **decoding: Any) -> list[Caption]:
        """A caption for each (view, region), in order; None as region means the whole.

        Regions of one or many views, images and clouds, go through the network together. Greedy captions are the same
        as one by one. Options are those of `Decoding`.
        """
        wanted = list(wanted)
        return self._write(wanted, [self._prefix(view.modality) for view, _ in wanted], None, _decoding(decoding))

    def ask(self, wanted: Sequence[tuple[View, Region | None, str]], **decoding: Any) -> list[Caption]:
        """An answer for each (view, region, question), in order; None as region means the whole."""
        wanted = list(wanted)
        questions = [clean_text(question, "question") for _, _, question in wanted]
        prompts = [self.spec.language.question_template.format(question) for question in questions]
        return self._write([(view, region) for view, region, _ in wanted], prompts, questions, _decoding(decoding))

    def score(self, wanted: Wanted, texts: Sequence[str], by: ScoreMethod | None = None) -> np.ndarray:
        """How well each text describes each (view, region): float32 [regions, texts] in [0, 1], higher is better.

        match: the probability that text and region belong together (ITM); contrast: (1 + cosine) / 2 of their
        embeddings (ITC); likelihood: geometric mean of the probabilities that the language model gives to the text's
        tokens, as the answer to what the model knows to ask for words that mean only this region, else as a caption. By
        default as `score_method` says: what the model's folder names, else `match` where the model has a text branch,
        else `likelihood`.
        """
        by = by or self.score_method
        methods = {"match": self._match, "contrast": self._contrast, "likelihood": self._likelihood}
        if by not in methods:
            raise InvalidInput(f"scoring by {by!r} is not known; expected one of {', '.join(methods)}")
        if by not in self.score_methods:
            raise InvalidInput(f"model {self.name!r} has no text branch to score by {by!r}; it can by 'likelihood'")
        if isinstance(texts, str):
            raise InvalidText("texts is one string; expected a list of strings")
        wanted = list(wanted)
        cleaned = [clean_text(text, "description") for text in texts]
        scores = np.zeros((len(wanted), len(cleaned)), dtype=np.float32)
        at_once = 1 if by == "likelihood" and self.spec.language.is_encoder_decoder else _TEXTS_AT_ONCE[by]
        for batch in self._requests(wanted, MAX_ROWS):
            rows = [index for index, _ in batch]
            with self._lock, torch.inference_mode():
                score_texts = methods[by](self._glances(batch))
            for some in _batches(list(range(len(cleaned))), at_once):
                # Others may have their turn between a few texts and the next.
                with self._lock, torch.inference_mode():
                    scores[np.ix_(rows, some)] = score_texts([cleaned[i] for i in some]).float().cpu().numpy()
        return scores

    def find(
        self, view: View, texts: Sequence[str], candidates: Sequence[Region], by: ScoreMethod | None = None
    ) -> list[list[Match]]:
        """For each text, the candidates in the order in which it describes them, best first; see `score` for `by`."""
        by = by or self.score_method
        scores = self.score([(view, region) for region in candidates], texts, by)
        sure = shares(scores)
        if by == self.score_method:
            fit = self._fits.get(("find", _REGION_OF[view.modality]))
            sure = sure if fit is None else sure_of_best(sure, fit(sure.max(axis=0, initial=0.0)))
        order = np.argsort(-scores, axis=0, kind="stable")
        return [
            [Match(int(i), candidates[i], float(scores[i, text]), float(sure[i, text])) for i in order[:, text]]
            for text in range(len(texts))
        ]

    def _match(self, glances: list[Glance]) -> "_TextScorer":
        rows = len(modalities_of(glances))

        def score_texts(texts: Sequence[str]) -> Tensor:
            ids = self._codec.qformer_ids(texts).to(self.device)
            found = [self._network.match(glances, each.expand(rows, -1)) for each in ids]
            return torch.stack(found, dim=1).softmax(-1)[..., 1]

        return score_texts

    def _contrast(self, glances: list[Glance]) -> "_TextScorer":
        modalities = modalities_of(glances)
        seen = self._network.contrast(self._network.read(glances), modalities)  # [R, Q, C]

        def score_texts(texts: Sequence[str]) -> Tensor:
            ids = self._codec.qformer_ids(texts).to(self.device)
            said = {name: self._network.contrast_text(ids, name) for name in set(modalities)}
            cosine = torch.einsum("rqc,rtc->rqt", seen, torch.stack([said[name] for name in modalities])).amax(1)
            # Rounding takes the cosine of two alike a little above 1.
            return ((1 + cosine) / 2).clamp(0, 1)

        return score_texts

    def _likelihood(self, glances: list[Glance]) -> "_TextScorer":
        modalities = modalities_of(glances)
        prompts = [self._codec.prompt_ids(self._reference_prompt(modality)) for modality in modalities]
        found = self._network.read(glances)

        def score_texts(texts: Sequence[str]) -> Tensor:
            targets = [self._codec.target_ids(text) for text in texts]
            self._check_length(max(map(len, prompts)) + max(map(len, targets)))
            row_of = [row for row in range(len(prompts)) for _ in targets]
            asked = [prompts[row] for row in row_of]
            scores = self._network.score(found, modalities, asked, targets * len(prompts), row_of)
            return scores.mean().exp().reshape(len(prompts), len(targets))

        return score_texts

    # Within ---------------------------------------------------------------------------------------------------------

    def _write(
        self, wanted: Wanted, prompts: Sequence[str], questions: Sequence[str] | None, decoding: Decoding
    ) -> list[Caption]:
        started = time.perf_counter()
        task: Task = "caption" if questions is None else "answer"
        ids = {prompt: self._codec.prompt_ids(prompt) for prompt in set(prompts)}
        self._check_length(max(map(len, ids.values()), default=0) + decoding.max_tokens)
        written: dict[int, tuple[_Request, str, float]] = {}
        for batch in self._requests(wanted, max(1, MAX_ROWS // decoding.beams)):
            with self._lock, torch.inference_mode():
                glances = self._glances(batch)
                found = self._network.read(glances)
                batch_ids: list[TokenIds] = [ids[prompts[index]] for index, _ in batch]
                sentences = self._network.generate(found, modalities_of(glances), batch_ids, decoding)
            for (index, request), sentence in zip(batch, sentences, strict=True):
                likely = min(math.exp(sum(sentence.log_probs) / len(sentence.log_probs)), 1.0)
                confidence = float(self._chances(task, request.modality, np.array(likely)))
                written[index] = (request, self._codec.sentence(sentence.ids), confidence)
        elapsed = time.perf_counter() - started
        return [
            Caption(
                text=text,
                confidence=confidence,
                modality=request.modality,
                region=request.region,
                footprint=request.footprint,
                seconds=elapsed,
                question=None if questions is None else questions[index],
            )
            for index, (request, text, confidence) in sorted(written.items(), key=lambda item: item[0])
        ]

    def _chances(self, task: Task, modality: str, confidences: np.ndarray) -> np.ndarray:
        """The chances of being right that have these confidences; they themselves where nothing is calibrated."""
        fit = self._fits.get((task, modality))
        return confidences if fit is None else fit(confidences)

    def _requests(self, wanted: Wanted, most: int) -> Iterator["_Batch"]:
        """Batches of (index, request), at most `most` in each, those of one view and modality next to each other."""
        requests = [self._request(view, region) for view, region in wanted]
        first: dict[int, int] = {}
        for i, request in enumerate(requests):
            first.setdefault(id(request.view), i)
        order = sorted(range(len(requests)), key=lambda i: (requests[i].modality, first[id(requests[i].view)], i))
        return _batches([(i, requests[i]) for i in order], most)

    def _request(self, view: View, region: Region | None) -> _Request:
        if view.captioner is not self:
            raise InvalidInput(
                f"the view was made by another captioner ({view.captioner.name!r}), not by {self.name!r}"
            )
        if region is not None and not isinstance(region, Region):
            raise InvalidRegion(
                f"{region!r} is not a region; expected Box, Mask, Click, Box3D, ... or None for the whole"
            )
        modality = view.modality if region is None else _REGION_OF[view.modality]
        self._check_modality(modality)
        if region is None:
            return _Request(view, None, None, modality, None)
        footprint = view.locate(region)
        return _Request(view, region, footprint, modality, self._position(view, footprint))

    def _position(self, view: View, footprint: Footprint) -> Tensor:
        if isinstance(footprint, ImageFootprint):
            return image_position(footprint)
        assert view.frame is not None  # a cloud's view has one
        return cloud_position(footprint, view.frame, self.spec)

    def _glances(self, batch: "_Batch") -> list[Glance]:
        glances = []
        for (modality, _), group in groupby(batch, key=lambda item: (item[1].modality, id(item[1].view))):
            requests = [request for _, request in group]
            positions = [request.position for request in requests if request.position is not None]
            glances.append(
                Glance(
                    modality,
                    self._memory(requests[0].view, modality).read_by([len(requests)]),
                    torch.stack(positions).to(self.device) if positions else None,
                )
            )
        return glances

    def _memory(self, view: View, modality: str) -> Memory:
        if modality not in view.memories:
            view.memories[modality] = self._network.remember(view.features, modality)
        return view.memories[modality]

    def _reference_prompt(self, modality: str) -> str:
        """What a text that means one region only is written after."""
        language = self.spec.language
        asked = language.reference_question
        return language.question_template.format(asked) if asked else self._prefix(modality)

    def _prefix(self, modality: str) -> str:
        language = self.spec.language
        return language.cloud_prefix if modality in CLOUD_MODALITIES else language.image_prefix

    def _check_modality(self, modality: str) -> None:
        if modality not in self.spec.modalities:
            known = ", ".join(self.spec.modalities)
            raise InvalidInput(f"model {self.name!r} cannot describe a {modality.replace('_', ' ')}; it knows: {known}")
        if modality not in self.trained and modality not in self._warned:
            # Said once; a model without any trained weights says it for all modalities at the first.
            self._warned |= {modality} if self.trained else set(self.spec.modalities)
            of = f"no trained weights for {modality!r}" if self.trained else "no trained weights"
            warn_about_input(f"model {self.name!r} has {of}: what it says there means nothing")

    def _check_length(self, tokens: int) -> None:
        language = self.spec.language
        room = language.max_positions - self.spec.qformer.queries - 1
        if not language.is_encoder_decoder and tokens > room:
            raise InvalidText(f"prompt and sentence need {tokens} tokens; model {self.name!r} has room for {room}")


_Batch = list[tuple[int, _Request]]
_TextScorer = Callable[[Sequence[str]], Tensor]  # the scores of texts for each row of a batch: [R, T]


def _checked_size(image_size: int | None, spec: ImageEncoderSpec) -> int:
    if image_size is None:
        return spec.image_size
    if isinstance(image_size, bool) or not isinstance(image_size, int) or not 0 < image_size <= MAX_IMAGE_SIZE:
        raise InvalidInput(f"image_size is {image_size!r}; expected pixels, a whole number from 1 to {MAX_IMAGE_SIZE}")
    if image_size % spec.patch_size:
        raise InvalidInput(f"image_size is {image_size}; expected a multiple of the patch size {spec.patch_size}")
    return image_size


def _decoding(options: dict[str, Any]) -> Decoding:
    known = [field.name for field in fields(Decoding)]
    if unknown := sorted(set(options) - set(known)):
        raise InvalidInput(f"no way of writing is called {', '.join(unknown)}; known are {', '.join(known)}")
    return Decoding(**options)


def _batches(items: list[Item], most: int) -> Iterator[list[Item]]:
    return (items[start : start + most] for start in range(0, len(items), most))
