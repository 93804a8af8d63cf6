"""From whatever holds numbers (numpy, torch, lists) to numpy arrays of real numbers, and how large they may be."""

import numpy as np

from region_perception.errors import InvalidObservation

MAX_PIXELS = 100_000_000
"""Largest image that is read: beyond it a few kilobytes of file could ask for gigabytes of memory."""


def numeric_array(source: object, what: str) -> np.ndarray:
    """`source` as a numpy array of integers or floats; `what` names it in messages. Arrays are not copied."""
    if np.ma.isMaskedArray(source):
        raise InvalidObservation(f"{what}: masked arrays are not supported; choose a value with .filled(...)")
    try:
        array = np.asarray(source)
    except Exception as error:  # torch alone raises TypeError (device), RuntimeError (gradient) and more
        raise InvalidObservation(
            f"{what}: this {type(source).__name__} cannot be read as an array ({error}); "
            "pass a numpy array, for a tensor tensor.detach().cpu().numpy()"
        ) from error
    if array.dtype.kind == "b":
        raise InvalidObservation(f"{what}: a boolean array is a mask, expected numbers; see Mask and PointSet")
    if array.dtype.kind not in "uif":
        kinds = {"c": "complex numbers", "O": "Python objects", "U": "text", "S": "bytes", "V": "structured fields"}
        seen = kinds.get(array.dtype.kind, "other values")
        raise InvalidObservation(
            f"{what}: expected an array of numbers, got {seen} (dtype {array.dtype}, from {type(source).__name__})"
        )
    return array
