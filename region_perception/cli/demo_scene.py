"""The scene of the demo: one of the tabletop world's test split, which no training reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from region_perception.errors import InvalidInput

if TYPE_CHECKING:
    from region_perception.simulation import Picture

SPLIT = "test"
_FEWEST, _MOST = 6, 8  # things, enough for relations among them and few enough to be numbered in a picture
_TRIES = 500  # one scene in five will do for a usual picture


def choose_picture(seed: int, size: tuple[int, int]) -> Picture:
    """The first scene, from one that `seed` draws on, with 6 to 8 things, of each of which the picture shows enough.

    size: (width, height) of the picture in pixels.
    """
    import numpy as np

    from region_perception.simulation import compose, take_picture
    from region_perception.simulation.splits import SEEDS

    if seed < 0:
        raise InvalidInput(f"seed is {seed}; expected a whole number from 0 on")
    first = int(np.random.default_rng(seed).integers(len(SEEDS[SPLIT]) - _TRIES))
    for index in range(first, first + _TRIES):
        scene = compose(SPLIT, index)
        if _FEWEST <= len(scene.named) <= _MOST:
            picture = take_picture(scene, *size)
            if len(picture.shown) == len(scene.named):
                return picture
    raise InvalidInput(
        f"of {_TRIES} scenes none shows {_FEWEST} to {_MOST} things in {size[0]} x {size[1]} pixels; expected another "
        "--size, or a --scene"
    )


def numbered_picture(index: int, size: tuple[int, int]) -> Picture:
    """The picture of the scene with this index in the split, whatever there is in it, if it shows anything at all."""
    from region_perception.simulation import compose, take_picture

    picture = take_picture(compose(SPLIT, index), *size)
    if not picture.shown:
        raise InvalidInput(
            f"scene {index} shows no thing well enough to speak of it in {size[0]} x {size[1]} pixels; expected another"
        )
    return picture


def index_of(picture: Picture) -> int:
    """The index in the split of the scene that a picture shows."""
    from region_perception.simulation.splits import seed_of

    return picture.scene.seed - seed_of(SPLIT, 0)
