"""What a run tells while it goes: a progress bar, `log.jsonl`, TensorBoard.

Every line of `log.jsonl` is an object with `event`, `step` (how many steps were done) and figures. A run that is
started again first forgets the lines after its checkpoint, so that every step is there once.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from region_perception.errors import MissingDependency

_FILE = "log.jsonl"


class RunLog:
    """The log of one run; with `silent` (every process but the first) it keeps quiet and writes nothing."""

    def __init__(self, folder: Path, *, first: int, steps: int, tensorboard: bool, silent: bool = False) -> None:
        self._silent = silent
        self._first, self._steps = first, steps
        if silent:
            return
        self._file = _continued(folder / _FILE, first)
        self._board = _board(folder, first) if tensorboard else None
        self._progress = _progress_bar()
        self._task = self._progress.add_task("train", total=steps, completed=first, loss="", speed="")

    def __enter__(self) -> "RunLog":
        if not self._silent:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._silent:
            return
        self._progress.stop()
        self._file.close()
        if self._board is not None:
            self._board.close()

    def write(self, event: str, step: int, **figures: Any) -> None:
        """One line of the log; numbers go to TensorBoard, too, under "<event>/<name>"."""
        if self._silent:
            return
        self._file.write(json.dumps({"event": event, "step": step, **figures}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in figures.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(f"{event}/{name}", value, step)

    def note(self, event: str, step: int, text: str) -> None:
        """A line of the log that a person should see at once."""
        if self._silent:
            return
        self.write(event, step, text=text)
        self._progress.console.print(f"step {step}: {text}", markup=False, highlight=False)

    def advance(self, step: int, loss: float | None = None, speed: float | None = None) -> None:
        """Move the progress bar to `step` steps done."""
        if self._silent:
            return
        shown = {} if loss is None else {"loss": f"loss {loss:.4f}", "speed": f"{speed:,.0f} regions/s"}
        self._progress.update(self._task, completed=step, **shown)


class Speed:
    """Observations and rows in a second since it was last asked."""

    def __init__(self) -> None:
        self.observations = self._rows = 0
        self._since = time.perf_counter()

    def add(self, observations: int, rows: int) -> None:
        self.observations += observations
        self._rows += rows

    def read(self) -> dict[str, float]:
        """Figures over what was added since the last reading, which starts the next."""
        elapsed = time.perf_counter() - self._since
        figures = {"observations_per_s": self.observations / elapsed, "rows_per_s": self._rows / elapsed}
        self.observations = self._rows = 0
        self._since = time.perf_counter()
        return figures


def peak_memory(device: torch.device) -> dict[str, float]:
    """The most memory that this process has held so far, in MiB: its own, and on its GPU if it has one."""
    # Linux counts in KiB, macOS in bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    figures = {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    if device.type == "cuda":
        figures["peak_gpu_mib"] = torch.cuda.max_memory_allocated(device) / 2**20
    return figures


def _continued(path: Path, first: int) -> Any:
    """`path`, open to be continued after `first` steps."""
    if path.exists():
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _step(line) <= first]
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        os.replace(draft, path)
    return path.open("a", encoding="utf-8")


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # cut off by a kill


def _board(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependency(
            "the recipe asks for TensorBoard logs, which need tensorboard: pip install 'region-perception[train]', "
            "or --reports.no-tensorboard"
        ) from error
    return SummaryWriter(str(folder), purge_step=first + 1 if first else None)


def _progress_bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        speed_estimate_period=300,
    )
