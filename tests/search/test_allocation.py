import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.allocation import Path, allocate, hull


def path(saved: list[float], error: list[float]) -> Path:
    return Path(saved=np.cumsum(saved, dtype=float), error=np.cumsum(error, dtype=float))


def test_the_cheapest_bytes_go_first() -> None:
    cheap, dear = path([10, 10, 10], [1, 2, 9]), path([10, 10], [3, 4])
    assert [allocate([cheap, dear], w) for w in (0, 10, 20, 30, 40, 50, 99)] == [
        [0, 0],
        [1, 0],
        [2, 0],
        [2, 1],
        [2, 2],
        [3, 2],
        [3, 2],
    ]


def test_an_expensive_step_is_taken_with_the_cheap_ones_behind_it() -> None:
    later = path([10, 10, 10], [5, 0, 0])
    other = path([10, 10, 10], [2, 2, 2])
    assert allocate([later, other], 30) == [3, 0]


def test_no_more_is_saved_than_what_is_wanted() -> None:
    assert allocate([path([10, 10], [1, 1])], 19.9) == [1]


@given(
    st.lists(
        st.lists(st.integers(1, 9), min_size=1, max_size=3).flatmap(
            lambda costs: st.just(sorted(costs))
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 9),
)
def test_convex_paths_of_equal_steps_are_shared_best(costs: list[list[int]], steps: int) -> None:
    paths = [path([1] * len(errors), errors) for errors in costs]
    found = allocate(paths, steps)
    taken = sum(found)
    assert taken == min(steps, sum(map(len, costs)))
    spent = sum(sum(errors[:n]) for errors, n in zip(costs, found, strict=True))
    choices = itertools.product(*(range(len(errors) + 1) for errors in costs))
    best = min(
        sum(sum(errors[:n]) for errors, n in zip(costs, choice, strict=True))
        for choice in choices
        if sum(choice) == taken
    )
    assert spent == best


@pytest.mark.parametrize(
    ("y", "corners"),
    [([0, 1, 2], [0, 2]), ([0, 5, 2, 9], [0, 2, 3]), ([0, 1, 4, 9], [0, 1, 2, 3]), ([0], [0])],
)
def test_the_corners_of_the_lower_hull_are_found(y: list[float], corners: list[int]) -> None:
    assert hull(np.arange(len(y), dtype=float), np.array(y, dtype=float)) == corners
