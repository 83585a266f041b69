"""Search: the space of plans, sensitivities, strategies, and the store of trials."""
