"""Every node ends when it is told to, whatever it is at: with 0, without a word, and without waiting for ever."""

import signal
from pathlib import Path

import pytest
from programs import Program, until
from stuck import LONG, STUCK

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM], ids=lambda told: told.name)
@pytest.mark.parametrize("name", LONG)
def test_what_never_ends_is_not_waited_for(name: str, told: int, tmp_path: Path):
    program = Program(name, tmp_path / "log", {"__ns": "/stopping"}, script=Path(__file__).with_name("stuck.py"))
    until(lambda: STUCK in program.said(), f"{name} to begin; it said:\n{program.said()}")
    assert program.stop(told) == 0, program.said()
    assert "Traceback" not in program.said()


@pytest.mark.parametrize("name", ["scene_simulator", "region_proposer", "region_selector"])
def test_an_interrupt_ends_a_node_that_has_nothing_to_do(name: str, tmp_path: Path):
    from diagnostic_msgs.msg import DiagnosticArray
    from programs import Peer

    peer = Peer("stopper")
    heard = peer.hear(DiagnosticArray, "/diagnostics")
    program = Program(name, tmp_path / "log", {"__ns": "/ending"})
    until(lambda: any(f"ending/{name}" in message.status[0].name for message in heard), f"{name} to run")
    peer.close()
    assert program.stop(signal.SIGINT) == 0, program.said()
    assert "Traceback" not in program.said()


def test_a_second_is_enough():
    """What is waited for; the machine adds what it takes to say goodbye to everybody."""
    from ros_nodes.runtime.running import STOP_WITHIN

    assert STOP_WITHIN <= 1.0
