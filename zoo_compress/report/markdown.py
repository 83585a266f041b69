"""Put numbers and foreign text into Markdown so that they show as what they are."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!$])")
_BACKTICKS = re.compile(r"`+")


def text(value: object) -> str:
    """Return `value` as one line of plain text, with everything escaped that Markdown reads."""
    return _SPECIAL.sub(r"\\\1", _one_line(value))


def code(value: object) -> str:
    """Return `value` as inline code, whatever backticks it holds."""
    line = _one_line(value)
    longest = max((len(run) for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * (longest + 1)
    # Markdown drops one space at each side; without it a backtick would join the fence.
    padding = " " if longest else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def cell(value: object) -> str:
    """Return `value` as inline code for a table, where a bare pipe would start a column."""
    return code(value).replace("|", "\\|")


def fenced(value: str, language: str = "") -> str:
    """Return `value` as a block of code that nothing inside can end."""
    longest = max((len(run) for run in _BACKTICKS.findall(value)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}{language}\n{value}\n{fence}"


def percent(share: float) -> str:
    """Return a share as a percentage with three digits: `12.5 %`."""
    return f"{digits(100 * share)} %"


def unbroken(quantity: str) -> str:
    """Return a number and its unit with a space between them that no line ends at."""
    return quantity.replace(" ", "\N{NO-BREAK SPACE}")


def digits(value: float) -> str:
    """Return a number with three significant digits, without an exponent while it is short."""
    if 100 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}"


def _one_line(value: object) -> str:
    line = " ".join(str(value).split())
    return "".join(character for character in line if character.isprintable())
