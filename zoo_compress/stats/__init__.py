"""Distances between outputs, their uncertainty, and certificates."""
