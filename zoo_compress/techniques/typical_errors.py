"""What the errors of options of some weights let expect of those of others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np

from zoo_compress.core import Option


def option_key(option: Option) -> str:
    """Return what options have in common that store different weights in the same way."""
    return f"{option.technique} {json.dumps(option.settings, sort_keys=True)}"


class TypicalErrors:
    """Means of the errors of options, over weights where they are known.

    An option that is not known is expected to be as far from the limit of rate and distortion as
    the others are on average. At that limit a bit more for each weight makes an error a quarter,
    as it does for Gaussian weights (T. Cover and J. Thomas, "Elements of Information Theory",
    theorem 13.3.2).
    """

    def __init__(self) -> None:
        """Start with none."""
        self._logs: dict[str, list[float]] = {}
        self._excesses: list[float] = []

    def add(self, elements: int, options: Iterable[Option], errors: Iterable[float]) -> None:
        """Take in the errors of the options of a weight; 0 and infinity tell nothing.

        Args:
            elements: Number of weights.
            options: How they are stored.
            errors: Of each option.
        """
        for option, error in zip(options, errors, strict=True):
            if error > 0 and np.isfinite(error):
                self._logs.setdefault(option_key(option), []).append(float(np.log(error)))
                self._excesses.append(float(np.log(error) - _limit(elements, option)))

    def error(self, elements: int, option: Option) -> float:
        """Return the error to expect of an option of a weight."""
        known = self._logs.get(option_key(option))
        return float(np.exp(_mean(known) if known else self._expected(elements, option)))

    def _expected(self, elements: int, option: Option) -> float:
        return _limit(elements, option) + (_mean(self._excesses) if self._excesses else 0.0)


def _limit(elements: int, option: Option) -> float:
    """Return the logarithm of the error at the limit."""
    return float(-8 * option.stored_bytes / max(elements, 1) * np.log(4))


def _mean(logs: Sequence[float]) -> float:
    return float(np.mean(logs))
