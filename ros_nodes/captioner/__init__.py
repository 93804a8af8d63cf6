"""The parts of `region_captioner`, one idea a file; the node itself wires them together."""
