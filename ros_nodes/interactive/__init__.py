"""Interactive markers as RViz knows them: the state of a server, its protocol over rclpy, and a box to take hold of."""
