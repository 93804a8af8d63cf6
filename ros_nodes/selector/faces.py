"""What others see of `region_selector`."""

from ros_nodes.runtime.faces import ANY, CAMERA, HEARS, LATCHED, RELIABLE, SAYS, SERVES, SOURCE, Face

OURS, MARKERS = "region_perception_msgs", "visualization_msgs"
DEEP = "reliable, depth 100"
PIXELS = "pixels of the image"

FACES = (
    Face(HEARS, "/clicked_point", "geometry_msgs/PointStamped", "The thing at a point, from RViz.", DEEP, ANY),
    Face(HEARS, "image_mouse_left", "geometry_msgs/Point", "Clicks of rqt_image_view.", DEEP, PIXELS),
    Face(HEARS, "~/polygon", "geometry_msgs/PolygonStamped", "An outline in the image.", DEEP, PIXELS),
    Face(HEARS, "~/roi", "sensor_msgs/RegionOfInterest", "A rectangle in the image.", DEEP, PIXELS),
    Face(HEARS, "~/region_2d", f"{OURS}/Region2D", "Any region of the image.", DEEP, CAMERA),
    Face(HEARS, "~/region_3d", f"{OURS}/Region3D", "Any region in space.", DEEP, ANY),
    Face(HEARS, "regions_2d", f"{OURS}/Region2DArray", "Candidates to be similar.", RELIABLE, CAMERA),
    Face(HEARS, "regions_3d", f"{OURS}/Region3DArray", "The same in space; where the first box begins.", RELIABLE, ANY),
    Face(HEARS, "camera_info", "sensor_msgs/CameraInfo", "The size of the image.", "best effort, depth 1", CAMERA),
    Face(HEARS, "~/feedback", f"{MARKERS}/InteractiveMarkerFeedback", "What is done to boxes in RViz.", DEEP, ANY),
    Face(SAYS, "~/update", f"{MARKERS}/InteractiveMarkerUpdate", "Boxes, handles and menus.", DEEP, ANY),
    Face(SAYS, "selected/region_captions", f"{OURS}/RegionCaptionArray", "What was said of all.", RELIABLE, SOURCE),
    Face(SAYS, "selected/region_markers", f"{MARKERS}/MarkerArray", "The same beside the regions.", LATCHED, SOURCE),
    Face(SAYS, "selected/region_outlines", f"{MARKERS}/ImageMarker", "The same over images.", LATCHED, SOURCE),
    Face(SAYS, "selected/regions_2d", f"{OURS}/Region2DArray", "What is selected in the image.", LATCHED, CAMERA),
    Face(SAYS, "selected/regions_3d", f"{OURS}/Region3DArray", "What is selected in space.", LATCHED, ANY),
    Face(SAYS, "/diagnostics", "diagnostic_msgs/DiagnosticArray", "Selections, questions; each second.", RELIABLE),
    Face(SERVES, "~/get_interactive_markers", f"{MARKERS}/GetInteractiveMarkers", "All boxes, for who comes late."),
)
