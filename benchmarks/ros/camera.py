"""A camera in a process of its own: images at a rate, and clouds where they are asked for, stamped as they are sent.

python benchmarks/ros/camera.py --width 640 --height 480 --rate 10 --points 0
"""

import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import rclpy
import tyro
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header

from region_perception.simulation import compose, take_picture
from ros_nodes.encoding import encode_cloud, encode_image
from ros_nodes.runtime.qos import FRAMES


@dataclass(frozen=True)
class Options:
    """What is sent."""

    width: int = 640
    height: int = 480
    rate: float = 10.0
    points: int = 0
    """Of each cloud; 0 for none."""


def pictures(options: Options) -> list[np.ndarray]:
    """Two views of one scene, so that no frame is the one before."""
    scene = compose("test", 0)
    pixels = take_picture(scene, options.width, options.height).image.pixels
    return [pixels, np.ascontiguousarray(pixels[:, ::-1])]


def main(options: Options) -> None:
    rclpy.init()
    node = rclpy.create_node("camera")
    header = Header(frame_id="camera_optical_frame")
    images = [encode_image(pixels, header) for pixels in pictures(options)]
    image_publisher = node.create_publisher(Image, "image", FRAMES)
    cloud, cloud_publisher = None, None
    if options.points:
        rng = np.random.default_rng(0)
        points = rng.uniform([0.5, -1, 0], [3, 1, 1], (options.points, 3)).astype(np.float32)
        points[: options.points // 2, 2] = 0  # a table
        cloud = encode_cloud(points, Header(frame_id="lidar"), rng.random((options.points, 3)).astype(np.float32))
        cloud_publisher = node.create_publisher(PointCloud2, "points", FRAMES)
    start = time.monotonic()
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        for number in range(10**9):
            time.sleep(max(start + number / options.rate - time.monotonic(), 0))
            if not rclpy.ok():
                break
            message = images[number % 2]
            message.header.stamp = node.get_clock().now().to_msg()
            image_publisher.publish(message)
            if cloud is not None and cloud_publisher is not None:
                cloud.header.stamp = message.header.stamp
                cloud_publisher.publish(cloud)


if __name__ == "__main__":
    main(tyro.cli(Options))
