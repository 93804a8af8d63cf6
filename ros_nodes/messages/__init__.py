"""The conversions, one file for each kind of message. `ros_nodes.decoding` and `ros_nodes.encoding` are their doors."""
