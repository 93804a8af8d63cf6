"""What others see of `region_captioner`."""

from ros_nodes.runtime.faces import (
    ACTS,
    ANY,
    AUTO,
    CAMERA,
    CAMERA_INPUTS,
    HEARS,
    LATCHED,
    NEWEST,
    RELIABLE,
    SAYS,
    SERVES,
    SOURCE,
    Face,
)

OURS, SENSOR, VISION = "region_perception_msgs", "sensor_msgs", "vision_msgs"

FACES = (
    *CAMERA_INPUTS,
    Face(HEARS, "points", f"{SENSOR}/PointCloud2", "Clouds; where none come, image with depth is one.", AUTO, ANY),
    Face(HEARS, "regions_2d", f"{OURS}/Region2DArray", "Regions of the image to be captioned.", AUTO, CAMERA),
    Face(HEARS, "regions_3d", f"{OURS}/Region3DArray", "Regions in space to be captioned.", AUTO, ANY),
    Face(HEARS, "detections_2d", f"{VISION}/Detection2DArray", "As `regions_2d`.", AUTO, CAMERA, VISION),
    Face(HEARS, "detections_3d", f"{VISION}/Detection3DArray", "As `regions_3d`.", AUTO, ANY, VISION),
    Face(SAYS, "region_captions", f"{OURS}/RegionCaptionArray", "A sentence for each region.", RELIABLE, SOURCE),
    Face(
        SAYS,
        "region_markers",
        "visualization_msgs/MarkerArray",
        "The newest of both inputs, in RViz.",
        RELIABLE,
        SOURCE,
    ),
    Face(SAYS, "region_outlines", "visualization_msgs/ImageMarker", "The boxes, over images.", RELIABLE, SOURCE),
    Face(SAYS, "annotated_image", f"{SENSOR}/Image", "Regions and sentences, drawn.", NEWEST, SOURCE),
    Face(SAYS, "caption_detections_2d", f"{VISION}/Detection2DArray", "Those in the image.", RELIABLE, SOURCE, VISION),
    Face(SAYS, "caption_detections_3d", f"{VISION}/Detection3DArray", "Those in space.", RELIABLE, SOURCE, VISION),
    Face(SAYS, "~/status", f"{OURS}/CaptionerStatus", "State, model, inputs, counters; each second.", LATCHED),
    Face(SAYS, "/diagnostics", "diagnostic_msgs/DiagnosticArray", "The same in short, each second.", RELIABLE),
    Face(SERVES, "~/caption_regions", f"{OURS}/CaptionRegions", "Captions of regions."),
    Face(SERVES, "~/ask_region", f"{OURS}/AskRegion", "Answers to a question about regions."),
    Face(SERVES, "~/find_region", f"{OURS}/FindRegion", "Which region a description means."),
    Face(SERVES, "~/set_model", f"{OURS}/SetModel", "Lets another model answer."),
    Face(SERVES, "~/change_state", "lifecycle_msgs/ChangeState", "configure, activate, ...; and its relatives."),
    Face(ACTS, "~/caption_scene", f"{OURS}/CaptionScene", "Finds the things in a frame, and captions each."),
)
