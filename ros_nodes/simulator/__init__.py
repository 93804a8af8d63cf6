"""The tabletop world as a robot's camera: what `scene_simulator` publishes, made without ROS where that is possible."""
