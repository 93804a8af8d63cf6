"""Data in forms of our own, tar shards and COCO-style JSON: read, and written from any data set."""
