"""Figures as PNG, SVG and GIF; one kind of figure per file. Only here is matplotlib imported."""
