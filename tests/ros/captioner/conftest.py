"""One captioner for all tests that leave it as it was, with a model that learnt nothing; and a peer that asks it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # after the folder above, which has a conftest, too
NODE = "/region_captioner"


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="session")
def peer() -> Iterator[Any]:
    from talking import CaptionerPeer

    peer = CaptionerPeer(NODE)
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def captioner(model: Path, logs: Path, peer: Any) -> Iterator[Any]:
    """The program, active."""
    from programs import Program

    program = Program("region_captioner", logs / "captioner.log", model=str(model), max_tokens=4, max_age=0)
    peer.active(program)
    yield program
    assert program.stop() == 0, program.said()


@pytest.fixture
def start(model: Path, logs: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Starts captioners of a test's own, each under another name."""
    from programs import Program

    started: list[Any] = []

    def begin(name: str, **parameters: Any) -> Any:
        remap = {"__node": name, **parameters.pop("remap", {})}
        parameters = {"model": str(model), "max_tokens": 4, **parameters}
        program = Program("region_captioner", logs / f"{name}.log", remap, **parameters)
        started.append(program)
        return program

    yield begin
    for program in started:
        if program.process.poll() is None:
            program.kill()


@pytest.fixture
def set_parameter(captioner: Any, peer: Any) -> Iterator[Callable[..., Any]]:
    """set_parameter(name, value) -> the result; what was set is set back."""
    from rcl_interfaces.srv import GetParameters, SetParameters
    from rclpy.parameter import Parameter, parameter_value_to_python

    before: dict[str, Any] = {}

    def change(name: str, value: Any) -> Any:
        if name not in before:
            request = GetParameters.Request(names=[name])
            (old,) = peer.call(GetParameters, f"{peer.name}/get_parameters", request).values
            before[name] = parameter_value_to_python(old)
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        (result,) = peer.call(SetParameters, f"{peer.name}/set_parameters", request).results
        return result

    yield change
    for name, value in before.items():
        change(name, value)
