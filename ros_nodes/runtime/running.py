"""A node as a program: begins, runs until it is told to stop, and ends with 0 when it was."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node

from ros_nodes.runtime.parameters import InvalidParameters

THREADS = 16  # most of them wait for the worker; the executor must never run out of them, or it spins in place
STOP_WITHIN = 10.0  # seconds for what runs to come to an end


def run(make: Callable[[], Node], arguments: Sequence[str] | None = None, *, threads: int = THREADS) -> int:
    """The whole life of a node, until SIGINT or SIGTERM; returns the exit code of the program.

    make: creates the node, after ROS is initialised. A node that has a `stop` method is told before it is destroyed.
    arguments: of the command line with `--ros-args`; None for those of the program. Mistakes in them are written to
    stderr and end it with 2.
    """
    try:
        rclpy.init(args=None if arguments is None else list(arguments))
    except Exception as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    try:
        node = make()
    except (InvalidParameters, InvalidParameterTypeException, InvalidParameterValueException) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        rclpy.try_shutdown()
        return 0
    executor = MultiThreadedExecutor(threads)
    executor.add_node(node)
    try:
        _spin(executor, node)
    finally:
        # A terminal sends the interrupt twice: to the group, and through launch. The second must not end the ending.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended = _end(executor, node)
    if not ended:
        # A thread is stuck in something that does not end. Leaving it to the interpreter would hang, or crash.
        sys.stderr.flush()
        os._exit(0)
    return 0


def _spin(executor: Any, node: Node) -> None:
    """Callbacks are guarded; what still comes here is of rclpy, such as a client that went away before its answer."""
    while executor.context.ok():
        try:
            executor.spin_once()
        except (KeyboardInterrupt, ExternalShutdownException):
            return
        except Exception as error:
            if not executor.context.ok():
                return
            node.get_logger().error(f"{type(error).__name__}: {error}", throttle_duration_sec=5.0)
            time.sleep(0.01)


def _end(executor: Any, node: Any) -> bool:
    """Stops what the node runs; whether all of it came to an end."""
    ended = True
    if hasattr(node, "stop"):
        ended = bool(node.stop(STOP_WITHIN))
    executor.shutdown(timeout_sec=1.0)
    try:
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    return ended
