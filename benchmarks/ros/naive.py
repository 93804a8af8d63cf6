"""What a node looks like that is written in an afternoon: inference in the callback of the image, a queue of ten, one
thread. It has the same model, the same regions, the same topic, and the same service as the captioner.

    python benchmarks/ros/naive.py --ros-args -p model:=tabletop-mini
"""

import warnings
from contextlib import suppress
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from region_perception_msgs.msg import Region2DArray, RegionCaptionArray
from region_perception_msgs.srv import CaptionRegions
from sensor_msgs.msg import Image

from region_perception import load
from region_perception.errors import InputWarning
from ros_nodes.decoding import decode_image, decode_region_2d
from ros_nodes.encoding import encode_caption, encode_captions


def main() -> None:
    warnings.simplefilter("ignore", InputWarning)
    rclpy.init()
    node = rclpy.create_node("region_captioner")
    captioner = load(node.declare_parameter("model", "tabletop-mini").value)
    publisher = node.create_publisher(RegionCaptionArray, "region_captions", 10)
    latest: dict[str, Any] = {}

    def caption(message: Any, regions: Any) -> list[Any]:
        began = node.get_clock().now().nanoseconds
        image = decode_image(message)
        view = captioner.look(image)
        found = view.caption([decode_region_2d(region, (image.width, image.height)) for region in regions])
        took = (node.get_clock().now().nanoseconds - began) / 1e9
        age = (began - message.header.stamp.sec * 10**9 - message.header.stamp.nanosec) / 1e9
        return [
            encode_caption(each, message.header, region, age=age, inference_time=took)
            for each, region in zip(found, regions, strict=True)
        ]

    def see(message: Any) -> None:
        latest["image"] = message
        if "regions" in latest:
            publisher.publish(encode_captions(caption(message, latest["regions"]), message.header))

    def answer(request: Any, response: Any) -> Any:
        response.captions = caption(latest["image"], request.regions_2d)
        return response

    node.create_subscription(Image, "image", see, 10)
    node.create_subscription(Region2DArray, "regions_2d", lambda message: latest.update(regions=message.regions), 10)
    node.create_service(CaptionRegions, "~/caption_regions", answer)
    with suppress(KeyboardInterrupt, ExternalShutdownException, RuntimeError):  # publishing fails while it is ended
        rclpy.spin(node)


if __name__ == "__main__":
    main()
