"""Mean distance over inputs, under its former name."""

from __future__ import annotations

from zoo_compress.stats.u_statistics import mean_and_variance

__all__ = ["mean_and_variance"]
