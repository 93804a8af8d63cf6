"""What others see of `region_proposer`."""

from ros_nodes.runtime.faces import AUTO, HEARS, RELIABLE, SAYS, Face

CAMERA, ANY, SOURCE = "the camera's", "any", "of the frame that was read"

FACES = (
    Face(HEARS, "image", "sensor_msgs/Image", "Images; CompressedImage with `image_transport`.", AUTO, CAMERA),
    Face(HEARS, "camera_info", "sensor_msgs/CameraInfo", "Calibration of the image.", AUTO, CAMERA),
    Face(HEARS, "depth", "sensor_msgs/Image", "Depth, registered to the image: 16UC1 or 32FC1.", AUTO, CAMERA),
    Face(HEARS, "points", "sensor_msgs/PointCloud2", "Clouds, on whose planes things are looked for.", AUTO, ANY),
    Face(SAYS, "regions_2d", "region_perception_msgs/Region2DArray", "Things in the image.", RELIABLE, SOURCE),
    Face(SAYS, "regions_3d", "region_perception_msgs/Region3DArray", "Things in the cloud.", RELIABLE, SOURCE),
    Face(SAYS, "/diagnostics", "diagnostic_msgs/DiagnosticArray", "Proposals, inputs; each second.", RELIABLE),
)
