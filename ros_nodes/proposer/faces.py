"""What others see of `region_proposer`."""

from ros_nodes.runtime.faces import ANY, AUTO, CAMERA_INPUTS, HEARS, RELIABLE, SAYS, SOURCE, Face

FACES = (
    *CAMERA_INPUTS,
    Face(HEARS, "points", "sensor_msgs/PointCloud2", "Clouds, on whose planes things are looked for.", AUTO, ANY),
    Face(SAYS, "regions_2d", "region_perception_msgs/Region2DArray", "Things in the image.", RELIABLE, SOURCE),
    Face(SAYS, "regions_3d", "region_perception_msgs/Region3DArray", "Things in the cloud.", RELIABLE, SOURCE),
    Face(SAYS, "/diagnostics", "diagnostic_msgs/DiagnosticArray", "Proposals, inputs; each second.", RELIABLE),
)
