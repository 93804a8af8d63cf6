"""Writes what starts the nodes with their parameters, from the tables that the nodes themselves read.

python scripts/ros_parameters.py            # writes config/<node>.yaml and launch/captioner.launch.xml
python scripts/ros_parameters.py --check    # says whether they are as the tables have it, and changes nothing
"""

import sys
from pathlib import Path
from textwrap import wrap
from xml.sax.saxutils import quoteattr

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ros_nodes.launching import PROGRAMS, Argument, Program, parameter_arguments, topic_arguments  # noqa: E402

WIDTH = 112  # characters of a comment


def yaml_of(program: Program) -> str:
    """A file of parameters with every default, each under its meaning."""
    lines = [
        f"# Parameters of {program.name} with their defaults; written by scripts/ros_parameters.py. Copy it, keep what",
        "# you change, and start the node with `--ros-args --params-file FILE`, or by launch with `params_file:=FILE`.",
        "/**:",
        "  ros__parameters:",
    ]
    for argument in parameter_arguments(program):
        lines += [f"    # {line}" for line in wrap(argument.about, WIDTH)]
        value = f'"{argument.default}"' if argument.kind is str else argument.default
        # A list without items has no type, and a parameter must have one: not set, it is empty.
        lines.append(f"    {'# ' if value == '[]' else ''}{argument.name}: {value}")
    return "\n".join(lines) + "\n"


def xml_of(program: Program) -> str:
    """The launch file without Python."""
    own = [
        Argument("name", program.name, "Name of the node."),
        Argument("namespace", "", "Namespace of the node and of its topics."),
        Argument("use_sim_time", "false", "Time comes from /clock."),
        Argument(
            "params_file",
            f"$(find-pkg-share region_perception)/config/{program.name}.yaml",
            "Parameters that are no argument here: lists.",
        ),
    ]
    topics = topic_arguments(program)
    # XML cannot leave out a parameter that was not given, and a list without items cannot be one.
    parameters = [argument for argument in parameter_arguments(program) if argument.kind is not tuple]
    types = {str: "str", bool: "bool", int: "int", float: "float"}
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- captioner.launch.py for those who prefer XML; written by scripts/ros_parameters.py. -->",
        "<launch>",
        *[
            f'  <arg name="{each.name}" default={quoteattr(each.default)} description={quoteattr(each.about)}/>'
            for each in (*own, *topics, *parameters)
        ],
        f'  <node pkg="region_perception" exec="{program.name}"',
        '        name="$(var name)" namespace="$(var namespace)" output="screen">',
        '    <param from="$(var params_file)"/>',
        '    <param name="use_sim_time" value="$(var use_sim_time)" type="bool"/>',
        *[
            f'    <param name="{each.name}" value="$(var {each.name})" type="{types[each.kind or str]}"/>'
            for each in parameters
        ],
        *[f'    <remap from="{each.name}" to="$(var {each.name})"/>' for each in topics],
        "  </node>",
        "</launch>",
    ]
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """What is written, and where."""
    texts = {ROOT / "config" / f"{name}.yaml": yaml_of(program) for name, program in PROGRAMS.items()}
    return texts | {ROOT / "launch" / "captioner.launch.xml": xml_of(PROGRAMS["region_captioner"])}


if __name__ == "__main__":
    for path, text in files().items():
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.relative_to(ROOT)}: it is not as the tables have it: python scripts/ros_parameters.py")
