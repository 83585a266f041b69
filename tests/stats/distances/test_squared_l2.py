from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.distances.squared_l2 import SquaredL2

SHAPES = {"vector": (1, 6), "sequence": (1, 4, 6), "map": (1, 2, 3, 5), "volume": (1, 2, 3, 4, 5)}
POSITIONS = {"vector": 1, "sequence": 4, "map": 15, "volume": 24}


def draw(shape, n: int = 8, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(shape).astype(np.float32),) for _ in range(n)]


@pytest.mark.parametrize("kind", SHAPES)
def test_a_distance_is_the_squared_norm_over_the_positions(kind):
    reference, outputs = draw(SHAPES[kind]), draw(SHAPES[kind], seed=1)
    found = SquaredL2(reference)(outputs, range(8))
    expected = [
        np.square(out.astype(np.float64) - ref).sum() / POSITIONS[kind]
        for (out,), (ref,) in zip(outputs, reference, strict=True)
    ]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", SHAPES)
def test_the_variance_is_the_distance_of_answering_the_mean(kind):
    reference = [(out.astype(np.float64),) for (out,) in draw(SHAPES[kind])]
    distance = SquaredL2(reference)
    mean = np.mean([out for (out,) in reference], axis=0)
    found = distance([(mean,)] * 8, range(8)).mean()
    assert distance.scale == pytest.approx(found, rel=1e-12)
    assert distance.relative(found) == pytest.approx(1.0)


def test_the_indices_say_which_sample_is_meant():
    reference = draw((1, 6))
    outputs = [reference[5], reference[2]]
    np.testing.assert_array_equal(SquaredL2(reference)(outputs, [5, 2]), [0, 0])
    assert (SquaredL2(reference)(outputs, [2, 5]) > 0).all()


def test_several_outputs_are_divided_by_their_variance_and_averaged():
    small, large = draw((1, 6)), draw((1, 4, 6), seed=1)
    reference = [(a, 100 * b) for (a,), (b,) in zip(small, large, strict=True)]
    outputs = [(a + 1, 100 * b + 3) for (a,), (b,) in zip(small, large, strict=True)]
    first, second = (
        SquaredL2([(a,) for a, _ in reference]),
        SquaredL2([(b,) for _, b in reference]),
    )
    expected = np.mean(
        [
            first([(a,) for a, _ in outputs], range(8)) / first.scale,
            second([(b,) for _, b in outputs], range(8)) / second.scale,
        ],
        axis=0,
    )
    both = SquaredL2(reference)
    np.testing.assert_allclose(both(outputs, range(8)), expected, rtol=1e-12)
    assert both.scale == pytest.approx(1.0)


def test_an_output_that_never_varies_counts_undivided_beside_another():
    reference = [(a, np.ones((1, 2), np.float32)) for (a,) in draw((1, 6))]
    moved = [(a, b + 1) for a, b in reference]
    np.testing.assert_allclose(SquaredL2(reference)(moved, range(8)), np.ones(8))


def test_integer_outputs_do_not_count():
    reference = [(np.array([3]), *rest) for rest in draw((1, 6))]
    outputs = [(np.array([9]), *rest) for rest in draw((1, 6))]
    np.testing.assert_array_equal(SquaredL2(reference)(outputs, range(8)), np.zeros(8))


def test_integer_outputs_alone_are_refused():
    with pytest.raises(ValueError, match="none of the model's outputs is of a floating-point"):
        SquaredL2([(np.array([3]),)])


def test_no_sample_is_refused():
    with pytest.raises(ValueError, match="at least one reference sample"):
        SquaredL2([])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_not_finite_is_infinitely_far(bad):
    reference = draw((1, 6), n=2)
    broken = reference[1][0].copy()
    broken[0, 3] = bad
    distance = SquaredL2(reference)
    np.testing.assert_array_equal(distance([reference[0], (broken,)], [0, 1]), [0, np.inf])
    assert np.isinf(distance.difference([(broken,)], [1])).all()


def test_an_output_of_another_shape_is_infinitely_far():
    distance = SquaredL2(draw((1, 4, 6)))
    assert distance(draw((1, 3, 6), n=1), [0])[0] == math.inf


def test_sequences_of_different_lengths_are_each_divided_by_their_own():
    lengths = (2, 5, 3)
    reference = [draw((1, t, 6), n=1, seed=t)[0] for t in lengths]
    shifted = [(out + 2,) for (out,) in reference]
    distance = SquaredL2(reference)
    np.testing.assert_allclose(distance(shifted, range(3)), np.full(3, 4 * 6), rtol=1e-6)
    rows = np.concatenate([out[0] for (out,) in reference]).astype(np.float64)
    mean = rows.mean(axis=0)
    expected = np.mean([np.square(out[0] - mean).sum() / out.shape[1] for (out,) in reference])
    assert distance.scale == pytest.approx(expected, rel=1e-6)


def test_maps_of_different_sizes_have_one_mean_per_channel():
    rng = np.random.default_rng(4)
    offsets = np.array([10.0, -10.0]).reshape(1, 2, 1, 1)
    reference = [
        (offsets + rng.standard_normal((1, 2, h, w)),) for h, w in ((3, 5), (9, 4), (6, 6))
    ]
    assert SquaredL2(reference).scale == pytest.approx(2.0, rel=0.3)


def test_vectors_of_different_lengths_share_one_mean():
    reference = [(np.array([1.0, 3.0]),), (np.array([1.0, 3.0, 2.0]),)]
    assert SquaredL2(reference).scale == pytest.approx(2.0)


def test_constant_outputs_make_every_error_infinite_in_relation():
    distance = SquaredL2([(np.ones((1, 3)),)] * 4)
    assert distance.scale == 0.0
    assert distance.relative(0.0) == 0.0
    assert distance.relative(1e-9) == math.inf


@given(seed=st.integers(0, 2**16), outputs=st.integers(1, 3), ragged=st.booleans())
def test_differences_have_the_distances_as_squared_norms(seed, outputs, ragged):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 6, 5) if ragged else np.full(5, 3)
    reference, candidate = (
        [
            tuple(rng.standard_normal((1, t, 2)).astype(np.float32) for _ in range(outputs))
            for t in lengths
        ]
        for _ in range(2)
    )
    distance = SquaredL2(reference)
    rows = distance.difference(candidate, range(5))
    assert rows.shape == (5, outputs * 2 * lengths.max())
    np.testing.assert_allclose(
        np.square(rows).sum(axis=1), distance(candidate, range(5)), rtol=1e-12
    )


def test_gram_matrices_of_differences_add_up():
    reference = draw((1, 6))
    moved = [[(out + shift,) for (out,) in reference] for shift in (0.5, 1.5, 2.0)]
    distance = SquaredL2(reference)
    half, more, both = (distance.difference(outputs, range(8)) for outputs in moved)
    np.testing.assert_allclose(half + more, both, rtol=1e-6)


def test_half_precision_outputs_are_subtracted_in_double_precision():
    distance = SquaredL2([(np.array([[60000.0, 1.0]], np.float16),)])
    found = distance([(np.array([[-60000.0, 1.0]], np.float16),)], [0])
    assert found[0] == pytest.approx(1.2e5**2, rel=1e-3)


@given(seed=st.integers(0, 2**16), divisor=st.floats(0.1, 10))
def test_a_reference_that_is_given_is_normalised_as_the_kept_ones(seed, divisor):
    reference, outputs = draw((1, 4, 6), n=3, seed=seed), draw((1, 4, 6), n=3, seed=seed + 1)
    distance = SquaredL2(reference, divisors=[divisor])
    other = SquaredL2(draw((1, 4, 6), n=5, seed=seed + 2), divisors=[divisor])
    values = distance(outputs, range(3))
    pairs = zip(reference, outputs, strict=True)
    assert [other.between(*pair) for pair in pairs] == list(values)


def test_a_broken_sample_shorter_than_others_is_a_whole_row_of_infinities():
    reference = [draw((1, t, 6), n=1, seed=t)[0] for t in (2, 5)]
    rows = SquaredL2(reference).difference([(np.full((1, 2, 6), np.nan),), reference[1]], [0, 1])
    assert np.isinf(rows[0]).all()
    assert not rows[1].any()


@pytest.mark.parametrize("shapes", [[(1, 7)], [(1, 3, 5)], [(1, 2, 4, 6), (1, 9)]])
def test_sums_of_squares_that_were_made_elsewhere_give_the_distances(shapes):
    rng = np.random.default_rng(4)

    def samples() -> list[tuple[np.ndarray, ...]]:
        return [tuple(rng.standard_normal(shape) for shape in shapes) for _ in range(5)]

    reference, outputs = samples(), samples()
    distance, order = SquaredL2(reference), [3, 0, 4]
    chosen = [outputs[index] for index in order]
    squares = [
        [np.square(one - two).sum() for one, two in zip(outputs[i], reference[i], strict=True)]
        for i in order
    ]
    found = distance.of_squares(np.array(squares), order)
    np.testing.assert_allclose(found, distance(chosen, order), rtol=1e-12)
    squares[1][0] = np.inf
    assert distance.of_squares(np.array(squares), order).tolist() == [found[0], np.inf, found[2]]
