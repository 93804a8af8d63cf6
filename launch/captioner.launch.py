"""Captions for a camera or a LiDAR: starts region_captioner. Every topic and every parameter of it is an argument.

ros2 launch region_perception captioner.launch.py image:=/camera/color/image_raw points:=/camera/depth/points
ros2 launch region_perception captioner.launch.py --show-args
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription
from ros_nodes.launching import PROGRAMS, parameter_arguments, parameters_given, topic_arguments

PROGRAM = PROGRAMS["region_captioner"]


def generate_launch_description() -> LaunchDescription:
    """All arguments, and the node."""
    config = PathJoinSubstitution([FindPackageShare("region_perception"), "config", f"{PROGRAM.name}.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("name", default_value=PROGRAM.name, description="Name of the node."),
            DeclareLaunchArgument(
                "namespace", default_value="", description="Namespace of the node and of its topics."
            ),
            DeclareLaunchArgument("use_sim_time", default_value="false", description="Time comes from /clock."),
            DeclareLaunchArgument(
                "params_file", default_value=config, description="Parameters that are not given as arguments."
            ),
            *[
                DeclareLaunchArgument(each.name, default_value=each.default, description=each.about)
                for each in topic_arguments(PROGRAM)
            ],
            # Empty is not given: then the file of parameters counts.
            *[
                DeclareLaunchArgument(
                    each.name, default_value="", description=f"{each.about} Unless given: {each.default or 'empty'}."
                )
                for each in parameter_arguments(PROGRAM)
            ],
            OpaqueFunction(function=_node),
        ]
    )


def _node(context: LaunchContext) -> list[Node]:
    """The node, with the parameters that were given in the types that it expects."""
    given = parameters_given(PROGRAM, context.launch_configurations)
    given["use_sim_time"] = context.launch_configurations["use_sim_time"].lower() == "true"
    return [
        Node(
            package="region_perception",
            executable=PROGRAM.name,
            name=LaunchConfiguration("name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), given],
            remappings=[(each.name, LaunchConfiguration(each.name)) for each in topic_arguments(PROGRAM)],
            output="screen",
        )
    ]
