"""What stands behind docs/results.md: what is measured and trained for it, what it should reach, and how it is told."""
