"""Nodes as programs of their own, and a node to talk to them with, for tests over real rclpy."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

PATIENCE = 120.0  # seconds: a busy machine takes most of them to import what a model needs
LOOK_EVERY = 0.02

R = TypeVar("R")

STARTED: list[Program] = []  # whose words are shown where a test fails


def until(wanted: Callable[[], R | None], what: str, patience: float = PATIENCE) -> R:
    """What `wanted` returns as soon as that is something true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := wanted():
            return found
        time.sleep(LOOK_EVERY)
    raise AssertionError(f"waited {patience:g} s for {what}")


class Program:
    """A node of ours in a process of its own: `Program("region_captioner", log, remap={...}, parameter=value)`.

    script: what runs it, instead of the node's own module.
    """

    def __init__(
        self,
        name: str,
        log: Path,
        remap: dict[str, str] | None = None,
        *,
        script: Path | None = None,
        **parameters: Any,
    ) -> None:
        self.name, self.log, self.killed = name, log, False
        words = [word for key, value in parameters.items() for word in ("-p", f"{key}:={_yaml(value)}")]
        words += [word for old, new in (remap or {}).items() for word in ("-r", f"{old}:={new}")]
        program = ["-m", f"ros_nodes.{name}"] if script is None else [str(script), name]
        command = [sys.executable, *program, "--ros-args", *words]
        with log.open("ab") as file:
            # Of a group of its own, so that an interrupt of the tests is not one of the node.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
        STARTED.append(self)

    def said(self) -> str:
        """All that it wrote."""
        return self.log.read_text(errors="replace")

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Asks it to stop; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not stop:\n{self.said()}") from None

    def kill(self) -> None:
        """As when the machine takes it away."""
        self.killed = True
        self.process.kill()
        self.process.wait()


class Peer:
    """A node in this process, spun by a thread, that talks to the one that is tested."""

    def __init__(self, name: str = "peer") -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node(f"{name}_{os.getpid()}", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        atexit.register(self.close)  # where a test fails before: the interpreter would crash with the thread

    def _spin(self) -> None:
        from rclpy.exceptions import InvalidHandle

        while not self._closing.is_set():
            with suppress(InvalidHandle):  # something was taken away while it was waited for
                self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        """Ends it."""
        atexit.unregister(self.close)
        self._closing.set()
        self._thread.join(timeout=10)
        self.node.destroy_node()
        self.context.try_shutdown()

    def hear(self, kind: type, topic: str, qos: Any = 10) -> list[Any]:
        """A list that all messages of a topic are added to."""
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard

    def publisher(self, kind: type, topic: str, qos: Any = 1) -> Any:
        """A publisher that somebody listens to."""
        publisher = self.node.create_publisher(kind, topic, qos)
        until(publisher.get_subscription_count, f"somebody to listen to {topic}")
        return publisher

    def done(self, future: Any, patience: float = PATIENCE) -> Any:
        """What comes of a future."""
        until(future.done, "an answer", patience)
        return future.result()

    def act(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What comes of the future that a method of an action client returns.

        It is called by the thread that spins: an answer that comes before it has returned would be lost.
        """
        return self.done(self.done(self._executor.create_task(call, *arguments)))

    def call(self, kind: type, name: str, request: Any, patience: float = PATIENCE) -> Any:
        """The answer of a service."""
        client = self.node.create_client(kind, name)
        try:
            until(client.service_is_ready, f"the service {name}")
            return self.done(client.call_async(request), patience)
        finally:
            self.node.destroy_client(client)

    def stamp(self) -> Any:
        """Now."""
        return self.node.get_clock().now().to_msg()


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
