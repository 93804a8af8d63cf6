"""Data sets, all of which yield the one `Record`."""

from region_perception.data.record import Question, Record

__all__ = ["Question", "Record"]
