"""Budgets: what a result may cost at most, in bytes, in time or in fidelity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from zoo_compress.errors import BudgetError

FORMS = (
    "a share of the original's bytes such as 0.125 or size=0.125, or bytes=5MB, latency=0.5, "
    "distance=0.01 or disagreement=0.02"
)
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
LARGEST_BYTES = 2**63

Kind = Literal["size", "bytes", "latency", "distance", "disagreement"]


@dataclass(frozen=True)
class Budget:
    """The most that a result may cost.

    Attributes:
        kind: `size`, a share of the original's bytes; `bytes`; `latency`, a share of the time that
            the original takes for an input; `distance`, relative to the variance of the original's
            outputs where the distance has no scale of its own; or `disagreement`, the certified
            share of inputs whose top answer changes.
        value: A share in (0, 1], for `distance` any positive number, for `bytes` a whole one.
    """

    kind: Kind
    value: float

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read a budget as the user types it.

        Raises:
            BudgetError: If it is malformed or out of range.
        """
        kind, equals, amount = text.rpartition("=")
        if kind == "size" or not equals:
            return cls("size", _share(text, amount))
        if kind == "bytes":
            return cls("bytes", _bytes(text, amount))
        if kind == "latency":
            return cls("latency", _latency(text, amount))
        if kind == "distance":
            return cls("distance", _share(text, amount))
        if kind == "disagreement":
            return cls("disagreement", _disagreement(text, amount))
        raise BudgetError(f"budget '{text}': expected {FORMS}")

    @property
    def limits_size(self) -> bool:
        """Whether the budget is one of bytes; otherwise it is one of time or fidelity."""
        return self.kind in ("size", "bytes")

    def limit_bytes(self, original_bytes: int) -> int:
        """Return the most bytes for an original of that size.

        Raises:
            BudgetError: If more bytes are allowed than the original has.
            ValueError: If the budget does not limit the size.
        """
        if not self.limits_size:
            raise ValueError(f"a {self.kind} budget names no size")
        # As floats, 0.0029 of 10000 bytes are 28; as the decimal that the user typed, 29.
        exact = Fraction(repr(self.value))
        limit = int(exact * original_bytes if self.kind == "size" else exact)
        if limit > original_bytes:
            raise BudgetError(
                f"budget of {limit} bytes is above the original's {original_bytes}: "
                "there is nothing to compress"
            )
        return limit

    def __str__(self) -> str:
        """Return the budget as `parse` reads it."""
        value = str(int(self.value)) if self.kind == "bytes" else repr(self.value)
        return f"{self.kind}={value}"


def _number(text: str, amount: str) -> float:
    try:
        return float(amount)
    except ValueError:
        raise BudgetError(f"budget '{text}': expected {FORMS}") from None


def _share(text: str, amount: str) -> float:
    share = _number(text, amount)
    if not 0 < share <= 1:
        raise BudgetError(f"budget '{text}': a share must be above 0 and at most 1")
    return share


def _latency(text: str, amount: str) -> float:
    share = _number(text, amount)
    if not 0 < share < 1:
        raise BudgetError(
            f"budget '{text}': a latency is a share of the original's, between 0 and 1"
        )
    return share


def _disagreement(text: str, amount: str) -> float:
    share = _number(text, amount)
    if not 0 < share < 1:
        raise BudgetError(f"budget '{text}': a disagreement must lie between 0 and 1")
    return share


def _bytes(text: str, amount: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", amount)
    unit = UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise BudgetError(
            f"budget '{text}': expected bytes=NUMBER and a unit B, KB, MB, GB, KiB, MiB or GiB"
        )
    count = float(match[1]) * unit
    if not 1 <= count < LARGEST_BYTES:
        raise BudgetError(f"budget '{text}': must be at least 1 byte and below 2^63")
    return float(int(count))
