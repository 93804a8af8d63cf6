"""What launch files and files of parameters need to know of the nodes, without ROS: their topics and their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ros_nodes.captioner.faces import FACES as CAPTIONER_FACES
from ros_nodes.proposer.faces import FACES as PROPOSER_FACES
from ros_nodes.runtime.faces import Face, topics
from ros_nodes.runtime.settings import about, changed, names, range_of
from ros_nodes.selector.faces import FACES as SELECTOR_FACES
from ros_nodes.simulator.faces import FACES as SIMULATOR_FACES


@dataclass(frozen=True)
class Program:
    """A node as it is started.

    name: of the program, and of the node unless it is given another. table: module and class of its parameters.
    faces: what others see of it.
    """

    name: str
    table: tuple[str, str]
    faces: Sequence[Face]

    @property
    def topics(self) -> Mapping[str, str]:
        """Relative names, which may be remapped, and what is on them."""
        return topics(self.faces)

    def defaults(self) -> Any:
        """The table, with every default."""
        module, kind = self.table
        return getattr(import_module(module), kind)()


PROGRAMS = {
    "region_captioner": Program(
        "region_captioner",
        ("ros_nodes.captioner.settings", "CaptionerSettings"),
        CAPTIONER_FACES,
    ),
    "region_proposer": Program("region_proposer", ("ros_nodes.proposer.settings", "ProposerSettings"), PROPOSER_FACES),
    "region_selector": Program("region_selector", ("ros_nodes.selector.settings", "SelectorSettings"), SELECTOR_FACES),
    "scene_simulator": Program(
        "scene_simulator", ("ros_nodes.simulator.settings", "SimulatorSettings"), SIMULATOR_FACES
    ),
}


@dataclass(frozen=True)
class Argument:
    """Of a launch file. kind: the type of a parameter; None for a topic."""

    name: str
    default: str
    about: str
    kind: type | None = None


def topic_arguments(program: Program) -> list[Argument]:
    """One for each topic, which is its own name unless it is remapped."""
    return [Argument(name, name, text) for name, text in program.topics.items()]


def parameter_arguments(program: Program) -> list[Argument]:
    """One for each parameter."""
    table = program.defaults()
    return [
        Argument(
            name,
            written(getattr(table, name)),
            described(type(table), name),
            type(getattr(table, name)),
        )
        for name in names(type(table))
    ]


def described(table: type, name: str) -> str:
    """What a parameter means, with unit and range, on one line."""
    said = about(table, name)
    unit, limits = f" [{said.unit}]" if said.unit else "", range_of(said)
    return (
        said.text + unit + (f" Range: {limits}." if limits else "") + (" Read at the start only." if said.fixed else "")
    )


def written(value: Any) -> str:
    """A parameter's value as launch files and files of parameters have it, which is YAML."""
    return value if isinstance(value, str) else json.dumps(value)


def parameters_given(program: Program, values: Mapping[str, str]) -> dict[str, Any]:
    """The parameters that were given, as the words of a command line, in their types; empty ones were not given.

    ValueError, in words, for one that cannot be.
    """
    table = program.defaults()
    typed = {name: _typed(name, getattr(table, name), values[name]) for name in names(type(table)) if values.get(name)}
    changed(table, typed)
    return typed


def _typed(name: str, default: Any, word: str) -> Any:
    if isinstance(default, str):
        return word
    try:
        value = json.loads(word.lower() if isinstance(default, bool) else word)
    except ValueError:
        raise ValueError(f"{name} is {word!r}; expected such as {written(default)}") from None
    return float(value) if isinstance(default, float) and type(value) is int else value
