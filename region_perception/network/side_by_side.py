"""Several texts after the same soft tokens, side by side in one row, so that what they follow is read only once.

A row is [soft tokens, bos, text, text, ..., padding]. A token sees the soft tokens, bos, and its own text up to itself,
and takes the position that it would have if its text were alone: a language model says of each text what it would then.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# In place of a text's number: what all texts follow, and what no text sees.
_SHARED, _PADDING = -1, -2


class SideBySide(NamedTuple):
    """S texts in R rows of T tokens, bos the first of each."""

    ids: Tensor  # int64 [R, T]
    text: Tensor  # int64 [R, T]: the number of the text that a token is of, or one of the above
    places: Tensor  # int64 [R, T]: positions, bos at 0
    before: tuple[list[int], list[int]]  # row and column of the token before each target token, text by text

    def sees(self, shared: int) -> Tensor:
        """bool [R, 1, L, L], L = shared + T: which token (column) each token (row) sees, after `shared` soft tokens."""
        text = torch.nn.functional.pad(self.text, (shared, 0), value=_SHARED)
        same = (text[:, :, None] == text[:, None]) | (text == _SHARED)[:, None]
        return same.tril()[:, None]

    def positions(self, shared: int) -> Tensor:
        """int64 [R, L]: the position of each token, after `shared` soft tokens."""
        soft = torch.arange(shared, device=self.places.device).expand(len(self.places), -1)
        return torch.cat([soft, self.places + shared], dim=1)


def side_by_side(
    prompts: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    row_of: Sequence[int],
    rows: int,
    *,
    bos_id: int,
    pad_id: int,
    device: torch.device,
) -> SideBySide:
    """Each prompt and its target as one text of the row `row_of[i]`, in order; a row may have any number of texts."""
    ids, text, places = [[bos_id] for _ in range(rows)], [[_SHARED] for _ in range(rows)], [[0] for _ in range(rows)]
    before: tuple[list[int], list[int]] = ([], [])
    for number, (prompt, target, row) in enumerate(zip(prompts, targets, row_of, strict=True)):
        start, length = len(ids[row]), len(prompt) + len(target)
        # Before the first token of a text stands bos.
        columns = [0, *range(start, start + length - 1)][len(prompt) : length]
        before[0].extend([row] * len(columns))
        before[1].extend(columns)
        ids[row] += [*prompt, *target]
        text[row] += [number] * length
        places[row] += range(1, length + 1)
    longest = max(map(len, ids))

    def padded(lists: list[list[int]], padding: int) -> Tensor:
        return torch.tensor([each + [padding] * (longest - len(each)) for each in lists], device=device)

    return SideBySide(padded(ids, pad_id), padded(text, _PADDING), padded(places, 0), before)
