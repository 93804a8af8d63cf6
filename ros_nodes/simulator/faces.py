"""What others see of `scene_simulator`."""

from ros_nodes.runtime.faces import LATCHED, NEWEST, RELIABLE, SAYS, Face

CAMERA, CLOUD = "`optical_frame`", "`base_frame` or `optical_frame`"

FACES = (
    Face(SAYS, "image", "sensor_msgs/Image", "What the camera sees, rgb8.", NEWEST, CAMERA),
    Face(SAYS, "depth", "sensor_msgs/Image", "How far that is: 32FC1 or 16UC1.", NEWEST, CAMERA),
    Face(SAYS, "camera_info", "sensor_msgs/CameraInfo", "Calibration of both.", NEWEST, CAMERA),
    Face(SAYS, "points", "sensor_msgs/PointCloud2", "The same as a coloured cloud.", NEWEST, CLOUD),
    Face(SAYS, "true_regions_2d", "region_perception_msgs/Region2DArray", "Where the things are.", NEWEST, CAMERA),
    Face(SAYS, "true_regions_3d", "region_perception_msgs/Region3DArray", "Where they are in space.", NEWEST, CLOUD),
    Face(SAYS, "/clock", "rosgraph_msgs/Clock", "Simulated time, with `clock`.", RELIABLE),
    Face(SAYS, "/tf", "tf2_msgs/TFMessage", "The camera that moves.", RELIABLE, needs="tf2_msgs"),
    Face(SAYS, "/tf_static", "tf2_msgs/TFMessage", "The camera that stands still.", LATCHED, needs="tf2_msgs"),
    Face(SAYS, "/diagnostics", "diagnostic_msgs/DiagnosticArray", "Frames, faults; each second.", RELIABLE),
)
