"""What the processes of a run tell each other. With one process nothing is sent and everything stays as it is."""

import torch
from accelerate import Accelerator
from torch import Tensor


class Processes:
    """Sums and gathers over all processes of a run. Nothing that is gathered carries a gradient."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self.count = accelerator.num_processes
        self.rank = accelerator.process_index

    def sum(self, values: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        values = values.detach()
        return values if self.count == 1 else self._accelerator.reduce(values, reduction="sum")

    def sizes(self, rows: Tensor) -> list[int]:
        """How many rows each process has."""
        if self.count == 1:
            return [len(rows)]
        return self._accelerator.gather(torch.tensor([len(rows)], device=rows.device)).tolist()

    def gather(self, rows: Tensor, pad: int = 0) -> Tensor:
        """The rows of all processes, in their order. Each may have another number of rows, and of columns (padded)."""
        rows = rows.detach()
        if self.count == 1:
            return rows
        sizes = self.sizes(rows)
        for dim in range(rows.ndim):
            rows = self._accelerator.pad_across_processes(rows, dim=dim, pad_index=pad)
        blocks = self._accelerator.gather(rows.contiguous()).split(len(rows))
        return torch.cat([block[:size] for block, size in zip(blocks, sizes, strict=True)])

    def before(self, rows: Tensor) -> int:
        """How many rows the processes before this one have."""
        return sum(self.sizes(rows)[: self.rank])
