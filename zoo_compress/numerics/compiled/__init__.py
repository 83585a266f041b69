"""Loops over single weights, compiled by Numba; importing these modules takes long."""
