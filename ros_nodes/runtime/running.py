"""A node as a program: begins, runs until it is told to stop, and ends with 0 when it was."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node

from ros_nodes.runtime.parameters import InvalidParameters

THREADS = 16  # most of them wait for the worker; the executor must never run out of them, or it spins in place
LOOK_EVERY = 0.5  # seconds after which a node with nothing to do looks whether it was told to stop
STOP_WITHIN = 1.0  # seconds for what runs to come to an end; what takes longer is not waited for


def run(make: Callable[[], Node], arguments: Sequence[str] | None = None, *, threads: int = THREADS) -> int:
    """The whole life of a node, until SIGINT or SIGTERM, which end the process with 0; else returns its exit code.

    make: creates the node, after ROS is initialised. A node that has a `stop` method is told before it is destroyed,
    with the seconds that it may take. arguments: of the command line with `--ros-args`; None for those of the program.
    Mistakes in them are written to stderr and end it with 2.
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
    except Exception:
        if rclpy.ok():
            raise
        return 0  # told to stop meanwhile, after which nothing of a node can be made
    executor = MultiThreadedExecutor(threads)
    executor.add_node(node)
    try:
        _spin(executor, node)
    finally:
        # A terminal sends the interrupt twice: to the group, and through launch. The second must not end the ending.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end(executor, node)
    # Nothing is left to be done. The interpreter would wait for threads that do not end, or crash with them, and take
    # longer over all that a model needs than a node may take to end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _spin(executor: Any, node: Node) -> None:
    """Callbacks are guarded; what still comes here is of rclpy, such as a client that went away before its answer.

    A signal first wakes the executor and then ends its context, so that it may look in between, find nothing and wait
    on: it would for ever where nothing else comes.
    """
    while executor.context.ok():
        try:
            executor.spin_once(LOOK_EVERY)
        except (KeyboardInterrupt, ExternalShutdownException):
            return
        except Exception as error:
            if not executor.context.ok():
                return
            node.get_logger().error(f"{type(error).__name__}: {error}", throttle_duration_sec=5.0)
            time.sleep(0.01)


def _end(executor: Any, node: Any) -> None:
    """Stops what the node runs, and takes it from the graph."""
    until = time.monotonic() + STOP_WITHIN
    if hasattr(node, "stop"):
        node.stop(STOP_WITHIN)
    executor._executor.shutdown(wait=False, cancel_futures=True)  # rclpy has no word for ending its own threads
    ended = _over(until)
    executor.shutdown(timeout_sec=0.0)
    try:
        node.destroy_node()
    except Exception:
        if ended:  # else what is stuck may hold what is to be destroyed
            raise
    rclpy.try_shutdown()


def _over(until: float) -> bool:
    """Whether all other threads have come to their end, which is waited for until then: `time.monotonic()`."""
    others = [each for each in threading.enumerate() if each is not threading.current_thread()]
    for thread in others:
        thread.join(max(until - time.monotonic(), 0.0))
    return not any(thread.is_alive() for thread in others)
