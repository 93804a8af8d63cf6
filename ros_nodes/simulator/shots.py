"""Pictures of scenes in motion: each is drawn once, in a thread of its own, and nobody waits for it."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from region_perception.simulation import Scene

S = TypeVar("S")

SWING_HEIGHT = 0.08  # of the camera's height, up and down
SWING_ANGLE = 0.25  # radians that things go around the middle of the table, each way


@dataclass(frozen=True)
class Pose:
    """Which scene, and where its swing is: -1 to 1."""

    scene: int
    swing: float = 0.0


def pose_at(seconds: float, *, scene: int, change_every: float, moving: bool, period: float, steps: int) -> Pose:
    """The pose after so many seconds; the swing takes `steps` places, evenly apart."""
    number = scene + (int(seconds / change_every) if change_every > 0 else 0)
    if not moving:
        return Pose(number)
    place = round((1 + math.sin(2 * math.pi * seconds / period)) / 2 * (steps - 1))
    return Pose(number, 2 * place / (steps - 1) - 1)


def swung(scene: Scene, motion: str, swing: float) -> Scene:
    """The scene with its camera or its objects where the swing has them."""
    if motion == "camera":
        camera = scene.camera
        height = camera.height * (1 + SWING_HEIGHT * swing)
        return replace(scene, camera=replace(camera, height=height, pitch=camera.pitch + SWING_HEIGHT * swing))
    if motion == "objects":
        angle = SWING_ANGLE * swing
        cos, sin = math.cos(angle), math.sin(angle)
        (middle_x, middle_y), things = scene.table.center, []
        for thing in scene.things:
            x, y = thing.position[0] - middle_x, thing.position[1] - middle_y
            moved = thing.moved_to(middle_x + cos * x - sin * y, middle_y + sin * x + cos * y, thing.position[2])
            things.append(replace(moved, yaw=(thing.yaw + angle + math.pi) % (2 * math.pi) - math.pi))
        return replace(scene, things=tuple(things))
    return scene


class Shots(Generic[S]):
    """What `draw` makes of poses, kept until there are more than `most`. failed: told what `draw` raised."""

    def __init__(self, draw: Callable[[Pose], S], *, most: int, failed: Callable[[BaseException], object]) -> None:
        self._draw, self._most, self._failed = draw, most, failed
        self._drawn: OrderedDict[Pose, S] = OrderedDict()
        self._wanted: list[Pose] = []
        self._last: S | None = None
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="shots", daemon=True)
        self._thread.start()

    def show(self, pose: Pose, then: Sequence[Pose] = ()) -> S | None:
        """What is drawn of a pose; until that is, what was shown before (None at the start). then: drawn after it."""
        with self._changed:
            self._wanted = [each for each in (pose, *then) if each not in self._drawn]
            if self._wanted:
                self._changed.notify()
            if pose in self._drawn:
                self._drawn.move_to_end(pose)
                self._last = self._drawn[pose]
            return self._last

    def forget(self) -> None:
        """Draws everything anew."""
        with self._changed:
            self._drawn.clear()

    def stop(self, timeout: float = 10.0) -> bool:
        """Whether what was being drawn came to its end."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._wanted or self._stopped):
                    self._changed.wait()
                if self._stopped:
                    return
                pose = self._wanted.pop(0)
            try:
                drawn = self._draw(pose)
            except Exception as error:
                self._failed(error)
                continue
            with self._changed:
                self._drawn[pose] = drawn
                while len(self._drawn) > self._most:
                    self._drawn.popitem(last=False)
