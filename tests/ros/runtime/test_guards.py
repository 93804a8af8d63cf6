"""Callbacks that cannot end their node, with the logger of rclpy, which has rules of its own."""

from typing import Any

import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def guard() -> Any:
    from rclpy.logging import get_logger

    from ros_nodes.runtime.guards import Guard

    return Guard(get_logger("guards"))


def test_whatever_a_callback_raises_is_counted(guard: Any):
    from ros_nodes.messages.refusals import Code, Refusal

    def raising(error: BaseException) -> None:
        raise error

    guarded = guard(raising, "frames")
    assert guarded(ZeroDivisionError("oh")) is None
    assert guard.last.code == Code.INTERNAL_ERROR
    # Another severity, of the same matter and of another one.
    guarded(Refusal(Code.STALE, "old"))
    guard(raising, "other")(Refusal(Code.STALE, "old"))
    assert (guard.count, guard.last.code) == (3, Code.STALE)
    assert guard(lambda: 7, "good")() == 7


def test_a_service_answers_with_the_reason(guard: Any):
    from lifecycle_msgs.srv import ChangeState
    from region_perception_msgs.srv import AskRegion

    def answer(request: Any, response: Any) -> Any:
        raise KeyError("nothing")

    response = guard.service(answer, "ask")(AskRegion.Request(), AskRegion.Response())
    assert response.status.code == response.status.INTERNAL_ERROR
    assert "KeyError" in response.status.message
    assert not guard.service(answer, "change")(ChangeState.Request(), ChangeState.Response(success=True)).success


def test_the_log_is_not_flooded(guard: Any, monkeypatch: pytest.MonkeyPatch):
    from ros_nodes.runtime import guards

    lines: list[str] = []
    monkeypatch.setattr(guard, "_logger", type("Lines", (), {"warning": lambda _, line: lines.append(line)})())
    now = 0.0
    monkeypatch.setattr(guards.time, "monotonic", lambda: now)
    for second in range(12):
        now = float(second)
        guard.warn("image", "bad")
    more = "image: bad (4 more like it since the last line)"
    assert lines == ["image: bad", more, more]


def test_what_fails_because_ros_is_gone_is_no_mistake(guard: Any, capfd: pytest.CaptureFixture[str]):
    """Messages, a timer's for one, that are sent while everything ends."""
    from ros_nodes.messages.refusals import Code

    guard._running = lambda: False
    assert guard.caught(RuntimeError("the context is invalid"), "diagnostics").code == Code.INTERNAL_ERROR
    assert (guard.count, guard.last) == (0, None)
    assert "context" not in "".join(capfd.readouterr())
