"""File formats that data sets come in, read with nothing in them trusted or run."""
