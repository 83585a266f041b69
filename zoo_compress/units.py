"""Numbers as people read them."""

from __future__ import annotations

MOST_IN_FULL = 1e6
"""Gigabytes above which a count is written with an exponent."""


def readable_bytes(count: float) -> str:
    """Return a byte count with three digits and a decimal unit: `18.6 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    if unit == "B":
        return f"{count:.0f} B"
    if count >= MOST_IN_FULL:
        return f"{count:.3g} {unit}"
    digits = 2 if count < 9.995 else 1 if count < 99.95 else 0
    return f"{count:.{digits}f} {unit}"


def readable_seconds(seconds: float) -> str:
    """Return a length of time in at most two units: `0.4 s`, `2 min 41 s`, `1 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def readable_share(share: float) -> str:
    """Return a share of a whole as a percentage: `12.5 %`, `0.031 %`."""
    return f"{100 * share:.3g} %" if share < 0.9995 else f"{100 * share:.0f} %"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 site`, `50 sites`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
