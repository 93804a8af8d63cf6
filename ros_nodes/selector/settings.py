"""The parameters of `region_selector`."""

from __future__ import annotations

from dataclasses import dataclass

from ros_nodes.runtime.settings import setting

CLICKS = ("thing", "box")


def questions_of(text: str) -> list[str]:
    """The presets, in order."""
    return [question.strip() for question in text.split(";") if question.strip()]


@dataclass(frozen=True)
class SelectorSettings:
    """All there is to set, with what it means."""

    captioner: str = setting(
        "region_captioner", "Name of the node that is asked, with its namespace if that is another.", fixed=True
    )
    questions: str = setting(
        "What is it?; What colour is it?; What is it made for?", "What can be asked by the menu, parted by semicolons."
    )
    click: str = setting(
        "thing",
        "What clicks in images select: the thing under the pixel, or a box from the corner of one click to the next.",
        choices=CLICKS,
    )
    corner_within: float = setting(10.0, "The second corner of a box comes so soon.", unit="s", low=0.1, high=600)
    first_box: bool = setting(
        True, "Begins with a box about the first region that is heard on `regions_3d`, to take hold of."
    )
    tilting: bool = setting(False, "Boxes can be turned about all axes, not only about that which is up.")
    on_release: bool = setting(True, "A box that was moved, turned or resized is captioned when it is let go.")
    most: int = setting(20, "Selections at once; the oldest goes when there are more.", low=1, high=200)
    box_side: float = setting(0.1, "Side of a box where nothing says how large it is.", unit="m", low=0.005, high=100)
    patience: float = setting(
        30.0, "An answer that does not come is asked for again after that.", unit="s", low=1, high=600
    )
    text_height: float = setting(0.03, "Height of the letters of markers.", unit="m", low=0.001, high=10)
