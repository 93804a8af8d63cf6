"""What one process computes and keeps of one modality in one part of a step, as `training/step.py` goes through it."""

from dataclasses import dataclass

from region_perception.modalities import CLOUD_MODALITIES, IMAGE, REGION_MODALITIES
from region_perception.network.spec import NetworkSpec
from region_perception.training.planning.encoders import image_encoder, image_tokens, point_encoder
from region_perception.training.planning.querying import Looked, querying, remember, word_scores
from region_perception.training.planning.work import FLOAT, HALF, Linears, Work
from region_perception.training.planning.writing import Written, write
from region_perception.training.recipe import Recipe

ENCODER, QFORMER, LANGUAGE = "encoder", "Q-Former", "language model"

# Tokens of a question within the spec's template, of an answer, and of the question for a reference.
QUESTION, ANSWER, REFERENCE_QUESTION = 14, 3, 10


@dataclass(frozen=True)
class Reading:
    """What one process reads at once: so many observations of a modality, and all rows of all processes beside it."""

    modality: str
    observations: float
    processes: int = 1


def step_work(recipe: Recipe, spec: NetworkSpec, reading: Reading) -> dict[str, Work]:
    """By part of the network. Sentences are taken to be as long as `recipe.text_tokens` lets the text branch read."""
    works = {ENCODER: _encoder(recipe, spec, reading)}
    if recipe.phase != "encoders":
        works[QFORMER] = _qformer(recipe, spec, reading)
        if recipe.losses.language:
            works[LANGUAGE] = _language(recipe, spec, reading)
    return works


def rows_of(recipe: Recipe, reading: Reading) -> float:
    """Regions that are read, at most; a whole is one row."""
    regions = recipe.shares[reading.modality].regions if reading.modality in REGION_MODALITIES else 1
    return reading.observations * regions


def _work(recipe: Recipe, own: str, grad: bool = True) -> Work:
    """Nothing yet, of a part whose weights are of type `own`."""
    if recipe.precision == "bfloat16":
        return Work(HALF, FLOAT, grad, recipe.recompute)
    size = HALF if own == "bfloat16" else FLOAT
    return Work(size, size, grad, recipe.recompute)


def _encoder(recipe: Recipe, spec: NetworkSpec, reading: Reading) -> Work:
    work = _work(recipe, recipe.dtype, recipe.encoders_learn)
    if reading.modality in recipe.cached:
        return work
    if reading.modality not in CLOUD_MODALITIES:
        image_encoder(work, spec.image_encoder, reading.observations)
    elif spec.point_encoder is not None:
        work.grad = recipe.phase == "encoders"
        point_encoder(work, spec.point_encoder, reading.observations)
    return work


def _linears(recipe: Recipe, spec: NetworkSpec, reading: Reading, targets: tuple[str, ...], own: str) -> Linears:
    base = recipe.phase in ("base", "whole")
    return Linears(
        learns=base,
        targets=targets if reading.modality != IMAGE else (),
        rank=spec.lora.rank,
        copied=not base and recipe.precision == "bfloat16" and own == "float32",
    )


def _qformer(recipe: Recipe, spec: NetworkSpec, reading: Reading) -> Work:
    work = _work(recipe, "float32")
    qformer, modality, rows = spec.qformer, reading.modality, rows_of(recipe, reading)
    linears = _linears(recipe, spec, reading, spec.lora.qformer_targets, "float32")
    clouds = spec.point_encoder if modality in CLOUD_MODALITIES else None
    if clouds is not None and qformer.separate_for_clouds:
        linears = Linears(learns=True, targets=linears.targets, rank=linears.rank)
    tokens = image_tokens(spec.image_encoder) if clouds is None else clouds.groups + 1
    losses = recipe.losses
    asks = qformer.text_branch
    # Regions of other processes are remembered once more to be matched with.
    times = 1 + (asks and bool(losses.match) and reading.processes > 1)
    width = spec.image_encoder.width
    seen = Looked(reading.observations, tokens, spec.position.token_bias and modality in REGION_MODALITIES)
    for _ in range(times):
        if clouds is not None:
            mapped = reading.observations * tokens
            work.linears(mapped, clouds.width, [("from_points", width)], Linears(True), back=False)
        remember(work, qformer, seen, width, linears, back=clouds is not None or recipe.encoders_learn)
    text = recipe.text_tokens
    writes = asks and bool(losses.write)
    querying(work, qformer, linears, rows=rows, text=text if writes else 0, seen=seen)
    if writes:
        word_scores(work, qformer, rows * text, linears)
    if asks and (losses.contrast or losses.match):
        _contrast(work, spec, reading, rows, bool(losses.contrast), linears, text)
    if asks and losses.match:
        querying(work, qformer, linears, rows=3 * rows, text=text, seen=seen)
        work.linears(3 * rows * qformer.queries, qformer.width, [("match_head", 2)], Linears(True))
    return work


def _contrast(
    work: Work, spec: NetworkSpec, reading: Reading, rows: float, learns: bool, linears: Linears, text: int
) -> None:
    """Projections of what queries found and of texts, and how alike they are to those of all processes."""
    grad, work.grad = work.grad, work.grad and learns
    qformer, everyone = spec.qformer, rows * reading.processes
    head = Linears(True)
    querying(work, qformer, linears, rows=rows, text=text)
    work.linears(rows * qformer.queries, qformer.width, [("contrast", qformer.contrast_width)], head)
    work.linears(rows, qformer.width, [("text_contrast", qformer.contrast_width)], head)
    work.keep(2 * rows * qformer.queries * qformer.contrast_width, FLOAT)
    for _ in range(2):
        work.product(rows * qformer.queries, qformer.contrast_width, int(everyone), 1)
    work.grad = grad


def _language(recipe: Recipe, spec: NetworkSpec, reading: Reading) -> Work:
    work = _work(recipe, recipe.dtype)
    linears = _linears(recipe, spec, reading, spec.lora.language_targets, recipe.dtype)
    rows, own = rows_of(recipe, reading), spec.language
    work.linears(rows * spec.qformer.queries, spec.qformer.width, [("to_language", own.width)], Linears(True))
    write(work, own, spec.qformer.queries, _written(recipe, spec, reading, rows), linears)
    return work


def _written(recipe: Recipe, spec: NetworkSpec, reading: Reading, rows: float) -> Written:
    """About each row a sentence is written, answers, and a reference where the spec asks for it."""
    language, questions = spec.language, recipe.shares[reading.modality].questions
    prefix = language.cloud_prefix if reading.modality in CLOUD_MODALITIES else language.image_prefix
    # The text branch puts a token before a sentence and one behind it, the language model one behind it.
    said = max(1, recipe.text_tokens - 1)
    referred = bool(language.reference_question) and reading.modality in REGION_MODALITIES
    return Written(
        rows=rows,
        texts=1 + questions + referred,
        prompts=len(prefix.split()) + questions * QUESTION + referred * REFERENCE_QUESTION,
        targets=said * (1 + referred) + questions * ANSWER,
    )
