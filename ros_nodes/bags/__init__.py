"""Captions of the regions of a recorded bag, without ROS: `caption_bag` (docs/ros.md says what comes out)."""

from ros_nodes.bags.captioning import Outcome, caption_bag
from ros_nodes.bags.jobs import in_words
from ros_nodes.bags.settings import BagSettings, TopicNames

__all__ = ["BagSettings", "Outcome", "TopicNames", "caption_bag", "in_words"]
