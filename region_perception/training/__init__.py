"""The training engine: recipes, losses, a plain loop, checkpoints. `loop.train` is where to start reading."""
