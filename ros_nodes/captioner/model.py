"""Which model answers: read, tried out, and replaced while the one before goes on answering."""

from __future__ import annotations

import threading
import time
import warnings
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from region_perception.errors import InputWarning
from region_perception.observations import ImageObservation
from region_perception.regions import Box, Box3D
from ros_nodes.messages.refusals import Code, Refusal, refusal_of

if TYPE_CHECKING:
    from region_perception.captioner import Captioner


class Model:
    """The model of a node. `captioner` is whole at any time: the one before, until the next has been tried out."""

    def __init__(self) -> None:
        self.captioner: Captioner | None = None
        self.name = ""
        """What it was asked for by: that which reads it again."""
        self.device = ""
        self.load_time = float("nan")
        self._loading = threading.Lock()
        self._changing = threading.Lock()
        self._forgotten = 0  # times: a model that was begun to be read before is not wanted after

    @property
    def loading(self) -> bool:
        return self._loading.locked()

    def need(self) -> Captioner:
        """The model; refused with NOT_READY while there is none."""
        if self.captioner is None:
            raise Refusal(Code.NOT_READY, "the model is being read" if self.loading else "no model has been read")
        return self.captioner

    def load(self, name: str, device: str) -> None:
        """Reads a model and lets it answer; takes seconds. The one before stays if that fails, with MODEL_ERROR.

        Refused with BUSY while another is being read, and with NOT_READY where `forget` came meanwhile.
        """
        if not self._loading.acquire(blocking=False):
            raise Refusal(Code.BUSY, "another model is being read")
        try:
            started, forgotten = time.perf_counter(), self._forgotten
            captioner = _read(name, device)
            with self._changing:
                if self._forgotten != forgotten:
                    raise Refusal(Code.NOT_READY, f"model {name!r}: the node let go of its model while it was read")
                self.load_time = time.perf_counter() - started
                self.captioner, self.name, self.device = captioner, name, device
        finally:
            self._loading.release()

    def forget(self) -> None:
        """Lets go of the model, and of one that is being read."""
        with self._changing:
            self._forgotten += 1
            self.captioner, self.name, self.device = None, "", ""


def use_threads(count: int) -> None:
    """How many threads a model uses that the calling thread runs; 0 for as many as torch had chosen at its start."""
    import torch

    chosen = _chosen_by_torch()  # asked before it is changed for the first time
    wanted = count or chosen
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)


@cache
def _chosen_by_torch() -> int:
    """Torch forgets that once another number is set, and new threads begin with the number that was set last."""
    import torch

    return torch.get_num_threads()


def _read(name: str, device: str) -> Captioner:
    from region_perception.captioner import load

    try:
        captioner = load(name, device=device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)  # what an untrained part says means nothing here anyway
            _try_out(captioner)
    except Exception as error:
        refusal = refusal_of(error)
        raise Refusal(Code.MODEL_ERROR, f"model {name!r} on {device}: {refusal.message}") from error
    return captioner


def _try_out(captioner: Captioner) -> None:
    """Says a word about nothing, so that whatever is loaded on first use has been, and a broken model is found out."""
    known = captioner.spec.modalities
    if "image_region" in known:
        captioner.look(ImageObservation(np.zeros((64, 64, 3), np.uint8))).caption(Box(8, 8, 32, 32), max_tokens=2)
    if "cloud_region" in known:
        points = np.random.default_rng(0).random((512, 3), np.float32)
        captioner.look(points).caption(Box3D((0.5, 0.5, 0.5), (1, 1, 1)), max_tokens=2)
