"""Compare the options of weights before anything is measured, and leave out the worse ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zoo_compress.pipeline.space import SizedSpace
from zoo_compress.search.deadline import Deadline, Turns
from zoo_compress.search.space import SearchSpace
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.typical_errors import option_key

# Of n weights, twice the square root of n tell what to expect of the others, but not fewer than
# 12. With 12, what is left out of the others' options made the errors of the best ones that stay
# 0 to 1.3 % larger, weighted by size, for eight combinations of EfficientNet-Lite0, MiniLM-L6 and
# PP-OCR with `balanced`, `download-size` and `deep-compression`; with 6 up to 8 %.
TELLING_ROOTS, FEWEST_TELLING = 2, 12


def thinned(
    sized: SizedSpace,
    encoder: Encoder,
    *,
    most: int | None = None,
    deadline: Deadline | None = None,
) -> SizedSpace:
    """Leave out options that another one beats in bytes and in error at once.

    A larger zoo of techniques then makes a search better, and hardly longer.

    Args:
        sized: The space.
        encoder: Tells the errors, and remembers them for the scan.
        most: The most sites whose options are ranked; by default as many as `ranking_order` says.
            The errors of the other sites' options are what those of these let expect. Without any
            of these, all options stay.
        deadline: When ranking must end, or None.
    """
    space, turns = sized.offered, Turns(deadline)
    order, needed = ranking_order(space, sized.techniques)
    most = needed if most is None else most
    if deadline is None:
        encoder.compare_ahead({space.sites[i].name: space.options[i] for i in order[:most]})
    found: dict[int, list[float]] = {}
    for index in order:
        if len(found) == most or not turns.another():
            break
        found[index] = encoder.errors(space.sites[index].name, space.options[index])
    ranked = len(found)
    for index in order[ranked:]:
        assumed = encoder.assumed_errors(space.sites[index].name, space.options[index])
        if ranked:
            found[index] = assumed
    return replace(sized, space=space.thinned(found), ranked=ranked)


def ranking_order(
    space: SearchSpace, techniques: Mapping[str, Technique]
) -> tuple[list[int], int]:
    """Return the order in which the options of sites are ranked, and how many sites come to that.

    Where some channels tell the error of a weight, some weights tell which options of others are
    the better ones: how codes of 4 bits compare with those of 5 is much the same for all. Some,
    evenly spaced from the largest to the smallest, are ranked for that, and the first with any
    option that these lack. So are all weights that may get a lower rank or other arithmetic,
    where one tells nothing of another.

    Returns:
        (order, count): sites by their index, of which the first `count` are to be ranked, the
        larger ones first.
    """
    by_size = sorted(range(len(space.sites)), key=lambda site: -space.sites[site].elements)
    count = max(FEWEST_TELLING, round(TELLING_ROOTS * math.sqrt(len(by_size))))
    spaced = np.linspace(0, len(by_size) - 1, min(count, len(by_size))).round().astype(int)
    chosen = {by_size[place] for place in spaced}
    known = {option_key(option) for site in chosen for option in space.options[site]}
    for site in by_size:
        alike = all(
            techniques[option.technique].by_channel and techniques[option.technique].by_weights
            for option in space.options[site]
        )
        keys = {option_key(option) for option in space.options[site]}
        if not (alike and keys <= known):
            chosen.add(site)
            known |= keys
    return sorted(by_size, key=lambda site: site not in chosen), len(chosen)
