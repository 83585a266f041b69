"""Strategies: each proposes plans and learns from their measurements."""
