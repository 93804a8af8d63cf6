"""All nodes together, each of them killed in turn: the others go on, and it takes up its work where it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import Peer, Program, until

pytestmark = pytest.mark.ros
SPACE = "/ends"
SIZE = {"width": 160, "height": 120}
ACTIVE = 3  # CaptionerStatus.STATE_ACTIVE


def parameters(model: Path) -> dict[str, dict[str, Any]]:
    """Of each node. Frames are kept and waited for as long as a busy machine takes."""
    patient = {"max_age": 0.0}
    return {
        "scene_simulator": {**SIZE, "rate": 2.0, "scene": 4},
        "region_proposer": {**patient, "max_rate": 2.0},
        "region_captioner": {**patient, "model": str(model), "max_tokens": 2, "history": 64, "regions_wait": 10.0},
        "region_selector": {"patience": 2.0, "most": 2},
    }


class Graph:
    """The nodes, in a namespace."""

    def __init__(self, folder: Path, model: Path) -> None:
        self._folder, self._parameters = folder, parameters(model)
        self.running = {name: self._begin(name) for name in self._parameters}

    def _begin(self, name: str) -> Program:
        remap = {"__ns": SPACE, "/clicked_point": f"{SPACE}/clicked_point"}
        return Program(name, self._folder / f"{name}.log", remap, **self._parameters[name])

    def replace(self, name: str) -> None:
        """Kills a node, and starts it anew."""
        self.running[name].kill()
        self.running[name] = self._begin(name)

    def until(self, wanted: Callable[[], Any], what: str) -> None:
        try:
            until(wanted, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; they said:\n{self.said()}") from None

    def said(self) -> str:
        return "\n".join(f"{name}:\n{program.said()}" for name, program in self.running.items())


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer("watcher")
    yield peer
    peer.close()


@pytest.fixture
def graph(tmp_path: Path, model: Path) -> Iterator[Graph]:
    graph = Graph(tmp_path, model)
    yield graph
    codes = {name: program.stop() for name, program in graph.running.items()}
    assert set(codes.values()) == {0}, f"{codes}\n{graph.said()}"
    assert "Traceback" not in graph.said()


class Watch:
    """What shows that all is well: captions of new frames, a box in RViz and the state of the captioner."""

    def __init__(self, peer: Peer) -> None:
        from lifecycle_msgs.srv import GetState
        from region_perception_msgs.msg import CaptionerStatus, RegionCaptionArray
        from viewing import Viewer

        from ros_nodes.runtime.qos import LATCHED

        self._peer, self._kind = peer, GetState
        self.captions = peer.hear(RegionCaptionArray, f"{SPACE}/region_captions")
        self.statuses = peer.hear(CaptionerStatus, f"{SPACE}/region_captioner/status", LATCHED)
        self.viewer = Viewer(peer, f"{SPACE}/region_selector")

    def captioned(self) -> bool:
        """Whether something was said of a frame, since this was last asked."""
        good = [each for each in self.captions if any(caption.status.code == 0 for caption in each.captions)]
        self.captions.clear()
        return bool(good)

    def shown(self) -> bool:
        """Whether there is a box in RViz, with something said beside it."""
        texts = [box.description for box in self.viewer.boxes()]
        return any(text and "no captioner" not in text for text in texts)

    def state(self) -> str:
        """Of the captioner, as a lifecycle manager hears it."""
        answer = self._peer.call(self._kind, f"{SPACE}/region_captioner/get_state", self._kind.Request())
        return str(answer.current_state.label)


def test_whichever_node_is_killed_all_goes_on_when_it_is_back(graph: Graph, peer: Peer):
    watch = Watch(peer)
    graph.until(watch.captioned, "captions")
    graph.until(watch.shown, "a caption in RViz")
    assert watch.state() == "active"
    for name in graph.running:
        watch.captions.clear()
        number = watch.viewer.number
        graph.replace(name)
        if name == "region_captioner":
            watch.statuses.clear()
            graph.until(lambda: watch.statuses and watch.statuses[-1].state == ACTIVE, "its status")
            assert watch.state() == "active"
            (box, *_) = watch.viewer.boxes()
            watch.viewer.choose(box.name, "Caption")  # the selector asks the new one
        if name == "region_selector":
            graph.until(lambda before=number: watch.viewer.number > before + 1000, "RViz to begin anew")
        graph.until(watch.captioned, f"captions, after {name} was killed")
        graph.until(watch.shown, f"a caption in RViz, after {name} was killed")
        assert all(program.process.poll() is None for program in graph.running.values()), graph.said()
