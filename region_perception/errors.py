"""Every error that the library raises on purpose.

A message says what was wrong (with the value seen) and what was expected, so that it can be acted on without reading
code. Catch `RegionPerceptionError` for all of them; each also derives from the built-in that Python users expect.
"""

import sys
import warnings


class RegionPerceptionError(Exception):
    """Base of every error that this library raises on purpose."""


class InvalidInput(RegionPerceptionError, ValueError):
    """Something that a user handed over cannot be used as it is."""


class InvalidObservation(InvalidInput):
    """An image or a point cloud that is empty, broken, too large, or not what it claims to be."""


class InvalidRegion(InvalidInput):
    """A region that is malformed, or that covers nothing of the observation it points into."""


class InvalidText(InvalidInput):
    """A question or description that is empty, too long, or not text."""


class InvalidSpec(RegionPerceptionError, ValueError):
    """A network description with unknown keys, wrong types, or sizes that do not fit together."""


class InvalidRecipe(RegionPerceptionError, ValueError):
    """A description of a training run with unknown keys, wrong values, or choices that do not go together."""


class TrainingError(RegionPerceptionError):
    """A training run that cannot go on: a full disk, data that cannot be read, a run that belongs to another recipe."""


class WeightsError(RegionPerceptionError):
    """Weights that are missing, truncated, of another layout, or that do not fit the network."""


class ModelNotFound(WeightsError, FileNotFoundError):
    """No model of that name where models are looked for; the message lists the places and what is there."""

    # FileNotFoundError (an OSError) formats several arguments its own way; this error always carries one message.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class MissingDependency(RegionPerceptionError, ImportError):
    """An optional package is needed for this; the message names the extra that brings it."""


class InputWarning(UserWarning):
    """Input was usable after an adjustment (a box clipped to the image, points dropped for being NaN, ...)."""


def warn_about_input(message: str) -> None:
    """Gives an `InputWarning` at the line of the user's own code, however deep inside the library this is called."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "region_perception":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, InputWarning, stacklevel=level)
