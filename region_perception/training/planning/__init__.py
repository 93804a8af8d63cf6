"""What a run needs, told before it: memory, time, disk. Nothing here reads weights or computes with them."""
