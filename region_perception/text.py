"""Between sentences and token ids: the language model's tokenizer and the Q-Former's, behind one object."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_perception.errors import InvalidText, WeightsError, warn_about_input
from region_perception.network.spec import NetworkSpec

if TYPE_CHECKING:
    import torch

# Long enough for any question about a region; short enough that hostile text cannot fill the memory.
MAX_CHARACTERS = 2000

_SPECIALS = ("[PAD]", "[DEC]", "[BOS]", "[EOS]", "[CLS]", "[SEP]", "[UNK]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_MARKS = ".,?!'-:;/()&\""

EVERYDAY_WORDS = (
    "a an the of on in at by to and or is are it its this that there no yes not with without one two three four "
    "five six seven eight nine ten eleven twelve what which where how many much color colour kind size object "
    "objects thing photo point cloud image picture scene question short answer region part left right top bottom "
    "middle center front behind above under below inside beside between next near far from side corner edge upright "
    "lying standing stacked tipped plain striped checkered shiny dull small large big tiny tall long wide flat "
    "round square red green blue yellow orange purple pink brown black white grey gray cyan table floor wall box "
    "ball mug cup bowl bottle can plate book lamp stool chair hammer funnel ring cone dumbbell vase pan pot bucket "
    "basket torch jar candle pen tray cube cylinder sphere pyramid block brick wheel bell key spoon fork knife cap "
    "hat shoe clock phone bag toy stick teapot upturned holding leftmost rightmost nearest farthest zero checks "
    "does lie stripes mugs bowls bottles cans boxes balls plates books lamps stools chairs hammers funnels rings "
    "cones dumbbells vases pans buckets candles trays keys spoons caps pyramids teapots bells wheels"
)


class TextCodec:
    """Texts to the token ids that the network reads, and back.

    The Q-Former's tokenizer may be the language model's own (small models), another (BERT's, in BLIP-2), or missing,
    where the network has no text branch.
    """

    def __init__(self, spec: NetworkSpec, language: Any, qformer: Any = None) -> None:
        self.spec = spec
        self.language = language
        self.qformer = qformer
        _refuse_unknown_ids(language, spec.language.vocab_size, "language model")
        if qformer is not None:
            _refuse_unknown_ids(qformer, spec.qformer.vocab_size, "Q-Former")

    def prompt_ids(self, text: str) -> list[int]:
        """Ids of a prompt, without the special tokens that the network adds itself.

        A special token that somebody writes out, such as "[PAD]" or "</s>", is spelled like any other text.
        """
        return self.language(text, add_special_tokens=False, split_special_tokens=True)["input_ids"] if text else []

    def target_ids(self, text: str) -> list[int]:
        """Ids of a sentence that the language model should write, with the token that ends it."""
        return [*self.prompt_ids(text), self.spec.language.stop_id]

    def sentence(self, ids: Sequence[int]) -> str:
        """The sentence that generated ids spell, on one line."""
        return " ".join(self.language.decode(list(ids), skip_special_tokens=True).split())

    def qformer_ids(self, texts: Sequence[str]) -> "torch.Tensor":
        """Padded ids [R, T] for the Q-Former's text branch: class token first, cut at its longest text."""
        import torch

        if self.qformer is None:
            raise WeightsError(f"model {self.spec.name!r} has no text branch, so texts cannot be matched with regions")
        rows = [self._cut(ids) for ids in self.qformer(list(texts), split_special_tokens=True)["input_ids"]]
        padded = torch.full((len(rows), max(map(len, rows))), self.spec.qformer.pad_id)
        for row, ids in zip(padded, rows, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        return padded

    def _cut(self, ids: list[int]) -> list[int]:
        """Ids that fit into the text branch, the token that ends them included.

        The tokenizer could cut, too, but it would keep the length for its next call, which may be another thread's.
        """
        longest = self.spec.qformer.max_text
        if len(ids) <= longest:
            return ids
        warn_about_input(f"a description has {len(ids)} tokens; the text branch reads the first {longest} of them")
        return [*ids[: longest - 1], ids[-1]]

    def save(self, folder: Path) -> None:
        """Write `tokenizer/`, and `qformer_tokenizer/` where that is another one, under `folder`."""
        self.language.save_pretrained(folder / "tokenizer")
        if self.qformer is not None and self.qformer is not self.language:
            self.qformer.save_pretrained(folder / "qformer_tokenizer")

    @classmethod
    def load(cls, spec: NetworkSpec, folder: Path) -> "TextCodec":
        """Read what `save` wrote."""
        language = read_tokenizer(folder / "tokenizer")
        if not spec.qformer.text_branch:
            return cls(spec, language)
        own = folder / "qformer_tokenizer"
        return cls(spec, language, read_tokenizer(own) if own.is_dir() else language)


def _refuse_unknown_ids(tokenizer: Any, words: int, part: str) -> None:
    """A tokenizer of another model would only show later, by ids that are out of range."""
    largest = max(tokenizer.get_vocab().values(), default=0)
    if largest >= words:
        raise WeightsError(f"the tokenizer knows ids up to {largest}, but the {part} has only {words} words")


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer whose files lie in `folder`. Code that may lie beside them is never run."""
    from transformers import AutoTokenizer

    if not folder.is_dir():
        raise WeightsError(f"{folder.parent} has no {folder.name}/ folder, so its sentences cannot be spelled")
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the tokenizers library raises nothing narrower for a broken file
        raise WeightsError(f"the tokenizer in {folder} cannot be read: {error}") from error


def clean_text(text: object, what: str) -> str:
    """`text` on one line without control characters; `what` names it in errors ("question", "description")."""
    if not isinstance(text, str):
        raise InvalidText(f"the {what} is {type(text).__name__}; expected a string")
    if len(text) > MAX_CHARACTERS:
        raise InvalidText(f"the {what} has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read")
    printable = "".join(" " if unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp") else mark for mark in text)
    cleaned = " ".join(printable.split())
    if not cleaned:
        raise InvalidText(f"the {what} is empty; expected some words")
    return cleaned


def word_tokenizer(words: Iterable[str], size: int) -> Any:
    """A small word-piece tokenizer of `size` entries, made in code: whole words, and letters for all other words."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    entries = [*_SPECIALS, *_LETTERS, *_MARKS, *(f"##{letter}" for letter in _LETTERS), *words]
    entries = list(dict.fromkeys(entries))
    if len(entries) > size:
        raise ValueError(f"{len(entries)} entries do not fit into a vocabulary of {size}")
    entries += [f"[unused{i}]" for i in range(size - len(entries))]
    ids = {entry: i for i, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        bos_token="[BOS]",
        eos_token="[EOS]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        additional_special_tokens=["[DEC]"],
    )


def mini_codec(spec: NetworkSpec) -> TextCodec:
    """The codec of the `mini` spec: one code-built tokenizer for both parts."""
    tokenizer = word_tokenizer(EVERYDAY_WORDS.split(), spec.language.vocab_size)
    return TextCodec(spec, tokenizer, tokenizer)


CODECS: dict[str, Callable[[NetworkSpec], TextCodec]] = {"mini": mini_codec}
"""The networks whose tokenizer is made in code, so that they can be built from nothing."""
