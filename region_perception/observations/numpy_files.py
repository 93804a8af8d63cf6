"""Arrays from .npy and .npz files. Never unpickles: a pickle runs code."""

from pathlib import Path

import numpy as np

from region_perception.errors import InvalidObservation
from region_perception.observations.cloud_arrays import MAX_POINTS

POINT_KEYS = ("points", "xyz", "positions", "arr_0")
COLOR_KEYS = ("colors", "rgb")

MAX_BYTES = MAX_POINTS * 6 * 8
"""Largest array that is read: the largest cloud in float64 with colours. An .npz can claim more than memory holds."""


def load_npy(path: Path, name: str) -> np.ndarray:
    """The array of an .npy file; `name` names it in messages."""
    try:
        # Mapped into memory, its size is checked against the header and nothing is read yet.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        _check_bytes(array.nbytes, name)
        return np.array(array)
    except InvalidObservation:
        raise
    except Exception as error:  # a broken header makes numpy raise almost anything
        raise InvalidObservation(f"{name}: not a complete .npy array of numbers ({error})") from error


def load_npz_cloud(path: Path, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Points and, where there are any, colours of an .npz file, by the names of its arrays."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            points_key = next((key for key in POINT_KEYS if key in arrays.files), None)
            colors_key = next((key for key in COLOR_KEYS if key in arrays.files), None)
            if points_key is None:
                raise InvalidObservation(
                    f"{name}: no array is called {', '.join(POINT_KEYS)}; it has {', '.join(arrays.files) or 'none'}"
                )
            keys = [key for key in (points_key, colors_key) if key]
            _check_bytes(sum(arrays.zip.getinfo(f"{key}.npy").file_size for key in keys), name)
            return arrays[points_key], arrays[colors_key] if colors_key else None
    except InvalidObservation:
        raise
    except Exception as error:  # so does a broken archive: BadZipFile, zlib.error, NotImplementedError, ...
        raise InvalidObservation(f"{name}: not a complete .npz file of number arrays ({error})") from error


def _check_bytes(count: int, name: str) -> None:
    if count > MAX_BYTES:
        raise InvalidObservation(
            f"{name}: it holds {count / 2**30:,.1f} GiB, at most {MAX_BYTES / 2**30:.1f} GiB are read; reduce it first"
        )
