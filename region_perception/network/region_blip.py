"""RegionBLIP: images, image regions, clouds and cloud regions described by one network. Tensors only.

    encode  ->  remember  ->  read  ->  generate / score          (captions, answers, likelihoods)
                                    ->  match / contrast / write  (the text branch's three tasks)

An encoder sees an observation once. `remember` makes what the Q-Former's cross-attention needs of it, once for each
modality. `read` lets the queries of any number of regions look at it; where a region is reaches the network through
PaFE and, if the spec says so, through a preference of what lies in it. The base (encoders, Q-Former, language model,
the image modality) is frozen; everything else learns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from region_perception.modalities import CLOUD_MODALITIES, IMAGE
from region_perception.network.adapters import add_adapters, routed
from region_perception.network.image_encoder import build_image_encoder
from region_perception.network.language import Decoding, LanguageModel, Scores, Sentence, TokenIds
from region_perception.network.modality_parts import ModalityParts
from region_perception.network.point_encoder import PointEncoder
from region_perception.network.qformer import Memory, QFormer, QFormerOutput, TextMask
from region_perception.network.spec import NetworkSpec


@dataclass(frozen=True, eq=False)
class Features:
    """What an encoder saw in B observations: tokens [B, N, width], and which are real (bool [B, N], None: all).

    Of clouds also which points make up each group (int64 [B, groups, size], rows of the points that were encoded), and
    where its centre lies (float [B, groups, 3], in the network's frame, 0 where masked).
    """

    tokens: Tensor
    mask: Tensor | None = None
    groups: Tensor | None = None
    centres: Tensor | None = None

    def row(self, index: int) -> "Features":
        """One observation of the batch, as a batch of its own that does not keep the others in memory."""
        parts = (self.tokens, self.mask, self.groups, self.centres)
        return Features(*(None if part is None else part[index : index + 1].clone() for part in parts))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Glance:
    """One modality's share of a batch: what is looked at (`memory.counts` rows for each observation), and where."""

    modality: str
    memory: Memory
    positions: Tensor | None = None  # [rows, 4 or 24] for region modalities

    @property
    def rows(self) -> int:
        return sum(self.memory.counts)


def modalities_of(glances: Sequence[Glance]) -> list[str]:
    """The modality of every row of a batch."""
    return [glance.modality for glance in glances for _ in range(glance.rows)]


class RegionBlip(nn.Module):
    """See the head of this file."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.image_encoder = build_image_encoder(spec.image_encoder)
        self.point_encoder = None if spec.point_encoder is None else PointEncoder(spec.point_encoder)
        self.qformer = QFormer(spec.qformer, memory_width=spec.image_encoder.width)
        self.language = LanguageModel(spec.language)
        self.parts = nn.ModuleDict({name: ModalityParts(name, spec) for name in spec.modalities})
        clouds = [name for name in spec.adapted_modalities if name in CLOUD_MODALITIES]
        images = [name for name in spec.adapted_modalities if name not in CLOUD_MODALITIES]
        targets = spec.lora.qformer_targets
        if spec.qformer.separate_for_clouds:
            self.cloud_qformer: QFormer | None = QFormer(spec.qformer, memory_width=spec.image_encoder.width)
            add_adapters(self.cloud_qformer, spec.lora, targets, clouds)
            add_adapters(self.qformer, spec.lora, targets, images)
        else:
            self.cloud_qformer = None
            add_adapters(self.qformer, spec.lora, targets, spec.adapted_modalities)
        add_adapters(self.language, spec.lora, spec.lora.language_targets, spec.adapted_modalities)
        self.freeze_base()

    # Freezing -------------------------------------------------------------------------------------------------------

    def freeze_base(self) -> None:
        """Let only what the adapted modalities own learn; the released variant's own Q-Former for clouds learns too."""
        for name, parameter in self.named_parameters():
            learns = parameter_owner(name) in self.spec.adapted_modalities or name.startswith("cloud_qformer.")
            parameter.requires_grad_(learns)

    def train(self, mode: bool = True) -> "RegionBlip":
        """Frozen parts stay in evaluation mode (no dropout, fixed batch-norm statistics) whatever `mode` is."""
        super().train(mode)
        for part in (self.image_encoder, self.point_encoder, self.qformer, self.language):
            if part is not None and not any(
                parameter.requires_grad for name, parameter in part.named_parameters() if "lora_" not in name
            ):
                part.train(False)
        return self

    # Encoding: once for each observation ----------------------------------------------------------------------------

    def encode_images(self, pixels: Tensor) -> Features:
        """Normalised pixels [B, 3, H, W] -> tokens [B, N, image width]."""
        dtype = next(self.image_encoder.parameters()).dtype
        return Features(self.image_encoder(pixels.to(dtype)))

    def encode_clouds(self, clouds: Sequence[Tensor]) -> Features:
        """Clouds [N_i, 3 or 6] in the network's frame -> tokens [B, 1 + groups, point width]."""
        if self.point_encoder is None:
            raise ValueError(f"network {self.spec.name!r} has no point encoder")
        seen = self.point_encoder(clouds)
        return Features(seen.tokens, seen.mask, seen.index, seen.centres)

    def remember(self, features: Features, modality: str) -> Memory:
        """The cross-attention's keys and values for one modality, to be read by any number of regions."""
        qformer = self._qformer(modality)
        # Encoders and language model may run in half precision around a Q-Former in full.
        tokens = features.tokens.to(qformer.layernorm.weight.dtype)
        if modality in CLOUD_MODALITIES:
            tokens = self.parts[modality].from_points(tokens)
        with routed([modality] * len(tokens)):
            return replace(qformer.remember(tokens, features.mask), centres=features.centres)

    # Reading: once for each region ----------------------------------------------------------------------------------

    def read(self, glances: Sequence[Glance]) -> Tensor:
        """What the queries found: [R, Q, D], the rows of the glances in order."""
        return _queries(self._run(glances))

    def match(self, glances: Sequence[Glance], text: Tensor) -> Tensor:
        """ITM: logits [R, 2] (no match, match) of each row with its text, BERT-style ids [R, T]."""
        found = _queries(self._run(glances, text, "both"))
        logits = self._by_modality(found, modalities_of(glances), "match_head")
        return logits.mean(1)

    def write(self, glances: Sequence[Glance], text: Tensor) -> Tensor:
        """ITG: word logits [R, T, vocabulary]; position t scores token t + 1. The first token is replaced by [DEC]."""
        return self.read_and_write(glances, text)[1]

    def read_and_write(self, glances: Sequence[Glance], text: Tensor) -> tuple[Tensor, Tensor]:
        """What `read` and `write` give, in one pass: no query sees the text that is written."""
        started = text.clone()
        started[:, 0] = self.spec.qformer.start_id
        output = self._run(glances, started, "causal")
        assert output.text is not None  # text went in, so text comes out
        parts = output.text.split([glance.rows for glance in glances])
        scores = [self._word_scores(part, glance.modality) for glance, part in zip(glances, parts, strict=True)]
        return _queries(output), torch.cat(scores)

    def contrast(self, found: Tensor, modalities: Sequence[str]) -> Tensor:
        """ITC: unit vectors [R, Q, C] of what the queries found."""
        return F.normalize(self._by_modality(found, modalities, "contrast"), dim=-1)

    def contrast_text(self, text: Tensor, modality: str) -> Tensor:
        """ITC: unit vectors [R, C] of texts (ids [R, T] with the class token first) as `modality` reads them."""
        qformer = self._qformer(modality)
        with routed([modality] * len(text)):
            hidden = qformer(text=text).text
        return F.normalize(self.parts[modality].text_contrast(hidden[:, 0]), dim=-1)

    def boxes(self, found: Tensor, modalities: Sequence[str]) -> list[Tensor]:
        """The auxiliary head's guess of each row's position, [4] or [24], from the mean of its queries."""
        return [self.parts[name].box_head(row.mean(0)) for name, row in zip(modalities, found, strict=True)]

    # Language -------------------------------------------------------------------------------------------------------

    def generate(
        self, found: Tensor, modalities: Sequence[str], prompts: Sequence[TokenIds], decoding: Decoding
    ) -> list[Sentence]:
        """A sentence for each row."""
        return self.language.generate(self._soft_tokens(found, modalities), prompts, modalities, decoding)

    def score(
        self,
        found: Tensor,
        modalities: Sequence[str],
        prompts: Sequence[TokenIds],
        targets: Sequence[TokenIds],
        row_of: Sequence[int] | None = None,
    ) -> Scores:
        """Log-probability of each target text after its prompt: text i of row i, or of row `row_of[i]`."""
        return self.language.score(self._soft_tokens(found, modalities), prompts, targets, modalities, row_of)

    def _soft_tokens(self, found: Tensor, modalities: Sequence[str]) -> Tensor:
        return self._by_modality(found, modalities, "to_language")

    # Within ---------------------------------------------------------------------------------------------------------

    def _qformer(self, modality: str) -> QFormer:
        if self.cloud_qformer is not None and modality in CLOUD_MODALITIES:
            return self.cloud_qformer
        return self.qformer

    def _word_scores(self, hidden: Tensor, modality: str) -> Tensor:
        with routed([modality] * len(hidden)):
            return self._qformer(modality).word_scores(hidden)

    def _run(
        self, glances: Sequence[Glance], text: Tensor | None = None, text_mask: TextMask = "both"
    ) -> QFormerOutput:
        """The Q-Former over a batch that may mix modalities; with two Q-Formers, each runs its own share."""
        outputs: dict[int, QFormerOutput] = {}
        shares = _with_text(glances, text)
        for qformer in {self._qformer(glance.modality): None for glance in glances}:
            chosen = [i for i, (glance, _) in enumerate(shares) if self._qformer(glance.modality) is qformer]
            outputs |= self._run_one(qformer, {i: shares[i] for i in chosen}, text_mask)
        ordered = [outputs[i] for i in range(len(glances))]
        return QFormerOutput(
            queries=torch.cat([_queries(output) for output in ordered]),
            text=None if text is None else torch.cat([output.text for output in ordered if output.text is not None]),
        )

    def _run_one(
        self, qformer: QFormer, shares: dict[int, tuple[Glance, Tensor | None]], text_mask: TextMask
    ) -> dict[int, QFormerOutput]:
        glances = [glance for glance, _ in shares.values()]
        texts = [part for _, part in shares.values() if part is not None]
        queries = [self.parts[glance.modality].placed_queries(glance.rows, glance.positions) for glance in glances]
        memories = [self.parts[glance.modality].preferring(glance.memory, glance.positions) for glance in glances]
        with routed(modalities_of(glances)):
            output = qformer(
                torch.cat(queries),
                memories,
                torch.cat(texts) if texts else None,
                text_mask,
            )
        sizes = [glance.rows for glance in glances]
        found = _queries(output).split(sizes)
        written = [None] * len(sizes) if output.text is None else output.text.split(sizes)
        return {i: QFormerOutput(q, t) for i, q, t in zip(shares, found, written, strict=True)}

    def _by_modality(self, found: Tensor, modalities: Sequence[str], part: str) -> Tensor:
        """Each row through its own modality's `part`, a linear layer."""
        names = list(dict.fromkeys(modalities))
        if len(names) == 1:
            return getattr(self.parts[names[0]], part)(found)
        rows = {name: [i for i, other in enumerate(modalities) if other == name] for name in names}
        mapped = torch.cat([getattr(self.parts[name], part)(found[rows[name]]) for name in names])
        order = torch.tensor([i for name in names for i in rows[name]], device=found.device)
        return mapped[order.argsort()]


def _queries(output: QFormerOutput) -> Tensor:
    assert output.queries is not None  # every caller hands queries in
    return output.queries


def _with_text(glances: Sequence[Glance], text: Tensor | None) -> list[tuple[Glance, Tensor | None]]:
    """Each glance with its own rows of the text."""
    if text is None:
        return [(glance, None) for glance in glances]
    return list(zip(glances, text.split([glance.rows for glance in glances]), strict=True))


def parameter_owner(name: str) -> str:
    """Whose a parameter is, by its name: a modality's, `clouds` (the cloud modalities' encoder), or `base`."""
    pieces = name.split(".")
    if pieces[0] == "parts":
        return "base" if pieces[1] == IMAGE else pieces[1]
    for matrix in ("lora_A", "lora_B"):
        if matrix in pieces:
            return pieces[pieces.index(matrix) + 1]
    return "clouds" if pieces[0] in ("point_encoder", "cloud_qformer") else "base"
