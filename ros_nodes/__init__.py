"""The ROS 2 nodes: messages to observations and regions, the library asked, and messages of what it says."""
