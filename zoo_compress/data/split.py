"""Divide samples once: to calibrate on, to search on, and kept for the certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from zoo_compress.core import Inputs
from zoo_compress.errors import InputError

SEARCH_SHARE_OF_GROUPS = 0.4
"""Share of the groups that the search sees where it could do with fewer.

50 inputs out of 20 crops of each of 27 photographs would otherwise come from 3 of them, and the
search would fit those.
"""


@dataclass(frozen=True)
class Split:
    """Indices of the samples for each purpose, in the order in which to use them.

    No sample serves two purposes. A search that measured what the weights were fitted to would
    take the fit for the truth: of EfficientNet-Lite0 at an eighth of its size, the distance on
    unseen photographs was then five times as large as the search believed.
    """

    search: tuple[int, ...]
    certify: tuple[int, ...]
    seed: int
    calibrate: tuple[int, ...] = ()

    def record(self, inputs: Inputs) -> dict[str, Any]:
        """Return the split as JSON: the seed and the names of the samples for each purpose."""
        return {
            "seed": self.seed,
            "calibrate": [inputs.names[index] for index in self.calibrate],
            "search": [inputs.names[index] for index in self.search],
            "certify": [inputs.names[index] for index in self.certify],
        }


def split_inputs(inputs: Inputs, *, search: int, seed: int, calibrate: int = 0) -> Split:
    """Divide samples between search and certificate, whole groups on one side.

    The search side takes `search` and `calibrate` samples, or half of all samples where there are
    fewer than twice as many; then at least two thirds of those are for the search. They are
    spread over at least two fifths of the groups, in turns, so that the first few are as
    different as the whole; samples of those groups that nothing needs are on neither side. The
    certificate gets all samples of the other groups, in random order. A side can be smaller where
    single groups hold most of the samples.

    Args:
        inputs: The samples.
        search: Samples wanted for the search, at least 1.
        calibrate: Samples wanted to fit weights to.
        seed: Seed of the division and of the order on each side.

    Raises:
        InputError: If there are fewer than two groups.
    """
    generator = np.random.default_rng(seed)
    groups = _shuffled_groups(inputs.groups, generator)
    if len(groups) < 2:
        raise InputError(
            f"{inputs.description}: {len(inputs)} samples of one group cannot be divided into "
            "search and certificate; at least two independent samples are needed"
        )
    wanted = max(1, min(search + calibrate, len(inputs) // 2))
    measured = min(search, max(wanted - calibrate, -(-2 * wanted // 3)))
    taken = _groups_for_search(groups, wanted)
    rest = [index for group in groups[taken:] for index in group]
    turns = _in_turns(groups[:taken])[:wanted]
    return Split(
        search=tuple(turns[:measured]),
        calibrate=tuple(turns[measured:]),
        certify=tuple(int(index) for index in generator.permutation(rest)),
        seed=seed,
    )


def _shuffled_groups(groups: Sequence[str], generator: np.random.Generator) -> list[list[int]]:
    """Return the indices of each group; groups and their members in random order."""
    members: dict[str, list[int]] = {}
    for index in generator.permutation(len(groups)):
        members.setdefault(groups[index], []).append(int(index))
    # By its first drawn member a large group tends to the front; draw the groups evenly instead.
    names = sorted(members)
    return [members[names[index]] for index in generator.permutation(len(names))]


def _groups_for_search(groups: Sequence[Sequence[int]], wanted: int) -> int:
    """Return how many of the leading groups the search side takes, leaving at least one."""
    needed = int(np.searchsorted(np.cumsum([len(group) for group in groups]), wanted)) + 1
    spread = min(wanted, round(SEARCH_SHARE_OF_GROUPS * len(groups)))
    return min(max(needed, spread), len(groups) - 1)


def _in_turns(groups: Sequence[Sequence[int]]) -> list[int]:
    """Return one member of each group, then the second of each, and so on."""
    rounds = zip_longest(*groups)
    return [index for turn in rounds for index in turn if index is not None]
