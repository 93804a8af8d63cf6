"""Tests of the ROS 2 side. Conversions are tested everywhere, with messages of ours that have the same fields; what is
marked `ros` needs rclpy and the built interfaces, and is tested with the real ones by `make test-ros`."""

import fcntl
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _own_domain() -> tuple[str, Any]:
    """A domain that no other test run on this machine has, and the open file that keeps it."""
    for number in range(os.getpid(), os.getpid() + 100):
        domain = 1 + number % 100  # those above need ports that other programs are given
        file = (Path(tempfile.gettempdir()) / f"region_perception_domain_{domain}.lock").open("w")
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return str(domain), file
        file.close()
    raise RuntimeError("a hundred test runs have all the domains")


os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"  # else a wrong type is only noticed when it is published, or never
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# Many tests kill nodes. What these leave in shared memory can keep whoever comes next from being heard: docs/ros.md.
os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"
if "ROS_DOMAIN_ID" not in os.environ:  # test runs side by side do not hear each other
    os.environ["ROS_DOMAIN_ID"], _DOMAIN = _own_domain()

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("", "messages", "selector")]
MISSING = [name for name in ("rclpy", "region_perception_msgs") if importlib.util.find_spec(name) is None]
REASON = f"needs {' and '.join(MISSING)}: make test-ros" if MISSING else ""

Types = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MISSING and os.environ.get("ROS_TESTS") == "all":
        raise pytest.UsageError(f"ROS_TESTS=all, but there is no {' and no '.join(MISSING)}")
    for item in items:
        if MISSING and item.get_closest_marker("ros"):
            item.add_marker(pytest.mark.skip(reason=REASON))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With what the nodes wrote that run, or ended badly, while a test fails."""
    from programs import STARTED

    report = yield
    if report.failed:
        report.sections += [(f"written by {program.name}", program.said()[-5000:]) for program in STARTED]
    elif report.when == "teardown":
        STARTED[:] = [program for program in STARTED if program.process.poll() is None]
    return report


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.ros)])
def make(request: pytest.FixtureRequest) -> Types:
    """make("sensor_msgs/Image", width=3) -> a message, of ours or a real one."""
    if request.param == "stand-in":
        from stand_ins import stand_in

        return lambda name, /, **values: stand_in(name)(**values)
    return lambda name, /, **values: real_class(name)(**values)


@pytest.fixture(scope="session")
def encoding() -> ModuleType:
    """`ros_nodes.encoding`, which writes real messages where they are, else plain ones."""
    return importlib.import_module("ros_nodes.encoding")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model without training."""
    from region_perception.weights.load import load_model
    from region_perception.weights.store import save_model

    made = load_model("mini", untrained=True, device="cpu")
    return save_model(tmp_path_factory.mktemp("models") / "mini", made.network, made.codec, card="", trained=[])


def real_class(name: str) -> Any:
    package, _, message = name.partition("/")
    return getattr(importlib.import_module(f"{package}.msg"), message)
