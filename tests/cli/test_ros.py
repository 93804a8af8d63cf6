"""`region-perception ros`: what follows the node's name is the node's."""

import sys
import typing
from pathlib import Path
from types import ModuleType

import pytest

from region_perception.cli import ros

ROOT = Path(__file__).parents[2]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list:
    """What the node region_captioner was started with, where ROS seems to be there."""
    asked: list = []
    node = ModuleType("ros_nodes.region_captioner")
    node.main = lambda arguments: asked.append(arguments) or len(arguments) - 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ros_nodes.region_captioner", node)
    monkeypatch.setattr(ros, "find_spec", lambda name: object())
    return asked


def test_arguments_reach_the_node_as_they_are(run, asked: list):
    given = ["--ros-args", "-p", "model:=mini", "-r", "__ns:=/left", "--help", "--", "-h"]
    assert run("ros", "region_captioner", *given).code == len(given)
    assert asked == [["region_captioner", *given]]


def test_a_node_that_ends_well_ends_well(run, asked: list):
    assert run("ros", "region_captioner").code == 0
    assert asked == [["region_captioner"]]


@pytest.mark.parametrize("missing", ["rclpy", "region_perception_msgs"])
def test_what_is_missing_is_said(run, missing: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ros, "find_spec", lambda name: None if name == missing else object())
    done = run("ros", "region_captioner", "--ros-args")
    assert done.code == 2
    assert done.err.startswith(f"error: nodes need {'the package ' if 'msgs' in missing else ''}{missing}")
    assert "make ros" in done.err


def test_unknown_nodes_are_refused(run):
    done = run("ros", "region_painter")
    assert done.code == 2
    assert "region_captioner" in done.err


def test_every_program_can_be_run():
    text = (ROOT / "pyproject.toml").read_text()
    programs = [line.split(" = ")[0] for line in text.splitlines() if '"ros_nodes.' in line]
    assert sorted(programs) == sorted(typing.get_args(ros.Node))
