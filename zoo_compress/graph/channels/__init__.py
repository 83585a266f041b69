"""Which channels of a graph belong together, and how to remove them from all its weights."""
