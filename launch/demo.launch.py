"""A table that is not there, described: simulated camera, what proposes regions, captioner, selector, and RViz.

ros2 launch region_perception demo.launch.py
ros2 launch region_perception demo.launch.py scene:=7 motion:=camera model:=/models/mine rviz:=false
"""

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription
from ros_nodes.launching import PROGRAMS, Argument, parameter_arguments, parameters_given

SHOWN = ("scene", "rate", "width", "height", "motion", "change_every")  # parameters of the simulator worth an argument
SIMULATOR = PROGRAMS["scene_simulator"]


def _shown() -> list[Argument]:
    return [each for each in parameter_arguments(SIMULATOR) if each.name in SHOWN]


def generate_launch_description() -> LaunchDescription:
    """All arguments, and the nodes."""
    share = FindPackageShare("region_perception")
    return LaunchDescription(
        [
            *[
                DeclareLaunchArgument(each.name, default_value=each.default, description=f"Simulator: {each.about}")
                for each in _shown()
            ],
            DeclareLaunchArgument(
                "model", default_value="tabletop-mini", description="Captioner: which model answers."
            ),
            DeclareLaunchArgument(
                "rviz", default_value="auto", description="RViz: true, false, or auto: if installed."
            ),
            OpaqueFunction(function=_camera),
            # In image and cloud, so that there are captions of both without TF, too.
            Node(
                package="region_perception",
                executable="region_proposer",
                parameters=[{"source": "both"}],
                output="screen",
            ),
            Node(package="region_perception", executable="region_selector", output="screen"),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "captioner.launch.py"])),
                launch_arguments={"model": LaunchConfiguration("model")}.items(),
            ),
            OpaqueFunction(function=_rviz),
        ]
    )


def _camera(context: LaunchContext) -> list[Node]:
    """The simulator. Its pictures are larger than the shared memory that Fast DDS takes unless it is told."""
    given = {each.name: context.launch_configurations[each.name] for each in _shown()}
    config = PathJoinSubstitution([FindPackageShare("region_perception"), "config", "fastdds_large_messages.xml"])
    return [
        Node(
            package="region_perception",
            executable=SIMULATOR.name,
            parameters=[parameters_given(SIMULATOR, given)],
            additional_env={"FASTRTPS_DEFAULT_PROFILES_FILE": config},
            output="screen",
        )
    ]


def _rviz(context: LaunchContext) -> list[Node]:
    """RViz, where it is wanted and installed."""
    wanted = context.launch_configurations["rviz"].lower()
    if wanted not in ("auto", "true", "false"):
        raise ValueError(f"rviz is {wanted!r}; expected auto, true or false")
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        if wanted == "true":
            raise
        wanted = "false"
    config = PathJoinSubstitution([FindPackageShare("region_perception"), "rviz", "region_perception.rviz"])
    return [] if wanted == "false" else [Node(package="rviz2", executable="rviz2", arguments=["-d", config])]
