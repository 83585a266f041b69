"""Templates of the model card."""
