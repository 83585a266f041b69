"""What the search is compared with: one option for every site."""

from __future__ import annotations

import numpy as np

from zoo_compress.core import Option
from zoo_compress.search.space import SearchSpace, Theta


def largest_uniform_plan(space: SearchSpace, limit_bytes: int) -> tuple[Option, Theta] | None:
    """Return the plan that stores sites in one and the same way and takes the most of a budget.

    Sites that do not have the option stay as they are. None if no single option fits.

    Args:
        space: The space.
        limit_bytes: The most bytes that the whole model may take.
    """
    found = [(option, _everywhere(space, option)) for option in _kinds(space)]
    sized = [(space.stored_bytes(theta), option, theta) for option, theta in found]
    fitting = [entry for entry in sized if entry[0] <= limit_bytes]
    if not fitting:
        return None
    _, option, theta = max(fitting, key=lambda entry: entry[0])
    return option, theta


def _kinds(space: SearchSpace) -> list[Option]:
    """Return one example of each way to store a site."""
    every = (option for options in space.options for option in options)
    return list({option.label: option for option in every}.values())


def _everywhere(space: SearchSpace, wanted: Option) -> Theta:
    levels = [
        next((i for i, option in enumerate(options, 1) if option.label == wanted.label), 0)
        for options in space.options
    ]
    return np.array(levels, np.int64)
