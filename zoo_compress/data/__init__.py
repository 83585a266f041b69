"""Unlabelled inputs for a model: images, arrays, synthetic ones, and what samples bring along."""
