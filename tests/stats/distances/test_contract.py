"""What every distance promises, whatever it measures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.distances import DISTANCES, default_distance, output_distance
from zoo_compress.stats.u_statistics import mean_and_variance, pair_mean_and_variance

PER_SAMPLE = [name for name in DISTANCES if name != "relational"]
BOUNDED = ["total-variation", "cosine"]
SHAPES = [(1, 5), (1, 3, 5), (1, 5, 2, 3), (5,)]
seeds = st.integers(0, 2**16)


def draw(shape, n: int = 6, seed: int = 0, dtype=np.float32) -> list[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(shape).astype(dtype),) for _ in range(n)]


def test_the_distances_have_these_names():
    assert DISTANCES == ("squared-l2", "total-variation", "kl", "cosine", "relational")


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_carries_the_name_it_was_made_by(name):
    distance = output_distance(name, draw((1, 5)))
    assert distance.name == name
    assert distance.noun
    assert distance.degree == (2 if name == "relational" else 1)
    assert distance.bounded == (name in BOUNDED)
    assert distance.power == (2 if name == "total-variation" else 1)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no distance 'l1', only squared-l2, total-variation"):
        output_distance("l1", draw((1, 5)))


@pytest.mark.parametrize(
    ("task", "name"),
    [("classification", "squared-l2"), ("embedding", "cosine"), ("other", "squared-l2")],
)
def test_each_task_has_a_default_distance(task, name):
    assert default_distance(task) == name


def test_divisors_reach_the_squared_distance_and_no_other():
    reference, outputs = draw((1, 5)), draw((1, 5), seed=1)
    for name in DISTANCES:
        plain = output_distance(name, reference)(outputs, range(6))
        divided = output_distance(name, reference, divisors=[4.0])(outputs, range(6))
        np.testing.assert_allclose(divided, plain / (4 if name == "squared-l2" else 1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DISTANCES)
def test_equal_outputs_have_distance_zero(name, shape):
    reference = draw(shape)
    distance = output_distance(name, reference)
    np.testing.assert_array_equal(distance(reference, range(6)), np.zeros(6))
    assert distance.estimate(reference, range(6)) == (0.0, 0.0)
    assert distance.relative(0.0) == 0.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", DISTANCES)
@given(seed=seeds)
def test_different_outputs_have_positive_distances(name, shape, seed):
    reference, outputs = draw(shape, seed=seed), draw(shape, seed=seed + 1)
    values = output_distance(name, reference)(outputs, range(6))
    assert values.shape == (6,)
    assert values.dtype == np.float64
    assert ((values > 0) & np.isfinite(values)).all()


@pytest.mark.parametrize("name", BOUNDED)
@given(seed=seeds, scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e3, 1e30]))
def test_bounded_distances_stay_between_zero_and_one(name, seed, scale):
    reference = [(scale * out,) for (out,) in draw((1, 3, 5), seed=seed)]
    outputs = [(-scale * out,) for (out,) in draw((1, 3, 5), seed=seed // 2)]
    distance = output_distance(name, reference)
    values = distance(outputs, range(6))
    assert ((values >= 0) & (values <= 1)).all()
    assert distance.scale == 1.0
    assert distance.relative(0.25) == 0.25


@pytest.mark.parametrize("name", PER_SAMPLE)
@given(seed=seeds)
def test_the_estimate_is_the_mean_of_the_values_and_its_variance(name, seed):
    reference, outputs = draw((1, 5), seed=seed), draw((1, 5), seed=seed + 1)
    distance = output_distance(name, reference)
    values = distance(outputs, range(6))
    assert distance.estimate(outputs, range(6)) == mean_and_variance(values)
    assert distance.estimate(outputs, range(6))[0] == pytest.approx(values.mean())


def test_the_estimate_over_pairs_is_the_mean_of_the_values_too():
    reference, outputs = draw((1, 5), n=9), draw((1, 5), n=9, seed=1)
    distance = output_distance("relational", reference)
    mean, variance = distance.estimate(outputs, range(9))
    assert mean == pytest.approx(distance(outputs, range(9)).mean())
    assert (mean, variance) == pair_mean_and_variance(distance.kernel(outputs, range(9)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_value_against_a_given_reference_is_the_value_against_the_kept_one(name, shape):
    reference, outputs = draw(shape), draw(shape, seed=1)
    distance = output_distance(name, reference)
    pairs = zip(reference, outputs, strict=True)
    assert [distance.between(*pair) for pair in pairs] == list(distance(outputs, range(6)))


@pytest.mark.parametrize("name", DISTANCES)
def test_the_indices_say_which_sample_is_meant(name):
    reference = draw((1, 5))
    distance = output_distance(name, reference)
    chosen = [reference[5], reference[2], reference[0]]
    np.testing.assert_array_equal(distance(chosen, [5, 2, 0]), np.zeros(3))
    assert (distance(chosen, [2, 5, 1]) > 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", PER_SAMPLE)
def test_an_output_that_is_not_finite_is_infinitely_far(name, bad):
    reference = draw((1, 3, 5))
    broken = reference[1][0].copy()
    broken[0, 2, 3] = bad
    distance = output_distance(name, reference)
    outputs = [reference[0], (broken,)]
    np.testing.assert_array_equal(distance(outputs, [0, 1]), [0, np.inf])
    assert distance.between(reference[1], (broken,)) == math.inf
    assert distance.estimate(outputs, [0, 1]) == (math.inf, math.inf)


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_second_output_that_is_not_finite_counts_too(name):
    reference = [(*a, *b) for a, b in zip(draw((1, 5)), draw((1, 2), seed=1), strict=True)]
    outputs = [(first, np.full((1, 2), np.nan, np.float32)) for first, _ in reference]
    values = output_distance(name, reference)(outputs, range(6))
    np.testing.assert_array_equal(values, np.full(6, np.inf))


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_an_output_of_another_shape_is_infinitely_far(name):
    distance = output_distance(name, draw((1, 3, 5)))
    assert distance(draw((1, 4, 5), n=1), [0])[0] == math.inf


@pytest.mark.parametrize("name", DISTANCES)
def test_integer_outputs_do_not_count(name):
    reference = [(np.array([3]), *rest) for rest in draw((1, 5))]
    outputs = [(np.array([9]), *rest) for rest in draw((1, 5))]
    values = output_distance(name, reference)(outputs, range(6))
    np.testing.assert_array_equal(values, np.zeros(6))


@pytest.mark.parametrize("name", DISTANCES)
def test_integer_outputs_alone_are_refused(name):
    with pytest.raises(ValueError, match="none of the model's outputs is of a floating-point"):
        output_distance(name, [(np.array([3]),)] * 2)


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_no_sample_is_refused(name):
    with pytest.raises(ValueError, match="at least one reference sample"):
        output_distance(name, [])


@pytest.mark.parametrize("name", DISTANCES)
def test_sequences_may_differ_in_length_from_sample_to_sample(name):
    reference, outputs = (
        [draw((1, t, 5), n=1, seed=seed + t)[0] for t in (1, 2, 4)] for seed in (0, 9)
    )
    values = output_distance(name, reference)(outputs, range(3))
    assert ((values > 0) & np.isfinite(values)).all()


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_a_sequence_without_positions_equals_itself(name):
    reference = [(np.zeros((1, 0, 5), np.float32),), *draw((1, 2, 5), n=2)]
    values = output_distance(name, reference)(reference, range(3))
    np.testing.assert_array_equal(values, np.zeros(3))


@pytest.mark.parametrize("name", PER_SAMPLE)
def test_independent_small_changes_add_up_in_the_stated_power(name):
    # 4,000 samples; the relative standard error of each mean is below 0.02, and what two
    # changes of 1e-3 have in common is of a higher order.
    rng = np.random.default_rng(6)
    n = 4000
    logits = [(rng.standard_normal((1, 20)),) for _ in range(n)]
    distance = output_distance(name, logits)

    def mean_after(*changes) -> float:
        moved = [(out + sum(c[i] for c in changes),) for i, (out,) in enumerate(logits)]
        return float(distance(moved, range(n)).mean()) ** distance.power

    first, second = (1e-3 * size * rng.standard_normal((n, 1, 20)) for size in (1, 2))
    together = mean_after(first, second)
    assert together == pytest.approx(mean_after(first) + mean_after(second), rel=0.06)
