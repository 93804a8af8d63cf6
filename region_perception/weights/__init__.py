"""Weights: where models lie, how they are stored, and how weights from elsewhere come in."""
