"""Why something is refused: one exception that carries a status code and words for whoever sent it.

Everything that decodes raises `Refusal`; a node turns it into a `Status` message and goes on. No message, however
broken, raises anything else.
"""

from __future__ import annotations

from enum import IntEnum

from region_perception.errors import (
    InvalidInput,
    InvalidObservation,
    InvalidRegion,
    InvalidSpec,
    InvalidText,
    MissingDependency,
    RegionPerceptionError,
    WeightsError,
)

MAX_MESSAGE = 600  # characters: reasons travel with every answer, and may repeat what a stranger sent


class Code(IntEnum):
    """The constants of `region_perception_msgs/Status`, which says what each means."""

    OK = 0
    INVALID_IMAGE = 1
    UNSUPPORTED_ENCODING = 2
    INVALID_CLOUD = 3
    EMPTY_CLOUD = 4
    TOO_FEW_POINTS = 5
    EMPTY_REGION = 6
    INVALID_REGION = 7
    STALE = 8
    NO_TRANSFORM = 9
    NO_CALIBRATION = 10
    TOO_LARGE = 11
    INVALID_TEXT = 12
    NO_OBSERVATION = 13
    NOT_READY = 14
    BUSY = 15
    CANCELED = 16
    MODEL_ERROR = 17
    UNSUPPORTED = 18
    INTERNAL_ERROR = 19


class Refusal(RegionPerceptionError):
    """What was wrong, with the value seen, and what was expected; `code` says the same to programs."""

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        self.message = printable(message)
        super().__init__(f"{code.name}: {self.message}")

    def bare(self) -> Refusal:
        """The same without where it was raised, to be kept: that would keep the messages there, too."""
        return Refusal(self.code, self.message)


# What each error of the library means for whoever sent the request; the first that fits counts.
_CODES: tuple[tuple[type[BaseException], Code], ...] = (
    (InvalidText, Code.INVALID_TEXT),
    (InvalidRegion, Code.INVALID_REGION),
    (InvalidObservation, Code.INVALID_IMAGE),
    (WeightsError, Code.MODEL_ERROR),
    (InvalidSpec, Code.MODEL_ERROR),
    (MissingDependency, Code.UNSUPPORTED),
    (InvalidInput, Code.UNSUPPORTED),
    (MemoryError, Code.TOO_LARGE),
)


def refusal_of(error: BaseException, observation: Code = Code.INVALID_IMAGE) -> Refusal:
    """Any error as a refusal. `observation`: the code for a bad observation, of which the error tells not the kind."""
    if isinstance(error, Refusal):
        return error
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Refusal(observation if kind is InvalidObservation else code, str(error) or kind.__name__)
    return Refusal(Code.INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def printable(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text` on one line without control characters, cut to `limit` characters: fit for a log and a terminal."""
    shown = "".join(mark if mark.isprintable() else " " for mark in text[: 4 * limit])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."
