"""Sizes of files as messages about the Hub name them."""

from __future__ import annotations


def readable_size(count: float) -> str:
    """Return a byte count with three digits and a decimal unit: `18.6 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
