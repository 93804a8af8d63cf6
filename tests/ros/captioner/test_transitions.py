"""What a lifecycle manager asks for while a model is read, which takes as long as these tests want."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import patient
import pytest
from patient import WAIT, WAITS

pytestmark = pytest.mark.ros
NODE = "/transitions"


class SlowModel:
    """A copy of a model that `patient.py` waits with until it is given."""

    def __init__(self, model: Path, folder: Path) -> None:
        shutil.copytree(model, folder)
        self.folder = folder
        self.take()

    def being_read(self) -> bool:
        """Whether somebody waits for it."""
        return (self.folder / WAITS).exists()

    def give(self) -> None:
        """Lets whoever waits go on, and all that come after."""
        (self.folder / WAIT).unlink()

    def take(self) -> None:
        """Has the next one wait again."""
        (self.folder / WAITS).unlink(missing_ok=True)
        (self.folder / WAIT).touch()


@pytest.fixture
def slow(model: Path, tmp_path: Path) -> SlowModel:
    return SlowModel(model, tmp_path / "slow")


def test_a_model_that_is_let_go_of_while_it_is_read_is_not_kept(start: Any, peer: Any, model: Path, slow: SlowModel):
    from lifecycle_msgs.msg import Transition
    from programs import until
    from region_perception_msgs.msg import CaptionerStatus
    from region_perception_msgs.srv import SetModel
    from talking import box

    program = start(NODE[1:], autostart=False, model=str(slow.folder), script=Path(patient.__file__))
    peer.state(CaptionerStatus.STATE_UNCONFIGURED, program, NODE)
    done: list[bool] = []

    # The first model: nothing but its end ends the transition, which is said at once and not waited for.
    configuring = threading.Thread(
        target=lambda: done.append(peer.change_state(Transition.TRANSITION_CONFIGURE, NODE)), daemon=True
    )
    configuring.start()
    until(slow.being_read, "the model to be read")
    assert not peer.change_state(Transition.TRANSITION_CLEANUP, NODE)
    assert not peer.change_state(Transition.TRANSITION_ACTIVATE, NODE)
    assert peer.statuses(NODE)[-1].state == CaptionerStatus.STATE_LOADING
    refused = peer.caption(box(), node=NODE, timeout=0.0)
    assert refused.status.code == refused.status.NOT_READY
    assert done == []
    slow.give()
    configuring.join(120)
    assert done == [True]
    assert peer.change_state(Transition.TRANSITION_ACTIVATE, NODE)
    peer.active(program, NODE)

    # The next one, while that answers: cleaned up, the node has none, and the one that comes too late is not taken.
    slow.take()
    client = peer.node.create_client(SetModel, f"{NODE}/set_model")
    until(client.service_is_ready, "the service")
    asked = client.call_async(SetModel.Request(model=str(slow.folder)))
    until(slow.being_read, "the next model to be read")
    assert peer.change_state(Transition.TRANSITION_DEACTIVATE, NODE)
    assert peer.change_state(Transition.TRANSITION_CLEANUP, NODE)
    slow.give()
    answer = peer.done(asked)
    assert answer.status.code == answer.status.NOT_READY, answer.status
    assert answer.model == ""
    status = peer.state(CaptionerStatus.STATE_UNCONFIGURED, program, NODE)
    assert status.model == ""

    assert peer.change_state(Transition.TRANSITION_CONFIGURE, NODE)
    assert peer.change_state(Transition.TRANSITION_ACTIVATE, NODE)
    assert peer.active(program, NODE).model == str(slow.folder)
    assert program.stop() == 0, program.said()
    assert "Traceback" not in program.said()
