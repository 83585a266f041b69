"""Options of one technique that differ in one number, along which their errors are smooth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from zoo_compress.core import Option

# Between options at most this many steps apart the others are interpolated. Over 2 to 8 bits the
# errors of EfficientNet-Lite0's weights come out within a few per cent.
LARGEST_STEP = 3


@dataclass(frozen=True, kw_only=True)
class Family:
    """Options in ascending order of the number in which they differ.

    Attributes:
        members: Their indices.
        numbers: That number of each; its logarithm where each is at least twice the one before,
            such as numbers of centres.
    """

    members: tuple[int, ...]
    numbers: tuple[float, ...]

    @property
    def anchors(self) -> tuple[int, ...]:
        """The indices of those whose errors must be known."""
        return tuple(self.members[place] for place in self._places)

    @property
    def others(self) -> tuple[int, ...]:
        """The indices of the rest."""
        return tuple(index for index in self.members if index not in self.anchors)

    def between(self, errors: Sequence[float]) -> list[float]:
        """Return the errors of `others`: straight lines of their logarithms.

        Args:
            errors: Those of `anchors`. An error of 0 counts as the smallest number, and next to
                an infinite one all are infinite.
        """
        known = [self.numbers[place] for place in self._places]
        logs = np.log(np.maximum(errors, np.finfo(float).tiny))
        places = [place for place in range(len(self.members)) if place not in self._places]
        with np.errstate(invalid="ignore"):
            found = np.exp(np.interp([self.numbers[place] for place in places], known, logs))
        return [float(error) for error in np.where(np.isnan(found), np.inf, found)]

    @property
    def _places(self) -> list[int]:
        last = len(self.members) - 1
        count = 1 + -(-last // LARGEST_STEP)
        return sorted({round(float(place)) for place in np.linspace(0, last, count)})


def families(options: Sequence[Option]) -> list[Family]:
    """Divide a site's options into families, each option in one of them."""
    indices = sorted(range(len(options)), key=lambda index: options[index].technique)
    found: list[Family] = []
    for _, group in groupby(indices, key=lambda index: options[index].technique):
        found += _divided(list(group), options)
    return found


def _divided(indices: list[int], options: Sequence[Option]) -> list[Family]:
    """Return the options of one technique in the fewest families."""
    numbers = {
        key
        for index in indices
        for key, value in options[index].settings.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    divisions = [_along(key, indices, options) for key in sorted(numbers)]
    alone = [Family(members=(index,), numbers=(0.0,)) for index in indices]
    return min(divisions, key=len, default=alone)


def _along(key: str, indices: list[int], options: Sequence[Option]) -> list[Family]:
    """Return the families of options that differ in this setting alone."""
    parts: dict[str, list[int]] = {}
    for index in indices:
        others = {name: value for name, value in options[index].settings.items() if name != key}
        parts.setdefault(json.dumps(others, sort_keys=True), []).append(index)
    return [_family(members, key, options) for members in parts.values()]


def _family(members: list[int], key: str, options: Sequence[Option]) -> Family:
    number = {index: float(options[index].settings.get(key, 0)) for index in members}
    ordered = sorted(members, key=lambda index: number[index])
    numbers = np.array([number[index] for index in ordered])
    if numbers[0] > 0 and (numbers[1:] >= 2 * numbers[:-1]).all():
        numbers = np.log2(numbers)
    return Family(members=tuple(ordered), numbers=tuple(numbers.tolist()))
