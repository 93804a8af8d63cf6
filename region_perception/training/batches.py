"""From examples to batches. A batch is a function of (seed, step, part, process), made here or in a worker process."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from region_perception.errors import TrainingError
from region_perception.modalities import CLOUD_MODALITIES
from region_perception.network.region_blip import Features
from region_perception.text import TextCodec
from region_perception.training.augment import augment
from region_perception.training.examples import Example, Examples, chosen_rows
from region_perception.training.order import Schedule, drawn_index, generator
from region_perception.training.recipe import Recipe

# So many other observations are tried in place of one that cannot be read.
ATTEMPTS = 20


@dataclass(frozen=True, eq=False)
class Part:
    """One modality's share of a batch: B observations, R rows (regions) of them, S sentences and answers."""

    modality: str
    seen: Tensor | list[Tensor] | Features
    """Pixels [B, 3, S, S], clouds, or features."""
    counts: tuple[int, ...]
    """How many rows each observation has."""
    positions: Tensor | None
    text: Tensor | None
    """One reference for each row, as ids for the text branch [R, T]; None where the network has none."""
    keys: Tensor
    """int64 [R, 2]: what a row is about, and its reference; rows that agree in either belong together."""
    row_of: Tensor
    """int64 [S]: the row that each text of the language model is about; first come the rows' own sentences."""
    prompts: list[list[int]]
    targets: list[list[int]]
    classes: dict[str, Tensor]
    """int64 [B, S, S] for images, [B, n] (padded by -1) for clouds, by attribute."""

    def to(self, device: torch.device) -> "Part":
        """The same on `device`; clouds stay where they are, because that is where they are grouped."""
        return replace(
            self,
            seen=self.seen if isinstance(self.seen, list) else _moved(self.seen, device),
            positions=None if self.positions is None else self.positions.to(device),
            text=None if self.text is None else self.text.to(device),
            keys=self.keys.to(device),
            row_of=self.row_of.to(device),
            classes={name: labels.to(device) for name, labels in self.classes.items()},
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """What one process reads at once."""

    parts: tuple[Part, ...]
    number: int
    skipped: tuple[str, ...] = ()
    """What could not be read, with the reason."""

    @property
    def observations(self) -> int:
        return sum(len(part.counts) for part in self.parts)

    @property
    def rows(self) -> int:
        return sum(sum(part.counts) for part in self.parts)

    def to(self, device: torch.device) -> "Batch":
        return replace(self, parts=tuple(part.to(device) for part in self.parts))


def _moved(seen: Tensor | Features, device: torch.device) -> Tensor | Features:
    if isinstance(seen, Features):
        parts = (seen.tokens, seen.mask, seen.groups, seen.centres)
        return Features(*(None if part is None else part.to(device) for part in parts))  # type: ignore[arg-type]
    return seen.to(device)


class Batches(Dataset[Batch]):
    """The batches of one process, by number: number n is part n % accumulate of step n // accumulate."""

    def __init__(
        self,
        recipe: Recipe,
        codec: TextCodec,
        examples: Mapping[str, Examples],
        schedule: Schedule,
        *,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.recipe = recipe
        self.codec = codec
        self.examples = examples
        self.schedule = schedule
        self.process = process
        self.shares = recipe.accumulate * processes
        uneven = [name for name, share in recipe.shares.items() if share.observations % self.shares]
        if uneven:
            raise TrainingError(
                f"{processes} processes with accumulate={recipe.accumulate} need a multiple of {self.shares} "
                f"observations in a step; {', '.join(uneven)} has another number"
            )
        self.processes = processes

    def __len__(self) -> int:
        return self.schedule.steps * self.recipe.accumulate

    def __getitem__(self, number: int) -> Batch:
        step, turn = divmod(number, self.recipe.accumulate)
        skipped: list[str] = []
        parts = []
        for modality, first, count in self.schedule.draws(step):
            each = count // self.shares
            start = first + (turn * self.processes + self.process) * each
            examples = [self._example(modality, draw, skipped) for draw in range(start, start + each)]
            parts.append(collate(examples, self.codec, self.recipe.text_tokens))
        return Batch(tuple(parts), number, tuple(skipped))

    def from_step(self, step: int) -> Iterator[Batch]:
        """All batches from those of `step` on."""
        numbers = range(step * self.recipe.accumulate, len(self))
        workers = self.recipe.workers
        return iter(
            DataLoader(
                self,
                batch_size=None,
                sampler=numbers,
                num_workers=workers,
                multiprocessing_context=worker_context(workers),
            )
        )

    def _example(self, modality: str, draw: int, skipped: list[str]) -> Example:
        """The example of a draw; where it cannot be read, that of another, chosen at random but always the same."""
        recipe, examples = self.recipe, self.examples[modality]
        share = recipe.shares[modality]
        random = generator(recipe.seed, modality, draw, "example")
        index = drawn_index(recipe.seed, modality, len(examples), draw)
        for _ in range(ATTEMPTS):
            try:
                example = examples.example(index)
            except TrainingError:
                raise
            except Exception as error:  # whatever a broken file makes a reader raise
                skipped.append(f"{modality} {index}: {type(error).__name__}: {error}")
                index = int(random.integers(len(examples)))
                continue
            # Encoders learn classes alone, all others sentences alone.
            dense = recipe.phase == "encoders"
            chosen = chosen_rows(
                replace(example, rows=()) if dense else replace(example, classes={}),
                random,
                regions=share.regions,
                questions=share.questions,
                sentence=recipe.sentence,
            )
            return augment(chosen, recipe.augmentation, random)
        raise TrainingError(f"{ATTEMPTS} samples of {modality} in a row cannot be read; the last: {skipped[-1]}")


def worker_context(workers: int) -> str | None:
    """How worker processes start; None where there are none."""
    # A forked process inherits locks of threads that it has not got.
    return "forkserver" if workers else None


def collate(examples: Sequence[Example], codec: TextCodec, text_tokens: int) -> Part:
    """Examples of one modality, their rows with one sentence each or none, as one part of a batch."""
    modality = examples[0].modality
    rows = [row for example in examples for row in example.rows]
    language = codec.spec.language
    prefix = codec.prompt_ids(language.cloud_prefix if modality in CLOUD_MODALITIES else language.image_prefix)
    asked = [(i, question, answer) for i, row in enumerate(rows) for question, answer in row.questions]
    if language.reference_question:
        regions = [(i, row) for i, row in enumerate(rows) if row.position is not None and row.references]
        asked += [(i, language.reference_question, row.references[0]) for i, row in regions]
    questions = [codec.prompt_ids(language.question_template.format(question)) for _, question, _ in asked]
    told = [(i, row.sentences[0]) for i, row in enumerate(rows) if row.sentences]
    # No loss reads those of rows without any.
    references = [row.references[0] if row.references else "" for row in rows]
    positions = [row.position for row in rows if row.position is not None]
    return Part(
        modality=modality,
        seen=_stacked([example.seen for example in examples], modality),
        counts=tuple(len(example.rows) for example in examples),
        positions=torch.stack(positions) if positions else None,
        text=codec.qformer_ids(references)[:, :text_tokens] if codec.spec.qformer.text_branch and rows else None,
        keys=torch.tensor([(_key(row.id), _key(text)) for row, text in zip(rows, references, strict=True)]),
        row_of=torch.tensor([*(i for i, _ in told), *(i for i, _, _ in asked)], dtype=torch.int64),
        prompts=[prefix] * len(told) + questions,
        targets=[codec.target_ids(text) for text in [*(text for _, text in told), *(answer for _, _, answer in asked)]],
        classes={
            name: pad_sequence([example.classes[name] for example in examples], batch_first=True, padding_value=-1)
            for name in examples[0].classes
        },
    )


def _stacked(seen: Sequence[Tensor | Features], modality: str) -> Tensor | list[Tensor] | Features:
    features = [item for item in seen if isinstance(item, Features)]
    if features:
        masks = [
            torch.ones(item.tokens.shape[:2], dtype=torch.bool) if item.mask is None else item.mask for item in features
        ]
        centres = [item.centres for item in features if item.centres is not None]
        return Features(
            torch.cat([item.tokens for item in features]),
            None if all(item.mask is None for item in features) else torch.cat(masks),
            centres=torch.cat(centres) if centres else None,
        )
    tensors = [item for item in seen if isinstance(item, Tensor)]
    return tensors if modality in CLOUD_MODALITIES else torch.stack(tensors)


def _key(id_: str) -> int:
    """63 bits that are equal for equal ids, and for no others that will ever meet."""
    return int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest(), "big") >> 1
