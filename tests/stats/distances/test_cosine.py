from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.distances.cosine import Cosine

EAST, NORTH, ZERO = np.array([1.0, 0.0]), np.array([0.0, 3.0]), np.zeros(2)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return Cosine([(a,)]).between((a,), (b,))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(EAST, 5 * EAST, 0), (EAST, NORTH, 0.5), (EAST, -EAST, 1), (EAST, EAST + NORTH / 3, 0.1464)],
)
def test_known_angles(a, b, expected):
    assert distance(a[None], b[None]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("a", "b", "expected"), [(ZERO, ZERO, 0), (ZERO, EAST, 0.5)])
def test_a_zero_vector_equals_itself_and_is_orthogonal_to_all_others(a, b, expected):
    assert distance(a[None], b[None]) == distance(b[None], a[None]) == expected


@given(seed=st.integers(0, 2**16), scale=st.sampled_from([1e-200, 1e-5, 1e5, 1e200]))
def test_the_length_of_a_vector_does_not_matter(seed, scale):
    a, b = np.random.default_rng(seed).standard_normal((2, 1, 4))
    assert distance(a, scale * b) == pytest.approx(distance(a, b), rel=1e-9)


@given(seed=st.integers(0, 2**16))
def test_it_is_half_of_one_minus_the_cosine(seed):
    a, b = np.random.default_rng(seed).standard_normal((2, 1, 7))
    cosine = (a @ b.T).item() / np.linalg.norm(a) / np.linalg.norm(b)
    assert distance(a, b) == pytest.approx((1 - cosine) / 2, abs=1e-12)


def test_a_tiny_angle_keeps_its_digits():
    # 1 - cos of 1e-9 is 5e-19, less than the spacing of numbers at 1.
    assert distance(EAST[None], np.array([[1.0, 1e-9]])) == pytest.approx(2.5e-19)


def test_positions_are_averaged_then_outputs():
    sequence = np.stack([EAST, EAST, EAST])[None]
    turned = np.stack([EAST, NORTH, -EAST])[None]
    reference, outputs = (sequence, EAST[None]), (turned, EAST[None])
    assert Cosine([reference]).between(reference, outputs) == pytest.approx((1.5 / 3 + 0) / 2)


def test_the_vectors_of_a_map_are_its_channels():
    maps = np.random.default_rng(0).standard_normal((1, 3, 4, 5))
    other = np.random.default_rng(1).standard_normal((1, 3, 4, 5))
    as_sequences = [np.moveaxis(a, 1, -1).reshape(1, 20, 3) for a in (maps, other)]
    assert distance(maps, other) == pytest.approx(distance(*as_sequences))


@pytest.mark.parametrize("shape", [(), (1, 1), (1, 6, 1), (1, 1, 6, 6)])
def test_single_numbers_have_no_direction(shape):
    with pytest.raises(ValueError, match=r"a number has no direction to compare \(output shapes"):
        Cosine([(np.zeros(shape),)])
