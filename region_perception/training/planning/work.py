"""What a part of a step computes and keeps, summed up layer by layer from sizes alone.

Counted are matrix products, two operations for each multiplication; what lies between them (norms, activations, sums)
is a hundredth of it. Kept is what autograd needs of the forward pass, by what each kind of layer saves.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

FLOAT, HALF = 4, 2


@dataclass(frozen=True)
class Linears:
    """What the linear layers of a part have in common."""

    learns: bool = False
    """Whether their own weights learn; if not, whatever the products need of them is there already."""
    targets: Collection[str] = ()
    """Names of those with an adapter, which always learns."""
    rank: int = 0
    copied: bool = False
    """Whether autocast makes a half copy of each frozen weight, which is kept until the backward pass has used it."""


@dataclass
class Work:
    """Sums over what was added."""

    value: int = FLOAT
    """Bytes of each value that a matrix product gives out."""
    norm: int = FLOAT
    """Bytes of each value that a norm keeps."""
    grad: bool = True
    """Whether anything goes back through this part at all."""
    recompute: bool = False
    """Whether layers keep their input alone, and run once more in the backward pass."""
    forward: float = 0.0
    backward: float = 0.0
    kept: float = 0.0
    """Bytes that wait for the backward pass."""
    passing: float = 0.0
    """Bytes that one operation needs for itself, at most."""

    @contextmanager
    def layer(self, given: float) -> Iterator[None]:
        """Around what is run again as one when layers are recomputed; `given`: bytes of what it is handed."""
        forward, kept = self.forward, self.kept
        yield
        if self.recompute and self.grad:
            self.backward += self.forward - forward
            self.needs(self.kept - kept)
            self.kept = kept + given

    def keep(self, values: float, size: int | None = None) -> None:
        """So many values wait for the backward pass; `size`: bytes of each, those of a product if None."""
        if self.grad:
            self.kept += values * (self.value if size is None else size)

    def needs(self, size: float) -> None:
        """An operation needs so many bytes for a moment."""
        self.passing = max(self.passing, size)

    def product(self, rows: float, inner: int, outer: int, backward: int) -> None:
        """A matrix product, and so many as large in the backward pass."""
        size = 2.0 * rows * inner * outer
        self.forward += size
        if self.grad:
            self.backward += backward * size

    def linears(
        self,
        rows: float,
        inner: int,
        outers: Sequence[tuple[str, int]],
        kind: Linears,
        *,
        back: bool = True,
        stored: bool = False,
    ) -> None:
        """Linear layers that read the same input, `inner` wide, by name and width of what they give out.

        back: whether a gradient goes on to the input; stored: whether the input is kept for something else already.
        """
        readers = 0
        for name, outer in outers:
            self.product(rows, inner, outer, back + kind.learns)
            if kind.copied and back:
                self.keep(inner * outer, HALF)
            if name in kind.targets:
                self.product(rows, inner, kind.rank, 1 + back)
                self.product(rows, kind.rank, outer, 2)
                self.keep(rows * kind.rank)
                readers += 1
            readers += kind.learns
        # In half precision each reader makes its own copy of the input.
        copies = min(readers, 1) if self.value == FLOAT else readers
        if not stored:
            self.keep(copies * rows * inner)

    def attention(self, rows: float, queries: float, keys: float, width: int, *, own_keys: bool = True) -> None:
        """`rows` times `queries` that look at `keys`; `own_keys`: those and the values are kept for this alone."""
        product = 2.0 * rows * queries * keys * width
        self.forward += 2 * product
        if self.grad:
            self.backward += 4 * product
        self.keep(rows * width * (2 * queries + 2 * keys * own_keys))

    def normed(self, values: float) -> None:
        """A norm over so many values."""
        self.keep(values, self.norm)
