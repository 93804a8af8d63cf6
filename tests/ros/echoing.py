"""A node that answers every region with its own numbers, for the tests of the types themselves."""

import time
from contextlib import suppress
from typing import Any

import rclpy
from rclpy.action import ActionServer
from rclpy.executors import ExternalShutdownException
from region_perception_msgs.action import CaptionScene
from region_perception_msgs.msg import Region3DArray, RegionCaption, RegionCaptionArray
from region_perception_msgs.srv import CaptionRegions


def answer(request: Any, response: Any) -> Any:
    response.captions = [RegionCaption(region_id=region.id, x2=region.x2) for region in request.regions_2d]
    return response


def caption_scene(handle: Any) -> Any:
    total = handle.request.max_regions
    for number in range(total):
        handle.publish_feedback(CaptionScene.Feedback(done=number + 1, total=total))
        time.sleep(0.2)
    handle.succeed()
    return CaptionScene.Result(captions=[RegionCaption() for _ in range(total)])


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("echoing")
    captions = node.create_publisher(RegionCaptionArray, "region_captions", 10)

    def echo(message: Any) -> None:
        counts = [RegionCaption(point_count=len(region.indices)) for region in message.regions]
        captions.publish(RegionCaptionArray(captions=counts))

    node.create_subscription(Region3DArray, "regions_3d", echo, 10)
    node.create_service(CaptionRegions, "caption_regions", answer)
    ActionServer(node, CaptionScene, "caption_scene", caption_scene)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == "__main__":
    main()
