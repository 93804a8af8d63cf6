"""`region-perception bag`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import arg

from region_perception.cli.notes import note
from region_perception.cli.options import File, ModelOptions, Switch, WritingOptions
from region_perception.cli.steps import counting, load_captioner, writing

if TYPE_CHECKING:
    from region_perception.captioner import Captioner

Topic = Annotated[str, arg(metavar="TOPIC", help_behavior_hint="")]
Six = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class TopicOptions:
    """What is read and written. A topic that is not named is found by its type, where one has it; "none" uses none."""

    image: Topic = ""
    """Images, raw or compressed."""
    depth: Topic = ""
    """Depth that is registered to the image."""
    camera_info: Topic = ""
    """Calibration of the image."""
    points: Topic = ""
    """Point clouds. Without, they are made of image, depth and calibration."""
    regions: Annotated[tuple[str, ...], arg(metavar="TOPIC", help_behavior_hint="")] = ()
    """Regions, or detections of vision_msgs. Default: all that the bag has."""
    captions: Annotated[str, arg(metavar="TOPIC")] = "/region_captions"
    """Where sentences are written."""
    markers: Annotated[str, arg(metavar="TOPIC")] = "/region_markers"
    """Where boxes and texts for RViz are written, of regions in clouds."""


@dataclass(frozen=True)
class LookingOptions:
    """How frames are read."""

    propose: Annotated[Literal["image", "cloud"] | None, arg(help_behavior_hint="")] = None
    """Look for things itself, in images or clouds, where the bag has no regions."""
    every: Annotated[float, arg(metavar="SECONDS")] = 1.0
    """From one frame in which things are looked for to the next."""
    most: Annotated[int, arg(metavar="N")] = 16
    """Things that are looked for in a frame."""
    slop: Annotated[float, arg(metavar="SECONDS")] = 0.05
    """How far stamps may be apart and still mean the same frame."""
    single: Switch = False
    """Read regions from what they point into alone; else also from the cloud or image of the same moment."""
    once: Switch = False
    """Caption regions whose stamp is 0 on the newest frame alone; else on every frame until others come."""
    upright_frame: Annotated[str, arg(metavar="FRAME", help_behavior_hint="")] = ""
    """A frame whose z is up, such as base_link, that clouds are taken into by the TF of the bag."""
    axes: Literal["auto", "body", "optical"] = "auto"
    """Of clouds: x forward and z up, or z forward; by default as the name of the frame says."""
    pose: Annotated[Six | None, arg(metavar="X Y Z ROLL PITCH YAW", help_behavior_hint="")] = None
    """Of the sensor in a frame that stands upright, metres and radians; instead of axes, for one that leans."""


def bag(
    file: File,
    out: Annotated[Path, arg(metavar="PATH")],
    topics: TopicOptions,
    looking: LookingOptions,
    model: ModelOptions,
    sentences: WritingOptions,
) -> None:
    """Caption the regions of a recorded bag of ROS 2 (MCAP or sqlite3), without ROS.

    Everything of the bag is copied, and captions are written between, with the stamp of the frame that they are about.
    What cannot be read is counted, named and copied all the same. Goes on where it was interrupted.

    Args:
        file: A bag: a folder, an .mcap or a .db3.
        out: Where to: a name that ends in .mcap or .db3, or without an ending a folder.
    """
    from ros_nodes.bags import BagSettings, TopicNames, caption_bag, in_words

    settings = BagSettings(
        topics=TopicNames(**vars(topics)), **vars(looking), beams=sentences.beams, max_tokens=sentences.max_tokens
    )
    with counting("frames with regions") as progress, writing(out):
        done = caption_bag(partial(_loaded, model), file, out, settings, progress=progress)
    note(f"read {done.topics}")
    if done.resumed:
        note(f"went on after {done.resumed} of {done.jobs} that an earlier run had done")
    for line in in_words(done.problems):
        note(f"skipped: {line}")
    if done.copied != done.recorded:
        note(f"the bag says that it holds {done.recorded:,} messages, {done.copied:,} could be read and copied")
    refused = f", {done.refused:,} regions refused" if done.refused else ""
    print(f"{done.captions - done.refused:,} captions for {done.jobs:,} times regions{refused}: {out}")


def _loaded(options: ModelOptions) -> "Captioner":
    """The model; what it has not learnt is said once, where every frame of a bag would say it."""
    captioner = load_captioner(options)
    if unknown := [name for name in captioner.spec.modalities if name not in captioner.trained]:
        which = ", ".join(unknown)
        note(f"model {captioner.name!r} has no trained weights for {which}: what it says there means nothing")
    return captioner
